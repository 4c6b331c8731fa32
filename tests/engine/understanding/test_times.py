"""Times of day: what each expression means, what stays open, and what is no time."""

from __future__ import annotations

from datetime import datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.dates import find_dates
from engine.understanding.it.numbers import BELOW_TWENTY
from engine.understanding.mentions import Problem
from engine.understanding.ranges import find_ranges
from engine.understanding.times import find_times

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ZoneInfo("Europe/Rome"))


def times(text: str) -> list[str]:
    return [" ".join(f"{at:%H:%M}" for at in mention.candidates) for mention in find_times(text)]


READ = [
    ("alle 15", ["15:00"]),
    ("alle 15:30", ["15:30"]),
    ("alle 15.30", ["15:30"]),
    ("alle 15,30", ["15:30"]),
    ("alle 15 30", ["15:30"]),
    ("ore 15", ["15:00"]),
    ("alle ore 15", ["15:00"]),
    ("h 15", ["15:00"]),
    ("h15", ["15:00"]),
    ("15h30", ["15:30"]),
    ("15:30", ["15:30"]),
    ("alle 09:00", ["09:00"]),
    ("alle quindici e trenta", ["15:30"]),
    ("15 e 30", ["15:30"]),
    ("alle venti e quarantacinque", ["20:45"]),
    ("alle tre", ["03:00 15:00"]),
    ("alle 10:30", ["10:30 22:30"]),
    ("alle tre e mezza", ["03:30 15:30"]),
    ("tre e mezza", ["03:30 15:30"]),
    ("alle tre e un quarto", ["03:15 15:15"]),
    ("alle quattro meno un quarto", ["03:45 15:45"]),
    ("all'una meno dieci", ["12:50"]),
    ("alle sedici meno un quarto", ["15:45"]),
    ("alle 3 e tre quarti", ["03:45 15:45"]),
    ("un quarto alle tre", ["02:45 14:45"]),
    ("mezzogiorno", ["12:00"]),
    ("a mezzogiorno e mezzo", ["12:30"]),
    ("mezzogiorno meno un quarto", ["11:45"]),
    ("mezzanotte", ["00:00"]),
    ("alle 24", ["00:00"]),
    ("l'una", ["01:00 13:00"]),
    ("all'una e mezza", ["01:30 13:30"]),
    ("alle 3 del pomeriggio", ["15:00"]),
    ("le 9 di mattina", ["09:00"]),
    ("3 del pomeriggio", ["15:00"]),
    ("alle 8 di sera", ["20:00"]),
    ("alle 8 stasera", ["20:00"]),
    ("8 di stasera", ["20:00"]),
    ("domani pomeriggio alle 3", ["15:00"]),
    ("alle tre domani pomeriggio", ["15:00"]),
    ("alle tre questo pomeriggio", ["15:00"]),
    ("domattina alle 9", ["09:00"]),
    ("domani mattina alle 9 o alle 10", ["09:00", "10:00"]),
    ("mercoledì mattina 11 febbraio alle 10", ["10:00"]),
    ("al mattino non posso, alle 3 va bene?", ["03:00 15:00"]),
    ("domani mattina o giovedì alle 4", ["04:00 16:00"]),
    ("mercoledì alle 10, alle 15, e giovedì alle 11", ["10:00 22:00", "15:00", "11:00 23:00"]),
    ("ho le 10, le 11 e le 15", ["10:00 22:00", "11:00 23:00", "15:00"]),
    ("alle 10, 11 e 15", ["10:00 22:00", "11:00 23:00", "15:00"]),
    ("alle 14 o 16", ["14:00", "16:00"]),
    ("giovedì 12 10.30", ["10:30 22:30"]),
    ("quella delle 15", ["15:00"]),
    ("le 15 vanno bene", ["15:00"]),
    ("spostiamo dalle 14 alle 16", ["14:00", "16:00"]),
    ("alle 15 in punto, grazie", ["15:00"]),
    ("alle 15, 30 minuti", ["15:00"]),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_read(text: str, expected: list[str]) -> None:
    assert times(text) == expected
    assert all(not mention.problems for mention in find_times(text))


@pytest.mark.parametrize(
    "text", ["verso le 15", "intorno alle 15", "alle 15 circa", "circa alle 15", "sulle 15"]
)
def test_about_a_time_is_that_time(text: str) -> None:
    (mention,) = find_times(text)
    assert mention.value == time(15)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("alle 25", Problem.IMPOSSIBLE),
        ("alle 15:75", Problem.IMPOSSIBLE),
        ("alle 15 di mattina", Problem.AMBIGUOUS),
        ("alle 14 e 11", Problem.AMBIGUOUS),
    ],
)
def test_flagged(text: str, problem: Problem) -> None:
    (mention,) = find_times(text)
    assert mention.problems == {problem}
    assert mention.value is None


NO_TIMES = [
    "",
    "un'ora",
    "per due ore",
    "due ore e mezza",
    "tra due ore",
    "le tre opzioni",
    "alle tre persone",
    "tutte e tre",
    "tra le due",
    "l'una o l'altra",
    "costa 15.30 euro",
    "3 volte",
    "il 3 aprile",
    "il mio numero è 333 123 4567",
    "zero sei e trenta",
    "dopo le 15",
    "prima delle 12",
    "tra le 10 e le 12",
    "dalle 14 alle 16",
    "alle",
    "aperti h24",
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_no_times(text: str) -> None:
    assert times(text) == []


def test_a_readback_is_one_day_and_one_time() -> None:
    text = "Perfetto, domani, martedì 10 febbraio 2026, alle ore 15:00 in punto, confermi?"
    assert len(find_dates(text, NOW)) == 1
    (mention,) = find_times(text)
    assert mention.text == "alle ore 15:00 in punto"
    assert mention.value == time(15)


HOURS = ["zero", "una", *BELOW_TWENTY[2:], "venti", "ventuno", "ventidue", "ventitré"]
WRITINGS = [
    lambda t: f"alle {t:%H:%M}",
    lambda t: f"Alle ore {t:%H.%M}, va bene?",
    lambda t: f"domani alle {t.hour} e {t.minute:02}" if t.minute else f"domani alle {t.hour}",
    lambda t: f"h {t:%H:%M}",
    lambda t: f"verso le {HOURS[t.hour]} e mezza" if t.minute == 30 and t.hour else f"verso le {t:%H:%M}",
]


@given(st.integers(0, 23), st.sampled_from(range(0, 60, 5)), st.sampled_from(WRITINGS))
def test_a_written_time_comes_back(hour: int, minute: int, write: object) -> None:
    assert callable(write)
    (mention,) = find_times(write(time(hour, minute)))
    assert time(hour, minute) in mention.candidates
    assert not mention.problems
    assert len(mention.candidates) == 1 or mention.candidates[1].hour - mention.candidates[0].hour == 12


PIECES = [
    "alle",
    "le",
    "l'",
    "una",
    "tre",
    "15",
    "15:30",
    "e",
    "meno",
    "un quarto",
    "mezza",
    "99",
    ",",
    "o",
    "di",
]
PIECES += ["pomeriggio", "dalle", "tra", "mezzogiorno", "domani", "circa", "h", "ore", "a", "-", "9:75", "0"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
def test_any_text_gives_mentions_in_order(text: str) -> None:
    found = find_times(text)
    assert all(text[mention.start : mention.end] == mention.text != "" for mention in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert all(mention.candidates or mention.problems for mention in found)


@pytest.mark.parametrize(
    "unit",
    [
        "alle 10, ",
        "alle 10 o ",
        "10, 11 e ",
        "da lunedì a ",
        "tra le ",
        "mercoledì ",
        "vigilia di ",
        "venti ",
    ],
)
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """As much as nobody says in a turn; in time that grows faster than the text this would not come to an end."""
    text = unit * (50_000 // len(unit))
    for found in (find_dates(text, NOW), find_times(text), find_ranges(text, NOW)):
        assert not found or found[-1].end > len(text) - 2 * len(unit)
