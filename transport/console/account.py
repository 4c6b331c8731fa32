"""One's own account at /account: where one is signed in, and one's password."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from storage import people, sessions, tries, users
from storage.sessions import SessionRecord
from transport.console.access import SESSION, VIEWER, signed_in
from transport.console.lockout import Lockout
from transport.console.page import page
from transport.console.passwords import LONGEST, Passwords, TooBusy, weakness
from transport.console.sessions import Sessions
from transport.console.wording import TEXTS, ZONE, waiting

_PATH = "/account"


class Account:
    """The pages of whoever is signed in, about themselves."""

    def __init__(self, sessions: Sessions, passwords: Passwords, lockout: Lockout) -> None:
        self._sessions, self._passwords, self._lockout = sessions, passwords, lockout

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(_PATH, self.overview)
        app.router.add_post(rf"{_PATH}/sessioni/{{number:\d{{1,9}}}}", self.end)
        app.router.add_post(f"{_PATH}/sessioni", self.end_others)
        app.router.add_post(f"{_PATH}/password", self.change)

    @signed_in
    async def overview(self, request: web.Request) -> web.Response:
        """Who one is, one's sessions, and a form for a new password."""
        return await self._overview(request)

    @signed_in
    async def end(self, request: web.Request) -> web.Response:
        """End one of one's own sessions."""
        viewer, number = request[VIEWER], int(request.match_info["number"])
        await self._sessions.database.run(lambda: sessions.end(viewer.user_id, number))
        raise web.HTTPSeeOther(_PATH)

    @signed_in
    async def end_others(self, request: web.Request) -> web.Response:
        """End all of one's sessions but this one."""
        viewer, own = request[VIEWER], request.get(SESSION, 0)
        await self._sessions.database.run(lambda: sessions.end_others(viewer.user_id, own))
        raise web.HTTPSeeOther(_PATH)

    @signed_in
    async def change(self, request: web.Request) -> web.Response:
        """Give oneself another password; all other sessions end, and this one gets a new key."""
        viewer, given = request[VIEWER], await request.post()
        old, new, again = (str(given.get(field, "")) for field in ("attuale", "password", "ancora"))
        weak = weakness(new, viewer.name)
        if weak is not None or new != again:
            return await self._refused(request, weak or "differ")
        counted, place = self._lockout.change(viewer.user_id), self._sessions.place(request)
        longest = self._sessions.settings.longest_wait

        def ask() -> tuple[str | None, datetime | None]:
            user = users.by_id(viewer.user_id)
            wait = tries.begin(counted.all, now=self._sessions.now(), longest=longest)
            return None if user is None else user.password, wait

        stored, wait = await self._sessions.database.run(ask)
        if wait is not None:
            return await self._refused(request, "wait", waiting(wait - self._sessions.now()))
        try:
            if not await self._passwords.check_aside(old[:LONGEST], stored):
                return await self._refused(request, "wrong")
            renewed = await self._passwords.hash_aside(new)
        except TooBusy:
            await self._sessions.database.run(
                lambda: tries.succeeded((), counted.all, now=self._sessions.now())
            )
            return await self._refused(request, "busy")

        def work() -> str:
            users.set_password(viewer.user_id, renewed)
            tries.forget(subject.digest for subject in counted.all)
            return self._sessions.begin(viewer.user_id, place)

        key = await self._sessions.database.run(work)
        response = web.Response(status=303, headers={"Location": f"{_PATH}?cambiata=1"})
        self._sessions.give(request, response, key)
        return response

    async def _refused(self, request: web.Request, problem: str, left: str = "") -> web.Response:
        return await self._overview(request, TEXTS["password_problems"][problem].format(left=left))

    async def _overview(self, request: web.Request, problem: str | None = None) -> web.Response:
        viewer = request[VIEWER]

        def read() -> tuple[list[SessionRecord], str | None]:
            own = None if viewer.consultant_id is None else people.consultant(viewer.consultant_id)
            idle = self._sessions.settings.idle
            found = sessions.of_user(viewer.user_id, now=self._sessions.now(), idle=idle)
            return found, None if own is None else own.name

        found, consultant = await self._sessions.database.run(read)
        shown = {
            "sessions": found,
            "consultant": consultant,
            "problem": problem,
            "changed": problem is None and "cambiata" in request.query,
            "zone": ZONE,
        }
        return page(request, "account.html", shown, status=200 if problem is None else 422)
