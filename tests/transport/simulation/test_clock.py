"""The scaled clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from transport.simulation.clock import ScaledClock


async def test_its_seconds_pass_faster() -> None:
    start = datetime(2026, 2, 9, 9, tzinfo=UTC)
    clock = ScaledClock(10, start=start)
    real, before = time.monotonic(), clock.monotonic()
    await clock.sleep(1)
    assert time.monotonic() - real < 0.5
    assert clock.monotonic() - before >= 1
    assert clock.now() >= start + timedelta(seconds=1)
    assert clock.now().tzinfo is UTC


async def test_nothing_to_wait_for_returns_at_once() -> None:
    clock = ScaledClock(1)
    before = time.monotonic()
    await clock.sleep(-5)
    assert time.monotonic() - before < 0.2


@pytest.mark.parametrize("speed", [0, -1])
def test_it_does_not_stand_still(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(speed)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ScaledClock(1, start=datetime(2026, 2, 9))  # noqa: DTZ001
