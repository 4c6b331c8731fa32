"""Keeps the store's copy of what else is in consultants' calendars fresh, before anything is decided by it.

Never in a transaction: those look at the copy alone.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from engine.faults import where
from engine.ports import Clock
from storage import availability, busy
from storage.busy import View
from storage.database import Database
from transport.calendar.service import CalendarError, CalendarService
from transport.calendar.settings import CalendarSettings

_log = logging.getLogger(__name__)
_BEHIND = timedelta(days=1)  # what began yesterday may still go on
_BEYOND = timedelta(days=2)  # the copy may be used for a while after it was made
_REST_S = 5.0
_TOO_SLOW = "the calendar did not answer in time"


class BusyTimes:
    """Implements engine.ports.Elsewhere with a calendar service.

    A copy is read anew once it is older than the settings allow. Whoever asks meanwhile shares that reading, and
    goes on with the older copy when it takes too long or fails; the copy is then marked as stale. One that has been
    waited for in vain is waited for no more.
    """

    def __init__(
        self, database: Database, service: CalendarService, clock: Clock, settings: CalendarSettings
    ) -> None:
        self._database, self._service, self._clock, self._settings = database, service, clock, settings
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._failed: dict[int, float] = {}
        self._given_up: set[asyncio.Task[None]] = set()  # readings that somebody has waited for in vain

    def begin(self, consultant_id: int) -> None:
        """Begin to read the consultant's calendar anew, if that is due (engine.ports.Elsewhere)."""
        if consultant_id in self._reading:
            return
        rested = self._clock.monotonic() - self._failed.get(consultant_id, -_REST_S) >= _REST_S
        if rested:
            task = asyncio.create_task(self._freshen(consultant_id), name=f"busy times of {consultant_id}")
            self._reading[consultant_id] = task
            task.add_done_callback(lambda done: self._ended(consultant_id, done))

    async def fresh(self, consultant_id: int) -> None:
        """Wait until the copy is as fresh as can be had soon (engine.ports.Elsewhere)."""
        self.begin(consultant_id)
        reading = self._reading.get(consultant_id)
        if reading is None or reading in self._given_up:
            return
        waiting = asyncio.create_task(self._clock.sleep(self._settings.busy_wait_s))
        try:
            await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not reading.done():
            self._given_up.add(reading)
            await self._note_slow(consultant_id)

    async def close(self) -> None:
        """Let go of what is being read."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, consultant_id: int, reading: asyncio.Task[None]) -> None:
        self._reading.pop(consultant_id, None)
        self._given_up.discard(reading)

    async def _freshen(self, consultant_id: int) -> None:
        """Read the calendar, if its copy is too old. Never raises."""
        try:
            view = await self._view(consultant_id)
            if view is None or not self._too_old(view):
                return
            try:
                await self._read(consultant_id, view.calendar)
                self._failed.pop(consultant_id, None)
            except CalendarError as error:
                self._failed[consultant_id] = self._clock.monotonic()
                _log.warning("the calendar of consultant %d cannot be read: %s", consultant_id, error)
                await self._note_failure(consultant_id, view, str(error))
        except Exception as error:
            self._failed[consultant_id] = self._clock.monotonic()
            _log.error("the busy times of consultant %d could not be kept: %s", consultant_id, where(error))

    async def _read(self, consultant_id: int, calendar: str) -> None:
        began = self._clock.now()
        settings = await self._database.run(lambda: availability.settings_of(consultant_id))
        until = began + timedelta(days=settings.horizon_days) + _BEYOND
        found = await self._service.busy(calendar, began - _BEHIND, until)
        # As of when it was asked: what was put in since may be missing.
        await self._database.run(lambda: busy.remember(consultant_id, calendar, found, read_at=began))

    async def _note_slow(self, consultant_id: int) -> None:
        try:
            view = await self._view(consultant_id)
            if view is not None and self._too_old(view):
                await self._note_failure(consultant_id, view, _TOO_SLOW)
        except Exception as error:
            _log.error("that a calendar is slow could not be noted: %s", where(error))

    async def _note_failure(self, consultant_id: int, view: View, why: str) -> None:
        now = self._clock.now()
        await self._database.run(
            lambda: busy.note_failure(consultant_id, view.calendar, why, stale=True, now=now)
        )

    async def _view(self, consultant_id: int) -> View | None:
        return await self._database.run(lambda: busy.view(consultant_id))

    def _too_old(self, view: View) -> bool:
        age = timedelta(seconds=self._settings.busy_age_s)
        return view.read_at is None or self._clock.now() - view.read_at >= age
