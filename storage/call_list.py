"""The calls as the pages list them: newest first, by filters, a page at a time.

A page is found by where the one before it ended (its last call), never by counting rows from the top, so that the
last page costs what the first does. The plans on Postgres 18 with 100,000 calls of a year (`make bench ARGS=pages`):

no filter, without outcome
    Limit → Nested Loop → Index Scan Backward using calls_by_start on voice_calls
                        → Index Scan using booking_extraction_state_pkey            0.2 ms, on a busy machine
a page further down
    the same, with Index Cond: (ROW(started_at, id) < ROW(…)): it begins where the last page ended
of one consultant, by outcome
    the same with calls_of_consultant, calls_by_outcome: their order after the first column is the list's
by stage
    calls_by_start until a page is full, also for one that one in a hundred has: 3,000 calls walked, 20 ms; a rarer
    one: calls_by_stage, then a sort
by number
    BitmapOr of calls_from and calls_to, then a sort of the few that there are
to call back, cut short, going on
    calls_to_call_back, calls_cut_short, calls_open: they hold nothing but these
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

from storage.bookings import as_booking, rows_of
from storage.errors import StorageError
from storage.models import (
    BOOKING_TABLES,
    Client,
    Consultant,
    ExtractionState,
    VoiceCall,
)
from storage.results import Booking, Outcome


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One line of the calls page. `number` is the other side's; `zone` the consultant's, to show instants in.

    `line_lost`: its line broke, and its bridge has not come back to it yet, or did not.

    `callback_due`: whether somebody must call back; None when nobody ever had to, False when `callback_by` has
    ticked it off at `callback_at`.
    """

    id: str
    consultant_id: int
    consultant: str
    direction: str
    number: str | None
    name: str | None
    started_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    interrupted: bool
    line_lost: bool
    stage: str
    task: str | None
    outcome: Outcome | None
    booking: Booking | None
    callback_due: bool | None
    callback_at: datetime | None
    callback_by: str | None
    zone: ZoneInfo

    @property
    def duration(self) -> timedelta | None:
        """How long the call lasted; None while it goes on."""
        return None if self.ended_at is None else self.ended_at - self.started_at


class Standing(StrEnum):
    """What may be wanted of calls beside their outcome."""

    OPEN = "in_corso"
    TO_CALL_BACK = "da_richiamare"
    CUT_SHORT = "interrotta"


NO_OUTCOME = "nessuno"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; None is all. `since` inclusive and `until` exclusive, aware; `number` E.164.

    `outcome` is an Outcome, or NO_OUTCOME for calls in which nothing was done to a booking.
    """

    consultant_id: int | None = None
    stage: str | None = None
    outcome: str | None = None
    standing: Standing | None = None
    since: datetime | None = None
    until: datetime | None = None
    number: str | None = None


EVERY_CALL = CallFilter()


def list_calls(
    limit: int = 50, before: str | None = None, which: CallFilter = EVERY_CALL
) -> list[CallSummary]:
    """The newest calls first, at most `limit`; `before` is the id of the last call of the page before.

    Raises StorageError when there is no call `before`, or it is not among those that may be seen.
    """
    rows: Any = _calls().order_by(VoiceCall.started_at.desc(), VoiceCall.id.desc()).limit(limit)
    for condition in _conditions(which):
        rows = rows.where(condition)
    if before is not None:
        cursor: Any = VoiceCall.get_or_none(VoiceCall.id == before)
        if cursor is None or which.consultant_id not in (None, cursor.consultant_id):
            raise StorageError(f"there is no call {before}")
        place = pw.Tuple(VoiceCall.started_at, VoiceCall.id)
        rows = rows.where(place < pw.Tuple(VoiceCall.started_at.db_value(cursor.started_at), cursor.id))
    return _summaries(list(rows))


def callbacks_due(consultant_id: int | None = None) -> int:
    """How many calls are to be returned; with `consultant_id` only theirs."""
    due: Any = VoiceCall.select().where(VoiceCall.callback_due)
    return int((due if consultant_id is None else due.where(VoiceCall.consultant == consultant_id)).count())


def call_line(call_id: str, *, consultant: int | None = None) -> tuple[CallSummary, Mapping[str, Any]] | None:
    """One call as the list has it, and its metadata; with `consultant` only a call for them."""
    found = _calls().where(VoiceCall.id == call_id)
    rows = list(found if consultant is None else found.where(VoiceCall.consultant == consultant))
    return (_summaries(rows)[0], rows[0].details) if rows else None


def is_call(call_id: str, *, consultant: int | None = None) -> bool:
    """Whether there is such a call; with `consultant` only a call for them."""
    found = VoiceCall.select(VoiceCall.id).where(VoiceCall.id == call_id)
    return bool((found if consultant is None else found.where(VoiceCall.consultant == consultant)).exists())


def _conditions(which: CallFilter) -> list[Any]:
    found: list[Any] = []
    if which.consultant_id is not None:
        found.append(VoiceCall.consultant == which.consultant_id)
    if which.stage is not None:
        found.append(ExtractionState.stage == which.stage)
    if which.outcome is not None:
        nothing = which.outcome == NO_OUTCOME
        found.append(VoiceCall.outcome.is_null() if nothing else VoiceCall.outcome == which.outcome)
    if which.standing is not None:
        found.append(_STANDINGS[which.standing])
    if which.since is not None:
        found.append(VoiceCall.started_at >= which.since)
    if which.until is not None:
        found.append(VoiceCall.started_at < which.until)
    if which.number is not None:
        found.append(
            ((VoiceCall.direction == pw.SQL("'inbound'")) & (VoiceCall.caller_number == which.number))
            | ((VoiceCall.direction == pw.SQL("'outbound'")) & (VoiceCall.dialled_number == which.number))
        )
    return found


_STANDINGS: Mapping[Standing, Any] = {
    Standing.OPEN: VoiceCall.ended_at.is_null(),
    Standing.TO_CALL_BACK: VoiceCall.callback_due,
    Standing.CUT_SHORT: VoiceCall.interrupted,
}


def _calls() -> Any:
    return (
        VoiceCall.select(VoiceCall, ExtractionState, Consultant, Client)
        .join_from(
            VoiceCall, ExtractionState, on=(ExtractionState.conversation == VoiceCall.id), attr="progress"
        )
        .join_from(VoiceCall, Consultant)
        .join_from(VoiceCall, Client, pw.JOIN.LEFT_OUTER)
    )


def _summaries(rows: list[Any]) -> list[CallSummary]:
    booked = _bookings_of(rows)
    return [_summary(row, booked.get(row.id)) for row in rows]


def _summary(row: Any, booked: Booking | None) -> CallSummary:
    person = row.client.name if row.client_id is not None else (booked.name if booked else None)
    return CallSummary(
        id=row.id,
        consultant_id=row.consultant_id,
        consultant=row.consultant.name,
        direction=row.direction,
        number=row.caller_number if row.direction == "inbound" else row.dialled_number,
        name=person,
        started_at=row.started_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        interrupted=row.interrupted,
        line_lost=row.lost_at is not None,
        stage=row.progress.stage,
        task=row.progress.task,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        booking=booked,
        callback_due=row.callback_due,
        callback_at=row.callback_at,
        callback_by=row.callback_by,
        zone=ZoneInfo(row.consultant.zone),
    )


def _bookings_of(rows: list[Any]) -> dict[str, Booking]:
    """For each call the booking that was last made, moved or given up in it."""
    wanted = {row.booking_id for row in rows if row.booking_id}
    found: dict[str, Booking] = {}
    if wanted:
        for kind, table in BOOKING_TABLES.items():
            of_kind = rows_of(kind).where(table.id.in_(list(wanted)))
            found.update((row.id, as_booking(kind, row)) for row in of_kind)
    return {row.id: found[row.booking_id] for row in rows if row.booking_id in found}
