"""The current schema in a throw-away database, without migrations.

Rehearsals want an empty store in memory for every dialogue: the first of a process is made, the others are copied
from it, which takes a tenth of the time.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import peewee as pw

from storage import guards
from storage.models import TABLES

_first: sqlite3.Connection | None = None  # a process has one open database at a time, so nobody else uses it


def create(database: Any) -> None:
    """Make all tables and what protects them. Call with `database` connected."""
    global _first
    in_memory = isinstance(database, pw.SqliteDatabase) and database.database == ":memory:"
    if not in_memory or database.get_tables():  # a copy would replace what is there
        _make(database)
    elif _first is not None:
        _first.backup(database.connection())
    else:
        _make(database)
        _first = sqlite3.connect(":memory:", check_same_thread=False)
        database.connection().backup(_first)


def _make(database: Any) -> None:
    with database.atomic():
        database.create_tables(TABLES)
        guards.protect(database)
