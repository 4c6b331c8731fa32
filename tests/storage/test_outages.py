"""Connections that Postgres ends, and a server that dies: work is done once, or an error says that it was not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import peewee
import psycopg2
import pytest

from storage import bookings, people, receipts
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.models import Consultant, proxy
from storage.results import Booking
from storage.settings import StorageSettings
from tests.storage.playground import Store, furnish, rome
from tests.storage.postgres import Postgres


@pytest.fixture
def stored(postgres: Postgres) -> Iterator[Store]:
    with Database(StorageSettings(url=postgres.fresh(), postgres_threads=2)) as database:
        yield furnish(Store(database))


def add() -> int:
    return people.add_consultant("Dott. Verdi")


def names(store: Store) -> list[str]:
    return store.do(lambda: [row.name for row in Consultant.select().order_by(Consultant.id)])


def test_a_connection_ended_between_two_transactions_is_opened_again(
    stored: Store, postgres: Postgres
) -> None:
    made = stored.book()
    assert postgres.kill_connections() >= 1
    assert stored.do(bookings.booking, made.kind, made.id) == made


def test_a_connection_ended_in_the_middle_does_the_work_once(stored: Store, postgres: Postgres) -> None:
    tries: list[int] = []

    def work() -> int:
        made = add()
        tries.append(made)
        if len(tries) == 1:
            postgres.kill_connections()
        return made

    made = stored.do(work)
    assert len(tries) == 2 and made == tries[-1]
    assert names(stored) == ["Dott.ssa Rossi", "Dott. Verdi"]


def test_a_connection_ended_just_before_its_commit_does_the_work_once(
    stored: Store, postgres: Postgres
) -> None:
    asked: list[bool] = []

    def still_valid() -> bool:
        asked.append(True)
        if len(asked) == 1:
            postgres.kill_connections()
        return True

    stored.database.run_blocking(add, still_valid=still_valid)
    assert len(asked) == 2
    assert names(stored) == ["Dott.ssa Rossi", "Dott. Verdi"]


def test_a_commit_that_was_done_but_not_answered_is_not_done_again(
    stored: Store, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    commit = stored.database._peewee.commit

    def unanswered() -> None:
        commit()
        monkeypatch.undo()
        postgres.kill_connections()
        raise peewee.OperationalError("server closed the connection unexpectedly")

    def work() -> int:
        tries.append(add())
        return tries[-1]

    monkeypatch.setattr(stored.database._peewee, "commit", unanswered)
    assert stored.do(work) == tries[0]
    assert len(tries) == 1
    assert names(stored) == ["Dott.ssa Rossi", "Dott. Verdi"]


def test_a_commit_lost_in_a_crash_is_done_again_though_another_has_its_number(
    stored: Store, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had not reached the disk is gone, also that its number was used: Postgres gives it out again."""
    tries: list[int] = []

    def lost() -> None:
        monkeypatch.undo()
        postgres.crash()
        postgres.start()
        others = ["INSERT INTO others VALUES (1)"] * 5
        postgres.query("CREATE TABLE others (n int)", *others, "DROP TABLE others", database="booking")
        raise peewee.OperationalError("server closed the connection unexpectedly")

    def work() -> int:
        tries.append(add())
        return tries[-1]

    names(stored)
    monkeypatch.setattr(stored.database._peewee, "commit", lost)
    assert stored.do(work) == tries[1]
    assert len(tries) == 2
    assert names(stored) == ["Dott.ssa Rossi", "Dott. Verdi"]


@pytest.mark.parametrize("again", [False, True])
def test_a_commit_that_the_server_is_still_at_is_waited_for(
    stored: Store, postgres: Postgres, again: bool
) -> None:
    leave = "INSERT INTO commit_receipts VALUES ('w', 'one', 1) ON CONFLICT (writer) DO UPDATE SET receipt = 'two'"
    with closing(psycopg2.connect(postgres.url())) as other:
        other.cursor().execute(leave)
        if again:
            other.commit()
            other.cursor().execute(leave)
        late = threading.Timer(0.1, other.commit)
        late.start()
        outside = stored.database._on_worker
        assert outside(lambda: receipts.found(proxy.obj, "w", "two" if again else "one"))
        late.join()
        assert not outside(lambda: receipts.found(proxy.obj, "w", "three"))
        assert not outside(lambda: receipts.found(proxy.obj, "nobody", "one"))


def test_old_receipts_are_forgotten_when_a_server_starts(stored: Store, postgres: Postgres) -> None:
    postgres.query("INSERT INTO commit_receipts VALUES ('of last year', 'x', 1)", database="booking")
    stored.do(add)
    stored.database.migrate()
    kept = stored.rows("SELECT writer FROM commit_receipts")
    assert len(kept) >= 1 and ("of last year",) not in kept


def test_bookings_go_on_while_connections_are_ended(stored: Store, postgres: Postgres) -> None:
    def book(number: int) -> Booking:
        day, hour = divmod(number, 4)
        return stored.book(
            rome("2026-02-16T09:00") + timedelta(days=day, hours=hour), conversation=f"c{number}"
        )

    with ThreadPoolExecutor(4) as threads:
        booking = [threads.submit(book, number) for number in range(20)]
        for _ in range(4):
            time.sleep(0.05)
            postgres.kill_connections()
        made = [each.result() for each in booking]
    assert {each.id for each in made} == {each.id for each in stored.do(bookings.all_in_force)}
    assert stored.faults() == []


def test_a_server_that_crashed_has_kept_what_was_told(stored: Store, postgres: Postgres) -> None:
    made = stored.book()
    postgres.crash()
    postgres.start()
    assert stored.do(bookings.booking, made.kind, made.id) == made
    assert isinstance(stored.book(rome("2026-02-11T10:00")), Booking)
    assert stored.faults() == []


def test_a_server_that_is_away_is_told_and_waited_for_no_longer_than_set(postgres: Postgres) -> None:
    settings = StorageSettings(url=postgres.fresh(), retries=1)
    with Database(settings) as database:
        store = furnish(Store(database))
        postgres.crash()
        try:
            with pytest.raises(StoreUnavailable, match="did not do its work"):
                store.book()
        finally:
            postgres.start()
        assert isinstance(store.book(), Booking)
