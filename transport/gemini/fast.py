"""The frequent messages of a conversation, sound both ways and words, by hand: the SDK takes far longer for them.

All else is the SDK's: address, key, setup, other messages, closing. What makes it possible is that websockets lets
the class of a connection be chosen, and the SDK passes that choice on.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where it can be had
from websockets.protocol import State

from engine.ports import AssistantWords, CallerWords, ModelAudio, ModelEvent

_BEFORE = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"'
_AFTER = b'"}}}'

# How a frame begins (RFC 6455, 5.2).
_FINAL, _OPCODE, _FIRST_CONTROL = 0x80, 0x0F, 0x8
_WHOLE_MESSAGES = (0x81, 0x82)  # text and binary, in one piece
_MEDIUM = 126  # in place of the length, which follows in 2 bytes; 127: in 8
_LEAST_MEDIUM, _MOST_MEDIUM = 126, 0xFFFF
_MOST_HELD = 1 << 20  # bytes of a frame that has not come whole
_MEDIUM_HEAD = bytes([0x81, 0x80 | _MEDIUM])  # of a client's whole text message

_caught: ContextVar[list[CapturedConnection]] = ContextVar("caught")


class CapturedConnection(ClientConnection):
    """A connection that shows itself to whoever opens it `capturing`.

    Beside what it can do as one of websockets', it sends a message by hand, tells of messages the moment they come,
    and lets a message that was read be read again.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._given_back: bytes | None = None
        self._hear: Callable[[bytes], bool] | None = None
        self._parted = False  # what comes is parted into frames here
        self._rest = b""  # of the last frame, which has not come whole
        self._unread = 0  # messages that wait to be read, or are being read
        self._reading = False
        if (caught := _caught.get(None)) is not None:
            caught.append(self)

    def give_back(self, frame: bytes) -> None:
        """Let `frame` be the next that is read."""
        self._given_back = frame

    def hear(self, hear: Callable[[bytes], bool]) -> None:
        """From now on offer to `hear` each message as it comes, in order; one that it does not take is to be read."""
        self._hear = hear

    def send_now(self, text: bytes) -> bool:
        """Send UTF-8 `text`, of 126 to 65,535 bytes, if that needs no waiting; whether it was sent."""
        size = len(text)
        if (
            self.paused
            or self.protocol.state is not State.OPEN
            or self.send_in_progress is not None
            or self.transport.is_closing()
            or not _LEAST_MEDIUM <= size <= _MOST_MEDIUM
        ):
            return False
        mask = os.urandom(4)
        self.transport.write(_MEDIUM_HEAD + size.to_bytes(2) + mask + apply_mask(text, mask))
        return True

    async def recv(self, decode: bool | None = None) -> Any:
        """The next message; bytes with `decode` False."""
        if self._given_back is not None:
            frame, self._given_back = self._given_back, None
            return frame
        self._reading = True
        try:
            message = await super().recv(decode)
        finally:
            self._reading = False
        self._unread -= 1
        return message

    def data_received(self, data: bytes) -> None:
        """Part what comes into frames: whole messages are heard at once, all else is websockets' to deal with."""
        if not self._parted:
            opens = self.protocol.state is State.CONNECTING
            super().data_received(data)
            # Parting has to begin where a frame does: right after the answer that opens the connection.
            self._parted = opens and self.protocol.state is State.OPEN and _ends_head(data)
            return
        data, at = self._rest + data if self._rest else data, 0
        while (frame := _frame_at(data, at)) is not None:
            begin, end = frame
            if end > len(data):
                self._parted = end - begin <= _MOST_HELD
                break
            if not (data[at] in _WHOLE_MESSAGES and self._heard(data[begin:end])):
                self._unread += data[at] & _FINAL != 0 and data[at] & _OPCODE < _FIRST_CONTROL
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]
        if not self._parted:  # it is too long to be held here
            self._rest = b""
            super().data_received(data[at:])

    def _heard(self, message: bytes) -> bool:
        """Whether all before `message` was read, somebody waits for more, and it was taken."""
        return self._hear is not None and self._reading and not self._unread and self._hear(message)


@contextmanager
def capturing() -> Iterator[list[CapturedConnection]]:
    """Catch the connections that are opened inside."""
    caught: list[CapturedConnection] = []
    token = _caught.set(caught)
    try:
        yield caught
    finally:
        _caught.reset(token)


def _frame_at(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `at` begins and ends; None while its head has not come whole.

    A server's frame has no mask; one that has is as long as if it had none, and left to websockets to refuse.
    """
    if len(data) < at + 2:
        return None
    length = data[at + 1] & 0x7F
    if length < _MEDIUM:
        return at + 2, at + 2 + length
    begin = at + (4 if length == _MEDIUM else 10)
    if len(data) < begin:
        return None
    return begin, begin + int.from_bytes(data[at + 2 : begin])


def _ends_head(data: bytes) -> bool:
    """Whether `data`, of an answer by HTTP, ends with its head."""
    return data.find(b"\r\n\r\n") == len(data) - 4


def audio_frame(pcm: bytes) -> bytes:
    """The message that sends PCM16 LE mono at 16 kHz."""
    return _BEFORE + base64.b64encode(pcm) + _AFTER


def events_in(frame: bytes) -> list[ModelEvent] | None:
    """What a message says that carries nothing but sound, or nothing but words; None for any other message."""
    try:
        message = orjson.loads(frame)
        content = message["serverContent"]
        if len(message) != 1 or len(content) != 1:
            return None
        ((kind, said),) = content.items()
        if kind == "modelTurn":
            return _sounds(said)
        if kind in _WORDS and len(said) == 1 and isinstance(text := said["text"], str):
            return [_WORDS[kind](text)] if text else []
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        pass
    return None


_WORDS: dict[str, Callable[[str], ModelEvent]] = {
    "inputTranscription": CallerWords,
    "outputTranscription": AssistantWords,
}


def _sounds(turn: Any) -> list[ModelEvent]:
    if not turn.keys() <= {"role", "parts"}:
        raise ValueError
    return [ModelAudio(_sound(part)) for part in turn["parts"]]


def _sound(part: Any) -> bytes:
    blob = part["inlineData"]
    if len(part) != 1 or blob.keys() != {"mimeType", "data"} or not blob["mimeType"].startswith("audio/"):
        raise ValueError
    sound = base64.b64decode(blob["data"], validate=True)
    if not sound:
        raise ValueError
    return sound
