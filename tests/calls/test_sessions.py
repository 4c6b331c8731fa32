"""What goes wrong with the model's connection in the middle of a call, each as a whole call with its own agenda."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from tests.calls.lineup import OFFER, WEDNESDAY_15, Ended, Part, line_up
from transport.simulation.gemini_emulator_call import EmulatedCall
from transport.simulation.gemini_emulator_script import Break, Connection, Hearing, Script
from transport.simulation.modem import SPOILT_WORD
from transport.simulation.persona import Interruption, Persona, Reaction, Reply

pytestmark = pytest.mark.xdist_group("sessions")  # one worker plays the calls, for all tests here

YES, READBACK = "Sì, confermo.", r"conferm\w*\?"
WISH, CHOICE = "Vorrei prenotare una consulenza.", "Mercoledì 11 alle 15."
BATCH = 8
LONG = 60.0
"""Seconds of silence that a caller bears who waits for the model to be put right."""


def booker(name: str, *interruptions: Interruption, slow: bool = False) -> Persona:
    """Wants Wednesday at 15, and answers the same question as often as it is asked; `slow`: after a while."""

    def says(text: str) -> Reply:
        return Reply("", adds=text, pause_ms=2500) if slow else Reply(text)

    return Persona(
        name,
        (
            Reaction(
                f"{SPOILT_WORD}$", Reply(""), times=9
            ),  # cut off in the middle of a word: more will come
            Reaction("come posso aiutarti", says(WISH), times=4),
            Reaction(OFFER, says(CHOICE), times=6),
            Reaction(READBACK, says(YES), times=8),
        ),
        interruptions,
    )


def part(name: str, *connections: Connection, slow: bool = False, **script: Any) -> Part:
    """A call whose connections behave so, in this order."""
    numbered = dict(enumerate(connections, 1))
    return Part(booker(name, slow=slow), Script(connections=numbered, **script), patience_s=LONG)


def broken(code: int | None, turn: int) -> Connection:
    return Connection(breaks=Break(code, "as written", in_turn=turn))


LEAVING = Connection(go_away_after=1, go_away_s=30)
UNAVAILABLE = Connection(refuses=(1011, "The service is currently unavailable."))

# Its turns, when nothing goes wrong: 1 the greeting, 2 the offer, 3 the readback, 4 "un attimo", 5 that it is booked.
PARTS = (
    # goAway: there is time until nobody speaks; there is none; nothing more comes after it; twice in a call.
    part("Avvisata", LEAVING, slow=True),
    part("Sfrattata", Connection(go_away_after=2, go_away_s=2)),
    part("Abbandonata", Connection(go_away_after=1, go_away_s=6, silent_after_go_away=True)),
    part("Nomade", LEAVING, Connection(go_away_after=2, go_away_s=30), slow=True),
    # Closed or broken in the middle of the offer, of the readback, of the good news.
    part("Spezzata", broken(None, 2)),
    part("Chiusa", broken(1001, 3)),
    part("Guasta", broken(1011, 2)),
    part("Compiuta", broken(None, 5)),
    part("Esaurita", broken(1007, 3)),
    part("Bandita", broken(1008, 2)),
    # Refused: at the first setup, when it is to be taken up again, for as long as anybody tries.
    part("Rifiutata", Connection(refuses=(1007, "Request contains an invalid argument."))),
    part("Scaduta", broken(None, 3), Connection(refuses=(1008, "session not found"))),
    part("Perseguitata", broken(1011, 2), UNAVAILABLE, UNAVAILABLE, UNAVAILABLE),
    # No handle to take anything up with; taken up, but never answered.
    part("Smemorata", Connection(gives_handles=False, breaks=Break(None, in_turn=3))),
    part("Inascoltata", LEAVING, Connection(answers_setup=False), slow=True),
    # It says nothing any more; it was interrupted by nobody; by somebody, in a message that carries audio too.
    part("Muta", Connection(silent_from_turn=3)),
    part("Fantasma", Connection(interrupts_turn=2)),
    Part(booker("Impaziente", Interruption(Reply(CHOICE), hears="Ho liberi"))),
    # The yes goes down with the connection, and so does the notice that it is booked.
    part("Inghiottita", Connection(breaks=Break(1011, after_utterance=3))),
    part("Disdetta", Connection(breaks=Break(None, upon_notice=1))),
    # Words that come twice, in one connection and from one to the next; words that come late, or never.
    part("Ripetuta", utterances={2: Hearing(times=2), 3: Hearing(times=2)}),
    part("Riecheggiata", LEAVING, Connection(replays=3), slow=True),
    part("Riecheggiante", broken(None, 3), Connection(replays=6)),
    part("Ritardata", broken(None, 3), utterances={2: Hearing(delay_s=4.0)}),
    part("Incompresa", utterances={3: Hearing(dropped=True)}),
)
GIVEN_UP = ("Bandita", "Rifiutata", "Perseguitata")

# Of each connection of a call whether it took the conversation up again, or began one that was told of the call.
CONNECTIONS = {
    "Avvisata": [False, True],
    "Sfrattata": [False, True],
    "Abbandonata": [False, True],
    "Nomade": [False, True, True],
    "Spezzata": [False, True],
    "Chiusa": [False, True],
    "Guasta": [False, True],
    "Compiuta": [False, True],
    "Esaurita": [False, False],
    "Bandita": [False],
    "Rifiutata": [False],
    "Scaduta": [False, True, False],
    "Perseguitata": [False, True, False],
    "Smemorata": [False, False],
    "Inascoltata": [False, True, False],
    "Muta": [False, False],
    "Fantasma": [False],
    "Impaziente": [False],
    "Inghiottita": [False, True],
    "Disdetta": [False, True],
    "Ripetuta": [False],
    "Riecheggiata": [False, True],
    "Riecheggiante": [False, True],
    "Ritardata": [False, True],
    "Incompresa": [False],
}


@dataclass(frozen=True, slots=True)
class Played:
    calls: dict[str, Ended]
    metrics: str

    def __getitem__(self, name: str) -> Ended:
        return self.calls[name]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Played:
    async def play() -> Played:
        async with line_up(tmp_path_factory.mktemp("sessions")) as lines:
            found: dict[str, Ended] = {}
            for at in range(0, len(PARTS), BATCH):
                found |= await lines.play(PARTS[at : at + BATCH])
            in_force = await lines.in_force()
            assert in_force == {(name, start) for name, each in found.items() for start in each.booked}
            return Played(found, await lines.page("/metrics"))

    return asyncio.run(play())


def emulated(call: Ended) -> EmulatedCall:
    assert call.emulated is not None
    return call.emulated


def heard(call: Ended) -> str:
    """What the caller heard, in one line."""
    assert call.caller is not None
    return " ".join(call.caller.words("assistant").split())


@pytest.mark.parametrize("name", [part.persona.name for part in PARTS])
def test_exactly_the_right_booking_or_none(ended: Played, name: str) -> None:
    call = ended[name]
    assert call.booked == ([] if name in GIVEN_UP else [WEDNESDAY_15]), call.story
    assert [start for start, status in call.holds if status == "confirmed"] == call.booked, call.story
    assert call.detail.call.end_reason == ("model unreachable" if name in GIVEN_UP else "hangup"), call.story
    assert "awaiting_confirm" not in [status for _, status in call.holds], call.story
    assert call.broken_at is None, call.story


@pytest.mark.parametrize("name", [part.persona.name for part in PARTS])
def test_nobody_is_greeted_twice(ended: Played, name: str) -> None:
    call = ended[name]
    assert heard(call).count("assistente virtuale") == (name != "Rifiutata"), call.story


@pytest.mark.parametrize("name", [part.persona.name for part in PARTS])
def test_it_goes_over_as_it_should_and_never_with_two_connections(ended: Played, name: str) -> None:
    call = ended[name]
    assert emulated(call).resumed == CONNECTIONS[name], call.story
    assert emulated(call).breaches == [], call.story


@pytest.mark.parametrize("name", ["Avvisata", "Nomade", "Riecheggiata"])
def test_a_connection_left_in_quiet_is_not_noticed(ended: Played, name: str) -> None:
    call = ended[name]
    assert "interruzione" not in heard(call), call.story
    assert "non ho sentito" not in heard(call), call.story
    assert Counter(turn.text for turn in call.detail.turns if turn.speaker == "caller") == Counter(
        emulated(call).heard
    ), call.story


@pytest.mark.parametrize("name", ["Riecheggiata", "Riecheggiante"])
def test_no_word_of_the_caller_is_doubled_by_a_replay(ended: Played, name: str) -> None:
    call = ended[name]
    said = Counter(turn.text for turn in call.detail.turns if turn.speaker == "caller")
    assert said == Counter(emulated(call).heard), call.story


def test_a_yes_that_went_down_with_the_connection_is_asked_again(ended: Played) -> None:
    call = ended["Inghiottita"]
    assert call.caller is not None
    assert call.caller.words("caller").count(YES) >= 2, call.story
    assert [turn.text for turn in call.detail.turns if turn.speaker == "caller"].count(YES) == (
        call.caller.words("caller").count(YES) - 1
    ), call.story


def test_a_yes_that_is_never_transcribed_is_asked_again_until_it_is(ended: Played) -> None:
    call = ended["Incompresa"]
    assert "non_sentito" in call.notices, call.story
    assert call.caller is not None
    assert call.caller.words("caller").count(YES) >= 2, call.story


def test_a_notice_that_was_lost_is_told_in_the_next_conversation(ended: Played) -> None:
    call = ended["Disdetta"]
    told = [text for text in emulated(call).told if "è prenotato: mercoledì 11 febbraio alle 15" in text]
    assert len(told) == 2, call.story
    assert heard(call).count("confermato per mercoledì 11 febbraio alle 15") == 1, call.story


def test_good_news_that_broke_off_is_told_again(ended: Played) -> None:
    call = ended["Compiuta"]
    told = [text for text in emulated(call).told if "è prenotato: mercoledì 11 febbraio alle 15" in text]
    assert len(told) == 2, call.story


@pytest.mark.parametrize(("name", "connections"), [("Muta", 2), ("Fantasma", 1)])
def test_a_model_that_should_speak_is_reminded_once(ended: Played, name: str, connections: int) -> None:
    call = ended[name]
    told = [text for text in emulated(call).told if "aspetta che tu parli" in text]
    assert len(told) == 1, call.story
    assert emulated(call).connections == connections, call.story


@pytest.mark.parametrize("name", ["Esaurita", "Scaduta", "Smemorata", "Inascoltata", "Muta"])
def test_a_new_conversation_goes_on_where_the_call_was(ended: Played, name: str) -> None:
    call = ended[name]
    assert emulated(call).told.count("[INIZIO CHIAMATA]") == 1, call.story
    assert emulated(call).told.count("[RIPRESA CHIAMATA]") == 1, call.story
    assert "Scusami per l'interruzione." in heard(call), call.story


def test_who_speaks_into_the_assistants_words_cuts_them_off(ended: Played) -> None:
    call = ended["Impaziente"]
    assert call.caller is not None
    assert call.caller.kills == 1, call.story
    assert any(turn.heard is not None for turn in call.detail.turns), call.story


def test_every_change_of_connection_is_counted(ended: Played) -> None:
    counted = dict(re.findall(r'vbs_session_rotations_total{reason="(\w+)"} (\d+)', ended.metrics))
    assert counted.keys() == {"go_away", "network", "server", "refused", "silent", "unanswered"}
    rotations = sum(emulated(call).connections - 1 for call in ended.calls.values())
    assert sum(map(int, counted.values())) == rotations
