"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)


class VirtualClock:
    """An `engine.ports.Clock`; `advance` wakes sleepers in order and lets everybody act in between."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return 1000.0 + self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._order), done))
        await done

    def stall(self, seconds: float) -> None:
        """Let `seconds` pass in which nobody gets to act; who has slept long enough acts after it."""
        self._seconds += seconds
        for at, _, done in self._sleepers:
            if at <= self._seconds and not done.done():
                done.set_result(None)

    async def advance(self, seconds: float) -> None:
        until = self._seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until + 1e-9:
            at, _, done = heapq.heappop(self._sleepers)
            self._seconds = max(self._seconds, at)
            if not done.done():
                done.set_result(None)
                await settle()
        self._seconds = until
        await settle()


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(12):
        await asyncio.sleep(0)
