"""An open database with one consultant, two clients and a Monday morning as now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.storage.playground import Store, furnish


@pytest.fixture
def store() -> Iterator[Store]:
    with Database("sqlite:///:memory:") as database:
        database.migrate()
        yield furnish(Store(database))


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    with Database(f"sqlite:///{tmp_path}/deep/booking.db") as database:
        database.migrate()
        yield furnish(Store(database))
