"""An agenda as its page shows it: what is booked, held, taken by the calendar and free in a stretch of time.

Call in `Database.run(work)`. Each read is by an index that begins with the consultant (one_consultation_a_start,
one_appointment_a_start, one_hold_a_start), so that a week costs what is in it, however much else there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from storage.availability import available_starts
from storage.bookings import as_booking, rows_of
from storage.models import BOOKING_TABLES, BookingStatus, BusyTime, HoldStatus, PendingBooking
from storage.results import Booking


@dataclass(frozen=True, slots=True)
class HeldTime:
    """A slot that somebody is being asked to confirm, until `expires_at`. `conversation` is the call's id."""

    start: datetime
    minutes: int
    expires_at: datetime
    conversation: str


@dataclass(frozen=True, slots=True)
class AgendaView:
    """Everything that begins in the stretch, each by its start. `busy`: what the calendar takes, as far as it lies
    within. `free` are starts for a booking of the usual length."""

    booked: tuple[Booking, ...]
    held: tuple[HeldTime, ...]
    busy: tuple[tuple[datetime, datetime], ...]
    free: tuple[datetime, ...]


def agenda_view(
    consultant_id: int, frm: datetime, to: datetime, minutes: int, *, now: datetime
) -> AgendaView:
    """The consultant's agenda in [frm, to). Raises StorageError when there is no such consultant."""
    return AgendaView(
        booked=tuple(booked_between(consultant_id, frm, to)),
        held=tuple(_held(consultant_id, frm, to, now)),
        busy=tuple(_busy(consultant_id, frm, to)),
        free=tuple(available_starts(consultant_id, frm, to, minutes, now=now)),
    )


def booked_between(consultant_id: int, frm: datetime, to: datetime) -> list[Booking]:
    """The bookings in force that begin in [frm, to), by their start."""
    found: list[Booking] = []
    for kind, table in BOOKING_TABLES.items():
        which = (
            (table.consultant == consultant_id)
            & (table.status == pw.SQL(f"'{BookingStatus.CONFIRMED}'"))
            & (table.start_at >= frm)
            & (table.start_at < to)
        )
        found += [as_booking(kind, row) for row in rows_of(kind).where(which)]
    return sorted(found, key=lambda each: each.start)


def _held(consultant_id: int, frm: datetime, to: datetime, now: datetime) -> list[HeldTime]:
    rows: Any = PendingBooking.select().where(
        PendingBooking.consultant == consultant_id,
        PendingBooking.status == pw.SQL(f"'{HoldStatus.AWAITING}'"),
        PendingBooking.start_at >= frm,
        PendingBooking.start_at < to,
        PendingBooking.expires_at > now,
    )
    return [
        HeldTime(row.start_at, row.minutes, row.expires_at, row.conversation)
        for row in rows.order_by(PendingBooking.start_at)
    ]


def _busy(consultant_id: int, frm: datetime, to: datetime) -> list[tuple[datetime, datetime]]:
    rows: Any = BusyTime.select(BusyTime.start_at, BusyTime.end_at).where(
        BusyTime.consultant == consultant_id, BusyTime.start_at < to, BusyTime.end_at > frm
    )
    return [(max(row.start_at, frm), min(row.end_at, to)) for row in rows.order_by(BusyTime.start_at)]
