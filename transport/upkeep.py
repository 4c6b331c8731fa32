"""What a server does beside its calls: it goes on answering for them in the store, closes those that nobody answers
for any more, and sweeps holds that have run out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from engine.faults import where
from engine.ports import Clock
from storage import bookings, calls
from storage.database import Database
from storage.settings import StorageSettings

_log = logging.getLogger(__name__)
_RENEWALS_A_LEASE = 3


async def close_left_behind(database: Database, server: str, started: datetime) -> None:
    """Close what `server` had left open when it was last killed; only now that it is known to be gone.

    `started`: an instant (aware UTC) before the first call of this run.
    """
    try:
        left = await database.run(lambda: calls.close_interrupted(started, server))
    except Exception as error:
        _log.warning("interrupted calls could not be closed; their leases will run out: %s", where(error))
        return
    for call_id in left:
        _log.warning("call %s: was cut off when its server stopped; closed as interrupted", call_id)


@asynccontextmanager
async def upkeep(
    database: Database, clock: Clock, settings: StorageSettings, live: Collection[str]
) -> AsyncIterator[None]:
    """Keep the store in order while inside. `live` are the ids of the calls of this server, as they come and go."""
    work = _Upkeep(database, clock, live)
    tasks = [
        asyncio.create_task(
            _repeat(work.renew, clock, settings.call_lease_seconds / _RENEWALS_A_LEASE), name="leases"
        ),
        asyncio.create_task(_repeat(work.sweep, clock, settings.sweep_seconds), name="sweeper"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(work: Callable[[], Awaitable[None]], clock: Clock, every: float) -> None:
    """Do `work` every so many seconds; when it fails it is done again next time, whatever went wrong."""
    while True:
        await clock.sleep(every)
        try:
            await work()
        except Exception as error:
            _log.warning("the store's upkeep failed; tried again in %g s: %s", every, where(error))


class _Upkeep:
    def __init__(self, database: Database, clock: Clock, live: Collection[str]) -> None:
        self._database, self._clock, self._live = database, clock, live
        self._lost: set[str] = set()

    async def renew(self) -> None:
        """One statement for all calls; the lease outlasts two failures of it."""
        mine, now = list(self._live), self._clock.now()
        if not mine:
            return
        lost = set(await self._database.run(lambda: calls.renew_leases(mine, now=now)))
        for call_id in lost - self._lost:
            _log.warning("call %s: goes on, but its lease had run out and it is closed in the store", call_id)
        self._lost = lost

    async def sweep(self) -> None:
        """Best effort: every read treats an expired hold as expired anyway."""
        await self.renew()  # after an outage of the database the own calls are not the ones to close
        now = self._clock.now()

        def work() -> list[str]:
            bookings.expire_holds(now)
            return calls.close_unattended(now)

        for call_id in await self._database.run(work):
            _log.warning("call %s: no server answers for it any more; closed as interrupted", call_id)
