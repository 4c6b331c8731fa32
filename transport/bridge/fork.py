"""The mod_audio_fork dialect (drachtio / jambonz family): binary L16 both ways over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
import orjson
from aiohttp import web

from engine.faults import where
from engine.ports import Clock, Line
from transport.bridge.calls import ActiveCalls
from transport.bridge.line import BridgeLine
from transport.bridge.metadata import CallMetadata, read_metadata
from transport.errors import BridgeError, MetadataError
from transport.settings import BridgeSettings

log = logging.getLogger(__name__)

PROTOCOLS = ("audio.drachtio.org", "audio.jambonz.org")
Answer = Callable[[Line, CallMetadata], Awaitable[None]]
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class ForkBridge:
    """Answers mod_audio_fork: one WebSocket is one call, and what it does wrong ends that call only."""

    def __init__(self, answer: Answer, clock: Clock, settings: BridgeSettings) -> None:
        self._answer = answer
        self._clock = clock
        self._settings = settings

    async def handle(self, request: web.Request, calls: ActiveCalls) -> web.WebSocketResponse:
        """Run one call to its end; it joins `calls` once the bridge has said which call it is.

        A call outlives its connection: what was said before the hang-up is still understood.
        """
        connection = _Connection(request, self._clock, self._settings)
        await connection.socket.prepare(request)
        try:
            metadata = await connection.metadata()
        except BridgeError as error:
            log.warning("a bridge lost its call before it began: %s", error)
            await connection.close(error.code, str(error))
            return connection.socket
        call_id, rate = metadata.call_id, metadata.sample_rate
        log.info("call %s: connected, %s at %d Hz", call_id, metadata.direction, rate)
        line = BridgeLine(connection, self._clock, self._settings, call_id=call_id, rate=rate)
        call = asyncio.create_task(self._run(connection, line, metadata), name=f"call {call_id}")
        calls.add(call, line)
        await asyncio.shield(call)
        return connection.socket

    async def _run(self, connection: _Connection, line: BridgeLine, metadata: CallMetadata) -> None:
        call_id = metadata.call_id
        playout = asyncio.create_task(line.run_playout(), name=f"playout {call_id}")
        reader = asyncio.create_task(self._read(connection, line, call_id), name=f"bridge {call_id}")
        try:
            await self._answer(line, metadata)
        except BridgeError as error:
            log.warning("call %s: refused: %s", call_id, error)
        except Exception as error:
            log.error("call %s: ended by an error of ours: %s", call_id, where(error))
        finally:
            await line.hang_up()
            playout.cancel()
            reader.cancel()
            await asyncio.gather(playout, reader, return_exceptions=True)
            await connection.close(aiohttp.WSCloseCode.OK)
            log.info("call %s: over", call_id)

    async def _read(self, connection: _Connection, line: BridgeLine, call_id: str) -> None:
        """Pass on what the bridge sends until its call ends; what it does wrong ends it at once."""
        reason, code = "hangup", aiohttp.WSCloseCode.OK
        try:
            await connection.read(line)
        except BridgeError as error:
            reason, code = f"bridge error: {error}", aiohttp.WSCloseCode(error.code)
            log.warning("call %s: ended, the bridge broke its dialect: %s", call_id, error)
        except Exception as error:
            reason, code = f"bridge error: {type(error).__name__}", aiohttp.WSCloseCode.INTERNAL_ERROR
            log.error("call %s: ended, reading from the bridge failed: %s", call_id, where(error))
        finally:
            line.over(reason)
        await connection.close(code, reason)


class _Connection:
    """One WebSocket of mod_audio_fork: its frames read, its commands written."""

    def __init__(self, request: web.Request, clock: Clock, settings: BridgeSettings) -> None:
        self._request = request
        self._clock = clock
        self._settings = settings
        self._heard_at = clock.monotonic()
        self._closing: asyncio.Task[None] | None = None
        self.socket = web.WebSocketResponse(
            protocols=PROTOCOLS,
            max_msg_size=settings.max_message_bytes,
            compress=False,
            timeout=settings.close_timeout_s,
        )

    async def metadata(self) -> CallMetadata:
        """The first frame. Raises MetadataError when it does not come in time or describes no call."""
        limit = self._settings.metadata_timeout_s
        try:
            frame = await self._within(limit, self.socket.receive())
        except TimeoutError:
            raise MetadataError(f"no metadata within {limit:g} s", code=1008) from None
        if frame.type is aiohttp.WSMsgType.TEXT:
            return read_metadata(frame.data, region=self._settings.region)
        self._check(frame)
        if frame.type is aiohttp.WSMsgType.BINARY:
            raise MetadataError("audio came before the metadata", code=1008)
        raise MetadataError("the connection was closed before the metadata", code=1000)

    async def read(self, line: BridgeLine) -> None:
        """Hand every frame to `line` until the bridge hangs up. Raises BridgeError for a broken dialect."""
        self._heard_at = self._clock.monotonic()
        reading = asyncio.ensure_future(self._read_frames(line))
        watching = asyncio.ensure_future(self._silent_too_long())
        try:
            done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE; the sample -1 is the bridge's own marker (0xFFFF) and goes out as 0."""
        await self.socket.send_bytes(without_markers(pcm))

    async def kill_audio(self) -> None:
        """Drop what the bridge has not played yet."""
        await self._say({"type": "killAudio"})

    async def disconnect(self) -> None:
        """End the phone call; closing the WebSocket alone would not."""
        await self._say({"type": "disconnect"})

    async def close(self, code: int, message: str = "") -> None:
        """Close the WebSocket, by force when the bridge does not answer; only the first code counts."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, message), name="closing a bridge")
        await asyncio.shield(self._closing)

    async def _close(self, code: int, message: str) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(2 * self._settings.close_timeout_s):
                await self.socket.close(code=code, message=message.encode()[:120])
                return
        if self._request.transport is not None:
            self._request.transport.abort()

    # --- inside --------------------------------------------------------------------------------------------

    async def _say(self, command: dict[str, str]) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            if not self.socket.closed:
                await self.socket.send_str(orjson.dumps(command).decode())

    async def _read_frames(self, line: BridgeLine) -> None:
        async for frame in self._frames():
            if frame.type is aiohttp.WSMsgType.BINARY:
                if not frame.data:
                    return
                if len(frame.data) % 2:
                    raise BridgeError(f"audio frame of odd length ({len(frame.data)} bytes)")
                line.caller_audio(frame.data)
            elif frame.type is aiohttp.WSMsgType.TEXT:
                event = _event(frame.data)
                if event.get("event") == "dtmf":
                    line.key(_digit(event))

    async def _frames(self) -> Any:
        tcp = self._request.transport.get_extra_info("socket") if self._request.transport else None
        while True:
            frame = await self.socket.receive()
            self._heard_at = self._clock.monotonic()
            self._check(frame)
            if frame.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                return
            if tcp is not None and _QUICKACK is not None:
                with contextlib.suppress(OSError):
                    tcp.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            yield frame

    def _check(self, frame: aiohttp.WSMessage) -> None:
        if frame.type is aiohttp.WSMsgType.ERROR:
            error = frame.data
            if getattr(error, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                limit = self._settings.max_message_bytes
                raise BridgeError(f"a frame is larger than {limit} bytes", code=1009)
            raise BridgeError(f"broken WebSocket frame ({type(error).__name__})", code=1002)

    async def _silent_too_long(self) -> None:
        limit = self._settings.idle_timeout_s
        while (left := self._heard_at + limit - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        raise BridgeError(f"nothing came for {limit:g} s", code=1008)

    async def _within(self, seconds: float, coroutine: Any) -> aiohttp.WSMessage:
        """`coroutine` within `seconds` of the clock. Raises TimeoutError."""
        task, timer = asyncio.ensure_future(coroutine), asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TimeoutError
            result: aiohttp.WSMessage = task.result()
            return result
        finally:
            for each in (task, timer):
                each.cancel()
            await asyncio.gather(task, timer, return_exceptions=True)


def without_markers(pcm: bytes) -> bytes:
    """`pcm` (PCM16 LE) with every sample -1 replaced by 0."""
    if b"\xff\xff" not in pcm:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").copy()
    samples[samples == -1] = 0
    return samples.tobytes()


def _event(text: str) -> dict[str, Any]:
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BridgeError("a text frame is no JSON") from None
    if not isinstance(event, dict):
        raise BridgeError("a text frame is no JSON object")
    return event


def _digit(event: dict[str, Any]) -> str:
    digit = event.get("dtmf")
    if not isinstance(digit, str) or len(digit) != 1 or digit.upper() not in "0123456789*#ABCD":
        raise BridgeError("a dtmf event names no key")
    return digit.upper()
