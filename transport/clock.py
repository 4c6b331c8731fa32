"""The clock of the machine we run on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from engine.ports import Clock

T = TypeVar("T")


class SystemClock:
    """Real time: `engine.ports.Clock` over the system's clocks and the running event loop."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait `seconds`; nothing or less only yields to other tasks."""
        return asyncio.sleep(max(0.0, seconds))


async def within(seconds: float, clock: Clock, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. Raises TimeoutError, the work cancelled, after `seconds` of `clock`."""
    task, limit = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, limit), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        for each in (task, limit):
            each.cancel()
        await asyncio.gather(task, limit, return_exceptions=True)
