"""The agenda: /agenda by day or week, each booking at /agenda/{kind}/{id} to move or cancel, and /agenda/orari.

What is done here is done by the store's own operations, and their refusals are shown as they are.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from storage import availability, bookings, opening, people
from storage.agenda import closing_days
from storage.agenda_view import agenda_view
from storage.database import Database
from storage.errors import StorageError, StoreUnavailable
from storage.people import ConsultantRecord
from storage.results import Booking, BookingKind, Refusal
from transport.console import agenda_forms, wording
from transport.console.access import VIEWER, Role, Viewer, requires
from transport.console.agenda_days import begin, days, stretch
from transport.console.agenda_forms import Filled
from transport.console.page import page

_HOLIDAYS_SHOWN = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whose agenda is looked at, and whose may be."""

    consultant: ConsultantRecord
    choices: list[ConsultantRecord]


class AgendaPages:
    """The routes under /agenda. `now` gives the current instant, aware UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/agenda", self.overview)
        app.router.add_get("/agenda/orari", self.hours)
        app.router.add_post("/agenda/orari", self.change_hours)
        app.router.add_post("/agenda/eccezioni", self.add_exception)
        app.router.add_post("/agenda/eccezioni/togli", self.remove_exception)
        app.router.add_get(r"/agenda/{kind:consultation|appointment}/{id}", self.booking)
        app.router.add_post(r"/agenda/{kind:consultation|appointment}/{id}/sposta", self.move)
        app.router.add_post(r"/agenda/{kind:consultation|appointment}/{id}/disdici", self.cancel)

    # --- Looking ------------------------------------------------------------------------------------------

    @requires(Role.CONSULENTE)
    async def overview(self, request: web.Request) -> web.Response:
        """A week or a day of one agenda."""
        viewer, now = request[VIEWER], self._now()
        asked, week = request.query.get("consulente", ""), request.query.get("vista") != "giorno"

        def read() -> dict[str, Any] | None:
            whose = _whose(viewer, asked)
            if whose is None:
                return None
            known = whose.consultant
            today = now.astimezone(known.zone).date()
            day = agenda_forms.a_day(request.query.get("giorno", "")) or today
            first, count, frm, to = stretch(day, week=week, zone=known.zone)
            view = agenda_view(known.id, frm, to, known.settings.default_minutes, now=now)
            return {
                "whose": whose,
                "days": days(first, count, view, availability.agenda_of(known.id)),
                "day": day,
                "today": today,
                "week": week,
                "before": first - timedelta(days=count),
                "after": first + timedelta(days=count),
                "now": now,
                "done": request.query.get("fatto", ""),
            }

        context = await self._database.run(read)
        return page(request, "agenda.html", context) if context else self._nobody(request)

    @requires(Role.CONSULENTE)
    async def booking(self, request: web.Request) -> web.Response:
        """One booking, with the free starts of a day that it could be moved to."""
        return await self._booking(request)

    @requires(Role.CONSULENTE)
    async def hours(self, request: web.Request) -> web.Response:
        """When a consultant may be booked."""
        return await self._hours(request, request.query.get("consulente", ""))

    # --- Doing --------------------------------------------------------------------------------------------

    @requires(Role.CONSULENTE)
    async def move(self, request: web.Request) -> web.Response:
        """Move a booking to one of the free starts."""
        form, now = await request.post(), self._now()
        start = agenda_forms.read_instant(str(form.get("inizio", "")))
        if start is None:
            return await self._booking(request, wording.TEXTS["booking"]["no_start"], 400)
        kind, name = _named(request)
        viewer = request[VIEWER]

        def moved() -> Booking | Refusal:
            known = _visible(viewer, kind, name)
            if known is None:
                return Refusal.NOT_FOUND
            return bookings.reschedule(
                kind,
                name,
                conversation=f"agenda-{uuid.uuid4().hex}",
                client_id=known.client_id,
                start=start,
                now=now,
            )

        return await self._answered(request, await self._database.run(moved), "spostato")

    @requires(Role.CONSULENTE)
    async def cancel(self, request: web.Request) -> web.Response:
        """Give a booking up."""
        now, viewer = self._now(), request[VIEWER]
        kind, name = _named(request)

        def cancelled() -> Booking | Refusal:
            if _visible(viewer, kind, name) is None:
                return Refusal.NOT_FOUND
            return bookings.cancel(kind, name, now=now)

        return await self._answered(request, await self._database.run(cancelled), "disdetto")

    @requires(Role.CONSULENTE)
    async def change_hours(self, request: web.Request) -> web.Response:
        """Take the settings that were typed."""
        given, viewer = await _given(request), request[VIEWER]
        settings, filled = agenda_forms.read_settings(given)
        if settings is None:
            return await self._hours(request, given.get("consulente", ""), settings=filled, status=400)

        def change() -> int | None:
            whose = _whose(viewer, given.get("consulente", ""))
            if whose is None:
                return None
            opening.change_settings(whose.consultant.id, settings)
            opening.change_region(whose.consultant.id, given.get("provincia") or None)
            return whose.consultant.id

        return await self._changed(request, change)

    @requires(Role.CONSULENTE)
    async def add_exception(self, request: web.Request) -> web.Response:
        """Close, open or publish what was typed."""
        given, viewer = await _given(request), request[VIEWER]
        whose = await self._database.run(lambda: _whose(viewer, given.get("consulente", "")))
        if whose is None:
            return self._nobody(request)
        new, filled = agenda_forms.read_exception(given, whose.consultant.zone)
        if new is None:
            return await self._hours(request, str(whose.consultant.id), exception=filled, status=400)

        def add() -> int:
            opening.add_exception(whose.consultant.id, new.kind, new.start, new.end, note=new.note)
            return whose.consultant.id

        return await self._changed(request, add)

    @requires(Role.CONSULENTE)
    async def remove_exception(self, request: web.Request) -> web.Response:
        """Take an exception back."""
        given, viewer = await _given(request), request[VIEWER]

        def remove() -> int | None:
            whose = _whose(viewer, given.get("consulente", ""))
            number = given.get("eccezione", "")
            if whose is None or not (number.isascii() and number.isdigit() and len(number) < 10):
                return None
            opening.remove_exceptions(whose.consultant.id, [int(number)])
            return whose.consultant.id

        return await self._changed(request, remove)

    # --- Answering ----------------------------------------------------------------------------------------

    async def _answered(self, request: web.Request, done: Booking | Refusal, what: str) -> web.Response:
        if isinstance(done, Refusal):
            status = 404 if done.outward is Refusal.NOT_FOUND else 409
            return await self._booking(request, wording.store_refusal(done.outward), status)
        known = await self._database.run(lambda: people.consultant(done.consultant_id))
        day = done.start.astimezone(known.zone).date() if known else done.start.date()
        raise web.HTTPSeeOther(_address(done.consultant_id, day, what) + f"#{done.kind}-{done.id}")

    async def _booking(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        viewer, now = request[VIEWER], self._now()
        kind, name = _named(request)

        def read() -> dict[str, Any] | None:
            known = _visible(viewer, kind, name)
            consultant = None if known is None else people.consultant(known.consultant_id)
            if known is None or consultant is None:
                return None
            day = agenda_forms.a_day(request.query.get("giorno", "")) or (
                known.start.astimezone(consultant.zone).date()
            )
            free: list[datetime] = []
            if known.in_force and known.start > now:
                frm, to = begin(day, consultant.zone), begin(day + timedelta(days=1), consultant.zone)
                free = availability.available_starts(
                    consultant.id, frm, to, known.minutes, now=now, moving=known
                )
            return {
                "booking": known,
                "consultant": consultant,
                "day": day,
                "free": [start for start in free if start != known.start],
                "open": known.in_force and known.start > now,
                "problem": problem,
                "agenda": _address(consultant.id, known.start.astimezone(consultant.zone).date()),
            }

        context = await self._database.run(read)
        if context is None:
            return page(request, "missing.html", {"what": wording.TEXTS["booking"]["this"]}, status=404)
        return page(request, "booking.html", context, status=status)

    async def _hours(
        self,
        request: web.Request,
        asked: str,
        *,
        settings: Filled | None = None,
        exception: Filled | None = None,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        viewer, now = request[VIEWER], self._now()

        def read() -> dict[str, Any] | None:
            whose = _whose(viewer, asked)
            if whose is None:
                return None
            known = whose.consultant
            today = now.astimezone(known.zone).date()
            return {
                "whose": whose,
                "form": settings or agenda_forms.shown_settings(known.settings, known.region),
                "numbers": agenda_forms.NUMBERS,
                "exception": exception or Filled({}),
                "exceptions": opening.exceptions(known.id, now),
                "regions": opening.regions(known.country),
                "holidays": _holidays(known, today),
                "problem": problem,
                "done": request.query.get("fatto", ""),
            }

        context = await self._database.run(read)
        return page(request, "opening.html", context, status=status) if context else self._nobody(request)

    async def _changed(self, request: web.Request, work: Callable[[], int | None]) -> web.Response:
        try:
            consultant = await self._database.run(work)
        except StoreUnavailable:
            raise
        except StorageError:
            given = await _given(request)
            problem = wording.TEXTS["opening"]["refused"]
            return await self._hours(request, given.get("consulente", ""), problem=problem, status=409)
        if consultant is None:
            return self._nobody(request)
        raise web.HTTPSeeOther(f"/agenda/orari?consulente={consultant}&fatto=1")

    def _nobody(self, request: web.Request) -> web.Response:
        return page(request, "missing.html", {"what": wording.TEXTS["agenda"]["this"]}, status=404)


def _whose(viewer: Viewer, asked: str) -> _Whose | None:
    """The agenda asked for, or the viewer's own, or the first; None when it is not theirs to see."""
    choices = _agendas(viewer)
    wanted = asked or (str(viewer.consultant_id) if viewer.consultant_id is not None else "")
    found = [each for each in choices if str(each.id) == wanted] if wanted else choices
    return _Whose(found[0], choices) if found else None


def _agendas(viewer: Viewer) -> list[ConsultantRecord]:
    """The agendas that the viewer may look at and change: an amministratore's are all, anybody else's their own."""
    every = people.consultants()
    if viewer.may():
        return every
    return [each for each in every if each.id == viewer.consultant_id]


def _visible(viewer: Viewer, kind: BookingKind, name: str) -> Booking | None:
    known = bookings.booking(kind, name)
    if known is None or not (viewer.may() or known.consultant_id == viewer.consultant_id):
        return None
    return known


def _named(request: web.Request) -> tuple[BookingKind, str]:
    return BookingKind(request.match_info["kind"]), request.match_info["id"]


async def _given(request: web.Request) -> Mapping[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _address(consultant_id: int, day: date, done: str = "") -> str:
    query = {"consulente": str(consultant_id), "giorno": day.isoformat()}
    return f"/agenda?{urlencode(query | ({'fatto': done} if done else {}))}"


def _holidays(known: ConsultantRecord, today: date) -> list[date]:
    until = today + _HOLIDAYS_SHOWN
    found = {
        day for year in {today.year, until.year} for day in closing_days(known.country, known.region, year)
    }
    return sorted(day for day in found if today <= day < until)
