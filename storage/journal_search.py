"""Looks entries of the journal up by when, call, rule, outcome and guard, newest first. Call in `Database.run(work)`.

A page goes on where the one before it ended. The plans on Postgres 18 with some 600,000 entries (`make bench
ARGS=pages`):

by time, or by nothing
    Limit → Index Scan Backward using entries_by_time on transitions, with the place of the last page in Index Cond
by rule, by guard, by a rare outcome
    Limit → Incremental Sort (Presorted Key: recorded_at) → Index Scan Backward using entries_by_rule, …_by_guard,
    …_by_outcome: only as many entries are read as a page shows, and those of the same millisecond as its last
of one call
    Sort → Index Scan using transitions_pkey: a call has few

These columns are a copy of what the entry's body says, which alone is signed; what is shown comes from the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from storage import journal
from storage.journal import JournalEntry
from storage.models import MillisField, Transition, VoiceCall


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted; None is all. `since` inclusive and `until` exclusive, aware."""

    since: datetime | None = None
    until: datetime | None = None
    call_id: str | None = None
    event: str | None = None
    rule: str | None = None
    outcome: str | None = None
    guard: str | None = None
    consultant_id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last entry's instant in epoch milliseconds, its call and its number."""

    millis: int
    call_id: str
    sequence: int


def place_of(entry: JournalEntry) -> Place:
    """The place to go on from after `entry`."""
    return Place(MillisField().db_value(entry.recorded_at), entry.call_id, entry.sequence)


def search(which: EntryFilter, limit: int, before: Place | None = None) -> list[JournalEntry]:
    """The newest entries first, at most `limit`; `before` is the place of the last one of the page before."""
    order = (Transition.recorded_at.desc(), Transition.call.desc(), Transition.sequence.desc())
    # What migration could not read has no time, and is for `journal verify` to find.
    rows: Any = Transition.select().where(Transition.recorded_at.is_null(False))
    for column, wanted in (
        (Transition.call, which.call_id),
        (Transition.event, which.event),
        (Transition.rule, which.rule),
        (Transition.outcome, which.outcome),
        (Transition.guard, which.guard),
    ):
        if wanted is not None:
            rows = rows.where(column == wanted)
    if which.since is not None:
        rows = rows.where(Transition.recorded_at >= which.since)
    if which.until is not None:
        rows = rows.where(Transition.recorded_at < which.until)
    if which.consultant_id is not None:
        rows = rows.join(VoiceCall, on=Transition.call == VoiceCall.id).where(
            VoiceCall.consultant == which.consultant_id
        )
    if before is not None:
        here = pw.Tuple(Transition.recorded_at, Transition.call, Transition.sequence)
        rows = rows.where(here < pw.Tuple(before.millis, before.call_id, before.sequence))
    return [journal.read(row.call_id, row.body, row.hash) for row in rows.order_by(*order).limit(limit)]
