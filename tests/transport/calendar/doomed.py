"""A worker in a process of its own, to be killed: the parts that a server puts together, and nothing else."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.process import BaseProcess

from storage.database import Database
from transport.calendar.google import GoogleCalendar
from transport.calendar.settings import CalendarSettings
from transport.calendar.worker import OutboxWorker
from transport.clock import SystemClock


def doomed_worker(url: str, credentials: str, settings: CalendarSettings) -> BaseProcess:
    """Start one on the database at `url`; it works until it is killed.

    It is forked from a process that has only imported what it needs, so that it begins at once.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_work, args=(url, credentials, settings), daemon=True)
    process.start()
    return process


def _work(url: str, credentials: str, settings: CalendarSettings) -> None:
    asyncio.run(_forever(url, credentials, settings))


async def _forever(url: str, credentials: str, settings: CalendarSettings) -> None:
    with Database(url) as database:
        google = GoogleCalendar(credentials, settings)
        worker = OutboxWorker(database, google, SystemClock(), settings, owner="doomed", dice=lambda: 0.0)
        async with worker.beside():
            await asyncio.Event().wait()
