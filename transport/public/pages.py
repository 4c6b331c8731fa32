"""The pages at /prenota/ID: the free slots, the form while one is held, and what was booked.

Everything is made on the server and works without scripts. Whoever opens them is known by a cookie alone; nobody is
shown what others have booked.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any

import jinja2
from aiohttp import web

from engine.faults import where
from engine.ports import Clock, Elsewhere
from engine.wording import spoken_slot
from storage import bookings, chats, people
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.people import ConsultantRecord
from storage.results import Booking, BookingKind, Hold, Refusal
from transport.calendar.ics import CONTENT_TYPE, booking_ics
from transport.console.address import address_of, neighbourhood
from transport.console.form_reading import can_be_read
from transport.console.headers import HEADERS
from transport.console.same_origin import is_from_here
from transport.public import form, slots
from transport.public.settings import PublicSettings
from transport.public.visit import FIELD, Visit
from transport.public.wording import TEXTS
from transport.rates import Rates

log = logging.getLogger(__name__)

ROOT = "/prenota"
_HOLDS_AT_ONCE = 5
_TAKEN = "occupato"
_EXPIRED = "scaduto"
_LEFT = "lasciato"

Answer = Callable[[web.Request, Visit, ConsultantRecord], Awaitable[web.StreamResponse]]


class PublicPages:
    """The pages of the consultants that the settings name. `proxies` are believed about where requests come from."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: PublicSettings,
        environment: jinja2.Environment,
        *,
        public_url: str = "",
        proxies: frozenset[str] = frozenset(),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._database, self._clock, self._shown = database, clock, settings.shown
        self._environment, self._public_url, self._proxies = environment, public_url, proxies
        self._elsewhere = elsewhere
        self._pages = Rates(clock, per_minute=settings.pages_per_minute, burst=settings.pages_per_minute)
        self._holds = Rates(clock, per_minute=settings.holds_per_hour / 60, burst=_HOLDS_AT_ONCE)

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        one = f"{ROOT}/{{consultant:[0-9]{{1,9}}}}"
        app.router.add_get(one, self._page(self.choose))
        app.router.add_post(f"{one}/tieni", self._page(self.hold))
        app.router.add_get(f"{one}/dati", self._page(self.fill_in))
        app.router.add_post(f"{one}/dati", self._page(self.book))
        app.router.add_post(f"{one}/lascia", self._page(self.let_go))
        app.router.add_get(f"{one}/fatto", self._page(self.done))
        app.router.add_get(f"{one}/appuntamento.ics", self._page(self.save))

    # --- The pages ------------------------------------------------------------------------------------------------

    async def choose(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """Days and free slots."""
        await self._look_elsewhere(consultant)
        frm, now = _day(request.query.get("da")), self._clock.now()
        found = await self._database.run(lambda: slots.offered(consultant, visit.conversation, frm, now))
        notice = TEXTS["notices"].get(request.query.get("avviso", ""))
        shown = {"offered": found, "notice": notice, "later_days": frm is not None}
        return self._render(request, visit, consultant, "slots.html", shown)

    async def hold(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """Hold the slot that was picked, and go on to the form."""
        start = slots.instant((await request.post()).get("start"))
        if (wait := self._holds.take(self._address(request))) > 0:
            return self._too_often(request, visit, consultant, wait)
        if start is None:
            raise web.HTTPSeeOther(_path(consultant))
        await self._look_elsewhere(consultant)
        now = self._clock.now()
        held = await self._database.run(
            lambda: bookings.propose(
                consultant_id=consultant.id,
                conversation=visit.conversation,
                client_id=None,
                start=start,
                minutes=consultant.settings.default_minutes,
                now=now,
            )
        )
        raise web.HTTPSeeOther(
            _path(consultant, notice=_TAKEN) if isinstance(held, Refusal) else _path(consultant, "dati")
        )

    async def fill_in(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """The form, as long as the slot is held."""
        held = await self._held(visit, consultant)
        if held is None:
            raise web.HTTPSeeOther(_path(consultant, notice=_EXPIRED))
        return self._form(request, visit, consultant, held, form.Filled(dict.fromkeys(form.FIELDS, ""), ()))

    async def book(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """Book what is held, if the form is right; sent twice it is one booking."""
        filled = form.read(await request.post())
        if filled.lead is None:
            held = await self._held(visit, consultant)
            if held is None:
                raise web.HTTPSeeOther(_path(consultant, notice=_EXPIRED))
            return self._form(request, visit, consultant, held, filled, status=422)
        await self._look_elsewhere(consultant)
        now = self._clock.now()
        made = await self._database.run(
            lambda: bookings.confirm(
                conversation=visit.conversation,
                client_id=None,
                consultant_id=consultant.id,
                now=now,
                lead=filled.lead,
                notes=filled.notes,
                source="public_page",
            )
        )
        if isinstance(made, Refusal):
            taken = made in (Refusal.SLOT_TAKEN, Refusal.PAST)
            raise web.HTTPSeeOther(_path(consultant, notice=_TAKEN if taken else _EXPIRED))
        raise web.HTTPSeeOther(_path(consultant, "fatto"))

    async def let_go(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """Give the slot back, and pick another."""
        now = self._clock.now()
        await self._database.run(lambda: bookings.release(visit.conversation, now=now))
        raise web.HTTPSeeOther(_path(consultant, notice=_LEFT))

    async def done(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """What this browser has just booked."""
        made = await self._made(visit, consultant)
        if made is None:
            raise web.HTTPSeeOther(_path(consultant))
        slot = spoken_slot(made.start.astimezone(consultant.zone))
        shown = {"booking": made, "slot": slot[:1].upper() + slot[1:]}
        return self._render(request, visit, consultant, "done.html", shown)

    async def save(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord
    ) -> web.StreamResponse:
        """The same for a calendar."""
        made = await self._made(visit, consultant)
        if made is None:
            raise web.HTTPSeeOther(_path(consultant))
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Content-Disposition": "attachment; filename=appuntamento.ics",
        }
        return web.Response(body=booking_ics(consultant, made, now=self._clock.now()), headers=headers)

    # --- What all of them share -----------------------------------------------------------------------------------

    def _page(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Ask first who comes how often, whether there is such a page, and of what acts whether our page sent it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visit = Visit.of(request)
            response: web.StreamResponse
            try:
                response = await self._answered(request, visit, answer)
            except web.HTTPSeeOther as elsewhere:
                response = web.Response(
                    status=elsewhere.status, headers={"Location": str(elsewhere.location)}
                )
            except StoreUnavailable as error:
                log.warning("a public page could not be shown: %s", where(error))
                response = self._problem(request, visit, "away", 503)
            visit.remember(request, response)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return handle

    async def _answered(self, request: web.Request, visit: Visit, answer: Answer) -> web.StreamResponse:
        if (wait := self._pages.take(self._address(request))) > 0:
            return self._too_often(request, visit, None, wait)
        number = int(request.match_info["consultant"])
        known = await self._database.run(lambda: people.consultant(number)) if number in self._shown else None
        if known is None:
            return self._problem(request, visit, "missing", 404)
        if request.method == "POST":
            ours = is_from_here(request, self._public_url) and await can_be_read(request)
            if not (ours and visit.is_ours((await request.post()).get(FIELD))):
                return self._problem(request, visit, "stale", 403, known)
        return await answer(request, visit, known)

    async def _look_elsewhere(self, consultant: ConsultantRecord) -> None:
        """Before free time is looked at: when the consultant's calendar says they are busy. It may take a while."""
        if self._elsewhere is not None:
            await self._elsewhere.fresh(consultant.id)

    async def _held(self, visit: Visit, consultant: ConsultantRecord) -> Hold | None:
        now = self._clock.now()
        held = await self._database.run(lambda: bookings.hold_of(visit.conversation, now=now))
        return held if held is not None and held.consultant_id == consultant.id else None

    async def _made(self, visit: Visit, consultant: ConsultantRecord) -> Booking | None:
        """The last booking of this browser, also when it was given up since."""

        def work() -> Booking | None:
            made = chats.made_in(visit.conversation)
            found = bookings.booking(BookingKind(made[0][0]), made[0][1]) if made else None
            return found if found is not None and found.consultant_id == consultant.id else None

        return await self._database.run(work)

    def _form(
        self,
        request: web.Request,
        visit: Visit,
        consultant: ConsultantRecord,
        held: Hold,
        filled: form.Filled,
        status: int = 200,
    ) -> web.Response:
        slot = spoken_slot(held.start.astimezone(consultant.zone))
        left = max(0, math.floor((held.expires_at - self._clock.now()).total_seconds()))
        shown = {
            "slot": slot[:1].upper() + slot[1:],
            "until": f"{held.expires_at.astimezone(consultant.zone):%H:%M}",
            "left": left,
            "clock": f"{left // 60}:{left % 60:02d}",
            "values": filled.values,
            "wrong": filled.wrong,
        }
        return self._render(request, visit, consultant, "form.html", shown, status=status)

    def _too_often(
        self, request: web.Request, visit: Visit, consultant: ConsultantRecord | None, wait: float
    ) -> web.Response:
        response = self._problem(request, visit, "often", 429, consultant, minutes=math.ceil(wait / 60))
        response.headers["Retry-After"] = str(math.ceil(wait))
        return response

    def _problem(
        self,
        request: web.Request,
        visit: Visit,
        what: str,
        status: int,
        consultant: ConsultantRecord | None = None,
        **values: int,
    ) -> web.Response:
        said = TEXTS["problems"]
        shown = {"title": said[f"{what}_title"], "said": said[what].format(**values)}
        return self._render(request, visit, consultant, "problem.html", shown, status=status)

    def _render(
        self,
        request: web.Request,
        visit: Visit,
        consultant: ConsultantRecord | None,
        template: str,
        shown: Mapping[str, Any],
        *,
        status: int = 200,
    ) -> web.Response:
        root = None if consultant is None else _path(consultant)
        text = self._environment.get_template(template).render(
            consultant=consultant, root=root, token=visit.token, t=TEXTS, **shown
        )
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def _address(self, request: web.Request) -> str:
        return neighbourhood(address_of(request, self._proxies))


def _path(consultant: ConsultantRecord, page: str = "", *, notice: str = "") -> str:
    return f"{ROOT}/{consultant.id}" + (f"/{page}" if page else "") + (f"?avviso={notice}" if notice else "")


def _day(written: str | None) -> date | None:
    try:
        return datetime.strptime(written or "", "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
