"""Transactions, rollback, retries, loops and threads, and the schema."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import peewee
import pytest
from pydantic import ValidationError

from storage import bookings, calls, journal, people
from storage.database import Database, current
from storage.errors import Overtaken, StorageError, StoreUnavailable
from storage.models import Client, Consultant, proxy
from storage.settings import StorageSettings
from tests.storage.playground import NOW, WEDNESDAY_15, Store, furnish


def count() -> int:
    return Consultant.select().count()


async def test_a_transaction_is_kept_and_answers(store: Store) -> None:
    before = await store.database.run(count)
    made = await store.database.run(lambda: people.add_consultant("Dott. Verdi"))
    assert made == await store.database.run(lambda: Consultant.get(Consultant.name == "Dott. Verdi").id)
    assert await store.database.run(count) == before + 1


async def test_any_exception_rolls_everything_back(store: Store) -> None:
    def work() -> None:
        people.add_consultant("Dott. Verdi")
        raise LookupError("no")

    with pytest.raises(LookupError):
        await store.database.run(work)
    assert await store.database.run(count) == 1


async def test_overtaken_work_leaves_nothing(store: Store) -> None:
    """A whole analysis, hold, booking and journal included, is undone when newer speech has come in."""
    seen: list[str] = []
    call_id = store.do(
        calls.open_call,
        bridge_call_id="b",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        now=NOW,
    )

    def work() -> None:
        held = bookings.propose(
            consultant_id=store.consultant,
            conversation=call_id,
            client_id=store.anna,
            start=WEDNESDAY_15,
            minutes=60,
            now=NOW,
        )
        assert isinstance(held, bookings.Hold)
        bookings.confirm(
            token=held.token, conversation=call_id, client_id=store.anna, now=NOW, call_id=call_id
        )
        entry = {"call_id": call_id, "analysis": 1, "event": "conferma"}
        journal.append(entry, recorded_at=NOW)
        calls.record_analysis(
            call_id,
            number=1,
            last_turn=2,
            facts={},
            availability=None,
            state={},
            stage="completato",
            task="prenota",
            now=NOW,
        )
        seen.append("worked")

    def still_valid() -> bool:
        seen.append("asked")
        return False

    with pytest.raises(Overtaken):
        await store.database.run(work, still_valid=still_valid)
    assert seen == ["worked", "asked"]
    for table in ("slot_locks", "pending_bookings", "consultations", "transitions", "call_analyses"):
        assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert store.do(calls.call_state, call_id).last_analysis == 0
    await store.database.run(work, still_valid=lambda: True)
    assert store.do(calls.call_state, call_id).last_analysis == 1
    assert store.faults() == []


@pytest.mark.parametrize(("failures", "works"), [(1, True), (4, True), (5, False)])
async def test_a_locked_database_is_tried_again_at_most_four_times(
    store: Store, failures: int, works: bool
) -> None:
    tries: list[int] = []

    def work() -> str:
        people.add_consultant(f"try {len(tries)}")
        tries.append(1)
        if len(tries) <= failures:
            raise peewee.OperationalError("database is locked")
        return "done"

    if works:
        assert await store.database.run(work) == "done"
        assert await store.database.run(count) == 2
    else:
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.database.run(work)
        assert await store.database.run(count) == 1
    assert len(tries) == min(failures + 1, 5)


async def test_a_file_locked_by_another_is_waited_for_then_given_up(tmp_path: Path) -> None:
    file = tmp_path / "booking.db"
    settings = StorageSettings(url=f"sqlite:///{file}", lock_timeout_ms=20)
    with Database(settings) as database:
        database.migrate()
        other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await database.run(count)
        release = threading.Timer(0.05, lambda: other.execute("ROLLBACK"))
        release.start()
        assert await database.run(count) == 0
        release.join()
        other.close()


async def test_errors_of_the_work_itself_are_not_retried(store: Store) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        Client.create(name="Doppia", phone="+393400000001", consultant=store.consultant)

    with pytest.raises(peewee.IntegrityError):
        await store.database.run(work)
    assert tries == [1]


async def test_a_statement_the_database_does_not_know_is_no_outage(store: Store) -> None:
    with pytest.raises(peewee.OperationalError, match="no such table"):
        await store.database.run(lambda: proxy.execute_sql("SELECT * FROM nowhere"))


def test_foreign_keys_wal_and_synchronous_are_on(file_store: Store) -> None:
    assert file_store.rows("PRAGMA foreign_keys") == [(1,)]
    assert file_store.rows("PRAGMA journal_mode") == [("wal",)]
    assert file_store.rows("PRAGMA synchronous") == [(2,)]


def test_it_serves_several_loops_and_ends_its_threads(tmp_path: Path) -> None:
    def ours() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("storage")]

    database = Database(f"sqlite:///{tmp_path}/booking.db")
    for _ in range(2):
        database.open()
        database.migrate()
        for _ in range(2):
            asyncio.run(database.run(lambda: people.add_consultant("Dott. Verdi")))
        assert len(ours()) == 1
        database.close()
        database.close()
        assert ours() == []
    with database:
        assert asyncio.run(database.run(count)) == 4


def test_one_database_a_process(store: Store) -> None:
    assert current() is store.database
    with pytest.raises(StorageError, match="already open"):
        Database("sqlite:///:memory:").open()
    assert current() is store.database


async def test_a_closed_database_says_so() -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        await Database("sqlite:///:memory:").run(count)
    with pytest.raises(StorageError, match="no database is open"):
        current()


def test_a_database_that_cannot_be_opened_says_so_and_leaves_the_way_free(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Database(f"sqlite:///{tmp_path}").open()
    with Database("sqlite:///:memory:") as database:
        assert database.migration_status() == [("0001_initial", False)]


def test_the_hold_time_is_a_setting() -> None:
    settings = StorageSettings(url="sqlite:///:memory:", hold_minutes=3)
    with Database(settings) as database:
        database.migrate()
        store = furnish(Store(database))
        assert (store.hold().expires_at - NOW).total_seconds() == 180


@pytest.mark.parametrize("url", ["mysql://x/y", "booking.db", "sqlite:///"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="not allowed"):
        StorageSettings(url=url)


def schema() -> list[tuple[Any, ...]]:
    rows = proxy.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'schema_migration%'"
    )
    return sorted(rows.fetchall())


def test_the_migrated_schema_is_the_fresh_one() -> None:
    with Database("sqlite:///:memory:") as migrated:
        assert migrated.migrate() == ["0001_initial"]
        assert migrated.migrate() == []
        assert migrated.migration_status() == [("0001_initial", True)]
        found = migrated.run_blocking(schema)
    with Database("sqlite:///:memory:") as fresh:
        fresh.create_tables()
        assert found == fresh.run_blocking(schema)
    assert len(found) > 30
