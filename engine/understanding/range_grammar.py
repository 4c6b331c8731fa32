"""Which words of a text express a stretch of hours or of days, such as narrows a search for free slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import partial

from engine.understanding.day_grammar import (
    DayWords,
    day_at,
    day_number_at,
    fixed_beside,
    month_at,
    phrase_at,
    phrase_table,
    word,
    year_at,
)
from engine.understanding.days import Beside, Day, Weekday, Written, months_on
from engine.understanding.hour_grammar import Clock, bound, clock_at, counts
from engine.understanding.it import calendar as italian
from engine.understanding.it.numbers import ORDINALS
from engine.understanding.numbers import number_at, ordinal_at
from engine.understanding.text import Token

Tokens = Sequence[Token]
Days = tuple[date | None, date | None]
_ONE = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch over tokens `start` to `end` (exclusive): of days, as seen from today, or of hours by its bounds."""

    start: int
    end: int
    days: Callable[[date], Days] | None = None
    first: Clock | None = None
    last: Clock | None = None

    def hours(self, part: italian.Part | None = None) -> tuple[time | None, time | None]:
        """From when to when; a `part` of the day said beside it helps where it fits."""
        ends = (self.last, self.first)
        part = next((clock.part for clock in ends if clock is not None and clock.part is not None), part)
        begin = bound(self.first, part) if self.first is not None else None
        finish = bound(self.last, part, begin) if self.last is not None else None
        if self.first is not None and begin is not None and finish is not None and finish <= begin:
            begin = min(self.first.readings(part), default=begin)  # "dalle tre all'una"
        return begin, finish


def bounded_at(tokens: Tokens, i: int) -> Stretch | None:
    """A stretch given by its bounds that begins at token `i`: "tra le 10 e le 12", "da lunedì", "entro il 15"."""
    for rule in _BOUNDED.get(word(tokens, i), ()):
        found = rule(tokens, i)
        if found is not None:
            return found
    return _dashed(tokens, i) if "-" in word(tokens, i) else None


# --- Hours ----------------------------------------------------------------------------------------------------


def _hours(tokens: Tokens, start: int, first: Clock | None, last: Clock | None) -> Stretch | None:
    end = (last or first).end  # type: ignore[union-attr]  # one of the two is there
    found = Stretch(start, end, first=first, last=last)
    begin, finish = found.hours()
    missing = (first is not None and begin is None) or (last is not None and finish is None)
    return None if missing else found


def _hour(tokens: Tokens, i: int, *, minutes: bool = True) -> Clock | None:
    """An hour that bounds a stretch; its article may be missing."""
    clock = clock_at(tokens, i, as_bound=True)
    if clock is None and word(tokens, i) in italian.LOOSE_LEADS | {"alle", "dalle", "delle", "dall", "all"}:
        i += 1
    if clock is None or not minutes:
        number = number_at(tokens, i + (word(tokens, i) in _HOUR_ARTICLES))
        if number is None or number[0] > 24 or counts(tokens, number[1]):
            return None
        return Clock(i, number[1], number[0])
    return clock


_HOUR_ARTICLES = frozenset({"le", "l", "alle", "all", "dalle", "dall", "delle", "dell"})


def _between_hours(tokens: Tokens, i: int) -> Stretch | None:
    """ "tra le 10 e le 12", "fra le due e mezza e le quattro"."""
    if word(tokens, i + 1) not in italian.LOOSE_LEADS and word(tokens, i + 1) not in italian.NAMED_HOURS:
        return None
    for minutes in (True, False):
        first = _hour(tokens, i + 1, minutes=minutes)
        if first is None or word(tokens, first.end) not in italian.AND:
            continue
        last = _hour(tokens, first.end + 1)
        if last is not None:
            return _hours(tokens, i, first, last)
    return None


def _from_hour(tokens: Tokens, i: int) -> Stretch | None:
    """ "dalle 14 alle 16", "dalle 15 in poi", "a partire da mezzogiorno"."""
    at = i
    if word(tokens, i) == "a":
        if word(tokens, i + 1) != "partire":
            return None
        at = i + 2
    if word(tokens, at) == "da" and word(tokens, at + 1) in italian.NAMED_HOURS:
        at += 1
    elif word(tokens, at) not in ("dalle", "dall", "dalla"):
        return None
    first = _hour(tokens, at)
    if first is None or (word(tokens, at) == "dall" and (first.hour != 1 or word(tokens, first.end) == "al")):
        return None  # "dall'11" is a day, "dall'1 al 10" too
    end = first.end
    if word(tokens, end) in ("fino", "sino"):
        end += 1
    if word(tokens, end) in ("alle", "all", "a", "alla"):
        last = _hour(tokens, end)
        if last is not None:
            return _hours(tokens, i, first, last)
    found = _hours(tokens, i, first, None)
    if (
        found is not None
        and word(tokens, found.end) == "in"
        and word(tokens, found.end + 1) in ("poi", "avanti")
    ):
        return replace(found, end=found.end + 2)
    return found


def _one_sided_hour(tokens: Tokens, i: int) -> Stretch | None:
    """ "dopo le 15", "prima delle 12", "entro le 14", "fino a mezzogiorno", "non oltre le 18"."""
    side = phrase_at(tokens, i, _SIDES)
    if side is None:
        return None
    after, at = side
    if word(tokens, at) in ("di", "a", "del") and word(tokens, at + 1) in italian.NAMED_HOURS:
        at += 1
    elif word(tokens, at) not in _HOUR_ARTICLES and word(tokens, at) not in italian.NAMED_HOURS:
        return None
    clock = _hour(tokens, at)
    if clock is None:
        return None
    return _hours(tokens, i, clock, None) if after else _hours(tokens, i, None, clock)


_SIDES = phrase_table(italian.SIDES)


def _dashed(tokens: Tokens, i: int) -> Stretch | None:
    """ "11:30-13:30"; "10-12" after a lead-in is the caller's to strip; "13-15 luglio"."""
    token = tokens[i]
    parts = token.text.split("-")
    if len(parts) != 2:
        return None
    halves = [Token(part, token.start, token.end) for part in parts]
    month = month_at(tokens, i + 1)
    if month is not None and all(part.isdigit() and len(part) <= 2 for part in parts):
        year, end = year_at(tokens, month[1])
        first, last = (Written(int(part), month[0], year) for part in parts)
        return Stretch(i, end, days=partial(_span, first, last))
    if all(":" in part for part in parts):
        first_hour, last_hour = (clock_at((half,), 0) for half in halves)
        if first_hour is not None and last_hour is not None:
            found = _hours(tokens, i, first_hour, last_hour)
            return None if found is None else replace(found, end=i + 1)
    return None


# --- Days -----------------------------------------------------------------------------------------------------


def _span(
    first: Day | None, last: Day | None, today: date, *, before: bool = False, after: bool = False
) -> Days:
    """From the first day to the end of the last; `before` leaves the last out, `after` the first."""
    begin = end = None
    if first is not None:
        days = first.on(today).days
        begin = min(days, default=None)
        if last is not None and isinstance(first, Weekday) and first.only_names_a_day():
            begin = today if first.weekday == today.weekday() else begin  # "da lunedì a venerdì", on a Monday
        if begin is not None and after:
            begin = max(days) + _ONE
    if last is not None:
        days = last.on(begin or today).days
        end = max(days, default=None)
        if end is not None and not before:
            end += _ONE
    return begin, end


def _day(tokens: Tokens, i: int) -> DayWords | None:
    """A day that bounds a stretch, its article perhaps fused ("dal", "al") or missing ("tra 13 e 15 luglio")."""
    found = day_at(tokens, i)
    if found is None and (atom := day_number_at(tokens, i)) is not None:
        found = DayWords((atom,), (False,))
    return found


def _two_days(tokens: Tokens, i: int, first: DayWords | None, links: frozenset[str]) -> Stretch | None:
    if first is None:
        return None
    at = first.end
    if word(tokens, at) in ("fino", "sino"):
        at += 1
    if word(tokens, at) not in links:
        return None
    last = _day(tokens, at + 1)
    if last is None:
        return None
    begin = first.day
    final = last.atoms[-1].day
    if isinstance(begin, Written) and begin.year is None and isinstance(final, Written):
        begin = replace(begin, month=begin.month or final.month, year=final.year)
    elif len(first.atoms) > 1 or len(last.atoms) > 1:
        number = first.atoms[-1].day
        if isinstance(number, Written) and number.month is None and isinstance(final, Written):
            begin = replace(number, month=final.month, year=final.year)
    return Stretch(i, last.end, days=partial(_span, begin, last.day))


def _between_days(tokens: Tokens, i: int) -> Stretch | None:
    """ "tra lunedì e mercoledì", "tra il 13 e il 15 luglio", "tra marzo e aprile"."""
    if word(tokens, i + 2) in italian.UNITS:
        return None
    if word(tokens, i + 1) in italian.MONTHS and word(tokens, i + 2) in italian.AND:
        last = word(tokens, i + 3)
        if last in italian.MONTHS:
            year, end = year_at(tokens, i + 4)
            months = italian.MONTHS[word(tokens, i + 1)], italian.MONTHS[last]
            return Stretch(i, end, days=partial(_months, *months, year))
    return _two_days(tokens, i, _day(tokens, i + 1), italian.AND)


def _from_day(tokens: Tokens, i: int) -> Stretch | None:
    """ "da lunedì a venerdì", "dal 13 al 15 luglio", "da giovedì", "a partire dall'8"."""
    at = i
    if word(tokens, i) == "a":
        if word(tokens, i + 1) != "partire":
            return None
        at = i + 2
    if word(tokens, at) not in ("da", "dal", "dall"):
        return None
    first = _day(tokens, at + 1)
    both = _two_days(tokens, i, first, frozenset({"a", "al", "all"}))
    if both is not None or first is None:
        return both
    end = first.end
    if word(tokens, end) == "in" and word(tokens, end + 1) in ("poi", "avanti"):
        end += 2
    return Stretch(i, end, days=partial(_span, first.day, None))


def _one_sided_day(tokens: Tokens, i: int) -> Stretch | None:
    """ "dopo mercoledì", "prima del 20 aprile", "entro il 15", "fino a venerdì", "entro due settimane"."""
    said = word(tokens, i)
    side = phrase_at(tokens, i, _SIDES)
    if side is None or (said == "dopo" and word(tokens, i + 1) == "domani"):
        return None
    after, at = side
    if said == "entro" and (number := number_at(tokens, at)) is not None:
        unit = italian.UNITS.get(word(tokens, number[1]))
        if unit is not None:
            return Stretch(i, number[1] + 1, days=partial(_within, unit[0] * number[0], unit[1] * number[0]))
    if word(tokens, at) in ("di", "del", "dell", "della", "a", "al", "all", "alla"):
        at += 1
    elif said in ("prima", "fino", "sino"):
        return None
    before = "prima" in (said, word(tokens, i + 1)) and not after
    day = _day(tokens, at)
    if day is not None:
        first, last = (day.day, None) if after else (None, day.day)
        left_out = after and said != "non"
        return Stretch(i, day.end, days=partial(_span, first, last, before=before, after=left_out))
    whole = stretch_at(tokens, at + (word(tokens, at) in italian.ARTICLES))
    if whole is None or whole.days is None:
        return None
    return Stretch(i, whole.end, days=partial(_one_side, whole.days, after=after, before=before))


def _one_side(days: Callable[[date], Days], today: date, *, after: bool, before: bool) -> Days:
    """What lies after a stretch of days, before it, or up to its end."""
    begin, end = days(today)
    return (end, None) if after else (None, begin if before else end)


def _week_of(tokens: Tokens, i: int) -> Stretch | None:
    """ "la settimana del 16 febbraio"."""
    beside = fixed_beside(tokens, i + 1)
    if beside is not None:  # "la settimana dopo Pasqua"
        ahead, near, end = beside
        return Stretch(i, end, days=partial(_week_around, Beside(near, 7 * ahead)))
    day = _day(tokens, i + 2) if word(tokens, i + 1) in ("del", "dell") else None
    return None if day is None else Stretch(i, day.end, days=partial(_week_around, day.day))


def _week_around(day: Day, today: date) -> Days:
    days = day.on(today).days
    return _weeks((0,), days[0]) if days else (None, None)


def _within(days: int, months: int, today: date) -> Days:
    try:
        return today, months_on(today, months) + timedelta(days=days) + _ONE
    except (OverflowError, ValueError):
        return today, None


_BOUNDED: dict[str, tuple[Callable[[Tokens, int], Stretch | None], ...]] = {
    "tra": (_between_hours, _between_days),
    "fra": (_between_hours, _between_days),
    "dalle": (_from_hour,),
    "dall": (_from_hour, _from_day),
    "dalla": (_from_hour,),
    "da": (_from_hour, _from_day),
    "dal": (_from_day,),
    "settimana": (_week_of,),
    "a": (_from_hour, _from_day),
    **dict.fromkeys(_SIDES, (_one_sided_hour, _one_sided_day)),
}


# --- Weeks, months, parts of them -----------------------------------------------------------------------------


def _weeks(weeks: tuple[int, ...], today: date) -> Days:
    monday = today - timedelta(days=today.weekday())
    return monday + min(weeks) * _WEEK, monday + (max(weeks) + 1) * _WEEK


def _month(month: int | None, year: int | None, ahead: int, share: str, today: date) -> Days:
    said = month is not None and date(year or today.year + (month < today.month), month, 1)
    first = said or months_on(today.replace(day=1), ahead)
    after = months_on(first, 1)
    begin, end = _SHARES[share]
    return (
        first + timedelta(days=begin) if begin >= 0 else after + timedelta(days=begin),
        after if end is None else first + timedelta(days=end),
    )


def _months(first: int, last: int, year: int | None, today: date) -> Days:
    begin, _ = _month(first, year, 0, "", today)
    assert begin is not None
    return begin, months_on(begin, (last - first) % 12 + 1)


_SHARES: dict[str, tuple[int, int | None]] = {
    "": (0, None),
    "1": (0, 15),
    "2": (15, None),
    "inizio": (0, 10),
    "meta": (10, 20),
    "fine": (-10, None),
}


def _part_of_week(share: str, weeks: tuple[int, ...], today: date) -> Days:
    monday = today - timedelta(days=today.weekday()) + min(weeks) * _WEEK
    first, last = {"inizio": (0, 2), "meta": (2, 4), "fine": (3, 7)}[share]
    return monday + timedelta(days=first), monday + timedelta(days=last)


def _weekend(first: int, last: int, today: date) -> Days:
    """The weekends from the first to the last, counted in weeks from this one."""
    saturday = today + timedelta(days=5 - today.weekday())
    return saturday + first * _WEEK, saturday + last * _WEEK + 2 * _ONE


def _week_in_month(nth: int, month: int | None, year: int | None, ahead: int, today: date) -> Days:
    """The n-th week (−1: last) of a month, taken widely: with the days before its first, or after its last, Monday."""
    first, after = _month(month, year, ahead, "", today)
    assert first is not None
    assert after is not None
    if nth < 0:
        monday = after - _ONE - timedelta(days=(after - _ONE).weekday())
        monday -= _WEEK if (after - monday).days < _MOST_OF_A_WEEK else timedelta()
        return min(monday, after - _WEEK), after
    end = first + timedelta(days=7 - first.weekday())
    end += _WEEK if (end - first).days < _MOST_OF_A_WEEK else timedelta()
    begin = first if nth == 1 else end + (nth - 2) * _WEEK
    return begin, min(end + (nth - 1) * _WEEK, after)


_MOST_OF_A_WEEK = 4


def _weekend_of(day: Day, today: date) -> Days:
    """The weekend that a day of it, or of the week before it, names: "il weekend del 20"."""
    days = day.on(today).days
    return _weekend(0, 0, days[0]) if days else (None, None)


def _weekend_in_month(nth: int, month: int | None, year: int | None, ahead: int, today: date) -> Days:
    first, after = _month(month, year, ahead, "", today)
    assert first is not None
    assert after is not None
    saturday = first + timedelta(days=(5 - first.weekday()) % 7) + (nth - 1) * _WEEK
    if nth < 0:
        saturday = after + timedelta(days=-((after.weekday() - 6) % 7) - 1) + (nth + 1) * _WEEK
    return saturday, saturday + 2 * _ONE


def _coming_days(days: int, months: int, today: date) -> Days:
    return today + _ONE, months_on(today, months) + timedelta(days=days + 1)


def _rest_of_week(today: date) -> Days:
    return today, today + timedelta(days=7 - today.weekday())


_WEEKS = phrase_table(italian.WEEKS)
_MONTHS_AHEAD = phrase_table(italian.MONTHS_AHEAD)
_WEEKEND = phrase_table(dict.fromkeys(italian.WEEKEND, True))
_STARTS = frozenset(
    {*_WEEKS, *_MONTHS_AHEAD, *_WEEKEND, *italian.MONTHS, *italian.SHARES, *ORDINALS, *italian.LAST_NTH}
    | {"prossimi", "prossime", "prossimo", "in", *italian.SHORT_MONTHS}
)


def stretch_at(tokens: Tokens, i: int) -> Stretch | None:
    """A stretch with a name of its own that begins at token `i`: "settimana prossima", "fine mese", "marzo"."""
    said = word(tokens, i)
    if said not in _STARTS:
        return None
    if (weekend := _weekend_at(tokens, i)) is not None:
        return weekend
    if said in italian.SHARES:
        return _share_at(tokens, i)
    if (counted := _week_in_month_at(tokens, i)) is not None:
        return counted
    if (week := phrase_at(tokens, i, _WEEKS)) is not None:
        return Stretch(i, week[1], days=partial(_weeks, week[0]))
    if (ahead := phrase_at(tokens, i, _MONTHS_AHEAD)) is not None:
        return Stretch(i, ahead[1], days=partial(_month, None, None, ahead[0], ""))
    if said == "in":
        return Stretch(i, i + 2, days=_rest_of_week) if word(tokens, i + 1) == "settimana" else None
    if said in ("prossimi", "prossime"):
        return _coming_at(tokens, i)
    if said in italian.MONTHS:
        year, end = year_at(tokens, i + 1)
        return Stretch(i, end, days=partial(_month, italian.MONTHS[said], year, 0, ""))
    if said in italian.SHORT_MONTHS and (year_said := year_at(tokens, i + 1))[0] is not None:
        return Stretch(i, year_said[1], days=partial(_month, italian.SHORT_MONTHS[said], year_said[0], 0, ""))
    return None


def _coming_at(tokens: Tokens, i: int) -> Stretch | None:
    """ "nei prossimi giorni", "le prossime due settimane", "i tre prossimi mesi"."""
    number = number_at(tokens, i + 1)
    count, end = number if number is not None and number[0] < 100 else (0, i + 1)
    begin = i
    if not count and (before := number_at(tokens, i - 1)) is not None and before[1] == i:
        count, begin = before[0], i - 1
    unit = italian.UNITS.get(word(tokens, end))
    if unit is None or count >= 100 or (not count and word(tokens, end) != "giorni"):
        return None
    return Stretch(begin, end + 1, days=partial(_coming_days, unit[0] * (count or 7), unit[1] * count))


def _weekend_at(tokens: Tokens, i: int) -> Stretch | None:
    """ "il weekend", "il prossimo fine settimana": this one or the next; "lo scorso weekend"."""
    before = word(tokens, i) in italian.NEXT
    found = phrase_at(tokens, i + before, _WEEKEND)
    if found is None or word(tokens, i) == "we":
        return None
    end = found[1]
    last = word(tokens, i - 1) in italian.LAST_BEFORE or word(tokens, end) in italian.LAST
    if last:
        return Stretch(i, end + (word(tokens, end) in italian.LAST), days=partial(_weekend, -1, -1))
    if word(tokens, end) in ("del", "dell") and (day := _day(tokens, end)) is not None:
        return Stretch(i, day.end, days=partial(_weekend_of, day.day))
    behind = word(tokens, end) in italian.NEXT_AFTER
    return Stretch(i, end + behind, days=partial(_weekend, 0, 1 if before or behind else 0))


def _week_in_month_at(tokens: Tokens, i: int) -> Stretch | None:
    """ "la prima settimana di maggio", "l'ultimo weekend del mese prossimo", "la seconda metà di aprile"."""
    half = phrase_at(tokens, i, _HALVES)
    nth = (italian.LAST_NTH[word(tokens, i)], i + 1) if word(tokens, i) in italian.LAST_NTH else None
    nth = nth or ordinal_at(tokens, i)
    days: Callable[..., Days]
    if half is not None:
        days, at = partial(_half_month, str(half[0])), half[1]
    elif nth is not None and word(tokens, nth[1]) == "settimana":
        days, at = partial(_week_in_month, nth[0]), nth[1] + 1
    elif nth is not None and (weekend := phrase_at(tokens, nth[1], _WEEKEND)) is not None:
        days, at = partial(_weekend_in_month, nth[0]), weekend[1]
    else:
        return None
    if word(tokens, at) not in italian.OF:
        return None
    month = month_at(tokens, at)
    if month is not None:
        year, end = year_at(tokens, month[1])
        return Stretch(i, end, days=partial(days, month[0], year, 0))
    ahead = phrase_at(tokens, at + 1, _MONTHS_AHEAD)
    if ahead is not None:
        return Stretch(i, ahead[1], days=partial(days, None, None, ahead[0]))
    if word(tokens, at + 1) == italian.MONTH_NOUN:
        return Stretch(i, at + 2, days=partial(days, None, None, 0))
    return None


_HALVES = phrase_table(italian.HALVES)


def _half_month(half: str, month: int | None, year: int | None, ahead: int, today: date) -> Days:
    return _month(month, year, ahead, half, today)


def _share_at(tokens: Tokens, i: int) -> Stretch | None:
    """ "fine mese", "inizio settimana", "alla fine di marzo", "metà della settimana prossima", "ai primi di aprile"."""
    share = italian.SHARES[word(tokens, i)]
    at = i + 1
    if word(tokens, i) in italian.FEW:
        at += word(tokens, at) == "giorni"
        if word(tokens, at) not in italian.OF:
            return None
    while word(tokens, at) in italian.OF and at - i < 3:
        at += 1
    if (week := phrase_at(tokens, at, _WEEKS)) is not None:
        return Stretch(i, week[1], days=partial(_part_of_week, share, week[0]))
    if (ahead := phrase_at(tokens, at, _MONTHS_AHEAD)) is not None:
        return Stretch(i, ahead[1], days=partial(_month, None, None, ahead[0], share))
    if word(tokens, at) == "settimana":
        return Stretch(i, at + 1, days=partial(_part_of_week, share, (0,)))
    month = month_at(tokens, at)
    if month is not None:
        year, end = year_at(tokens, month[1])
        return Stretch(i, end, days=partial(_month, month[0], year, 0, share))
    if word(tokens, at) == italian.MONTH_NOUN:
        return Stretch(i, at + 1, days=partial(_month, None, None, 0, share))
    return None


RANGE_STARTS = _STARTS | frozenset(_BOUNDED)
