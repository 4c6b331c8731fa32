"""A clock that runs faster than the machine's, so that whole calls take a fraction of their time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class ScaledClock:
    """`engine.ports.Clock` whose seconds pass `speed` times as fast as real ones.

    `start` is what it shows first (aware; the current instant by default). Raises ValueError for a speed that
    is not above zero or a naive `start`.
    """

    def __init__(self, speed: float = 1.0, *, start: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"a clock runs at a speed above 0, not at {speed}")
        if start is not None and start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware instant, not at {start!r}: add its zone")
        self.speed = speed
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._zero = time.monotonic()

    def now(self) -> datetime:
        """The current instant of this clock, aware UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds of this clock since it was made; they never go back."""
        return (time.monotonic() - self._zero) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock; nothing or less only yields to other tasks."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)
