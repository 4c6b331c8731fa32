"""An older database keeps what is in it when it is brought to the current schema."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import peewee
import pytest
from playhouse.migrations import Runner

import storage.database
from storage import bookings, calls, conversations, journal, offers
from storage.database import Database
from storage.models import CallBooking, proxy
from storage.results import BookingKind
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome
from tests.storage.postgres import Postgres

MIGRATIONS = Path(storage.database.__file__).parent / "migrations"
BEGAN = 1770625800  # NOW
STATE = {
    "details": {"date": "2026-02-11", "time": None, "minutes": 45},
    "offered": [{"day": "2026-02-11", "at": "15:00:00"}, {"day": "2026-07-01", "at": "10:00:00"}],
    "silent": 2,
}

_CALL: dict[str, Any] = {
    "consultant_id": 1,
    "direction": "inbound",
    "started_at": BEGAN,
    "interrupted": False,
}
_BOOKED: dict[str, Any] = {
    "consultant_id": 1,
    "client_id": 1,
    "minutes": 60,
    "source": "voice_call",
    "created_at": 1,
}

# What a server of the first schema had left: a call in the middle, one that has booked, one that never spoke.
FIRST_SCHEMA: list[tuple[str, dict[str, Any]]] = [
    ("consultants", {"id": 1, "name": "Dott.ssa Rossi", "zone": "Europe/Rome", "country": "IT"}),
    ("clients", {"id": 1, "name": "Anna", "phone": "+393400000001", "consultant_id": 1}),
    (
        "voice_calls",
        {
            **_CALL,
            "id": "talking",
            "bridge_call_id": "b1",
            "client_id": 1,
            "stage": "raccolta_dati",
            "task": "prenota",
            "last_analysis": 2,
            "last_turn": 5,
            "state": json.dumps(STATE),
            "metadata": "{}",
        },
    ),
    (
        "voice_calls",
        {
            **_CALL,
            "id": "booked",
            "bridge_call_id": "b2",
            "client_id": 1,
            "ended_at": BEGAN + 60,
            "end_reason": "hangup",
            "stage": "completato",
            "task": "prenota",
            "last_analysis": 1,
            "last_turn": 3,
            "state": '{"silent": 0}',
            "metadata": '{"bookingId": "c1"}',
        },
    ),
    (
        "voice_calls",
        {
            **_CALL,
            "id": "silent",
            "bridge_call_id": "b3",
            "ended_at": BEGAN + 9,
            "end_reason": "hangup",
            "stage": "nessun_intento",
            "last_analysis": 0,
            "last_turn": 0,
            "metadata": "{}",
        },
    ),
    ("call_turns", {"call_id": "talking", "number": 1, "speaker": "caller", "text": "sì", "played": "[]"}),
    ("call_analyses", {"call_id": "booked", "number": 1, "recorded_at": 1, "last_turn": 3, "facts": "{}"}),
    ("transitions", {"call_id": "booked", "sequence": 1, "body": "{}", "previous_hash": "", "hash": ""}),
    (
        "consultations",
        {**_BOOKED, "id": "c0", "start_at": BEGAN + 86400, "status": "cancelled", "voice_call_id": "booked"},
    ),
    (
        "consultations",
        {**_BOOKED, "id": "c1", "start_at": BEGAN + 172800, "status": "confirmed", "voice_call_id": "booked"},
    ),
]


def insert(table: str, row: dict[str, Any]) -> None:
    place = "?" if isinstance(proxy.obj, peewee.SqliteDatabase) else "%s"
    proxy.execute_sql(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(place for _ in row)})",
        tuple(row.values()),
    )


@pytest.fixture
def old(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A database of the first schema, with calls in it."""
    address = f"sqlite:///{tmp_path}/old.db"
    if dialect == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        address = server.empty("old")
    with Database(address) as database:
        store = Store(database, consultant=1, anna=1)
        database._on_worker(lambda: Runner(database._peewee, str(MIGRATIONS)).up("0001_initial"))
        for table, row in FIRST_SCHEMA:
            database._on_worker(partial(insert, table, row))
        yield store


def test_calls_keep_their_state_and_everything_that_is_theirs(old: Store) -> None:
    assert old.database.migrate()[0] == "0002_conversations"
    talking = old.do(conversations.state_of, "talking")
    assert talking is not None
    assert (talking.stage, talking.task, talking.last_analysis, talking.last_turn) == (
        "raccolta_dati", "prenota", 2, 5,
    )  # fmt: skip
    assert talking.state == {key: value for key, value in STATE.items() if key != "offered"}
    assert talking.updated_at == NOW
    silent = old.do(conversations.state_of, "silent")
    assert silent is not None
    assert (silent.stage, silent.state, silent.updated_at) == (
        "nessun_intento",
        None,
        NOW + timedelta(seconds=9),
    )
    lines = {line.id: line for line in old.do(calls.list_calls)}
    assert {name: (line.stage, line.end_reason) for name, line in lines.items()} == {
        "talking": ("raccolta_dati", None),
        "booked": ("completato", "hangup"),
        "silent": ("nessun_intento", "hangup"),
    }
    assert lines["booked"].booking is not None and lines["booked"].booking.id == "c1"
    detail = old.do(calls.call_detail, "talking")
    assert detail is not None and [turn.text for turn in detail.turns] == ["sì"]
    assert len(old.do(calls.analyses, "booked")) == 1
    assert old.rows("SELECT call_id FROM transitions") == [("booked",)]


def test_what_was_offered_becomes_instants(old: Store) -> None:
    """In winter and in summer Rome is not as far from UTC."""
    old.database.migrate()
    found = old.do(offers.offers_of, "talking")
    assert [(offer.start, offer.minutes, offer.turn) for offer in found] == [
        (WEDNESDAY_15, 45, 5),
        (rome("2026-07-01T10:00"), 45, 5),
    ]
    assert old.do(offers.offers_of, "booked") == []


def test_a_call_goes_on_and_its_booking_stays_its_only_one(old: Store) -> None:
    old.database.migrate()
    old.do(
        calls.record_analysis, "talking", number=3, last_turn=7, facts={}, availability=None, state={},
        stage="dati_completi", task="prenota", now=NOW,
    )  # fmt: skip
    assert [(row.get_id(), row.booking_id) for row in old.do(lambda: list(CallBooking.select()))] == [
        ("booked", "c1")
    ]
    cancelled = old.do(bookings.cancel, BookingKind.CONSULTATION, "c1", now=NOW)
    assert not isinstance(cancelled, str)
    assert old.rows("SELECT count(*) FROM call_bookings") == [(0,)]


def test_the_new_shape_holds_what_the_old_one_held(old: Store, dialect: str) -> None:
    """Foreign keys point at the tables under their names, and are kept to."""
    old.database.migrate()
    if dialect == "sqlite":
        assert old.rows("PRAGMA foreign_keys") == [(1,)]
        assert old.rows("PRAGMA foreign_key_check") == []
        assert old.rows("PRAGMA integrity_check") == [("ok",)]

    orphan = {"call_id": "x", "number": 1, "speaker": "caller", "text": "sì", "played": "[]"}
    with pytest.raises(peewee.IntegrityError):
        old.do(insert, "call_turns", orphan)
    with pytest.raises(peewee.IntegrityError):
        old.do(
            lambda: proxy.execute_sql("DELETE FROM voice_calls WHERE id = 'booked'")
        )  # its journal is kept
    old.do(lambda: proxy.execute_sql("DELETE FROM voice_calls WHERE id = 'silent'"))
    assert old.do(conversations.state_of, "silent") is None


def test_a_migration_that_fails_leaves_everything_as_it_was(
    old: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks at its last step, the index, when the tables have their new shape."""
    make = peewee.Model.index.__func__

    def broken(model: Any, *fields: Any, **given: Any) -> Any:
        if given.get("name") == "calls_open":
            raise RuntimeError("broken")
        return make(model, *fields, **given)

    with monkeypatch.context() as patch:
        patch.setattr(peewee.Model, "index", classmethod(broken))
        with pytest.raises(RuntimeError):
            old.database.migrate()
    stage = "SELECT stage FROM voice_calls WHERE id = 'talking'"
    found = old.database._on_worker(lambda: proxy.execute_sql(stage).fetchone())
    assert found == ("raccolta_dati",)
    assert old.database.migrate()[0] == "0002_conversations"


def test_servers_that_start_at_once_migrate_it_once(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if dialect == "postgres":
        url = request.getfixturevalue("postgres").empty("at_once")
    else:
        url = f"sqlite:///{tmp_path}/booking.db"
    start = "import sys; from storage.database import Database\nwith Database(sys.argv[1]) as d: print(*d.migrate())"
    servers = [
        subprocess.Popen([sys.executable, "-c", start, url], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    applied = [server.communicate(timeout=60)[0].split() for server in servers]
    assert [server.returncode for server in servers] == [0] * 4
    with Database(url) as database:
        everything = [name for name, _ in database.migration_status()]
        assert all(done for _, done in database.migration_status())
    assert sorted(name for names in applied for name in names) == everything


def test_what_came_of_calls_and_the_journals_fields_can_be_found(old: Store) -> None:
    entry = {
        "event": "conferma",
        "to": "confermato",
        "rule": "R9",
        "guard": None,
        "notices": ["riepiloga", "passato"],
    }
    body = {"recorded_at": "2026-02-09T08:30:00.250Z", "entry": entry}
    row = {"call_id": "booked", "sequence": 2, "body": json.dumps(body), "previous_hash": "", "hash": ""}
    old.database._on_worker(partial(insert, "transitions", row))
    old.database.migrate()
    assert old.rows("SELECT id, outcome, booking_id FROM voice_calls ORDER BY id") == [
        ("booked", "creato", "c1"),
        ("silent", None, None),
        ("talking", None, None),
    ]
    columns = "recorded_at, event, target, rule, guard, outcome, notices"
    assert old.rows(f"SELECT {columns} FROM transitions ORDER BY sequence") == [
        (None,) * 7,
        (BEGAN * 1000 + 250, "conferma", "confermato", "R9", None, None, "riepiloga passato"),
    ]
    with pytest.raises(peewee.IntegrityError):
        old.do(lambda: proxy.execute_sql("UPDATE transitions SET rule = 'x'"))


def test_the_journal_follows_chats_and_bookings_come_by_them(old: Store) -> None:
    """What stood in the journal stands there still; a conversation that is no call has entries too."""
    old.database.migrate()
    old.do(conversations.begin_chat, "chat", now=NOW)
    old.do(journal.append, {"call_id": "chat", "analysis": 1, "event": None}, recorded_at=NOW)
    assert [row[0] for row in old.rows("SELECT call_id FROM transitions ORDER BY call_id")] == [
        "booked",
        "chat",
    ]
    with pytest.raises(peewee.IntegrityError):
        old.do(journal.append, {"call_id": "nobody", "analysis": 1, "event": None}, recorded_at=NOW)
    with pytest.raises(peewee.IntegrityError):
        old.do(lambda: proxy.execute_sql("DELETE FROM booking_extraction_state WHERE conversation = 'chat'"))
    booked = {"id": "a1", "consultant_id": 1, "phone": "+39", "email": "e", "start_at": 1, "minutes": 60}
    booked |= {"status": "confirmed", "created_at": 1}
    old.do(insert, "appointment_bookings", {**booked, "source": "chat"})
    with pytest.raises(peewee.IntegrityError):
        old.do(insert, "appointment_bookings", {**booked, "id": "a2", "start_at": 2, "source": "pigeon"})
