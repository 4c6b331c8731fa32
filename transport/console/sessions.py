"""Who is signed in in which browser: the session's cookie, and the session behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from engine.ports import Clock
from storage import sessions
from storage.database import Database
from transport.console import cookies, forms
from transport.console.access import SESSION, Viewer
from transport.console.address import address_of
from transport.console.settings import ConsoleSettings

_COOKIE = "sessione"


@dataclass(frozen=True, slots=True)
class From:
    """Where a session is begun: the address, what the browser calls itself, and the session it had before."""

    address: str
    browser: str
    before: str | None


class Sessions:
    """The sessions of one server; several share a database."""

    def __init__(self, database: Database, clock: Clock, settings: ConsoleSettings) -> None:
        self.database, self.clock, self.settings = database, clock, settings

    def now(self) -> datetime:
        """The current instant."""
        return self.clock.now()

    async def viewer(self, request: web.Request) -> Viewer | None:
        """Who is signed in in the browser that asks; the request's forms then hang on that session."""
        key = self._key(request)
        if key is None:
            return None
        found = await self.database.run(
            lambda: sessions.find(key, now=self.now(), idle=self.settings.idle, used=_by_somebody(request))
        )
        if found is None:
            return None
        session, user = found
        request[SESSION] = session
        forms.bind(request, key)
        return Viewer(user.id, user.name, user.roles, user.consultant_id)

    def place(self, request: web.Request) -> From:
        """Where a session would begin that this request asks for."""
        given = request.headers.get("User-Agent", "")
        browser = given.encode("utf-8", "replace").decode()  # a header may hold bytes that are no text
        return From(address_of(request, self.settings.trusted), browser, self._key(request))

    def begin(self, user_id: int, place: From) -> str:
        """A new session in place of the one that the browser had; its key. Inside a transaction."""
        if place.before is not None:
            sessions.end_by_key(place.before)
        return sessions.begin(
            user_id,
            now=self.now(),
            longest=self.settings.longest,
            idle=self.settings.idle,
            address=place.address,
            browser=place.browser,
        )

    def give(self, request: web.Request, response: web.StreamResponse, key: str) -> None:
        """Give the browser the key of its session, and have it forget what it had before."""
        cookies.put(request, response, _COOKIE, key)
        forms.forget(request, response)

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """Sign this browser out."""
        if (key := self._key(request)) is not None:
            await self.database.run(lambda: sessions.end_by_key(key))
        cookies.drop(request, response, _COOKIE)

    @staticmethod
    def _key(request: web.Request) -> str | None:
        return cookies.read_secret(request, _COOKIE)


def _by_somebody(request: web.Request) -> bool:
    """Whether a person asks; a page that follows a call asks for itself again by script."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
