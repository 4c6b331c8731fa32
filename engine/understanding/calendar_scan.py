"""One pass over a text's words that sorts out which of them are days, hours, parts of the day and stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.understanding.day_grammar import DAY_STARTS, DayWords, day_at, with_month_of
from engine.understanding.hour_grammar import HOUR_STARTS, Clock, clock_at, more_clocks, part_at
from engine.understanding.it import calendar as italian
from engine.understanding.range_grammar import RANGE_STARTS, Stretch, bounded_at, stretch_at
from engine.understanding.text import Token, tokens


@dataclass(frozen=True, slots=True)
class PartWords:
    """A part of the day over tokens `start` to `end` (exclusive)."""

    start: int
    end: int
    part: italian.Part


Found = DayWords | Clock | PartWords | Stretch


@dataclass(frozen=True, slots=True)
class Scan:
    """The words of a text, and what was found in them, in order."""

    words: tuple[Token, ...]
    found: tuple[Found, ...]


@lru_cache(maxsize=8)
def scan(text: str) -> Scan:
    """Everything of the calendar in `text`; the few last texts are remembered, as each is asked for thrice."""
    words = tokens(text)
    found: list[Found] = []
    i = 0
    while i < len(words):
        items = _at(words, i, found) if _may_start(words[i].text) else []
        if not (i and words[i - 1].text in italian.STREETS):
            _share_month(words, found, items)
            found.extend(items)
        i = items[-1].end if items else i + 1
    return Scan(words, tuple(found))


def _share_month(words: Sequence[Token], found: list[Found], items: Sequence[Found]) -> None:
    if found and items and isinstance(found[-1], DayWords) and isinstance(items[-1], DayWords):
        found[-1] = with_month_of(words, found[-1], items[-1])


def _at(words: Sequence[Token], i: int, found: Sequence[Found]) -> list[Found]:
    said = words[i].text
    moving = said in ("dalle", "da", "dal", "dall") and _moves(words, i)
    stretch = None if moving else bounded_at(words, i)
    if stretch is not None:
        return [stretch]
    day = day_at(words, i)
    if day is not None:
        return [*_parts_within(words, day), day]
    beside = bool(found) and isinstance(found[-1], DayWords | PartWords) and found[-1].end == i
    clock = clock_at(words, i, beside_day=beside)
    if clock is not None:
        return [clock, *more_clocks(words, clock)]
    part = part_at(words, i)
    if part is not None and not _leads_to_day(words, i, part[1]):
        return [PartWords(i, part[1], part[0])]
    named = stretch_at(words, i)
    return [] if named is None else [named]


def _leads_to_day(words: Sequence[Token], i: int, end: int) -> bool:
    """Whether the words at `i` only lead to a part that is a day too: "di stasera", "di questo pomeriggio"."""
    day = day_at(words, i + 1) if end > i + 1 else None
    return day is not None and day.end >= end


_STARTS = DAY_STARTS | HOUR_STARTS | RANGE_STARTS
_MOVED_WITHIN = 5


def _may_start(said: str) -> bool:
    return said in _STARTS or said[0] in "0123456789"


def _moves(words: Sequence[Token], i: int) -> bool:
    """Whether "da mercoledì a giovedì" here moves something from the one to the other."""
    return any(word.text.startswith(italian.MOVING) for word in words[max(0, i - _MOVED_WITHIN) : i])


def _parts_within(words: Sequence[Token], day: DayWords) -> list[Found]:
    """The part of the day a day's own words carry: "domattina", "questa sera"."""
    return [
        PartWords(at, at + 1, part)
        for at in range(day.start, day.end)
        if (part := italian.PARTS.get(words[at].text)) is not None
    ]
