"""How fast a journal of a million entries is verified, and that memory stays flat.

Run: make bench ARGS="journal [ENTRIES]"; it writes them into a SQLite file of its own (default 1000000, ten a call).
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from storage import chain, checkpoints, people
from storage.database import Database
from storage.models import JournalHead, Transition, VoiceCall
from storage.secret import Secret
from transport.console.auditing import verify

ENTRIES_A_CALL = 10
CALLS_A_CHECKPOINT = 1000
NOW = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)
FACTS = {f"fact_{number:02}": (False, number, "nessuno")[number % 3] for number in range(28)}


def main(arguments: list[str]) -> int:
    """Write, then verify whole and report; the exit status is that of `journal verify`."""
    entries = int(arguments[0]) if arguments else 1_000_000
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Database(f"sqlite:///{folder}/journal.db", Secret.new()) as database,
    ):
        database.migrate()
        consultant = database.run_blocking(lambda: people.add_consultant("Bench"))
        calls, began = entries // ENTRIES_A_CALL, time.perf_counter()
        for first in range(0, calls, CALLS_A_CHECKPOINT):
            numbers = range(first, min(first + CALLS_A_CHECKPOINT, calls))
            database.run_blocking(lambda numbers=numbers: _write(numbers, consultant))
        print(f"{entries} entries written in {time.perf_counter() - began:.0f} s")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        status = verify(database.settings, {database.secret.public_key})
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"peak memory grew by {grown / 1024:.0f} MiB while verifying")
    return status


def _write(numbers: range, consultant: int) -> None:
    """Some calls with their chains, and a checkpoint."""
    ids = [f"{number:032x}" for number in numbers]
    call: dict[str, Any] = {
        "consultant": consultant,
        "direction": "inbound",
        "started_at": NOW,
        "details": {},
    }
    VoiceCall.insert_many(
        [{"id": name, "bridge_call_id": name, "interrupted": False, **call} for name in ids]
    ).execute()
    rows = [row for name in ids for row in _chain(name)]
    for start in range(0, len(rows), 1000):
        Transition.insert_many(
            [
                {"call": row.call_id, "sequence": row.sequence, "body": row.body,
                 "previous_hash": row.previous_hash, "hash": row.hash}
                for row in rows[start : start + 1000]
            ]
        ).execute()  # fmt: skip
    last = rows[ENTRIES_A_CALL - 1 :: ENTRIES_A_CALL]
    JournalHead.insert_many(
        [{"call": row.call_id, "sequence": row.sequence, "hash": row.hash} for row in last]
    ).execute()
    checkpoints.make(NOW)


def _chain(call_id: str) -> Iterator[chain.Row]:
    previous = chain.FIRST_PREVIOUS
    for sequence in range(1, ENTRIES_A_CALL + 1):
        entry = {
            "call_id": call_id, "analysis": sequence, "turn": sequence, "event_time": NOW, "event": "correzione",
            "from": "dati_completi", "to": "raccolta_dati", "task": "prenota", "rule": "correzione", "rules": "0" * 64,
            "why": "Il chiamante corregge un dato.", "facts": FACTS, "outcome": "nessuno", "guard": None,
            "changes": {"time": {"old": "15:00:00", "new": None}}, "notices": [],
        }  # fmt: skip
        content = {
            "schema": 2,
            "sequence": sequence,
            "recorded_at": NOW,
            "previous_hash": previous,
            "entry": entry,
        }
        body = chain.canonical(content)
        found = chain.digest(body)
        yield chain.Row(call_id, sequence, body.decode(), previous, found)
        previous = found
