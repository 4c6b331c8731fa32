"""What a server does beside its calls: it goes on answering for them in the store, closes those that nobody answers
for any more and those whose bridge did not come back, sweeps holds that have run out, signs the journal, and drops
words that have been kept long enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from engine.faults import where
from engine.ports import Clock
from storage import bookings, calls, checkpoints, privacy, tenure
from storage.database import Database
from storage.settings import StorageSettings

_log = logging.getLogger(__name__)
_RENEWALS_A_LEASE = 3
_LOOKS_A_RETURN = 10  # how often lost calls are looked for in the time that bridges have to come back
_RETENTION_EVERY_S = 3600.0
_CALLS_AT_ONCE = 20  # so that the store is not kept from its calls


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
    database: Database,
    clock: Clock,
    settings: StorageSettings,
    live: Collection[str],
    given_up: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Keep the store in order while inside. `live` are the ids of the calls of this server, as they come and go.

    `given_up` is told of each call that is closed here because its bridge did not come back.
    """
    work = _Upkeep(database, clock, live, given_up)
    await work.compare_keys()
    tasks = [
        asyncio.create_task(_repeat(work.sign, clock, settings.checkpoint_minutes * 60), name="checkpoints"),
        asyncio.create_task(_repeat(work.drop_words, clock, _RETENTION_EVERY_S), name="retention"),
        asyncio.create_task(
            _repeat(work.renew, clock, settings.call_lease_seconds / _RENEWALS_A_LEASE), name="leases"
        ),
        asyncio.create_task(_repeat(work.sweep, clock, settings.sweep_seconds), name="sweeper"),
    ]
    # Also where bridges may not come back any more: earlier they may have been able to.
    look = min(settings.sweep_seconds, max(settings.call_return_seconds, _LOOKS_A_RETURN) / _LOOKS_A_RETURN)
    tasks.append(asyncio.create_task(_repeat(work.give_up, clock, look), name="lost calls"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await work.sign()
        except Exception as error:
            _log.warning("the last entries of the journal are not signed yet: %s", where(error))


async def _repeat(work: Callable[[], Awaitable[None]], clock: Clock, every: float) -> None:
    """Do `work` every so many seconds; when it fails it is done again next time, whatever went wrong."""
    while True:
        await clock.sleep(every)
        try:
            await work()
        except Exception as error:
            _log.warning("the store's upkeep failed; tried again in %g s: %s", every, where(error))


class _Upkeep:
    def __init__(
        self, database: Database, clock: Clock, live: Collection[str], given_up: Callable[[], None]
    ) -> None:
        self._database, self._clock, self._live, self._given_up = database, clock, live, given_up
        self._lost: set[str] = set()
        self._wordless_before: datetime | None = None

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

    async def give_up(self) -> None:
        """End the calls whose bridges did not come back, each in a transaction of its own."""
        now = self._clock.now()
        for call_id in await self._database.run(lambda: tenure.not_returned(now)):
            if await self._database.run(partial(tenure.give_up, call_id, now=now)):
                self._given_up()
                _log.info("call %s: ended, its bridge did not come back", call_id)

    async def compare_keys(self) -> None:
        """Say when the journal was signed with another key before; that key must then be named to verify it."""
        known = await self._database.run(checkpoints.last_public_key)
        if known not in (None, self._database.secret.public_key):
            _log.warning(
                "the journal was signed with another key until now: %s (journal verify --trust)", known
            )

    async def sign(self) -> None:
        """Checkpoints of the journal. They are logged too: outside of the database nobody can take them back."""
        now, more = self._clock.now(), True
        while more:
            made = await self._database.run(lambda: checkpoints.make(now))
            if made is not None:
                _log.info("journal checkpoint %d:%s", made.number, made.hash)
            more = made is not None and made.full

    async def drop_words(self) -> None:
        """Erase what was said in calls and chats that are older than the settings let words be kept."""
        days = self._database.settings.transcript_days
        if not days:
            return
        now, dropped = self._clock.now(), False
        before, after = now - timedelta(days=days), self._wordless_before
        while done := await self._database.run(
            partial(privacy.drop_words, before, after, _CALLS_AT_ONCE, now)
        ):
            after, dropped = done, True
        while await self._database.run(partial(privacy.drop_chat_words, before, _CALLS_AT_ONCE, now)):
            dropped = True
        self._wordless_before = before
        if dropped:
            self._database.scrub()
