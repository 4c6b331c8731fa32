"""The checker finds nothing in sound tables, and names every fault that is planted in them by plain SQL."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from storage import bookings, people
from storage.agenda import AgendaSettings
from storage.database import Database
from storage.results import Booking
from tests.storage.playground import NOW, Store, furnish, rome
from tests.storage.postgres import Postgres
from tests.storage.stress.log import Log, operations
from tests.storage.stress.tables import faults, read
from tests.storage.stress.told import disagreements
from tests.storage.stress.worker import Channel, Job

UNGUARDED = (
    "ALTER TABLE slot_locks DROP CONSTRAINT slot_locks_pkey",
    "ALTER TABLE slot_locks DROP CONSTRAINT slot_locks_check",
    "ALTER TABLE pending_bookings DROP CONSTRAINT pending_bookings_check",
    "DROP INDEX one_hold_a_conversation",
)


class Planted:
    """A database whose own walls are down, so that faults can be planted in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *statements: str) -> None:
        if self.url.startswith("sqlite:"):
            walls = "one_hold_a_conversation", "one_hold_a_start", "one_consultation_a_start"
            first = ["PRAGMA ignore_check_constraints = 1"]
            first += [f"DROP INDEX IF EXISTS {wall}" for wall in walls]
            connection: Any = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        else:
            first, connection = ["SET session_replication_role = replica"], psycopg2.connect(self.url)
        with closing(connection):
            for statement in [*first, *statements]:
                changed = connection.cursor()
                changed.execute(statement)
                assert statement in first or changed.rowcount != 0, statement
            connection.commit()


@pytest.fixture
def planted(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Planted]:
    """A client's booking at 9, a lead's at 11, a hold at 15, one that would move the first to 9:30, a hold that was
    given up, and the cells of a consultant with buffers."""
    url = f"sqlite:///{tmp_path}/booking.db"
    server: Postgres | None = None
    if dialect == "postgres":
        server = request.getfixturevalue("postgres")
        url = server.empty("planted")
    with Database(url) as database:
        database.create_tables()
        settings = AgendaSettings(grid_minutes=15, buffer_before_minutes=10, buffer_after_minutes=20)
        store = furnish(Store(database), settings)
        store.do(people.add_consultant, "Dott. Verdi")
        nine = store.book(rome("2026-02-12T09:00"), conversation="booked")
        lead = store.hold(rome("2026-02-12T11:00"), conversation="lead", client_id=None)
        assert isinstance(store.confirm(lead, lead=store.lead), Booking)
        store.hold(rome("2026-02-13T10:00"), conversation="given up")
        store.do(bookings.release, "given up", now=NOW)
        store.hold(rome("2026-02-12T15:00"), conversation="held")
        store.hold(rome("2026-02-12T09:15"), conversation="moves", moving=nine)
    if server is not None:
        server.query(*UNGUARDED, database="planted")
    yield Planted(url)


def test_sound_tables_have_no_fault(planted: Planted) -> None:
    assert faults(read(planted.url)) == []


OWNER = "SELECT min(cell) FROM slot_locks WHERE consultation_id IS NOT NULL"
FAULTS = [
    (
        "overlap: ('consultation'",
        "UPDATE appointment_bookings SET start_at = (SELECT start_at + 1800 FROM consultations)",
    ),
    (
        "and ('hold'",
        "UPDATE pending_bookings SET start_at = start_at - 12600 WHERE conversation = 'held'",
    ),
    ("has 0 owners", "INSERT INTO slot_locks (consultant_id, cell) VALUES (1, 1)"),
    (
        "has 2 owners",
        "UPDATE slot_locks SET appointment_id = (SELECT id FROM appointment_bookings)"
        f" WHERE cell = ({OWNER})",
    ),
    ("owner that is nowhere", "DELETE FROM appointment_bookings"),
    ("owner that is nowhere", "DELETE FROM pending_bookings WHERE conversation = 'held'"),
    ("owner that is not in force", "UPDATE appointment_bookings SET status = 'cancelled'"),
    (
        "owner that is not in force",
        "UPDATE pending_bookings SET status = 'expired' WHERE conversation = 'held'",
    ),
    ("of another consultant", f"UPDATE slot_locks SET consultant_id = 2 WHERE cell = ({OWNER})"),
    ("lacks its cells", "DELETE FROM slot_locks WHERE appointment_id IS NOT NULL"),
    ("('consultation'", f"DELETE FROM slot_locks WHERE cell = ({OWNER})"),
    (
        "('hold'",
        "DELETE FROM slot_locks WHERE hold_id = (SELECT token FROM pending_bookings WHERE conversation = 'held')",
    ),
    (
        "('hold'",
        "DELETE FROM slot_locks WHERE hold_id = (SELECT token FROM pending_bookings WHERE conversation = 'moves')",
    ),
    (
        "lacks its cells",
        "UPDATE consultant_availability_settings SET buffer_after_minutes = 45 WHERE consultant_id = 1",
    ),
    ("does not need", "UPDATE consultations SET minutes = 30"),
    (
        "confirmed without a booking",
        "UPDATE pending_bookings SET booking_id = 'x' WHERE conversation = 'lead'",
    ),
    (
        "has a booking",
        "UPDATE pending_bookings SET status = 'expired' WHERE conversation = 'lead'",
    ),
    (
        "two live holds of one conversation",
        "UPDATE pending_bookings SET conversation = 'held' WHERE conversation = 'moves'",
    ),
]


@pytest.mark.parametrize(("named", "fault"), FAULTS)
def test_a_fault_in_the_tables_is_named(planted: Planted, named: str, fault: str) -> None:
    planted.run(fault)
    found = faults(read(planted.url))
    assert [each for each in found if named in each], found


# --- What was told ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A database and its log after four hundred operations of one worker."""
    home = tmp_path_factory.mktemp("played")
    file, log = home / "booking.db", home / "worker1.log"
    with Database(f"sqlite:///{file}") as database:
        database.create_tables()
        store = furnish(Store(database), AgendaSettings(grid_minutes=15))
        job = Job(database.settings.url, str(log), [store.consultant], [store.anna, store.bruno])
        ticks = iter(range(10_000))
        channel = Channel(
            database,
            Log(log),
            job,
            "one",
            lambda: NOW + timedelta(seconds=10 * next(ticks)),
            random.Random("played"),
        )
        for _ in range(400):
            channel.act()
    return file, log


@pytest.fixture
def copy(played: tuple[Path, Path], tmp_path: Path) -> tuple[Planted, Path]:
    file, log = (tmp_path / each.name for each in played)
    with closing(sqlite3.connect(played[0])) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    log.write_bytes(played[1].read_bytes())
    return Planted(f"sqlite:///{file}"), log


def found(copy: tuple[Planted, Path]) -> list[str]:
    return disagreements(operations([copy[1]]), read(copy[0].url))


def test_what_was_told_truly_is_not_complained_of(copy: tuple[Planted, Path]) -> None:
    assert found(copy) == []
    assert faults(read(copy[0].url)) == []
    assert {each.said for each in operations([copy[1]]).values()} >= {"booking", "hold", "refused", "done"}


IN_FORCE = "SELECT min(id) FROM consultations WHERE status = 'confirmed'"
A_HOLD = "SELECT min(token) FROM pending_bookings WHERE status = '{}'"
LIES = [
    ("is not there", f"DELETE FROM consultations WHERE id = ({IN_FORCE})"),
    ("is not as", f"UPDATE consultations SET start_at = start_at + 900 WHERE id = ({IN_FORCE})"),
    ("is not as", f"UPDATE consultations SET minutes = 10 WHERE id = ({IN_FORCE})"),
    ("nobody gave it up", f"UPDATE consultations SET status = 'cancelled' WHERE id = ({IN_FORCE})"),
    ("gave it up", "UPDATE consultations SET status = 'confirmed' WHERE status = 'cancelled'"),
    (
        "was done 2 times",
        "INSERT INTO consultations (id, consultant_id, client_id, start_at, minutes, status, source, notes, created_at)"
        " SELECT 'x', consultant_id, client_id, 0, minutes, status, source, notes, 0 FROM consultations"
        f" WHERE id = ({IN_FORCE})",
    ),
    (
        "written by nobody",
        "INSERT INTO consultations (id, consultant_id, client_id, start_at, minutes, status, source, created_at)"
        " VALUES ('x', 1, 1, 0, 30, 'confirmed', 'voice_call', 0)",
    ),
    ("not there as told", f"DELETE FROM pending_bookings WHERE token = ({A_HOLD.format('expired')})"),
    (
        "not there as told",
        f"UPDATE pending_bookings SET start_at = 0 WHERE token = ({A_HOLD.format('cancelled')})",
    ),
    (
        "confirmed by nobody",
        "UPDATE pending_bookings SET status = 'confirmed', booking_kind = 'consultation', booking_id = 'x'"
        f" WHERE token = ({A_HOLD.format('expired')})",
    ),
    ("waits still", "UPDATE pending_bookings SET status = 'awaiting_confirm' WHERE status = 'cancelled'"),
    (
        "another booking or none",
        "UPDATE pending_bookings SET booking_id = 'x' WHERE status = 'confirmed'",
    ),
    (
        "nobody was told of it",
        "INSERT INTO pending_bookings (token, consultant_id, conversation, start_at, minutes, status, created_at,"
        " expires_at) VALUES ('x', 1, 'c', 0, 30, 'cancelled', 0, 0)",
    ),
]


@pytest.mark.parametrize(("named", "lie"), LIES)
def test_what_was_not_told_is_named(copy: tuple[Planted, Path], named: str, lie: str) -> None:
    copy[0].run(lie)
    assert [each for each in found(copy) if named in each], found(copy)


def _refused(copy: tuple[Planted, Path]) -> str:
    return next(
        name
        for name, each in operations([copy[1]]).items()
        if each.what == "reschedule" and each.said == "refused"
    )


def test_a_refused_operation_that_did_something_is_named(copy: tuple[Planted, Path]) -> None:
    name = _refused(copy)
    copy[0].run(f"UPDATE consultations SET notes = '{name}' WHERE id = ({IN_FORCE})")
    assert [each for each in found(copy) if f"was written by {name}, which was answered" in each]


def test_an_operation_without_an_answer_may_be_done_or_not_but_not_otherwise(
    copy: tuple[Planted, Path],
) -> None:
    planted, log = copy
    last = [each for each in operations([log]).values() if each.what == "reschedule" and each.wrote][-1]
    lines = log.read_text().splitlines(keepends=True)
    answer = next(line for line in lines if f'"{last.name}"' in line and '"answer"' in line)
    log.write_text("".join(line for line in lines if line != answer))
    planted_kind = "consultations" if last.answer["kind"] == "consultation" else "appointment_bookings"
    later = [each for each in found(copy) if last.answer["id"] in each]
    assert later == []
    planted.run(f"UPDATE {planted_kind} SET start_at = 900 WHERE notes = '{last.name}'")
    assert [each for each in found(copy) if f"is not what {last.name} meant" in each]


def test_a_line_cut_off_by_a_kill_is_no_answer(tmp_path: Path) -> None:
    log = Log(tmp_path / "worker1.log")
    name = log.intend("expire", now=0)
    log.told(name, **{"is": "done"})
    assert operations([tmp_path / "worker1.log"])[name].done
    cut = (tmp_path / "worker1.log").read_bytes()[:-5]
    (tmp_path / "worker1.log").write_bytes(cut)
    assert operations([tmp_path / "worker1.log"])[name].unsure
