"""The days a text names, as seen from the day on which it is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from engine.understanding.calendar_scan import scan
from engine.understanding.day_grammar import DayWords
from engine.understanding.days import Meaning
from engine.understanding.mentions import DateMention, Problem
from engine.understanding.text import Token


def find_dates(text: str, now: datetime) -> tuple[DateMention, ...]:
    """Every day named in `text`, in order; the bounds of ranges are left to `find_ranges`.

    `now` is when it is said, aware and in the consultant's zone. "Mercoledì 11 febbraio 2026" is one mention;
    weekday and number that disagree give the days of both readings and WEEKDAY_MISMATCH.
    """
    found = scan(text)
    today = now.date()
    return tuple(
        mention
        for item in found.found
        if isinstance(item, DayWords)
        for mention in _mentions(text, found.words, item, today)
    )


def _mentions(text: str, words: tuple[Token, ...], said: DayWords, today: date) -> Iterator[DateMention]:
    """One mention, or one for each atom where a comma parts days that do not agree ("domani, mercoledì")."""
    meaning = said.day.on(today)
    if Problem.WEEKDAY_MISMATCH in meaning.problems and said.is_list:
        for atom in said.atoms:
            yield _mention(text, words, atom.start, atom.end, atom.day.on(today))
    else:
        yield _mention(text, words, said.start, said.end, meaning)


def _mention(text: str, words: tuple[Token, ...], first: int, after: int, meaning: Meaning) -> DateMention:
    start, end = words[first].start, words[after - 1].end
    return DateMention(text[start:end], start, end, meaning.days, meaning.problems)
