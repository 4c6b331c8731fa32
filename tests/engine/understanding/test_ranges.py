"""Stretches of days and hours, as seen from a Monday."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.dates import find_dates
from engine.understanding.ranges import find_ranges
from engine.understanding.times import find_times

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ZoneInfo("Europe/Rome"))


def ranges(text: str) -> list[str]:
    def shown(begin: date | time | None, end: date | time | None, form: str) -> str:
        return (
            ""
            if begin is None and end is None
            else "-".join(f"{at:{form}}" if at else "" for at in (begin, end))
        )

    return [
        f"{shown(m.date_from, m.date_to, '%d.%m')} {shown(m.time_from, m.time_to, '%H:%M')}".strip()
        for m in find_ranges(text, NOW)
    ]


READ = [
    ("domani mattina", ["10.02-11.02 06:00-12:00"]),
    ("mercoledì pomeriggio", ["11.02-12.02 12:00-19:00"]),
    ("nel pomeriggio di mercoledì", ["11.02-12.02 12:00-19:00"]),
    ("stasera", ["09.02-10.02 18:00-"]),
    ("nel pomeriggio", ["12:00-19:00"]),
    ("di mattina", ["06:00-12:00"]),
    ("in serata", ["18:00-"]),
    ("nel tardo pomeriggio", ["16:00-19:00"]),
    ("mattina o pomeriggio?", ["06:00-12:00", "12:00-19:00"]),
    ("domani mattina, mercoledì pomeriggio", ["10.02-11.02 06:00-12:00", "11.02-12.02 12:00-19:00"]),
    ("dopo le 15", ["15:00-"]),
    ("dopo le 3", ["15:00-"]),
    ("dalle 15 in poi", ["15:00-"]),
    ("prima delle 12", ["-12:00"]),
    ("entro mezzogiorno", ["-12:00"]),
    ("fino alle 18", ["-18:00"]),
    ("tra le 10 e le 12", ["10:00-12:00"]),
    ("tra le 10 e 12", ["10:00-12:00"]),
    ("tra le 10 e 30 e le 12", ["10:30-12:00"]),
    ("tra le due e le quattro", ["14:00-16:00"]),
    ("dalle 14 alle 16", ["14:00-16:00"]),
    ("dalle 9 all'una", ["09:00-13:00"]),
    ("11:30-13:30", ["11:30-13:30"]),
    ("giovedì dopo le 15", ["12.02-13.02 15:00-"]),
    ("dalle 9 alle 11 di giovedì", ["12.02-13.02 09:00-11:00"]),
    ("la settimana prossima", ["16.02-23.02"]),
    ("questa settimana", ["09.02-16.02"]),
    ("la settimana del 16 febbraio", ["16.02-23.02"]),
    ("il fine settimana", ["14.02-16.02"]),
    ("nel weekend", ["14.02-16.02"]),
    ("a marzo", ["01.03-01.04"]),
    ("il mese prossimo", ["01.03-01.04"]),
    ("fine mese", ["19.02-01.03"]),
    ("inizio settimana", ["09.02-11.02"]),
    ("tra lunedì e mercoledì", ["09.02-12.02"]),
    ("da lunedì a venerdì", ["09.02-14.02"]),
    ("da domani a giovedì", ["10.02-13.02"]),
    ("da venerdì a lunedì", ["13.02-17.02"]),
    ("dal 13 al 15 marzo", ["13.03-16.03"]),
    ("tra il 13 e il 18", ["13.02-19.02"]),
    ("13-15 luglio", ["13.07-16.07"]),
    ("da giovedì", ["12.02-"]),
    ("dopo mercoledì", ["12.02-"]),
    ("prima di venerdì", ["-13.02"]),
    ("entro venerdì", ["-14.02"]),
    ("entro due settimane", ["09.02-24.02"]),
    ("nei prossimi giorni", ["10.02-17.02"]),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_read(text: str, expected: list[str]) -> None:
    assert ranges(text) == expected


@pytest.mark.parametrize("text", ["tra lunedì e mercoledì", "dalle 14 alle 16", "dopo le 15", "entro il 15"])
def test_a_bound_is_no_point(text: str) -> None:
    assert not find_dates(text, NOW)
    assert not find_times(text)


@pytest.mark.parametrize(
    "text",
    ["", "buona sera", "buonasera", "domani pomeriggio alle 3", "mercoledì alle 15", "via XX settembre"],
)
def test_no_ranges(text: str) -> None:
    assert ranges(text) == []


PIECES = [
    "tra",
    "da",
    "a",
    "lunedì",
    "le 3",
    "e",
    "dopo",
    "dalle",
    "fine",
    "mese",
    "settimana",
    "del",
    "31",
    "febbraio",
]
PIECES += [
    "entro",
    "9999",
    "mesi",
    "giorni",
    "13-15",
    "11:30-13:30",
    "-",
    "non oltre",
    "fino al",
    "prossimi",
    "stasera",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
def test_any_text_gives_ranges_with_places(text: str) -> None:
    for mention in find_ranges(text, NOW):
        assert text[mention.start : mention.end] == mention.text != ""
        assert (mention.date_from, mention.date_to, mention.time_from, mention.time_to) != (None,) * 4
