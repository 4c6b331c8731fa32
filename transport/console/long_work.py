"""Long work asked for on a page: done on a thread of its own, with its progress in the store for all servers to see."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from engine.faults import where
from storage import console_jobs
from storage.database import Database
from storage.errors import StorageError

log = logging.getLogger(__name__)

#: Work is given a function to tell how much of how much it has done, and answers with plain JSON.
Tell = Callable[[int, int | None], None]
Work = Callable[[Tell], Mapping[str, Any]]

_TOLD_EVERY_S = 0.5


class _Stopped(Exception):  # noqa: N818 - named for what happened
    """Raised in work that is given up, when it next tells how far it is."""


class LongWork:
    """Runs at most one piece of work of a kind at a time on this server."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._running: dict[str, asyncio.Task[None]] = {}
        self._beginning: set[str] = set()

    def add_to(self, app: web.Application) -> None:
        """Have what runs be given up when the server stops."""
        app.on_shutdown.append(self._shut)

    async def start(self, kind: str, by: str, work: Work) -> bool:
        """Begin `work`, unless some of its kind is running here already; `by` is who asks. Returns at once."""
        known = self._running.get(kind)
        if kind in self._beginning or (known is not None and not known.done()):
            return False
        now = self._now()
        self._beginning.add(kind)
        try:
            job_id = await self._database.run(lambda: console_jobs.begin(kind, by=by, now=now))
        finally:
            self._beginning.discard(kind)
        self._running[kind] = asyncio.create_task(self._run(job_id, kind, work), name=f"console {kind}")
        return True

    async def finished(self) -> None:
        """Wait for all that runs."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, job_id: str, kind: str, work: Work) -> None:
        done = {"seen": 0, "total": None}
        stopped = threading.Event()

        def tell(seen: int, total: int | None) -> None:
            if stopped.is_set():
                raise _Stopped
            done.update(seen=seen, total=total)  # read by the loop below, now and then

        working = asyncio.create_task(asyncio.to_thread(work, tell))
        result, error = None, None
        try:
            while not (await asyncio.wait([working], timeout=_TOLD_EVERY_S))[0]:
                await self._note(job_id, done["seen"] or 0, done["total"])
            result = working.result()
            await self._note(job_id, done["seen"] or 0, done["total"])
        except asyncio.CancelledError:
            error = "il server si è fermato"
        except StorageError as fault:
            log.warning("%s on the pages did not end well: %s", kind, where(fault))
            error = str(fault)
        except Exception as fault:
            log.error("%s on the pages failed: %s", kind, where(fault))
            error = "errore interno"
        stopped.set()  # nothing else ends a thread, and the process would wait for it
        await asyncio.gather(working, return_exceptions=True)
        now = self._now()
        await self._database.run(lambda: console_jobs.finish(job_id, result=result, error=error, now=now))

    async def _note(self, job_id: str, seen: int, total: int | None) -> None:
        now = self._now()
        await self._database.run(lambda: console_jobs.progress(job_id, seen, total, now=now))

    async def _shut(self, _: web.Application) -> None:
        for task in self._running.values():
            task.cancel()
        await self.finished()
