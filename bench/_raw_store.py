"""The store's design once more, in plain psycopg2 and sqlite3: what the store's own speed is measured against.

The same tables, locks and checks, and the statements that these need; no ORM, no pool, no retries.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import psycopg2

CELL = 15 * 60
HOLD_SECONDS = 15 * 60
DAYS = ("lun", "mar", "mer", "gio", "ven", "sab", "dom")

_ITALY = holidays.country_holidays("IT")

_HELD = "SELECT consultant_id FROM pending_bookings WHERE conversation = ? AND status = 'awaiting_confirm'"
_AGENDA = """
    SELECT c.zone, s.allowed_minutes, s.grid_minutes, s.buffer_before_minutes, s.buffer_after_minutes,
           s.lead_minutes, s.horizon_days, s.weekly_hours
      FROM consultants c JOIN consultant_availability_settings s ON s.consultant_id = c.id WHERE c.id = ?"""
_CLOSED = """
    SELECT kind, start_at, end_at FROM availability_exceptions
     WHERE consultant_id = ? AND start_at < ? AND end_at > ?"""
_BLOCKED = """
    SELECT 1 FROM slot_locks s LEFT JOIN pending_bookings p ON p.token = s.hold_id
     WHERE s.consultant_id = ? AND s.cell >= ? AND s.cell < ?
       AND (s.hold_id IS NULL OR (p.expires_at > ? AND p.conversation <> ?))
       AND coalesce(s.consultation_id, '') <> ? LIMIT 1"""
_OVER = """
    SELECT token FROM pending_bookings WHERE status = 'awaiting_confirm'
       AND (conversation = ? OR (consultant_id = ? AND expires_at <= ?))"""
_HOLD = """
    INSERT INTO pending_bookings (token, consultant_id, conversation, client_id, start_at, minutes, status,
                                  created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, 'awaiting_confirm', ?, ?)"""
_PENDING = """
    SELECT consultant_id, conversation, client_id, start_at, minutes, status, expires_at, booking_id
      FROM pending_bookings WHERE token = ?"""
_BOOK = """
    INSERT INTO consultations (id, consultant_id, client_id, start_at, minutes, status, source, created_at)
    VALUES (?, ?, ?, ?, ?, 'confirmed', 'voice_call', ?)"""
_CONFIRMED = """
    UPDATE pending_bookings SET status = 'confirmed', confirmed_at = ?, booking_kind = 'consultation',
           booking_id = ? WHERE token = ?"""
_KNOWN = """
    SELECT b.id, b.consultant_id, b.start_at, b.minutes, b.status, b.notes, c.id, c.name, c.phone, c.email
      FROM consultations b JOIN clients c ON c.id = b.client_id WHERE b.id = ?"""


class RawStore:
    """One connection; on SQLite shared by all threads, which take turns."""

    def __init__(self, connection: Any, postgres: bool) -> None:
        self.connection = connection
        self._mark = "%s" if postgres else "?"
        self._lock = "SELECT id FROM consultants WHERE id IN ({}) ORDER BY id"
        self._lock += " FOR NO KEY UPDATE" if postgres else ""
        self._begin = "BEGIN" if postgres else "BEGIN IMMEDIATE"
        self._turn = threading.Lock()

    @classmethod
    def on_sqlite(cls, file: str) -> RawStore:
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = 1"):
            connection.execute(f"PRAGMA {pragma}")
        return cls(connection, postgres=False)

    @classmethod
    def on_postgres(cls, url: str) -> RawStore:
        connection = psycopg2.connect(url, options="-c timezone=UTC -c lock_timeout=3000")
        connection.autocommit = True
        return cls(connection, postgres=True)

    def propose(
        self, consultant: int, conversation: str, client: int, start: datetime, minutes: int, now: datetime
    ) -> str | None:
        """The token of a hold; None when the slot cannot be had."""
        at, moment = int(start.timestamp()), int(now.timestamp())
        with self._transaction():
            self._lock_agenda(consultant, conversation)
            cells = self._cells(consultant, start, minutes, now)
            if cells is None or self._taken(consultant, conversation, cells, moment, ""):
                return None
            self._end_holds(consultant, conversation, moment)
            token = secrets.token_urlsafe(24)
            held = (token, consultant, conversation, client, at, minutes, moment, moment + HOLD_SECONDS)
            self._do(_HOLD, held)
            self._take("hold_id", consultant, cells, token)
            return token

    def confirm(self, token: str, conversation: str, client: int, now: datetime) -> tuple[Any, ...] | None:
        """The booking; None when the hold is no more."""
        moment = int(now.timestamp())
        with self._transaction():
            held = self._row(_PENDING, (token,))
            if held is None or (held[1], held[2]) != (conversation, client):
                return None
            self._rows(self._lock.format("?"), (held[0],))
            consultant, _, _, at, minutes, status, expires, booking = self._row(_PENDING, (token,)) or held
            if status == "confirmed":
                return self._row(_KNOWN, (booking,))
            if status != "awaiting_confirm" or expires <= moment or at <= moment:
                return None
            _, _, _, before, after, *_ = self._row(_AGENDA, (consultant,)) or ()
            booking = uuid.uuid4().hex
            self._do(_BOOK, (booking, consultant, client, at, minutes, moment))
            handed = "UPDATE slot_locks SET hold_id = NULL, consultation_id = ? WHERE hold_id = ?"
            if self._do(handed, (booking, token)) != len(_range(at, minutes, before, after)):
                raise RuntimeError("cells of a hold are gone")
            self._do(_CONFIRMED, (moment, booking, token))
            return self._row(_KNOWN, (booking,))

    def reschedule(
        self, booking: str, conversation: str, client: int, start: datetime, now: datetime
    ) -> tuple[Any, ...] | None:
        """The booking as moved; None when the slot cannot be had."""
        at, moment = int(start.timestamp()), int(now.timestamp())
        with self._transaction():
            known = self._row(_KNOWN, (booking,))
            if known is None:
                return None
            self._lock_agenda(known[1], conversation)
            known = self._row(_KNOWN, (booking,)) or known
            consultant, minutes = known[1], known[3]
            if known[4] != "confirmed" or known[6] != client or known[2] <= moment:
                return None
            cells = self._cells(consultant, start, minutes, now)
            if cells is None or self._taken(consultant, conversation, cells, moment, booking):
                return None
            self._end_holds(consultant, conversation, moment)
            owned = {
                cell
                for (cell,) in self._rows("SELECT cell FROM slot_locks WHERE consultation_id = ?", (booking,))
            }
            if gone := owned - set(cells):
                marks = ", ".join("?" * len(gone))
                self._do(
                    f"DELETE FROM slot_locks WHERE consultation_id = ? AND cell IN ({marks})",
                    (booking, *gone),
                )
            self._take("consultation_id", consultant, sorted(set(cells) - owned), booking)
            self._do("UPDATE consultations SET start_at = ? WHERE id = ?", (at, booking))
            return self._row(_KNOWN, (booking,))

    # --- Pieces -----------------------------------------------------------------------------------------------

    def _lock_agenda(self, consultant: int, conversation: str) -> None:
        held = {consultant, *(row[0] for row in self._rows(_HELD, (conversation,)))}
        self._rows(self._lock.format(", ".join("?" * len(held))), tuple(held))

    def _cells(self, consultant: int, start: datetime, minutes: int, now: datetime) -> range | None:
        """The cells of a start that can be booked; None for one that cannot."""
        zone, allowed, grid, before, after, lead, horizon, hours = self._row(_AGENDA, (consultant,)) or ()
        if isinstance(allowed, str):
            allowed, hours = json.loads(allowed), json.loads(hours)
        at = int(start.timestamp())
        end = at + minutes * 60
        earliest, latest = now + timedelta(minutes=lead), now + timedelta(days=horizon)
        if minutes not in allowed or not now < start or not earliest <= start < latest:
            return None
        spans = self._rows(_CLOSED, (consultant, end, at))
        if any(kind == "closed" for kind, _, _ in spans):
            return None
        local = start.astimezone(ZoneInfo(zone))
        if local.date() in _ITALY:
            return None
        since_midnight = local.hour * 60 + local.minute
        for begin, until in hours.get(DAYS[local.weekday()], ()):
            opens, closes = _minutes(begin), _minutes(until)
            if opens <= since_midnight and since_midnight + minutes <= closes:
                return _range(at, minutes, before, after) if (since_midnight - opens) % grid == 0 else None
        return None

    def _taken(self, consultant: int, conversation: str, cells: range, moment: int, moving: str) -> bool:
        given = (consultant, cells.start, cells.stop, moment, conversation, moving)
        return self._row(_BLOCKED, given) is not None

    def _end_holds(self, consultant: int, conversation: str, moment: int) -> None:
        tokens = tuple(row[0] for row in self._rows(_OVER, (conversation, consultant, moment)))
        if tokens:
            marks = ", ".join("?" * len(tokens))
            self._do(f"DELETE FROM slot_locks WHERE hold_id IN ({marks})", tokens)
            status = "CASE WHEN expires_at <= ? THEN 'expired' ELSE 'cancelled' END"
            self._do(
                f"UPDATE pending_bookings SET status = {status} WHERE token IN ({marks})", (moment, *tokens)
            )

    def _take(self, owner: str, consultant: int, cells: Any, name: str) -> None:
        rows = ", ".join(["(?, ?, ?)"] * len(cells))
        if rows:
            values = [value for cell in cells for value in (consultant, cell, name)]
            self._do(f"INSERT INTO slot_locks (consultant_id, cell, {owner}) VALUES {rows}", tuple(values))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._turn:
            self._do(self._begin, ())
            try:
                yield
            except BaseException:
                self._do("ROLLBACK", ())
                raise
            self._do("COMMIT", ())

    def _do(self, sql: str, values: tuple[Any, ...]) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql.replace("?", self._mark), values)
        return int(cursor.rowcount)

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        cursor.execute(sql.replace("?", self._mark), values)
        return list(cursor.fetchall())

    def _row(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        rows = self._rows(sql, values)
        return rows[0] if rows else None


def _range(at: int, minutes: int, before: int, after: int) -> range:
    return range((at - before * 60) // CELL, -(-(at + (minutes + after) * 60) // CELL))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:5])


def starts(frm: datetime, count: int) -> Iterator[datetime]:
    """Starts that can be booked for 30 minutes, one after the other, on working days after `frm`."""
    day, rome = frm.astimezone(ZoneInfo("Europe/Rome")).date(), ZoneInfo("Europe/Rome")
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in _ITALY:
            for half in (*range(18, 26), *range(28, 36)):
                yield datetime(
                    day.year, day.month, day.day, half // 2, half % 2 * 30, tzinfo=rome
                ).astimezone(UTC)
                count -= 1
