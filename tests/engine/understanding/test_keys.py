"""What keys may say: a phone number and nothing else; and that no yes, day, hour or count comes from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.details import Accumulator, Details, Heard
from engine.understanding.context import Agreement, CallerKnown
from engine.understanding.phones import phone_from_digits
from fsm.stages import Stage
from tests.engine.scene import CLIENT, DIALLED_LEAD, LEAD, LINE, holding, reading

PHONE, OTHER, EMAIL = "+393471234567", "+393409876543", "mario@gmail.com"
ASKS = "A: Mi lascia un numero di telefono?"
READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"


@pytest.mark.parametrize(
    ("lines", "phone", "asks_again"),
    [
        ([ASKS, "K: 3471234567"], PHONE, False),
        (["K: 3471234567"], PHONE, False),  # nobody need have asked
        ([ASKS, "K: 00393471234567"], PHONE, False),
        ([ASKS, "K: 393471234567"], PHONE, False),
        ([ASKS, "K: 0612345678"], "+390612345678", False),
        ([ASKS, "K: 00442079460958"], "+442079460958", False),
        ([ASKS, "K: 34712345"], None, True),
        ([ASKS, "K: 7"], None, True),
        ([ASKS, "K: 34712345678"], None, True),
        ([ASKS, "K: 9999999999"], None, True),
        ([ASKS, "K: " + "3" * 20], None, True),
        # Over a pause, and only where nobody has spoken of it.
        ([ASKS, "K: 347", "K: 1234567"], PHONE, False),
        ([ASKS, "K: 347", "K: 12", "K: 34567"], PHONE, False),
        ([ASKS, "K: 347", "C: aspetti", "K: 1234567"], PHONE, False),
        ([ASKS, "K: 347", "A: Sì?", "K: 1234567"], None, True),
        ([ASKS, "K: 34712345", "A: Me lo ripete per intero?", "K: 34", "K: 71234567"], PHONE, False),
        ([ASKS, "K: 34712345", "A: Me lo ripete per intero?", "K: 34"], None, True),
        ([ASKS, "K: 347", "K: 3471234567"], PHONE, False),  # begun anew
        # Alone one number and joined another: nobody chooses.
        ([ASKS, "K: 0057", "K: 3201234567"], None, True),
        # Partly said, partly keyed.
        ([ASKS, "C: 347 123", "K: 4567"], None, True),
        ([ASKS, "K: 347", "C: 1234567"], None, True),
        ([ASKS, "C: 347 12345 6", "K: 1"], None, True),
        ([ASKS, "C: 347 12", "K: 3471234567"], PHONE, False),
        ([ASKS, "K: 347", "C: 347 1234567"], PHONE, False),
        # The star clears.
        ([ASKS, "K: 340", "K: *3471234567"], PHONE, False),
        ([ASKS, "K: 347", "K: *", "K: 1234567"], None, True),
        ([ASKS, "K: 3471234567", "K: *"], None, True),
        ([ASKS, "K: 3471234567", "K: *3409876543"], OTHER, False),
        ([ASKS, "C: 347 1234567", "K: *"], PHONE, False),  # said, not keyed
        # A number that nobody has restated yet is put in doubt by further keys.
        ([ASKS, "K: 061234567", "K: 8"], None, True),
        ([ASKS, "C: 06 1234567", "K: 8"], None, True),
        ([ASKS, "K: 3471234567", "K: 3409876543"], OTHER, False),
        ([ASKS, "K: 3471234567", "A: 347 123 4567, giusto?", "K: 1"], PHONE, False),
        ([ASKS, "K: 3471234567", "A: 347 123 4567, giusto?", "K: 3409876543"], OTHER, False),
        # Nobody asked for a number.
        (["A: Che giorno preferisce?", "K: 11"], None, False),
        (["A: Che giorno preferisce?", "K: 34712345"], None, True),
    ],
)
def test_a_lead_s_keys(lines: list[str], phone: str | None, asks_again: bool) -> None:
    read = reading(*lines, caller=LEAD)
    assert (read.held.details.phone, read.phone_problem and phone is None) == (phone, asks_again)
    assert read.held.details.date is None
    assert read.held.details.time is None
    assert read.held.details.minutes is None


def test_the_number_we_dialled_is_in_no_doubt() -> None:
    held = Accumulator(Details(phone=LINE))
    assert reading("K: 1", held=held, caller=DIALLED_LEAD).held.details.phone == LINE


@pytest.mark.parametrize("keys", ["1", "15", "1100", "3471234567", "*", "11022026", "*1"])
@pytest.mark.parametrize("caller", [CLIENT, LEAD])
def test_keys_answer_no_readback(keys: str, caller: CallerKnown) -> None:
    held = holding(phone=PHONE, email=EMAIL)
    held.phone_heard = held.email_heard = Heard.SAME
    read = reading(READBACK, f"K: {keys}", held=held, stage=Stage.DATI_COMPLETI, caller=caller)
    assert read.agreement is Agreement.NONE
    assert (read.held.details.date, read.held.details.time) == (
        holding().details.date,
        holding().details.time,
    )


@pytest.mark.parametrize(
    "lines",
    [
        (READBACK, "C: Sì", "K: 1"),
        (READBACK, "K: 1", "C: Sì"),
        (READBACK, "K: 2", "C: Sì, confermo"),
        (READBACK, "C: Sì", "K: *"),
        (READBACK, "C: Sì", "K: 3471234567"),
    ],
)
def test_a_yes_beside_keys_is_none(lines: tuple[str, ...]) -> None:
    for caller in (CLIENT, LEAD):
        held = holding(phone=PHONE, email=EMAIL)
        held.phone_heard = held.email_heard = Heard.SAME
        read = reading(*lines, held=held, stage=Stage.DATI_COMPLETI, caller=caller)
        assert read.agreement is Agreement.INVALID


def test_a_yes_after_the_assistant_has_asked_again_counts() -> None:
    read = reading(READBACK, "K: 1", READBACK, "C: Sì", held=holding(), stage=Stage.DATI_COMPLETI)
    assert read.agreement is Agreement.VALID


def test_keys_between_two_offers_do_not_make_the_second_the_only_one() -> None:
    lines = ("A: Mercoledì 11 alle 15, va bene?", "K: 1", "A: O giovedì 12 alle 11, va bene?", "C: Sì")
    assert reading(*lines, stage=Stage.RACCOLTA_DATI).held.slot() is None


@given(
    runs=st.lists(st.text("0123456789", min_size=1, max_size=12), min_size=1, max_size=4),
    stars=st.lists(st.booleans(), min_size=4, max_size=4),
    between=st.lists(st.sampled_from(["", ASKS, READBACK, "C: sì", "C: aspetti"]), min_size=4, max_size=4),
    caller=st.sampled_from([CLIENT, LEAD]),
)
def test_whatever_is_keyed_holds_a_number_that_was_keyed_and_nothing_else(
    runs: list[str], stars: list[bool], between: list[str], caller: CallerKnown
) -> None:
    """A phone held is one keyed run, or consecutive ones, whole; and no keys ever make a yes, day, hour or length."""
    lines = [ASKS]
    for run, star, more in zip(runs, stars, between, strict=False):
        lines += [f"K: {'*' if star else ''}{run}", *([more] if more else [])]
    read = reading(*lines, caller=caller)
    joined = {
        "".join(runs[first:last]) for first in range(len(runs)) for last in range(first + 1, len(runs) + 1)
    }
    whole = {value for digits in joined if (value := phone_from_digits(digits)[0])}
    assert read.held.details.phone is None or read.held.details.phone in whole
    assert caller is LEAD or read.held.details.phone is None
    assert read.agreement is not Agreement.VALID
    assert (read.held.details.minutes, read.held.details.name, read.held.details.notes) == (None, None, None)
    asked_or_nodded = any(each in (READBACK, "C: sì") for each in between)
    assert asked_or_nodded or read.held.slot() is None
