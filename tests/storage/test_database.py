"""Transactions, rollback, retries, loops and threads, and the schema."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import peewee
import psycopg2
import pytest
from pydantic import ValidationError

from storage import blank, bookings, calls, conversations, journal, locks, people
from storage.database import Database, current
from storage.errors import Overtaken, StorageError, StoreUnavailable
from storage.models import Client, Consultant, proxy
from storage.settings import StorageSettings
from tests.storage.playground import MIGRATIONS, NOW, WEDNESDAY_15, Store, furnish
from tests.storage.postgres import Postgres


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
    assert store.rows("SELECT last_analysis, stage FROM booking_extraction_state") == [(0, "nessun_intento")]
    await store.database.run(work, still_valid=lambda: True)
    state = store.do(conversations.state_of, call_id)
    assert state is not None and (state.last_analysis, state.stage) == (1, "completato")
    assert store.faults() == []


@pytest.mark.parametrize(("failures", "works"), [(1, True), (4, True), (5, False)])
async def test_a_locked_database_is_tried_again_at_most_four_times(
    sqlite_store: Store, failures: int, works: bool
) -> None:
    store = sqlite_store
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


def test_among_those_who_write_without_a_pause_each_gets_its_turn(tmp_path: Path) -> None:
    """Another process leaves the file free for a moment fifty times a second."""
    file = tmp_path / "booking.db"
    with Database(StorageSettings(url=f"sqlite:///{file}", retries=0)) as database:
        database.migrate()
        over, holds_it = threading.Event(), threading.Event()

        def write() -> None:
            with closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as other:
                while not over.is_set():
                    other.execute("BEGIN IMMEDIATE")
                    holds_it.set()
                    time.sleep(0.02)
                    other.execute("ROLLBACK")
                    time.sleep(0.0005)

        writer = threading.Thread(target=write)
        writer.start()
        holds_it.wait()
        try:
            for _ in range(5):
                database.run_blocking(count)
        finally:
            over.set()
            writer.join()


def test_a_file_that_stays_locked_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "booking.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        database = Database(StorageSettings(url=f"sqlite:///{file}", lock_timeout_ms=20))
        with pytest.raises(StoreUnavailable, match="locked"):
            database.open()
    with database:
        database.migrate()
        assert database.run_blocking(count) == 0


async def test_a_row_locked_by_another_is_waited_for_then_given_up(postgres: Postgres) -> None:
    settings = StorageSettings(url=postgres.fresh(), lock_timeout_ms=20)
    with Database(settings) as database:
        store = furnish(Store(database))
        other = psycopg2.connect(postgres.url())
        other.cursor().execute("SELECT id FROM consultants FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await database.run(lambda: locks.lock_consultant(store.consultant))
        release = threading.Timer(0.05, other.rollback)
        release.start()
        assert await database.run(lambda: locks.lock_consultant(store.consultant))
        release.join()
        other.close()


async def test_of_two_that_wait_for_each_other_one_is_tried_again(postgres: Postgres) -> None:
    """A deadlock, which Postgres ends after a second by undoing one of the two."""
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        second = store.do(people.add_consultant, "Dott. Verdi")
        both_inside = threading.Barrier(2)
        tries: list[str] = []

        def lock(name: str, *consultants: int) -> str:
            tries.append(name)
            for consultant in consultants:
                locks.lock_consultant(consultant)
                if tries.count(name) == 1 and consultant == consultants[0]:
                    both_inside.wait(5)
            return name

        answers = await asyncio.gather(
            database.run(lambda: lock("one", store.consultant, second)),
            database.run(lambda: lock("other", second, store.consultant)),
        )
    assert answers == ["one", "other"]
    assert len(tries) == 3


async def test_calls_that_begin_together_do_not_wait_for_each_other(postgres: Postgres) -> None:
    """Each has inserted a row that names the consultant before it locks that consultant."""
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        both_inside = threading.Barrier(2)
        tries: list[str] = []

        def work(name: str) -> bool:
            tries.append(name)
            people.add_client(name, name, consultant_id=store.consultant)
            both_inside.wait(5)
            return locks.lock_consultant(store.consultant)

        answers = await asyncio.gather(*(database.run(partial(work, name)) for name in ("+391", "+392")))
    assert answers == [True, True]
    assert len(tries) == 2


async def test_errors_of_the_work_itself_are_not_retried(store: Store) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        Client.create(name="Doppia", phone="+393400000001", consultant=store.consultant)

    with pytest.raises(peewee.IntegrityError):
        await store.database.run(work)
    assert tries == [1]


async def test_a_statement_the_database_does_not_know_is_no_outage(store: Store) -> None:
    unknown = (peewee.OperationalError, peewee.ProgrammingError)
    with pytest.raises(unknown, match=r"no such table|does not exist"):
        await store.database.run(lambda: proxy.execute_sql("SELECT * FROM nowhere"))
    assert await store.database.run(count) == 1


def test_sqlite_keeps_foreign_keys_a_wal_and_each_commit(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path}/booking.db") as database:
        store = Store(database)
        assert store.rows("PRAGMA foreign_keys") == [(1,)]
        assert store.rows("PRAGMA journal_mode") == [("wal",)]
        assert store.rows("PRAGMA synchronous") == [(2,)]


def test_postgres_keeps_utc_and_waits_as_long_as_the_settings_say(postgres: Postgres) -> None:
    settings = StorageSettings(url=postgres.fresh(), lock_timeout_ms=1234, statement_timeout_ms=2345)
    with Database(settings) as database:
        store = Store(database)
        assert store.rows("SHOW timezone") == [("UTC",)]
        assert store.rows("SHOW lock_timeout") == [("1234ms",)]
        assert store.rows("SHOW statement_timeout") == [("2345ms",)]
        assert store.rows("SHOW synchronous_commit") == [("on",)]


def test_it_serves_several_loops_and_ends_its_threads(url: str) -> None:
    def ours() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("storage")]

    database = Database(url)
    for _ in range(2):
        database.open()
        for _ in range(2):
            asyncio.run(database.run(lambda: people.add_consultant("Dott. Verdi")))
        assert 1 <= len(ours()) <= (1 if database.on_sqlite else database.settings.postgres_threads)
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
        assert database.migration_status() == [(name, False) for name in MIGRATIONS]


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


SCHEMA = {
    "sqlite": """SELECT name, sql FROM sqlite_master
        WHERE sql IS NOT NULL""",
    "postgres": """
        SELECT table_name, column_name, data_type, is_nullable, column_default
          FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL
        SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, NULL
          FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'function', proname, pg_get_functiondef(oid), NULL, NULL
          FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
}


@pytest.fixture
def empty_url(dialect: str, request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes the address of one more database without any table."""
    if dialect == "sqlite":
        return lambda: "sqlite:///:memory:"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda: server.empty("empty")


def test_the_migrated_schema_is_the_fresh_one(
    dialect: str, empty_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blank, "_first", None)

    def schema() -> set[tuple[Any, ...]]:
        rows = proxy.execute_sql(SCHEMA[dialect]).fetchall()
        return {row for row in rows if not row[0].startswith("schema_migration")}

    with Database(empty_url()) as migrated:
        assert migrated.migrate() == MIGRATIONS
        assert migrated.migrate() == []
        assert migrated.migration_status() == [(name, True) for name in MIGRATIONS]
        found = migrated.run_blocking(schema)
    for _ in ("made", "copied, on SQLite"):
        with Database(empty_url()) as fresh:
            fresh.create_tables()
            made = fresh.run_blocking(schema)
        assert sorted(found ^ made, key=str) == []
    assert len(found) > 30
    assert len([row for row in found if "append" in str(row)]) >= 7


def test_every_fresh_store_in_memory_is_empty_and_none_is_replaced() -> None:
    for _ in range(3):
        with Database("sqlite:///:memory:") as database:
            database.create_tables()
            assert database.run_blocking(lambda: Consultant.select().count()) == 0
            furnish(Store(database))
            kept = database.run_blocking(lambda: Consultant.select().count())
            with pytest.raises(peewee.OperationalError, match="already exists"):
                database.create_tables()
            assert database.run_blocking(lambda: Consultant.select().count()) == kept > 0
