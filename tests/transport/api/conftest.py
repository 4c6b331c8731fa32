"""A store with one consultant and a client, and a shop that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.database import Database
from tests.engine.written import furnish
from tests.transport.api.desk import Shop, served


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        furnish(opened)
        yield opened


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with served(database) as shop:
        yield shop
