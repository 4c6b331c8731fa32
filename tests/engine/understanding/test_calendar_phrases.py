"""The phrases of `calendar_phrases.py` mean what an Italian means by them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from engine.understanding.acts import Phrases
from engine.understanding.mentions import Problem
from engine.understanding.ranges import find_ranges
from engine.understanding.report import ZONE, Line, report
from tests.engine.understanding.calendar_phrases import DAYS, RANGES, SAID_AT, TIMES

NOW = datetime.fromisoformat(SAID_AT).astimezone(ZONE)


def shown(told: dict[str, Any]) -> str:
    problems = told.get("problems", [])
    for problem, name in ((Problem.WEEKDAY_MISMATCH, "mismatch"), (Problem.IMPOSSIBLE, "impossible")):
        if problem in problems:
            return name
    if told["value"] is None:
        return " ".join(["?", *told["candidates"]]) if told["candidates"] else "impossible"
    return ("past " if Problem.PAST in problems else "") + str(told["value"])


def told(text: str, name: str) -> str:
    answer = report(Line(text, NOW), Phrases({}, {}))
    return " + ".join(shown(mention) for mention in answer[name])


def agrees(text: str, expected: str) -> bool:
    return text == expected or (expected == "?" and text.startswith("?"))


@pytest.mark.parametrize(("text", "expected"), DAYS)
def test_day(text: str, expected: str) -> None:
    assert told(text, "dates") == expected


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_time(text: str, expected: str) -> None:
    found = told(text, "times")
    assert agrees(found, expected), found


def span(begin: date | time | None, end: date | time | None, form: str) -> str:
    ends = (f"{at:{form}}" if at is not None else "" for at in (begin, end))
    return "" if begin is None and end is None else "-".join(ends)


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_stretch(text: str, expected: str) -> None:
    found = [
        f"{span(m.date_from, m.date_to, '%d.%m')} {span(m.time_from, m.time_to, '%H:%M')}".strip()
        for m in find_ranges(text, NOW)
    ]
    assert " + ".join(found) == expected
