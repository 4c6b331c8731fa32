"""Connections that Postgres ends, and a server that dies: work is done once, or an error says that it was not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import peewee
import pytest

from storage import bookings, people
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.models import Consultant
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
