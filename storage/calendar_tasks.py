"""Works off what calendars have still to follow (`storage.outbox`): who does which task next, and what became of it.

Of each consultant only the oldest open task is ever given out, so that none overtakes another; a task that is given
up lets the next one pass. Call in `Database.run(work)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

from storage import bookings, calls
from storage.database import current
from storage.errors import StorageError
from storage.models import BOOKING_TABLES, CalendarTask, Consultant
from storage.outbox import Action
from storage.results import Booking, BookingKind

_LONGEST_ERROR = 300
# Worded as in the indexes: SQLite finds them by their very words.
_OPEN = CalendarTask.done_at.is_null() & ~CalendarTask.dead
_DEAD = CalendarTask.dead


@dataclass(frozen=True, slots=True)
class Task:
    """One task, given out: `booking` as it was then, and the calendar of its consultant (None: no more).

    `attempts` counts from 1. `doubtful`: an earlier try of this event ended without anybody knowing what came of it.
    """

    id: int
    consultant_id: int
    calendar: str | None
    booking: Booking
    action: Action
    event_id: str
    attempts: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as the page shows it; instants aware UTC, `zone` the consultant's to show them in."""

    id: int
    consultant: str
    zone: ZoneInfo
    action: Action
    start: datetime | None
    created_at: datetime
    not_before: datetime
    attempts: int
    error: str | None
    dead: bool


def take(owner: str, *, most: int, lease: timedelta, now: datetime) -> list[Task]:
    """Give out at most `most` tasks that are due, to `owner`, who has them until the lease ends.

    On Postgres rows that somebody else is just taking are passed over; on SQLite there is one writer.
    """
    due = due_tasks(now).limit(most)
    if not current().on_sqlite:
        due = due.for_update("FOR UPDATE SKIP LOCKED")
    return [_given_out(row, owner, now + lease) for row in due]


def due_tasks(now: datetime) -> Any:
    """The query for the tasks that may be given out: due, nobody's, and the oldest of their consultant."""
    earlier = CalendarTask.alias()
    before: Any = (
        earlier.select(pw.SQL("1"))
        .where(earlier.consultant == CalendarTask.consultant, earlier.id < CalendarTask.id)
        .where(earlier.done_at.is_null(), ~earlier.dead)
    )
    free = CalendarTask.leased_until.is_null() | (CalendarTask.leased_until <= now)
    return (
        CalendarTask.select()
        .where(_OPEN, CalendarTask.not_before <= now, free, ~pw.fn.EXISTS(before))
        .order_by(CalendarTask.consultant, CalendarTask.id)
    )


def done(task: Task, owner: str, *, meet_link: str | None = None, now: datetime) -> bool:
    """The calendar has followed; where the appointment is held on line is kept with it and with its call.

    False when the lease has run out and somebody else has the task: then nothing is written.
    """
    if not _close(task, owner, done_at=now, last_error=None):
        return False
    if meet_link is not None:
        table = BOOKING_TABLES[task.booking.kind]
        table.update(meet_link=meet_link).where(table.id == task.booking.id).execute()
        if task.booking.call_id is not None:
            calls.note_metadata(task.booking.call_id, {"googleMeetLink": meet_link})
    return True


def failed(task: Task, owner: str, error: str, *, again_at: datetime | None) -> bool:
    """It could not be done, for a reason without personal data; again from then on, or never (a dead letter)."""
    told = error[:_LONGEST_ERROR]
    if again_at is None:
        return _close(task, owner, dead=True, last_error=told)
    return _close(task, owner, not_before=again_at, last_error=told)


def open_tasks(limit: int = 100, *, consultant_id: int | None = None) -> list[TaskRecord]:
    """What is still to be done, in order: of all, or of one consultant."""
    return _records(_OPEN, CalendarTask.id, limit, consultant_id)


def dead_letters(limit: int = 100, *, consultant_id: int | None = None) -> list[TaskRecord]:
    """What was given up, the newest first: of all, or of one consultant."""
    return _records(_DEAD, CalendarTask.id.desc(), limit, consultant_id)


def retry(task_id: int | None, *, now: datetime) -> int:
    """Open a dead letter again, or all of them; returns how many. Raises StorageError when that one is none."""
    which: Any = _DEAD if task_id is None else _DEAD & (CalendarTask.id == task_id)
    opened = CalendarTask.update(dead=False, attempts=0, not_before=now).where(which).execute()
    if task_id is not None and not opened:
        raise StorageError(f"task {task_id} is no dead letter")
    return int(opened)


def _given_out(row: Any, owner: str, until: datetime) -> Task:
    made = bookings.booking(BookingKind(row.booking_kind), row.booking_id)
    if made is None:
        raise StorageError(f"calendar task {row.id} is of a booking that is gone")
    attempts = row.attempts + 1
    CalendarTask.update(lease_owner=owner, leased_until=until, attempts=attempts).where(
        CalendarTask.id == row.id
    ).execute()
    given_up = CalendarTask.select().where(CalendarTask.event_id == row.event_id, _DEAD)
    return Task(
        id=row.id,
        consultant_id=row.consultant_id,
        calendar=Consultant.get_by_id(row.consultant_id).calendar,
        booking=made,
        action=Action(row.action),
        event_id=row.event_id,
        attempts=attempts,
        doubtful=row.attempts > 0 or row.last_error is not None or given_up.exists(),
    )


def _close(task: Task, owner: str, **new: Any) -> bool:
    """Give the task back with what became of it, if it is still `owner`'s."""
    mine = (CalendarTask.id == task.id) & (CalendarTask.lease_owner == owner)
    mine &= _OPEN & (CalendarTask.attempts == task.attempts)
    changed = CalendarTask.update(lease_owner=None, leased_until=None, **new).where(mine).execute()
    return int(changed) == 1


def _records(which: Any, order: Any, limit: int, consultant_id: int | None) -> list[TaskRecord]:
    if consultant_id is not None:
        which = which & (CalendarTask.consultant == consultant_id)
    rows: Any = (
        CalendarTask.select(CalendarTask, Consultant)
        .join(Consultant)
        .where(which)
        .order_by(order)
        .limit(limit)
    )
    found = []
    for row in rows:
        made = bookings.booking(BookingKind(row.booking_kind), row.booking_id)
        found.append(
            TaskRecord(
                id=row.id,
                consultant=row.consultant.name,
                zone=ZoneInfo(row.consultant.zone),
                action=Action(row.action),
                start=None if made is None else made.start,
                created_at=row.created_at,
                not_before=row.not_before,
                attempts=row.attempts,
                error=row.last_error,
                dead=row.dead,
            )
        )
    return found
