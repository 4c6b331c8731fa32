"""A worker is killed with SIGKILL at every step, and what it has sent arrives when it likes: in the end there is
exactly one event for each booking in force, saying what that says, and none for others."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from storage import bookings, outbox
from storage.results import Booking
from tests.storage.playground import NOW, rome
from tests.transport.calendar.conftest import Office
from tests.transport.calendar.doomed import doomed_worker

THURSDAY_10, FRIDAY_11 = rome("2026-02-12T10:00"), rome("2026-02-13T11:00")
BEFORE, AFTER, COMMIT = "before", "after", "commit"

# What is to be followed, the requests that takes, and where in these the worker dies: before one has any effect,
# after it had but before it was answered, or when all was answered and it writes that down.
STEPS = [
    ("create", "insert", BEFORE),
    ("create", "insert", AFTER),
    ("create", "insert", COMMIT),
    ("again", "insert", BEFORE),
    ("again", "get", BEFORE),
    ("again", "update", BEFORE),
    ("again", "update", AFTER),
    ("again", "update", COMMIT),
    ("move", "get", BEFORE),
    ("move", "get", AFTER),
    ("move", "update", BEFORE),
    ("move", "update", AFTER),
    ("move", "update", COMMIT),
    ("cancel", "delete", BEFORE),
    ("cancel", "delete", AFTER),
    ("cancel", "delete", COMMIT),
]
MEANWHILE = ["nothing", "moved", "cancelled"]
# What is done meanwhile differs by kind of database in the store alone, and test_worker proves that on both.
CASES = [
    (dialect, task, method, when, since)
    for dialect in ("sqlite", "postgres")
    for task, method, when in STEPS
    for since in MEANWHILE
    if since == "nothing" or (task != "cancel" and dialect == "sqlite")
]


@dataclass
class Scenario:
    """One booking and what happens to it."""

    office: Office
    made: Booking

    def move(self, start: datetime) -> None:
        given: dict[str, Any] = {
            "conversation": "m",
            "client_id": self.made.client_id,
            "start": start,
            "now": NOW,
        }
        moved = self.office.store.do(bookings.reschedule, self.made.kind, self.made.id, **given)
        assert isinstance(moved, Booking)

    def cancel(self) -> None:
        assert isinstance(
            self.office.store.do(bookings.cancel, self.made.kind, self.made.id, now=NOW), Booking
        )

    async def prepare(self, task: str) -> None:
        """Leave exactly the task that the doomed worker is to find."""
        if task in ("move", "cancel"):
            await self.office.worker("before").work_off()
            self.move(THURSDAY_10) if task == "move" else self.cancel()
        if task == "again":  # made by a try that nobody remembers, with another time
            await self.office.worker("before").work_off()
            self.office.store.rows("UPDATE calendar_outbox SET done_at = NULL, attempts = 0 RETURNING id")
            (event,) = self.office.events()
            event |= {"start": {"dateTime": THURSDAY_10.isoformat()}}


@pytest.mark.parametrize(("dialect", "task", "method", "when", "since"), CASES)
async def test_one_event_for_each_booking_and_none_for_others(
    office: Office, url: str, task: str, method: str, when: str, since: str
) -> None:
    scenario = Scenario(office, await office.book())
    await scenario.prepare(task)
    fault = office.google.fail(method, after=when != BEFORE)
    settings = office.settings.model_copy(update={"timeout_s": 30.0, "poll_s": 0.05})
    worker = doomed_worker(url, office.google.credentials, settings)
    try:
        await asyncio.wait_for(fault.reached.wait(), 30)
        if when == COMMIT:
            with _nobody_writes(url):
                fault.released.set()
                await asyncio.sleep(0.2)  # it has its answer, and waits to write that down
                worker.kill()
                worker.join()
    finally:
        worker.kill()
        worker.join()
    (left,) = [each for each in office.tasks() if each["done_at"] is None]
    assert left["lease_owner"] == "doomed"  # it had the task when it died, and had not noted the end of it

    if since == "moved":
        scenario.move(FRIDAY_11)
    elif since == "cancelled":
        scenario.cancel()
    office.clock.at = datetime.now(UTC) + timedelta(hours=1)  # its lease has run out
    await office.worker("after").work_off()
    fault.released.set()  # only now comes what the dead one had sent
    await asyncio.sleep(0.05)
    await office.worker("after").work_off()

    known = office.store.do(bookings.booking, scenario.made.kind, scenario.made.id)
    assert known is not None
    found = [(event["id"], _start(event)) for event in office.events()]
    assert found == ([(outbox.event_id(known), known.start)] if known.in_force else [])
    assert all(each["done_at"] and not each["dead"] for each in office.tasks())
    assert known.meet_link == (office.events()[0]["hangoutLink"] if known.in_force else known.meet_link)


async def test_many_bookings_and_workers_killed_in_the_middle(office: Office, url: str) -> None:
    """Three workers at once, killed again and again while bookings are made, moved and cancelled."""
    settings = office.settings.model_copy(
        update={"timeout_s": 5.0, "poll_s": 0.02, "lease_s": 0.3, "at_once": 2, "backoff_s": 0.05}
    )
    starts = [rome(f"2026-02-{day}T{hour:02}:00") for day in (11, 12, 13) for hour in (9, 10, 11, 14, 15, 16)]
    made: list[Booking] = []
    for turn in range(6):
        workers = [doomed_worker(url, office.google.credentials, settings) for _ in range(3)]
        for start in starts[turn * 3 : turn * 3 + 3]:
            made.append(await office.book(start, conversation=f"c{start}"))
            await asyncio.sleep(0.05)
        if turn:
            Scenario(office, made[turn * 3 - 1]).cancel()
            Scenario(office, made[turn * 3 - 2]).move(made[turn * 3 - 1].start)
        await asyncio.sleep(0.1 * turn)
        for worker in workers:
            worker.kill()
            worker.join()
    office.clock.at = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(5):
        await office.worker("after").work_off()
        office.clock.later(3600)
    wanted = {
        outbox.event_id(known): known.start
        for each in made
        if (known := office.store.do(bookings.booking, each.kind, each.id)) is not None and known.in_force
    }
    assert {event["id"]: _start(event) for event in office.events()} == wanted
    assert len(office.events()) == len(made) - 5
    assert all(each["done_at"] and not each["dead"] for each in office.tasks())


def _start(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["start"]["dateTime"])


@contextmanager
def _nobody_writes(url: str) -> Iterator[None]:
    """Keep everybody from writing down what became of a task."""
    undo: Callable[[], None]
    if url.startswith("sqlite"):
        held = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        undo = held.rollback
    else:
        connection = psycopg2.connect(url)
        connection.cursor().execute("SELECT id FROM calendar_outbox FOR UPDATE")
        undo = connection.rollback
    try:
        yield
    finally:
        undo()
