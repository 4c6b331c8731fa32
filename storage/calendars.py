"""Which calendar follows a consultant's bookings, and the secret address at which they can be subscribed to.

Call in `Database.run(work)`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage import busy, locks, outbox, people
from storage.bookings import as_booking, rows_of
from storage.errors import StorageError
from storage.models import BOOKING_TABLES, BookingStatus, Consultant
from storage.outbox import Action
from storage.people import ConsultantRecord
from storage.results import Booking

_PAST_IN_FEED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ConsultantCalendar:
    """One consultant and what is set: the calendar that follows, and whether there is a feed."""

    consultant: ConsultantRecord
    calendar: str | None
    has_feed: bool
    view: busy.View | None


def all_calendars() -> list[ConsultantCalendar]:
    """Every consultant, by id."""
    return [
        ConsultantCalendar(known, row.calendar, row.feed_digest is not None, busy.view(known.id))
        for known in people.consultants()
        if (row := _row(known.id)) is not None
    ]


def set_calendar(consultant_id: int, calendar: str | None, *, now: datetime) -> int:
    """Let `calendar` (its id; None: no more) follow the consultant's bookings from now on.

    Those in force and still to come are put on the list at once; returns how many. What is in a calendar that was set
    before stays there. Raises StorageError when there is no such consultant.
    """
    if not locks.lock_consultant(consultant_id):
        raise StorageError(f"there is no consultant {consultant_id}")
    row = _row(consultant_id)
    if row is None or row.calendar == calendar:
        return 0
    Consultant.update(calendar=calendar).where(Consultant.id == consultant_id).execute()
    busy.forget(consultant_id)
    if calendar is None:
        return 0
    upcoming = _in_force(consultant_id, now)
    for each in upcoming:
        outbox.enqueue(each, Action.CREATE, now=now)
    return len(upcoming)


def new_feed(consultant_id: int) -> str:
    """A new secret for the consultant's feed, shown this once and not kept; the one before is worth nothing any more.

    Raises StorageError when there is no such consultant.
    """
    token = secrets.token_urlsafe(32)
    _set_digest(consultant_id, _digest(token))
    return token


def revoke_feed(consultant_id: int) -> None:
    """The consultant has no feed any more. Raises StorageError when there is no such consultant."""
    _set_digest(consultant_id, None)


def feed(token: str, *, now: datetime) -> tuple[ConsultantRecord, list[Booking]] | None:
    """Whose feed this secret opens, with the bookings in force from a month ago on; None when it opens none.

    Only its hash is looked up, so that how long that takes tells nothing of the secret.
    """
    digest = _digest(token)
    row: Any = Consultant.get_or_none(Consultant.feed_digest == digest)
    if row is None or not hmac.compare_digest(row.feed_digest, digest):
        return None
    known = people.consultant(row.id)
    return None if known is None else (known, _in_force(row.id, now - _PAST_IN_FEED))


def _in_force(consultant_id: int, since: datetime) -> list[Booking]:
    found = [
        as_booking(kind, row)
        for kind, table in BOOKING_TABLES.items()
        for row in rows_of(kind).where(
            table.consultant == consultant_id,
            table.status == BookingStatus.CONFIRMED,
            table.start_at > since,
        )
    ]
    return sorted(found, key=lambda each: (each.start, each.id))


def _set_digest(consultant_id: int, digest: str | None) -> None:
    if not Consultant.update(feed_digest=digest).where(Consultant.id == consultant_id).execute():
        raise StorageError(f"there is no consultant {consultant_id}")


def _row(consultant_id: int) -> Any:
    return Consultant.get_or_none(Consultant.id == consultant_id)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
