"""The clock of the machine we run on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Real time: `engine.ports.Clock` over the system's clocks and the running event loop."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; nothing or less only yields to other tasks."""
        await asyncio.sleep(max(0.0, seconds))
