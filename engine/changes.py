"""What an analysis changed of the details, as the journal keeps it."""

from __future__ import annotations

from engine.details import Accumulator
from storage.journal import PERSONAL_DETAILS, digest


def changes_between(
    old: Accumulator, new: Accumulator, conversation: str
) -> dict[str, dict[str, str | None]]:
    """{detail: {old, new}} of what changed; personal details as digests."""
    changed: dict[str, dict[str, str | None]] = {}
    for name in ("date", "time", "minutes", "phone", "email", "name", "notes"):
        pair = [getattr(held.details, name) for held in (old, new)]
        if pair[0] != pair[1]:
            shown = [
                None
                if value is None
                else digest(value, call_id=conversation)
                if name in PERSONAL_DETAILS
                else str(value)
                for value in pair
            ]
            changed[name] = {"old": shown[0], "new": shown[1]}
    return changed
