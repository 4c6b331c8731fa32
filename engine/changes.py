"""What an analysis changed of the details, for the journal."""

from __future__ import annotations

from engine.details import Accumulator


def changes_between(old: Accumulator, new: Accumulator) -> dict[str, dict[str, str | None]]:
    """{detail: {old, new}} of what changed; the journal keeps the personal ones apart."""
    changed: dict[str, dict[str, str | None]] = {}
    for name in ("date", "time", "minutes", "phone", "email", "name", "notes"):
        before, after = (getattr(held.details, name) for held in (old, new))
        if before != after:
            changed[name] = {
                "old": None if before is None else str(before),
                "new": None if after is None else str(after),
            }
    return changed
