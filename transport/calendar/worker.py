"""Lets calendars follow bookings: takes what the store has noted, does it, and notes what became of it.

Whatever a task says, the event is brought to what its booking is now, so that a task done twice, late or after another
changes nothing: one event for each booking in force, none for one that was given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from engine.faults import where
from engine.ports import Clock
from storage import calendar_tasks, people
from storage.calendar_tasks import Task
from storage.database import Database
from storage.outbox import Action
from storage.people import ConsultantRecord
from transport.calendar import wording
from transport.calendar.service import (
    AlreadyThere,
    CalendarService,
    Event,
    Forbidden,
    Kept,
    NotThere,
    Unreachable,
)
from transport.calendar.settings import CalendarSettings

_log = logging.getLogger(__name__)
_MEET_TRIES = 6


class OutboxWorker:
    """Works off tasks for calendars, a few at once.

    `owner` is who has them in the store: one name a process. `dice` gives numbers from 0 up to 1, for tries that do
    not come all at once.
    """

    def __init__(
        self,
        database: Database,
        service: CalendarService,
        clock: Clock,
        settings: CalendarSettings,
        *,
        owner: str,
        dice: Callable[[], float],
    ) -> None:
        self._database, self._service, self._clock = database, service, clock
        self._settings, self._owner, self._dice = settings, owner, dice
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Work while inside; what is being done is finished, at most as long as one answer may take."""
        work = asyncio.create_task(self._run(), name="calendars")
        try:
            yield
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            if self._running:
                await asyncio.wait(self._running, timeout=self._settings.timeout_s)

    async def work_off(self) -> int:
        """Do what is due now, until nothing is; returns how many tries that took.

        For who must know that it is done, as tests; a server works `beside`, which never waits for all.
        """
        tries = 0
        while taken := await self._take(self._settings.at_once):
            await asyncio.gather(*(self._do(task) for task in taken))
            tries += len(taken)
        return tries

    async def _run(self) -> None:
        while True:
            try:
                free = self._settings.at_once - len(self._running)
                for task in await self._take(free) if free else ():
                    doing = asyncio.create_task(self._do(task), name=f"calendar task {task.id}")
                    self._running.add(doing)
                    doing.add_done_callback(self._running.discard)
            except Exception as error:
                _log.warning("tasks for calendars could not be taken: %s", where(error))
            await self._clock.sleep(self._settings.poll_s)

    async def _take(self, most: int) -> list[Task]:
        lease, now = timedelta(seconds=self._settings.lease_s), self._clock.now()
        return await self._database.run(
            lambda: calendar_tasks.take(self._owner, most=most, lease=lease, now=now)
        )

    async def _do(self, task: Task) -> None:
        """One try of one task. Never raises: when even its end cannot be noted, its lease runs out."""
        try:
            try:
                kept = await self._follow(task)
            except Forbidden as error:
                await self._fail(task, str(error), most=self._settings.attempts_when_refused)
            except Unreachable as error:
                await self._fail(task, str(error), most=self._settings.attempts)
            else:
                if kept.meet_pending and task.attempts < _MEET_TRIES:
                    await self._fail(task, "the Meet link is still being made", most=self._settings.attempts)
                else:
                    await self._done(task, kept.meet_link)
        except Exception as error:
            _log.error("calendar task %d: could not be done or noted: %s", task.id, where(error))

    # --- what the calendar is asked ---------------------------------------------------------------------------

    async def _follow(self, task: Task) -> Kept:
        if task.calendar is None:
            return Kept()
        if not task.booking.in_force:
            await self._remove(task, task.calendar)
            return Kept()
        consultant = await self._database.run(lambda: people.consultant(task.consultant_id))
        assert consultant is not None
        return await self._put(task.calendar, self._event(task, consultant), task.action is Action.UPDATE)

    async def _put(self, calendar: str, event: Event, expected: bool) -> Kept:
        """Bring the event to what it shall say, whether it is there, as `expected`, or not."""
        try:
            if expected:
                return await self._service.update(calendar, event)
            return await self._service.create(calendar, event)
        except (AlreadyThere, NotThere):
            pass
        try:
            if expected:
                return await self._service.create(calendar, event)
            return await self._service.update(calendar, event)
        except (AlreadyThere, NotThere) as error:  # it was otherwise a moment ago, and is looked at again
            raise Unreachable(str(error)) from error

    async def _remove(self, task: Task, calendar: str) -> None:
        """Delete the event. Where it is not there though an earlier try may have sent it, its id is used up first: what
        is still on its way then finds it taken."""
        try:
            await self._service.delete(calendar, task.event_id)
        except NotThere:
            if task.doubtful:
                await self._use_up(task, calendar)

    async def _use_up(self, task: Task, calendar: str) -> None:
        start = task.booking.start
        nothing = Event(task.event_id, "", "", start, start + timedelta(minutes=1), "UTC")
        with suppress(AlreadyThere):  # what was on its way has come
            await self._service.create(calendar, nothing, quietly=True)
        try:
            await self._service.delete(calendar, task.event_id, quietly=True)
        except NotThere as error:
            raise Unreachable(str(error)) from error

    def _event(self, task: Task, consultant: ConsultantRecord) -> Event:
        booking = task.booking
        return Event(
            id=task.event_id,
            title=wording.title(consultant, booking),
            description=wording.description(booking),
            start=booking.start,
            end=booking.start + timedelta(minutes=booking.minutes),
            zone=consultant.zone.key,
            invited=(booking.email or None) if self._settings.invite else None,
            meet=self._settings.meet,
        )

    # --- what became of it ------------------------------------------------------------------------------------

    async def _done(self, task: Task, meet_link: str | None) -> None:
        now = self._clock.now()
        mine = await self._database.run(
            lambda: calendar_tasks.done(task, self._owner, meet_link=meet_link, now=now)
        )
        if not mine:
            _log.warning("calendar task %d: took longer than its lease; another has it", task.id)

    async def _fail(self, task: Task, error: str, *, most: int) -> None:
        again_at = None
        if task.attempts < most:
            again_at = self._clock.now() + timedelta(seconds=self._pause(task.attempts))
            _log.info("calendar task %d: try %d failed: %s", task.id, task.attempts, error)
        else:
            _log.error("calendar task %d: given up after %d tries: %s", task.id, task.attempts, error)
        await self._database.run(lambda: calendar_tasks.failed(task, self._owner, error, again_at=again_at))

    def _pause(self, attempts: int) -> float:
        """Seconds until the next try: doubled each time, and anywhere in the upper half of that."""
        whole = min(self._settings.backoff_s * 2.0 ** min(attempts - 1, 30), self._settings.longest_backoff_s)
        return whole * (0.5 + self._dice() / 2)
