"""The clock of the machine we run on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any


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
