"""Bookings made in one transaction, for channels that hold nothing while they ask (a public page, a link).

A refusal leaves everything as it was, also a hold of the same conversation. Call in `Database.run(work)`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage import bookings
from storage.models import AppointmentBooking, BookingStatus, PendingBooking, proxy
from storage.results import Booking, BookingKind, Hold, Lead, Refusal


def book_lead(
    *,
    consultant_id: int,
    conversation: str,
    lead: Lead,
    start: datetime,
    minutes: int,
    now: datetime,
    source: str,
    notes: str | None = None,
    call_id: str | None = None,
) -> Booking | Refusal:
    """Book `start` (aware UTC) for a lead: propose and confirm together, in place of any hold of the
    conversation.

    Asked again for what this conversation has booked for this lead, it answers with the same booking.
    Refusals: those of `propose` and ALREADY_BOOKED (this call has another booking in force). Raises
    StorageError for a source the store does not know.
    """
    locked = bookings.lock_agenda(consultant_id, conversation)
    if consultant_id not in locked:
        return Refusal.NOT_FOUND
    if (known := _booked_already(consultant_id, conversation, lead, start, minutes)) is not None:
        return known

    with proxy.atomic() as savepoint:
        done: Booking | Hold | Refusal = bookings.propose(
            locked=locked,
            consultant_id=consultant_id,
            conversation=conversation,
            client_id=None,
            start=start,
            minutes=minutes,
            now=now,
        )
        if isinstance(done, Hold):
            done = bookings.confirm(
                token=done.token,
                conversation=conversation,
                client_id=None,
                now=now,
                lead=lead,
                notes=notes,
                call_id=call_id,
                source=source,
            )
        if isinstance(done, Refusal):
            savepoint.rollback()
        return done


def _booked_already(
    consultant_id: int, conversation: str, lead: Lead, start: datetime, minutes: int
) -> Booking | None:
    row: Any = (
        AppointmentBooking.select()
        .join(PendingBooking, on=(PendingBooking.booking_id == AppointmentBooking.id))
        .where(
            PendingBooking.conversation == conversation,
            PendingBooking.booking_kind == BookingKind.APPOINTMENT.value,
            AppointmentBooking.consultant == consultant_id,
            AppointmentBooking.status == BookingStatus.CONFIRMED,
            AppointmentBooking.start_at == start,
            AppointmentBooking.minutes == minutes,
            AppointmentBooking.phone == lead.phone,
            AppointmentBooking.email == lead.email,
        )
        .first()
    )
    return None if row is None else bookings.as_booking(BookingKind.APPOINTMENT, row)
