"""A store with one consultant, and the page over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.database import Database
from tests.engine.written import Hands, furnish
from tests.transport.public.desk import Browser, Site, browser, site


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        furnish(opened)
        yield opened


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def server(database: Database, clock: Hands) -> AsyncIterator[Site]:
    async with site(database, clock) as server:
        yield server


@pytest.fixture
async def lia(server: Site) -> AsyncIterator[Browser]:
    async with browser(server) as opened:
        yield opened


@pytest.fixture
async def zeno(server: Site) -> AsyncIterator[Browser]:
    async with browser(server) as opened:
        yield opened
