"""WebSockets as cheap as Python can have them, so that the traffic of the load bench is not what it measures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import cast

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

Taken = Callable[[int, bytes], None]


class Wire(asyncio.Protocol):
    """Frames of one WebSocket once it is open. `take` gets (opcode, payload); `gone` is told the end."""

    def __init__(self) -> None:
        self.take: Taken = lambda opcode, payload: None
        self.gone: Callable[[], None] = lambda: None
        self.open = False
        self._rest = b""
        self._parts: list[bytes] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        transport.set_write_buffer_limits(high=1 << 26)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = self._shake_hands(data) if not self.open else 0
        size = len(data)
        while self.open and size - at >= 2:
            first, second = data[at], data[at + 1]
            length, begin = second & 0x7F, at + 2
            if length == 126:
                length, begin = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, begin = int.from_bytes(data[at + 2 : at + 10]), at + 10
            masked = second & 0x80
            end = begin + length + (4 if masked else 0)
            if end > size:
                break
            payload = unmasked(data[begin:end]) if masked else data[begin:end]
            at = end
            self._frame(first, payload)
        self._rest = data[at:]

    def _frame(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if not first & 0x80 or not opcode:
            self._parts.append(payload)
            if not first & 0x80:
                return
            payload, opcode, self._parts = b"".join(self._parts), TEXT, []
        if opcode == CLOSE:
            self.transport.close()
        elif opcode != PONG:
            self.take(opcode, payload)

    def _shake_hands(self, data: bytes) -> int:
        """How much of `data` the handshake took; opens the socket."""
        raise NotImplementedError


def unmasked(data: bytes) -> bytes:
    """The payload of a client's frame: 4 bytes of mask, then what it hides."""
    size = len(data) - 4
    if not size:
        return b""
    mask = (data[:4] * (size // 4 + 1))[:size]
    return (int.from_bytes(data[4:]) ^ int.from_bytes(mask)).to_bytes(size)


def frame(opcode: int, payload: bytes, *, masked: bool = False) -> bytes:
    """One frame; a client's is masked with zeros, which changes nothing."""
    size, flag = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes([0x80 | opcode, flag | size])
    elif size < 1 << 16:
        head = bytes([0x80 | opcode, flag | 126]) + size.to_bytes(2)
    else:
        head = bytes([0x80 | opcode, flag | 127]) + size.to_bytes(8)
    return head + (bytes(4) if masked else b"") + payload


class Dialling(Wire):
    """The client's side. `opened` is called once the server has agreed; a refusal closes the connection."""

    def __init__(self, path: str, protocol: str, opened: Callable[[], None]) -> None:
        super().__init__()
        self._path, self._protocol, self._opened = path, protocol, opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self._protocol}\r\n\r\n".encode()
        )

    def _shake_hands(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            self.transport.abort()
            return len(data)
        self.open = True
        self._opened()
        return end + 4


class Answering(Wire):
    """The server's side: WebSockets are `opened`; any other request gets `answer` as JSON."""

    def __init__(self, opened: Callable[[Answering], None], answer: bytes) -> None:
        super().__init__()
        self._opened = opened
        self._answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
            + answer
        )

    def _shake_hands(self, data: bytes) -> int:
        at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in data[at:end].split(b"\r\n")[1:])
            }
            body = end + 4 + int(fields.get(b"content-length", b"0"))
            if body > len(data):
                break
            at = body
            if key := fields.get(b"sec-websocket-key"):
                accept = base64.b64encode(hashlib.sha1(key + _ACCEPT).digest())
                self.transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                )
                self.open = True
                self._opened(self)
                break
            self.transport.write(self._answer)
        return at
