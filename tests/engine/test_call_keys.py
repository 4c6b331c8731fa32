"""Keys pressed during a call, on a virtual clock: when they become a turn, and what waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.ports import AnalysisResult, CallerWords, Dtmf
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
