"""The calls that go on in this process, and how they come to their end when the server stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.ports import Clock
from transport.bridge.line import BridgeLine

log = logging.getLogger(__name__)

_WRITE_S = 15.0


@dataclass(slots=True)
class ActiveCalls:
    """Running calls, and whether new ones are taken. `began` and `ended` are told of each call."""

    running: dict[asyncio.Task[None], BridgeLine] = field(default_factory=dict)
    draining: bool = False
    began: Callable[[], None] = lambda: None
    ended: Callable[[BridgeLine], None] = lambda _: None

    def __len__(self) -> int:
        return len(self.running)

    def add(self, call: asyncio.Task[None], line: BridgeLine) -> None:
        """Keep `call` until it is done."""
        self.running[call] = line
        self.began()
        call.add_done_callback(self._over)

    def _over(self, call: asyncio.Task[None]) -> None:
        self.ended(self.running.pop(call))

    async def drain(self, clock: Clock, seconds: float) -> None:
        """Take no new call; let running ones end within `seconds`, then hang up what is left."""
        self.draining = True
        if self.running:
            log.info("draining: %d calls go on, for %g s at most", len(self), seconds)
        await self._gone(clock, seconds)
        for line in list(self.running.values()):
            await line.hang_up()
        await self._gone(clock, _WRITE_S)
        for call in list(self.running):
            call.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def _gone(self, clock: Clock, seconds: float) -> None:
        until = clock.monotonic() + seconds
        while self.running and clock.monotonic() < until:
            await clock.sleep(0.05)
