"""Which starts are free: the agenda's bookable starts minus what bookings, live holds and the consultant's own
calendar take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

from storage import busy, locks
from storage.agenda import Agenda, AgendaSettings, Span
from storage.errors import StorageError
from storage.models import AvailabilityException, AvailabilitySettings, Consultant
from storage.results import Booking
from storage.statements import Given, Statement

_STORED = [
    AvailabilitySettings.default_minutes,
    AvailabilitySettings.allowed_minutes,
    AvailabilitySettings.grid_minutes,
    AvailabilitySettings.buffer_before_minutes,
    AvailabilitySettings.buffer_after_minutes,
    AvailabilitySettings.lead_minutes,
    AvailabilitySettings.horizon_days,
    AvailabilitySettings.weekly_hours,
    AvailabilitySettings.published_starts_only,
]
_CONSULTANT = Statement(
    lambda: (
        Consultant.select(Consultant.zone, Consultant.country, Consultant.region, *_STORED)
        .join(AvailabilitySettings, pw.JOIN.LEFT_OUTER)
        .where(Consultant.id == Given("consultant"))
    )
)
_EXCEPTIONS = Statement(
    lambda: AvailabilityException.select(
        AvailabilityException.kind, AvailabilityException.start_at, AvailabilityException.end_at
    ).where(AvailabilityException.consultant == Given("consultant"))
)


def available_starts(
    consultant_id: int,
    frm: datetime,
    to: datetime,
    minutes: int,
    *,
    now: datetime,
    conversation: str | None = None,
    moving: Booking | None = None,
    limit: int | None = None,
    agenda: Agenda | None = None,
) -> list[datetime]:
    """Free starts in [frm, to), ascending, aware UTC, at most `limit`.

    The own hold of `conversation` and the cells of the booking being moved do not block. Empty for a
    duration that the consultant does not allow. `agenda` is the consultant's, for one who has just read it.
    Raises StorageError when there is no such consultant.
    """
    agenda = agenda or agenda_of(consultant_id)
    frm = max(frm, now).astimezone(UTC)
    to = min(to, now + timedelta(days=agenda.settings.horizon_days)).astimezone(UTC)
    if frm >= to:
        return []
    begin, end = agenda.settings.occupied(frm, minutes)
    reach = max(frm - begin, end - frm)
    cells = locks.cells_around(frm, to, reach)
    taken = busy.blocked(consultant_id, cells) | locks.blocked_cells(
        consultant_id, cells, now=now, conversation=conversation, moving=moving
    )
    found: list[datetime] = []
    for start in agenda.starts(frm, to, minutes, now=now):
        if limit is not None and len(found) >= limit:
            break
        if not taken or taken.isdisjoint(locks.cells_of(start, minutes, agenda.settings)):
            found.append(start)
    return found


def is_available(
    consultant_id: int,
    start: datetime,
    minutes: int,
    *,
    now: datetime,
    conversation: str | None = None,
    moving: Booking | None = None,
) -> bool:
    """Whether `start` (aware UTC) is a free start for `minutes`."""
    start = start.astimezone(UTC)
    just = start + timedelta(microseconds=1)
    return start in available_starts(
        consultant_id, start, just, minutes, now=now, conversation=conversation, moving=moving
    )


def opening_hours(consultant_id: int, local_date: date) -> list[tuple[time, time]]:
    """Opening hours of a local day as wall times, ascending, also when only exact starts are published."""
    return agenda_of(consultant_id).hours(local_date)


def agenda_of(consultant_id: int) -> Agenda:
    """A consultant's agenda with its exceptions. Raises StorageError when there is no such consultant."""
    consultant = _CONSULTANT.first(consultant=consultant_id)
    if consultant is None:
        raise StorageError(f"there is no consultant {consultant_id}")
    spans: dict[str, list[Span]] = {"open": [], "closed": []}
    published: list[datetime] = []
    for row in _EXCEPTIONS.all(consultant=consultant_id):
        if row.kind == "start":
            published.append(row.start_at)
        else:
            spans[row.kind].append((row.start_at, row.end_at))
    return Agenda(
        zone=ZoneInfo(consultant.zone),
        country=consultant.country,
        region=consultant.region,
        settings=_settings(consultant),
        opened=tuple(spans["open"]),
        closed=tuple(spans["closed"]),
        published=tuple(sorted(published)),
    )


def settings_of(consultant_id: int) -> AgendaSettings:
    """A consultant's settings; the defaults where none are stored."""
    row = _CONSULTANT.first(consultant=consultant_id)
    return AgendaSettings() if row is None else _settings(row)


def _settings(row: Any) -> AgendaSettings:
    if row.default_minutes is None:
        return AgendaSettings()
    return AgendaSettings(
        default_minutes=row.default_minutes,
        allowed_minutes=tuple(row.allowed_minutes),
        grid_minutes=row.grid_minutes,
        buffer_before_minutes=row.buffer_before_minutes,
        buffer_after_minutes=row.buffer_after_minutes,
        lead_minutes=row.lead_minutes,
        horizon_days=row.horizon_days,
        weekly_hours={day: _hours(pairs) for day, pairs in row.weekly_hours.items()},
        published_starts_only=row.published_starts_only,
    )


def _hours(pairs: Sequence[Any]) -> tuple[tuple[time, time], ...]:
    return tuple((time.fromisoformat(begin), time.fromisoformat(end)) for begin, end in pairs)
