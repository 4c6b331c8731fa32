"""Long reads of one moment of the database, beside a running server, which does not wait for them.

A connection of its own that can only read; rows stream, so that memory stays flat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from storage.errors import StorageError, StoreUnavailable
from storage.settings import StorageSettings

Rows = Callable[..., Iterator[tuple[Any, ...]]]
_AT_A_TIME = 2000


@contextmanager
def snapshot(settings: StorageSettings) -> Iterator[Rows]:
    """Gives `rows(sql, *parameters)`, which streams; parameters are marked `?`, texts compare by their bytes.

    Raises StorageError for a database in memory, StoreUnavailable for one that cannot be read.
    """
    try:
        if settings.url.startswith("sqlite:"):
            yield from _sqlite(settings.url.removeprefix("sqlite:///"))
        else:
            yield from _postgres(settings.url)
    except (sqlite3.Error, psycopg2.Error) as error:
        raise StoreUnavailable(f"the database cannot be read: {str(error).splitlines()[0]}") from error


def _sqlite(file: str) -> Iterator[Rows]:
    if file == ":memory:":
        raise StorageError("a database in memory can only be read by the program that made it")
    if not Path(file).exists():
        raise StoreUnavailable(f"there is no database {file}")
    connection = sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        yield lambda sql, *parameters: connection.execute(sql, parameters)
    finally:
        connection.close()


def _postgres(url: str) -> Iterator[Rows]:
    connection = psycopg2.connect(url, options="-c timezone=UTC -c statement_timeout=0", connect_timeout=5)
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    names = iter(range(1_000_000))

    def rows(sql: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        with connection.cursor(name=f"rows_{next(names)}") as cursor:
            cursor.itersize = _AT_A_TIME
            cursor.execute(sql.replace("%", "%%").replace("?", "%s"), parameters)
            yield from cursor

    try:
        yield rows
    finally:
        connection.close()
