"""Brings the schema up to date, also when several servers start on one database at the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee as pw
from playhouse import migrations

from storage.errors import StoreUnavailable

_DIRECTORY = Path(__file__).parent / "migrations"
_LOCK = 0x766273_6D6967  # of Postgres, by agreement among our servers only
_PATIENCE_S = 60.0
_ASK_EVERY_S = 0.05


def bring_up(database: pw.Database) -> list[str]:
    """Apply what is pending, in order; the names of what this process applied. Call with `database` connected.

    Raises StoreUnavailable when another server does not come to the end of its migrations.
    """
    if isinstance(database, pw.PostgresqlDatabase):
        with _alone(database):
            return list(migrations.run(database, str(_DIRECTORY)))
    return _taking_turns(database)


def status(database: pw.Database) -> list[tuple[str, bool]]:
    """Every migration's name and whether it has been applied, in order."""
    rows = migrations.Runner(database, str(_DIRECTORY)).status()
    return [(row.name, row.applied is not None) for row in rows]


@contextmanager
def _alone(database: Any) -> Iterator[None]:
    """Inside, no other server migrates. The lock is the connection's, so that one that dies lets go of it."""
    until = time.monotonic() + _PATIENCE_S
    while not database.execute_sql("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()[0]:
        if time.monotonic() >= until:
            raise StoreUnavailable(
                f"another server has been migrating the database for {_PATIENCE_S:g} s: see what it waits for"
            )
        time.sleep(_ASK_EVERY_S)
    try:
        yield
    finally:
        database.execute_sql("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _taking_turns(database: pw.Database) -> list[str]:
    """SQLite has no such lock: whose step turns out to be done by another goes on from what there is then."""
    until, applied = time.monotonic() + _PATIENCE_S, list[str]()
    while pending := [name for name, done in status(database) if not done]:
        try:
            applied += migrations.Runner(database, str(_DIRECTORY)).up(pending[0])
        except pw.DatabaseError as error:
            locked = "locked" in str(error) and time.monotonic() < until
            if not locked and pending == [name for name, done in status(database) if not done]:
                raise
            time.sleep(_ASK_EVERY_S)
    return applied
