"""What calendars have still to follow: one row for each booking made, moved or cancelled, written together with
that change. Call in `Database.run(work)`."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from enum import StrEnum

from storage.models import CalendarTask, Consultant
from storage.results import Booking, BookingKind
from storage.statements import Given, Statement

_WITH_CALENDAR = Statement(
    lambda: Consultant.select(Consultant.id).where(
        Consultant.id == Given("consultant"), Consultant.calendar.is_null(False)
    )
)


class Action(StrEnum):
    """What is to become of the event of a booking."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


def enqueue(booking: Booking, action: Action, *, now: datetime) -> None:
    """Note that the event of `booking` is to be made, changed or deleted; nothing where its consultant has no
    calendar."""
    if _WITH_CALENDAR.first(consultant=booking.consultant_id) is not None:
        CalendarTask.create(
            consultant=booking.consultant_id,
            booking_kind=booking.kind.value,
            booking_id=booking.id,
            action=action.value,
            event_id=event_id(booking),
            created_at=now,
            not_before=now,
        )


def event_id(booking: Booking) -> str:
    """The id of a booking's event, always the same, so that an event made twice is one.

    Google takes base32hex alone: 5 to 1024 of a–v and 0–9.
    """
    name = f"{booking.kind}:{booking.id}"
    return base64.b32hexencode(name.encode()).decode().rstrip("=").lower()


def booking_of_event(event: str) -> tuple[BookingKind, str] | None:
    """The kind and id of the booking whose event has this id; None for an event that is not ours."""
    try:
        padded = event.upper() + "=" * (-len(event) % 8)
        kind, _, booking_id = base64.b32hexdecode(padded).decode().partition(":")
        return BookingKind(kind), booking_id
    except (binascii.Error, ValueError):
        return None
