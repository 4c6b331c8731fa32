"""The receptionist in a call that it did not begin, upon the very recap that we send."""

from __future__ import annotations

import datetime as dt

import pytest

from engine.analysis import State
from engine.details import Details
from engine.recap import nudge, recap
from engine.turns import Speaker, Turn
from fsm.stages import Stage, Task
from tests.engine.test_recap import CLIENT, CONTACT, LEAD, LIMITS, MARKER, WEDNESDAY_15, state, turn
from tests.transport.gemini.test_live import PROMPT
from transport.simulation.receptionist import Receptionist

GREETING = turn(
    1, Speaker.ASSISTANT, "Ciao Marco, sono l'assistente virtuale di Studio Rossi. Come posso aiutarti?"
)
OFFER = turn(3, Speaker.ASSISTANT, "Ho liberi mercoledì 11 febbraio alle 10 o alle 15. Quale preferisci?")
READBACK = turn(5, Speaker.ASSISTANT, "Mercoledì 11 febbraio alle 15. Confermi?")
STUMP = turn(6, Speaker.ASSISTANT, "Un attimo, verifico.", heard="Un")
SORRY = "Scusami per l'interruzione. "


def newcomer(standing: State, *turns: Turn) -> Receptionist:
    return Receptionist(f"{PROMPT}\n\n{recap(MARKER, LIMITS, CLIENT, standing, turns)}")


@pytest.mark.parametrize(
    ("standing", "turns", "says"),
    [
        (state(Stage.NESSUN_INTENTO, Task.NESSUNO), [GREETING], "Come posso aiutarti?"),
        (state(Stage.RACCOLTA_DATI), [GREETING, OFFER], "Quale preferisci?"),
        (
            state(Stage.RACCOLTA_DATI, details=WEDNESDAY_15),
            [GREETING, OFFER],
            "Mercoledì 11 febbraio alle 15. Confermi?",
        ),
        (
            state(Stage.NESSUN_INTENTO, Task.NESSUNO),
            [GREETING, READBACK, STUMP],
            "Mercoledì 11 febbraio alle 15. Confermi?",
        ),
        (
            state(Stage.DATI_COMPLETI, details=WEDNESDAY_15),
            [READBACK],
            "Mercoledì 11 febbraio alle 15. Confermi?",
        ),
        (
            state(Stage.DATI_COMPLETI, Task.SPOSTA, WEDNESDAY_15),
            [],
            "Sposto l'appuntamento a mercoledì 11 febbraio alle 15. Confermi?",
        ),
        (state(Stage.COMPLETATO, details=WEDNESDAY_15), [GREETING, READBACK], "Ti serve altro?"),
    ],
)
def test_it_asks_what_was_asked_and_does_not_greet(standing: State, turns: list[Turn], says: str) -> None:
    assert newcomer(standing, *turns).go_on() == SORRY + says


def test_it_goes_on_from_there() -> None:
    desk = newcomer(state(Stage.DATI_COMPLETI, details=WEDNESDAY_15), READBACK)
    desk.go_on()
    assert desk.answer("Sì, confermo.") == "Un attimo, verifico."


def test_a_lead_is_not_asked_twice_for_what_is_known() -> None:
    needs = PROMPT.replace("Dati da chiedere: giorno e ora", "Dati da chiedere: giorno, ora, telefono, email")
    known = Details(date=dt.date(2026, 2, 11), time=dt.time(15), phone=CONTACT.phone)
    desk = Receptionist(
        f"{needs}\n\n{recap(MARKER, LIMITS, LEAD, state(Stage.RACCOLTA_DATI, details=known), [])}"
    )
    assert "email" in desk.go_on()
    assert "telefono 333 1234567, email ada@example.com. Confermi?" in desk.answer("ada@example.com")


def test_one_who_remembers_learns_what_it_lacks() -> None:
    desk = Receptionist(PROMPT)
    desk.greet()
    told = recap(
        MARKER, LIMITS, CLIENT, state(Stage.DATI_COMPLETI, details=WEDNESDAY_15), [GREETING, READBACK]
    )
    assert desk.notice(told) == SORRY + "Mercoledì 11 febbraio alle 15. Confermi?"


def test_a_reminder_makes_it_ask_again() -> None:
    desk = Receptionist(PROMPT)
    desk.greet()
    desk.answer("Vorrei prenotare")
    assert desk.notice(nudge(MARKER, CLIENT, state(Stage.RACCOLTA_DATI))) == SORRY + "Quale preferisci?"
    desk.answer("Mercoledì alle 15")
    assert desk.notice(nudge(MARKER, CLIENT, state(Stage.DATI_COMPLETI, details=WEDNESDAY_15))) == (
        SORRY + "Mercoledì 11 febbraio alle 15. Confermi?"
    )
