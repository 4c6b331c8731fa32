"""The server's side of a bridge in the tests: who answers, and how to connect."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from engine.ports import Audio, Line, LineEvent
from tests.lines import events_of
from transport.bridge.metadata import CallMetadata

Answering = Callable[[Line, CallMetadata], Awaitable[None]]


class Desk:
    """Answers calls as a test wants, and remembers what came."""

    def __init__(self) -> None:
        self.metadata: dict[str, CallMetadata] = {}
        self.events: dict[str, list[LineEvent]] = {}
        self.over: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.script: Answering | None = None

    async def answer(self, line: Line, metadata: CallMetadata) -> None:
        call_id = metadata.call_id
        self.metadata[call_id] = metadata
        self.events[call_id] = []
        try:
            if self.script is not None:
                await self.script(line, metadata)
            async for event in events_of(line):
                self.events[call_id].append(event)
        finally:
            self.over[call_id].set()

    async def ended(self, call_id: str) -> list[LineEvent]:
        async with asyncio.timeout(5):
            await self.over[call_id].wait()
        return self.events[call_id]

    def pcm(self, call_id: str) -> bytes:
        return b"".join(event.pcm for event in self.events[call_id] if isinstance(event, Audio))


class Client:
    """The bridge's side: a server of ours, and connections to it."""

    def __init__(self, app: web.Application, session: aiohttp.ClientSession, address: str) -> None:
        self.app, self.session, self.address = app, session, address

    async def ws_connect(self, path: str = "/bridge/fork", **options: Any) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(self.address + path, **options)


Connect = Callable[..., Awaitable[Client]]
