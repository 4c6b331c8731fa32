"""The stretches of days and hours a text names, which narrow a search for free slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from engine.understanding.calendar_scan import Found, PartWords, Scan, scan
from engine.understanding.day_grammar import DayWords
from engine.understanding.hour_grammar import Clock
from engine.understanding.it import calendar as italian
from engine.understanding.mentions import RangeMention
from engine.understanding.range_grammar import Stretch
from engine.understanding.times import part_of


def find_ranges(text: str, now: datetime) -> tuple[RangeMention, ...]:
    """Every stretch named in `text`, in order. `now` is when it is said, aware and in the consultant's zone.

    A part of the day or a stretch of hours takes the day said next to it ("domani mattina", "giovedì dopo le 15");
    a part of the day that only settles an hour ("domani pomeriggio alle 3") is none.
    """
    found = scan(text)
    today = now.date()
    settling = {id(part_of(found, at)) for at, item in enumerate(found.found) if isinstance(item, Clock)}
    settling |= {
        id(_part_with(found, at)) for at, item in enumerate(found.found) if isinstance(item, Stretch)
    }
    mentions = []
    for at, item in enumerate(found.found):
        if isinstance(item, PartWords) and id(item) not in settling:
            stretch = RangeMention("", item.start, item.end, None, None, item.part.begins, item.part.ends)
        elif isinstance(item, Stretch):
            days = item.days(today) if item.days is not None else (None, None)
            part = _part_with(found, at)
            hours = item.hours(part.part if part is not None else None)
            stretch = RangeMention("", item.start, item.end, *days, *hours)
            if stretch == RangeMention("", item.start, item.end):
                continue
        else:
            continue
        if stretch.date_from is None and stretch.date_to is None:
            stretch = _on_its_day(found, at, stretch, today)
        start, end = found.words[stretch.start].start, found.words[stretch.end - 1].end
        mentions.append(replace(stretch, text=text[start:end], start=start, end=end))
    return tuple(mentions)


def _part_with(found: Scan, at: int) -> PartWords | None:
    """The part of the day said right before a stretch of hours: "domani mattina tra le 9 e le 10"."""
    item = found.found[at]
    before = found.found[at - 1] if at else None
    if not isinstance(before, PartWords) or not isinstance(item, Stretch) or before.end != item.start:
        return None
    clocks = [clock for clock in (item.first, item.last) if clock is not None]
    fits = all(clock.fits(before.part) or not clock.contradicts(before.part) for clock in clocks)
    return before if clocks and fits and not found.words[item.start].cut else None


def _on_its_day(found: Scan, at: int, stretch: RangeMention, today: date) -> RangeMention:
    """`stretch` of hours with the one day said right before or behind it."""
    part = _part_with(found, at)
    if part is not None:
        at, stretch = at - 1, replace(stretch, start=part.start)
    for index in (at - 1, at + 1):
        item = _day_beside(found, found.found[index] if 0 <= index < len(found.found) else None, stretch)
        if item is None:
            continue
        days = item.meanings(today)
        day, meaning = next((said for said in reversed(days) if said[0].start <= stretch.start), days[0])
        if len(meaning.days) != 1 or meaning.problems:
            continue
        return replace(
            stretch,
            start=min(stretch.start, day.start),
            end=max(stretch.end, day.end),
            date_from=meaning.days[0],
            date_to=meaning.days[0] + timedelta(days=1),
        )
    return stretch


def _day_beside(found: Scan, item: Found | None, stretch: RangeMention) -> DayWords | None:
    if not isinstance(item, DayWords):
        return None
    between = found.words[min(stretch.end, item.end) : max(stretch.start, item.start)]
    joined = all(word.text in italian.OF or word.text in italian.ARTICLES for word in between)
    return item if joined and len(between) <= 2 else None
