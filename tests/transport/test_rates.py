"""So many a minute, more after a quiet time; of those who have not asked for long nothing is kept."""

from __future__ import annotations

from tests.engine.written import Hands
from transport.rates import Rates


async def test_a_bucket_runs_dry_and_fills_up_again() -> None:
    clock = Hands()
    rates = Rates(clock, per_minute=6, burst=2)
    assert [rates.take("a"), rates.take("a"), rates.take("a")] == [0, 0, 10]
    assert rates.take("b") == 0
    await clock.sleep(4)
    assert round(rates.take("a"), 6) == 6
    await clock.sleep(6)
    assert [rates.take("a"), rates.take("a")] == [0, 10]
    await clock.sleep(3600)
    assert [rates.take("a"), rates.take("a"), rates.take("a")] == [0, 0, 10]


async def test_those_who_asked_long_ago_are_forgotten_first() -> None:
    clock = Hands()
    rates = Rates(clock, per_minute=0.001, burst=1)
    for number in range(10_001):
        assert rates.take(f"address {number}") == 0
        await clock.sleep(0.001)
    assert rates.take("address 10000") > 0
    assert rates.take("address 0") == 0, "forgotten for the one who came last"
    assert rates.take("address 2") > 0
