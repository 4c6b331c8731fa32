"""A call whose line breaks is left to its bridge, and goes on from what was said before when that comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from engine.ports import AnalysisResult, CallerWords, HungUp
from engine.resumption import Resumption
from engine.turns import Played, Speaker, Turn
from tests.clocks import START, settle
from tests.engine.test_call import READBACK, Scene, at

BEFORE = (
    Turn(1, Speaker.ASSISTANT, "Come posso aiutarti?", at(-20), at(-18)),
    Turn(2, Speaker.CALLER, "mercoledì alle 15", at(-17), at(-16)),
    Turn(4, Speaker.ASSISTANT, READBACK, at(-14), at(-10)),
    Turn(3, Speaker.CALLER, "sì", at(-9), at(-8)),
)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    scene.may_return = True
    await scene.start()
    yield scene
    await scene.close()


async def resumed(*, new: frozenset[int] = frozenset(), notices: tuple[str, ...] = ()) -> Scene:
    scene = Scene(handle="earlier", max_call_s=60)
    scene.resumed = Resumption(BEFORE, new, notices, lasted_s=40.0)
    await scene.start()
    return scene


async def breaks(scene: Scene) -> None:
    scene.phone.inbox.put_nowait(HungUp("connection lost", lost=True))
    await settle()


# --- The line is lost -----------------------------------------------------------------------------------------


async def test_a_call_whose_line_is_lost_is_left_and_not_hung_up(scene: Scene) -> None:
    await scene.says("Che giorno preferisci?", 1000)
    await scene.hears(20)
    await scene.clock.advance(1.5)
    await breaks(scene)
    end = await scene.over(1)
    assert (end.left, end.reason) == (True, "connection lost")
    assert scene.phone.left and not scene.phone.hung_up
    assert not scene.model.open_now


async def test_where_nobody_may_come_back_it_ends() -> None:
    scene = Scene()
    await scene.start()
    await breaks(scene)
    end = await scene.over(1)
    assert (end.left, end.reason) == (False, "connection lost")
    assert scene.phone.hung_up and not scene.phone.left


async def test_a_call_that_was_hung_up_is_over(scene: Scene) -> None:
    await scene.hangs_up()
    assert scene.call.ends and not scene.call.line_alive
    assert not (await scene.over(1)).left


async def test_what_was_said_just_before_is_still_understood_as_in_a_call_that_goes_on(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.hears(20)
    await scene.clock.advance(1.2)
    await scene.speaks(0.4)
    await breaks(scene)
    await scene.clock.advance(3)
    assert not scene.task.done()
    await scene.signal(CallerWords("sì", finished=True))
    await scene.over(3)
    last = scene.supervisor.asked[-1]
    assert last.words == ["sì"] and not last.call_over
    assert not last.unheard and not last.pending_speech
    assert [turn.text for turn in scene.recorded] == [READBACK, "sì"]


async def test_what_comes_of_it_is_not_told_to_a_model_that_nobody_hears(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.hears(20)
    await scene.clock.advance(1.2)
    await scene.speaks(0.4)
    scene.supervisor.answers = [AnalysisResult(notices=("È prenotato.",))]

    async def slowly() -> None:
        await scene.clock.sleep(1)

    await breaks(scene)
    scene.supervisor.takes = slowly
    await scene.signal(CallerWords("sì", finished=True))
    await scene.over(4)
    assert scene.supervisor.answers == [] and scene.model.notices == []


async def test_words_that_never_come_are_not_waited_for_by_who_comes_back_and_count_as_unheard(
    scene: Scene,
) -> None:
    await scene.says(READBACK, 1000)
    await scene.hears(20)
    await scene.clock.advance(1.2)
    await scene.speaks(0.4)
    await scene.signal(CallerWords("sì", finished=True))
    await scene.speaks(0.4)
    await breaks(scene)
    await scene.clock.advance(1)
    assert not scene.task.done()
    scene.call.let_go()
    await scene.over(0.2)
    last = scene.supervisor.asked[-1]
    assert last.words == ["sì"] and last.unheard and not last.pending_speech


async def test_what_seemed_to_be_played_into_a_dead_line_was_not_heard(scene: Scene) -> None:
    await scene.hears(20)
    await scene.says(READBACK, 4000)
    for _ in range(20):
        await scene.clock.advance(0.1)
        await scene.hears(20)
    await scene.clock.advance(3)  # the bridge sends nothing any more, and all of it is played
    (before,) = scene.supervisor.asked[-1].turns
    assert before.heard is None
    await breaks(scene)
    await scene.over(1)
    (readback,) = scene.supervisor.asked[-1].turns
    assert scene.supervisor.asked[-1].new == (readback.number,)
    assert readback.heard is not None and 0 < len(readback.heard) < len(READBACK)
    assert readback.heard.endswith(" ") is False and READBACK.startswith(readback.heard)
    assert scene.recorded[-1] == readback
    assert readback.played_at(len(READBACK)) is None


# --- Another connection wants it ------------------------------------------------------------------------------


async def test_a_line_is_alive_as_long_as_something_comes(scene: Scene) -> None:
    await scene.hears(20)
    await scene.clock.advance(0.4)
    assert scene.call.line_alive
    await scene.clock.advance(0.2)
    assert not scene.call.line_alive


async def test_a_call_that_is_let_go_is_left_at_once_and_nobody_is_hung_up_on(scene: Scene) -> None:
    await scene.says(READBACK, 4000)
    for _ in range(10):
        await scene.clock.advance(0.1)
        await scene.hears(20)
    scene.call.let_go()
    end = await scene.over(0.2)
    assert end.left and scene.phone.left and not scene.phone.hung_up
    (asked,) = scene.supervisor.asked
    assert asked.turns[0].cut_off and not asked.call_over


async def test_of_a_call_that_is_taken_already_nothing_more_is_analysed(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.hears(20)
    await scene.clock.advance(0.5)
    scene.call.taken()
    assert (await scene.over(0.2)).left
    assert scene.supervisor.asked == [] and scene.recorded == []


async def test_an_analysis_under_way_is_ended_before_it_is_let_go(scene: Scene) -> None:
    async def slowly() -> None:
        await scene.clock.sleep(1)

    scene.supervisor.takes = slowly
    await scene.says("Che giorno?", 1000)
    await scene.clock.advance(1.1)
    assert scene.supervisor.running == 1
    scene.call.let_go()
    await scene.clock.advance(0.5)
    assert not scene.task.done()
    await scene.over(3)
    assert scene.supervisor.running == 0


# --- It goes on -----------------------------------------------------------------------------------------------


async def test_turns_go_on_where_they_were() -> None:
    scene = await resumed()
    assert scene.model.opened == [("earlier", None)]
    assert scene.call.turns == BEFORE
    await scene.says("Scusami per l'interruzione.", 1000)
    await scene.clock.advance(1.2)
    (asked,) = scene.supervisor.asked
    assert asked.new == (5,) and asked.turns[:4] == BEFORE
    assert [turn.number for turn in scene.recorded] == [5]
    await scene.close()


async def test_what_was_not_analysed_is_first_and_a_yes_in_it_does_not_count() -> None:
    """Nobody knows whether the caller went on speaking when the line broke."""
    scene = await resumed(new=frozenset({3}))
    await scene.clock.advance(0.2)
    (asked,) = scene.supervisor.asked
    assert asked.words == ["sì"] and asked.unheard
    assert scene.recorded == []
    await scene.says("Scusami per l'interruzione.", 1000)
    await scene.clock.advance(1.2)
    assert not scene.supervisor.asked[-1].unheard
    await scene.close()


async def test_a_yes_before_anything_was_asked_again_does_not_count() -> None:
    """What the caller said while the line was dead is lost, and may have been "no, meglio giovedì"."""
    scene = await resumed()
    await scene.speaks(0.4)
    await scene.signal(CallerWords("va bene", finished=True))
    await scene.says("Scusami, mercoledì alle 15?", 1000)
    await scene.clock.advance(1.2)
    (asked,) = scene.supervisor.asked
    assert asked.words[0] == "va bene" and asked.unheard
    await scene.speaks(0.4)
    await scene.signal(CallerWords("certo", finished=True))
    await scene.says("Perfetto.", 1000)
    await scene.clock.advance(1.2)
    assert not scene.supervisor.asked[-1].unheard
    await scene.close()


async def test_an_analysis_of_it_that_has_to_be_repeated_still_knows_that() -> None:
    scene = Scene(handle="earlier")
    scene.resumed = Resumption(BEFORE, frozenset({3}), (), lasted_s=1.0)
    scene.supervisor.answers = [AnalysisResult(again=True), AnalysisResult()]
    await scene.start()
    await scene.clock.advance(8)
    assert [asked.unheard for asked in scene.supervisor.asked] == [True, True]
    await scene.close()


async def test_what_must_be_told_again_is_told_first_and_alone() -> None:
    scene = await resumed(notices=("È prenotato.",))
    await scene.clock.advance(0.5)
    assert [text for _, text in scene.model.notices] == ["È prenotato."]
    await scene.close()


async def test_the_time_before_counts_as_well() -> None:
    scene = await resumed()
    await scene.clock.advance(19)
    assert not scene.task.done()
    assert (await scene.over(5)).reason == "longer than 60 s"


# --- As far as it was heard -----------------------------------------------------------------------------------

LONG = Turn(
    7,
    Speaker.ASSISTANT,
    "Mercoledì 11 febbraio alle 15:30, confermi?",
    at(0),
    at(4),
    played=(Played(at(1), 12), Played(at(2), 28), Played(at(3), 33), Played(at(4), 43)),
)


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [
        (5.0, None),
        (4.0, None),
        (3.5, "Mercoledì 11 febbraio alle 15:30,"),
        (2.5, "Mercoledì 11 febbraio alle"),  # half of the hour might be another one
        (1.5, "Mercoledì 11"),
        (0.5, ""),
        (-1.0, ""),
    ],
)
def test_a_turn_was_heard_up_to_the_last_word_that_was_surely_played(
    seconds: float, heard: str | None
) -> None:
    cut = LONG.heard_by(at(seconds))
    assert cut.heard == heard
    if heard is None:
        assert cut is LONG
        return
    assert cut.ended_at == at(seconds)
    assert cut.began_at is not None and cut.began_at <= at(seconds)
    assert all(mark.chars <= len(heard) and mark.at <= at(seconds) for mark in cut.played)
    assert cut.played_at(len(LONG.text)) is None


def test_what_was_cut_off_before_is_not_heard_further() -> None:
    cut = Turn(7, Speaker.ASSISTANT, "Mercoledì 11, confermi?", at(0), at(2), heard="Mercoledì")
    assert cut.heard_by(at(3)) is cut
    assert cut.heard_by(START - timedelta(seconds=1)).heard == ""
