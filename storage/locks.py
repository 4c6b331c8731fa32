"""The wall against double bookings: the consultant's row lock, then one row a 15-minute cell.

The primary key (consultant, cell) holds for holds and bookings of both kinds alike. Call inside a
transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import peewee as pw

from storage.agenda import AgendaSettings
from storage.errors import StorageError
from storage.models import Consultant, PendingBooking, SlotLock, epoch_seconds, proxy
from storage.results import Booking, BookingKind
from storage.statements import Given, Statement

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
    return _lock(len(consultant_ids)).firsts(**_numbered(consultant_ids)) if consultant_ids else set()


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
    return _blocked(conversation is not None, None if moving is None else moving.kind).firsts(
        consultant=consultant_id,
        first=cells.start,
        stop=cells.stop,
        now=now,
        conversation=conversation,
        moving=None if moving is None else moving.id,
    )


def take(consultant_id: int, cells: Iterable[int], owner: Any, owner_id: str) -> None:
    """Insert `cells` for one owner (a SlotLock column) in one ascending statement. Raises
    peewee.IntegrityError when one is taken."""
    ascending = sorted(cells)
    if ascending:
        _take(owner, len(ascending)).run(consultant=consultant_id, owner=owner_id, **_numbered(ascending))


def owned(owner: Any, owner_id: str) -> set[int]:
    """The cells of one owner."""
    return _owned(owner).firsts(owner=owner_id)


def free(owner: Any, owner_id: str, *, cells: Collection[int] | None = None) -> None:
    """Give back the cells of one owner: all, or only `cells`."""
    _free(owner, None if cells is None else len(cells)).run(owner=owner_id, **_numbered(cells or ()))


def hand_over(token: str, kind: BookingKind, booking_id: str) -> set[int]:
    """Make a hold's cells those of a booking; returns them."""
    return _hand_over(kind).firsts(hold=token, booking=booking_id)


def is_unique_violation(error: pw.IntegrityError) -> bool:
    """Whether a wall (a primary or unique key) was hit, as against a foreign key or a check."""
    return getattr(_cause(error), "pgcode", None) == "23505" or "UNIQUE constraint failed" in str(error)


def violated_index(error: pw.IntegrityError) -> str | None:
    """The name of the unique key that was hit, where the database tells it (Postgres)."""
    return getattr(getattr(_cause(error), "diag", None), "constraint_name", None)


def cells_around(frm: datetime, to: datetime, longest: timedelta) -> range:
    """The cells that any booking starting in [frm, to) and reaching `longest` to either side could touch."""
    first = epoch_seconds(frm - longest) // CELL_SECONDS
    return range(first, -(-epoch_seconds(to + longest) // CELL_SECONDS))


def _cause(error: pw.IntegrityError) -> Any:
    """The driver's own error."""
    return error.__cause__ or error.__context__ or getattr(error, "orig", None)


def kept(query: Any) -> Any:
    """`query`, whose rows nobody else changes until the transaction ends; rows that name them may be inserted beside.

    On SQLite the transaction is the lock already.
    """
    on_postgres = isinstance(proxy.obj, pw.PostgresqlDatabase)
    return query.for_update("FOR NO KEY UPDATE") if on_postgres else query


# --- Worded once ------------------------------------------------------------------------------------------


@cache
def _lock(count: int) -> Statement:
    def query() -> Any:
        rows: Any = (
            Consultant.select(Consultant.id).where(Consultant.id.in_(_places(count))).order_by(Consultant.id)
        )
        return kept(rows)

    return Statement(query)


@cache
def _blocked(but_own_hold: bool, but_moved: BookingKind | None) -> Statement:
    def query() -> Any:
        taken = (
            SlotLock.select(SlotLock.cell)
            .join(PendingBooking, pw.JOIN.LEFT_OUTER, on=(SlotLock.hold == PendingBooking.token))
            .where(SlotLock.consultant == Given("consultant"))
            .where(SlotLock.cell >= Given("first"), SlotLock.cell < Given("stop"))
            .where(SlotLock.hold.is_null() | (PendingBooking.expires_at > Given("now")))
        )
        if but_own_hold:
            others = PendingBooking.conversation != Given("conversation")
            taken = taken.where(SlotLock.hold.is_null() | others)
        if but_moved is not None:
            owner = OWNER_COLUMNS[but_moved]
            taken = taken.where(owner.is_null() | (owner != Given("moving")))
        return taken

    return Statement(query)


@cache
def _take(owner: Any, count: int) -> Statement:
    rows = [(Given("consultant"), cell, Given("owner")) for cell in _places(count)]
    fields = [SlotLock.consultant, SlotLock.cell, owner]
    return Statement(lambda: SlotLock.insert_many(rows, fields=fields))


@cache
def _owned(owner: Any) -> Statement:
    return Statement(lambda: SlotLock.select(SlotLock.cell).where(owner == Given("owner")))


@cache
def _free(owner: Any, count: int | None) -> Statement:
    def query() -> Any:
        gone = SlotLock.delete().where(owner == Given("owner"))
        return gone if count is None else gone.where(SlotLock.cell.in_(_places(count)))

    return Statement(query)


@cache
def _hand_over(kind: BookingKind) -> Statement:
    new = {SlotLock.hold: None, OWNER_COLUMNS[kind]: Given("booking")}
    handed = SlotLock.hold == Given("hold")
    return Statement(lambda: SlotLock.update(new).where(handed).returning(SlotLock.cell))


def _places(count: int) -> list[Given]:
    return [Given(f"at{number}") for number in range(count)]


def _numbered(values: Iterable[Any]) -> dict[str, Any]:
    return {f"at{number}": value for number, value in enumerate(values)}
