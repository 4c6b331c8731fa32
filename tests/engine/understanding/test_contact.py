"""A lead's phone and email: dictated whole or in pieces, offered from the line, restated or restated wrongly."""

from __future__ import annotations

import pytest

from engine.details import Accumulator, Details, Heard
from engine.understanding.contact import contact_settled
from engine.understanding.context import CallerKnown
from tests.engine.scene import CLIENT, DIALLED_LEAD, LEAD, LEAD_WITH_LINE, LINE, reading

PHONE, EMAIL = "+393331234567", "mario@gmail.com"


@pytest.mark.parametrize(
    ("caller", "phone", "phone_heard", "email_heard", "settled"),
    [
        (CLIENT, None, Heard.NO, Heard.NO, True),
        (LEAD, PHONE, Heard.SAME, Heard.SAME, True),
        (LEAD, PHONE, Heard.NO, Heard.SAME, False),
        (LEAD, PHONE, Heard.SAME, Heard.NO, False),
        (LEAD, PHONE, Heard.DIFFERENT, Heard.SAME, False),
        (LEAD, PHONE, Heard.SAME, Heard.DIFFERENT, False),
        (DIALLED_LEAD, LINE, Heard.NO, Heard.SAME, True),
        (DIALLED_LEAD, "+393337654321", Heard.NO, Heard.SAME, False),  # another number than the one dialled
        (LEAD_WITH_LINE, LINE, Heard.NO, Heard.SAME, False),  # inbound the line is offered, not assumed
    ],
)
def test_what_must_have_been_restated(
    caller: CallerKnown, phone: str | None, phone_heard: Heard, email_heard: Heard, settled: bool
) -> None:
    held = Accumulator(Details(phone=phone, email=EMAIL), phone_heard=phone_heard, email_heard=email_heard)
    assert contact_settled(held, caller) is settled


@pytest.mark.parametrize(
    ("lines", "phone"),
    [
        (["C: Il mio numero è 333 1234567"], PHONE),
        (["A: Mi lascia un telefono?", "C: 333 1234567"], PHONE),
        (["A: Mi lascia un telefono?", "C: 333", "C: sì, 1234567"], PHONE),
        (["A: Mi lascia un telefono?", "C: tre tre tre", "A: Sì", "C: 12 34", "A: ok", "C: 567"], PHONE),
        (["A: Mi lascia un telefono?", "C: 333 12"], None),
        (["C: 333 1234567", "C: no scusi, 333 1234568"], "+393331234568"),
        (["C: 333 1234567", "C: no, finisce con 33"], "+393331234533"),
        (["C: 333 1234567", "A: 333 1234567, giusto?", "C: no, non 67, 68"], "+393331234568"),
        (["C: 333 1234567", "A: 333 1234567, giusto?", "C: il prefisso è 347"], "+393471234567"),
        (["A: Mi lascia un telefono?", "C: 333 1234", "C: no scusi, 124"], None),
        (["A: Mi lascia un telefono?", "C: 333 12", "C: no, finisce con 13", "C: 34567"], "+393331334567"),
        (["A: Un numero?", "C: tre tre tre", "A: sì", "C: uno due tre", "A: ok", "C: 45 67"], PHONE),
        (["A: Un numero?", "C: 333 12", "C: no, ricomincio: 340 12", "C: 34567"], "+393401234567"),
        (["C: Vorrei mercoledì alle 15"], None),
        (["A: Mi lascia un telefono?", "C: mercoledì 11 alle 15"], None),
    ],
)
def test_a_phone_is_taken(lines: list[str], phone: str | None) -> None:
    assert reading(*lines, caller=LEAD).held.details.phone == phone


@pytest.mark.parametrize(
    ("lines", "caller", "phone"),
    [
        (["A: Mi lascia un telefono?", "C: Questo numero va bene"], LEAD_WITH_LINE, LINE),
        (["A: Mi lascia un telefono?", "C: Il numero da cui chiamo"], LEAD, None),  # we do not see it
        (["A: Va bene il numero da cui chiama?", "C: Sì"], LEAD_WITH_LINE, LINE),
        (["A: Va bene il numero da cui chiama?", "C: No"], LEAD_WITH_LINE, None),
        (["A: Il suo numero è 333 1234567, giusto?", "C: Sì"], LEAD, PHONE),
        (["A: Il suo numero è 333 1234567, giusto?", "C: No"], LEAD, None),
        (["A: Mi sente bene?", "C: Sì"], LEAD_WITH_LINE, None),  # offered, not assumed
        (["C: Buongiorno"], LEAD_WITH_LINE, None),
    ],
)
def test_the_line_is_offered_not_assumed(lines: list[str], caller: CallerKnown, phone: str | None) -> None:
    assert reading(*lines, caller=caller).held.details.phone == phone


@pytest.mark.parametrize(
    ("lines", "email"),
    [
        (["C: La mia email è mario@gmail.com"], EMAIL),
        (["A: Mi lascia l'email?", "C: mario chiocciola gmail punto com"], EMAIL),
        (["A: Mi lascia l'email?", "C: mario", "C: chiocciola gmail punto com"], EMAIL),
        (["C: mario@gmail.com", "C: no, è anna@gmail.com"], "anna@gmail.com"),
        (
            ["A: L'email?", "C: pizzi", "C: con la doppia zeta", "C: chiocciola gmail punto com"],
            "pizzi@gmail.com",
        ),
        (
            ["A: L'email?", "C: emme a erre i o", "A: sì", "C: chiocciola libero", "C: punto it"],
            "mario@libero.it",
        ),
        (["A: L'email?", "C: mario chiocciola gmail punto con"], None),
        (
            ["A: L'email?", "C: mario", "A: sì", "C: sì", "C: chiocciola libero", "C: sì, punto it"],
            "mario@libero.it",
        ),
        (["A: L'email?", "C: mario punto rossi", "C: no, ada", "C: chiocciola libero punto it"], None),
        (
            ["A: L'email?", "C: mario punto", "C: no, ada punto bianchi chiocciola libero punto it"],
            "ada.bianchi@libero.it",
        ),
        (["A: Mi lascia l'email?", "C: non ce l'ho"], None),
        (
            [
                "A: L'email?",
                "C: mario punto rossi trattino basso due",
                "A: sì",
                "C: chiocciola gmail punto com",
            ],
            "mario.rossi_2@gmail.com",
        ),
        (["A: La sua email è mario@gmail.com, giusto?", "C: Sì"], EMAIL),
        (["A: La sua email è mario@gmail.com, giusto?", "C: No"], None),
    ],
)
def test_an_email_is_taken(lines: list[str], email: str | None) -> None:
    assert reading(*lines, caller=LEAD).held.details.email == email


@pytest.mark.parametrize(
    ("line", "phone_heard", "email_heard"),
    [
        ("A: Telefono 333 1234567, email mario@gmail.com.", Heard.SAME, Heard.SAME),
        ("A: Telefono 333 1234568, email mario@gmail.com.", Heard.DIFFERENT, Heard.SAME),
        ("A: Telefono 333 1234567, email maria@gmail.com.", Heard.SAME, Heard.DIFFERENT),
        ("A: Telefono 333 1234567.", Heard.SAME, Heard.NO),
        ("A: Mercoledì 11 alle 15.", Heard.NO, Heard.NO),
        ("A: Telefono 333 1234567, email mario@gmail.com. | Telefono 333 1234567,", Heard.SAME, Heard.NO),
        ("A: Telefono 333 1234567, email mario@gmail.com. | Telefono 333 12", Heard.NO, Heard.NO),
    ],
)
def test_what_the_assistant_restates_as_far_as_it_was_heard(
    line: str, phone_heard: Heard, email_heard: Heard
) -> None:
    held = Accumulator(Details(phone=PHONE, email=EMAIL))
    after = reading(line, held=held, caller=LEAD).held
    assert (after.phone_heard, after.email_heard) == (phone_heard, email_heard)


def test_a_right_restatement_mends_a_wrong_one() -> None:
    held = Accumulator(Details(phone=PHONE, email=EMAIL), phone_heard=Heard.DIFFERENT)
    assert reading("A: Telefono 333 1234567.", held=held, caller=LEAD).held.phone_heard is Heard.SAME


@pytest.mark.parametrize(
    ("lines", "phone_problem", "email_problem"),
    [
        (["A: Mi lascia un telefono?", "C: 333 12"], True, False),
        (["A: Mi lascia un telefono?", "C: 333 1234567"], False, False),
        (["A: Mi lascia l'email?", "C: mario chiocciola gmial punto com"], False, True),
        (["A: Mi lascia l'email?", "C: mario chiocciola gmail punto com"], False, False),
    ],
)
def test_what_is_doubtful_is_asked(lines: list[str], phone_problem: bool, email_problem: bool) -> None:
    found = reading(*lines, caller=LEAD)
    assert (found.phone_problem, found.email_problem) == (phone_problem, email_problem)


BOTH = Accumulator(
    Details(phone=PHONE, email="mario.rossi@gmail.com"), phone_heard=Heard.SAME, email_heard=Heard.SAME
)


@pytest.mark.parametrize(
    ("line", "kept", "phone_problem", "email_problem"),
    [
        ("C: Sì, il mio numero è 347 112 233", {"email"}, True, False),
        ("C: Sì, il mio numero è 333 1234567 o 347 112 233", {"email"}, True, False),
        ("C: Sì, il mio numero è 333 123", {"phone", "email"}, False, False),  # so it begins
        ("C: Sì, la mail è mario.rosi@gmail", {"phone"}, False, True),
        ("C: Sì, la mail è mario.rossi@gmail", {"phone", "email"}, False, False),
        ("C: Sì, la mail finisce con punto it", {"phone"}, False, True),
        ("C: Sì, la mail è gmail punto com", {"phone", "email"}, False, False),
        ("C: Sì, a questo punto va bene", {"phone", "email"}, False, False),
        ("C: Sì, in via Roma 12 333", {"phone", "email"}, False, False),
    ],
)
def test_another_one_that_is_not_whole_puts_the_one_held_in_doubt(
    line: str, kept: set[str], phone_problem: bool, email_problem: bool
) -> None:
    found = reading(line, held=BOTH, caller=LEAD)
    details = found.held.details
    assert {name for name in ("phone", "email") if getattr(details, name) is not None} == kept
    assert (found.phone_problem, found.email_problem) == (phone_problem, email_problem)


def test_of_a_client_neither_is_taken() -> None:
    found = reading("C: 333 1234567, mario@gmail.com", caller=CLIENT).held.details
    assert (found.phone, found.email) == (None, None)
