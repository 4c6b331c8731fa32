"""Changes to when a consultant may be booked: hours, exceptions, closing days. Call in `Database.run(work)`.

What is booked or held already stays as it is. Each change takes the consultant's row lock, so that it and a booking
never cross.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import holidays

from storage import locks
from storage.agenda import AgendaSettings
from storage.errors import StorageError
from storage.models import AvailabilityException, AvailabilitySettings, Consultant

Kind = Literal["closed", "open", "start"]
_MOST_EXCEPTIONS = 500  # of one consultant; all of them are read whenever free starts are asked for
_BOUNDS = {
    "default_minutes": (5, 480),
    "grid_minutes": (5, 240),
    "buffer_before_minutes": (0, 240),
    "buffer_after_minutes": (0, 240),
    "lead_minutes": (0, 43_200),
    "horizon_days": (1, 730),
}


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """An exception to the weekly hours: closed or open from `start` to `end`, or one exact start (`end` is None)."""

    id: int
    kind: Kind
    start: datetime
    end: datetime | None
    note: str | None


def change_settings(consultant_id: int, settings: AgendaSettings) -> None:
    """Give the consultant these settings. Raises StorageError for settings by which nobody could be booked, and when
    there is no such consultant."""
    for name, (least, most) in _BOUNDS.items():
        if not least <= getattr(settings, name) <= most:
            raise StorageError(f"{name}: {getattr(settings, name)} is not from {least} to {most}")
    if settings.default_minutes not in settings.allowed_minutes:
        raise StorageError(f"default_minutes: {settings.default_minutes} is not among allowed_minutes")
    if not all(5 <= minutes <= 480 for minutes in settings.allowed_minutes):
        raise StorageError("allowed_minutes: each is from 5 to 480")
    _lock(consultant_id)
    values = asdict(settings) | {
        "allowed_minutes": sorted(set(settings.allowed_minutes)),
        "weekly_hours": {
            day: [[begin.isoformat("minutes"), end.isoformat("minutes")] for begin, end in hours]
            for day, hours in settings.weekly_hours.items()
            if hours
        },
    }
    AvailabilitySettings.insert(consultant=consultant_id, **values).on_conflict(
        conflict_target=[AvailabilitySettings.consultant], update=values
    ).execute()


def change_region(consultant_id: int, region: str | None) -> None:
    """Whose patron saint's day is a holiday: for Italy a province, such as MI. Raises StorageError for one that the
    consultant's country does not have."""
    _lock(consultant_id)
    country: Any = Consultant.get_by_id(consultant_id)
    if region is not None and region not in regions(country.country):
        raise StorageError(f"{region!r} is no region of {country.country}")
    Consultant.update(region=region).where(Consultant.id == consultant_id).execute()


def regions(country: str) -> tuple[str, ...]:
    """The regions of a country that have holidays of their own."""
    return tuple(holidays.list_supported_countries().get(country, ()))


def exceptions(consultant_id: int, since: datetime) -> list[ExceptionRecord]:
    """The exceptions that are not over at `since`, by their start."""
    rows: Any = AvailabilityException.select().where(
        AvailabilityException.consultant == consultant_id,
        (AvailabilityException.end_at > since)
        | (AvailabilityException.end_at.is_null() & (AvailabilityException.start_at > since)),
    )
    return [
        ExceptionRecord(row.id, row.kind, row.start_at, row.end_at, row.note)
        for row in rows.order_by(AvailabilityException.start_at, AvailabilityException.id)
    ]


def add_exception(
    consultant_id: int, kind: Kind, start: datetime, end: datetime | None = None, *, note: str | None = None
) -> int:
    """Add one; returns its id. `start`, `end` aware; an exact start has no end.

    Raises StorageError for one that ends before it begins, or when there are too many.
    """
    if (end is None) is not (kind == "start") or (end is not None and end <= start):
        raise StorageError(f"an exception of kind {kind!r} cannot be from {start} to {end}")
    _lock(consultant_id)
    if (
        AvailabilityException.select().where(AvailabilityException.consultant == consultant_id).count()
        >= _MOST_EXCEPTIONS
    ):
        raise StorageError(f"consultant {consultant_id} has {_MOST_EXCEPTIONS} exceptions: remove some first")
    made: Any = AvailabilityException.create(
        consultant=consultant_id, kind=kind, start_at=start, end_at=end, note=note
    )
    return int(made.id)


def remove_exceptions(consultant_id: int, ids: Iterable[int]) -> int:
    """Remove those of the consultant's exceptions; returns how many there were."""
    _lock(consultant_id)
    gone = AvailabilityException.delete().where(
        AvailabilityException.consultant == consultant_id, AvailabilityException.id.in_(list(ids))
    )
    return int(gone.execute())


def _lock(consultant_id: int) -> None:
    if not locks.lock_consultant(consultant_id):
        raise StorageError(f"there is no consultant {consultant_id}")
