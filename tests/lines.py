"""A line's events, read one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from engine.ports import HungUp, Line, LineEvent


async def events_of(line: Line) -> AsyncIterator[LineEvent]:
    """What comes from the caller, ending with the HungUp."""
    inbox: asyncio.Queue[LineEvent] = asyncio.Queue()
    line.listen(inbox.put_nowait)
    while not isinstance(event := await inbox.get(), HungUp):
        yield event
    yield event
