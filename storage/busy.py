"""When consultants are taken by what is no booking of ours: a copy of what their calendars said when last read.

Call in `Database.run(work)`. Nothing here reads a calendar; whoever has read one brings what it said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import peewee as pw

from storage import locks, outbox
from storage.models import BOOKING_TABLES, BusyTime, CalendarView, Consultant, epoch_seconds
from storage.results import BookingKind
from storage.statements import Given, Statement

_ROWS_AT_ONCE = 500
_TAKEN = Statement(
    lambda: BusyTime.select(BusyTime.start_at, BusyTime.end_at).where(
        BusyTime.consultant == Given("consultant"),
        BusyTime.start_at < Given("until"),
        BusyTime.end_at > Given("since"),
    )
)
_STALE = Statement(
    lambda: CalendarView.select(CalendarView.read_at).where(
        CalendarView.consultant == Given("consultant"),
        CalendarView.stale == True,  # noqa: E712 - SQL
    )
)
NEVER_READ = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Busy:
    """A stretch of a calendar, aware UTC, and the id of the event that takes it."""

    event_id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class View:
    """How well a calendar is known: as of `read_at` (None: never read), and why not better since. `stale`: what is
    known is older than it should be, and was used all the same."""

    calendar: str
    read_at: datetime | None
    failed_at: datetime | None
    error: str | None
    stale: bool


def blocked(consultant_id: int, cells: range) -> set[int]:
    """Those of `cells` that the consultant's calendar takes."""
    size = locks.CELL_SECONDS
    rows = _TAKEN.all(consultant=consultant_id, since=cells.start * size, until=cells.stop * size)
    return {cell for row in rows for cell in touched(row.start_at, row.end_at, cells)}


def touched(start: datetime, end: datetime, cells: range) -> set[int]:
    """Those of `cells` that a stretch of time touches, be it for a second."""
    size = locks.CELL_SECONDS
    first, stop = epoch_seconds(start) // size, -(-epoch_seconds(end) // size)
    return set(range(max(first, cells.start), min(stop, cells.stop)))


def view(consultant_id: int) -> View | None:
    """How well the consultant's calendar is known; None when there is none."""
    row: Any = (
        Consultant.select(Consultant.calendar, CalendarView)
        .join(CalendarView, pw.JOIN.LEFT_OUTER, attr="seen")
        .where(Consultant.id == consultant_id, Consultant.calendar.is_null(False))
        .first()
    )
    if row is None:
        return None
    seen = getattr(row, "seen", None)
    if seen is None:
        return View(row.calendar, None, None, None, stale=False)
    return View(row.calendar, seen.read_at, seen.failed_at, seen.error, seen.stale)


def stale_since(consultant_id: int) -> datetime | None:
    """As of when the consultant's calendar is known, if that is longer ago than it should be; NEVER_READ if it was
    never read. None when all is well, or there is no calendar."""
    row = _STALE.first(consultant=consultant_id)
    return None if row is None else row.read_at or NEVER_READ


def remember(consultant_id: int, calendar: str, found: Iterable[Busy], *, read_at: datetime) -> bool:
    """Keep what `calendar` said at `read_at`, in place of all before; False where it is no longer the consultant's,
    or something newer is known.

    The events of our own bookings are left out: those take their time by themselves, and give it back.
    """
    if not _lock_calendar(consultant_id, calendar):
        return False
    known = view(consultant_id)
    if known is not None and known.read_at is not None and known.read_at > read_at:
        return False
    found = list(found)
    own = _own(consultant_id, {each.event_id for each in found})
    BusyTime.delete().where(BusyTime.consultant == consultant_id).execute()
    rows = [
        (consultant_id, each.start, each.end)
        for each in found
        if each.event_id not in own and epoch_seconds(each.end) > epoch_seconds(each.start)
    ]
    fields = [BusyTime.consultant, BusyTime.start_at, BusyTime.end_at]
    for chunk in pw.chunked(rows, _ROWS_AT_ONCE):
        BusyTime.insert_many(chunk, fields=fields).execute()
    _note(consultant_id, read_at=read_at, failed_at=None, error=None, stale=False)
    return True


def note_failure(consultant_id: int, calendar: str, error: str, *, stale: bool, now: datetime) -> None:
    """The calendar could not be read, for a reason without personal data; `stale`: what is known is too old."""
    if _lock_calendar(consultant_id, calendar):
        _note(consultant_id, failed_at=now, error=error, stale=stale)


def forget(consultant_id: int) -> None:
    """Nothing is known of the consultant's calendar any more."""
    BusyTime.delete().where(BusyTime.consultant == consultant_id).execute()
    CalendarView.delete().where(CalendarView.consultant == consultant_id).execute()


def _lock_calendar(consultant_id: int, calendar: str) -> bool:
    """Lock the consultant, and say whether this is still the calendar."""
    if not locks.lock_consultant(consultant_id):
        return False
    row: Any = Consultant.get_by_id(consultant_id)
    return bool(row.calendar == calendar)


def _note(consultant_id: int, **known: Any) -> None:
    CalendarView.insert(consultant=consultant_id, **known).on_conflict(
        conflict_target=[CalendarView.consultant], update=known
    ).execute()


def _own(consultant_id: int, event_ids: Iterable[str]) -> set[str]:
    """Those of the events that are of bookings of the consultant, in force or not."""
    named = {event: booking for event in event_ids if (booking := outbox.booking_of_event(event))}
    own: set[tuple[BookingKind, str]] = set()
    for kind, table in BOOKING_TABLES.items():
        if ids := {booking_id for each, booking_id in named.values() if each is kind}:
            rows = table.select(table.id).where(table.id.in_(ids), table.consultant == consultant_id)
            own.update((kind, row.id) for row in rows)
    return {event for event, booking in named.items() if booking in own}
