"""Keys pressed during a call, on a virtual clock: when they become a turn, and what waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.ports import AnalysisResult, CallerWords, Dtmf, SpeechBegan, SpeechEnded
from tests.clocks import settle
from tests.engine.test_call import READBACK, Scene


@pytest.fixture
async def call() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.start()
    await scene.says("Mi lascia un numero?", 1000)
    await scene.clock.advance(2)
    yield scene
    await scene.close()


async def keys(call: Scene, pressed: str, every_s: float = 0.3) -> None:
    for key in pressed:
        call.phone.inbox.put_nowait(Dtmf(key))
        await settle()
        await call.clock.advance(every_s)


async def test_the_hash_ends_a_number_and_it_is_analysed_at_once(call: Scene) -> None:
    await keys(call, "3471234567#")
    (*_, asked) = call.supervisor.asked
    assert asked.words == ["3471234567"]
    assert [turn.keyed for turn in asked.turns] == [False, True]
    assert call.recorded[-1].keyed


async def test_a_pause_ends_a_number(call: Scene) -> None:
    await keys(call, "347")
    await call.clock.advance(2.5)
    assert len(call.supervisor.asked) == 1
    await call.clock.advance(0.5)
    assert call.supervisor.asked[-1].words == ["347"]


async def test_speech_of_the_caller_ends_a_number_and_is_waited_for(call: Scene) -> None:
    await keys(call, "347")
    await call.speaks(1)
    assert len(call.supervisor.asked) == 1
    await call.signal(CallerWords("ecco", finished=True))
    await call.clock.advance(0.2)
    assert call.supervisor.asked[-1].words == ["347", "ecco"]


async def test_keys_pressed_while_the_assistant_speaks_are_analysed_with_its_turn(call: Scene) -> None:
    await call.says(READBACK, 4000)
    await call.clock.advance(0.5)
    await keys(call, "1#")
    assert len(call.supervisor.asked) == 1
    await call.clock.advance(4)
    assert call.supervisor.asked[-1].words == [READBACK, "1"]


async def test_the_assistant_s_next_turn_ends_a_number(call: Scene) -> None:
    await keys(call, "347")
    await call.says("È ancora in linea?", 1000)
    await call.clock.advance(1.2)
    assert [asked.words for asked in call.supervisor.asked[1:]] == [["347", "È ancora in linea?"]]


async def test_what_is_being_decided_is_overtaken_by_a_key_and_waits_for_the_rest(call: Scene) -> None:
    call.supervisor.takes = lambda: call.clock.sleep(1)
    await call.speaks()
    await call.signal(CallerWords("sì", finished=True))
    await call.says("Un attimo.", 500)
    await call.clock.advance(0.8)
    deciding = call.supervisor.asked[-1]
    assert deciding.words == ["sì", "Un attimo."]
    call.supervisor.answers = [AnalysisResult(again=True)]
    await keys(call, "3")
    assert not deciding.still_valid()
    await call.clock.advance(2)
    assert call.supervisor.asked[-1] is deciding
    await call.clock.advance(2)
    assert call.supervisor.asked[-1].words == ["sì", "Un attimo.", "3"]
    assert not call.supervisor.asked[-1].pending_speech


async def test_a_number_is_not_lost_when_the_caller_hangs_up_on_its_last_key(call: Scene) -> None:
    await keys(call, "3471234567", every_s=0.1)
    await call.hangs_up()
    end = await call.over(0.5)
    assert (end.reason, end.keys) == ("hangup", 10)
    assert call.supervisor.asked[-1].words == ["3471234567"]
    assert call.supervisor.asked[-1].call_over


async def test_keys_that_say_nothing_are_no_turn(call: Scene) -> None:
    await keys(call, "##A")
    await call.clock.advance(5)
    assert len(call.supervisor.asked) == 1


@pytest.mark.parametrize("every_s", [0.15, 0.5, 1.2])
async def test_a_line_on_which_keys_sound_loses_none_and_waits_for_no_words(
    call: Scene, every_s: float
) -> None:
    """Each key's tone is heard before its event comes; the detector tells of its end 0.4 s later."""
    for number, key in enumerate("3471234567"):
        if every_s > 0.4 or number == 0:  # or else it is all one sound to the detector
            call.ear.edges.append(SpeechBegan(call.clock.now()))
        await call.hears(20)
        await call.clock.advance(0.1)
        call.phone.inbox.put_nowait(Dtmf(key))
        await settle()
        if every_s > 0.4:
            ended = call.clock.now()
            await call.clock.advance(0.4)
            call.ear.edges.append(SpeechEnded(ended))
            await call.hears(20)
        await call.clock.advance(every_s)
    if every_s <= 0.4:
        call.ear.edges.append(SpeechEnded(call.clock.now()))
        await call.hears(20)
    call.phone.inbox.put_nowait(Dtmf("#"))
    await settle()
    await call.clock.advance(0.2)
    assert call.supervisor.asked[-1].words == ["3471234567"]
    assert not call.supervisor.asked[-1].pending_speech
    await call.clock.advance(10)
    assert not call.supervisor.asked[-1].unheard


async def test_who_speaks_while_keying_is_heard_but_gives_no_yes(call: Scene) -> None:
    await call.begins()
    await keys(call, "34")
    await call.ends()
    await call.signal(CallerWords("sì", finished=True))
    await call.clock.advance(4)
    spoken = next(turn for turn in call.supervisor.asked[-1].turns if turn.text == "sì")
    assert spoken.began_at is None, "it cannot be placed"


async def test_long_speech_with_a_key_in_it_is_speech(call: Scene) -> None:
    await call.begins()
    await call.clock.advance(1)
    await keys(call, "3")
    await call.clock.advance(1)
    await call.ends()
    await call.signal(CallerWords("mercoledì alle 15", finished=True))
    await call.clock.advance(1)
    assert sorted(call.supervisor.asked[-1].words) == ["3", "mercoledì alle 15"]
    assert all(turn.began_at is not None for turn in call.supervisor.asked[-1].turns)


async def test_words_said_over_keys_are_never_those_of_speech_after_them(call: Scene) -> None:
    """A "sì" over a key, of which the transcript comes when the caller has answered something else meanwhile."""
    await call.begins()
    await keys(call, "1#")
    await call.ends()
    await call.says(READBACK, 1000)
    await call.clock.advance(1.2)
    await call.speaks(0.5)
    await call.signal(CallerWords("sì"), CallerWords(" boh", finished=True))
    await call.clock.advance(5)
    said = [turn for turn in call.supervisor.asked[-1].turns if turn.text.startswith("sì")]
    assert [turn.began_at for turn in said] == [None]
