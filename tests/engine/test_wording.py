"""Days and times as they are said in Italian."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.dates import find_dates
from engine.understanding.times import find_times
from engine.wording import spoken_day, spoken_list, spoken_slot
from tests.storage.playground import NOW, ROME

WEDNESDAY = datetime(2026, 2, 11, 15, tzinfo=ROME)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (WEDNESDAY, "mercoledì 11 febbraio alle 15"),
        (WEDNESDAY.replace(minute=30), "mercoledì 11 febbraio alle 15:30"),
        (WEDNESDAY.replace(minute=5), "mercoledì 11 febbraio alle 15:05"),
        (WEDNESDAY.replace(hour=9), "mercoledì 11 febbraio alle 9"),
        (WEDNESDAY.replace(hour=0, minute=15), "mercoledì 11 febbraio alle 0:15"),
        (datetime(2026, 8, 1, 10, tzinfo=ROME), "sabato 1 agosto alle 10"),
        (datetime(2026, 12, 31, 18, 45, tzinfo=ROME), "giovedì 31 dicembre alle 18:45"),
    ],
)
def test_a_slot(moment: datetime, expected: str) -> None:
    assert spoken_slot(moment) == expected
    assert expected.startswith(f"{spoken_day(moment)} alle ")


def test_a_list() -> None:
    ten = WEDNESDAY.replace(hour=10)
    assert spoken_list([]) == ""
    assert spoken_list([ten]) == "mercoledì 11 febbraio alle 10"
    assert spoken_list([ten, WEDNESDAY]) == "mercoledì 11 febbraio alle 10 o mercoledì 11 febbraio alle 15"
    assert spoken_list([ten, ten, ten]).count(", ") == 1


minutes = st.integers(60 * 24, 60 * 24 * 320)


@given(minutes.map(lambda n: datetime(2026, 2, 9, tzinfo=ROME) + timedelta(minutes=n)))
def test_what_we_say_is_read_back_as_what_we_meant(moment: datetime) -> None:
    """Our own wording can always mean the slot it was made from, and on a full clock nothing else."""
    said = spoken_slot(moment)
    (day,) = find_dates(said, NOW.astimezone(ROME))
    (at,) = find_times(said)
    wall = moment.time().replace(tzinfo=None)
    assert day.value == moment.date()
    assert wall in at.candidates
    assert at.value == wall if moment.hour > 12 else len(at.candidates) <= 2
