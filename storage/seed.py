"""Puts people, agendas and bookings in place for demos, rehearsals and tests. Call in
`Database.run(work)`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from storage import locks
from storage.agenda import AgendaSettings, Span
from storage.availability import settings_of
from storage.bookings import booking
from storage.errors import StorageError
from storage.models import (
    AppointmentBooking,
    AvailabilityException,
    AvailabilitySettings,
    Client,
    Consultant,
    Consultation,
    ScheduledCall,
)
from storage.results import Booking, BookingKind, Lead

SOMEONE_ELSE = Lead(phone="+390000000000", email="altro@example.invalid")


def add_consultant(
    name: str,
    settings: AgendaSettings | None = None,
    *,
    zone: str = "Europe/Rome",
    country: str = "IT",
    region: str | None = None,
) -> int:
    """A consultant with settings; returns its id."""
    settings = settings or AgendaSettings()
    row = Consultant.create(name=name, zone=zone, country=country, region=region)
    AvailabilitySettings.create(
        consultant=row,
        default_minutes=settings.default_minutes,
        allowed_minutes=list(settings.allowed_minutes),
        grid_minutes=settings.grid_minutes,
        buffer_before_minutes=settings.buffer_before_minutes,
        buffer_after_minutes=settings.buffer_after_minutes,
        lead_minutes=settings.lead_minutes,
        horizon_days=settings.horizon_days,
        weekly_hours={
            day: [[begin.isoformat("minutes"), end.isoformat("minutes")] for begin, end in hours]
            for day, hours in settings.weekly_hours.items()
        },
        published_starts_only=settings.published_starts_only,
    )
    return int(row.id)


def add_client(name: str, phone: str, *, consultant_id: int, email: str | None = None) -> int:
    """A registered client (`phone` E.164); returns its id."""
    return int(Client.create(name=name, phone=phone, email=email, consultant=consultant_id).id)


def add_scheduled_call(
    scheduled_call_id: str,
    *,
    consultant_id: int,
    target_number: str,
    due_at: datetime,
    client_id: int | None = None,
    purpose: str | None = None,
) -> None:
    """An outbound call to be placed (`target_number` E.164)."""
    ScheduledCall.create(
        id=scheduled_call_id,
        consultant=consultant_id,
        target_number=target_number,
        client=client_id,
        due_at=due_at,
        purpose=purpose,
    )


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
