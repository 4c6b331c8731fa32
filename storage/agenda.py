"""When a consultant may be booked, apart from what is already taken: hours, closing days, exceptions, lead
and horizon.

Pure: wall times are local to the consultant, instants are aware UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

from storage.errors import StorageError

WEEKDAYS = ("lun", "mar", "mer", "gio", "ven", "sab", "dom")

LocalHours = tuple[tuple[time, time], ...]
Span = tuple[datetime, datetime]

WORKING_WEEK: dict[str, LocalHours] = {
    day: ((time(9), time(13)), (time(14), time(18))) for day in WEEKDAYS[:5]
}


_DAYS_AND_HOURS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?((?:\s+\d{1,2}:\d{2}-\d{1,2}:\d{2})+)")


@dataclass(frozen=True, slots=True)
class AgendaSettings:
    """How a consultant may be booked. Minutes throughout; `weekly_hours` by weekday ("lun" … "dom"), local
    wall times."""

    default_minutes: int = 60
    allowed_minutes: tuple[int, ...] = (30, 45, 60, 90)
    grid_minutes: int = 30
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    lead_minutes: int = 0
    horizon_days: int = 60
    weekly_hours: Mapping[str, LocalHours] = field(default_factory=lambda: dict(WORKING_WEEK))
    published_starts_only: bool = False

    def occupied(self, start: datetime, minutes: int) -> Span:
        """The stretch a booking takes up, its own buffers included."""
        before, after = (
            timedelta(minutes=self.buffer_before_minutes),
            timedelta(minutes=self.buffer_after_minutes),
        )
        return start - before, start + timedelta(minutes=minutes) + after


@dataclass(frozen=True, slots=True)
class Agenda:
    """A consultant's bookable time. `opened` and `closed` are exceptions, `published` exact starts."""

    zone: ZoneInfo
    country: str
    region: str | None
    settings: AgendaSettings
    opened: tuple[Span, ...] = ()
    closed: tuple[Span, ...] = ()
    published: tuple[datetime, ...] = ()

    def starts(self, frm: datetime, to: datetime, minutes: int, *, now: datetime) -> Iterator[datetime]:
        """Bookable starts in [frm, to), ascending. Nothing for a duration that the settings do not allow."""
        if minutes not in self.settings.allowed_minutes:
            return
        first = max(frm, now + timedelta(minutes=self.settings.lead_minutes))
        end = min(to, now + timedelta(days=self.settings.horizon_days))
        if first >= end:
            return
        day, last_day = first.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        yield from (
            start
            for start in _starts_of_days(_Known(self._key(), self), day, last_day, minutes)
            if first <= start < end and start > now
        )

    def allows(self, start: datetime, minutes: int, *, now: datetime) -> bool:
        """Whether `start` is one of the bookable starts."""
        return any(
            found == start
            for found in self.starts(start, start + timedelta(microseconds=1), minutes, now=now)
        )

    def hours(self, day: date) -> list[tuple[time, time]]:
        """Local opening hours of `day`: weekly hours and exceptions, nothing on closing days. Midnight at
        the end is time.max."""
        begin, end = self._instant(day, time()), self._instant(day + timedelta(days=1), time())
        spans = [(max(a, begin), min(b, end)) for a, b in _without(self._open_around(day), self.closed)]
        return [
            (a.astimezone(self.zone).time(), time.max if b == end else b.astimezone(self.zone).time())
            for a, b in spans
            if a < b
        ]

    def _key(self) -> tuple[object, ...]:
        """All that starts depend on, but for the clock."""
        told = self.settings
        hours = tuple((day, tuple(open_)) for day, open_ in told.weekly_hours.items())
        place = (self.zone.key, self.country, self.region)
        return (
            *(place, told.grid_minutes, told.published_starts_only, hours),
            *(self.opened, self.closed, self.published),
        )

    def _starts_of(self, day: date, minutes: int) -> list[datetime]:
        length = timedelta(minutes=minutes)
        published = {start for start in self.published if start.astimezone(self.zone).date() == day}
        found = {start for start in published if not _touches((start, start + length), self.closed)}
        if not self.settings.published_starts_only:
            free = _without(self._open_around(day), self.closed)
            found |= {
                start
                for start in self._grid(day)
                if any(begin <= start and start + length <= end for begin, end in free)
            }
        return sorted(found)

    def _grid(self, day: date) -> Iterator[datetime]:
        """Grid starts of a day, counted in wall time from each opening. A wall time that the clock skips
        is left out; of one that the clock shows twice only the first is offered, because the caller could
        not name the second."""
        for begin, end in (*self._weekly(day), *self.opened):
            wall, last = begin.astimezone(self.zone), end.astimezone(self.zone)
            step = timedelta(minutes=self.settings.grid_minutes)
            local = wall.replace(tzinfo=None)
            while local < last.replace(tzinfo=None):
                instant = self._instant(local.date(), local.time())
                if local.date() == day and instant.astimezone(self.zone).replace(tzinfo=None) == local:
                    yield instant
                local += step

    def _open_around(self, day: date) -> list[Span]:
        """Open time that touches `day`, joined where it meets; also the days beside it, for what runs over
        midnight."""
        beside = (day - timedelta(days=1), day, day + timedelta(days=1))
        return _joined([*(span for each in beside for span in self._weekly(each)), *self.opened])

    def _weekly(self, day: date) -> list[Span]:
        if day in closing_days(self.country, self.region, day.year):
            return []
        hours = self.settings.weekly_hours.get(WEEKDAYS[day.weekday()], ())
        return [(self._instant(day, begin), self._instant(day, end)) for begin, end in hours]

    def _instant(self, day: date, wall: time) -> datetime:
        return datetime.combine(day, wall, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Known:
    """An agenda by its key: the same one, read from the database again, is the same."""

    key: tuple[object, ...]
    agenda: Agenda = field(compare=False)


@lru_cache(maxsize=64)
def _starts_of_days(known: _Known, first: date, last: date, minutes: int) -> tuple[datetime, ...]:
    """The starts of some days in a row. Each analysis asks for all of them, and they seldom change."""
    days = ((first + timedelta(days=n)) for n in range((last - first).days + 1))
    return tuple(start for day in days for start in known.agenda._starts_of(day, minutes))


def read_hours(lines: Iterable[str]) -> dict[str, LocalHours]:
    """Weekly hours from lines such as "lun-ven 09:00-13:00 14:00-18:00"; a later line replaces a day's hours.

    Raises StorageError for a line that says no days and hours.
    """
    week: dict[str, LocalHours] = {}
    for line in lines:
        found = _DAYS_AND_HOURS.fullmatch(line.strip().lower())
        if found is None or not {found[1], found[2] or found[1]} <= set(WEEKDAYS):
            raise StorageError(
                f"{line!r} says no days and hours: write them as 'lun-ven 09:00-13:00 14:00-18:00', "
                f"with the days {', '.join(WEEKDAYS)}"
            )
        first, last = WEEKDAYS.index(found[1]), WEEKDAYS.index(found[2] or found[1])
        hours = tuple(_hours(span, line) for span in found[3].split())
        overlap = any(begin < end for (_, end), (begin, _) in pairwise(hours))
        if last < first or overlap:
            raise StorageError(f"{line!r}: days and hours must be in ascending order")
        week |= dict.fromkeys(WEEKDAYS[first : last + 1], hours)
    return week


def _hours(span: str, line: str) -> tuple[time, time]:
    try:
        begin, end = (datetime.strptime(at, "%H:%M").time() for at in span.split("-"))  # noqa: DTZ007 - wall time
    except ValueError:
        raise StorageError(f"{line!r}: {span} is no stretch of a day from 00:00 to 23:59") from None
    if begin >= end:
        raise StorageError(f"{line!r}: {span} ends before it begins")
    return begin, end


@lru_cache(maxsize=256)
def closing_days(country: str, region: str | None, year: int) -> frozenset[date]:
    """Public holidays of a country and, where given, of its region (for Italy the province, "MI", with its
    patron saint)."""
    return frozenset(holidays.country_holidays(country, subdiv=region, years=year))


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _without(spans: Iterable[Span], closed: Iterable[Span]) -> list[Span]:
    left = list(spans)
    for begin, end in closed:
        left = [
            piece for a, b in left for piece in ((a, min(b, begin)), (max(a, end), b)) if piece[0] < piece[1]
        ]
    return left


def _touches(span: Span, others: Iterable[Span]) -> bool:
    return any(span[0] < end and begin < span[1] for begin, end in others)
