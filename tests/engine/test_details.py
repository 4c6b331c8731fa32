"""The accumulator: whole after the store, its values with their sources, and the floor that no rule waives."""

from __future__ import annotations

import json
from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.details import FLOOR, Accumulator, Details, Heard, Slot, Stance

days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
times = st.times()
slots = st.builds(Slot, days, times)
words = st.text(max_size=20)
details = st.builds(
    Details,
    date=st.none() | days,
    time=st.none() | times,
    phone=st.none() | words,
    email=st.none() | words,
    name=st.none() | words,
    minutes=st.none() | st.integers(1, 600),
    notes=st.none() | words,
)
accumulators = st.builds(
    Accumulator,
    details=details,
    sources=st.dictionaries(st.sampled_from(["date", "time", "phone"]), st.integers(0, 99)),
    day_options=st.lists(days, max_size=3).map(tuple),
    day_problem=st.none() | words,
    time_options=st.lists(times, max_size=3).map(tuple),
    time_problem=st.none() | words,
    refused=st.none() | slots,
    stances=st.dictionaries(st.integers(1, 99), st.sampled_from(Stance), max_size=3),
    digits=words,
    spelled=words,
    phone_heard=st.sampled_from(Heard),
    email_heard=st.sampled_from(Heard),
    email_suggestion=st.none() | words,
    target=st.none() | words,
    booking=st.none() | words,
    silent=st.integers(0, 99),
    waiting=st.integers(0, 99),
    attempts=st.integers(0, 99),
    callback_requested=st.booleans(),
)


@given(accumulators)
def test_it_comes_back_whole_from_the_store(held: Accumulator) -> None:
    stored = json.loads(json.dumps(held.to_plain()))
    assert Accumulator.from_plain(stored) == held


@pytest.mark.parametrize(
    "stored",
    [
        {"details": {"date": "domani"}},
        {"details": {"time": "25:00"}},
        {"silent": "molti"},
        {"phone_heard": "maybe"},
        {"stances": {"1": "maybe"}},
        {"refused": {"day": "2026-02-11"}},
    ],
)
def test_what_is_no_accumulator_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Accumulator.from_plain(stored)


WHOLE = Details(date(2026, 2, 11), time(15), "+393331234567", "mario@gmail.com")


@pytest.mark.parametrize(
    ("kind", "held", "missing"),
    [
        ("client", Details(), {"date", "time"}),
        ("client", Details(date=WHOLE.date), {"time"}),
        ("client", Details(date=WHOLE.date, time=WHOLE.time), set()),
        ("lead", Details(date=WHOLE.date, time=WHOLE.time), {"phone", "email"}),
        ("lead", WHOLE, set()),
        ("lead", Details(), {"date", "time", "phone", "email"}),
    ],
)
def test_the_floor(kind: str, held: Details, missing: set[str]) -> None:
    assert Accumulator(held).missing(FLOOR[kind]) == missing


def test_midnight_is_a_time() -> None:
    held = Accumulator(Details(date=WHOLE.date, time=time(0)))
    assert held.missing(FLOOR["client"]) == set()
    assert held.slot() == Slot(date(2026, 2, 11), time(0))


@pytest.mark.parametrize("half", [Details(date=WHOLE.date), Details(time=WHOLE.time), Details()])
def test_half_a_slot_is_none(half: Details) -> None:
    assert Accumulator(half).slot() is None


def test_a_value_keeps_the_turn_that_gave_it_until_it_is_gone() -> None:
    held = Accumulator()
    held.set("date", WHOLE.date, 3)
    assert (held.details.date, held.sources) == (WHOLE.date, {"date": 3})
    held.set("date", None, 5)
    assert (held.details.date, held.sources) == (None, {})


def test_a_settled_value_ends_what_was_open() -> None:
    held = Accumulator(day_options=(date(2026, 2, 11), date(2026, 2, 18)), day_problem="ambiguo")
    held.time_options, held.time_problem = (time(3), time(15)), "ambiguo"
    held.set("date", WHOLE.date, 1)
    assert (held.day_options, held.day_problem) == ((), None)
    assert (held.time_options, held.time_problem) == ((time(3), time(15)), "ambiguo")
    held.set("time", WHOLE.time, 1)
    assert (held.time_options, held.time_problem) == ((), None)


@pytest.mark.parametrize(
    ("name", "value", "phone", "email"),
    [
        ("phone", "+393331234568", Heard.NO, Heard.SAME),
        ("phone", WHOLE.phone, Heard.SAME, Heard.SAME),  # the same value again: what was heard still holds
        ("phone", None, Heard.NO, Heard.SAME),
        ("email", "anna@gmail.com", Heard.SAME, Heard.NO),
        ("email", WHOLE.email, Heard.SAME, Heard.SAME),
        ("date", date(2026, 2, 12), Heard.SAME, Heard.SAME),
    ],
)
def test_a_new_phone_or_email_must_be_restated_again(
    name: str, value: object, phone: Heard, email: Heard
) -> None:
    held = Accumulator(
        Details(WHOLE.date, WHOLE.time, WHOLE.phone, WHOLE.email),
        phone_heard=Heard.SAME,
        email_heard=Heard.SAME,
    )
    held.set(name, value, 7)
    assert (held.phone_heard, held.email_heard) == (phone, email)


@given(accumulators)
def test_clearing_forgets_the_wish_and_keeps_the_call(held: Accumulator) -> None:
    kept = (held.booking, held.silent, held.waiting, held.attempts, held.callback_requested)
    held.clear(keep_phone="+393331234567")
    assert held.details == Details(phone="+393331234567")
    assert (held.day_options, held.day_problem, held.time_options, held.time_problem) == ((), None, (), None)
    assert (held.sources, held.digits, held.spelled, held.email_suggestion, held.target) == (
        {},
        "",
        "",
        None,
        None,
    )
    assert (held.phone_heard, held.email_heard) == (Heard.NO, Heard.NO)
    assert (held.booking, held.silent, held.waiting, held.attempts, held.callback_requested) == kept
