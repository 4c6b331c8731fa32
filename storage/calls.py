"""Phone calls: who answers for them, their turns, their analyses, and what the pages show of them.

Call these in `Database.run(work)`, like every operation of the store.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from storage import call_list, conversations, journal, locks, tenure
from storage.call_list import CallSummary, list_calls
from storage.errors import StorageError
from storage.models import (
    CallAnalysis,
    CallTurn,
    MillisField,
    VoiceCall,
)
from storage.people import (
    ClientRecord,
    ConsultantRecord,
    ScheduledCallRecord,
    client,
    consultant,
    consultants,
    find_client,
    scheduled_call,
)
from storage.statements import Given, Statement

__all__ = [
    "AnalysisRecord",
    "CallDetail",
    "CallSummary",
    "ClientRecord",
    "ConsultantRecord",
    "ScheduledCallRecord",
    "StoredTurn",
    "analyses",
    "call_back_done",
    "call_detail",
    "client",
    "close_interrupted",
    "close_unattended",
    "consultant",
    "consultants",
    "find_client",
    "finish_call",
    "list_calls",
    "note_metadata",
    "open_call",
    "record_analysis",
    "record_turns",
    "renew_leases",
    "scheduled_call",
    "turns_of",
]

INTERRUPTED = "interrotta"
_AS_JSON = ("facts", "availability", "evidence", "words")
_ANALYSIS = Statement(
    lambda: CallAnalysis.insert(
        {name: Given(name, json=name in _AS_JSON) for name in CallAnalysis._meta.sorted_field_names}
    )
)
_NOTHING_BOOKED = {"bookingCreated": False, "bookingId": None, "bookingType": None, "googleMeetLink": None}


class PlayedMark(Protocol):
    """By `at` (aware UTC) the first `chars` characters of a turn had been played."""

    @property
    def at(self) -> datetime:
        """The instant, aware UTC."""
        ...

    @property
    def chars(self) -> int:
        """How many characters of the turn's text had been played by then."""
        ...


class SpokenTurn(Protocol):
    """A turn as the engine has it; only its form is known here."""

    @property
    def number(self) -> int:
        """Its place in the call, from 1; a number already stored is replaced."""
        ...

    @property
    def speaker(self) -> str:
        """Who spoke: caller or assistant."""
        ...

    @property
    def text(self) -> str:
        """The words as transcribed, or as generated for the assistant."""
        ...

    @property
    def heard(self) -> str | None:
        """The part of `text` that was played before an interruption; None when it was not cut."""
        ...

    @property
    def began_at(self) -> datetime | None:
        """When it began, aware UTC; None when it cannot be placed."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, aware UTC; None when it cannot be placed."""
        ...

    @property
    def played(self) -> Sequence[PlayedMark]:
        """How far the text had been played when, in order."""
        ...

    @property
    def keyed(self) -> bool:
        """Whether the caller pressed it on the telephone."""
        ...


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as it is stored: instants aware UTC to the millisecond, `played` as (instant, characters)."""

    number: int
    speaker: str
    text: str
    heard: str | None
    began_at: datetime | None
    ended_at: datetime | None
    played: tuple[tuple[datetime, int], ...] = ()
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """One analysis: the facts it found, and what it went by (see `record_analysis`)."""

    number: int
    recorded_at: datetime
    last_turn: int
    facts: Mapping[str, Any]
    availability: Any
    rules: str | None = None
    evidence: Mapping[str, Any] | None = None
    words: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call whole: turns in the order of their numbers, journal entries in order."""

    call: CallSummary
    turns: tuple[StoredTurn, ...]
    journal: tuple[journal.JournalEntry, ...]
    metadata: Mapping[str, Any]


def open_call(
    *,
    bridge_call_id: str,
    consultant_id: int,
    direction: str,
    caller_number: str | None,
    dialled_number: str | None,
    client_id: int | None = None,
    scheduled_call_id: str | None = None,
    server: str | None = None,
    now: datetime,
) -> str:
    """Record a call that begins; returns its id. `direction` is "inbound" or "outbound", numbers E.164.

    `server` names who answers for it and renews its lease; a call without one is closed with the next that
    are found unattended.
    """
    if direction not in ("inbound", "outbound"):
        raise StorageError(f"unknown direction {direction!r} of a call: inbound or outbound")
    call_id = uuid.uuid4().hex
    VoiceCall.create(
        id=call_id,
        bridge_call_id=bridge_call_id,
        consultant=consultant_id,
        direction=direction,
        caller_number=caller_number,
        dialled_number=dialled_number,
        client=client_id,
        scheduled_call=scheduled_call_id,
        started_at=now,
        details=dict(_NOTHING_BOOKED),
        server=server,
        lease_until=None if server is None else tenure.lease(now),
    )
    conversations.begin_call(call_id, now=now)
    return call_id


def record_turns(call_id: str, turns: Iterable[SpokenTurn]) -> None:
    """Store turns; one with a number already stored replaces it."""
    millis = MillisField()
    rows = [
        {
            "call": call_id,
            "number": turn.number,
            "speaker": str(turn.speaker),
            "text": turn.text,
            "heard": turn.heard,
            "began_at": turn.began_at,
            "ended_at": turn.ended_at,
            "played": [[millis.db_value(mark.at), mark.chars] for mark in turn.played],
            "keyed": turn.keyed,
        }
        for turn in turns
    ]
    if not rows:
        return
    replaced = [
        CallTurn.speaker,
        CallTurn.text,
        CallTurn.heard,
        CallTurn.began_at,
        CallTurn.ended_at,
        CallTurn.played,
        CallTurn.keyed,
    ]
    CallTurn.insert_many(rows).on_conflict(
        conflict_target=[CallTurn.call, CallTurn.number], preserve=replaced
    ).execute()


def turns_of(call_id: str) -> list[StoredTurn]:
    """The call's turns in the order of their numbers."""
    turns: Any = CallTurn.select().where(CallTurn.call == call_id).order_by(CallTurn.number)
    return [_turn(row) for row in turns]


def record_analysis(
    call_id: str,
    *,
    number: int,
    last_turn: int,
    facts: Mapping[str, Any],
    availability: Any,
    rules: str | None = None,
    evidence: Mapping[str, Any] | None = None,
    words: Mapping[str, Any] | None = None,
    state: Mapping[str, Any],
    stage: str,
    task: str | None,
    now: datetime,
) -> None:
    """Record an analysis, also one without an event, and the state to go on from. All mappings are plain
    JSON.

    `rules`: the version it was decided by. `evidence`, `words`, `availability`: what it went by; the last is
    None when it is that of the analysis before.

    Analyses are numbered from 1 without gaps; raises StorageError when `number` does not follow the last one.
    """
    conversations.advance(
        call_id, number=number, last_turn=last_turn, state=state, stage=stage, task=task, now=now
    )
    _ANALYSIS.run(
        call=call_id,
        number=number,
        recorded_at=CallAnalysis.recorded_at.db_value(now),
        last_turn=last_turn,
        facts=dict(facts),
        availability=availability,
        rules=rules,
        evidence=evidence,
        words=words,
    )


def analyses(call_id: str) -> list[AnalysisRecord]:
    """The call's analyses in order."""
    rows: Any = CallAnalysis.select().where(CallAnalysis.call == call_id).order_by(CallAnalysis.number)
    return [
        AnalysisRecord(
            number=row.number,
            recorded_at=row.recorded_at,
            last_turn=row.last_turn,
            facts=row.facts,
            availability=row.availability,
            rules=row.rules,
            evidence=row.evidence,
            words=row.words,
        )
        for row in rows
    ]


def note_metadata(call_id: str, metadata: Mapping[str, Any]) -> None:
    """Add to the call's metadata: bookingCreated, bookingId, bookingType, callbackRequested, …

    Raises StorageError when there is no such call.
    """
    noted = (VoiceCall.id, VoiceCall.details, VoiceCall.callback_due)
    rows: Any = VoiceCall.select(*noted).where(VoiceCall.id == call_id)
    # Calendars and the call itself note things at the same time.
    row = locks.kept(rows).first()
    if row is None:
        raise StorageError(f"there is no call {call_id}")
    new: dict[str, Any] = {"details": {**row.details, **metadata}}
    if metadata.get("callbackRequested") and row.callback_due is None:  # once ticked off it stays so
        new["callback_due"] = True
    if new != {"details": row.details}:
        VoiceCall.update(**new).where(VoiceCall.id == call_id).execute()


def call_back_done(call_id: str, *, by: str, now: datetime, consultant_id: int | None = None) -> bool:
    """Tick off that a call is to be returned: `by` is who says so. With `consultant_id` only a call of theirs.

    False when none was due, so that the first who ticks it off stays on record.
    """
    which: Any = (VoiceCall.id == call_id) & VoiceCall.callback_due
    if consultant_id is not None:
        which &= VoiceCall.consultant == consultant_id
    done = VoiceCall.update(callback_due=False, callback_at=now, callback_by=by).where(which)
    return bool(done.execute())


def finish_call(
    call_id: str, *, now: datetime, reason: str, metadata: Mapping[str, Any] | None = None
) -> None:
    """Close a call; its stage stays as it was. A call that is closed already keeps its end."""
    if metadata:
        note_metadata(call_id, metadata)
    VoiceCall.update(ended_at=now, end_reason=reason, handle=None).where(
        VoiceCall.id == call_id, VoiceCall.ended_at.is_null()
    ).execute()


def renew_leases(call_ids: Collection[str], *, now: datetime) -> list[str]:
    """Go on answering for these calls; returns those that were closed meanwhile, which stay closed."""
    mine = VoiceCall.id.in_(list(call_ids))
    VoiceCall.update(lease_until=tenure.lease(now)).where(mine, VoiceCall.ended_at.is_null()).execute()
    closed: Any = VoiceCall.select(VoiceCall.id).where(mine, VoiceCall.ended_at.is_null(False))
    return [row.id for row in closed]


def close_interrupted(now: datetime, server: str) -> list[str]:
    """When `server` starts: close the calls that it had left open when it was killed, those that began before
    `now`, and all that nobody answers for; returns their ids. Their holds expire.

    Where bridges may come back to their calls, those that were answered for until just now are left to them.
    """
    closed = close_unattended(now)
    left_behind = (VoiceCall.server == server) & (VoiceCall.started_at < now)
    left_behind &= VoiceCall.lease_until < tenure.lease(now)  # none that it has taken since
    if tenure.may_return():
        tenure.leave_all(left_behind, now=now)
    return closed + _interrupt(now, left_behind)


def close_unattended(now: datetime) -> list[str]:
    """Close the calls whose lease has run out, whoever had it; returns their ids."""
    return _interrupt(now, _unattended(now))


def _unattended(now: datetime) -> Any:
    """Of calls that somebody should have; those whose line is lost are left to their bridges (`storage.tenure`)."""
    return VoiceCall.lost_at.is_null() & (VoiceCall.lease_until.is_null() | (VoiceCall.lease_until <= now))


def _interrupt(now: datetime, which: Any) -> list[str]:
    still = VoiceCall.ended_at.is_null() & which
    found: Any = VoiceCall.select(VoiceCall.id).where(still).order_by(VoiceCall.started_at)
    return [
        row.id
        for row in found
        # Once more with the row locked: a lease may have been renewed since.
        if VoiceCall.update(ended_at=now, end_reason=INTERRUPTED, interrupted=True, handle=None)
        .where(VoiceCall.id == row.id, still)
        .execute()
    ]


def call_detail(call_id: str, *, consultant: int | None = None) -> CallDetail | None:
    """One call with its turns and its journal; with `consultant` only a call for them."""
    found = call_list.call_line(call_id, consultant=consultant)
    if found is None:
        return None
    summary, metadata = found
    return CallDetail(
        call=summary,
        turns=tuple(turns_of(call_id)),
        journal=tuple(journal.entries(call_id)),
        metadata=metadata,
    )


# --- Reading rows -----------------------------------------------------------------------------------------


def _turn(row: Any) -> StoredTurn:
    millis = MillisField()
    return StoredTurn(
        number=row.number,
        speaker=row.speaker,
        text=row.text,
        heard=row.heard,
        began_at=row.began_at,
        ended_at=row.ended_at,
        played=tuple((millis.python_value(at), chars) for at, chars in row.played),
        keyed=row.keyed,
    )
