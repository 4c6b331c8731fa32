"""Signing in and out: the pages /accedi and /esci, and the entrance that knows who is signed in."""

from __future__ import annotations

import logging
from datetime import datetime

from aiohttp import web
from yarl import URL

from storage import tries, users
from storage.users import LONGEST_NAME, UserRecord
from transport.console.access import VIEWER, Viewer, anybody, signed_in
from transport.console.account import Account
from transport.console.first_access import FirstAccess
from transport.console.gate import SIGN_IN
from transport.console.lockout import Counted, Lockout
from transport.console.page import page
from transport.console.passwords import LONGEST, Passwords, TooBusy
from transport.console.sessions import From, Sessions
from transport.console.wording import TEXTS, waiting

log = logging.getLogger(__name__)

_BUSY_S = 5


class SignIn:
    """The entrance of the console (see `gate.Entrance`) by name and password, or by the first link."""

    def __init__(self, sessions: Sessions, passwords: Passwords | None = None) -> None:
        self._sessions, self._database = sessions, sessions.database
        self._passwords = passwords or Passwords()
        self._lockout = Lockout(sessions.database.secret, sessions.settings)

    async def viewer(self, request: web.Request) -> Viewer | None:
        """Who is signed in in the browser that asks."""
        return await self._sessions.viewer(request)

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(SIGN_IN, self.form)
        app.router.add_post(SIGN_IN, self.enter)
        app.router.add_post("/esci", self.leave)
        FirstAccess(self._sessions, self._passwords, self._lockout).add_to(app)
        Account(self._sessions, self._passwords, self._lockout).add_to(app)

    @anybody
    async def form(self, request: web.Request) -> web.Response:
        """Where one signs in; who is signed in already is led on."""
        to = request.query.get("poi", "/")
        if VIEWER in request:
            raise web.HTTPSeeOther(_local(to))
        return await self._form(request, to)

    @anybody
    async def enter(self, request: web.Request) -> web.Response:
        """A try to sign in."""
        given = await request.post()
        name, password, to = (str(given.get(field, "")) for field in ("nome", "password", "poi"))
        if len(name) > LONGEST_NAME or len(password) > LONGEST:
            return await self._form(request, to, "wrong", status=401, name=name)
        place = self._sessions.place(request)

        def ask() -> tuple[UserRecord | None, Counted, datetime | None]:
            user = users.by_name(name)
            counted = self._lockout.sign_in(request, name, user.id if user else None, place.address)
            longest = self._sessions.settings.longest_wait
            return user, counted, tries.begin(counted.all, now=self._sessions.now(), longest=longest)

        user, counted, wait = await self._database.run(ask)
        if wait is not None:
            log.warning("a sign-in has to wait: too many have failed")
            left = wait - self._sessions.now()
            shown = await self._form(request, to, "wait", status=429, name=name, left=waiting(left))
            shown.headers["Retry-After"] = str(max(1, round(left.total_seconds())))
            return shown
        try:
            stored = user.password if user is not None and user.disabled_at is None else None
            right = await self._passwords.check_aside(password, stored)
            renewed = (
                await self._passwords.hash_aside(password)
                if right and stored is not None and self._passwords.is_dated(stored)
                else None
            )
        except TooBusy:
            await self._database.run(lambda: tries.succeeded((), counted.all, now=self._sessions.now()))
            shown = await self._form(request, to, "busy", status=503, name=name)
            shown.headers["Retry-After"] = str(_BUSY_S)
            return shown
        key = None
        if right and user is not None:
            known = user
            key = await self._database.run(lambda: self._let_in(known, renewed, counted, place))
        if key is None or user is None:
            log.warning("a sign-in was refused: wrong name or password")
            return await self._form(request, to, "wrong", status=401, name=name)
        log.info("user %d signed in", user.id)
        response = web.Response(status=303, headers={"Location": str(_local(to))})
        self._sessions.give(request, response, key)
        self._lockout.know(request, response, user.id)
        return response

    @signed_in
    async def leave(self, request: web.Request) -> web.Response:
        """Sign out."""
        response = web.Response(status=303, headers={"Location": SIGN_IN})
        await self._sessions.end(request, response)
        return response

    def _let_in(self, user: UserRecord, renewed: str | None, counted: Counted, place: From) -> str | None:
        """The key of a new session; None when the user was disabled or given another password meanwhile."""
        now = users.by_id(user.id)
        if now is None or now.disabled_at is not None or now.password != user.password:
            return None
        tries.succeeded(counted.own, counted.shared, now=self._sessions.now())
        tries.forget_old(self._sessions.now())
        if renewed is not None:
            users.renew_hash(user.id, user.password, renewed)
        return self._sessions.begin(user.id, place)

    async def _form(
        self,
        request: web.Request,
        to: str,
        problem: str | None = None,
        *,
        status: int = 200,
        name: str = "",
        left: str = "",
    ) -> web.Response:
        context = {
            "to": to,
            "name": name[:LONGEST_NAME],
            "problem": TEXTS["sign_in_problems"][problem].format(left=left) if problem else None,
            "nobody": not await self._database.run(users.any_user),
        }
        return page(request, "sign_in.html", context, status=status)


def _local(to: str) -> URL:
    """Where to go after signing in: `to` if it is a page of ours, else the first one."""
    if not to.startswith("/") or to.startswith("//") or "\\" in to or not to.isprintable():
        return URL("/")
    url = URL(to)
    return URL("/") if url.absolute or url.path == SIGN_IN else url
