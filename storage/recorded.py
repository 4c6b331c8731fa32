"""Calls as they were recorded, to be decided again: read only.

Call these in `Database.run(work)`, like every operation of the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from storage.calls import AnalysisRecord, analyses
from storage.journal import JournalEntry, entries
from storage.models import Consultant, VoiceCall


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call with its analyses and its journal, both in order. `line` is the other side's number, E.164."""

    id: str
    consultant_id: int
    zone: ZoneInfo
    direction: str
    line: str | None
    client_id: int | None
    analyses: tuple[AnalysisRecord, ...]
    journal: tuple[JournalEntry, ...]


def ended_calls(since: datetime | None = None) -> list[str]:
    """The ids of the calls that are over, from `since` on, oldest first."""
    rows: Any = VoiceCall.select(VoiceCall.id).where(VoiceCall.ended_at.is_null(False))
    if since is not None:
        rows = rows.where(VoiceCall.started_at >= since)
    return [row.id for row in rows.order_by(VoiceCall.started_at, VoiceCall.id)]


def recorded_call(call_id: str) -> RecordedCall | None:
    """The call with that id."""
    row: Any = VoiceCall.select(VoiceCall, Consultant).join(Consultant).where(VoiceCall.id == call_id).first()
    if row is None:
        return None
    return RecordedCall(
        id=row.id,
        consultant_id=row.consultant_id,
        zone=ZoneInfo(row.consultant.zone),
        direction=row.direction,
        line=row.caller_number if row.direction == "inbound" else row.dialled_number,
        client_id=row.client_id,
        analyses=tuple(analyses(call_id)),
        journal=tuple(entries(call_id)),
    )
