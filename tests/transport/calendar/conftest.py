"""A furnished store of either kind, whose consultant has a calendar in the emulator; the time is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import calendars
from storage.database import Database
from storage.models import CalendarTask
from storage.results import Booking
from tests.storage.conftest import dialect, url  # noqa: F401 - fixtures
from tests.storage.playground import NOW, Store, furnish
from transport.calendar.google import GoogleCalendar
from transport.calendar.settings import CalendarSettings
from transport.calendar.worker import OutboxWorker
from transport.simulation.calendar_emulator import CalendarEmulator

CALENDAR = "rossi@example.it"


class SetClock:
    """A clock that goes when it is told to, or when somebody sleeps by it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.later(seconds)

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Office:
    """A store, the emulator that keeps its consultant's calendar, and a worker between them."""

    store: Store
    google: CalendarEmulator
    settings: CalendarSettings
    clock: SetClock = field(default_factory=SetClock)
    clients: list[GoogleCalendar] = field(default_factory=list)

    def client(self, **changed: Any) -> GoogleCalendar:
        made = GoogleCalendar(self.google.credentials, self.settings.model_copy(update=changed))
        self.clients.append(made)
        return made

    def worker(self, owner: str = "w1", **changed: Any) -> OutboxWorker:
        settings = self.settings.model_copy(update=changed)
        return OutboxWorker(
            self.store.database, self.client(**changed), self.clock, settings, owner=owner, dice=lambda: 1.0
        )

    async def book(self, *given: Any, **more: Any) -> Booking:
        return await self.in_store(lambda: self.store.book(*given, **more))

    async def in_store(self, work: Any) -> Any:
        """What runs a transaction of its own, off the event loop."""
        return await asyncio.to_thread(work)

    def tasks(self) -> list[dict[str, Any]]:
        return self.store.do(lambda: list(CalendarTask.select().order_by(CalendarTask.id).dicts()))

    def events(self) -> list[dict[str, Any]]:
        return self.google.confirmed(CALENDAR)


@pytest.fixture
def store(url: str) -> Iterator[Store]:  # noqa: F811 - the fixture
    with Database(url) as database:
        made = furnish(Store(database))
        made.do(calendars.set_calendar, made.consultant, CALENDAR, now=NOW)
        yield made


@pytest.fixture
async def google() -> AsyncIterator[CalendarEmulator]:
    emulator = CalendarEmulator(calendars=(CALENDAR,), now=lambda: NOW)
    await emulator.start()
    yield emulator
    await emulator.stop()
    assert emulator.problems == []


@pytest.fixture
async def office(store: Store, google: CalendarEmulator) -> AsyncIterator[Office]:
    made = Office(store, google, CalendarSettings(base_url=google.base_url, timeout_s=0.5))
    yield made
    for client in made.clients:
        client.close()
