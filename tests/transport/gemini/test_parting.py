"""What comes over the connection to Gemini, in pieces of any size: every message once and in order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from transport.gemini import fast
from transport.gemini.fast import CapturedConnection


class Pipe(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Ends:
    """Both ends of a connection: ours, and a server that is not there but for its bytes."""

    def __init__(self, *, behind_the_answer: bytes = b"") -> None:
        self.server = ServerProtocol()
        self.pipe = Pipe()
        self.ours = CapturedConnection(ClientProtocol(parse_uri("ws://localhost/")), close_timeout=0.01)
        self.log: list[tuple[str, bytes]] = []
        self._behind = behind_the_answer

    async def open(self) -> None:
        self.ours.connection_made(self.pipe)
        shaking = asyncio.create_task(self.ours.handshake())
        await asyncio.sleep(0)
        (request,) = self.received()
        self.server.send_response(self.server.accept(request))
        self.ours.data_received(self.bytes_of_server() + self._behind)
        await shaking

    def received(self) -> list[Any]:
        """What we have sent, as the server reads it."""
        self.server.receive_data(bytes(self.pipe.written))
        self.pipe.written.clear()
        return list(self.server.events_received())

    def bytes_of_server(self) -> bytes:
        return b"".join(self.server.data_to_send())

    def take(self, message: bytes) -> bool:
        """Takes what is sound."""
        if message.startswith(b"sound"):
            self.log.append(("heard", message))
            return True
        return False

    async def read(self) -> None:
        self.ours.hear(self.take)
        while True:
            message = await self.ours.recv(decode=False)
            await asyncio.sleep(0)  # what is read may take its time
            self.log.append(("read", message))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


SOUND = st.binary(max_size=300).map(lambda rest: b"sound" + rest)
WORDS = st.binary(max_size=300).map(lambda rest: b"words" + rest)
KINDS = st.sampled_from(["text", "binary", "in pieces", "with a ping between", "after a ping"])


@given(
    messages=st.lists(st.tuples(KINDS, st.one_of(SOUND, WORDS)), max_size=8),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    yields=st.lists(st.booleans(), max_size=12),
    long=st.booleans(),
)
def test_every_message_once_and_in_order(
    messages: list[tuple[str, bytes]], cuts: list[int], yields: list[bool], long: bool
) -> None:
    if long:
        messages = [(kind, message * 300) for kind, message in messages]

    async def test() -> None:
        ends = Ends()
        await ends.open()
        for kind, message in messages:
            if kind == "text":
                ends.server.send_text(message)
            elif kind == "binary":
                ends.server.send_binary(message)
            elif kind == "in pieces":
                ends.server.send_binary(message[:3], fin=False)
                ends.server.send_continuation(message[3:], fin=True)
            elif kind == "with a ping between":
                ends.server.send_binary(message[:3], fin=False)
                ends.server.send_ping(b"p")
                ends.server.send_continuation(message[3:], fin=True)
            else:
                ends.server.send_ping(b"p")
                ends.server.send_binary(message)
        stream = ends.bytes_of_server()
        reading = asyncio.create_task(ends.read())
        await asyncio.sleep(0)
        edges = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
        for at, (begin, end) in enumerate(itertools.pairwise(edges)):
            ends.ours.data_received(stream[begin:end])
            if at < len(yields) and yields[at]:
                await asyncio.sleep(0)
        for _ in range(4 * len(messages) + 4):
            await asyncio.sleep(0)
        reading.cancel()
        assert [message for _, message in ends.log] == [message for _, message in messages]
        assert all(message.startswith(b"sound") for how, message in ends.log if how == "heard")
        pongs = [event for event in ends.received() if event.opcode is Opcode.PONG]
        assert len(pongs) == sum("ping" in kind for kind, _ in messages)

    run(test)


async def test_sound_is_heard_the_moment_it_comes() -> None:
    ends = Ends()
    await ends.open()
    reading = asyncio.create_task(ends.read())
    await asyncio.sleep(0)
    ends.server.send_binary(b"sound 1")
    ends.server.send_binary(b"sound 2")
    ends.ours.data_received(ends.bytes_of_server())
    assert ends.log == [("heard", b"sound 1"), ("heard", b"sound 2")]
    reading.cancel()


async def test_sound_behind_what_is_still_to_be_read_waits_for_it() -> None:
    ends = Ends()
    await ends.open()
    reading = asyncio.create_task(ends.read())
    await asyncio.sleep(0)
    ends.server.send_binary(b"interrupted")
    ends.server.send_binary(b"sound")
    ends.ours.data_received(ends.bytes_of_server())
    assert ends.log == []
    for _ in range(6):
        await asyncio.sleep(0)
    assert [message for _, message in ends.log] == [b"interrupted", b"sound"]
    reading.cancel()


@pytest.mark.parametrize("behind", [Frame(Opcode.BINARY, b"sound 0").serialize(mask=False), b"\x82"])
async def test_what_comes_right_behind_the_handshake_is_not_lost(behind: bytes) -> None:
    ends = Ends(behind_the_answer=behind)
    await ends.open()
    reading = asyncio.create_task(ends.read())
    if len(behind) == 1:
        ends.ours.data_received(b"\x07sound 0")
    ends.server.send_binary(b"sound 1")
    ends.ours.data_received(ends.bytes_of_server())
    for _ in range(6):
        await asyncio.sleep(0)
    assert [message for _, message in ends.log] == [b"sound 0", b"sound 1"]
    reading.cancel()


async def test_a_frame_too_long_to_be_held_is_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_MOST_HELD", 1000)
    ends = Ends()
    await ends.open()
    reading = asyncio.create_task(ends.read())
    await asyncio.sleep(0)
    ends.server.send_binary(b"sound" * 400)
    ends.server.send_binary(b"sound")
    stream = ends.bytes_of_server()
    for at in range(0, len(stream), 300):
        ends.ours.data_received(stream[at : at + 300])
    for _ in range(8):
        await asyncio.sleep(0)
    assert [message for _, message in ends.log] == [b"sound" * 400, b"sound"]
    assert len(ends.ours._rest) == 0
    reading.cancel()


@pytest.mark.parametrize(
    "broken",
    [
        Frame(Opcode.BINARY, b"sound").serialize(mask=True),
        b"\xc2\x01x",  # a reserved bit
        b"\x83\x01x",  # an opcode that is none
        b"\x80\x01x",  # the end of what has not begun
        b"\x82\x7f" + b"\xff" * 8 + b"x" * 20,  # longer than anything may be
    ],
    ids=["masked", "reserved bit", "opcode", "continuation", "endless"],
)
async def test_what_breaks_the_protocol_ends_the_connection(broken: bytes) -> None:
    ends = Ends()
    await ends.open()
    reading = asyncio.create_task(ends.read())
    await asyncio.sleep(0)
    ends.ours.data_received(broken)
    ends.ours.data_received(b"y" * 100)
    ends.ours.connection_lost(None)
    with pytest.raises(ConnectionClosed) as raised:
        await reading
    assert raised.value.sent is not None and raised.value.sent.code in (1002, 1009)
    assert ends.log == []


@given(text=st.text(min_size=126, max_size=3000))
def test_what_is_sent_by_hand_is_a_message_of_text(text: str) -> None:
    message = text.encode()

    async def test() -> None:
        ends = Ends()
        await ends.open()
        assert ends.ours.send_now(message)
        assert ends.ours.send_now(message)
        assert [(event.opcode, bytes(event.data)) for event in ends.received()] == [
            (Opcode.TEXT, message)
        ] * 2

    run(test)


async def test_nothing_is_sent_by_hand_where_that_would_have_to_wait() -> None:
    ends = Ends()
    await ends.open()
    assert not ends.ours.send_now(b"x" * 125)
    assert not ends.ours.send_now(b"x" * 65536)
    ends.ours.pause_writing()
    assert not ends.ours.send_now(b"x" * 1000)
    ends.ours.resume_writing()
    ends.pipe.close()
    assert not ends.ours.send_now(b"x" * 1000)
    assert not ends.pipe.written
    ends.pipe.closing = False
    ends.server.send_close(1000)
    ends.ours.data_received(ends.bytes_of_server())
    ends.pipe.written.clear()  # our answer to that
    assert not ends.ours.send_now(b"x" * 1000)
    assert not ends.pipe.written
