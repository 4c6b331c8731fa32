"""An open database with one consultant, two clients and a Monday morning as now: every test that asks for one
runs on SQLite and on Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.storage.playground import Store, furnish
from tests.storage.ready import bring_up


@pytest.fixture(params=["sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture
def url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated database with nothing in it, which several processes may open."""
    if dialect == "postgres":
        return str(request.getfixturevalue("postgres").fresh())
    address = f"sqlite:///{tmp_path}/deep/booking.db"
    with Database(address) as database:
        bring_up(database)
    return address


@pytest.fixture
def store(dialect: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """Furnished and open; on SQLite in memory."""
    address = request.getfixturevalue("url") if dialect == "postgres" else "sqlite:///:memory:"
    with Database(address) as database:
        if dialect == "sqlite":
            bring_up(database)
        yield furnish(Store(database))


@pytest.fixture
def kept_store(url: str) -> Iterator[Store]:
    """Furnished and open; on SQLite in a file."""
    with Database(url) as database:
        yield furnish(Store(database))


@pytest.fixture
def sqlite_store() -> Iterator[Store]:
    """For what only SQLite does."""
    with Database("sqlite:///:memory:") as database:
        bring_up(database)
        yield furnish(Store(database))
