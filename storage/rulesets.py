"""Versions of the rules: their texts, and since when each was in force. Nothing here is ever deleted.

Call these in `Database.run(work)`, like every operation of the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.models import RuleChange, RuleVersion


@dataclass(frozen=True, slots=True)
class RuleChangeRecord:
    """`version` (a hash of the texts) came in force at `in_force_at`, aware UTC; `author` if known."""

    number: int
    version: str
    in_force_at: datetime
    author: str | None


def put_in_force(version: str, files: Mapping[str, str], *, now: datetime, author: str | None = None) -> None:
    """Keep the texts of `version`, and note that it is in force from now on, unless it is already.

    `files`: name of each rule file to its text. `author`: who wrote it, if known.
    """
    RuleVersion.insert(id=version, files=dict(files), author=author).on_conflict_ignore().execute()
    last: Any = RuleChange.select().order_by(RuleChange.id.desc()).first()
    if last is None or last.version_id != version:
        RuleChange.create(version=version, in_force_at=now)


def changes(limit: int = 50, before: int | None = None) -> list[RuleChangeRecord]:
    """The newest changes first, at most `limit`; `before` is the number of the last one of the page before."""
    rows: Any = RuleChange.select(RuleChange, RuleVersion.id, RuleVersion.author).join(RuleVersion)
    if before is not None:
        rows = rows.where(RuleChange.id < before)
    return [_record(row) for row in rows.order_by(RuleChange.id.desc()).limit(limit)]


def change(number: int) -> RuleChangeRecord | None:
    """The change with this number."""
    rows: Any = RuleChange.select(RuleChange, RuleVersion.id, RuleVersion.author).join(RuleVersion)
    return next((_record(row) for row in rows.where(RuleChange.id == number)), None)


def texts(version: str) -> Mapping[str, str] | None:
    """The files of a version: name to text; None for one that never was in force."""
    row: Any = RuleVersion.get_or_none(RuleVersion.id == version)
    return None if row is None else row.files


def _record(row: Any) -> RuleChangeRecord:
    return RuleChangeRecord(row.id, row.version_id, row.in_force_at, row.version.author)
