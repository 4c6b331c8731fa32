"""An agenda laid out by days for its page, in the consultant's own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from storage.agenda import Agenda, closing_days
from storage.agenda_view import AgendaView, HeldTime
from storage.results import Booking


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a day: a booking, a held slot, or a stretch that the calendar takes (neither)."""

    start: datetime
    end: datetime
    booking: Booking | None = None
    held: HeldTime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the agenda: opening `hours` as wall times, what is in it, and the free starts."""

    day: date
    holiday: bool
    hours: tuple[tuple[time, time], ...]
    entries: tuple[Entry, ...]
    free: tuple[datetime, ...]


def stretch(day: date, *, week: bool, zone: ZoneInfo) -> tuple[date, int, datetime, datetime]:
    """The first day shown, how many there are, and from when to when that is (aware UTC)."""
    first = day - timedelta(days=day.weekday()) if week else day
    count = 7 if week else 1
    return first, count, begin(first, zone), begin(first + timedelta(days=count), zone)


def begin(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins, aware UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def days(first: date, count: int, view: AgendaView, agenda: Agenda) -> list[Day]:
    """The days of the view, each with what begins in it."""
    entries = sorted(_entries(view), key=lambda entry: entry.start)
    return [_day(first + timedelta(days=number), entries, view.free, agenda) for number in range(count)]


def _day(day: date, entries: Sequence[Entry], free: Sequence[datetime], agenda: Agenda) -> Day:
    return Day(
        day=day,
        holiday=day in closing_days(agenda.country, agenda.region, day.year),
        hours=tuple(agenda.hours(day)),
        entries=tuple(entry for entry in entries if _local(entry.start, agenda) == day),
        free=tuple(start.astimezone(agenda.zone) for start in free if _local(start, agenda) == day),
    )


def _local(instant: datetime, agenda: Agenda) -> date:
    return instant.astimezone(agenda.zone).date()


def _entries(view: AgendaView) -> list[Entry]:
    return [
        *(Entry(each.start, _end(each.start, each.minutes), booking=each) for each in view.booked),
        *(Entry(each.start, _end(each.start, each.minutes), held=each) for each in view.held),
        *(Entry(start, end) for start, end in view.busy),
    ]


def _end(start: datetime, minutes: int) -> datetime:
    return start + timedelta(minutes=minutes)
