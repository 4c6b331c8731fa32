"""Calls through every dialect at once: not a word is lost either way, and each makes its booking."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.lineup import OFFER, WEDNESDAY_15, Ended, Part, booker, line_up
from transport.settings import BridgeSettings
from transport.simulation.modem import SPOILT_WORD
from transport.simulation.persona import Interruption, Reaction, Reply

# Of the tests' fast clock: 200 ms are no more than 80 real ones, for three parties in one process.
BRIDGE = BridgeSettings(stream_lead_ms=200)

PARTS = {
    "fork at 8 kHz": Part(booker("Ada"), dialect="fork", rate=8000),
    "stream": Part(booker("Bea"), dialect="stream"),
    "stream at 8 kHz": Part(booker("Clara"), dialect="stream", rate=8000),
    "twilio": Part(booker("Dora"), dialect="twilio"),
}
INTERRUPTING = {
    dialect: Part(
        booker(
            name,
            Reaction(OFFER, Reply("Mercoledì 11 alle 15."), times=3),
            interruptions=(Interruption(Reply("Aspetti un momento!"), hears="mercoledì"),),
        ),
        dialect=dialect,
    )
    for dialect, name in {"stream": "Elsa", "twilio": "Fina"}.items()
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    async def play() -> dict[str, Ended]:
        async with line_up(tmp_path_factory.mktemp("dialects"), settings={"bridge": BRIDGE}) as lines:
            return await lines.play([*PARTS.values(), *INTERRUPTING.values()])

    return asyncio.run(play())


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_every_word_travels_both_ways_and_the_booking_is_made(played: dict[str, Ended], part: Part) -> None:
    call = played[part.persona.name]
    assert call.caller is not None and call.emulated is not None
    assert call.booked == [WEDNESDAY_15] and call.stage == "completato", call.story
    assert call.caller.problems == [] and call.detail.call.end_reason == "hangup", call.story
    assert " ".join(call.emulated.heard).split() == call.caller.words("caller").split(), call.story
    heard, said = call.caller.words("assistant").split(), " ".join(call.emulated.said).split()
    assert SPOILT_WORD not in " ".join(heard), call.story
    assert heard[-3:] == ["Ti", "serve", "altro?"], call.story
    assert heard == said[: len(heard)], "but for what is said after the caller has left" + call.story


@pytest.mark.parametrize("part", INTERRUPTING.values(), ids=INTERRUPTING.keys())
def test_a_caller_who_cuts_in_is_heard_and_books(played: dict[str, Ended], part: Part) -> None:
    call = played[part.persona.name]
    assert call.caller is not None and call.emulated is not None
    assert call.caller.kills >= 1 and call.caller.problems == [], call.story
    assert [turn for turn in call.detail.turns if turn.heard is not None], call.story
    assert "Aspetti un momento!" in " ".join(call.emulated.heard), call.story
    assert SPOILT_WORD not in " ".join(call.emulated.heard), call.story
    assert call.booked == [WEDNESDAY_15], call.story
