"""A store to play with, and what its tables alone tell of broken promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from storage import bookings, guards, people
from storage.agenda import AgendaSettings
from storage.database import Database, current
from storage.models import TABLES, proxy
from storage.results import Booking, Hold, Lead, Refusal

T = TypeVar("T")
ROME = ZoneInfo("Europe/Rome")
MIGRATIONS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "storage" / "migrations").glob("[0-9]*.py")
)
NOW = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)  # a Monday, 09:30 in Rome


def rome(text: str) -> datetime:
    """An instant written as local time in Rome."""
    return datetime.fromisoformat(text).replace(tzinfo=ROME).astimezone(UTC)


WEDNESDAY_15 = rome("2026-02-11T15:00")


@dataclass
class Store:
    """A database to play with; `do` runs one operation as one transaction."""

    database: Database
    consultant: int = 0
    anna: int = 0
    bruno: int = 0
    now: datetime = NOW
    lead: Lead = field(
        default_factory=lambda: Lead(phone="+393331234567", email="lia@example.it", name="Lia")
    )

    def do(self, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.database.run_blocking(lambda: operation(*args, **kwargs))

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def propose(self, start: datetime = WEDNESDAY_15, **given: Any) -> Hold | Refusal:
        values: dict[str, Any] = {
            "consultant_id": self.consultant,
            "conversation": "c1",
            "client_id": self.anna,
            "minutes": 60,
        }
        return self.do(bookings.propose, start=start, now=self.now, **{**values, **given})

    def hold(self, start: datetime = WEDNESDAY_15, **given: Any) -> Hold:
        held = self.propose(start, **given)
        assert isinstance(held, Hold), held
        return held

    def confirm(self, held: Hold, **given: Any) -> Booking | Refusal:
        values: dict[str, Any] = {"conversation": held.conversation, "client_id": held.client_id}
        return self.do(bookings.confirm, token=held.token, now=self.now, **{**values, **given})

    def book(self, start: datetime = WEDNESDAY_15, **given: Any) -> Booking:
        made = self.confirm(self.hold(start, **given))
        assert isinstance(made, Booking), made
        return made

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.do(lambda: list(self.database._peewee.execute_sql(sql).fetchall()))

    def tamper(self, *statements: str) -> None:
        """Change the tables past the journal's triggers, as one who owns the database could; all in one transaction."""

        def change() -> None:
            if not self.database.on_sqlite:
                proxy.execute_sql("SET LOCAL session_replication_role = replica")
            triggers = guards.statements(on_postgres=False) if self.database.on_sqlite else []
            for trigger in triggers:
                proxy.execute_sql(f"DROP TRIGGER {trigger.split()[2]}")
            for statement in (*statements, *triggers):
                proxy.execute_sql(statement)

        self.do(change)

    def cells(self) -> int:
        return int(self.rows("SELECT count(*) FROM slot_locks")[0][0])

    def faults(self) -> list[str]:
        return self.do(faults)


def faults() -> list[str]:
    """What the tables alone tell of broken promises: overlaps, cells and bookings without each other."""
    checks = {
        "cells of what is not in force": """
            SELECT cell FROM slot_locks s
            LEFT JOIN pending_bookings p ON p.token = s.hold_id
            LEFT JOIN consultations c ON c.id = s.consultation_id
            LEFT JOIN appointment_bookings a ON a.id = s.appointment_id
            WHERE coalesce(p.status, '-') <> 'awaiting_confirm' AND coalesce(c.status, '-') <> 'confirmed'
              AND coalesce(a.status, '-') <> 'confirmed'""",
        "consultations without all their cells": """
            SELECT c.id FROM consultations c LEFT JOIN slot_locks s ON s.consultation_id = c.id
            WHERE c.status = 'confirmed' GROUP BY c.id
            HAVING count(s.cell) < (c.minutes + 14) / 15""",
        "appointments without all their cells": """
            SELECT a.id FROM appointment_bookings a LEFT JOIN slot_locks s ON s.appointment_id = a.id
            WHERE a.status = 'confirmed' GROUP BY a.id
            HAVING count(s.cell) < (a.minutes + 14) / 15""",
        "holds without all their cells": """
            SELECT p.token FROM pending_bookings p LEFT JOIN slot_locks s ON s.hold_id = p.token
            WHERE p.status = 'awaiting_confirm' AND p.moving_id IS NULL GROUP BY p.token
            HAVING count(s.cell) < (p.minutes + 14) / 15""",
        "confirmed holds without a booking": """
            SELECT p.token FROM pending_bookings p
            LEFT JOIN consultations c ON c.id = p.booking_id AND p.booking_kind = 'consultation'
            LEFT JOIN appointment_bookings a ON a.id = p.booking_id AND p.booking_kind = 'appointment'
            WHERE p.status = 'confirmed' AND c.id IS NULL AND a.id IS NULL""",
        "bookings of calls that are not their call's one": """
            WITH every AS (
              SELECT id, voice_call_id, 'consultation' AS kind FROM consultations WHERE status = 'confirmed'
              UNION ALL
              SELECT id, voice_call_id, 'appointment' FROM appointment_bookings WHERE status = 'confirmed')
            SELECT e.id FROM every e LEFT JOIN call_bookings o ON o.voice_call_id = e.voice_call_id
             AND o.booking_kind = e.kind AND o.booking_id = e.id
            WHERE e.voice_call_id IS NOT NULL AND o.voice_call_id IS NULL
            UNION ALL
            SELECT o.booking_id FROM call_bookings o LEFT JOIN every e ON e.voice_call_id = o.voice_call_id
             AND e.kind = o.booking_kind AND e.id = o.booking_id
            WHERE e.id IS NULL""",
        "overlaps": """
            WITH every AS (
              SELECT id, consultant_id, start_at, start_at + minutes * 60 AS end_at FROM consultations
               WHERE status = 'confirmed'
              UNION ALL
              SELECT id, consultant_id, start_at, start_at + minutes * 60 FROM appointment_bookings
               WHERE status = 'confirmed')
            SELECT a.id FROM every a JOIN every b ON a.consultant_id = b.consultant_id AND a.id < b.id
             AND a.start_at < b.end_at AND b.start_at < a.end_at""",
    }
    found = {name: len(proxy.execute_sql(sql).fetchall()) for name, sql in checks.items()}
    return [f"{name}: {count}" for name, count in found.items() if count]


def empty() -> None:
    """Delete every row, on Postgres past the journal's triggers: for few rows ten times faster than TRUNCATE."""
    if not current().on_sqlite:
        proxy.execute_sql("SET LOCAL session_replication_role = replica")
    for table in reversed(TABLES):
        table.delete().execute()


def furnish(store: Store, settings: AgendaSettings | None = None) -> Store:
    """Put the consultant and the clients in."""
    store.consultant = store.do(people.add_consultant, "Dott.ssa Rossi", settings)
    store.anna = store.do(
        people.add_client, "Anna", "+393400000001", consultant_id=store.consultant, email="anna@example.it"
    )
    store.bruno = store.do(people.add_client, "Bruno", "+393400000002", consultant_id=store.consultant)
    return store
