"""The page /calendario: how well each consultant's calendar is known, and what it has still to follow."""

from __future__ import annotations

from aiohttp import web

from storage import calendar_tasks, calendars
from storage.calendar_tasks import TaskRecord
from storage.calendars import ConsultantCalendar
from storage.database import Database
from transport.console.access import VIEWER, Role, requires
from transport.console.page import page

_MOST = 100


class CalendarPages:
    """What stands on the page is read from the store alone; no calendar is asked for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/calendario", self.overview)

    @requires(Role.CONSULENTE, Role.REVISORE)
    async def overview(self, request: web.Request) -> web.Response:
        """All consultants, or who looks alone; then what was given up, and what is open."""
        own = request[VIEWER].own_only

        def read() -> tuple[list[ConsultantCalendar], list[TaskRecord], list[TaskRecord]]:
            known = [each for each in calendars.all_calendars() if own in (None, each.consultant.id)]
            dead = calendar_tasks.dead_letters(_MOST, consultant_id=own)
            return known, dead, calendar_tasks.open_tasks(_MOST, consultant_id=own)

        known, dead, waiting = await self._database.run(read)
        return page(request, "calendars.html", {"calendars": known, "dead": dead, "waiting": waiting})
