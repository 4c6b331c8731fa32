"""What the small model pointed at in a call, for its page. Call in `Database.run(work)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.models import CallAnalysis


def found_words(call_id: str) -> list[Mapping[str, Any]]:
    """The mentions of all analyses as they were recorded ({kind, turn, verbatim}), as far as words are kept."""
    rows: Any = (
        CallAnalysis.select(CallAnalysis.words)
        .where(CallAnalysis.call == call_id, CallAnalysis.words.is_null(False))
        .order_by(CallAnalysis.number)
    )
    return [mention for row in rows for mention in row.words.get("found", ())]


def rules_of(call_id: str) -> str | None:
    """The version of the rules that the call went by; None before its first analysis."""
    row: Any = (
        CallAnalysis.select(CallAnalysis.rules)
        .where(CallAnalysis.call == call_id, CallAnalysis.rules.is_null(False))
        .first()
    )
    return None if row is None else row.rules
