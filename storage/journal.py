"""The append-only journal: what each analysis decided and why, one hash chain a call.

Changing or removing an entry breaks the chain at that place; cutting entries off its end does not show in
the chain alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from storage.errors import InvalidEntry
from storage.models import Transition

SCHEMA = 1
FIRST_PREVIOUS = "0" * 64
PERSONAL_DETAILS = frozenset({"phone", "email", "name", "notes"})
_DIGEST_PREFIX = "digest:"

# field -> (what it may be, whether it must be there)
FIELDS: dict[str, tuple[tuple[type, ...], bool]] = {
    "call_id": ((str,), True),
    "analysis": ((int,), True),
    "turn": ((int, type(None)), False),
    "event_time": ((datetime, str, type(None)), False),
    "from": ((str, type(None)), False),
    "to": ((str, type(None)), False),
    "task": ((str, type(None)), False),
    "event": ((str, type(None)), True),
    "rule": ((str, type(None)), False),
    "why": ((str, type(None)), False),
    "facts": ((Mapping,), False),
    "changes": ((Mapping,), False),
    "outcome": ((str, Mapping, type(None)), False),
    "refusal": ((str, type(None)), False),
    "guard": ((str, type(None)), False),
    "notices": ((list, tuple), False),
}


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry as it stands in the journal. `entry` holds the FIELDS given, instants as ISO 8601 text."""

    call_id: str
    sequence: int
    recorded_at: datetime
    previous_hash: str
    hash: str
    entry: Mapping[str, Any]


def append(entry: Mapping[str, Any], *, recorded_at: datetime) -> JournalEntry:
    """Add `entry` to its call's chain; `recorded_at` is now, `event_time` in the entry when it happened.

    `facts` is flat; `changes` is {detail: {"old": …, "new": …}} in which phone, email, name and notes are
    None or made by `digest`. Raises InvalidEntry for an unknown, missing or malformed field.
    """
    _check(entry)
    call_id = entry["call_id"]
    last = Transition.select().where(Transition.call == call_id).order_by(Transition.sequence.desc()).first()
    sequence, previous = (1, FIRST_PREVIOUS) if last is None else (last.sequence + 1, last.hash)
    content = {
        "schema": SCHEMA,
        "sequence": sequence,
        "recorded_at": recorded_at,
        "previous_hash": previous,
        "entry": dict(entry),
    }
    try:
        body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidEntry(f"a journal entry must be plain JSON: {error}") from error
    Transition.create(
        call=call_id, sequence=sequence, body=body.decode(), previous_hash=previous, hash=_hash(body.decode())
    )
    return _read(call_id, body.decode())


def entries(call_id: str) -> list[JournalEntry]:
    """The call's entries in order."""
    return [_read(call_id, row.body) for row in _rows(call_id)]


def broken_at(call_id: str) -> int | None:
    """The sequence number of the first entry that does not continue the chain; None when all do."""
    previous = FIRST_PREVIOUS
    for expected, row in enumerate(_rows(call_id), start=1):
        content = orjson.loads(row.body)
        whole = (
            row.sequence == content["sequence"] == expected
            and row.previous_hash == content["previous_hash"] == previous
            and row.hash == _hash(row.body)
        )
        if not whole:
            return expected
        previous = row.hash
    return None


def digest(value: str, *, call_id: str) -> str:
    """What the journal stores in place of personal data: the same value in the same call gives the same
    digest."""
    return _DIGEST_PREFIX + hashlib.sha256(f"{call_id}\0{value}".encode()).hexdigest()[:16]


def _check(entry: Mapping[str, Any]) -> None:
    for name in entry:
        if name not in FIELDS:
            raise InvalidEntry(f"unknown field {name!r} in a journal entry: one of {', '.join(FIELDS)}")
    for name, (types, required) in FIELDS.items():
        if name not in entry:
            if required:
                raise InvalidEntry(f"a journal entry needs the field {name!r}")
        elif not isinstance(entry[name], types):
            allowed = " or ".join(each.__name__ for each in types)
            raise InvalidEntry(f"field {name!r} of a journal entry must be {allowed}")
    for name, value in entry.get("facts", {}).items():
        if isinstance(value, Mapping):
            raise InvalidEntry(f"fact {name!r} of a journal entry must be flat")
    for detail, change in entry.get("changes", {}).items():
        if not isinstance(change, Mapping) or set(change) != {"old", "new"}:
            raise InvalidEntry(f'change {detail!r} of a journal entry must be {{"old": …, "new": …}}')
        if detail in PERSONAL_DETAILS and not all(_is_digested(value) for value in change.values()):
            raise InvalidEntry(
                f"change {detail!r} of a journal entry would store personal data: digest it first"
            )


def _is_digested(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.startswith(_DIGEST_PREFIX))


def _rows(call_id: str) -> list[Transition]:
    return list(Transition.select().where(Transition.call == call_id).order_by(Transition.sequence))


def _read(call_id: str, body: str) -> JournalEntry:
    content = orjson.loads(body)
    return JournalEntry(
        call_id=call_id,
        sequence=content["sequence"],
        recorded_at=datetime.fromisoformat(content["recorded_at"]),
        previous_hash=content["previous_hash"],
        hash=_hash(body),
        entry=content["entry"],
    )


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
