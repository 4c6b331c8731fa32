"""What was offered stands in the store alone, by conversation, from one analysis to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.agenda import keep_offer, offered_to
from engine.supervisor import Supervisor
from engine.understanding.context import Offer
from storage import offers
from tests.engine.scene import START, WEDNESDAY, Scene, scene, slot
from tests.engine.test_supervisor import Pointing
from tests.storage.playground import rome

ASKS = "C: Vorrei prenotare un appuntamento"
OFFER = "A: Ho mercoledì 11 febbraio alle 10 o giovedì 12 febbraio alle 11. Quale preferisce?"
TEN, ELEVEN = rome("2026-02-11T10:00"), rome("2026-02-12T11:00")


@pytest.fixture
def call() -> Iterator[Scene]:
    with scene() as opened:
        yield opened


def offered(call: Scene) -> list[offers.Offer]:
    found: list[offers.Offer] = call.do(lambda: offers.offers_of(call.conversation.id))
    return found


def starts(call: Scene) -> list[datetime]:
    return [offer.start for offer in offered(call)]


def test_an_offer_is_kept_with_its_turn_and_its_length(call: Scene) -> None:
    call.say("C: Vorrei prenotare mezz'ora", OFFER)
    assert offered(call) == [offers.Offer(start, 30, call.now, 2) for start in (TEN, ELEVEN)]
    assert "offered" not in call.state.held.to_plain()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("C: Il secondo", "2026-02-12T11:00"),
        ("C: Il primo", "2026-02-11T10:00"),
        ("C: L'ultimo", "2026-02-12T11:00"),
        ("C: Giovedì", "2026-02-12T11:00"),
        ("C: Alle 11", "2026-02-12T11:00"),
    ],
)
def test_the_next_analysis_reads_it_from_the_store(call: Scene, answer: str, expected: str) -> None:
    call.say(ASKS, OFFER)
    told = call.say(answer, "A: Un attimo.")
    assert told.state.held.slot() == slot(expected)


def test_a_later_offer_takes_its_place(call: Scene) -> None:
    call.say(ASKS, OFFER)
    call.say(
        "C: Altro?", "A: Ho mercoledì 11 febbraio alle 15 o giovedì 12 febbraio alle 15. Quale preferisce?"
    )
    assert starts(call) == [rome("2026-02-11T15:00"), rome("2026-02-12T15:00")]
    told = call.say("C: Il secondo", "A: Un attimo.")
    assert told.state.held.slot() == slot("2026-02-12T15:00")


def test_a_turn_that_offers_nothing_leaves_it(call: Scene) -> None:
    call.say(ASKS, OFFER)
    call.say("C: Un momento", "A: Certo, faccia con calma.")
    assert starts(call) == [TEN, ELEVEN]


def test_what_somebody_else_wrote_there_is_what_was_offered(call: Scene) -> None:
    """A tool of a chat offers too."""
    call.say(ASKS, OFFER)
    call.do(
        lambda: offers.remember_offers(
            call.conversation.id, [ELEVEN, rome("2026-02-12T15:00")], minutes=60, turn=2, now=call.now
        )
    )
    told = call.say("C: Il secondo", "A: Un attimo.")
    assert told.state.held.slot() == slot("2026-02-12T15:00")


def test_each_conversation_has_its_own(call: Scene) -> None:
    call.say(ASKS, OFFER)
    other = replace(call.conversation, id="another")
    assert call.do(lambda: offered_to(other)) == ()


async def test_an_analysis_that_was_overtaken_offered_nothing(call: Scene) -> None:
    supervisor = Supervisor(call.conversation, call.database, call.rulebook, Pointing())

    async def say(*lines: str, valid: bool) -> None:
        call.add(*lines)
        await supervisor.analyse(
            list(call.turns),
            new=call.new(),
            now=call.now,
            call_over=False,
            pending_speech=False,
            unheard=False,
            still_valid=lambda: valid,
        )

    await say(ASKS, OFFER, valid=True)
    await say("C: Altro?", "A: Ho mercoledì 11 febbraio alle 15.", valid=False)
    assert starts(call) == [TEN, ELEVEN]


# --- The nights on which clocks change --------------------------------------------------------------------


def keep(call: Scene, *texts: str) -> tuple[Any, ...]:
    offer = Offer(tuple(map(slot, texts)), 60, 2)

    def work() -> tuple[Any, ...]:
        keep_offer(call.conversation, offer, START)
        return offered_to(call.conversation)

    found: tuple[Any, ...] = call.do(work)
    return found


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-29T01:30", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)),
        ("2026-03-29T03:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-10-25T01:30", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)),
        (
            "2026-10-25T02:30",
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),  # shown twice: the first, as elsewhere
        ("2026-10-25T03:30", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_local_time_comes_back_as_it_was_named(call: Scene, text: str, instant: datetime) -> None:
    assert keep(call, text) == (slot(text),)
    assert starts(call) == [instant]


@pytest.mark.parametrize("others", [(), ("2026-03-29T04:00",)])
def test_a_time_that_the_clock_skips_was_not_offered(call: Scene, others: tuple[str, ...]) -> None:
    """Nor anything beside it: else "il primo" would be the one after it."""
    keep(call, "2026-02-11T10:00")
    assert keep(call, "2026-03-29T02:30", *others) == ()
    assert starts(call) == []


def test_an_offer_for_tomorrow_is_still_on_that_day_after_midnight(call: Scene) -> None:
    call.say(ASKS, OFFER)
    call.later(hours=16)
    told = call.say("C: Il primo", "A: Un attimo.")
    assert told.state.held.details.date == WEDNESDAY
