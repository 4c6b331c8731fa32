"""The first user: made in the browser by whoever has the link that the server printed at its start."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from storage import sessions, users
from storage.users import Role, UserError
from transport.console.access import anybody
from transport.console.lockout import Lockout
from transport.console.page import page
from transport.console.passwords import Passwords, TooBusy, weakness
from transport.console.sessions import Sessions
from transport.console.settings import ConsoleSettings
from transport.console.wording import TEXTS

_PATH = "/primo-accesso"


def first_path(settings: ConsoleSettings, *, now: datetime) -> str | None:
    """The path of a link by which the first user is made; None when there is a user. Inside a transaction."""
    key = sessions.offer_first_link(now=now, lasts=settings.first_link)
    return None if key is None else f"{_PATH}/{key}"


class FirstAccess:
    """The page behind the link: it takes a name and a password, makes an amministratore of them, and signs in."""

    def __init__(self, sessions: Sessions, passwords: Passwords, lockout: Lockout) -> None:
        self._sessions, self._passwords, self._lockout = sessions, passwords, lockout

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(f"{_PATH}/{{key}}", self.form)
        app.router.add_post(f"{_PATH}/{{key}}", self.make)

    @anybody
    async def form(self, request: web.Request) -> web.Response:
        """The form; looking at it does not use the link up."""
        if not await self._holds(request.match_info["key"]):
            return page(request, "first_access_over.html", {}, status=404)
        return page(request, "first_access.html", {"name": "", "problem": None})

    @anybody
    async def make(self, request: web.Request) -> web.Response:
        """Make the first user."""
        key, given = request.match_info["key"], await request.post()
        name, password, again = (str(given.get(field, "")) for field in ("nome", "password", "ancora"))

        def refused(problem: str) -> web.Response:
            shown = {"name": name, "problem": TEXTS["password_problems"][problem]}
            return page(request, "first_access.html", shown, status=422)

        if not await self._holds(key):  # asked first: a hash is dear, and who guesses links gets none
            return page(request, "first_access_over.html", {}, status=404)
        weak = weakness(password, name)
        if weak is not None or password != again:
            return refused(weak or "differ")
        try:
            stored = await self._passwords.hash_aside(password)
        except TooBusy:
            return refused("busy")
        place = self._sessions.place(request)

        def work() -> tuple[int, str] | None:
            now = self._sessions.now()
            if not sessions.use_first_link(key, now=now):
                return None
            user = users.add(name, stored, [Role.AMMINISTRATORE], now=now)
            return user.id, self._sessions.begin(user.id, place)

        try:
            made = await self._sessions.database.run(work)
        except UserError:
            return refused("name")
        if made is None:
            return page(request, "first_access_over.html", {}, status=404)
        response = web.Response(status=303, headers={"Location": "/"})
        self._sessions.give(request, response, made[1])
        self._lockout.know(request, response, made[0])
        return response

    async def _holds(self, key: str) -> bool:
        now = self._sessions.now()
        return await self._sessions.database.run(lambda: sessions.first_link_holds(key, now=now))
