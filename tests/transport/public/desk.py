"""The public page over an open store, at a time that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from engine.ports import Elsewhere
from storage import bookings
from storage.database import Database
from storage.results import Booking
from tests.engine.written import Hands
from transport.public.routes import add_public
from transport.public.settings import PublicSettings

Site = TestServer


@dataclass
class Answer:
    """What a page answered, after the redirects."""

    status: int
    path: str
    text: str


@dataclass
class Browser:
    """Somebody's browser without scripts, with cookies of its own."""

    client: TestClient[web.Request, web.Application]

    async def get(self, path: str) -> Answer:
        async with self.client.get(path) as answer:
            return Answer(answer.status, answer.url.path_qs, await answer.text())

    async def post(self, path: str, *, origin: str | None = None, **fields: str) -> Answer:
        own = str(self.client.make_url("/"))[:-1]
        async with self.client.post(path, data=fields, headers={"Origin": origin or own}) as answer:
            return Answer(answer.status, answer.url.path_qs, await answer.text())


def token(text: str) -> str:
    """The hidden field of the page's forms."""
    return text.partition('name="modulo" value="')[2].partition('"')[0]


@asynccontextmanager
async def site(
    database: Database,
    clock: Hands | None = None,
    settings: PublicSettings | None = None,
    elsewhere: Elsewhere | None = None,
) -> AsyncIterator[Site]:
    app = web.Application()
    settings = settings or PublicSettings(consultants="1", holds_per_hour=1000)
    add_public(app, database, clock or Hands(), settings, elsewhere=elsewhere)
    server = TestServer(app)
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def browser(server: Site) -> AsyncIterator[Browser]:
    client = TestClient(server, cookie_jar=CookieJar(unsafe=True))
    try:
        yield Browser(client)
    finally:
        await client.session.close()


def in_force(database: Database) -> list[Booking]:
    return database.run_blocking(bookings.all_in_force)


def address(server: Site, path: str) -> str:
    return str(server.make_url(path))
