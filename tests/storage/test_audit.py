"""Whatever is changed in the journal's tables by one who owns the database shows, as far as checkpoints reach."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import audit, calls, chain, checkpoints, journal
from storage.audit import Report
from storage.database import Database
from storage.errors import StorageError, StoreUnavailable
from storage.secret import Secret
from tests.storage.playground import NOW, Store, furnish
from tests.storage.ready import bring_up

CALLS = 3
ENTRIES = 6


def verify(store: Store, **given: Any) -> Report:
    return audit.verify(store.database.settings, {store.database.secret.public_key}, **given)


def first(report: Report) -> str:
    return str(report.findings[0])


def open_call(store: Store) -> str:
    return store.do(
        calls.open_call,
        bridge_call_id="b",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number="+393331234567",
        dialled_number=None,
        now=NOW,
    )


def write(store: Store, call_id: str, entries: int) -> None:
    for number in range(entries):
        entry = {
            "call_id": call_id,
            "analysis": number,
            "event": "correzione",
            "why": f"perché {number}",
            "changes": {"phone": {"old": None, "new": "+393331234567"}},
        }
        store.do(journal.append, entry, recorded_at=NOW + timedelta(seconds=number))


def fill(store: Store) -> list[str]:
    """Three calls, in their order, of six entries each: a checkpoint after the fourth and after the sixth."""
    made = sorted(open_call(store) for _ in range(CALLS))
    for entries in (4, ENTRIES - 4):
        for call_id in made:
            write(store, call_id, entries)
        store.do(checkpoints.make, NOW)
    return made


@pytest.fixture
def filled(kept_store: Store) -> tuple[Store, list[str]]:
    return kept_store, fill(kept_store)


def test_an_untouched_journal_is_whole(filled: tuple[Store, list[str]]) -> None:
    store, made = filled
    report = verify(store)
    assert report.whole and report.findings == []
    assert (report.tally.chains, report.tally.entries, report.tally.uncovered) == (3, 18, 0)
    assert report.checkpoints == 2
    assert audit.count(store.database.settings) == 18
    alone = verify(store, call_id=made[1])
    assert alone.whole and (alone.tally.chains, alone.tally.entries) == (1, 6)


def test_what_no_checkpoint_covers_is_counted(filled: tuple[Store, list[str]]) -> None:
    store, made = filled
    write(store, made[0], 2)
    write(store, open_call(store), 3)
    assert verify(store).tally.uncovered == 5
    assert store.do(checkpoints.make, NOW) is not None
    assert verify(store).tally.uncovered == 0
    assert store.do(checkpoints.make, NOW) is None


def test_a_note_makes_a_checkpoint_of_its_own(filled: tuple[Store, list[str]]) -> None:
    store, _ = filled
    made = store.do(checkpoints.make, NOW, note={"erased": {"calls": 1}})
    assert made is not None
    told = orjson.loads(made.body)
    assert (told["number"], told["chains"], told["note"]) == (3, 0, {"erased": {"calls": 1}})
    assert verify(store).whole


ATTACKS = {
    "content": (
        "UPDATE transitions SET body = replace(body, 'perché 2', 'perché 9') WHERE call_id = '{1}'",
        3,
    ),
    "hash": ("UPDATE transitions SET hash = '{0}' WHERE call_id = '{1}' AND sequence = 4", 4),
    "previous": ("UPDATE transitions SET previous_hash = hash WHERE call_id = '{1}' AND sequence = 2", 2),
    "middle": ("DELETE FROM transitions WHERE call_id = '{1}' AND sequence = 3", 3),
    "beginning": ("DELETE FROM transitions WHERE call_id = '{1}' AND sequence = 1", 1),
    "end": ("DELETE FROM transitions WHERE call_id = '{1}' AND sequence = 6", 6),
    "longer end": ("DELETE FROM transitions WHERE call_id = '{1}' AND sequence > 2", 3),
    "whole call": ("DELETE FROM transitions WHERE call_id = '{1}'", 1),
    "no content": ("UPDATE transitions SET body = '[]' WHERE call_id = '{1}' AND sequence = 5", 5),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_first_entry_tampered_with_is_named(filled: tuple[Store, list[str]], attack: str) -> None:
    store, made = filled
    statement, sequence = ATTACKS[attack]
    store.tamper(statement.format(*made))
    report = verify(store)
    assert (report.faults, first(report).split(":")[0]) == (1, f"call {made[1]}, entry {sequence}")
    assert not verify(store, call_id=made[1]).whole
    if attack != "whole call":
        assert verify(store, call_id=made[2]).whole


def test_two_entries_that_changed_places_are_named(filled: tuple[Store, list[str]]) -> None:
    store, made = filled
    swap = "UPDATE transitions SET sequence = {1} WHERE call_id = '{2}' AND sequence = {0}"
    store.tamper(*(swap.format(frm, to, made[1]) for frm, to in ((2, 99), (3, 2), (99, 3))))
    assert (
        first(verify(store))
        == f"call {made[1]}, entry 2: it does not belong here: it is entry 3 of call {made[1]}"
    )


def test_an_entry_put_in_at_the_end_or_from_another_call_is_named(filled: tuple[Store, list[str]]) -> None:
    store, made = filled
    put = (
        "INSERT INTO transitions (call_id, sequence, body, previous_hash, hash)"
        " SELECT '{0}', 7, body, previous_hash, hash FROM transitions WHERE call_id = '{1}'"
    )
    store.tamper(f"{put.format(made[0], made[2])} AND sequence = 6")
    assert (
        first(verify(store))
        == f"call {made[0]}, entry 7: it does not belong here: it is entry 6 of call {made[2]}"
    )


def rewritten(store: Store, call_id: str, start: int, *, cut: int = 0) -> list[str]:
    """Statements that tell a call differently from entry `start` on, with every hash made again."""
    rows = [
        list(row)
        for row in store.rows(
            f"SELECT sequence, body, previous_hash, hash FROM transitions "
            f"WHERE call_id = '{call_id}' ORDER BY sequence"
        )
    ]
    statements, previous = [], chain.FIRST_PREVIOUS
    for sequence, body, _, known in rows:
        if sequence >= start:
            content = orjson.loads(body)
            content["entry"]["why"] = "un'altra storia".replace("'", "’")
            content["previous_hash"] = previous
            text = chain.canonical(content).decode()
            known = chain.digest(text.encode())
            statements.append(
                f"UPDATE transitions SET body = '{text}', previous_hash = '{previous}', hash = '{known}'"
                f" WHERE call_id = '{call_id}' AND sequence = {sequence}"
            )
        previous = known
    return statements


@pytest.mark.parametrize(("start", "named"), [(1, 1), (3, 1), (5, 5), (6, 5)])
def test_a_chain_made_again_from_an_entry_on_is_found(
    filled: tuple[Store, list[str]], start: int, named: int
) -> None:
    """A checkpoint tells between which of its entries: after the last one that it vouches for."""
    store, made = filled
    store.tamper(*rewritten(store, made[1], start))
    assert store.do(journal.broken_at, made[1]) is None, "the chain alone does not show it"
    report = verify(store)
    assert (report.faults, first(report).split(":")[0]) == (1, f"call {made[1]}, entry {named}")
    assert "rewritten" in first(report)


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("DELETE FROM journal_checkpoints WHERE number = 1", "checkpoint 1: it is missing"),
        ("UPDATE journal_checkpoints SET body = replace(body, '\"chains\":3', '\"chains\":2') WHERE number = 2",
         "checkpoint 2: it was altered"),
        ("UPDATE journal_checkpoints SET hash = signature WHERE number = 2", "checkpoint 2: it was altered"),
        ("UPDATE journal_checkpoints SET body = '1' WHERE number = 1", "checkpoint 1: it was altered"),
        ("DELETE FROM journal_checkpoint_heads WHERE checkpoint = 2", "checkpoint 2: the chains kept for it"),
        ("UPDATE journal_checkpoint_heads SET checkpoint = 3 WHERE checkpoint = 2", "checkpoint 2: the chains kept"),
    ],
)  # fmt: skip
def test_checkpoints_tampered_with_are_named(
    filled: tuple[Store, list[str]], statement: str, place: str
) -> None:
    store, _ = filled
    store.tamper(statement)
    assert any(str(found).startswith(place) for found in verify(store).findings)


def test_another_key_is_not_trusted(filled: tuple[Store, list[str]]) -> None:
    store, _ = filled
    stranger = Secret.new().public_key
    report = audit.verify(store.database.settings, {stranger})
    assert "a key that is not trusted" in first(report)
    both = audit.verify(store.database.settings, {stranger, store.database.secret.public_key})
    assert both.whole


def test_checkpoints_cut_off_show_against_one_that_was_noted(filled: tuple[Store, list[str]]) -> None:
    store, _ = filled
    noted = verify(store).last_checkpoint
    assert noted is not None
    assert verify(store, anchor=noted).whole
    store.tamper(
        "DELETE FROM journal_checkpoints WHERE number = 2",
        "DELETE FROM journal_checkpoint_heads WHERE checkpoint = 2",
        "DELETE FROM transitions WHERE sequence > 4",
    )
    assert verify(store).whole, "by one who cuts all ends to the same length, as the docs say"
    assert first(verify(store, anchor=noted)) == "checkpoint 2: it is not the one that was noted"
    with pytest.raises(StorageError, match="NUMBER:HASH"):
        verify(store, anchor="2")


def test_what_cannot_be_verified_says_so(filled: tuple[Store, list[str]], tmp_path: Path) -> None:
    store, _ = filled
    with pytest.raises(StorageError, match="no entries of a call nobody"):
        verify(store, call_id="nobody")
    for url, error in (
        (f"sqlite:///{tmp_path}/none.db", StoreUnavailable),
        ("sqlite:///:memory:", StorageError),
    ):
        with pytest.raises(error):
            audit.count(Database(url).settings)


def test_the_server_goes_on_writing_while_the_journal_is_read(filled: tuple[Store, list[str]]) -> None:
    store, made = filled
    with audit.snapshot(store.database.settings) as rows:
        found = audit.read_entries(rows, store.database.settings)
        next(found)
        write(store, made[0], 1)
        assert sum(1 for _ in found) == 17
    assert audit.count(store.database.settings) == 19


# --- Random attacks ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secret, list[str]]:
    """A filled SQLite database, closed, to be copied for each attack."""
    file, secret = tmp_path_factory.mktemp("whole") / "booking.db", Secret.new()
    with Database(f"sqlite:///{file}", secret) as database:
        bring_up(database)
        made = fill(furnish(Store(database)))
    return file, secret, made


def edits(made: list[str], rng: random.Random) -> list[str]:
    """One random change of the journal's tables, in plain SQL."""
    call, other = rng.sample(made, 2)
    at, to = rng.sample(range(1, ENTRIES + 1), 2)
    here = f"WHERE call_id = '{call}' AND sequence = {at}"
    there = f"WHERE call_id = '{other}' AND sequence = {to}"
    place = rng.randrange(1, 150)
    return rng.choice(
        [
            [f"UPDATE transitions SET body = substr(body, 1, {place}) || 'x' || substr(body, {place + 2}) {here}"],
            [f"UPDATE transitions SET body = substr(body, 1, {place}) || substr(body, {place + 2}) {here}"],
            [f"UPDATE transitions SET hash = (SELECT hash FROM transitions {there}) {here}"],
            [f"UPDATE transitions SET previous_hash = (SELECT hash FROM transitions {there}) {here}"],
            [f"DELETE FROM transitions {here}"],
            [f"DELETE FROM transitions WHERE call_id = '{call}' AND sequence >= {at}"],
            [f"DELETE FROM transitions WHERE call_id = '{call}' AND sequence <= {at}"],
            [f"DELETE FROM transitions WHERE sequence >= {at}"],
            [f"DELETE FROM transitions WHERE call_id = '{call}'"],
            ["DELETE FROM transitions"],
            [f"UPDATE transitions SET sequence = 99 {here}"],
            [f"DELETE FROM transitions {here}", f"UPDATE transitions SET sequence = {at} WHERE call_id = '{call}'"
             f" AND sequence = {to}"],
            [f"DELETE FROM transitions {here}", f"UPDATE transitions SET call_id = '{call}', sequence = {at} {there}"],
            [f"INSERT INTO transitions (call_id, sequence, body, previous_hash, hash)"
             f" SELECT '{call}', {ENTRIES + 1}, body, previous_hash, hash"
             f" FROM transitions {there}"],
            [f"DELETE FROM journal_checkpoints WHERE number = {rng.choice((1, 2))}"],
            [f"DELETE FROM journal_checkpoint_heads WHERE call_id = '{call}'"],
            [f"UPDATE journal_checkpoint_heads SET sequence = sequence - 1 WHERE call_id = '{call}'"],
            ["rewrite"],
        ]
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_random_changes_are_found(copies: tuple[Path, Secret, list[str]], seed: int) -> None:
    file, secret, made = copies
    rng = random.Random(seed)
    attacked = file.with_name("attacked.db")
    attacked.write_bytes(file.read_bytes())
    with Database(f"sqlite:///{attacked}", secret) as database:
        store = Store(database)
        tables = ("transitions", "journal_checkpoints", "journal_checkpoint_heads")
        before = [store.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
        assert verify(store).whole
        statements = edits(made, rng)
        if statements == ["rewrite"]:
            statements = rewritten(store, rng.choice(made), rng.randrange(1, ENTRIES + 1))
        store.tamper(*statements)
        changed = before != [store.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
        assert verify(store).whole is not changed, statements
