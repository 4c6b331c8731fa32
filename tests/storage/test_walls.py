"""The wall against double bookings, and what a kill leaves: threads and processes on one database."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import peewee
import pytest

from storage import bookings, seed
from storage.agenda import AgendaSettings
from storage.database import Database
from storage.models import SlotLock
from storage.results import Booking, Hold, Refusal
from tests.storage.playground import NOW, Store, furnish, rome

ROOT = Path(__file__).parents[2]


@pytest.fixture
def furnished(url: str) -> str:
    with Database(url) as database:
        furnish(Store(database), AgendaSettings(grid_minutes=15))
    return url


def contender(url: str, name: str, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.storage.contender", url, name, mode]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_of_many_threads_one_wins_the_slot(kept_store: Store) -> None:
    """Different durations and both kinds; every start here overlaps 15:00–15:30."""
    starts = [("14:30", 60), ("15:00", 30), ("15:00", 60), ("14:00", 90)] * 6

    def attempt(number: int) -> Hold | Refusal:
        start, minutes = starts[number]
        who = kept_store.anna if number % 2 else None
        return kept_store.propose(
            rome(f"2026-02-11T{start}"), minutes=minutes, conversation=f"c{number}", client_id=who
        )

    with ThreadPoolExecutor(len(starts)) as threads:
        answers = list(threads.map(attempt, range(len(starts))))
    held = [each for each in answers if isinstance(each, Hold)]
    assert len(held) == 1
    assert answers.count(Refusal.SLOT_TAKEN) == len(starts) - 1
    lead = kept_store.lead if held[0].client_id is None else None
    with ThreadPoolExecutor(8) as threads:
        confirmed = list(threads.map(lambda _: kept_store.confirm(held[0], lead=lead), range(8)))
    assert isinstance(confirmed[0], Booking) and confirmed == [confirmed[0]] * 8
    assert kept_store.faults() == []


def test_the_tables_alone_refuse_a_second_owner_of_a_cell(store: Store) -> None:
    """The wall holds even for code that asks nothing first."""
    store.book()
    with pytest.raises(peewee.IntegrityError):
        store.do(seed.take_slot, store.consultant, rome("2026-02-11T15:45"), 30, now=NOW)
    assert store.rows("SELECT count(*) FROM appointment_bookings") == [(0,)]
    with pytest.raises(peewee.IntegrityError, match=r"(?i)check"):
        store.do(lambda: SlotLock.create(consultant=store.consultant, cell=1))
    assert store.faults() == []


def test_processes_racing_on_one_database_never_overlap(furnished: str) -> None:
    racers = [contender(furnished, f"racer {number}", "race") for number in range(3)]
    lines = [racer.communicate(timeout=60)[0].splitlines() for racer in racers]
    assert all(racer.returncode == 0 for racer in racers)
    told = {tuple(line.split()[1:]) for said in lines for line in said if line.startswith("booked")}
    with Database(furnished) as database:
        store = Store(database)
        assert store.faults() == []
        kept = set(store.rows("SELECT 'consultation', id FROM consultations"))
        kept |= set(store.rows("SELECT 'appointment', id FROM appointment_bookings"))
    assert told == kept
    assert len(told) >= 5


def test_killed_in_the_middle_of_a_transaction_nothing_is_half_written(furnished: str) -> None:
    process = contender(furnished, "hanging", "hang")
    assert process.stdout is not None
    while process.stdout.readline().strip() != "inside":
        assert process.poll() is None
    process.kill()
    process.communicate()
    with Database(furnished) as database:
        store = Store(database)
        for table in ("slot_locks", "pending_bookings", "consultations"):
            assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
        store.consultant, store.anna = 1, 1
        assert isinstance(store.propose(rome("2026-02-11T15:00")), Hold)


@pytest.mark.parametrize("seconds", [0.15, 0.4])
def test_killed_at_any_moment_what_was_told_is_kept_and_whole(furnished: str, seconds: float) -> None:
    processes = [contender(furnished, f"{seconds} {number}", "churn") for number in range(2)]
    told: list[list[str]] = []
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        told.append(process.stdout.readline().split())  # each has booked something
    time.sleep(seconds)
    for process in processes:
        process.kill()
        said = process.communicate()[0]
        told += [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    with Database(furnished) as database:
        store = Store(database, consultant=1, anna=1)
        assert store.faults() == []
        for _, kind, booking_id in told:
            assert store.do(bookings.booking, bookings.BookingKind(kind), booking_id) is not None
        assert store.do(bookings.expire_holds, NOW + timedelta(hours=1)) == 0
        without_call = "SELECT count(*) FROM transitions t LEFT JOIN voice_calls v ON v.id = t.call_id"
        assert store.rows(f"{without_call} WHERE v.id IS NULL") == [(0,)]
