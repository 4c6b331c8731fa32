"""The free slots as the page shows them: a few days at a time, and nothing of who has the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from engine.wording import spoken_day, spoken_slot
from storage import availability
from storage.people import ConsultantRecord

_DAYS_SHOWN = 5
_AHEAD = timedelta(days=90)
_BUTTON = re.compile(r"[0-9]{1,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """One slot: `value` is what the form sends, `clock` what the button says, `spoken` the whole of it."""

    value: str
    clock: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day with its free slots."""

    date: date
    spoken: str
    starts: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The days shown, and from which day the next ones are, if there are more."""

    days: tuple[Day, ...]
    later: date | None


def offered(consultant: ConsultantRecord, conversation: str, frm: date | None, now: datetime) -> Offered:
    """The first days with free slots, from `frm` on; inside a store transaction."""
    last = now + _AHEAD
    begin = now if frm is None else max(now, datetime.combine(min(frm, last.date()), time(), consultant.zone))
    starts = availability.available_starts(
        consultant.id,
        begin.astimezone(UTC),
        last,
        consultant.settings.default_minutes,
        now=now,
        conversation=conversation,
    )
    days = list(_by_day(at.astimezone(consultant.zone) for at in starts))
    later = days[_DAYS_SHOWN].date if len(days) > _DAYS_SHOWN else None
    return Offered(tuple(days[:_DAYS_SHOWN]), later)


def instant(value: object) -> datetime | None:
    """The instant that a button says; None for what no button says."""
    if not isinstance(value, str) or not _BUTTON.fullmatch(value):
        return None
    return datetime.fromtimestamp(int(value), UTC)


def _by_day(starts: Iterable[datetime]) -> Iterable[Day]:
    for day, of_day in groupby(starts, key=lambda at: at.date()):
        found = list(of_day)
        buttons = tuple(Start(str(int(at.timestamp())), f"{at:%H:%M}", spoken_slot(at)) for at in found)
        spoken = spoken_day(found[0])
        yield Day(day, spoken[:1].upper() + spoken[1:], buttons)
