"""The times of day a text names."""

from __future__ import annotations

from collections.abc import Sequence

from engine.understanding.calendar_scan import PartWords, Scan, scan
from engine.understanding.day_grammar import DayWords
from engine.understanding.hour_grammar import Clock
from engine.understanding.it import calendar as italian
from engine.understanding.mentions import Problem, TimeMention
from engine.understanding.text import Token


def find_times(text: str) -> tuple[TimeMention, ...]:
    """Every time of day named in `text`, in order; the bounds of ranges are left to `find_ranges`.

    An hour of 1 to 12 without a part of the day has both candidates and no problem; one that no clock can show
    has none and IMPOSSIBLE; words that may mean something else have AMBIGUOUS.
    """
    found = scan(text)
    any_part = any(isinstance(item, PartWords) for item in found.found)
    return tuple(
        _mention(text, found, at, item, any_part=any_part)
        for at, item in enumerate(found.found)
        if isinstance(item, Clock)
    )


_CLEAR: frozenset[Problem] = frozenset()
_IMPOSSIBLE = frozenset({Problem.IMPOSSIBLE})
_AMBIGUOUS = frozenset({Problem.AMBIGUOUS})


def _mention(text: str, found: Scan, at: int, clock: Clock, *, any_part: bool) -> TimeMention:
    start, end = found.words[clock.start].start, found.words[clock.end - 1].end
    said = part_of(found, at)
    candidates = clock.readings(said.part if said is not None else None)
    part = clock.part or (_part_touching(found, at) if any_part else None)
    problems = _CLEAR
    if not candidates:
        problems = _IMPOSSIBLE
    elif clock.doubtful or (part is not None and clock.contradicts(part)):
        problems = _AMBIGUOUS
    return TimeMention(text[start:end], start, end, candidates, problems)


def _part_touching(found: Scan, at: int) -> italian.Part | None:
    """The part of the day said right beside the hour at index `at`: "domani mattina alle 15"."""
    clock = found.found[at]
    before = found.found[at - 1] if at else None
    if isinstance(before, PartWords) and before.end == clock.start and not found.words[clock.start].cut:
        return before.part
    behind = found.found[at + 1] if at + 1 < len(found.found) else None
    if isinstance(behind, PartWords) and _joined(found.words, clock.end, behind.start):
        cut = any(word.cut for word in found.words[clock.end : behind.start + 1])
        return None if cut else behind.part
    return None


def part_of(found: Scan, at: int) -> PartWords | None:
    """The part of the day that settles the hour found at index `at`: said just behind it, or before it."""
    clock = found.found[at]
    if not isinstance(clock, Clock) or clock.part is not None or clock.fixed:
        return None
    for said in (_part_behind(found, at), _part_before(found, at)):
        if said is not None:
            return said if clock.fits(said.part) else None
    return None


def _part_behind(found: Scan, at: int) -> PartWords | None:
    """ "alle tre e un quarto domani pomeriggio": nothing but days and joining words between."""
    end = found.found[at].end
    for item in found.found[at + 1 : at + _LOOK_BACK]:
        if not _joined(found.words, end, item.start):
            return None
        if isinstance(item, PartWords):
            return item
        if not isinstance(item, DayWords):
            return None
        end = item.end
    return None


def _part_before(found: Scan, at: int) -> PartWords | None:
    """ "domani pomeriggio alle tre", "domani mattina alle 9 o alle 10"."""
    start = found.found[at].start
    for index in range(at - 1, max(-1, at - _LOOK_BACK), -1):
        item = found.found[index]
        between = found.words[item.end : start]
        if len(between) > _NEAR or any(word.text in italian.TURNS for word in between):
            return None
        if isinstance(item, PartWords):
            return item
        if isinstance(item, DayWords) and not _carries_part(found, index):
            before = found.found[index - 1] if index else None
            if not isinstance(before, PartWords) or not _joined(found.words, before.end, item.start):
                return None
            return before
        if not isinstance(item, Clock | DayWords) or (isinstance(item, Clock) and item.part is not None):
            return None
        start = item.start
    return None


_JOINING = italian.OF | italian.ARTICLES | italian.THIS
_LOOK_BACK = 8
_NEAR = 4


def _carries_part(found: Scan, index: int) -> bool:
    """Whether the day at `index` has its part in its own words ("domattina")."""
    before = found.found[index - 1] if index else None
    return isinstance(before, PartWords) and before.start >= found.found[index].start


def _joined(words: Sequence[Token], end: int, start: int) -> bool:
    between = words[end:start]
    return len(between) <= 2 and all(word.text in _JOINING for word in between)
