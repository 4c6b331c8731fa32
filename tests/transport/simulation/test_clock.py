"""The scaled clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from transport.simulation.clock import ScaledClock


async def test_its_seconds_pass_faster() -> None:
    start = datetime(2026, 2, 9, 9, tzinfo=UTC)
    clock = ScaledClock(3600, start=start)
    real, before = time.monotonic(), clock.monotonic()
    await clock.sleep(100)
    assert time.monotonic() - real < 50
    assert clock.monotonic() - before >= 100
    assert clock.now() >= start + timedelta(seconds=100)
    assert clock.now().tzinfo is UTC


async def test_nothing_to_wait_for_returns_at_once() -> None:
    clock = ScaledClock(1e-6)  # what waits at all waits for days
    await asyncio.wait_for(clock.sleep(0), 60)
    await asyncio.wait_for(clock.sleep(-5), 60)


@pytest.mark.parametrize("speed", [0, -1])
def test_it_does_not_stand_still(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(speed)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ScaledClock(1, start=datetime(2026, 2, 9))  # noqa: DTZ001  # naive, to be refused


async def test_sleepers_wake_in_the_order_of_their_instants() -> None:
    clock, woken = ScaledClock(20), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic() >= seconds))

    await asyncio.gather(*(sleeper(seconds) for seconds in (0.9, 0.1, 0.5)))
    assert woken == [(0.1, True), (0.5, True), (0.9, True)]


async def test_a_stall_of_the_process_stops_it() -> None:
    clock = ScaledClock(1)
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0.02)
    before = clock.monotonic()
    time.sleep(0.3)  # noqa: ASYNC251 (the stall)
    assert clock.monotonic() - before < 0.1
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)


async def test_it_goes_on_while_nobody_sleeps() -> None:
    clock = ScaledClock(10)
    await clock.sleep(0.1)
    before = clock.monotonic()
    await asyncio.sleep(0.1)
    assert clock.monotonic() - before >= 1


async def test_who_no_longer_waits_is_forgotten() -> None:
    clock = ScaledClock(10)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(clock.sleep(1000), 0.01)
    await clock.sleep(0.1)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.sleep(0.02)
    assert all(task.done() for task in others)
