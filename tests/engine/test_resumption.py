"""What a call goes on from: the state, the turns and what of them is new, and what must be told again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.owned import OwnedStore
from engine.ports import AnalysisResult
from engine.replay import replay
from engine.resumption import LINE_IS_BACK, Resumption, resume
from engine.rulebook import Rulebook
from engine.supervisor import Supervisor, opening_state
from engine.turns import Turn
from fsm.stages import Stage
from storage import calls, tenure
from storage.errors import CallTaken
from storage.recorded import recorded_call
from storage.tenure import Tenure
from tests.engine.scene import DIALLED_LEAD, THREE, Scene, scene
from tests.engine.test_supervisor import Pointing

ASKS = "C: Vorrei prenotare mercoledì alle 15"
READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"
YES = "C: Sì"
WAIT = "A: Un attimo, verifico."
BOOKED = ["2026-02-11T15:00"]


class Connection:
    """One connection's part in the call: it has the call until another takes it."""

    def __init__(self, call: Scene, held: Tenure, resumed: tuple[Any, Resumption] | None = None) -> None:
        self.call, self.held, self.told_taken = call, held, 0
        state, self.resumption = resumed or (None, None)
        self.store = OwnedStore(call.database, held, self.taken)
        self.supervisor = Supervisor(call.conversation, self.store, call.rulebook, Pointing(), state=state)

    def taken(self) -> None:
        self.told_taken += 1

    async def say(self, *lines: str) -> AnalysisResult:
        self.call.add(*lines)
        return await self.analyse(self.call.new())

    async def analyse(self, new: Sequence[int], *, unheard: bool = False) -> AnalysisResult:
        turns = list(self.call.turns)
        await self.record([turn for turn in turns if turn.number in new])
        return await self.supervisor.analyse(
            turns,
            new=new,
            now=self.call.now,
            call_over=False,
            pending_speech=False,
            unheard=unheard,
            still_valid=lambda: True,
        )

    async def record(self, turns: Sequence[Turn]) -> None:
        call_id = self.held.call_id
        await self.store.run(lambda: calls.record_turns(call_id, turns))


@pytest.fixture
def call() -> Iterator[Scene]:
    with scene() as opened:
        yield opened


def first(call: Scene) -> Connection:
    return Connection(call, Tenure(call.conversation.id))


def taken(call: Scene) -> Connection:
    """The bridge is back, on another server."""

    def take() -> tuple[Tenure, Any]:
        found = tenure.of_bridge("bridge-1", now=call.now)
        assert found is not None
        held = tenure.take(found, server="right", now=call.now)
        return held, resume(call.conversation, call.rulebook, began=found.began, now=call.now)

    held, resumed = call.do(take)
    return Connection(call, held, resumed)


def entries(call: Scene) -> list[dict[str, Any]]:
    return [dict(entry.entry) for entry in call.detail().journal]


async def test_it_goes_on_where_it_was_and_what_was_held_is_booked_by_one_yes(call: Scene) -> None:
    await first(call).say(ASKS, READBACK)
    hold = call.hold()
    back = taken(call)
    assert back.resumption is not None
    assert back.resumption.turns == tuple(call.turns) and back.resumption.new == frozenset()
    assert (back.resumption.notices, back.resumption.lasted_s) == ((), 8.0)
    assert back.supervisor.state.stage is Stage.DATI_COMPLETI
    assert back.supervisor.state.held.slot() == THREE
    assert call.hold() == hold
    await back.say("A: Scusa per l'interruzione. Mercoledì 11 febbraio alle 15, confermi?", YES, WAIT)
    assert call.bookings() == BOOKED
    assert [analysis.number for analysis in call.do(lambda: calls.analyses(back.held.call_id))] == [1, 2]


async def test_who_had_it_books_nothing_more(call: Scene, caplog: pytest.LogCaptureFixture) -> None:
    old = first(call)
    await old.say(ASKS, READBACK)
    back = taken(call)
    result = await old.supervisor.analyse(
        [*call.turns, replace(call.turns[0], number=3, text="Sì")],
        new=[3],
        now=call.now,
        call_over=True,
        pending_speech=False,
        unheard=False,
        still_valid=lambda: True,
    )
    assert result == AnalysisResult() and old.told_taken == 1
    with pytest.raises(CallTaken):
        await old.record(call.turns)
    with pytest.raises(CallTaken):
        await old.supervisor.finish(call.now, "hangup")
    assert call.bookings() == [] and call.hold() is not None
    assert call.detail().call.ended_at is None
    assert caplog.text == "", "it is no error"
    await back.say(READBACK, YES, WAIT)
    assert call.bookings() == BOOKED


async def test_what_was_said_and_not_analysed_is_new(call: Scene) -> None:
    old = first(call)
    await old.say(ASKS, READBACK)
    call.add(YES)
    await old.record(call.turns)
    back = taken(call)
    assert back.resumption is not None and back.resumption.new == {3}
    await back.analyse([3], unheard=True)  # as a call does: nobody knows what else was said
    assert call.bookings() == []
    await back.say(READBACK, YES, WAIT)
    assert call.bookings() == BOOKED


async def test_words_that_a_turn_got_after_it_was_analysed_make_it_new(call: Scene) -> None:
    old = first(call)
    await old.say(ASKS, READBACK, YES)
    call.turns[2] = replace(call.turns[2], text="Sì, anzi no")
    await old.record(call.turns[2:])
    back = taken(call)
    assert back.resumption is not None and back.resumption.new == {3}


async def test_a_readback_that_was_cut_after_it_was_analysed_is_new(call: Scene) -> None:
    old = first(call)
    await old.say(ASKS, READBACK)
    call.turns[1] = replace(call.turns[1], heard="Mercoledì")
    await old.record(call.turns[1:])
    back = taken(call)
    assert back.resumption is not None and back.resumption.new == {2}


async def test_what_was_passed_over_before_what_was_analysed_is_not_gone_back_to(call: Scene) -> None:
    old = first(call)
    call.add(ASKS, READBACK, YES)
    await old.record(call.turns)
    call.add("C: Quanto costa?", "A: Cinquanta euro.")
    await old.analyse([4, 5])
    back = taken(call)
    assert back.resumption is not None and back.resumption.new == frozenset()


async def test_a_booking_that_the_caller_may_not_have_heard_of_is_told_again(call: Scene) -> None:
    await first(call).say(ASKS, READBACK, YES, WAIT)
    back = taken(call)
    assert back.resumption is not None
    (told,) = back.resumption.notices
    assert "L'appuntamento è prenotato: mercoledì 11 febbraio alle 15" in told
    assert entries(call)[-1]["notices"] == ["prenotazione_riuscita"]


async def test_a_move_is_told_as_one() -> None:
    with scene(own=["2026-02-12T15:00"]) as call:
        await first(call).say(
            "C: Vorrei spostare l'appuntamento di giovedì a mercoledì alle 15",
            "A: Sposto l'appuntamento a mercoledì 11 febbraio alle 15, confermi?",
            YES,
            WAIT,
        )
        assert call.bookings() == BOOKED
        back = taken(call)
        assert back.resumption is not None
        assert "è spostato a mercoledì 11 febbraio alle 15" in back.resumption.notices[0]


async def test_before_anything_was_said_it_is_as_at_the_beginning() -> None:
    with scene(DIALLED_LEAD) as call:
        back = taken(call)
        assert back.resumption is not None and not back.resumption.begun
        assert back.supervisor.state == opening_state(call.conversation)
        assert back.supervisor.state.held.details.phone is not None


async def test_the_journal_tells_of_it_and_the_whole_call_is_decided_again_alike(
    call: Scene, tmp_path: Path
) -> None:
    await first(call).say(ASKS, READBACK)
    call.later(seconds=5)
    back = taken(call)
    await back.say(READBACK, YES, WAIT)
    call.later(seconds=5)
    back = taken(call)
    await back.say("C: Grazie, arrivederci", "A: Arrivederci.")
    told = [entry for entry in entries(call) if entry.get("outcome") == LINE_IS_BACK]
    assert [entry["analysis"] for entry in told] == [1, 2]
    assert all(entry["event"] is None and "La linea era caduta" in entry["why"] for entry in told)
    record = call.do(lambda: recorded_call(call.conversation.id))

    def rules(_: str | None) -> Rulebook:
        return call.rulebook

    decided = replay(record, rules)
    assert decided.departure is None and not decided.from_facts
    assert decided.after == decided.before and "confirm 2026-02-11T15:00" in decided.before


async def test_a_hold_that_has_run_out_meanwhile_is_taken_again_by_the_yes(call: Scene) -> None:
    await first(call).say(ASKS, READBACK)
    call.now += timedelta(minutes=16)
    back = taken(call)
    await back.say(READBACK, YES, WAIT)
    assert call.bookings() == BOOKED
