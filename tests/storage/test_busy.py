"""What a consultant's own calendar takes cannot be booked, wherever that is asked; our own events take nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import at_once, availability, bookings, busy, calendars, locks, outbox
from storage.busy import Busy
from storage.models import BusyTime
from storage.results import Booking, BookingKind, Refusal
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome

CALENDAR = "rossi@example.it"


@pytest.fixture
def office(store: Store) -> Store:
    store.do(calendars.set_calendar, store.consultant, CALENDAR, now=NOW)
    return store


def read(store: Store, *found: Busy, at: datetime = NOW, calendar: str = CALENDAR) -> bool:
    return store.do(busy.remember, store.consultant, calendar, found, read_at=at)


def taken(start: datetime = WEDNESDAY_15, minutes: float = 60, event: str = "abc123") -> Busy:
    return Busy(event, start, start + timedelta(minutes=minutes))


def free(store: Store, day: str = "2026-02-11") -> list[str]:
    begin = rome(f"{day}T00:00")
    starts = store.do(
        availability.available_starts, store.consultant, begin, begin + timedelta(days=1), 60, now=NOW
    )
    return [f"{start + timedelta(hours=1):%H:%M}" for start in starts]


def test_what_is_busy_is_not_free_and_not_held(office: Store) -> None:
    read(office, taken())
    morning = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00"]
    assert free(office) == [*morning, "14:00", "16:00", "16:30", "17:00"]
    assert office.propose() is Refusal.SLOT_TAKEN
    assert office.propose(rome("2026-02-11T14:30")) is Refusal.SLOT_TAKEN
    booked = office.do(
        at_once.book_lead,
        consultant_id=office.consultant,
        conversation="w",
        lead=office.lead,
        start=WEDNESDAY_15,
        minutes=60,
        source="whatsapp",
        now=NOW,
    )
    assert booked is Refusal.SLOT_TAKEN
    assert office.cells() == 0


def test_what_became_busy_since_is_seen_when_a_hold_is_confirmed(office: Store) -> None:
    held = office.hold()
    read(office, taken())
    assert office.confirm(held) is Refusal.SLOT_TAKEN
    assert office.cells() == 0
    assert office.faults() == []


def test_no_booking_moves_to_where_its_consultant_is_busy(office: Store) -> None:
    made = office.book(rome("2026-02-12T10:00"))
    held = office.hold(conversation="c2", moving=made)
    read(office, taken())
    assert office.confirm(held) is Refusal.SLOT_TAKEN
    moved = office.do(
        bookings.reschedule,
        made.kind,
        made.id,
        conversation="c3",
        client_id=office.anna,
        start=WEDNESDAY_15,
        now=NOW,
    )
    assert moved is Refusal.SLOT_TAKEN
    assert office.faults() == []


def test_our_own_events_do_not_keep_their_bookings_from_moving_or_their_time_from_being_given_back(
    office: Store,
) -> None:
    made = office.book()
    read(office, taken(event=outbox.event_id(made)))
    half_past = rome("2026-02-11T15:30")
    moved = office.confirm(office.hold(half_past, conversation="c2", moving=made))
    assert isinstance(moved, Booking) and moved.start == half_past
    office.do(bookings.cancel, made.kind, made.id, now=NOW)
    assert "15:00" in free(office)


def test_an_event_that_only_looks_like_ours_is_busy(office: Store) -> None:
    stranger = Booking(BookingKind.CONSULTATION, "f" * 32, office.consultant, NOW, 60, in_force=True)
    read(office, taken(event=outbox.event_id(stranger)))
    assert "15:00" not in free(office)


def test_what_was_read_later_replaces_what_was_read_before_and_never_the_other_way(office: Store) -> None:
    assert read(office, taken(), at=NOW + timedelta(minutes=1))
    assert not read(office, at=NOW)
    assert "15:00" not in free(office)
    assert read(office, at=NOW + timedelta(minutes=2))
    assert "15:00" in free(office)


def test_what_another_calendar_says_is_not_kept(office: Store) -> None:
    assert not read(office, taken(), calendar="old@example.it")
    read(office, taken())
    office.do(calendars.set_calendar, office.consultant, "new@example.it", now=NOW)
    assert "15:00" in free(office)
    assert office.do(busy.view, office.consultant) == busy.View("new@example.it", None, None, None, False)


def test_an_event_without_length_takes_nothing(office: Store) -> None:
    read(office, taken(minutes=0), taken(minutes=0.001))
    assert office.do(lambda: BusyTime.select().count()) == 0


def test_a_whole_week_away_is_kept_as_one_row(office: Store) -> None:
    read(office, taken(rome("2026-02-10T00:00"), minutes=7 * 24 * 60))
    assert free(office) == [] and free(office, "2026-02-09") != [] and free(office, "2026-02-17") != []


def test_how_well_a_calendar_is_known(office: Store) -> None:
    who = office.consultant
    assert office.do(busy.stale_since, who) is None
    office.do(busy.note_failure, who, CALENDAR, "no answer", stale=True, now=NOW)
    assert office.do(busy.stale_since, who) == busy.NEVER_READ
    read(office, taken())
    assert office.do(busy.stale_since, who) is None
    later = NOW + timedelta(minutes=5)
    office.do(busy.note_failure, who, CALENDAR, "no answer", stale=True, now=later)
    assert office.do(busy.stale_since, who) == NOW
    assert office.do(busy.view, who) == busy.View(CALENDAR, NOW, later, "no answer", stale=True)
    assert "15:00" not in free(office)  # used all the same


def test_a_consultant_without_a_calendar_has_no_view(store: Store) -> None:
    store.do(busy.note_failure, store.consultant, CALENDAR, "no answer", stale=True, now=NOW)
    assert store.do(busy.view, store.consultant) is None
    assert store.do(busy.stale_since, store.consultant) is None


@given(
    begin=st.integers(0, 120), minutes=st.integers(1, 90), first=st.integers(0, 8), count=st.integers(0, 8)
)
def test_the_cells_taken_are_those_an_event_touches(begin: int, minutes: int, first: int, count: int) -> None:
    start = NOW + timedelta(minutes=begin)
    event = taken(start, minutes)
    zero = int(NOW.timestamp()) // locks.CELL_SECONDS
    cells = range(zero + first, zero + first + count)
    touched = {
        cell
        for cell in cells
        if cell * 900 < event.end.timestamp() and (cell + 1) * 900 > event.start.timestamp()
    }
    assert busy.touched(event.start, event.end, cells) == touched
