"""Long work asked of the pages, kept so that every server knows how far it is. Call in `Database.run(work)`."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.models import ConsoleJob

_SILENT = timedelta(seconds=60)  # after which a job's server is taken to have died
_KEPT = 50  # of a kind


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. `seen` of `total` is done (None: nobody knows how much there is); in the end `result`, plain
    JSON, or `error`. `lost`: it has not ended, and nobody is at it any more."""

    id: str
    kind: str
    asked_by: str
    started_at: datetime
    seen: int
    total: int | None
    finished_at: datetime | None
    result: Mapping[str, Any] | None
    error: str | None
    lost: bool

    @property
    def running(self) -> bool:
        """Whether somebody is at it."""
        return self.finished_at is None and not self.lost


def begin(kind: str, *, by: str, now: datetime) -> str:
    """Note that work of this kind begins; returns its id. Of each kind only the newest are kept."""
    made: Any = ConsoleJob.create(id=uuid.uuid4().hex, kind=kind, asked_by=by, started_at=now, updated_at=now)
    kept = (
        ConsoleJob.select(ConsoleJob.id)
        .where(ConsoleJob.kind == kind)
        .order_by(ConsoleJob.started_at.desc())
        .limit(_KEPT)
    )
    ConsoleJob.delete().where(
        ConsoleJob.kind == kind, ConsoleJob.id.not_in([row.id for row in kept])
    ).execute()
    return str(made.id)


def progress(job_id: str, seen: int, total: int | None, *, now: datetime) -> None:
    """So much of it is done."""
    ConsoleJob.update(seen=seen, total=total, updated_at=now).where(ConsoleJob.id == job_id).execute()


def finish(
    job_id: str, *, result: Mapping[str, Any] | None = None, error: str | None = None, now: datetime
) -> None:
    """It has ended, well or with an error (words for people, nothing personal)."""
    ConsoleJob.update(
        finished_at=now, updated_at=now, result=None if result is None else dict(result), error=error
    ).where(ConsoleJob.id == job_id).execute()


def job(job_id: str, *, now: datetime) -> Job | None:
    """One piece of work."""
    rows: Any = ConsoleJob.select().where(ConsoleJob.id == job_id)
    return next((_job(row, now) for row in rows), None)


def latest(kind: str, *, now: datetime, finished: bool = False) -> Job | None:
    """The newest of a kind; with `finished` the newest that ended well."""
    rows: Any = ConsoleJob.select().where(ConsoleJob.kind == kind)
    if finished:
        rows = rows.where(ConsoleJob.result.is_null(False))
    return next((_job(row, now) for row in rows.order_by(ConsoleJob.started_at.desc()).limit(1)), None)


def signs(job_ids: Collection[str]) -> dict[str, tuple[int, bool]]:
    """How far each is, and whether it has ended."""
    rows: Any = ConsoleJob.select(ConsoleJob.id, ConsoleJob.seen, ConsoleJob.finished_at)
    found = rows.where(ConsoleJob.id.in_(list(job_ids))).tuples() if job_ids else ()
    return {name: (seen, finished is not None) for name, seen, finished in found}


def _job(row: Any, now: datetime) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        asked_by=row.asked_by,
        started_at=row.started_at,
        seen=row.seen,
        total=row.total,
        finished_at=row.finished_at,
        result=row.result,
        error=row.error,
        lost=row.finished_at is None and row.updated_at < now - _SILENT,
    )
