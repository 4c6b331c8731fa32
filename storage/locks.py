"""The wall against double bookings: the consultant's row lock, then one row a 15-minute cell.

The primary key (consultant, cell) holds for holds and bookings of both kinds alike. Call inside a
transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import peewee as pw

from storage.agenda import AgendaSettings
from storage.errors import StorageError
from storage.models import Consultant, PendingBooking, SlotLock, epoch_seconds, proxy
from storage.results import Booking, BookingKind

CELL_SECONDS = 15 * 60

OWNER_COLUMNS: dict[BookingKind, Any] = {
    BookingKind.CONSULTATION: SlotLock.consultation,
    BookingKind.APPOINTMENT: SlotLock.appointment,
}


def lock_consultant(consultant_id: int) -> bool:
    """Take the consultant's row lock until the transaction ends; False when there is no such consultant.

    On SQLite the transaction is the lock already. On Postgres rows that name the consultant may still be
    inserted beside it (NO KEY), else two transactions that had each inserted one would wait for each other.
    Raises StorageError outside a transaction.
    """
    return consultant_id in lock_consultants({consultant_id})


def lock_consultants(consultant_ids: Collection[int]) -> set[int]:
    """Take several row locks, in the one order that all take them in; returns the ids that exist."""
    if not proxy.in_transaction():
        raise StorageError("store operations run inside a transaction: call them in Database.run(work)")
    rows: Any = Consultant.select(Consultant.id).where(Consultant.id.in_(list(consultant_ids)))
    rows = rows.order_by(Consultant.id)
    if isinstance(proxy.obj, pw.PostgresqlDatabase):
        rows = rows.for_update("FOR NO KEY UPDATE")
    return _firsts(rows)


def cells_of(start: datetime, minutes: int, settings: AgendaSettings) -> range:
    """The cells from floor(start) to ceil(end), buffers included."""
    begin, end = settings.occupied(start, minutes)
    return range(epoch_seconds(begin) // CELL_SECONDS, -(-epoch_seconds(end) // CELL_SECONDS))


def blocked_cells(
    consultant_id: int,
    cells: range,
    *,
    now: datetime,
    conversation: str | None = None,
    moving: Booking | None = None,
) -> set[int]:
    """Those of `cells` that are taken: not by `conversation`'s own hold, an expired hold, or the booking
    being moved."""
    taken = (
        SlotLock.select(SlotLock.cell)
        .join(PendingBooking, pw.JOIN.LEFT_OUTER, on=(SlotLock.hold == PendingBooking.token))
        .where(SlotLock.consultant == consultant_id, SlotLock.cell >= cells.start, SlotLock.cell < cells.stop)
        .where(SlotLock.hold.is_null() | (PendingBooking.expires_at > now))
    )
    if conversation is not None:
        taken = taken.where(SlotLock.hold.is_null() | (PendingBooking.conversation != conversation))
    if moving is not None:
        owner = OWNER_COLUMNS[moving.kind]
        taken = taken.where(owner.is_null() | (owner != moving.id))
    return _firsts(taken)


def take(consultant_id: int, cells: Iterable[int], owner: Any, owner_id: str) -> None:
    """Insert `cells` for one owner (a SlotLock column) in one ascending statement. Raises
    peewee.IntegrityError when one is taken."""
    rows = [(consultant_id, cell, owner_id) for cell in sorted(cells)]
    if rows:
        SlotLock.insert_many(rows, fields=[SlotLock.consultant, SlotLock.cell, owner]).execute()


def owned(owner: Any, owner_id: str) -> set[int]:
    """The cells of one owner."""
    return _firsts(SlotLock.select(SlotLock.cell).where(owner == owner_id))


def free(owner: Any, owner_id: str, *, cells: Iterable[int] | None = None) -> None:
    """Give back the cells of one owner: all, or only `cells`."""
    gone = SlotLock.delete().where(owner == owner_id)
    if cells is not None:
        gone = gone.where(SlotLock.cell.in_(list(cells)))
    gone.execute()


def hand_over(token: str, kind: BookingKind, booking_id: str) -> None:
    """Make a hold's cells those of a booking."""
    SlotLock.update({SlotLock.hold: None, OWNER_COLUMNS[kind]: booking_id}).where(
        SlotLock.hold == token
    ).execute()


def is_unique_violation(error: pw.IntegrityError) -> bool:
    """Whether a wall (a primary or unique key) was hit, as against a foreign key or a check."""
    cause = error.__cause__ or error.__context__ or getattr(error, "orig", None)
    return getattr(cause, "pgcode", None) == "23505" or "UNIQUE constraint failed" in str(error)


def cells_around(frm: datetime, to: datetime, longest: timedelta) -> range:
    """The cells that any booking starting in [frm, to) and reaching `longest` to either side could touch."""
    first = epoch_seconds(frm - longest) // CELL_SECONDS
    return range(first, -(-epoch_seconds(to + longest) // CELL_SECONDS))


def _firsts(query: Any) -> set[int]:
    return {row[0] for row in query.tuples()}
