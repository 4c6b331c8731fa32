"""The fold over the turns of an analysis: what is held afterwards, and whether a yes among them counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from engine.details import Accumulator, Heard, Slot, Stance
from engine.turns import Played, Turn
from engine.understanding.context import Agreement, Reading, binding
from fsm.stages import Stage, Task
from tests.engine.scene import (
    CLIENT,
    DIALLED_LEAD,
    LEAD,
    THREE,
    agenda,
    at,
    holding,
    reading,
    slot,
    turns,
)

READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"
YES = "C: Sì"
TEN = slot("2026-02-11T10:00")
VALID, INVALID, NONE = Agreement.VALID, Agreement.INVALID, Agreement.NONE


def start(found: Reading) -> tuple[date | None, time | None]:
    return found.held.details.date, found.held.details.time


def moment(text: str | None) -> tuple[date | None, time | None]:
    """ "11 15:00" in February 2026; a dash stands for what is not known."""
    if text is None:
        return None, None
    day, hour = text.split()
    return (
        None if day == "-" else date(2026, 2, int(day)),
        None if hour == "-" else time.fromisoformat(hour),
    )


# --- Day and time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["C: Mercoledì alle 15"], "11 15:00"),
        (["C: Mercoledì"], "11 -"),
        (["C: Alle 15"], "- 15:00"),
        (["C: Mercoledì", "A: A che ora?", "C: Alle 15"], "11 15:00"),
        (["C: Domani alle 15"], "10 15:00"),
        # the last word counts when it takes the first back
        (["C: Mercoledì, anzi giovedì, alle 15"], "12 15:00"),
        (["C: Alle 15, no scusi, alle 10 di mercoledì"], "11 10:00"),
        # in "mercoledì alle 15 e magari anche giovedì" the first is the detail
        (["C: Mercoledì alle 15 e magari anche giovedì"], "11 15:00"),
        # left open between two
        (["C: Mercoledì o giovedì alle 15"], "- 15:00"),
        # ruled out
        (["C: Mercoledì non posso"], None),
        (["C: Mercoledì no, giovedì sì"], "12 -"),
        # never chosen by us
        (["C: Mercoledì 12 alle 15"], "- 15:00"),
        (["C: Il 30 febbraio alle 15"], "- 15:00"),
        (["C: Il 3 febbraio 2026 alle 15"], "- 15:00"),
    ],
)
def test_what_the_caller_says_is_held(lines: list[str], expected: str | None) -> None:
    assert start(reading(*lines)) == moment(expected)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("C: Mercoledì 12 alle 15", "giorno_discorde"),
        ("C: Il 30 febbraio alle 15", "impossibile"),
        ("C: Il 3 febbraio 2026 alle 15", "passato"),
        ("C: Mercoledì prossimo alle 15", "ambiguo"),
        ("C: Mercoledì o giovedì alle 15", "ambiguo"),
    ],
)
def test_a_day_that_does_not_add_up_stays_open(line: str, problem: str) -> None:
    found = reading(line)
    assert (found.held.details.date, found.held.day_problem) == (None, problem)


@pytest.mark.parametrize(
    ("said", "held", "free", "expected"),
    [
        ("C: Mercoledì alle tre", None, ["2026-02-11T15:00"], "11 15:00"),  # by what is free
        ("C: Mercoledì alle tre", None, [], "11 15:00"),  # by the opening hours
        ("C: Mercoledì alle otto", None, ["2026-02-11T08:00", "2026-02-11T20:00"], "11 -"),  # both free: ask
        ("C: Alle tre", "2026-02-11T15:00", [], "11 15:00"),  # by what is held
    ],
)
def test_an_hour_without_a_part_of_the_day(
    said: str, held: str | None, free: list[str], expected: str
) -> None:
    found = reading(said, held=holding(held), seen=agenda(free))
    assert start(found) == moment(expected)
    assert (found.held.time_problem == "ambiguo") is expected.endswith("-")


def test_an_hour_is_settled_by_the_slots_just_offered() -> None:
    """Open from morning to night, two fitting hours free: the offer decides."""
    seen = agenda(["2026-02-11T08:00", "2026-02-11T20:00"], hours=((time(0), time(23)),))
    found = reading("A: Mercoledì 11 ho alle 20. Va bene?", "C: Sì, alle otto", seen=seen)
    assert start(found) == moment("11 20:00")


# --- Prossimo ---------------------------------------------------------------------------------------------


def test_prossimo_is_kept_open_with_both_days() -> None:
    found = reading("C: Mercoledì prossimo alle 15")
    assert found.held.day_options == (date(2026, 2, 11), date(2026, 2, 18))
    assert "date" not in found.given


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A: Intende mercoledì 18 febbraio alle 15, giusto?", "18 15:00"),
        ("A: Allora mercoledì 11 febbraio alle 15, confermi?", "11 15:00"),
        ("A: Giovedì 12 alle 15, confermi?", "- 15:00"),  # neither of them
        ("A: Mercoledì 11 o mercoledì 18?", "- 15:00"),
        ("A: Intende mercoledì 18 febbraio alle 15, giusto? | Intende", "- 15:00"),  # not heard
    ],
)
def test_prossimo_is_settled_by_what_the_assistant_restates(line: str, expected: str) -> None:
    assert start(reading("C: Mercoledì prossimo alle 15", line)) == moment(expected)


def test_prossimo_settled_and_agreed_to() -> None:
    found = reading("C: Mercoledì prossimo alle 15", "A: Mercoledì 18 febbraio alle 15, giusto?", YES)
    assert (start(found), found.agreement) == (moment("18 15:00"), VALID)


@pytest.mark.parametrize(("answer", "expected"), [("C: L'11", "11 15:00"), ("C: Il 18", "18 15:00")])
def test_prossimo_is_settled_by_the_caller(answer: str, expected: str) -> None:
    found = reading("C: Mercoledì prossimo alle 15", "A: L'11 o il 18?", answer)
    assert start(found) == moment(expected)


# --- Corrections and rejections ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected", "correction", "given"),
    [
        ("C: Anzi giovedì", "12 15:00", True, {"date"}),
        ("C: Meglio alle 10", "11 10:00", True, {"time"}),
        ("C: Mercoledì alle 15", "11 15:00", False, {"date", "time"}),
        ("C: No, mercoledì non posso", "- 15:00", True, set()),
        ("C: Un altro orario, per favore", "11 -", True, set()),
        ("C: Non quel giorno", "- 15:00", True, set()),
        ("C: Sì, anzi no, aspetta", "11 15:00", True, set()),  # the values stay, somebody must say them again
        ("C: Mh", "11 15:00", False, set()),
    ],
)
def test_a_correction(line: str, expected: str, correction: bool, given: set[str]) -> None:
    found = reading(READBACK, line, held=holding(), stage=Stage.DATI_COMPLETI, new={2})
    assert (start(found), found.correction, found.given) == (moment(expected), correction, given)


# --- The assistant's other slots --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "stance", "mismatch"),
    [
        (READBACK, Stance.PLAIN, False),
        ("A: Mercoledì alle 15, confermi?", Stance.PLAIN, False),
        ("A: Mercoledì 11 febbraio alle 10, confermi?", Stance.MISMATCH, True),
        ("A: Giovedì 12 febbraio alle 15, confermi?", Stance.MISMATCH, True),
        ("A: Alle 10, va bene?", Stance.MISMATCH, True),
        # it says so, but the caller's slot is free
        ("A: Mercoledì alle 15 non è libero, ho mercoledì 11 alle 10. Va bene?", Stance.MISMATCH, True),
    ],
)
def test_another_slot_than_the_caller_s_is_a_mismatch(line: str, stance: Stance, mismatch: bool) -> None:
    found = reading(line, held=holding(), stage=Stage.DATI_COMPLETI)
    assert (found.held.stances[1], found.mismatch) == (stance, mismatch)


def test_another_slot_is_an_offer_when_the_caller_s_is_gone_and_the_turn_says_so() -> None:
    taken = agenda(["2026-02-11T10:00"])
    says = "A: Mercoledì alle 15 non è libero, ho mercoledì 11 alle 10. Va bene?"
    found = reading(says, YES, held=holding(), seen=taken)
    assert found.held.stances[1] is Stance.OFFER
    assert start(found) == moment("11 10:00")
    silent = reading("A: Mercoledì 11 alle 10, va bene?", YES, held=holding(), seen=taken)
    assert silent.held.stances[1] is Stance.MISMATCH
    assert (start(silent), silent.agreement) == (moment("11 15:00"), INVALID)


def test_a_yes_to_a_mismatch_changes_and_confirms_nothing() -> None:
    found = reading(
        "A: Mercoledì 11 febbraio alle 10, confermi?", YES, held=holding(), stage=Stage.DATI_COMPLETI
    )
    assert (start(found), found.agreement) == (moment("11 15:00"), INVALID)


@pytest.mark.parametrize(
    ("offer", "answer", "expected"),
    [
        ("A: Ho mercoledì 11 alle 10 o alle 15. Quale preferisce?", "C: Alle 15", "11 15:00"),
        ("A: Ho mercoledì 11 alle 10 o alle 15. Quale preferisce?", "C: Il secondo", "11 15:00"),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: Il primo", "11 10:00"),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: Giovedì", "12 11:00"),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: Alle 11", "12 11:00"),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: L'ultimo", "12 11:00"),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: Il terzo", None),
        ("A: Ho mercoledì 11 alle 10 o giovedì 12 alle 11. Quale?", "C: Sì", None),
        ("A: Ti va mercoledì 11 alle 15?", "C: Sì", "11 15:00"),
        ("A: Ti va mercoledì 11 alle 15?", "C: No", None),
        ("A: Ti va mercoledì 11 alle 15?", "C: Non so", None),
        ("A: Mercoledì 11 alle 15, perfetto. Hai già fatto una consulenza?", "C: Sì", None),
    ],
)
def test_an_answer_takes_over_one_of_the_slots_offered(offer: str, answer: str, expected: str | None) -> None:
    assert start(reading(offer, answer)) == moment(expected)


def test_a_yes_to_a_full_offer_fills_and_confirms() -> None:
    found = reading("A: Ti va mercoledì 11 febbraio alle 15?", YES)
    assert (start(found), found.agreement) == (moment("11 15:00"), VALID)
    assert found.agreed_to == binding(found.held)


# --- When a yes is a yes ----------------------------------------------------------------------------------

OTHER_QUESTION = "A: Mercoledì 11 febbraio alle 15, perfetto. Hai già fatto una consulenza?"


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        ([READBACK, YES], True),
        (["A: Allora mercoledì alle 15, va bene?", YES], True),
        ([READBACK, "C: Sì, confermo mercoledì alle 15"], True),
        ([READBACK, "C: Mh"], False),
        ([READBACK, "C: No"], False),
        (["A: Un attimo.", YES], False),
        ([YES], False),
        # the last assistant turn before it was no such readback
        ([OTHER_QUESTION, YES], False),
        (["A: Mercoledì 11, confermi?", YES], False),
        (["A: Alle 15, confermi?", YES], False),
        (["A: Mercoledì 11 alle 15 o giovedì 12 alle 11?", YES], False),
        (["A: Mercoledì 11 febbraio alle 15.", YES], False),
        ([READBACK, "A: Mi sente?", YES], False),
        # cut off before date, time or question
        ([f"{READBACK} | Mercoledì 11", YES], False),
        ([f"{READBACK} | Mercoledì 11 febbraio alle 15,", YES], False),
        ([f"{READBACK} Resto in attesa. | {READBACK[3:]}", YES], True),
        # confermo by name after another question
        ([OTHER_QUESTION, "C: Sì, comunque confermo mercoledì alle 15"], True),
        ([OTHER_QUESTION, "C: Confermo"], False),
        (["A: Hai già fatto una consulenza?", "C: Confermo mercoledì alle 15"], False),
        # something after it contradicts
        ([READBACK, YES, "C: anzi no"], False),
        ([READBACK, YES, "C: aspetti"], False),
        ([READBACK, YES, "C: però non so"], False),
        ([READBACK, YES, "C: meglio alle 10"], False),
        ([READBACK, YES, "A: Bene, allora giovedì 12 alle 11."], False),
        ([READBACK, YES, "A: Un attimo, verifico."], True),
        ([READBACK, YES, "A: Mercoledì 11 febbraio alle 15, un attimo."], True),
        ([READBACK, YES, "C: grazie"], True),
        # a second readback heals
        ([READBACK, "C: Sì, ma alle 10", "A: Mercoledì 11 alle 10, confermi?", YES], True),
    ],
)  # fmt: skip
def test_when_a_yes_counts(lines: list[str], counts: bool) -> None:
    found = reading(*lines, held=holding(), stage=Stage.DATI_COMPLETI)
    assert (found.agreement is VALID) is counts
    assert found.agreed_to == binding(found.held) or not counts


@pytest.mark.parametrize("lines", [[OTHER_QUESTION, YES], [READBACK, YES, "C: anzi no"]])
def test_a_yes_that_does_not_count_is_known_as_one(lines: list[str]) -> None:
    assert reading(*lines, held=holding(), stage=Stage.DATI_COMPLETI).agreement is INVALID


def placed(began: float | None, played: tuple[Played, ...] = ()) -> list[Turn]:
    readback, yes = turns(READBACK, YES)
    when = None if began is None else at(began)
    return [
        replace(readback, played=played),
        replace(yes, began_at=when, ended_at=when and when + timedelta(seconds=1)),
    ]


SLOT_OUT = Played(at(3), len("Mercoledì 11 febbraio alle 15"))


@pytest.mark.parametrize(
    ("said", "agreement"),
    [
        (placed(4), VALID),
        (placed(3), INVALID),  # nothing tells what was out by then
        (placed(3, (SLOT_OUT,)), VALID),
        (placed(2, (SLOT_OUT,)), INVALID),  # spoken while the time was still to come
        (placed(None), INVALID),  # cannot be placed
        (placed(None, (SLOT_OUT,)), INVALID),
    ],
)
def test_a_yes_counts_by_when_it_was_spoken(said: list[Turn], agreement: Agreement) -> None:
    assert reading(*said, held=holding(), stage=Stage.DATI_COMPLETI).agreement is agreement


def test_a_yes_spoken_too_early_fills_nothing_either() -> None:
    offer, yes = turns("A: Ti va mercoledì 11 alle 15?", YES)
    for began in (at(2), None):
        found = reading(offer, replace(yes, began_at=began))
        assert (start(found), found.agreement is VALID) == (moment(None), False)


WHOLE = "A: Mercoledì 11 febbraio alle 15, telefono 333 1234567, email mario@gmail.com. Confermi?"


@pytest.mark.parametrize(
    ("line", "agreement"),
    [
        (WHOLE, VALID),
        (READBACK, INVALID),  # phone and email have not been restated
        (WHOLE.replace("1234567", "1234568"), INVALID),
        (WHOLE.replace("mario", "maria"), INVALID),
        (WHOLE.replace("alle 15", "alle 10"), INVALID),
    ],
)
def test_a_lead_must_have_heard_phone_and_email_too(line: str, agreement: Agreement) -> None:
    held = holding(phone="+393331234567", email="mario@gmail.com")
    found = reading(line, YES, held=held, stage=Stage.DATI_COMPLETI, caller=LEAD)
    assert found.agreement is agreement


def test_a_phone_restated_once_need_not_be_repeated_until_it_changes() -> None:
    held = holding(phone="+393331234567", email="mario@gmail.com")
    held.phone_heard = held.email_heard = Heard.SAME
    given: dict[str, Any] = {"stage": Stage.DATI_COMPLETI, "caller": LEAD}
    assert reading(READBACK, YES, held=held, **given).agreement is VALID
    found = reading("C: Anzi il numero è 333 7654321", READBACK, YES, held=held, **given)
    assert found.agreement is INVALID


def test_the_number_dialled_need_not_be_restated() -> None:
    held = holding(phone=DIALLED_LEAD.line, email="mario@gmail.com")
    held.email_heard = Heard.SAME
    found = reading(READBACK, YES, held=held, stage=Stage.DATI_COMPLETI, caller=DIALLED_LEAD)
    assert found.agreement is VALID


# --- What the call is about -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "requested"),
    [
        (["C: Vorrei prenotare una consulenza"], Task.PRENOTA),
        (["C: Quando siete disponibili?"], Task.PRENOTA),
        (["C: Vorrei spostare il mio appuntamento"], Task.SPOSTA),
        (["C: Devo disdire l'appuntamento"], Task.DISDICI),
        (["A: Ti va mercoledì 11 alle 15 per la consulenza?", YES], Task.PRENOTA),
        (["A: Vuole fissare un appuntamento?", YES], Task.PRENOTA),
        (["A: Vuole fissare un appuntamento?", "C: No grazie"], Task.NESSUNO),
        (["C: Quanto costa una consulenza?"], Task.NESSUNO),
        (["C: Siete aperti il sabato?"], Task.NESSUNO),
        (["A: Mi sente bene?", YES], Task.NESSUNO),
        (["A: Lo riceverà mercoledì alle 15.", "C: Sì, perfetto"], Task.NESSUNO),
        (["C: Buongiorno"], Task.NESSUNO),
        (["A: Mercoledì 11 siamo aperti dalle 9 alle 18. Va bene?", YES], Task.NESSUNO),
        # the task asked for stays the task, whatever is said yes to afterwards
        (["C: Vorrei spostare l'appuntamento di giovedì", "A: A mercoledì 11 alle 15?", YES], Task.SPOSTA),
        (["C: Devo disdire l'appuntamento", "A: Giovedì 12 alle 11, giusto?", YES], Task.DISDICI),
    ],
)
def test_what_is_asked_for(lines: list[str], requested: Task) -> None:
    seen = agenda(own=["2026-02-12T11:00"])
    assert reading(*lines, stage=Stage.NESSUN_INTENTO, seen=seen).requested is requested


@pytest.mark.parametrize("line", ["C: No, lasciamo perdere", "C: Non mi interessa più"])
def test_who_gives_up_is_forgotten(line: str) -> None:
    found = reading(READBACK, line, held=holding(), stage=Stage.DATI_COMPLETI)
    assert (found.drop, start(found), found.agreement) == (True, moment(None), NONE)


def test_without_a_task_nothing_is_held() -> None:
    found = reading("C: Mercoledì alle 15 ho il dentista", stage=Stage.NESSUN_INTENTO)
    assert (found.requested, start(found)) == (Task.NESSUNO, moment(None))


@pytest.mark.parametrize(
    ("line", "claims"),
    [("A: Ho prenotato mercoledì 11 alle 15.", True), ("A: Mercoledì 11 alle 15, confermi?", False)],
)
def test_a_false_claim_is_seen(line: str, claims: bool) -> None:
    assert reading(line, held=holding()).claims is claims


# --- Afterwards -------------------------------------------------------------------------------------------


def done() -> dict[str, Any]:
    held = holding()
    held.booking = "consultation:1"
    return {"held": held, "stage": Stage.COMPLETATO, "seen": agenda(own=["2026-02-11T15:00"])}


@pytest.mark.parametrize(
    ("lines", "reopens", "requested"),
    [
        (["C: Sì, sì, perfetto, confermo"], False, Task.NESSUNO),
        (["C: Grazie, a mercoledì"], False, Task.NESSUNO),
        (["C: Mercoledì alle 15, giusto?"], False, Task.NESSUNO),
        (["C: Vorrei un altro appuntamento"], False, Task.NESSUNO),
        (["C: Aspetti, meglio giovedì"], True, Task.SPOSTA),
        (["C: Anzi, facciamo alle 10"], True, Task.SPOSTA),
        (["C: Vorrei spostarlo"], True, Task.SPOSTA),
        (["C: Lo annulli, per favore"], True, Task.DISDICI),
    ],
)
def test_after_completion(lines: list[str], reopens: bool, requested: Task) -> None:
    found = reading(*lines, **done())
    assert (found.reopens, found.requested) == (reopens, requested)


def test_a_reopened_booking_starts_from_its_own_slot() -> None:
    found = reading("C: Aspetti, meglio giovedì", **done())
    assert (found.held.target, start(found)) == ("consultation:1", moment("12 15:00"))


# --- Moving and cancelling --------------------------------------------------------------------------------

THURSDAY = "2026-02-12T11:00"
FRIDAY = "2026-02-13T15:00"


@pytest.mark.parametrize(
    ("line", "own", "target", "several", "none"),
    [
        ("C: Vorrei disdire", [THURSDAY], "consultation:1", False, False),
        ("C: Vorrei disdire", [], None, False, True),
        ("C: Vorrei disdire", [THURSDAY, FRIDAY], None, True, False),
        ("C: Vorrei disdire quello di venerdì", [THURSDAY, FRIDAY], "consultation:2", False, False),
        ("C: Vorrei disdire quello delle 11", [THURSDAY, FRIDAY], "consultation:1", False, False),
        ("C: Vorrei disdire quello di lunedì", [THURSDAY, FRIDAY], None, False, True),
    ],
)
def test_which_booking_is_to_be_cancelled(
    line: str, own: list[str], target: str | None, several: bool, none: bool
) -> None:
    found = reading(line, task=Task.DISDICI, seen=agenda(own=own))
    assert (found.held.target, found.several_bookings, found.no_booking_found) == (target, several, none)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("C: Vorrei spostare l'appuntamento di giovedì a mercoledì alle 15", "11 15:00"),
        ("C: Vorrei spostare quello di giovedì dalle 11 alle 15", "12 15:00"),
        ("C: Vorrei spostare il mio appuntamento", None),
    ],
)
def test_old_and_new_slot_of_a_move(line: str, expected: str | None) -> None:
    found = reading(line, task=Task.SPOSTA, seen=agenda(own=[THURSDAY]))
    assert (found.held.target, start(found)) == ("consultation:1", moment(expected))


def moving() -> dict[str, Any]:
    held = holding()
    held.target = "consultation:1"
    return {
        "held": held,
        "stage": Stage.DATI_COMPLETI,
        "task": Task.SPOSTA,
        "seen": agenda(own=[THURSDAY]),
    }


@pytest.mark.parametrize(
    ("line", "agreement"),
    [
        ("A: Sposto a mercoledì 11 febbraio alle 15, confermi?", VALID),
        ("A: Sposto da giovedì 12 alle 11 a mercoledì 11 alle 15, confermi?", VALID),
        ("A: Sposto da mercoledì 11 alle 15 a giovedì 12 alle 11, confermi?", INVALID),
        (READBACK, INVALID),  # without the verb
        ("A: Annullo mercoledì 11 alle 15, confermi?", INVALID),
        ("A: Sposto a venerdì 13 alle 15, confermi?", INVALID),
    ],
)
def test_the_readback_of_a_move(line: str, agreement: Agreement) -> None:
    assert reading(line, YES, **moving()).agreement is agreement


@pytest.mark.parametrize(
    ("line", "agreement"),
    [
        ("A: Annullo l'appuntamento di giovedì 12 febbraio alle 11, conferma?", VALID),
        ("A: Giovedì 12 febbraio alle 11, conferma?", INVALID),
        ("A: Sposto giovedì 12 febbraio alle 11, conferma?", INVALID),
        ("A: Annullo l'appuntamento di venerdì 13 alle 11, conferma?", INVALID),
        ("A: Non annullo l'appuntamento di giovedì 12 alle 11, giusto?", INVALID),
    ],
)
def test_the_readback_of_a_cancellation(line: str, agreement: Agreement) -> None:
    held = holding(THURSDAY)
    held.target = "consultation:1"
    found = reading(
        line,
        YES,
        held=held,
        stage=Stage.DATI_COMPLETI,
        task=Task.DISDICI,
        seen=agenda(own=[THURSDAY]),
    )
    assert found.agreement is agreement


# --- The fold itself --------------------------------------------------------------------------------------


def test_it_works_on_a_copy() -> None:
    held = holding()
    plain = held.to_plain()
    reading("C: Anzi giovedì alle 10", held=held)
    assert held.to_plain() == plain


def test_turns_read_before_are_only_looked_back_at() -> None:
    """What they say is not taken again, but it is part of the answer in which the yes stands."""
    found = reading(READBACK, "C: Anzi giovedì", YES, held=holding(), new={3}, stage=Stage.DATI_COMPLETI)
    assert (start(found), found.agreement) == (moment("11 15:00"), Agreement.INVALID)
    found = reading(READBACK, "C: Giovedì ero via", YES, held=holding(), new={3}, stage=Stage.DATI_COMPLETI)
    assert (start(found), found.agreement) == (moment("11 15:00"), VALID)


def test_without_new_turns_nothing_is_read() -> None:
    found = reading(READBACK, YES, held=holding(), new=(), stage=Stage.DATI_COMPLETI)
    assert (found.agreement, found.given, found.about_booking) == (NONE, set(), False)


def test_each_value_knows_the_turn_it_came_from() -> None:
    assert reading("C: Mercoledì", "A: A che ora?", "C: Alle 15").held.sources == {"date": 1, "time": 3}


@pytest.mark.parametrize(
    ("line", "stands"),
    [(READBACK, True), ("A: Un attimo.", False), (f"{READBACK} | Mercoledì", False)],
)
def test_whether_the_readback_stands(line: str, stands: bool) -> None:
    assert reading(line, held=holding(), stage=Stage.DATI_COMPLETI).readback_stands is stands


@pytest.mark.parametrize(
    ("line", "minutes"),
    [("C: Mi basta mezz'ora", 30), ("C: Due ore", None), ("C: Mercoledì alle 15", None)],
)
def test_a_duration_the_settings_allow(line: str, minutes: int | None) -> None:
    assert reading(line).held.details.minutes == minutes


def test_relative_words_count_from_the_turn_that_says_them() -> None:
    first, later = turns("C: Domani alle 15", "C: Domani alle 15")
    days_later = replace(later, began_at=at(86400 * 3), ended_at=at(86400 * 3 + 4))
    assert reading(first).held.slot() == Slot(date(2026, 2, 10), time(15))
    assert reading(first, days_later).held.slot() == Slot(date(2026, 2, 13), time(15))


def test_a_client_is_the_default_of_these_tests() -> None:
    assert (CLIENT.kind, holding().slot(), Accumulator().slot()) == ("client", THREE, None)
    assert TEN in agenda().free


@pytest.mark.parametrize(
    "pieces",
    [
        ("Mah,", "sì"),
        ("Sì,", "a meno che non cambi qualcosa"),
        ("Sì, a", "che non cambi qualcosa"),
        ("Sì", "se riesco a liberarmi"),
        ("Forse", "sì"),
    ],
)
def test_a_pause_makes_no_yes_of_a_doubtful_answer(pieces: tuple[str, ...]) -> None:
    out = reading(READBACK, *(f"C: {piece}" for piece in pieces), held=holding())
    assert out.agreement is Agreement.INVALID


def test_a_pause_leaves_a_plain_yes_one() -> None:
    for pieces in (("Sì", "perfetto"), ("Sì", "Dove siete di preciso?"), ("Mercoledì", "sì")):
        out = reading(READBACK, *(f"C: {piece}" for piece in pieces), held=holding())
        assert out.agreement is Agreement.VALID, pieces
