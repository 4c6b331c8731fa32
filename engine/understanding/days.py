"""What an expression of a day means, seen from the day on which it is said: its candidates and its problems."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from engine.understanding.mentions import Problem

MEANS_ONE: frozenset[Problem] = frozenset()
_WEEK = timedelta(days=7)
_FURTHEST_YEARS = 8  # every day and month, the 29th of February too, comes within eight years


@dataclass(frozen=True, slots=True)
class Meaning:
    """The days an expression can mean, ascending, and what is wrong with it."""

    days: tuple[date, ...]
    problems: frozenset[Problem] = MEANS_ONE


class Day(Protocol):
    """An expression of a day, independent of when it is said."""

    def on(self, today: date) -> Meaning:
        """What it means when said on `today`."""


_IMPOSSIBLE = Meaning((), frozenset({Problem.IMPOSSIBLE}))


def _meaning(*days: date, past: bool = False, ambiguous: bool = False) -> Meaning:
    problems = {Problem.PAST} if past else set()
    if ambiguous or len(days) > 1:
        problems.add(Problem.AMBIGUOUS)
    return Meaning(tuple(sorted(days)), frozenset(problems))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def months_on(start: date, months: int) -> date:
    """The same day `months` later (or earlier), or the last of that month. Raises ValueError beyond year 9999."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    first = date(year, month + 1, 1)
    return first.replace(day=min(start.day, monthrange(first.year, first.month)[1]))


def _shift(start: date, *, days: int = 0, months: int = 0) -> date | None:
    try:
        return months_on(start, months) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _easter(year: int) -> date:
    """Easter Sunday of a Gregorian year (Meeus, Jones and Butcher)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    leap, odd = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * odd + 2 * (rest // 4) - moon - rest % 4) % 7
    month, day = divmod(moon + week - 7 * ((golden + 11 * moon + 22 * week) // 451) + 114, 31)
    return date(year, month, day + 1)


@dataclass(frozen=True, slots=True)
class Offset:
    """So many days and months from today: "domani", "tra due settimane", "ieri"."""

    days: int = 0
    months: int = 0

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        day = _shift(today, days=self.days, months=self.months)
        return _IMPOSSIBLE if day is None else _meaning(day, past=day < today)


class Which(StrEnum):
    """What is said about a weekday besides its name."""

    BARE = "bare"
    THIS = "this"
    COMING = "coming"
    NEXT = "next"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Weekday:
    """A day of the week (Monday 0). `weeks` counts ISO weeks from this one, several when the words leave it open."""

    weekday: int
    which: Which = Which.BARE
    weeks: tuple[int, ...] = ()

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        if self.weeks:
            monday = today - timedelta(days=today.weekday())
            days = [monday + timedelta(days=self.weekday, weeks=weeks) for weeks in self.weeks]
            return _meaning(*days, past=max(days) < today)
        coming = self.coming(today)
        if self.which is Which.LAST:
            return _meaning(coming - _WEEK if coming - _WEEK < today else coming - 2 * _WEEK, past=True)
        if self.which is Which.NEXT:
            return _meaning(coming, coming + _WEEK)
        if self.which is Which.THIS and today.weekday() == self.weekday:
            return _meaning(today, coming)
        return _meaning(coming)  # on a Monday "lunedì" is the next: today would be "oggi"

    def coming(self, today: date) -> date:
        """The first such day after `today`."""
        return today + timedelta(days=(self.weekday - today.weekday() - 1) % 7 + 1)

    def only_names_a_day(self) -> bool:
        """Whether nothing but the weekday is said, so that beside a date it only checks it."""
        return not self.weeks and self.which in (Which.BARE, Which.THIS)


@dataclass(frozen=True, slots=True)
class Written:
    """A day by its number, with or without month and year. `doubtful`: the words may mean something else."""

    day: int
    month: int | None = None
    year: int | None = None
    months: int | None = None
    doubtful: bool = False

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        if self.year is not None and self.month is not None:
            day = _day(self.year, self.month, self.day)
            return _IMPOSSIBLE if day is None else _meaning(day, past=day < today)
        day = next((day for day in self._days(today) if day >= today or self.months is not None), None)
        if day is None:
            return _IMPOSSIBLE
        return _meaning(day, past=day < today, ambiguous=self.doubtful)

    def just_gone(self, today: date) -> date | None:
        """The last such day before `today`, if it is less than a month ago and no year was said."""
        if self.year is not None or self.months is not None:
            return None
        for back in range(2):
            month = months_on(today.replace(day=1), -back)
            day = _day(month.year, month.month, self.day)
            if day is not None and day < today and self.month in (None, day.month):
                return day
        return None

    def _days(self, today: date) -> Iterator[date]:
        if self.months is not None:
            steps = [months_on(today, self.months)]
        elif self.month is None:
            steps = [months_on(today.replace(day=1), step) for step in range(4)]
        else:
            steps = [
                date(year, self.month, 1)
                for year in range(today.year, min(today.year + _FURTHEST_YEARS, date.max.year) + 1)
            ]
        return (day for step in steps if (day := _day(step.year, step.month, self.day)) is not None)


@dataclass(frozen=True, slots=True)
class Nth:
    """The n-th (−1: last) weekday, or day, of a month: "il primo lunedì di marzo", "l'ultimo giorno del mese"."""

    nth: int
    weekday: int | None
    month: int | None = None
    year: int | None = None
    months: int | None = None

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        for first in self._months(today):
            day = self._in(first)
            if day is None:
                return _IMPOSSIBLE
            fixed = self.year is not None or self.months is not None
            if day >= today or fixed:
                return _meaning(day, past=day < today)
        return _IMPOSSIBLE

    def _months(self, today: date) -> list[date]:
        first = today.replace(day=1)
        if self.months is not None:
            return [months_on(first, self.months)]
        if self.month is None:
            return [first, months_on(first, 1)]
        years = [self.year] if self.year is not None else [today.year, today.year + 1]
        return [date(year, self.month, 1) for year in years]

    def _in(self, first: date) -> date | None:
        after = months_on(first, 1)
        days = [
            day
            for day in (first + timedelta(days=n) for n in range((after - first).days))
            if self.weekday in (None, day.weekday())
        ]
        at = self.nth if self.nth < 0 else self.nth - 1
        return days[at] if -len(days) <= at < len(days) else None


@dataclass(frozen=True, slots=True)
class Feast:
    """A holiday: a fixed month and day, or so many days from Easter."""

    month: int = 0
    day: int = 0
    from_easter: int | None = None
    year: int | None = None

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        if self.from_easter is None:
            return Written(self.day, self.month, self.year).on(today)
        years = [self.year] if self.year is not None else [today.year, today.year + 1]
        days = [_easter(year) + timedelta(days=self.from_easter) for year in years]
        day = next((day for day in days if day >= today), days[0])
        return _meaning(day, past=day < today)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Words that fit several readings, all of which stay open."""

    readings: tuple[Day, ...]
    unless_equal: bool = False

    def on(self, today: date) -> Meaning:
        """See `Day.on`. With `unless_equal` readings of one and the same day leave no doubt."""
        days = {day for reading in self.readings for day in reading.on(today).days}
        return _meaning(*days, ambiguous=not self.unless_equal) if days else _IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class Beside:
    """So many days from another day: "l'indomani del 13 febbraio", "due giorni dopo Pasqua"."""

    day: Day
    days: int

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        return _counted_from(self.day, today, lambda day: _shift(day, days=self.days), reach=self.days)


def _counted_from(day: Day, today: date, step: Callable[[date], date | None], *, reach: int) -> Meaning:
    """What lies a `step` from `day`: from one just gone by, at most `reach` days ago, where that is still to come."""
    for seen_from in (_shift(today, days=-max(reach, 0)), today):
        meaning = day.on(seen_from or today)
        days = tuple(sorted(found for near in meaning.days if (found := step(near)) is not None))
        if days and min(days) >= today:
            return Meaning(days, meaning.problems - {Problem.PAST})
    return Meaning(days, meaning.problems - {Problem.PAST} | {Problem.PAST}) if days else _IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class WeekdayBeside:
    """The n-th such weekday after (or, with a negative `nth`, before) another day: "il martedì dopo Pasqua"."""

    weekday: int
    nth: int
    day: Day

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        return _counted_from(self.day, today, self._from, reach=7 * self.nth)

    def _from(self, day: date) -> date | None:
        ahead = self.weekday - day.weekday()
        if self.nth > 0:
            return _shift(day, days=(ahead - 1) % 7 + 1 + (self.nth - 1) * 7)
        return _shift(day, days=-((-ahead - 1) % 7 + 1) + (self.nth + 1) * 7)


@dataclass(frozen=True, slots=True)
class Both:
    """Two expressions said of one day: "mercoledì" and "11 febbraio". When they disagree, both stay open."""

    first: Day
    second: Day

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        first, second = self.first.on(today), self.second.on(today)
        if not first.days or not second.days:
            return _IMPOSSIBLE
        for name, other, meaning in (
            (self.first, self.second, second),
            (self.second, self.first, first),
        ):
            if isinstance(name, Weekday) and name.only_names_a_day():
                return _checked(name, other, meaning, today)
        return _agreed(first, second)


def _agreed(first: Meaning, second: Meaning) -> Meaning:
    common = tuple(day for day in first.days if day in second.days)
    problems = first.problems | second.problems
    if not common:
        union = tuple(sorted({*first.days, *second.days}))
        return Meaning(union, problems - {Problem.AMBIGUOUS} | {Problem.WEEKDAY_MISMATCH})
    return Meaning(common, problems - {Problem.AMBIGUOUS} if len(common) == 1 else problems)


def _checked(name: Weekday, other: Day, meaning: Meaning, today: date) -> Meaning:
    """`meaning` of `other` where it falls on the weekday `name`; else the readings of both."""
    fitting = tuple(day for day in meaning.days if day.weekday() == name.weekday)
    if fitting:
        problems = meaning.problems - {Problem.AMBIGUOUS} if len(fitting) == 1 else meaning.problems
        return Meaning(fitting, problems)
    gone = other.just_gone(today) if isinstance(other, Written) else None
    if gone is not None and gone.weekday() == name.weekday:
        return _meaning(gone, past=True)
    readings = {*meaning.days, *_weekday_beside(name, other, meaning.days[0], today)}
    return Meaning(
        tuple(sorted(readings)), meaning.problems - {Problem.AMBIGUOUS} | {Problem.WEEKDAY_MISMATCH}
    )


def _weekday_beside(name: Weekday, other: Day, day: date, today: date) -> tuple[date, ...]:
    """The day the weekday alone means; near the date that was said, when that is fixed by a month."""
    if isinstance(other, Written) and other.month is not None:
        near = _shift(day, days=(name.weekday - day.weekday() + 3) % 7 - 3)
        if near is not None and near >= today:
            return (near,)
    return name.on(today).days
