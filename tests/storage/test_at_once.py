"""Booking a lead and moving a booking in one transaction: both halves or neither."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from storage import at_once, bookings, calls, people, seed
from storage.errors import StorageError
from storage.models import proxy
from storage.results import Booking, BookingKind, Lead, Refusal
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome

TEN = rome("2026-02-11T10:00")


@pytest.fixture(autouse=True)
def keeps_its_promises(store: Store) -> Any:
    yield
    assert store.faults() == []


def book_lead(store: Store, start: datetime = WEDNESDAY_15, **given: Any) -> Booking | Refusal:
    values: dict[str, Any] = {
        "consultant_id": store.consultant,
        "conversation": "page-1",
        "lead": store.lead,
        "minutes": 60,
        "source": "public_page",
    }
    return store.do(at_once.book_lead, start=start, now=store.now, **{**values, **given})


def reschedule(store: Store, made: Booking, start: datetime, **given: Any) -> Booking | Refusal:
    values: dict[str, Any] = {"conversation": "c1", "client_id": made.client_id}
    return store.do(
        bookings.reschedule, made.kind, made.id, start=start, now=store.now, **{**values, **given}
    )


def pendings(store: Store) -> list[tuple[Any, ...]]:
    return sorted(store.rows("SELECT conversation, status FROM pending_bookings"))


def test_a_lead_is_booked_at_once(store: Store) -> None:
    made = book_lead(store, notes="primo incontro")
    assert isinstance(made, Booking)
    assert (made.kind, made.start, made.name, made.notes) == (
        BookingKind.APPOINTMENT,
        WEDNESDAY_15,
        "Lia",
        "primo incontro",
    )
    assert store.rows("SELECT source FROM appointment_bookings") == [("public_page",)]
    assert store.cells() == 4


def test_a_lead_who_asks_twice_is_booked_once(store: Store) -> None:
    made = book_lead(store)
    store.later(minutes=40)
    assert book_lead(store) == made
    assert book_lead(store, conversation="page-2") is Refusal.SLOT_TAKEN
    assert book_lead(store, lead=replace(store.lead, phone="+393330000000")) is Refusal.SLOT_TAKEN
    assert isinstance(made, Booking)
    store.do(bookings.cancel, made.kind, made.id, now=store.now)
    again = book_lead(store)
    assert isinstance(again, Booking) and again.id != made.id


@pytest.mark.parametrize(
    ("start", "given", "refusal"),
    [
        (NOW, {}, Refusal.PAST),
        (rome("2026-02-14T10:00"), {}, Refusal.OUTSIDE_HOURS),
        (WEDNESDAY_15, {"minutes": 50}, Refusal.OUTSIDE_HOURS),
        (WEDNESDAY_15, {"consultant_id": 99}, Refusal.NOT_FOUND),
        (TEN, {}, Refusal.SLOT_TAKEN),
    ],
)
def test_a_refused_lead_changes_nothing(
    store: Store, start: datetime, given: dict[str, Any], refusal: Refusal
) -> None:
    store.do(seed.take_slot, store.consultant, TEN, 60, now=store.now)
    mine = store.hold(rome("2026-02-12T10:00"), conversation="page-1", client_id=None)
    assert book_lead(store, start, **given) is refusal
    assert store.do(bookings.hold_of, "page-1", now=store.now) == mine


def test_a_call_with_a_booking_books_no_second_lead(store: Store) -> None:
    call_id = store.do(
        calls.open_call,
        bridge_call_id="b",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        now=NOW,
    )
    assert isinstance(book_lead(store, call_id=call_id), Booking)
    mine = store.hold(rome("2026-02-12T10:00"), conversation="page-1", client_id=None)
    other = book_lead(store, rome("2026-02-13T10:00"), call_id=call_id)
    assert other is Refusal.ALREADY_BOOKED
    assert store.do(bookings.hold_of, "page-1", now=store.now) == mine
    assert pendings(store) == [("page-1", "awaiting_confirm"), ("page-1", "confirmed")]


def test_an_unknown_source_leaves_nothing(store: Store) -> None:
    with pytest.raises(StorageError, match="source"):
        book_lead(store, source="fax")
    assert store.cells() == 0


def test_of_many_leads_one_gets_the_slot(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda number: book_lead(
                    store, conversation=f"p{number}", lead=Lead(f"+39333000000{number}", "x@example.it")
                ),
                range(8),
            )
        )
    assert sum(isinstance(each, Booking) for each in answers) == 1
    assert answers.count(Refusal.SLOT_TAKEN) == 7


@pytest.mark.parametrize("lead", [False, True])
@pytest.mark.parametrize(("to", "minutes"), [("15:30", 60), ("14:00", 90), ("10:00", 30)])
def test_a_booking_is_rescheduled_in_place(store: Store, lead: bool, to: str, minutes: int) -> None:
    made = book_lead(store, conversation="c0") if lead else store.book(conversation="c0")
    assert isinstance(made, Booking)
    target = rome(f"2026-02-11T{to}")
    moved = reschedule(store, made, target, minutes=minutes, notes="spostato")
    assert moved == replace(made, start=target, minutes=minutes, notes="spostato")
    assert store.cells() == minutes // 15
    assert reschedule(store, made, target, minutes=minutes) == moved
    assert store.cells() == minutes // 15


def test_a_booking_stays_as_long_as_it_was(store: Store) -> None:
    made = store.book(minutes=90)
    moved = reschedule(store, made, TEN)
    assert isinstance(moved, Booking) and (moved.start, moved.minutes) == (TEN, 90)
    assert isinstance(store.propose(conversation="c2", client_id=store.bruno), bookings.Hold)


@pytest.mark.parametrize(
    ("to", "given", "refusal"),
    [
        (rome("2026-02-11T09:30"), {}, Refusal.SLOT_TAKEN),
        (rome("2026-02-11T13:00"), {}, Refusal.OUTSIDE_HOURS),
        (NOW - timedelta(days=1), {}, Refusal.PAST),
        (rome("2026-02-12T10:00"), {"client_id": 2}, Refusal.NOT_YOURS),
        (rome("2026-02-12T10:00"), {"client_id": None}, Refusal.NOT_YOURS),
    ],
)
def test_a_refused_move_changes_neither_slot(
    store: Store, to: datetime, given: dict[str, Any], refusal: Refusal
) -> None:
    store.do(seed.take_slot, store.consultant, TEN, 60, now=store.now)
    made = store.book(conversation="c0")
    mine = store.hold(rome("2026-02-13T10:00"), conversation="c1")
    cells = store.rows("SELECT * FROM slot_locks ORDER BY cell")
    assert reschedule(store, made, to, **given) is refusal
    assert store.do(bookings.booking, made.kind, made.id) == made
    assert store.do(bookings.hold_of, "c1", now=store.now) == mine
    assert store.rows("SELECT * FROM slot_locks ORDER BY cell") == cells


def test_what_is_gone_or_begun_is_not_rescheduled(store: Store) -> None:
    made = store.book()
    assert reschedule(store, replace(made, id="unknown"), TEN) is Refusal.NOT_FOUND
    store.now = WEDNESDAY_15 + timedelta(minutes=5)
    assert reschedule(store, made, rome("2026-02-12T10:00")) is Refusal.PAST
    store.now = NOW
    store.do(bookings.cancel, made.kind, made.id, now=store.now)
    assert reschedule(store, made, TEN) is Refusal.NOT_FOUND


def test_a_booking_that_is_moved_is_moved_by_no_other_hold(store: Store) -> None:
    """A hold that would move a booking counts on cells of that booking, which are given back under it."""
    made = store.book()
    held = store.hold(rome("2026-02-11T15:30"), moving=made, conversation="c2")
    assert isinstance(reschedule(store, made, TEN), Booking)
    assert store.do(bookings.hold_of, "c2", now=store.now) is None
    assert store.cells() == 4
    assert store.confirm(held) is Refusal.NOT_FOUND
    known = store.do(bookings.booking, made.kind, made.id)
    assert known is not None and known.start == TEN


def test_the_operations_refuse_to_run_outside_a_transaction(store: Store) -> None:
    made = store.book()

    def bare() -> None:
        bookings.reschedule(
            made.kind, made.id, conversation="c1", client_id=store.anna, start=TEN, now=store.now
        )

    with pytest.raises(StorageError, match="inside a transaction"):
        store.database._on_worker(bare)


def test_a_conversation_that_holds_anothers_time_gives_it_back(store: Store) -> None:
    other = store.do(people.add_consultant, "Dott. Verdi")
    store.hold(consultant_id=other, conversation="page-1", client_id=None)
    assert isinstance(book_lead(store), Booking)
    assert store.rows("SELECT DISTINCT consultant_id FROM slot_locks") == [(store.consultant,)]
    assert store.do(lambda: proxy.execute_sql("SELECT count(*) FROM slot_locks").fetchone()) == (4,)
