"""Ten minutes of words through every dialect at each of its rates: not one comes out wrong, either way."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.transport.bridge.paper import EVERY_PAIR, Rates, talk
from tests.virtual_loop import run_virtually

LONG, SHORT = 600.0, 60.0

# Every dialect at every rate up and every rate down; nothing of either way depends on the other's rate.
WHOLE_CALLS = [
    Rates("fork", 8000, 8000),
    Rates("fork", 16000, 16000),
    Rates("fork", 16000, 24000),
    Rates("stream", 16000, 8000),
    Rates("stream", 8000, 16000),
    Rates("stream", 16000, 24000),
    Rates("twilio", 8000, 8000),
]


@pytest.mark.parametrize("rates", EVERY_PAIR, ids=str)
def test_not_a_word_is_wrong_either_way(rates: Rates) -> None:
    seconds = LONG if rates in WHOLE_CALLS else SHORT
    call = run_virtually(talk(rates, seconds))
    for said, heard in (call.caller, call.assistant):
        assert len(said) > 2 * seconds
        assert heard == said
    assert (call.end.reason, call.end.dropped_ms, call.line.dropped_ms) == ("hangup", 0, 0)
    assert call.line.underruns == 0
    times = [at for at, _ in call.chunks]
    assert {size for _, size in call.chunks} == {1280}, "40 ms each"
    assert max(later - earlier for earlier, later in pairwise(times)) <= 0.08
    assert len(times) * 0.04 >= seconds, "silence too"


def test_every_rate_of_every_dialect_has_its_ten_minutes() -> None:
    def ways(calls: list[Rates]) -> set[tuple[str, str, int]]:
        return {
            (each.dialect, way, rate)
            for each in calls
            for way, rate in (("up", each.up), ("down", each.down))
        }

    assert ways(WHOLE_CALLS) == ways(EVERY_PAIR)
