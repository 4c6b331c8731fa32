"""When a yes is a yes: what in the caller's turn takes it back, and whether it was spoken late enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from engine.details import Slot
from engine.turns import Played, Speaker, Turn
from engine.understanding.agreement import (
    agrees,
    asks_for_yes,
    confirms_by_name,
    names_another,
    only_closes,
    spoken_after,
)
from engine.understanding.caller import CallerReading, read_caller
from engine.understanding.readback import read_assistant
from fsm.stages import Task
from tests.dialogues import shipped_rulebook
from tests.engine.scene import THREE, at
from tests.storage.playground import ROME

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)


def said(text: str) -> CallerReading:
    return read_caller(text, NOW, shipped_rulebook().phrases, yes_no_pending=True)


@pytest.mark.parametrize(
    "text",
    [
        "Sì",
        "Sì sì",
        "Sì, va bene",
        "Va bene",
        "Perfetto, grazie",
        "Confermo",
        "Certo",
        "Sì, confermo mercoledì alle 15",
        "D'accordo",
        "Sì, grazie mille",
        "Esatto",
        "Ok",
        "Sì, le dico di sì",
        "Sì, chiedo scusa per il ritardo",
        "Sì, al 100%",
        "Va bene, non serve altro",
        "Sì, è per una visita di controllo",
        "Sì, va bene, a presto",
        "Sì, a dopo, grazie",
        "Confermo, ci sentiamo",
        "Ok, ci sentiamo mercoledì",
        "Ok, ci vediamo mercoledì",
        "Sì. Va bene così?",
        "Sì, alle 15, giusto?",
        "Sì. Dove siete di preciso?",
        "Sì, devo portare qualcosa?",
        "Sì, mi arriva un messaggio?",
    ],
)
def test_a_yes(text: str) -> None:
    assert agrees(said(text), Task.PRENOTA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mh",
        "No",
        "No, grazie",
        "Sì, ma devo prima sentire mia moglie",
        "Sì, però non so",
        "Sì, anzi no",
        "Sì, no, aspetti",
        "Sì, un attimo che guardo",
        "Forse sì",
        "Credo di sì",
        "Sì, se riesco a liberarmi",
        "Sì, a meno che non piova",
        "Sì, se mia moglie è d'accordo",
        "Sì, appena mi libero",
        "Sì, sì, la sento. Cosa diceva?",
        "Sì, mi sente?",
        "Sì sì, come no, figuriamoci",
        "Confermo di non poter venire",
        "Certo che è caro!",
        "Va bene, mi faccia sapere",
        "Sì, provvisoriamente",
        "Ok, lo tenga in sospeso",
        "Sì mamma, arrivo",
        "Sì, dovrei esserci",
        "Le confermo più tardi",
        "Non confermo",
        "Come, scusi?",
        "Può ripetere?",
        "Sì, quasi sicuramente",
        "Sì, al 90%",
        "Ok, poi ti dico",
        "Ok, controllo",
        "Sì, chiedo prima a mio marito",
        "Ok, provo a liberarmi",
        "Sì, a meno di imprevisti",
        "Ok, non è possibile",
        "Ok, non serve più",
        "Ok, non ci sarò",
        "Sì, scusa, non era per te",
        "Ok, 1 attimo",
        "Lasci perdere",
        "Va bene, allora niente",
        "Sì, chi parla?",
        "Mercoledì alle 15",
        "Ok, ci sentiamo",
        "Ok a dopo",
        "Va bene, a più tardi",
        "Sì, ci sentiamo più tardi",
        "Sì, quanto costa?",
        "Sì, quanto devo pagare",
        "Sì, quanto dura?",
        "Sì, a che ora?",
        "Sì. Con chi?",
        "Sì, poi si può spostare?",
        "Sì, c'è anche prima?",
        "Sì, avevo capito giovedì",
        "Sì, ho già prenotato",
        "Sì, non sono io",
        "Ok, lo tengo presente",
        "Sì, passami il sale",
        "Sì, alle",
        "Sì, il",
    ],
)
def test_no_yes(text: str) -> None:
    assert not agrees(said(text), Task.PRENOTA)


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        ("Sì, annulli pure", Task.DISDICI, True),
        ("Sì elimina", Task.DISDICI, True),
        ("Sì, lo tenga", Task.DISDICI, False),
        ("Sì, lo lasci dov'è", Task.SPOSTA, False),
        ("Sì, lo tenga per me", Task.PRENOTA, True),
        ("Sì, lo annulli", Task.PRENOTA, False),
        ("Sì elimina", Task.PRENOTA, False),
        ("Sì, lo tolga", Task.SPOSTA, False),
        ("Sì, tolga pure", Task.DISDICI, True),
        ("Sì, rimandi", Task.PRENOTA, False),
        ("Sì, lo anticipi", Task.DISDICI, False),
        ("Sì, posticipi pure", Task.SPOSTA, True),
        ("Sì, grazie in anticipo", Task.PRENOTA, True),
        ("Sì, sposto un impegno e vengo", Task.PRENOTA, True),
        ("Sì, lo annulli", Task.SPOSTA, False),
        ("Sì, lo sposti pure", Task.SPOSTA, True),
        ("Sì, vorrei spostarlo", Task.PRENOTA, False),
        ("Sì, vorrei spostarlo", Task.DISDICI, False),
    ],
)
def test_the_verb_of_another_task_is_no_yes(text: str, task: Task, expected: bool) -> None:
    assert agrees(said(text), task) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grazie", True),
        ("Perfetto, grazie mille, arrivederci", True),
        ("Ok, va bene", True),
        ("Buona giornata anche", False),
        ("", False),
        ("Mh", False),
        ("No", False),
        ("Grazie, giovedì", False),
        ("Va bene, ci sentiamo", False),
        ("Quanto costa?", False),
    ],
)
def test_thanks_and_goodbyes_leave_an_earlier_yes_as_it_is(text: str, expected: bool) -> None:
    assert only_closes(said(text)) is expected


FRIDAY = Slot(date(2026, 2, 13), time(9, 30))


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        ("Sì", Task.PRENOTA, False),
        ("Sì, mercoledì alle 3", Task.PRENOTA, False),
        ("Sì, giovedì", Task.PRENOTA, True),
        ("Sì, mercoledì 12", Task.PRENOTA, True),
        ("Sì, alle 15 o alle 16", Task.PRENOTA, True),
        ("Sì, alle 25", Task.PRENOTA, True),
        ("Sì, di mattina", Task.PRENOTA, True),
        ("Sì, mercoledì sono dal dentista", Task.PRENOTA, True),
        ("Sì, giovedì sono dal dentista", Task.PRENOTA, False),
        ("Sì, l'altro", Task.PRENOTA, True),
        ("Sì, entrambi", Task.PRENOTA, True),
        ("Sì, più tardi", Task.PRENOTA, True),
        ("Sì, come prima", Task.PRENOTA, False),
        ("Sì, prima possibile", Task.PRENOTA, False),
        ("Sì, un'altra cosa", Task.PRENOTA, False),
        ("Sì, dodici", Task.PRENOTA, True),
        ("Sì il dodici", Task.PRENOTA, True),
        ("Sì, quindici", Task.PRENOTA, False),
        ("Sì, 15 30", Task.PRENOTA, True),
        ("Sì, 15.30", Task.PRENOTA, True),
        ("Sì, 15.00", Task.PRENOTA, False),
        ("Sì, 11/2", Task.PRENOTA, False),
        ("Sì, mercoledì dopo", Task.PRENOTA, True),
        ("Sì, dieci minuti dopo", Task.PRENOTA, True),
        ("Sì, alle tre, tre", Task.PRENOTA, False),
        ("Sì, undici", Task.PRENOTA, False),
        ("Sì, da mercoledì", Task.SPOSTA, True),
        ("Sì, quello di mercoledì alle 15", Task.DISDICI, False),
        ("Sì, quello di venerdì", Task.DISDICI, True),
        ("Sì, quello delle 9 e mezza", Task.DISDICI, True),
        ("Sì, alle 9 e mezza", Task.DISDICI, True),
        ("Sì, mercoledì sono dal dentista", Task.DISDICI, False),
        ("Sì, venerdì sono dal dentista", Task.DISDICI, True),
        ("Sì, quello di venerdì", Task.SPOSTA, False),
        ("Sì, l'appuntamento di venerdì lo sposti a mercoledì", Task.SPOSTA, False),
        ("Sì, quello di mercoledì", Task.SPOSTA, True),
        ("Sì, quello di lunedì", Task.SPOSTA, True),
    ],
)
def test_a_yes_may_name_the_slot_agreed_to_and_no_other(text: str, task: Task, expected: bool) -> None:
    """Wednesday at 15:00 is what is booked or cancelled, or where Friday's booking goes."""
    old = FRIDAY if task is Task.SPOSTA else THREE if task is Task.DISDICI else None
    assert names_another(said(text), THREE, task, old=old, own=[THREE, FRIDAY]) is expected


def test_without_a_slot_no_other_is_named() -> None:
    assert not names_another(said("Sì, giovedì"), None, Task.PRENOTA)


READBACK = "Mercoledì 11 febbraio alle 15, confermi?"
SLOT_OUT = len("Mercoledì 11 febbraio alle 15")
BEFORE = Turn(1, Speaker.ASSISTANT, READBACK, at(0), at(4))
MARKED = replace(BEFORE, played=(Played(at(1), 9), Played(at(3), SLOT_OUT), Played(at(4), len(READBACK))))


@pytest.mark.parametrize(
    ("before", "began", "expected"),
    [
        (BEFORE, 4.0, True),
        (BEFORE, 3.9, False),  # without marks nothing is known to be out before the end
        (BEFORE, None, False),  # what cannot be placed is no yes
        (MARKED, 3.0, True),
        (MARKED, 3.5, True),
        (MARKED, 2.9, False),  # before the time was out
        (MARKED, None, False),
        (replace(BEFORE, heard="Mercoledì 11"), 9.0, False),
        (replace(BEFORE, ended_at=None), 9.0, False),
    ],
)
def test_the_yes_must_be_spoken_after_the_slot_was_played(
    before: Turn, began: float | None, expected: bool
) -> None:
    when = None if began is None else at(began)
    yes = Turn(2, Speaker.CALLER, "Sì", when, when and when + timedelta(seconds=1))
    assert spoken_after(yes, before, SLOT_OUT) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (READBACK, True),
        ("Mercoledì 11 febbraio alle 15.", False),
        ("Mercoledì 11 febbraio alle 15. Quale preferisce?", False),
        ("Mercoledì 11 febbraio alle 15. Hai già fatto una consulenza?", False),
    ],
)
def test_the_readback_must_ask(text: str, expected: bool) -> None:
    assert asks_for_yes(read_assistant(text, NOW)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sì, comunque confermo mercoledì alle 15", True),
        ("Confermo mercoledì", True),
        ("Confermo per le 15", True),
        ("Sì", False),
        ("Confermo", False),  # after another question the word alone is not enough
        ("Sì, mercoledì alle 15", False),
        ("Confermo giovedì", False),
        ("Confermo alle 10", False),
    ],
)
def test_after_another_question_only_a_confirmation_by_name_counts(text: str, expected: bool) -> None:
    assert confirms_by_name(said(text), THREE) is expected


def test_without_a_slot_there_is_nothing_to_confirm_by_name() -> None:
    assert not confirms_by_name(said("Confermo mercoledì alle 15"), None)
