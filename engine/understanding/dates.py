"""The days a text names, as seen from the day on which it is said."""

from __future__ import annotations

from datetime import datetime

from engine.understanding.calendar_scan import scan
from engine.understanding.day_grammar import DayWords
from engine.understanding.days import Meaning
from engine.understanding.mentions import DateMention
from engine.understanding.text import Token


def find_dates(text: str, now: datetime) -> tuple[DateMention, ...]:
    """Every day named in `text`, in order; the bounds of ranges are left to `find_ranges`.

    `now` is when it is said, aware and in the consultant's zone. "Mercoledì 11 febbraio 2026" is one mention;
    weekday and number that disagree give the days of both readings and WEEKDAY_MISMATCH.
    """
    found = scan(text)
    today = now.date()
    return tuple(
        _mention(text, found.words, day, meaning)
        for item in found.found
        if isinstance(item, DayWords)
        for day, meaning in item.meanings(today)
    )


def _mention(text: str, words: tuple[Token, ...], day: DayWords, meaning: Meaning) -> DateMention:
    start, end = words[day.start].start, words[day.end - 1].end
    return DateMention(text[start:end], start, end, meaning.days, meaning.problems)
