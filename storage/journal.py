"""The append-only journal: what each analysis decided and why, one hash chain a call.

Changing or removing an entry breaks the chain at that place; cutting entries off its end shows in the checkpoints
(`storage.checkpoints`). Personal values stand apart (`storage.personal`); an entry holds their digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from storage import chain, personal
from storage.errors import InvalidEntry
from storage.models import JournalHead, MillisField, Transition
from storage.statements import Given, Statement

SCHEMA = 2
PERSONAL_DETAILS = frozenset({"phone", "email", "name", "notes"})

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
    "rules": ((str, type(None)), False),
    "why": ((str, type(None)), False),
    "facts": ((Mapping,), False),
    "changes": ((Mapping,), False),
    "outcome": ((str, Mapping, type(None)), False),
    "refusal": ((str, type(None)), False),
    "guard": ((str, type(None)), False),
    "notices": ((list, tuple), False),
    "command": ((str, type(None)), False),
    "erased": ((Mapping,), False),
    "busy_as_of": ((str,), False),
}

_LAST = Statement(
    lambda: (
        Transition.select(Transition.sequence, Transition.hash)
        .where(Transition.call == Given("call"))
        .order_by(Transition.sequence.desc())
        .limit(1)
    )
)
_ADD = Statement(
    lambda: Transition.insert({name: Given(name) for name in Transition._meta.sorted_field_names})
)
_HEAD = Statement(
    lambda: JournalHead.insert({name: Given(name) for name in ("call", "sequence", "hash")}).on_conflict(
        conflict_target=[JournalHead.call], preserve=[JournalHead.sequence, JournalHead.hash]
    )
)


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
    """Add `entry` to its call's chain; `recorded_at` is now, `event_time` in the entry when it happened; both aware.

    `facts` is flat; `changes` is {detail: {"old": …, "new": …}}: of phone, email, name and notes the entry holds
    digests, the values are kept apart. `rules` is the version of the rules, `erased` counts what was erased.
    `busy_as_of`: as of when the consultant's own calendar was known ("mai": never), if longer ago than it should be.
    Raises InvalidEntry for an unknown, missing or malformed field.
    """
    _check(entry)
    call_id = entry["call_id"]
    last = _LAST.first(call=call_id)
    sequence, previous = (1, chain.FIRST_PREVIOUS) if last is None else (last.sequence + 1, last.hash)
    content = {
        "schema": SCHEMA,
        "sequence": sequence,
        "recorded_at": recorded_at.astimezone(UTC),
        "previous_hash": previous,
        "entry": _without_personal_values(call_id, entry),
    }
    try:
        body = chain.canonical(content)
    except TypeError as error:
        raise InvalidEntry(f"a journal entry must be plain JSON: {error}") from error
    found = chain.digest(body)
    _ADD.run(
        call=call_id,
        sequence=sequence,
        body=body.decode(),
        previous_hash=previous,
        hash=found,
        **_to_search(entry, recorded_at),
    )
    _HEAD.run(call=call_id, sequence=sequence, hash=found)
    return read(call_id, body.decode(), found)


def entries(call_id: str) -> list[JournalEntry]:
    """The call's entries in order."""
    return [read(call_id, row.body, row.hash) for row in _rows(call_id)]


def broken_at(call_id: str) -> int | None:
    """The sequence number of the first entry that does not continue the chain; None when all do."""
    rows = (chain.Row(call_id, row.sequence, row.body, row.previous_hash, row.hash) for row in _rows(call_id))
    fault = next(chain.audit(rows, (), chain.Tally()), None)
    return None if fault is None else fault.sequence


def read(call_id: str, body: str, found: str) -> JournalEntry:
    """An entry from the text it is stored as."""
    content = orjson.loads(body)
    return JournalEntry(
        call_id=call_id,
        sequence=content["sequence"],
        recorded_at=datetime.fromisoformat(content["recorded_at"]),
        previous_hash=content["previous_hash"],
        hash=found,
        entry=content["entry"],
    )


def _to_search(entry: Mapping[str, Any], recorded_at: datetime) -> dict[str, Any]:
    """What of an entry is searched and counted (storage.journal_search)."""
    outcome = entry.get("outcome")
    return {
        "recorded_at": MillisField().db_value(recorded_at),
        "event": entry["event"],
        "target": entry.get("to"),
        "rule": entry.get("rule"),
        "guard": entry.get("guard"),
        "outcome": outcome if isinstance(outcome, str) else None,
        "refusal": entry.get("refusal"),
        "notices": " ".join(entry.get("notices") or ()) or None,
    }


def _without_personal_values(call_id: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it is written: instants in UTC, and digests in place of personal values."""
    written = dict(entry)
    if isinstance(written.get("event_time"), datetime):
        written["event_time"] = written["event_time"].astimezone(UTC)
    if "changes" in written:
        written["changes"] = {
            detail: {when: _written(call_id, detail, value) for when, value in change.items()}
            for detail, change in written["changes"].items()
        }
    return written


def _written(call_id: str, detail: str, value: Any) -> Any:
    return value if value is None or detail not in PERSONAL_DETAILS else personal.keep(call_id, detail, value)


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
    happened = entry.get("event_time")
    if isinstance(happened, datetime) and happened.tzinfo is None:
        raise InvalidEntry("field 'event_time' of a journal entry needs a time zone")
    for name, value in entry.get("facts", {}).items():
        if isinstance(value, Mapping):
            raise InvalidEntry(f"fact {name!r} of a journal entry must be flat")
    for detail, change in entry.get("changes", {}).items():
        if not isinstance(change, Mapping) or set(change) != {"old", "new"}:
            raise InvalidEntry(f'change {detail!r} of a journal entry must be {{"old": …, "new": …}}')
        if detail in PERSONAL_DETAILS and not all(
            isinstance(value, (str, type(None))) for value in change.values()
        ):
            raise InvalidEntry(f"change {detail!r} of a journal entry must be of texts")
    if _has_fractions(entry):
        raise InvalidEntry("a journal entry holds no fractions: they are not written alike everywhere")


def _has_fractions(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_fractions, value.values()))
    return isinstance(value, float) or (isinstance(value, (list, tuple)) and any(map(_has_fractions, value)))


def _rows(call_id: str) -> list[Transition]:
    return list(Transition.select().where(Transition.call == call_id).order_by(Transition.sequence))
