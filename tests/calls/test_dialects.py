"""Calls through every dialect at once: each makes its booking, also by keys and over interruptions, hands over where
it can, and ends well by either side.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.lineup import OFFER, WEDNESDAY_15, Ended, Part, booker, line_up
from transport.settings import BridgeSettings
from transport.simulation.gemini_emulator_script import Break, Connection, Script
from transport.simulation.modem import SPOILT_WORD
from transport.simulation.persona import Interruption, Persona, Reaction, Reply

pytestmark = pytest.mark.xdist_group("dialects")  # one worker plays the calls, for all tests here

# Of the tests' fast clock: 200 ms are no more than 80 real ones, for three parties in one process.
BRIDGE = BridgeSettings(stream_lead_ms=200)

PARTS = {
    "fork": Part(booker("Anna"), dialect="fork"),
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
    for dialect, name in {"fork": "Dina", "stream": "Elsa", "twilio": "Fina"}.items()
}
KEYED, PERSON = "3471234567", "+390699887766"
KEYING = {
    dialect: Part(
        booker(
            name,
            Reaction("numero", Reply("", keys=f"{KEYED}#"), times=2),
            email=f"{name.lower()}@example.com",
        ),
        dialect=dialect,
        lead=True,
    )
    for dialect, name in {"fork": "Gina", "stream": "Iris", "twilio": "Lara"}.items()
}
ANSWERING_BY_KEY = {
    dialect: Part(
        booker(
            name,
            Reaction("(?<!risposta. )mercoledì.*confermi", Reply("", keys="1")),
            Reaction("i tasti non valgono", Reply("Sì, confermo.")),
        ),
        dialect=dialect,
    )
    for dialect, name in {"fork": "Mara", "stream": "Nora", "twilio": "Olga"}.items()
}
ASKING_FOR_A_PERSON = {
    dialect: Part(
        Persona(
            name,
            (
                Reaction("come posso aiutarti", Reply("Vorrei parlare con una persona.")),
                Reaction("dimmi pure|ti passo", Reply(""), times=3),
                Reaction("richiamare", Reply("No, grazie. Arrivederci.", hang_up=True)),
            ),
        ),
        Script(transcript_delay_s=(0.0, 0.1), think_s=(0.5, 0.6)),  # in one piece, before the answer
        dialect=dialect,
        transfer=PERSON,
    )
    for dialect, name in {"fork": "Pia", "stream": "Rita", "twilio": "Sara"}.items()
}
REFUSED = Connection(refuses=(1008, "policy violation"))
# Unreachable from the start; and for good in the middle of a turn, the one that reads the appointment back.
FAILING = {
    dialect: Part(booker(name), Script(connections={1: REFUSED}), dialect=dialect)
    for dialect, name in {"fork": "Tea", "stream": "Ugo", "twilio": "Vera"}.items()
}
DYING = {
    dialect: Part(
        booker(name),
        Script(connections={1: Connection(breaks=Break(1008, "policy violation", in_turn=3)), 2: REFUSED}),
        dialect=dialect,
        transfer=number,
    )
    for dialect, name, number in (
        ("fork", "Zoe", PERSON),
        ("stream", "Alba", PERSON),
        ("twilio", "Bice", None),
    )
}
ALL = (PARTS, INTERRUPTING, KEYING, ANSWERING_BY_KEY, ASKING_FOR_A_PERSON, FAILING, DYING)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    async def play() -> dict[str, Ended]:
        async with line_up(tmp_path_factory.mktemp("dialects"), settings={"bridge": BRIDGE}) as lines:
            ended: dict[str, Ended] = {}
            for together in (
                ALL[:3],
                ALL[3:5],
                ALL[5:],
            ):  # more at once are more than a test machine can speak for
                ended |= await lines.play(part for parts in together for part in parts.values())
            return ended

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


@pytest.mark.parametrize("dialect", KEYING)
def test_a_number_that_was_keyed_is_read_back_and_booked_with(played: dict[str, Ended], dialect: str) -> None:
    call = played[KEYING[dialect].persona.name]
    assert call.emulated is not None
    assert [(turn.text, turn.keyed) for turn in call.detail.turns if turn.keyed] == [(KEYED, True)], (
        call.story
    )
    assert "347 1234567" in " ".join(call.emulated.said), call.story
    assert call.booked == [WEDNESDAY_15], call.story
    assert call.detail.call.booking is not None
    assert call.detail.call.booking.phone == f"+39{KEYED}"
    assert call.broken_at is None


@pytest.mark.parametrize("dialect", ANSWERING_BY_KEY)
def test_a_key_is_no_yes(played: dict[str, Ended], dialect: str) -> None:
    call = played[ANSWERING_BY_KEY[dialect].persona.name]
    confirmed = [each.entry["turn"] for each in call.detail.journal if each.entry["event"] == "conferma"]
    keyed = [turn.number for turn in call.detail.turns if turn.keyed]
    assert len(keyed) == 1, call.story
    assert "tasti_ignorati" in call.notices, call.story
    assert call.booked == [WEDNESDAY_15], call.story
    assert len(confirmed) == 1, call.story
    assert confirmed[0] > keyed[0] + 1, "after the words, not the key" + call.story


def test_who_asks_for_a_person_is_handed_over_where_the_dialect_can(played: dict[str, Ended]) -> None:
    call = played[ASKING_FOR_A_PERSON["fork"].persona.name]
    assert call.caller is not None
    assert (call.caller.transferred_to, call.caller.ended_by) == (PERSON, "server"), call.story
    assert call.detail.call.end_reason == "transferred", call.story
    assert not call.detail.call.callback_due
    assert "ti passo subito a una persona" in call.caller.words("assistant"), call.story
    assert call.booked == []
    assert call.holds == []


@pytest.mark.parametrize("dialect", ["stream", "twilio"])
def test_elsewhere_a_person_calls_back(played: dict[str, Ended], dialect: str) -> None:
    call = played[ASKING_FOR_A_PERSON[dialect].persona.name]
    assert call.caller is not None
    assert (call.caller.transferred_to, call.caller.ended_by) == ("", "caller"), call.story
    assert call.detail.call.callback_due, call.story
    assert "richiamare" in call.caller.words("assistant"), call.story


@pytest.mark.parametrize("dialect", FAILING)
def test_without_a_model_the_apology_is_heard_and_the_call_ended_by_us(
    played: dict[str, Ended], dialect: str
) -> None:
    call = played[FAILING[dialect].persona.name]
    assert call.caller is not None
    assert (call.caller.ended_by, call.detail.call.end_reason) == ("server", "model unreachable"), call.story
    assert call.detail.call.callback_due
    assert call.caller.heard_s > 4, "the apology lasts seven seconds, pauses among them"
    assert call.caller.problems == []


@pytest.mark.parametrize("dialect", DYING)
def test_a_model_that_dies_for_good_leaves_the_caller_an_apology_or_a_person(
    played: dict[str, Ended], dialect: str
) -> None:
    call, part = played[DYING[dialect].persona.name], DYING[dialect]
    assert call.caller is not None
    handed_over = dialect == "fork"
    assert call.caller.transferred_to == (part.transfer if handed_over else ""), call.story
    assert (call.caller.ended_by, call.detail.call.end_reason) == ("server", "model unreachable"), call.story
    assert call.detail.call.callback_due
    assert call.booked == []
    assert [status for _, status in call.holds if status == "awaiting_confirm"] == [], "let go" + call.story
    assert call.caller.heard_s > 4
