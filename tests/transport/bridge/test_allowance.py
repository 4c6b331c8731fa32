"""A bridge may send what a call needs, and late audio all at once; not more for long."""

from __future__ import annotations

import pytest

from tests.clocks import VirtualClock
from transport.bridge.allowance import Allowance
from transport.errors import BridgeError


def allowance(clock: VirtualClock) -> Allowance:
    return Allowance(clock.monotonic(), frames_per_s=100, bytes_per_s=40_000)


async def test_an_hour_of_speech_passes() -> None:
    clock = VirtualClock()
    spent = allowance(clock)
    for _ in range(50 * 3600):
        spent.spend(640, clock.monotonic())
        clock.stall(0.02)


async def test_what_was_held_up_may_come_at_once() -> None:
    clock = VirtualClock()
    spent = allowance(clock)
    for _ in range(10):
        clock.stall(10)
        for _ in range(500):
            spent.spend(640, clock.monotonic())


@pytest.mark.parametrize(("size", "every_s", "what"), [(2, 0.005, "100 frames"), (4000, 0.05, "40000 bytes")])
async def test_too_much_for_long_is_refused(size: int, every_s: float, what: str) -> None:
    clock = VirtualClock()
    spent = allowance(clock)
    with pytest.raises(BridgeError, match=what) as refused:
        for _ in range(10_000):
            spent.spend(size, clock.monotonic())
            clock.stall(every_s)
    assert refused.value.code == 1008
    assert clock.monotonic() - 1000 >= 9


async def test_a_flood_is_refused_at_once() -> None:
    spent = allowance(VirtualClock())
    with pytest.raises(BridgeError):
        for _ in range(1001):
            spent.spend(2, VirtualClock().monotonic())
