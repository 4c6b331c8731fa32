"""The journal: order, chain, and what it refuses to store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import peewee
import pytest

from storage import calls, chain, checkpoints, journal, personal
from storage.database import Database
from storage.errors import InvalidEntry
from storage.models import proxy
from storage.secret import Secret
from tests.storage.playground import NOW, Store, furnish
from tests.storage.postgres import Postgres


@pytest.fixture
def call_id(store: Store) -> str:
    return open_call(store)


def open_call(store: Store) -> str:
    return store.do(
        calls.open_call,
        bridge_call_id="b",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        now=NOW,
    )


def entry(call_id: str, **given: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "analysis": 1,
        "turn": 3,
        "event_time": NOW,
        "from": "raccolta_dati",
        "to": "dati_completi",
        "task": "prenota",
        "event": "completa",
        "rule": "R05",
        "why": "data e ora",
        "facts": {"has_date": True, "turns": 3, "task": "prenota"},
        "changes": {"date": {"old": None, "new": "2026-02-11"}},
        "outcome": "held",
        "guard": None,
        "notices": ["conferma"],
        **given,
    }


def test_entries_come_back_in_order_and_chained(store: Store, call_id: str) -> None:
    first = store.do(journal.append, entry(call_id), recorded_at=NOW)
    second = store.do(
        journal.append, entry(call_id, event="conferma"), recorded_at=NOW + timedelta(seconds=9)
    )
    assert (first.sequence, first.previous_hash) == (1, chain.FIRST_PREVIOUS)
    assert (second.sequence, second.previous_hash) == (2, first.hash)
    assert first.hash != second.hash
    assert store.do(journal.entries, call_id) == [first, second]
    assert first.recorded_at == NOW
    assert first.entry == {**entry(call_id), "event_time": NOW.isoformat()}
    assert store.do(journal.broken_at, call_id) is None


def test_the_hash_does_not_depend_on_the_order_of_fields(store: Store, call_id: str) -> None:
    one = store.do(journal.append, entry(call_id), recorded_at=NOW)
    store.tamper("DELETE FROM transitions")
    other = store.do(journal.append, dict(reversed(entry(call_id).items())), recorded_at=NOW)
    assert one.hash == other.hash


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE transitions SET body = replace(body, 'R05', 'R06') WHERE sequence = 2", 2),
        ("DELETE FROM transitions WHERE sequence = 2", 2),
        ("DELETE FROM transitions WHERE sequence = 1", 1),
        ("UPDATE transitions SET hash = previous_hash WHERE sequence = 3", 3),
    ],
)
def test_tampering_shows(store: Store, call_id: str, tampering: str, broken: int) -> None:
    for _ in range(3):
        store.do(journal.append, entry(call_id), recorded_at=NOW)
    store.tamper(tampering)
    assert store.do(journal.broken_at, call_id) == broken


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"analysis": "1"}, "analysis"),
        ({"facts": {"a": {"b": 1}}}, "'a'"),
        ({"changes": {"date": "2026-02-11"}}, "date"),
        ({"changes": {"phone": {"old": None, "new": 3331234567}}}, "phone"),
        ({"facts": {"share": 0.5}}, "fractions"),
        ({"changes": {"date": {"old": None, "new": 1.5}}}, "fractions"),
        ({"event_time": NOW.replace(tzinfo=None)}, "time zone"),
        ({"facts": {"a": object()}}, "JSON"),
    ],
)
def test_bad_entries_are_refused(store: Store, call_id: str, given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidEntry, match=named):
        store.do(journal.append, entry(call_id, **given), recorded_at=NOW)
    assert store.do(journal.entries, call_id) == []


def test_a_missing_field_is_named(store: Store, call_id: str) -> None:
    with pytest.raises(InvalidEntry, match="event"):
        store.do(journal.append, {"call_id": call_id, "analysis": 1}, recorded_at=NOW)


def changed(store: Store, call_id: str, detail: str, value: str | None) -> str | None:
    """What stands in the journal for a value that a detail got."""
    change = {detail: {"old": None, "new": value}}
    written = store.do(journal.append, entry(call_id, changes=change), recorded_at=NOW)
    assert store.do(journal.broken_at, call_id) is None
    found: str | None = written.entry["changes"][detail]["new"]
    return found


def test_personal_values_stand_apart_and_the_entry_has_a_keyed_digest(store: Store, call_id: str) -> None:
    phone = changed(store, call_id, "phone", "+393331234567")
    assert phone is not None and phone.startswith("hmac:") and "3331234567" not in phone
    assert store.do(personal.values_of, call_id) == {phone: "+393331234567"}
    assert changed(store, call_id, "phone", "+393331234567") == phone
    assert changed(store, call_id, "phone", "+393331234568") != phone
    assert changed(store, call_id, "notes", "+393331234567") != phone
    assert changed(store, call_id, "email", None) is None
    assert changed(store, call_id, "date", "2026-02-11") == "2026-02-11"
    ((bodies,),) = store.rows(
        "SELECT count(*) FROM transitions WHERE body LIKE '%3331234567%'".replace("%", "%%")
    )
    assert bodies == 0


def test_a_digest_cannot_be_made_again_without_the_salt_that_goes_with_the_value(
    store: Store, call_id: str
) -> None:
    phone = changed(store, call_id, "phone", "+393331234567")
    ((salt,),) = store.rows("SELECT salt FROM personal_values")
    secret = store.database.secret
    assert phone == f"hmac:{secret.digest(bytes.fromhex(salt), 'phone', '+393331234567')}"
    assert phone != f"hmac:{Secret.new().digest(bytes.fromhex(salt), 'phone', '+393331234567')}"
    store.tamper("DELETE FROM personal_values")
    assert changed(store, call_id, "phone", "+393331234567") != phone


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transitions SET body = body",
        "DELETE FROM transitions WHERE sequence = 1",
        "INSERT INTO transitions SELECT * FROM transitions",
        "UPDATE journal_checkpoints SET signature = signature",
        "DELETE FROM journal_checkpoints",
        "UPDATE journal_checkpoint_heads SET sequence = 1",
        "DELETE FROM journal_checkpoint_heads",
        "DELETE FROM voice_calls",
    ],
)
def test_the_database_itself_refuses_to_change_the_journal(
    store: Store, call_id: str, statement: str
) -> None:
    for _ in range(2):
        store.do(journal.append, entry(call_id), recorded_at=NOW)
    store.do(checkpoints.make, NOW)
    tables = ("transitions", "journal_checkpoints", "journal_checkpoint_heads")
    before = [store.rows(f"SELECT * FROM {table}") for table in tables]
    with pytest.raises(peewee.IntegrityError):
        store.do(proxy.execute_sql, statement)
    assert [store.rows(f"SELECT * FROM {table}") for table in tables] == before


@pytest.mark.parametrize("words", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"])
def test_sqlite_replaces_no_entry_either(sqlite_store: Store, words: str) -> None:
    call = open_call(sqlite_store)
    sqlite_store.do(journal.append, entry(call), recorded_at=NOW)
    before = sqlite_store.rows("SELECT * FROM transitions")
    with pytest.raises(peewee.IntegrityError, match="append-only"):
        sqlite_store.do(
            proxy.execute_sql,
            f"{words} INTO transitions (call_id, sequence, body, previous_hash, hash)"
            " SELECT call_id, sequence, 'x', 'x', 'x' FROM transitions",
        )
    assert sqlite_store.rows("SELECT * FROM transitions") == before


@pytest.mark.parametrize("table", ["transitions", "journal_checkpoints", "journal_checkpoint_heads"])
def test_postgres_empties_no_table_of_the_journal(postgres: Postgres, table: str) -> None:
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        store.do(journal.append, entry(open_call(store)), recorded_at=NOW)
        with pytest.raises(peewee.IntegrityError, match=f"append-only: TRUNCATE of {table}"):
            store.do(proxy.execute_sql, f"TRUNCATE {table} CASCADE")
        assert store.rows("SELECT count(*) FROM transitions") == [(1,)]
