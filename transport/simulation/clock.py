"""A clock that runs faster than the machine's, so that whole calls take a fraction of their time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta

_TICK_S = 0.005  # real seconds, at most, between two looks at the machine's clock
_STALL_S = 0.01  # real seconds; what passes beyond them between two looks does not count


class ScaledClock:
    """`engine.ports.Clock` whose seconds pass `speed` times as fast as real ones.

    While somebody sleeps on it, a stall of the process stops it: whoever calls and whoever answers live in this
    process, so that a busy machine makes their calls take longer, not worse. `start` is what it shows first
    (aware; the current instant by default). Raises ValueError for a speed that is not above zero or a naive
    `start`.
    """

    def __init__(self, speed: float = 1.0, *, start: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"a clock runs at a speed above 0, not at {speed}")
        if start is not None and start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware instant, not at {start!r}: add its zone")
        self.speed = speed
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._looked = (time.monotonic(), 0.0)  # the machine's clock, and what this one showed then
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._ticking: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """The current instant of this clock, aware UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds of this clock since it was made; they never go back."""
        return self._shown(time.monotonic())

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock; nothing or less only yields to other tasks."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._ticking is None or self._ticking.done():
            self._look()
            self._ticking = asyncio.create_task(self._tick(), name="scaled clock")
        heapq.heappush(self._sleepers, (self.monotonic() + seconds, next(self._order), woken))
        try:
            await woken
        except asyncio.CancelledError:
            self._sleepers = [each for each in self._sleepers if each[2] is not woken]
            heapq.heapify(self._sleepers)
            raise

    async def _tick(self) -> None:
        """Wake whoever is due, until nobody sleeps any more."""
        while self._sleepers:
            left = (self._sleepers[0][0] - self.monotonic()) / self.speed
            await asyncio.sleep(min(max(left, 0.0), _TICK_S))
            self._look()
            while self._sleepers and self._sleepers[0][0] <= self._looked[1]:
                woken = heapq.heappop(self._sleepers)[2]
                if not woken.done():
                    woken.set_result(None)
        self._look()
        self._ticking = None

    def _look(self) -> None:
        real = time.monotonic()
        self._looked = (real, self._shown(real))

    def _shown(self, real: float) -> float:
        looked, shown = self._looked
        passed = real - looked
        if self._ticking is not None and not self._ticking.done():
            passed = min(passed, _STALL_S)
        return shown + passed * self.speed
