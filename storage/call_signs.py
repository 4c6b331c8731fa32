"""What changes whenever a call does, so that whoever watches one need not read it whole to know.

Call these in `Database.run(work)`. Both are asked about once a second by each server whose pages are watched; they
read a few rows by their keys, however many calls there are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import peewee as pw

from storage.models import CallTurn, ExtractionState, JournalHead, VoiceCall


@dataclass(frozen=True, slots=True)
class CallSign:
    """Equal as long as nothing of the call has changed. `over`: it has ended."""

    over: bool
    rest: tuple[Any, ...]


def signs_of(call_ids: Collection[str]) -> dict[str, CallSign]:
    """The signs of these calls, as far as there are such calls."""
    ids = list(call_ids)
    if not ids:
        return {}
    turns: Any = (
        CallTurn.select(
            CallTurn.call,
            pw.fn.COUNT(CallTurn.number),
            pw.fn.SUM(pw.fn.LENGTH(CallTurn.text)),
            pw.fn.SUM(pw.fn.COALESCE(pw.fn.LENGTH(CallTurn.heard), -1)),
        )
        .where(CallTurn.call.in_(ids))
        .group_by(CallTurn.call)
        .tuples()
    )
    words = {call: tuple(map(int, rest)) for call, *rest in turns}
    rows: Any = (
        VoiceCall.select(
            VoiceCall.id,
            VoiceCall.ended_at,
            VoiceCall.callback_due,
            VoiceCall.outcome,
            VoiceCall.booking_id,
            ExtractionState.last_analysis,
            JournalHead.sequence,
        )
        .join_from(
            VoiceCall, ExtractionState, pw.JOIN.LEFT_OUTER, on=ExtractionState.conversation == VoiceCall.id
        )
        .join_from(VoiceCall, JournalHead, pw.JOIN.LEFT_OUTER, on=JournalHead.call == VoiceCall.id)
        .where(VoiceCall.id.in_(ids))
        .tuples()
    )
    return {call: CallSign(ended is not None, (ended, *rest, words.get(call))) for call, ended, *rest in rows}


def sign_of_list(consultant_id: int | None = None) -> frozenset[tuple[Any, ...]]:
    """What the list shows of calls that are not done with: those that go on, with their stages, and those to call
    back; with `consultant_id` only theirs."""
    rows: Any = (
        VoiceCall.select(VoiceCall.id, VoiceCall.callback_due, VoiceCall.outcome, ExtractionState.stage)
        .join(ExtractionState, pw.JOIN.LEFT_OUTER, on=ExtractionState.conversation == VoiceCall.id)
        .where(VoiceCall.ended_at.is_null() | VoiceCall.callback_due)
    )
    if consultant_id is not None:
        rows = rows.where(VoiceCall.consultant == consultant_id)
    return frozenset(rows.tuples())
