"""Puts agendas and bookings in place, past every check, for demos, rehearsals and tests. Call in
`Database.run(work)`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from storage import locks
from storage.agenda import Span
from storage.availability import settings_of
from storage.bookings import booking
from storage.errors import StorageError
from storage.models import AppointmentBooking, AvailabilityException, Consultation
from storage.results import Booking, BookingKind, Lead

SOMEONE_ELSE = Lead(phone="+390000000000", email="altro@example.invalid")


def publish_starts(consultant_id: int, starts: Iterable[datetime]) -> None:
    """Make exact starts (aware) bookable; with `published_starts_only` they are the only ones."""
    for start in starts:
        AvailabilityException.create(consultant=consultant_id, kind="start", start_at=start)


def add_open(consultant_id: int, span: Span, note: str | None = None) -> None:
    """Open an interval besides the weekly hours, also on a closing day."""
    _add_interval(consultant_id, "open", span, note)


def add_closed(consultant_id: int, span: Span, note: str | None = None) -> None:
    """Close an interval, whatever else opens it."""
    _add_interval(consultant_id, "closed", span, note)


def add_booking(
    consultant_id: int,
    start: datetime,
    minutes: int,
    *,
    now: datetime,
    client_id: int | None = None,
    lead: Lead | None = None,
    source: str = "public_page",
    notes: str | None = None,
) -> Booking:
    """A booking in force, at any time at all (working hours are not asked); raises peewee.IntegrityError
    if taken."""
    if (client_id is None) == (lead is None):
        raise StorageError("a booking is for a registered client or for a lead: give exactly one")
    locks.lock_consultant(consultant_id)
    new: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "consultant": consultant_id,
        "start_at": start,
        "minutes": minutes,
        "source": source,
        "notes": notes,
        "created_at": now,
    }
    if lead is None:
        kind = BookingKind.CONSULTATION
        Consultation.create(client=client_id, **new)
    else:
        kind = BookingKind.APPOINTMENT
        AppointmentBooking.create(name=lead.name, phone=lead.phone, email=lead.email, **new)
    cells = locks.cells_of(start, minutes, settings_of(consultant_id))
    locks.take(consultant_id, cells, locks.OWNER_COLUMNS[kind], new["id"])
    made = booking(kind, new["id"])
    assert made is not None
    return made


def take_slot(consultant_id: int, start: datetime, minutes: int, *, now: datetime) -> Booking:
    """Somebody else takes this slot."""
    return add_booking(consultant_id, start, minutes, now=now, lead=SOMEONE_ELSE)


def _add_interval(consultant_id: int, kind: str, span: Span, note: str | None) -> None:
    AvailabilityException.create(
        consultant=consultant_id, kind=kind, start_at=span[0], end_at=span[1], note=note
    )
