"""Which words of a text express a day: one atom at a time, and the atoms that together name one day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from engine.understanding.days import (
    Beside,
    Both,
    Day,
    Doubtful,
    Feast,
    Meaning,
    Nth,
    Offset,
    Weekday,
    WeekdayBeside,
    Which,
    Written,
)
from engine.understanding.it import calendar as italian
from engine.understanding.it.numbers import ORDINALS, spelled
from engine.understanding.mentions import Problem
from engine.understanding.numbers import number_at, ordinal_at
from engine.understanding.text import Token

T = TypeVar("T")
Tokens = Sequence[Token]


@dataclass(frozen=True, slots=True)
class Atom:
    """A day expression over tokens `start` to `end` (exclusive). `kind` says what of a day it names."""

    start: int
    end: int
    day: Day
    kind: str


@dataclass(frozen=True, slots=True)
class DayWords:
    """Atoms that name one day, or several when punctuation parts two that disagree; `cuts` says before which."""

    atoms: tuple[Atom, ...]
    cuts: tuple[bool, ...]

    @property
    def start(self) -> int:
        """The first token."""
        return self.atoms[0].start

    @property
    def end(self) -> int:
        """The token after the last."""
        return self.atoms[-1].end

    def listed(self) -> list[DayWords]:
        """The days of a list, where punctuation before a weekday can begin another ("domani, mercoledì")."""
        groups: list[list[Atom]] = []
        for atom, cut in zip(self.atoms, self.cuts, strict=True):
            if not groups or (cut and atom.kind == "weekday"):
                groups.append([])
            groups[-1].append(atom)
        return [DayWords(tuple(group), (False,) * len(group)) for group in groups]

    def meanings(self, today: date) -> list[tuple[DayWords, Meaning]]:
        """What is meant when it is said on `today`: one day, or a list where the atoms do not agree."""
        whole = self.day.on(today)
        if Problem.WEEKDAY_MISMATCH in whole.problems and len(days := self.listed()) > 1:
            return [(day, day.day.on(today)) for day in days]
        return [(self, whole)]

    @property
    def day(self) -> Day:
        """All atoms taken together."""
        day = self.atoms[0].day
        for atom in self.atoms[1:]:
            day = Both(day, atom.day)
        return day


def word(tokens: Tokens, i: int) -> str:
    """The folded word at `i`, "" outside the text."""
    return tokens[i].text if 0 <= i < len(tokens) else ""


def phrase_table(phrases: Mapping[tuple[str, ...], T]) -> dict[str, list[tuple[tuple[str, ...], T]]]:
    """`phrases` by their first word, the longest first."""
    table: dict[str, list[tuple[tuple[str, ...], T]]] = {}
    for words, value in sorted(phrases.items(), key=lambda entry: -len(entry[0])):
        table.setdefault(words[0], []).append((words, value))
    return table


def phrase_at(
    tokens: Tokens, i: int, table: Mapping[str, list[tuple[tuple[str, ...], T]]]
) -> tuple[T, int] | None:
    """The value of the phrase that begins at `i`, and the index after it."""
    for words, value in table.get(word(tokens, i), ()):
        if all(word(tokens, i + n) == said for n, said in enumerate(words)):
            return value, i + len(words)
    return None


_RELATIVE = phrase_table(italian.RELATIVE_PHRASES)
_WEEKS = phrase_table(italian.WEEKS)
_MONTHS_AHEAD = phrase_table(italian.MONTHS_AHEAD)
_FEASTS = phrase_table(italian.FEASTS)
_COMING = phrase_table(dict.fromkeys(italian.COMING_AFTER, True))
_EVERY = phrase_table(dict.fromkeys(italian.EVERY, True))
_BESIDE = phrase_table(italian.BESIDE)
_OTHER_ONE = phrase_table(dict.fromkeys(italian.OTHER_ONE, True))
_FROM_HERE = phrase_table(dict.fromkeys(italian.FROM_HERE, True))
_HOUR_ARTICLES = frozenset({"alle", "le", "alla", "ore", "dalle", "dopo", "prima", "verso"})
_DIGITS = frozenset("0123456789")
_MONTHS = italian.MONTHS | italian.SHORT_MONTHS
_FIRST_YEAR, _LAST_YEAR, _CENTURY, _PIVOT = 1900, 2199, 2000, 70
_LATEST_DAY, _MONTHS_A_YEAR, _LAST_HOUR = 31, 12, 24


def day_at(tokens: Tokens, i: int) -> DayWords | None:
    """The longest expression of one day that begins at token `i`."""
    first = _atom_at(tokens, i)
    if first is None:
        return None
    atoms, cuts = [first], [False]
    while (found := _next_atom(tokens, atoms)) is not None:
        cuts.append(any(token.cut for token in tokens[atoms[-1].end : found.start + 1]))
        atoms.append(found)
    return DayWords(tuple(atoms), tuple(cuts))


def with_month_of(tokens: Tokens, day: DayWords, later: DayWords) -> DayWords:
    """`day`, which may share the month of `later` when an "e" or "o" joins them: "l'11 e il 12 marzo"."""
    between = tokens[day.end : later.start]
    number, month = day.atoms[-1].day, next((a.day for a in later.atoms if a.kind == "number"), None)
    if not (isinstance(number, Written) and isinstance(month, Written)) or len(between) > 2:
        return day
    joined = all(token.text in italian.AND | italian.OR | italian.ARTICLES for token in between)
    if not joined or number.month is not None or number.months is not None or month.month is None:
        return day
    shared = replace(number, month=month.month, year=month.year)
    last = replace(day.atoms[-1], day=Doubtful((number, shared), unless_equal=True))
    return replace(day, atoms=(*day.atoms[:-1], last))


def _next_atom(tokens: Tokens, atoms: Sequence[Atom]) -> Atom | None:
    """An atom that goes on naming the same day: of another kind, with little but joining words before it."""
    kinds = {atom.kind for atom in atoms}
    end = atoms[-1].end
    week = _week_of_both(tokens, atoms)
    if week is not None:
        return week
    for skip in range(3):
        at = end + skip
        if skip and word(tokens, at - 1) not in italian.JOINERS and word(tokens, at - 1) not in italian.PARTS:
            return None
        if atoms[-1].kind == "weekday" and (number := day_number_at(tokens, at)) is not None:
            return number
        atom = _atom_at(tokens, at)
        if atom is not None:
            if atom.kind == "weekday" and day_number_at(tokens, atom.end) is not None and "number" in kinds:
                return None
            return None if atom.kind in kinds or {atom.kind, *kinds} >= {"number", "feast"} else atom
    return None


def _week_of_both(tokens: Tokens, atoms: Sequence[Atom]) -> Atom | None:
    """The week said behind weekday and number: "mercoledì 18 della prossima settimana"."""
    end = atoms[-1].end
    weekday = next((atom.day for atom in atoms if isinstance(atom.day, Weekday)), None)
    if weekday is None or atoms[-1].kind != "number" or word(tokens, end) not in italian.OF:
        return None
    found = phrase_at(tokens, end + 1, _WEEKS)
    return None if found is None else Atom(end, found[1], Weekday(weekday.weekday, weeks=found[0]), "week")


def _atom_at(tokens: Tokens, i: int) -> Atom | None:
    said = word(tokens, i)
    if not said:
        return None
    if said[0] in _DIGITS:
        return _digits_at(tokens, i)
    for rule in _RULES.get(said, ()):
        found = rule(tokens, i)
        if found is not None:
            return found
    return None


# --- Words relative to today ----------------------------------------------------------------------------------


def _relative(tokens: Tokens, i: int) -> Atom | None:
    found = phrase_at(tokens, i, _RELATIVE)
    if found is None:
        days = italian.RELATIVE_DAYS.get(word(tokens, i))
        if days is None:
            return None
        found = days, i + 1
    days, end = found
    more = italian.DAYS_TO.get(word(tokens, end + 1)) if word(tokens, end) == "a" else None
    if more is not None:
        return Atom(i, end + 2, Offset(days + more), "relative")
    return Atom(i, end, Offset(days), "relative")


_MOST_WEEKDAYS_ON = 8


def _within(tokens: Tokens, i: int) -> Atom | None:
    """ "tra tre giorni", "fra una settimana esatta", "da qui a un mese"."""
    here = phrase_at(tokens, i, _FROM_HERE)
    if here is None and word(tokens, i) not in italian.IN:
        return None
    after = i + 1 if here is None else here[1]
    span = _span_at(tokens, after)
    if span is None:
        return _so_many_weekdays(tokens, i, after)
    days, months, end = span
    if word(tokens, end) in italian.NOT_CALENDAR or word(tokens, end) in italian.AND:
        return None
    if word(tokens, end) in italian.EXACTLY:
        return Atom(i, end + 1, Offset(days, months), "relative")
    loose = italian.LOOSE_DAYS.get(days) if word(tokens, end - 1) == "giorni" else None
    if loose is not None:
        return Atom(i, end, Doubtful((Offset(loose), Offset(days))), "relative")
    return Atom(i, end, Offset(days, months), "relative")


def _so_many_weekdays(tokens: Tokens, i: int, after: int) -> Atom | None:
    """ "tra due giovedì": the second to come, or so many weeks after the first."""
    number = number_at(tokens, after)
    weekday = _weekday_number(tokens, number[1]) if number is not None else None
    if number is None or weekday is None or not 2 <= number[0] <= _MOST_WEEKDAYS_ON:
        return None
    days = (_Later(weekday, number[0] - 1), _Later(weekday, number[0]))
    return Atom(i, number[1] + 1, Doubtful(days), "weekday")


def _span_at(tokens: Tokens, i: int) -> tuple[int, int, int] | None:
    number = number_at(tokens, i)
    unit = italian.UNITS.get(word(tokens, number[1])) if number is not None else None
    if number is None or unit is None:
        return None
    return unit[0] * number[0], unit[1] * number[0], number[1] + 1


def _ago_or_exact(tokens: Tokens, i: int) -> Atom | None:
    """ "tre giorni fa", "una settimana esatta", "una settimana da oggi"."""
    span = _span_at(tokens, i)
    if span is None:
        return None
    days, months, end = span
    if word(tokens, end) == italian.AGO:
        return Atom(i, end + 1, Offset(-days, -months), "relative")
    beside = fixed_beside(tokens, end) if not months else None
    if beside is not None:
        ahead, day, end = beside
        return Atom(i, end, Beside(day, ahead * days), "relative")
    if days != 7:
        return None
    if word(tokens, end) in italian.EXACTLY:
        return Atom(i, end + 1, Offset(days), "relative")
    if word(tokens, end) == "da" and word(tokens, end + 1) in ("oggi", "domani"):
        return Atom(i, end + 2, Offset(days + italian.RELATIVE_DAYS[word(tokens, end + 1)]), "relative")
    return None


# --- Weekdays -------------------------------------------------------------------------------------------------


def fixed_beside(tokens: Tokens, i: int) -> tuple[int, Day, int] | None:
    """ "dopo Pasqua", "prima del 20": 1 or -1, the day that has a place of its own, and the index after it."""
    ahead = italian.BESIDE_WORDS.get(word(tokens, i))
    if ahead is None or any(token.cut for token in tokens[i : i + 2]):
        return None  # "quello della settimana dopo, il 19"
    if word(tokens, i + 1) in italian.DAY_ARTICLES and (number := day_number_at(tokens, i + 2)) is not None:
        return ahead, number.day, number.end
    at = i + 2 if word(tokens, i + 1) in italian.OF_THE else i + 1
    atom = _feast(tokens, at) or _with_month(tokens, at)
    return None if atom is None else (ahead, atom.day, atom.end)


def _weekday_number(tokens: Tokens, i: int) -> int | None:
    said = word(tokens, i)
    full = italian.WEEKDAYS.get(said)
    if full is not None:
        return None if said in italian.ALSO_NAMES and word(tokens, i - 1) in italian.NAME_LEADS else full
    if word(tokens, i + 1) == "di" and said in italian.SPLIT_WEEKDAYS:
        return italian.SPLIT_WEEKDAYS[said]
    short = italian.SHORT_WEEKDAYS.get(said)
    if short is not None and (len(tokens) == 1 or day_number_at(tokens, i + 1) is not None):
        return short
    return None


def _weekday(tokens: Tokens, i: int) -> Atom | None:
    weekday = _weekday_number(tokens, i)
    if weekday is None:
        return None
    day, end = _after_weekday(tokens, i + 1, weekday)
    return Atom(i, end, day, "weekday")


def _after_weekday(tokens: Tokens, i: int, weekday: int, which: Which = Which.BARE) -> tuple[Day, int]:
    """The weekday with what is said of it behind it, and the index after that."""
    beside = fixed_beside(tokens, i)
    if beside is not None:
        return WeekdayBeside(weekday, beside[0], beside[1]), beside[2]
    said, weeks, end = _qualified_behind(tokens, i, weekday)
    other = _other_one(tokens, end)
    if isinstance(weeks, tuple) and not weeks:
        if word(tokens, end) == "non" and word(tokens, end + 1) in italian.THIS:
            other = _other_one(tokens, end + 2)
            return _NotThis(weekday), end + 2 if other is None else other
        if other is not None and word(tokens, end) == "non" and which is Which.THIS:
            return Weekday(weekday, which), other
    if isinstance(weeks, tuple):
        return Weekday(weekday, which if said is Which.BARE else said, weeks), end
    return weeks, end


def _other_one(tokens: Tokens, i: int) -> int | None:
    """The index after "quello dopo", "ma il prossimo", "non il prossimo" that begins at `i`."""
    at = i + 1 if word(tokens, i) in italian.BUT or word(tokens, i) == "non" else i
    found = phrase_at(tokens, at, _OTHER_ONE)
    return None if found is None else found[1]


def _not_this(tokens: Tokens, i: int) -> Atom | None:
    """ "non questo giovedì, quello dopo"."""
    if word(tokens, i + 1) not in italian.THIS or (weekday := _weekday_number(tokens, i + 2)) is None:
        return None
    end = _other_one(tokens, i + 3)
    return None if end is None else Atom(i, end, _NotThis(weekday), "weekday")


def _qualified_behind(tokens: Tokens, i: int, weekday: int) -> tuple[Which, tuple[int, ...] | Day, int]:
    said = word(tokens, i)
    if (week := phrase_at(tokens, i, _WEEKS)) is not None:
        return Which.BARE, week[0], week[1]
    if said in italian.NEXT_AFTER or (said == "dopo" and not _goes_on(tokens, i + 1)):
        return Which.NEXT, (), i + 1
    if said in italian.LAST:
        return Which.LAST, (), i + 1
    if (found := phrase_at(tokens, i, _COMING)) is not None:
        return Which.COMING, (), found[1]
    if said == "a" and (days := italian.DAYS_TO.get(word(tokens, i + 1))) is not None:
        return Which.BARE, _Later(weekday, days // 7), i + 2
    skip = i + 1 if said in italian.OF or said in italian.ARTICLES or said == "quell" else i
    if (week := phrase_at(tokens, skip, _WEEKS)) is not None:
        return Which.BARE, week[0], week[1]
    if (
        said in italian.IN
        and (span := _span_at(tokens, i + 1)) is not None
        and not span[0] % 7
        and not span[1]
    ):
        weeks = span[0] // 7
        return Which.BARE, Doubtful((Weekday(weekday, weeks=(weeks,)), _Later(weekday, weeks))), span[2]
    return Which.BARE, (), i


def _goes_on(tokens: Tokens, i: int) -> bool:
    """Whether "dopo" at `i - 1` begins "dopo le 15", "dopo pranzo" rather than ending "il mercoledì dopo"."""
    return i < len(tokens) and not tokens[i].cut and word(tokens, i) not in italian.TIME_LEADS


@dataclass(frozen=True, slots=True)
class _Later:
    """The coming weekday, and so many weeks on."""

    weekday: int
    weeks: int

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        return Offset(self.weeks * 7).on(Weekday(self.weekday).coming(today))


@dataclass(frozen=True, slots=True)
class _NotThis:
    """Not the coming weekday but the one after it; on that very weekday "questo" may have been today."""

    weekday: int

    def on(self, today: date) -> Meaning:
        """See `Day.on`."""
        if today.weekday() == self.weekday:
            return Weekday(self.weekday, Which.NEXT).on(today)
        return _Later(self.weekday, 1).on(today)


def _qualified_weekday(tokens: Tokens, i: int) -> Atom | None:
    """ "questo mercoledì", "il prossimo mercoledì", "lo scorso venerdì"."""
    said = word(tokens, i)
    weekday = _weekday_number(tokens, i + 1)
    if weekday is None:
        return None
    if said in italian.LAST_NTH:
        return _last_weekday(tokens, i, weekday)
    if said in italian.LAST_BEFORE:
        return Atom(i, i + 2, Weekday(weekday, Which.LAST), "weekday")
    if said in italian.NEXT:
        if word(tokens, i + 2) == "non" and word(tokens, i + 3) in italian.THIS:
            return Atom(i, i + 4, _NotThis(weekday), "weekday")
        return Atom(i, i + 2, Weekday(weekday, Which.NEXT), "weekday")
    day, end = _after_weekday(tokens, i + 2, weekday, Which.THIS)
    return Atom(i, end, day, "weekday")


def _last_weekday(tokens: Tokens, i: int, weekday: int) -> Atom:
    """ "l'ultimo venerdì": the one gone by, or the month's; "l'ultimo venerdì è il 31" says which."""
    at = i + 3
    if word(tokens, i + 2) in italian.AND and word(tokens, at) in italian.DAY_ARTICLES:
        number = day_number_at(tokens, at + 1)
        if number is not None:
            return Atom(i, number.end, Both(Weekday(weekday), number.day), "number")
    return Atom(i, i + 2, Doubtful((Weekday(weekday, Which.LAST), Nth(-1, weekday))), "weekday")


def _every(tokens: Tokens, i: int) -> Atom | None:
    """ "ogni mercoledì", "tutti i giovedì": no one day."""
    found = phrase_at(tokens, i, _EVERY)
    weekday = _weekday_number(tokens, found[1]) if found is not None else None
    if found is None or weekday is None:
        return None
    return Atom(i, found[1] + 1, Doubtful((Weekday(weekday, Which.NEXT),)), "weekday")


def _week_then_weekday(tokens: Tokens, i: int) -> Atom | None:
    """ "la settimana prossima mercoledì", "la prossima settimana, di giovedì"."""
    week = phrase_at(tokens, i, _WEEKS)
    if week is None:
        return None
    at = week[1] + (word(tokens, week[1]) in italian.OF or word(tokens, week[1]) in italian.ARTICLES)
    weekday = _weekday_number(tokens, at)
    return None if weekday is None else Atom(i, at + 1, Weekday(weekday, weeks=week[0]), "weekday")


# --- Written days ---------------------------------------------------------------------------------------------


def _plain_day(tokens: Tokens, i: int) -> tuple[int, int] | None:
    """A day number in digits or words, "primo" and "1°" too, and the index after it."""
    found = ordinal_at(tokens, i)
    if found is not None and (found[0] == 1 or word(tokens, i)[0] in _DIGITS):
        return found if word(tokens, i) != "prima" else None
    return number_at(tokens, i)


def month_at(tokens: Tokens, i: int) -> tuple[int, int] | None:
    """The month at `i`, perhaps after "di" or "del mese di", and the index after it."""
    at = i + 1 if word(tokens, i) in italian.OF else i
    if word(tokens, at) == italian.MONTH_NOUN and word(tokens, at + 1) in italian.OF:
        at += 2
    month = _MONTHS.get(word(tokens, at))
    return None if month is None else (month, at + 1)


def year_at(tokens: Tokens, i: int) -> tuple[int | None, int]:
    """The year at `i`, perhaps after "del", and the index after it; else None and `i`."""
    at = i + 1 if word(tokens, i) in ("del", "dell", "nel") else i
    found = number_at(tokens, at)
    if found is not None and _FIRST_YEAR <= found[0] <= _LAST_YEAR:
        return found[0], found[1]
    return None, i


def _with_month(tokens: Tokens, i: int) -> Atom | None:
    """ "3 aprile", "tre di aprile 2027", "primo marzo", "11 del mese prossimo"."""
    number = _plain_day(tokens, i)
    if number is None or not 0 <= number[0] < 100:
        return None
    day, end = number
    month = month_at(tokens, end)
    if month is not None and not tokens[end].cut:
        year, end = year_at(tokens, month[1])
        return Atom(i, end, Written(day, month[0], year), "number")
    at = end + 1 if word(tokens, end) in italian.OF else end
    ahead = phrase_at(tokens, at, _MONTHS_AHEAD) if 1 <= day <= _LATEST_DAY else None
    if ahead is not None:
        return Atom(i, ahead[1], Written(day, months=ahead[0]), "number")
    if word(tokens, end) == "del" and word(tokens, end + 1) == italian.MONTH_NOUN and 1 <= day <= _LATEST_DAY:
        return Atom(i, end + 2, Written(day), "number")
    return None


def day_number_at(tokens: Tokens, i: int) -> Atom | None:
    """A day that a weekday, an article or "giorno" has announced: "11", "undici febbraio", "11/2"."""
    found = _with_month(tokens, i) or _separated(tokens, i, announced=True)
    if found is not None:
        return found
    number = _plain_day(tokens, i)
    if (
        number is None
        or not 1 <= number[0] <= _LATEST_DAY
        or word(tokens, i) in ("un", "una", "uno", "prima")
    ):
        return None
    day, end = number
    after = word(tokens, end)
    month = _month_number(tokens, end)
    if month is not None:
        year, end = year_at(tokens, end + 2)
        return Atom(i, end, Written(day, month, year), "number")
    if word(tokens, i) == "primo" and (after in italian.WEEKEND_STARTS or after in italian.COUNTED):
        return None
    if after in italian.COUNTED and not (after in ("ore", "ora") and _is_number(tokens, end + 1)):
        return None
    if end < len(tokens) and not tokens[end].cut and (number_at(tokens, end) or after in italian.MONEY):
        return None
    if after in italian.AND and (
        word(tokens, end + 1) in ("mezza", "mezzo") or word(tokens, end + 1) == "un"
    ):
        return None
    if after == "per" and word(tokens, end + 1) == "cento":
        return None
    bare = word(tokens, i - 1) in italian.WEEKDAYS and end < len(tokens) and not tokens[end].cut
    if word(tokens, i) == "sei" and bare and after not in italian.AFTER_FIRST:  # "mercoledì sei libero?"
        return None
    doubtful = word(tokens, i) == "primo" and after not in italian.AFTER_FIRST
    return Atom(i, end, Written(day, doubtful=doubtful), "number")


def _is_number(tokens: Tokens, i: int) -> bool:
    return word(tokens, i)[:1].isdigit() or number_at(tokens, i) is not None


def _month_number(tokens: Tokens, i: int) -> int | None:
    """The month in "il tre del quattro", where "del quattro" is at `i`."""
    if word(tokens, i) != "del" or tokens[i].cut or (number := number_at(tokens, i + 1)) is None:
        return None
    after = word(tokens, number[1])
    named = after in _MONTHS or after in italian.OF - {"del"} or after in italian.COUNTED
    return number[0] if number[1] == i + 2 and 1 <= number[0] <= _MONTHS_A_YEAR and not named else None


def _separated(tokens: Tokens, i: int, *, announced: bool) -> Atom | None:
    """ "11/02", "11/2/2026", "11.2.26", "2026-02-11"; with points or dashes only a year or an announcement."""
    said = word(tokens, i)
    for sign in "/.-":
        parts = said.split(sign, 3)
        if len(parts) == 1:
            continue
        if not all(part.isdigit() and part.isascii() and len(part) <= 4 for part in parts):
            return None
        return _from_parts(tokens, i, sign, parts, announced=announced)
    return None


def _from_parts(tokens: Tokens, i: int, sign: str, parts: list[str], *, announced: bool) -> Atom | None:
    numbers = [int(part) for part in parts]
    if len(parts) == 3:
        if len(parts[0]) == 4:
            year, month, day = numbers
        else:
            day, month, year = numbers
            if len(parts[2]) == 2:
                year += _CENTURY if year < _PIVOT else _CENTURY - 100
        plausible = _FIRST_YEAR <= year <= _LAST_YEAR and max(map(len, parts)) <= 4
        return (
            Atom(i, i + 1, Written(day, month, year), "number") if plausible and len(parts[1]) <= 2 else None
        )
    if len(parts) != 2 or max(map(len, parts)) > 2:
        return None
    day, month = numbers
    if word(tokens, i + 1) in italian.MONTHS or (sign == "-" and len(parts[1]) == 1):
        return None
    possible = 1 <= day <= _LATEST_DAY and 1 <= month <= _MONTHS_A_YEAR
    fraction = word(tokens, i + 1) in ("d", "di", "ora") or word(tokens, i + 1) in italian.COUNTED
    if sign == "/":
        return (
            Atom(i, i + 1, Written(day, month), "number")
            if (possible and not fraction) or announced
            else None
        )
    if possible and (announced or day > _LAST_HOUR) and not fraction:
        return Atom(i, i + 1, Written(day, month, doubtful=sign == "-" and day < month), "number")
    return None


def _digits_at(tokens: Tokens, i: int) -> Atom | None:
    found = _with_month(tokens, i) or _separated(tokens, i, announced=False)
    return found or _nth(tokens, i) or _ago_or_exact(tokens, i)


def _announced_day(tokens: Tokens, i: int) -> Atom | None:
    """ "l'11", "il tre", "il giorno 12", "del 15", "all'11 febbraio"."""
    at = i + 1
    if (nth := _nth(tokens, at)) is not None:
        return Atom(i, nth.end, nth.day, nth.kind)
    if word(tokens, at) in italian.DAY_NOUN:
        at += 1
    found = _with_month(tokens, at) if word(tokens, i) == "all" else day_number_at(tokens, at)
    return None if found is None else Atom(i, found.end, found.day, found.kind)


# --- The first Monday of March, holidays ----------------------------------------------------------------------


def _nth(tokens: Tokens, i: int) -> Atom | None:
    """ "il primo lunedì di marzo", "l'ultimo venerdì del mese", "il terzo giorno di ottobre"."""
    if word(tokens, i) in italian.LAST_NTH:
        nth, end = italian.LAST_NTH[word(tokens, i)], i + 1
    else:
        found = ordinal_at(tokens, i)
        if found is None:
            return None
        nth, end = found
    weekday = _weekday_number(tokens, end)
    if (weekday is None and word(tokens, end) != "giorno") or tokens[end].cut:
        return None
    end += 1
    beside = fixed_beside(tokens, end) if weekday is not None and nth > 0 else None
    if weekday is not None and beside is not None:
        return Atom(i, beside[2], WeekdayBeside(weekday, beside[0] * nth, beside[1]), "nth")
    month = month_at(tokens, end)
    if month is not None:
        year, end = year_at(tokens, month[1])
        return Atom(i, end, Nth(nth, weekday, month[0], year), "nth")
    at = end + 1 if word(tokens, end) in italian.OF else end
    ahead = phrase_at(tokens, at, _MONTHS_AHEAD)
    if ahead is not None:
        return Atom(i, ahead[1], Nth(nth, weekday, months=ahead[0]), "nth")
    if at > end and word(tokens, at) == italian.MONTH_NOUN:
        return Atom(i, at + 1, Nth(nth, weekday), "nth")
    if weekday is None:
        return None
    if nth == 1:
        end += word(tokens, end) in italian.FREE
        return Atom(i, end, Doubtful((Weekday(weekday, Which.THIS),)), "nth")
    if nth == -1:
        return _last_weekday(tokens, i, weekday)
    return Atom(i, end, Doubtful((Weekday(weekday), Nth(nth, weekday))), "nth")


def _beside(tokens: Tokens, i: int) -> Atom | None:
    """ "l'indomani del 13 febbraio", "il giorno prima di Pasqua", "la vigilia di Ferragosto"."""
    found = phrase_at(tokens, i, _BESIDE)
    if found is None:
        return None
    days, end = found
    at = end + 1 if word(tokens, end) in italian.OF else end
    said = word(tokens, at)
    if said in _HOUR_ARTICLES:
        return None  # "il giorno dopo, alle 15" counts from what was talked about
    day = next(
        (
            atom
            for rule in (_with_month, _announced_day, _weekday, _feast)
            if said and (atom := rule(tokens, at)) is not None
        ),
        None,
    )
    if day is None:
        return None
    return Atom(i, day.end, Beside(day.day, days), "relative")


def _feast(tokens: Tokens, i: int) -> Atom | None:
    found = phrase_at(tokens, i, _FEASTS)
    if found is None:
        return None
    feast, end = found
    year, end = year_at(tokens, end)
    if feast.sunday is not None:
        return Atom(i, end, Nth(feast.sunday, italian.WEEKDAYS["domenica"], feast.month, year), "feast")
    return Atom(i, end, Feast(feast.month, feast.day, feast.from_easter, year), "feast")


_Rule = Callable[[Tokens, int], Atom | None]


def _rules() -> dict[str, list[_Rule]]:
    """Which rules to try at a word, in order."""
    words: list[tuple[_Rule, Iterable[str]]] = [
        (_relative, {**italian.RELATIVE_DAYS, **_RELATIVE}),
        (_feast, _FEASTS),
        (_beside, _BESIDE),
        (_week_then_weekday, _WEEKS),
        (_weekday, {**italian.WEEKDAYS, **italian.SHORT_WEEKDAYS, **italian.SPLIT_WEEKDAYS}),
        (_qualified_weekday, italian.THIS | italian.NEXT),
        (_nth, [*ORDINALS, *italian.LAST_NTH]),
        (_qualified_weekday, italian.LAST_BEFORE),
        (_not_this, ["non"]),
        (_every, _EVERY),
        (_announced_day, [*italian.DAY_ARTICLES, "giorno", "all"]),
        (_within, [*italian.IN, *_FROM_HERE]),
        (_with_month, [*spelled(), "primo"]),
        (_ago_or_exact, spelled()),
    ]
    table: dict[str, list[_Rule]] = {}
    for rule, starts in words:
        for start in starts:
            table.setdefault(start, []).append(rule)
    return table


_RULES = _rules()
DAY_STARTS = frozenset(_RULES)
