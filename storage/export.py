"""The journal in files that an auditor can read and verify without this program."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Literal, TextIO

import orjson

from storage import audit, verify_export
from storage.chain import Row, canonical
from storage.errors import StorageError
from storage.settings import StorageSettings
from storage.snapshot import Rows, snapshot

Format = Literal["jsonl", "csv"]


def export(
    settings: StorageSettings,
    folder: Path,
    *,
    form: Format,
    public_key: str,
    call_id: str | None = None,
    since: datetime | None = None,
    seen: Callable[[int], None] | None = None,
) -> int:
    """Write entries, checkpoints and their verifier into `folder`, which must not hold anything yet; returns how many
    entries there are.

    With `since` (aware) whole calls of which something was recorded since. A part names only the checkpoints that
    know its calls. Personal values are not in it. Raises StorageError for a folder that cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageError(f"{folder} is not empty: name a new folder")
        with snapshot(settings) as rows:
            chains = _since(audit.read_entries(rows, settings, call_id), since)
            count, calls = _write_entries(
                folder, form, chains, seen, part=call_id is not None or since is not None
            )
            _write_checkpoints(folder / "checkpoints.jsonl", rows, settings, calls)
        about = {
            "public_key": public_key,
            "call": call_id,
            "since": None if since is None else since.astimezone(UTC).isoformat(),
            "entries": count,
        }
        (folder / "export.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        shutil.copyfile(Path(verify_export.__file__), folder / "verify.py")
    except OSError as error:
        raise StorageError(f"{folder}: the journal cannot be written there: {error}") from error
    return count


def _since(entries: Iterator[Row], since: datetime | None) -> Iterator[list[Row]]:
    for _, rows in groupby(entries, key=lambda row: row.call_id):
        chain = list(rows)
        if since is None or _recorded_since(chain[-1], since):
            yield chain


def _recorded_since(row: Row, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(orjson.loads(row.body)["recorded_at"]) >= since
    except (ValueError, KeyError, TypeError):
        return True  # tampered with: that is for the verifier to see


def _write_entries(
    folder: Path, form: Format, chains: Iterator[list[Row]], seen: Callable[[int], None] | None, *, part: bool
) -> tuple[int, set[str] | None]:
    """How many were written, and of a part of which calls."""
    count, calls = 0, set[str]()
    with (folder / f"entries.{form}").open("w", encoding="utf-8", newline="") as file:
        write = _writer(file, form)
        for chain in chains:
            for row in chain:
                write(row)
            count += len(chain)
            if part:
                calls.add(chain[0].call_id)
            if seen is not None:
                seen(count)
    return count, calls if part else None


def _writer(file: TextIO, form: Format) -> Callable[[Row], object]:
    if form == "jsonl":
        return lambda row: file.write(f'{{"hash":"{row.hash}","body":{row.body}}}\n')
    table = csv.DictWriter(
        file, ["call", "sequence", "recorded_at", *verify_export.SHOWN, "previous_hash", "hash", "body"]
    )
    table.writeheader()
    return lambda row: table.writerow({**_columns(row.body), "hash": row.hash, "body": row.body})


def _columns(body: str) -> dict[str, str]:
    try:
        return verify_export.columns(orjson.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # tampered with: that is for the verifier to see


def _write_checkpoints(path: Path, rows: Rows, settings: StorageSettings, calls: set[str] | None) -> None:
    heads = groupby(audit.read_heads(rows, settings), key=lambda head: head[0])
    waiting = next(heads, None)
    with path.open("wb") as file:
        for each in audit.read_checkpoints(rows):
            own = []
            if waiting is not None and waiting[0] == each.number:
                own = [list(head[1:]) for head in waiting[1]]
                waiting = next(heads, None)
            if calls is None or any(head[0] in calls for head in own):
                told = {"body": orjson.Fragment(each.body), "hash": each.hash, "signature": each.signature}
                file.write(canonical({**told, "heads": own}) + b"\n")
