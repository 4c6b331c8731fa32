"""A migrated store in a moment, for tests that are not about migrations: these run once in a process, and every other
store is a copy of the first."""

from __future__ import annotations

import sqlite3

from storage.database import Database
from tests.storage.playground import MIGRATIONS

_migrated = sqlite3.connect(":memory:", check_same_thread=False)


def bring_up(database: Database) -> None:
    """Bring an open SQLite store with nothing in it to the current schema, as its migrations do."""
    tables = database._on_worker(database._peewee.get_tables)
    assert database.on_sqlite and tables == []
    if _migrated.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
        assert database.migrate() == MIGRATIONS
        database._on_worker(lambda: database._peewee.connection().backup(_migrated))
    else:
        database._on_worker(lambda: _migrated.backup(database._peewee.connection()))
