"""The circuit breaker: when it rests, for how long, who is let through then, and what it says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.extraction.breaker import Breaker, Guarded, RestingError
from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Speaker, Turn
from tests.clocks import VirtualClock, settle

TURNS = [Turn(1, Speaker.CALLER, "alle 15", None, None)]
FOUND = (Mention(MentionKind.TIME, 1, "alle 15"),)


class Model:
    """Answers when told to; `fails`: with an error."""

    def __init__(self) -> None:
        self.fails = True
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        self.asked += 1
        fails = self.fails
        if self.gate is not None:
            await self.gate.wait()
        if fails:
            raise ExtractorError("503")
        return FOUND


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def breaker(model: Model, clock: VirtualClock) -> Guarded:
    return Breaker(clock, failures=3, rest_s=30).guard(model)


async def ask(breaker: Guarded, times: int = 1) -> list[str]:
    """How each request ended: found, rests or failed."""
    ends = []
    for _ in range(times):
        try:
            assert await breaker.extract(TURNS) == FOUND
            ends.append("found")
        except RestingError:
            ends.append("rests")
        except ExtractorError:
            ends.append("failed")
    return ends


async def test_after_three_failures_in_a_row_it_rests(breaker: Guarded, model: Model) -> None:
    assert await ask(breaker, 5) == ["failed"] * 3 + ["rests"] * 2
    assert model.asked == 3


async def test_an_answer_between_starts_the_count_again(breaker: Guarded, model: Model) -> None:
    await ask(breaker, 2)
    model.fails = False
    await ask(breaker)
    model.fails = True
    assert await ask(breaker, 3) == ["failed"] * 3
    assert await ask(breaker) == ["rests"]


async def test_after_its_rest_one_request_tries_it(
    breaker: Guarded, model: Model, clock: VirtualClock
) -> None:
    await ask(breaker, 3)
    await clock.advance(29.9)
    assert await ask(breaker) == ["rests"]
    await clock.advance(0.2)
    assert await ask(breaker, 2) == ["failed", "rests"]
    await clock.advance(30.1)
    model.fails = False
    assert await ask(breaker, 2) == ["found", "found"]
    model.fails = True
    assert await ask(breaker, 4) == ["failed", "failed", "failed", "rests"]


async def test_while_one_tries_it_the_others_do_without(
    breaker: Guarded, model: Model, clock: VirtualClock
) -> None:
    await ask(breaker, 3)
    await clock.advance(30.1)
    model.gate, model.fails = asyncio.Event(), False
    trial = asyncio.create_task(ask(breaker))
    await settle()
    assert await ask(breaker, 2) == ["rests"] * 2
    model.gate.set()
    assert await trial == ["found"]
    assert await ask(breaker) == ["found"]


async def test_a_cancelled_trial_lets_the_next_one_try(
    breaker: Guarded, model: Model, clock: VirtualClock
) -> None:
    await ask(breaker, 3)
    await clock.advance(30.1)
    model.gate, model.fails = asyncio.Event(), False
    trial = asyncio.create_task(ask(breaker))
    await settle()
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    model.gate.set()
    assert await ask(breaker) == ["found"]


async def test_calls_at_once_open_it_once(
    breaker: Guarded, model: Model, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten requests under way fail together: one rest, told once, and as long as one."""
    model.gate = asyncio.Event()
    requests = [asyncio.create_task(ask(breaker)) for _ in range(10)]
    await settle()
    model.gate.set()
    assert await asyncio.gather(*requests) == [["failed"]] * 10
    assert await ask(breaker) == ["rests"]
    assert caplog.text.count("it rests") == 1
    await clock.advance(30.1)
    model.fails = False
    assert await ask(breaker) == ["found"]
    assert caplog.text.count("answers again") == 1


async def test_who_was_under_way_when_the_rest_began_does_not_end_or_prolong_it(
    breaker: Guarded, model: Model, clock: VirtualClock
) -> None:
    gate = model.gate = asyncio.Event()
    late = asyncio.create_task(ask(breaker))
    await settle()
    model.fails = False
    early = asyncio.create_task(ask(breaker))
    await settle()
    model.gate, model.fails = None, True
    await ask(breaker, 3)
    await clock.advance(20)
    gate.set()
    assert await asyncio.gather(late, early) == [["failed"], ["found"]]
    assert await ask(breaker) == ["rests"]
    await clock.advance(10.1)
    assert await ask(breaker) == ["failed"]


async def test_what_was_said_is_not_logged(breaker: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    await ask(breaker, 4)
    assert "alle 15" not in caplog.text
