"""What a model is told that must go on with a call it does not know."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from engine.analysis import State
from engine.conversation import Conversation
from engine.details import Accumulator, Details
from engine.recap import MOST_TURNS, nudge, recap
from engine.turns import Speaker, Turn
from engine.understanding.context import CallerKnown
from fsm.stages import Stage, Task
from rules.limits import Limits
from tests.dialogues import shipped_rulebook

MARKER = "[AVVISO DEL SISTEMA]"
CLIENT = Conversation("c", "c", 1, ZoneInfo("Europe/Rome"), CallerKnown("client", "inbound", None), 1)
LEAD = Conversation("c", "c", 1, ZoneInfo("Europe/Rome"), CallerKnown("lead", "inbound", None))
LIMITS = shipped_rulebook().limits
WITH_NAME = replace(LIMITS, required={**LIMITS.required, ("lead", "inbound"): frozenset({"nome"})})
WEDNESDAY_15 = Details(date=dt.date(2026, 2, 11), time=dt.time(15))
CONTACT = Details(
    date=dt.date(2026, 2, 11), time=dt.time(15), phone="+393331234567", email="ada@example.com", name="Ada"
)


def state(stage: Stage, task: Task = Task.PRENOTA, details: Details | None = None) -> State:
    return State(Accumulator(details=details or Details()), stage, task)


@pytest.mark.parametrize(
    ("who", "standing", "told"),
    [
        (CLIENT, state(Stage.NESSUN_INTENTO, Task.NESSUNO), ["non ha ancora chiesto un appuntamento"]),
        (
            CLIENT,
            state(Stage.RACCOLTA_DATI, details=Details(date=dt.date(2026, 2, 11))),
            ["vuole un appuntamento", "Dati raccolti: mercoledì 11 febbraio.", "Manca ancora: ora."],
        ),
        (
            LEAD,
            state(Stage.RACCOLTA_DATI, details=Details(time=dt.time(15, 30), phone="+393331234567")),
            ["Dati raccolti: alle 15:30, telefono +393331234567.", "Manca ancora: giorno, email."],
        ),
        (
            CLIENT,
            state(Stage.DATI_COMPLETI, details=WEDNESDAY_15),
            ["Manca solo il sì a: mercoledì 11 febbraio alle 15.", "chiedi conferma. Aspetta il sì."],
        ),
        (
            LEAD,
            state(Stage.DATI_COMPLETI, details=CONTACT),
            [
                "Manca solo il sì a: mercoledì 11 febbraio alle 15, telefono +393331234567, email ada@example.com.",
                "nome Ada",
            ],
        ),
        (
            CLIENT,
            state(Stage.DATI_COMPLETI, Task.SPOSTA, WEDNESDAY_15),
            ["Manca solo il sì a: sposto l'appuntamento a mercoledì 11 febbraio alle 15."],
        ),
        (
            CLIENT,
            state(Stage.RACCOLTA_DATI, Task.DISDICI),
            ["vuole annullare un appuntamento"],
        ),
        (CLIENT, state(Stage.COMPLETATO, details=WEDNESDAY_15), ["è prenotato. Non c'è altro da confermare"]),
        (CLIENT, state(Stage.COMPLETATO, Task.SPOSTA), ["L'appuntamento è spostato."]),
        (CLIENT, state(Stage.COMPLETATO, Task.DISDICI), ["L'appuntamento è annullato."]),
    ],
)
def test_how_far_the_booking_has_come(who: Conversation, standing: State, told: list[str]) -> None:
    text = recap(MARKER, LIMITS, who, standing, [])
    for words in told:
        assert words in text


@pytest.mark.parametrize(
    ("limits", "task", "target", "missing"),
    [
        (LIMITS, Task.PRENOTA, None, "giorno, ora, telefono, email"),
        (WITH_NAME, Task.PRENOTA, None, "giorno, ora, telefono, email, nome"),
        (WITH_NAME, Task.SPOSTA, "appointment:1", "giorno, ora"),
        (LIMITS, Task.SPOSTA, None, "giorno, ora, quale appuntamento"),
        (LIMITS, Task.DISDICI, "appointment:1", "giorno, ora"),
        (LIMITS, Task.DISDICI, None, "giorno, ora, quale appuntamento"),
    ],
)
def test_what_is_missing_is_what_the_task_needs(
    limits: Limits, task: Task, target: str | None, missing: str
) -> None:
    standing = State(Accumulator(target=target), Stage.RACCOLTA_DATI, task)
    assert f"Manca ancora: {missing}." in recap(MARKER, limits, LEAD, standing, [])


@pytest.mark.parametrize("stage", [each for each in Stage if each is not Stage.COMPLETATO])
def test_nothing_is_called_booked_that_is_not(stage: Stage) -> None:
    text = recap(MARKER, LIMITS, CLIENT, state(stage, details=WEDNESDAY_15), [])
    assert "è prenotato" not in text
    assert "Nulla è registrato oltre a quanto scritto qui" in text


@pytest.mark.parametrize("stage", list(Stage))
def test_it_never_greets_again_and_takes_nothing_unheard_for_a_yes(stage: Stage) -> None:
    text = recap(MARKER, LIMITS, CLIENT, state(stage), [])
    assert text.startswith(MARKER)
    assert "Non salutare di nuovo" in text
    assert "non darle per un sì" in text


def turn(number: int, speaker: Speaker, text: str, heard: str | None = None) -> Turn:
    at = dt.datetime(2026, 2, 9, 9, 0, number, tzinfo=dt.UTC)
    return Turn(number, speaker, text, at, at, heard=heard)


def test_it_tells_what_was_heard_and_no_more() -> None:
    turns = [
        turn(1, Speaker.ASSISTANT, "Buongiorno. Come posso aiutarti?"),
        turn(2, Speaker.CALLER, "Vorrei prenotare"),
        turn(3, Speaker.ASSISTANT, "Mercoledì 11 alle 15. Confermi?", heard="Mercoledì 11"),
        turn(4, Speaker.ASSISTANT, "Ecco", heard=""),
    ]
    told = recap(MARKER, LIMITS, CLIENT, state(Stage.RACCOLTA_DATI), turns).splitlines()
    at = told.index("Detto finora:")
    assert told[at + 1 : at + 5] == [
        "Tu: Buongiorno. Come posso aiutarti?",
        "Chi chiama: Vorrei prenotare",
        "Tu: Mercoledì 11",
        "",
    ]


def test_of_a_long_call_the_end_is_told() -> None:
    turns = [turn(number, Speaker.CALLER, f"parola{number} " * 200) for number in range(1, 40)]
    text = recap(MARKER, LIMITS, CLIENT, state(Stage.RACCOLTA_DATI), turns)
    assert "parola39" in text
    assert "parola23" not in text
    assert text.count("Chi chiama: ") == MOST_TURNS
    assert len(text) < 7000


def test_a_reminder_is_short_and_says_what_to_ask() -> None:
    assert "ripeti per intero la tua ultima domanda" in nudge(MARKER, CLIENT, state(Stage.RACCOLTA_DATI))
    asked = nudge(MARKER, CLIENT, state(Stage.DATI_COMPLETI, details=WEDNESDAY_15))
    assert "ripeti per intero mercoledì 11 febbraio alle 15 e chiedi conferma" in asked
