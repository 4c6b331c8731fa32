"""Where a bridge of one dialect connects: each WebSocket is one call, from its metadata to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from engine.faults import where
from engine.ports import Clock, Line
from storage.tenure import LINE_LOST
from transport.bridge.calls import ActiveCalls
from transport.bridge.connection import Connection
from transport.bridge.line import BridgeLine
from transport.bridge.metadata import CallMetadata
from transport.errors import BridgeError
from transport.logs import log_as
from transport.settings import BridgeSettings

log = logging.getLogger(__name__)

Answer = Callable[[Line, CallMetadata], Awaitable[None]]


class BridgeEndpoint:
    """Answers bridges of one `dialect`: what one of them does wrong ends its own call only."""

    def __init__(
        self, dialect: type[Connection], answer: Answer, clock: Clock, settings: BridgeSettings
    ) -> None:
        self._dialect = dialect
        self._answer = answer
        self._clock = clock
        self._settings = settings

    async def handle(self, request: web.Request, calls: ActiveCalls) -> web.WebSocketResponse:
        """Run one call to its end; it joins `calls` once the bridge has said which call it is.

        A call outlives its connection: what was said before the hang-up is still understood.
        """
        connection = self._dialect(request, self._clock, self._settings)
        await connection.socket.prepare(request)
        try:
            metadata = await connection.metadata()
        except BridgeError as error:
            log.warning("a bridge lost its call before it began: %s", error)
            await connection.close(error.code, str(error))
            return connection.socket
        call_id, rate = metadata.call_id, metadata.sample_rate
        log_as(call_id)
        log.info("call %s: connected, %s at %d Hz", call_id, metadata.direction, rate)
        line = BridgeLine(connection, self._clock, self._settings, call_id=call_id, rate=rate)
        call = asyncio.create_task(self._run(connection, line, metadata), name=f"call {call_id}")
        calls.add(call, line)
        await asyncio.shield(call)
        return connection.socket

    async def _run(self, connection: Connection, line: BridgeLine, metadata: CallMetadata) -> None:
        call_id = metadata.call_id
        playout = asyncio.create_task(line.run_playout(), name=f"playout {call_id}")
        reader = asyncio.create_task(self._read(connection, line, call_id), name=f"bridge {call_id}")
        code, message = int(aiohttp.WSCloseCode.OK), ""
        try:
            await self._answer(line, metadata)
        except BridgeError as error:
            code, message = error.code, str(error)
            log.warning("call %s: refused: %s", call_id, error)
        except Exception as error:
            log.error("call %s: ended by an error of ours: %s", call_id, where(error))
        finally:
            await line.hang_up()
            playout.cancel()
            reader.cancel()
            await asyncio.gather(playout, reader, return_exceptions=True)
            await connection.close(code, message)
            log.info("call %s: over", call_id)

    async def _read(self, connection: Connection, line: BridgeLine, call_id: str) -> None:
        """Pass on what the bridge sends until its call ends; what it does wrong ends it at once."""
        reason, code, lost = LINE_LOST, aiohttp.WSCloseCode.OK, True
        try:
            if await connection.read(line):
                reason, lost = "hangup", False
        except BridgeError as error:
            reason, code, lost = f"bridge error: {error}", aiohttp.WSCloseCode(error.code), False
            log.warning("call %s: ended, the bridge broke its dialect: %s", call_id, error)
        except Exception as error:
            reason, lost = f"bridge error: {type(error).__name__}", False
            code = aiohttp.WSCloseCode.INTERNAL_ERROR
            log.error("call %s: ended, reading from the bridge failed: %s", call_id, where(error))
        finally:
            line.over(reason, lost=lost)
        await connection.close(code, reason)
