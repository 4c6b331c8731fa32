"""Beside its calls a server answers for them, closes those of the dead, and survives a database that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from storage import bookings, calls, tenure
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.settings import StorageSettings
from storage.tenure import Tenure
from tests.clocks import START, VirtualClock
from tests.storage.playground import NOW, Store, furnish
from transport.settings import ServerSettings
from transport.upkeep import close_left_behind, upkeep

SETTINGS = StorageSettings(url="sqlite:///:memory:", call_lease_seconds=30, sweep_seconds=60)

assert START == NOW


@pytest.fixture
def leased() -> Iterator[Store]:
    """A store whose leases last 30 seconds."""
    with Database(SETTINGS) as database:
        database.create_tables()
        yield furnish(Store(database))


class Flaky:
    """A database that can be away."""

    def __init__(self, database: Database) -> None:
        self.database, self.away, self.asked = database, False, 0
        self.secret = database.secret

    async def run(self, work: Callable[[], Any], **given: Any) -> Any:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return self.database.run_blocking(work, **given)


@asynccontextmanager
async def kept(
    store: Store, clock: VirtualClock, live: Collection[str], settings: StorageSettings = SETTINGS
) -> AsyncIterator[Flaky]:
    database: Any = Flaky(store.database)
    async with upkeep(database, clock, settings, live):
        yield database


def open_call(store: Store, server: str | None, clock: VirtualClock) -> str:
    return store.do(
        calls.open_call,
        bridge_call_id="b1",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        server=server,
        now=clock.now(),
    )


def still_open(store: Store) -> set[str]:
    return {line.id for line in store.do(calls.list_calls) if line.ended_at is None}


async def test_a_call_that_goes_on_is_answered_for_and_one_that_nobody_has_is_closed(leased: Store) -> None:
    clock = VirtualClock()
    mine, orphan = open_call(leased, "a", clock), open_call(leased, "b", clock)
    async with kept(leased, clock, {mine}):
        await clock.advance(59)
        assert still_open(leased) == {mine, orphan}
        await clock.advance(1)
        assert still_open(leased) == {mine}
        await clock.advance(3600)
        assert still_open(leased) == {mine}


async def test_calls_of_the_same_server_that_it_has_no_more_run_out(leased: Store) -> None:
    """Its end could not be written: nobody goes on answering for it only because its server still runs."""
    clock, live = VirtualClock(), set[str]()
    call_id = open_call(leased, "a", clock)
    live.add(call_id)
    async with kept(leased, clock, live):
        await clock.advance(90)
        assert still_open(leased) == {call_id}
        live.clear()
        await clock.advance(90)
        assert still_open(leased) == set()


async def test_a_database_that_is_away_ends_nothing(leased: Store, caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    mine = open_call(leased, "a", clock)
    async with kept(leased, clock, {mine}) as database:
        database.away = True
        with caplog.at_level(logging.WARNING):
            await clock.advance(300)
        assert database.asked >= 30
        assert "tried again" in caplog.text
        assert still_open(leased) == {mine}
        database.away = False
        await clock.advance(60)  # its own lease has long run out, but it still has the call
        assert still_open(leased) == {mine}
        await clock.advance(300)
        assert still_open(leased) == {mine}


async def test_after_an_outage_a_server_does_not_close_its_own_calls(leased: Store) -> None:
    """Here it sweeps before it would have renewed."""
    clock = VirtualClock()
    mine, orphan = open_call(leased, "a", clock), open_call(leased, "b", clock)
    rarely = SETTINGS.model_copy(update={"call_lease_seconds": 300})
    async with kept(leased, clock, {mine}, rarely) as database:
        database.away = True
        await clock.advance(59)
        database.away = False
        await clock.advance(2)
        assert still_open(leased) == {mine}
    assert orphan not in still_open(leased)


async def test_what_was_closed_meanwhile_is_said_once_and_stays_closed(
    leased: Store, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    mine = open_call(leased, "a", clock)
    async with kept(leased, clock, {mine}) as database:
        database.away = True
        await clock.advance(40)
        assert leased.do(calls.close_unattended, clock.now()) == [mine]  # by another server
        database.away = False
        with caplog.at_level(logging.WARNING):
            await clock.advance(120)
    assert still_open(leased) == set()
    assert caplog.text.count("closed in the store") == 1


async def test_a_call_whose_bridge_does_not_come_back_is_ended_once_by_whoever_looks(leased: Store) -> None:
    clock, gone = VirtualClock(), list[str]()
    lost, back = open_call(leased, "a", clock), open_call(leased, "a", clock)
    for call_id in (lost, back):
        assert leased.do(tenure.leave, Tenure(call_id), now=clock.now())
    found = leased.do(tenure.of_bridge, "b1", now=clock.now())
    assert found is not None and found.id in (lost, back)
    if found.id == lost:
        lost, back = back, lost
    leased.hold(conversation=lost)
    leased.do(tenure.take, found, server="b", now=clock.now())
    database: Any = Flaky(leased.database)
    async with (
        upkeep(database, clock, SETTINGS, (), lambda: gone.append("here")),
        upkeep(database, clock, SETTINGS, {back}, lambda: gone.append("there")),
    ):
        await clock.advance(29)
        assert still_open(leased) == {lost, back} and gone == []
        await clock.advance(4)
        assert still_open(leased) == {back} and len(gone) == 1
        await clock.advance(60)
        assert len(gone) == 1
    assert leased.cells() == 0


async def test_holds_are_swept(leased: Store) -> None:
    clock = VirtualClock()
    leased.hold()
    async with kept(leased, clock, ()):
        await clock.advance(14 * 60)
        assert leased.cells() == 4
        await clock.advance(2 * 60)
        assert leased.cells() == 0
    assert not leased.do(bookings.has_pending, "c1", now=clock.now())


async def test_nothing_goes_on_afterwards(leased: Store) -> None:
    clock = VirtualClock()
    async with kept(leased, clock, ()) as database:
        pass
    asked = database.asked
    await clock.advance(300)
    assert database.asked == asked
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"leases", "sweeper"})


async def test_a_server_that_starts_again_closes_what_it_had_left(leased: Store) -> None:
    leased.database.settings = SETTINGS.model_copy(update={"call_return_seconds": 0})
    clock = VirtualClock()
    mine, others = open_call(leased, "a", clock), open_call(leased, "b", clock)
    await clock.advance(5)
    started, fresh = clock.now(), open_call(leased, "a", clock)
    await close_left_behind(leased.database, "a", started)
    assert still_open(leased) == {others, fresh}
    assert mine not in still_open(leased)


async def test_a_start_without_the_database_goes_on(leased: Store, caplog: pytest.LogCaptureFixture) -> None:
    database: Any = Flaky(leased.database)
    database.away = True
    with caplog.at_level(logging.WARNING):
        await close_left_behind(database, "a", NOW)
    assert "leases will run out" in caplog.text


def test_a_server_is_known_by_its_name_or_its_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "phone-1")
    assert ServerSettings(port=9000).identity == "phone-1:9000"
    assert ServerSettings(port=9000, name="left").identity == "left"
