"""Puts the calendar's side together: what runs beside the calls of a server where Google Calendar is set up."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.ports import Clock
from storage import calendars
from storage.database import Database
from transport.calendar.busy import BusyTimes
from transport.calendar.google import GoogleCalendar
from transport.calendar.settings import CalendarSettings
from transport.calendar.worker import OutboxWorker

_log = logging.getLogger(__name__)


@asynccontextmanager
async def following(
    database: Database, clock: Clock, settings: CalendarSettings, credentials: str | None, server: str
) -> AsyncIterator[BusyTimes | None]:
    """Let calendars follow bookings while inside; gives what keeps their busy times fresh. Nothing without
    `credentials`.

    `server` is the name of this one in the store. Raises CalendarError for credentials that cannot be read.
    """
    if credentials is None:
        if any(each.calendar for each in await database.run(calendars.all_calendars)):
            _log.warning("calendars are set, but GOOGLE_CALENDAR_CREDENTIALS is not: nothing follows in them")
        yield None
        return
    google = GoogleCalendar(credentials, settings)
    # A server that was killed and started again is another worker: what the first has sent may still be on its way.
    owner = f"{server}:{os.getpid()}"
    worker = OutboxWorker(database, google, clock, settings, owner=owner, dice=random.random)
    busy = BusyTimes(database, google, clock, settings)
    try:
        async with worker.beside():
            yield busy
    finally:
        await busy.close()
        google.close()
