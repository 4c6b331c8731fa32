"""The frequent frames of a conversation, audio up and down, by hand: the SDK takes four times as long for them.

All else is the SDK's: address, key, setup, other messages, closing. What makes it possible is that websockets lets
the class of a connection be chosen, and the SDK passes that choice on.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection

_BEFORE = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"'
_AFTER = b'"}}}'

_caught: ContextVar[list[CapturedConnection]] = ContextVar("caught")


class CapturedConnection(ClientConnection):
    """A connection that shows itself to whoever opens it `capturing`, and whose last frame can be read again."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._given_back: bytes | None = None
        if (caught := _caught.get(None)) is not None:
            caught.append(self)

    def give_back(self, frame: bytes) -> None:
        """Let `frame` be the next that is read."""
        self._given_back = frame

    async def recv(self, decode: bool | None = None) -> Any:
        """The next frame; bytes with `decode` False."""
        if self._given_back is not None:
            frame, self._given_back = self._given_back, None
            return frame
        return await super().recv(decode)


@contextmanager
def capturing() -> Iterator[list[CapturedConnection]]:
    """Catch the connections that are opened inside."""
    caught: list[CapturedConnection] = []
    token = _caught.set(caught)
    try:
        yield caught
    finally:
        _caught.reset(token)


def audio_frame(pcm: bytes) -> bytes:
    """The message that sends PCM16 LE mono at 16 kHz."""
    return _BEFORE + base64.b64encode(pcm) + _AFTER


def audio_in(frame: bytes) -> list[bytes] | None:
    """The sound in a message that carries nothing else; None for any other message, and for what is none."""
    try:
        message = orjson.loads(frame)
        content = message["serverContent"]
        turn = content["modelTurn"]
        if len(message) != 1 or len(content) != 1 or not turn.keys() <= {"role", "parts"}:
            return None
        return [_sound(part) for part in turn["parts"]]
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None


def _sound(part: Any) -> bytes:
    blob = part["inlineData"]
    if len(part) != 1 or blob.keys() != {"mimeType", "data"} or not blob["mimeType"].startswith("audio/"):
        raise ValueError
    sound = base64.b64decode(blob["data"], validate=True)
    if not sound:
        raise ValueError
    return sound
