"""The journal: order, chain, and what it refuses to store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import calls, journal
from storage.errors import InvalidEntry
from storage.models import proxy
from tests.storage.playground import NOW, Store


@pytest.fixture
def call_id(store: Store) -> str:
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
    assert (first.sequence, first.previous_hash) == (1, journal.FIRST_PREVIOUS)
    assert (second.sequence, second.previous_hash) == (2, first.hash)
    assert first.hash != second.hash
    assert store.do(journal.entries, call_id) == [first, second]
    assert first.recorded_at == NOW
    assert first.entry == {**entry(call_id), "event_time": NOW.isoformat()}
    assert store.do(journal.broken_at, call_id) is None


def test_the_hash_does_not_depend_on_the_order_of_fields(store: Store, call_id: str) -> None:
    one = store.do(journal.append, entry(call_id), recorded_at=NOW)
    store.do(lambda: proxy.execute_sql("DELETE FROM transitions"))
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
    store.do(lambda: proxy.execute_sql(tampering))
    assert store.do(journal.broken_at, call_id) == broken


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"analysis": "1"}, "analysis"),
        ({"facts": {"a": {"b": 1}}}, "'a'"),
        ({"changes": {"date": "2026-02-11"}}, "date"),
        ({"changes": {"phone": {"old": None, "new": "+393331234567"}}}, "phone"),
        ({"changes": {"email": {"old": "a@b.it", "new": None}}}, "email"),
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


def test_digested_personal_data_is_taken(store: Store, call_id: str) -> None:
    phone = journal.digest("+393331234567", call_id=call_id)
    change = {"phone": {"old": None, "new": phone}}
    store.do(journal.append, entry(call_id, changes=change), recorded_at=NOW)
    assert "3331234567" not in phone
    assert phone == journal.digest("+393331234567", call_id=call_id)
    assert phone != journal.digest("+393331234567", call_id="another")
    assert phone != journal.digest("+393331234568", call_id=call_id)
