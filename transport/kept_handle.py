"""Keeps what a conversation with the model goes on with, as often as there is something newer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Keep = Callable[[str], Awaitable[None]]


class KeptHandle:
    """Call it with each handle, which never waits; `run` keeps the newest, one at a time."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._changed = asyncio.Event()
        self.newest: str | None = None

    def __call__(self, handle: str) -> None:
        """There is a newer one."""
        self.newest = handle
        self._changed.set()

    async def run(self) -> None:
        """Keep them until cancelled. Raises what keeping one raises."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self.newest is not None:
                await self._keep(self.newest)
