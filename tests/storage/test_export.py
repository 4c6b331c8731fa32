"""An exported journal is verified by a script that needs Python's standard library alone."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import checkpoints, export, journal, verify_export
from storage.chain import canonical
from storage.errors import StorageError
from storage.export import Format
from storage.secret import Secret, is_signed
from tests.storage.playground import NOW, Store
from tests.storage.test_audit import fill, open_call, rewritten

FORMS: tuple[Format, ...] = ("jsonl", "csv")


def write(store: Store, folder: Path, form: Format = "jsonl", **given: Any) -> int:
    return export.export(
        store.database.settings, folder, form=form, public_key=store.database.secret.public_key, **given
    )


def verified(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Runs the script that was exported, without any package and out of anybody's environment."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *words],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.stderr == "" or done.returncode == 2, done.stderr
    return done.returncode, (done.stdout or done.stderr).splitlines()


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_export_is_verified_by_the_standard_library(
    kept_store: Store, tmp_path: Path, form: Format
) -> None:
    fill(kept_store)
    assert write(kept_store, tmp_path / "out", form) == 18
    key = kept_store.database.secret.public_key
    assert verified(tmp_path / "out", "--key", key) == (0, ["18 entries, 2 checkpoints: whole"])
    status, lines = verified(tmp_path / "out")
    assert status == 0 and key in lines[0]
    status, lines = verified(tmp_path / "out", "--key", Secret.new().public_key)
    assert status == 1 and "signed with another key" in lines[0]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"3331234567" not in everything


def test_csv_has_a_column_for_each_field(kept_store: Store, tmp_path: Path) -> None:
    made = fill(kept_store)
    write(kept_store, tmp_path / "out", "csv")
    with (tmp_path / "out" / "entries.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(journal.FIELDS) - {"call_id"} <= set(rows[0])
    assert (rows[1]["call"], rows[1]["sequence"], rows[1]["why"]) == (made[0], "2", "perché 1")
    assert json.loads(rows[1]["changes"])["phone"]["new"].startswith("hmac:")


def test_a_part_is_verified_too(kept_store: Store, tmp_path: Path) -> None:
    made = fill(kept_store)
    late = open_call(kept_store)
    kept_store.do(
        journal.append, {"call_id": late, "analysis": 1, "event": None}, recorded_at=NOW + timedelta(days=2)
    )
    kept_store.do(checkpoints.make, NOW)
    assert write(kept_store, tmp_path / "call", call_id=made[1]) == 6
    assert verified(tmp_path / "call")[0] == 0
    assert write(kept_store, tmp_path / "since", since=NOW + timedelta(days=1)) == 1
    status, lines = verified(tmp_path / "since")
    assert (status, lines[-1]) == (0, "1 entries, 1 checkpoints: whole")
    lines = (tmp_path / "call" / "entries.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "call" / "entries.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    assert f"call {made[1]}, entry 6: it is missing" in verified(tmp_path / "call")[1][0]


def test_a_folder_in_use_is_left_alone(kept_store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="not empty"):
        write(kept_store, tmp_path)
    with pytest.raises(StorageError, match="cannot be written"):
        write(kept_store, tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".txt"] == ["mine.txt"]


def edit(name: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(change(lines)), encoding="utf-8")

    return apply


def altered(lines: list[str], at: int, old: str, new: str) -> list[str]:
    assert old in lines[at]
    return [line.replace(old, new) if number == at else line for number, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("form", "tampering", "told"),
    [
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: altered(lines, 7, "perché 1", "perché 2")),
            "entry 2 (entries.jsonl, line 8): it was altered",
        ),
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: lines[:7] + lines[8:]),
            "entry 2 (entries.jsonl, line 8): it is missing",
        ),
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: lines[:11] + lines[12:]),
            "entry 6: it is missing: checkpoint 2 knows 6",
        ),
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: lines[:6] + lines[12:]),
            "entry 1: the whole call is missing",
        ),
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: [*lines[:6], lines[7], lines[6], *lines[8:]]),
            "entry 1 (entries.jsonl, line 7): it is missing or out of order",
        ),
        (
            "jsonl",
            edit("entries.jsonl", lambda lines: [*lines[:2], "no\n", *lines[3:]]),
            "entries.jsonl, line 3: it is no entry",
        ),
        ("jsonl", edit("checkpoints.jsonl", lambda lines: lines[1:]), "line 1: it does not continue"),
        (
            "jsonl",
            edit("checkpoints.jsonl", lambda lines: altered(lines, 1, '"chains":3', '"chains":2')),
            "line 2: it was altered",
        ),
        (
            "jsonl",
            edit(
                "checkpoints.jsonl", lambda lines: altered(lines, 0, '"heads":[[', '"heads":[["x",1,"y"],[')
            ),
            "line 1: the chains kept for it",
        ),
        (
            "csv",
            edit("entries.csv", lambda lines: altered(lines, 8, "perché 1,", "perché 2,")),
            "column why is not what the entry holds",
        ),
        ("csv", edit("entries.csv", lambda lines: lines[:7] + lines[8:]), "it is missing or out of order"),
    ],
)
def test_what_is_changed_in_the_files_is_named(
    kept_store: Store, tmp_path: Path, form: Format, tampering: Callable[[Path], None], told: str
) -> None:
    fill(kept_store)
    write(kept_store, tmp_path / "out", form)
    tampering(tmp_path / "out")
    status, lines = verified(tmp_path / "out")
    assert (status, any(told in line for line in lines)) == (1, True), lines


def test_a_chain_made_again_in_the_database_shows_in_the_export(kept_store: Store, tmp_path: Path) -> None:
    made = fill(kept_store)
    kept_store.tamper(*rewritten(kept_store, made[1], 5))
    write(kept_store, tmp_path / "out")
    status, lines = verified(tmp_path / "out")
    assert (status, lines[0]) == (1, f"call {made[1]}, entry 5: rewritten: checkpoint 2 signed another")


def test_a_database_tampered_with_can_still_be_exported(kept_store: Store, tmp_path: Path) -> None:
    fill(kept_store)
    kept_store.tamper("UPDATE transitions SET body = 'no entry' WHERE sequence = 6")
    for form in FORMS:
        write(kept_store, tmp_path / form, form, since=NOW - timedelta(days=1))
        assert verified(tmp_path / form)[0] == 1


def test_files_that_are_missing_are_no_verdict(tmp_path: Path) -> None:
    assert (
        subprocess.run(
            [sys.executable, verify_export.__file__, str(tmp_path)], capture_output=True
        ).returncode
        == 2
    )


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_both_write_the_same_canonical_json(content: Any) -> None:
    assert verify_export.canonical(content) == canonical(content)


@given(st.binary(max_size=40), st.integers(0, 127), st.sampled_from("0123456789abcdef"))
def test_both_take_the_same_signatures(body: bytes, at: int, digit: str) -> None:
    secret = Secret("only for this test, which is long enough")
    signature = secret.sign(body)
    other = signature[:at] + digit + signature[at + 1 :]
    for one in (signature, other):
        taken = verify_export.is_signed(body, one, secret.public_key)
        assert taken is is_signed(body, one, secret.public_key) is (one == signature)
    assert not verify_export.is_signed(body + b"x", signature, secret.public_key)
    assert not verify_export.is_signed(body, signature, "00")
