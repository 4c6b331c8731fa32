"""Whoever has a call lets it go when its bridge is back, unless its line is alive; who does not answer loses it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from storage import calls, tenure
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.tenure import OpenCall, Tenure
from tests.clocks import VirtualClock
from tests.storage.playground import Store, furnish
from transport.handover import GoesOnError, Handover, LiveCall


@pytest.fixture
def store() -> Iterator[Store]:
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        yield furnish(Store(database))


class AtOnce:
    """The store, without threads to wait for."""

    def __init__(self, database: Database) -> None:
        self.database, self.away = database, False

    async def run(self, work: Callable[[], Any], **given: Any) -> Any:
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return self.database.run_blocking(work, **given)


@dataclass
class Held:
    """A call of some server; when it is let go it is left at once, if it is quick."""

    store: Store
    clock: VirtualClock
    tenure: Tenure
    line_alive: bool = False
    ends: bool = False
    slow: bool = False
    gone: str = ""

    def let_go(self) -> None:
        self.gone = self.gone or "let go"
        if not self.slow:
            self.store.do(tenure.leave, self.tenure, now=self.clock.now())

    def taken(self) -> None:
        self.gone = "taken"


class Servers:
    """Two servers on one store; the left one has the call."""

    def __init__(self, store: Store, **held: bool) -> None:
        self.store, self.clock, self.database = store, VirtualClock(), AtOnce(store.database)
        self.began = self.clock.monotonic()
        call_id = store.do(
            calls.open_call,
            bridge_call_id="b1",
            consultant_id=store.consultant,
            direction="inbound",
            caller_number=None,
            dialled_number=None,
            server="left",
            now=self.clock.now(),
        )
        self.held = Held(store, self.clock, Tenure(call_id), **held)
        call: Any = self.held
        self.live = {call_id: LiveCall(self.held.tenure, call)}
        self.left = Handover(self.database, self.clock, self.live)
        self.right = Handover(self.database, self.clock, {})

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.left.watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ask(self, server: Handover, seconds: float = 6.0) -> OpenCall | None:
        asked = asyncio.create_task(server.ask("b1", lambda _: None))
        for _ in range(int(seconds / 0.1)):
            await self.clock.advance(0.1)
            if asked.done():
                break
        assert asked.done()
        return await asked

    def waited(self) -> float:
        """Seconds since the beginning."""
        return self.clock.monotonic() - self.began


@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
async def test_a_call_whose_line_is_dead_is_let_go_at_once(store: Store, here: bool) -> None:
    servers = Servers(store)
    async with servers.watching():
        began = servers.waited()
        found = await servers.ask(servers.left if here else servers.right)
    assert found is not None and found.left and servers.held.gone == "let go"
    assert servers.waited() - began <= (0.3 if here else 0.9)


async def test_what_was_left_is_there_without_asking(store: Store) -> None:
    servers = Servers(store)
    servers.held.let_go()
    servers.held.gone = ""
    found = await servers.ask(servers.right, 0.2)
    assert found is not None and found.left and servers.held.gone == ""


@pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
async def test_a_call_whose_line_is_alive_is_not_given_away(store: Store, here: bool) -> None:
    servers = Servers(store, line_alive=True)
    async with servers.watching():
        with pytest.raises(GoesOnError):
            await servers.ask(servers.left if here else servers.right)
    assert servers.held.gone == ""
    assert not store.do(tenure.of_bridge, "b1", now=servers.clock.now()).asked  # type: ignore[union-attr]  # it is there


async def test_a_line_that_dies_while_it_is_asked_for_is_given_up(store: Store) -> None:
    servers = Servers(store, line_alive=True)
    async with servers.watching():
        asked = asyncio.create_task(servers.left.ask("b1", lambda _: None))
        await servers.clock.advance(0.6)
        servers.held.line_alive = False
        await servers.clock.advance(0.6)
        found = await asked
    assert found is not None and found.left


@pytest.mark.parametrize("how", ["dead", "slow"])
async def test_who_does_not_answer_is_not_waited_for_long(store: Store, how: str) -> None:
    servers = Servers(store, slow=True)
    if how == "dead":
        found = await servers.ask(servers.right)
    else:
        async with servers.watching():
            found = await servers.ask(servers.right)
    assert found is not None and not found.left
    assert 3.0 <= servers.waited() <= 3.5
    store.do(tenure.take, found, server="right", now=servers.clock.now())
    async with servers.watching():
        await servers.clock.advance(0.6)
    assert servers.held.gone == "taken"


async def test_an_owner_whose_lease_has_run_out_is_not_asked(store: Store) -> None:
    servers = Servers(store)
    await servers.clock.advance(store.database.settings.call_lease_seconds)
    found = await servers.ask(servers.right, 0.2)
    assert found is not None and found.left and servers.held.gone == ""


async def test_a_call_that_is_ending_is_left_to_its_end_and_the_next_is_a_new_one(store: Store) -> None:
    servers = Servers(store, ends=True)
    asked = asyncio.create_task(servers.left.ask("b1", lambda _: None))
    await servers.clock.advance(0.3)
    assert servers.held.gone == "" and not asked.done()
    store.do(tenure.hung_up, servers.held.tenure, now=servers.clock.now())
    await servers.clock.advance(0.2)
    assert await asked is None


async def test_nobody_is_asked_for_what_does_not_pass_the_check(store: Store) -> None:
    def check(_: OpenCall) -> None:
        raise PermissionError

    servers = Servers(store)
    with pytest.raises(PermissionError):
        await servers.left.ask("b1", check)
    assert servers.held.gone == ""
    assert await servers.left.ask("another", check) is None


async def test_a_store_that_is_away_ends_no_watching(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    servers = Servers(store)
    async with servers.watching():
        servers.database.away = True
        with caplog.at_level(logging.WARNING):
            await servers.clock.advance(2)
        assert "asked again" in caplog.text
        servers.database.away = False
        found = await servers.ask(servers.right)
    assert found is not None and found.left
