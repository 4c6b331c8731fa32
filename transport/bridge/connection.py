"""One WebSocket of a bridge, whatever its dialect: its frames read in time and within limits, and its close."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

import aiohttp
import orjson
from aiohttp import web

from engine.ports import Clock
from transport.bridge.allowance import Allowance
from transport.bridge.line import BridgeLine, Pace
from transport.bridge.metadata import CallMetadata
from transport.bridge.prompt_acks import prompt_acks
from transport.clock import within
from transport.errors import BridgeError, MetadataError
from transport.settings import BridgeSettings

T = TypeVar("T")

_MEANT = (0, aiohttp.WSCloseCode.OK)  # 0: the closing frame names no code


class Connection(ABC):
    """What all dialects share. A dialect says how a call is described, what a frame means, and how to speak.

    It raises BridgeError for what breaks it; the messages never hold what the frame held.
    """

    protocols: ClassVar[tuple[str, ...]] = ()
    """WebSocket subprotocols that are echoed when asked for."""

    def __init__(self, request: web.Request, clock: Clock, settings: BridgeSettings) -> None:
        self.settings = settings
        self._request = request
        self._clock = clock
        self._heard_at = clock.monotonic()
        self._allowance = Allowance(
            self._heard_at, frames_per_s=settings.max_frames_per_s, bytes_per_s=settings.max_bytes_per_s
        )
        self._closing: asyncio.Task[None] | None = None
        self.socket = web.WebSocketResponse(
            protocols=self.protocols,
            max_msg_size=settings.max_message_bytes,
            compress=False,
            timeout=settings.close_timeout_s,
        )

    # --- the dialect ---------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def pace(self) -> Pace:
        """How this bridge wants to be played to."""

    @abstractmethod
    def describe(self, text: str) -> CallMetadata | None:
        """The call that a text frame describes, or None when another frame will. Raises BridgeError."""

    @abstractmethod
    def take_text(self, text: str, line: BridgeLine) -> bool:
        """Tell `line` what a text frame means; whether the call goes on. Raises BridgeError."""

    @abstractmethod
    def take_binary(self, data: bytes, line: BridgeLine) -> bool:
        """Tell `line` what a binary frame means; whether the call goes on. Raises BridgeError."""

    @abstractmethod
    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at the rate of `pace`."""

    @abstractmethod
    async def kill_audio(self) -> None:
        """Drop what the bridge has not played yet."""

    async def send_mark(self, name: str) -> None:
        """Ask to be told when all that was sent before has been played. Only where `pace` has marks."""
        raise NotImplementedError

    transfers: ClassVar[bool] = False
    """Whether the dialect has a word to hand the phone call to another number."""

    async def transfer(self, number: str) -> None:
        """Hand the phone call to `number` (E.164). Only where it `transfers`."""
        raise NotImplementedError

    @abstractmethod
    async def disconnect(self) -> None:
        """End the phone call, where closing the WebSocket alone would not."""

    # --- what all share ------------------------------------------------------------------------------------

    async def metadata(self) -> CallMetadata:
        """The call, from the first frames. Raises BridgeError when they do not describe one in time."""
        limit = self.settings.metadata_timeout_s
        try:
            return await within(limit, self._clock, self._described())
        except TimeoutError:
            raise MetadataError(f"no metadata within {limit:g} s", code=1008) from None

    async def read(self, line: BridgeLine) -> bool:
        """Hand every frame to `line` until there are no more; whether the bridge has ended the call.

        It has with the dialect's own word for it, or by closing as one does who is done. Else the connection is
        lost, and the call may go on over another. Raises BridgeError for a broken dialect.
        """
        self._heard_at = self._clock.monotonic()
        reading = asyncio.ensure_future(self._read_frames(line))
        watching = asyncio.ensure_future(self._silent_too_long())
        try:
            done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what it raised
            return await reading
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)

    async def say(self, command: dict[str, Any]) -> None:
        """Send a command as JSON; a bridge that is gone is left to the reader to notice."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            if not self.socket.closed:
                await self.socket.send_str(orjson.dumps(command).decode())

    async def close(self, code: int, message: str = "") -> None:
        """Close the WebSocket, by force when the bridge does not answer; only the first code counts."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, message), name="closing a bridge")
        await asyncio.shield(self._closing)

    # --- inside --------------------------------------------------------------------------------------------

    async def _close(self, code: int, message: str) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(2 * self.settings.close_timeout_s):
                await self.socket.close(code=code, message=message.encode()[:120])
                return
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _described(self) -> CallMetadata:
        while True:
            frame = self._counted(await self.socket.receive())
            if frame.type is aiohttp.WSMsgType.TEXT:
                metadata = self.describe(frame.data)
                if metadata is not None:
                    return metadata
                continue
            self._check(frame)
            if frame.type is aiohttp.WSMsgType.BINARY:
                raise MetadataError("audio came before the metadata", code=1008)
            raise MetadataError("the connection was closed before the metadata", code=1000)

    def _counted(self, frame: aiohttp.WSMessage) -> aiohttp.WSMessage:
        """`frame`, which has just come. Raises BridgeError when the bridge sends more than it may."""
        self._heard_at = self._clock.monotonic()
        if frame.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            self._allowance.spend(len(frame.data), self._heard_at)
        return frame

    async def _read_frames(self, line: BridgeLine) -> bool:
        with prompt_acks(self._request.transport) as acknowledge:
            while True:
                frame = self._counted(await self.socket.receive())
                acknowledge()
                if frame.type is aiohttp.WSMsgType.BINARY:
                    goes_on = self.take_binary(frame.data, line)
                elif frame.type is aiohttp.WSMsgType.TEXT:
                    goes_on = self.take_text(frame.data, line)
                else:
                    self._check(frame)
                    return frame.type is aiohttp.WSMsgType.CLOSE and frame.data in _MEANT
                if not goes_on:
                    return True

    def _check(self, frame: aiohttp.WSMessage) -> None:
        """Raises BridgeError for what is no frame; a connection that broke is none of the bridge's faults."""
        if frame.type is aiohttp.WSMsgType.ERROR and isinstance(frame.data, aiohttp.WebSocketError):
            error = frame.data
            if getattr(error, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                limit = self.settings.max_message_bytes
                raise BridgeError(f"a frame is larger than {limit} bytes", code=1009)
            raise BridgeError(f"broken WebSocket frame ({type(error).__name__})", code=1002)

    async def _silent_too_long(self) -> None:
        limit = self.settings.idle_timeout_s
        while (left := self._heard_at + limit - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        raise BridgeError(f"nothing came for {limit:g} s", code=1008)


# --- What several dialects write the same way ------------------------------------------------------------


def json_object(text: str) -> dict[str, Any]:
    """The JSON object `text`. Raises BridgeError."""
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BridgeError("a text frame is no JSON") from None
    if not isinstance(event, dict):
        raise BridgeError("a text frame is no JSON object")
    return event


def pressed(digit: object) -> str:
    """The key named by a dtmf event. Raises BridgeError."""
    if not isinstance(digit, str) or len(digit) != 1 or digit.upper() not in "0123456789*#ABCD":
        raise BridgeError("a dtmf event names no key")
    return digit.upper()


def whole_samples(pcm: bytes) -> bytes:
    """`pcm`, which must be 16-bit samples. Raises BridgeError."""
    if len(pcm) % 2:
        raise BridgeError(f"audio frame of odd length ({len(pcm)} bytes)")
    return pcm
