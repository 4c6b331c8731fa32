"""Bookings made or moved in one transaction, for channels that hold nothing while they ask (a public page, a
link).

A refusal leaves everything as it was, also a hold of the same conversation. Call in `Database.run(work)`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from storage import bookings
from storage.models import AppointmentBooking, BookingStatus, PendingBooking, proxy
from storage.results import Booking, BookingKind, Lead, Refusal


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

    def confirm(token: str) -> Booking | Refusal:
        return bookings.confirm(
            token=token,
            conversation=conversation,
            client_id=None,
            now=now,
            lead=lead,
            notes=notes,
            call_id=call_id,
            source=source,
        )

    return _both(
        confirm,
        locked=locked,
        consultant_id=consultant_id,
        conversation=conversation,
        client_id=None,
        start=start,
        minutes=minutes,
        now=now,
    )


def reschedule(
    kind: BookingKind,
    booking_id: str,
    *,
    conversation: str,
    client_id: int | None,
    start: datetime,
    minutes: int | None = None,
    now: datetime,
    notes: str | None = None,
) -> Booking | Refusal:
    """Move a booking to `start` (aware UTC), for `minutes` or as long as it was: the old slot is given back
    and the new one taken together, or neither.

    `client_id` is who asks, None for a lead. Asked again, it answers with the booking as moved. Refusals:
    those of `propose`.
    """
    known = bookings.booking(kind, booking_id)
    if known is None:
        return Refusal.NOT_FOUND
    # Before any lock: a stranger is told no as fast as one who guesses.
    if known.in_force and known.client_id != client_id:
        return Refusal.NOT_YOURS
    locked = bookings.lock_agenda(known.consultant_id, conversation)
    known = bookings.booking(kind, booking_id)  # again, now that nobody else can change it
    if known is None:
        return Refusal.NOT_FOUND

    def confirm(token: str) -> Booking | Refusal:
        return bookings.confirm(
            token=token, conversation=conversation, client_id=client_id, now=now, notes=notes
        )

    return _both(
        confirm,
        locked=locked,
        consultant_id=known.consultant_id,
        conversation=conversation,
        client_id=client_id,
        start=start,
        minutes=minutes or known.minutes,
        now=now,
        moving=known,
    )


def _both(confirm: Callable[[str], Booking | Refusal], **proposal: Any) -> Booking | Refusal:
    """Propose, then confirm; a refusal of either undoes both."""
    with proxy.atomic() as savepoint:
        held = bookings.propose(**proposal)
        done = held if isinstance(held, Refusal) else confirm(held.token)
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
