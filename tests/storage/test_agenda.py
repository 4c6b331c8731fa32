"""The bookable starts of a consultant: hours, closing days, exceptions, lead, horizon, and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.agenda import WEEKDAYS, WORKING_WEEK, Agenda, AgendaSettings
from tests.storage.playground import NOW, ROME, rome

NIGHTS = {day: ((time(1), time(5)),) for day in WEEKDAYS}


def agenda(region: str | None = None, spans: dict[str, Any] | None = None, **given: Any) -> Agenda:
    return Agenda(ROME, "IT", region, AgendaSettings(**given), **(spans or {}))


def walls(of: Agenda, day: str, minutes: int = 60, now: datetime = NOW, to: str | None = None) -> list[str]:
    begin = rome(f"{day}T00:00")
    end = rome(f"{to}T00:00") if to else begin + timedelta(days=1)
    return [f"{start.astimezone(ROME):%H:%M}" for start in of.starts(begin, end, minutes, now=now)]


def test_a_working_day() -> None:
    found = walls(agenda(), "2026-02-11")
    assert found == [
        "09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00",
        "14:00", "14:30", "15:00", "15:30", "16:00", "16:30", "17:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "grid", "last_of_the_morning"), [(30, 30, "12:30"), (90, 30, "11:30"), (45, 15, "12:15")]
)
def test_the_grid_and_the_duration(minutes: int, grid: int, last_of_the_morning: str) -> None:
    found = walls(agenda(grid_minutes=grid), "2026-02-11", minutes)
    assert max(start for start in found if start < "13") == last_of_the_morning


def test_a_duration_that_is_not_allowed_has_no_starts() -> None:
    assert walls(agenda(), "2026-02-11", 50) == []


@pytest.mark.parametrize(
    ("day", "region", "closed"),
    [
        ("2026-02-14", None, True),
        ("2026-02-15", None, True),
        ("2026-04-06", None, True),
        ("2026-06-02", None, True),
        ("2026-12-07", None, False),
        ("2026-12-07", "MI", True),
        ("2026-12-08", None, True),
    ],
)
def test_closing_days(day: str, region: str | None, closed: bool) -> None:
    one = agenda(region, horizon_days=400)
    assert (walls(one, day) == []) is closed
    assert (one.hours(date.fromisoformat(day)) == []) is closed


def test_lead_time_and_horizon() -> None:
    assert walls(agenda(lead_minutes=0), "2026-02-09")[0] == "10:00"
    assert walls(agenda(lead_minutes=120), "2026-02-09")[0] == "11:30"
    assert walls(agenda(horizon_days=2), "2026-02-11") == ["09:00"]  # the horizon ends at 09:30
    assert walls(agenda(horizon_days=2), "2026-02-12") == []


def test_exceptions_open_and_close() -> None:
    spans = {
        "opened": ((rome("2026-02-14T10:00"), rome("2026-02-14T12:00")),),
        "closed": ((rome("2026-02-11T09:40"), rome("2026-02-11T17:00")),),
    }
    one = agenda(spans=spans)
    assert walls(one, "2026-02-14") == ["10:00", "10:30", "11:00"]
    assert walls(one, "2026-02-11") == ["17:00"]
    assert walls(one, "2026-02-11", 30) == ["09:00", "17:00", "17:30"]
    assert one.hours(date(2026, 2, 14)) == [(time(10), time(12))]
    assert one.hours(date(2026, 2, 11)) == [(time(9), time(9, 40)), (time(17), time(18))]


def test_an_opening_joins_the_hours_it_meets() -> None:
    one = agenda(spans={"opened": ((rome("2026-02-11T13:00"), rome("2026-02-11T14:00")),)})
    assert "12:30" in walls(one, "2026-02-11") and "13:30" in walls(one, "2026-02-11")
    assert one.hours(date(2026, 2, 11)) == [(time(9), time(18))]


def test_published_starts_are_the_only_ones_where_the_settings_say_so() -> None:
    starts = (rome("2026-02-11T10:10"), rome("2026-02-14T20:00"))
    only = agenda(spans={"published": starts}, published_starts_only=True)
    assert walls(only, "2026-02-11") == ["10:10"]
    assert walls(only, "2026-02-14") == ["20:00"]
    assert only.hours(date(2026, 2, 11)) == list(WORKING_WEEK["mer"])
    besides = agenda(spans={"published": starts})
    assert "10:10" in walls(besides, "2026-02-11") and "10:00" in walls(besides, "2026-02-11")
    assert walls(agenda(published_starts_only=True), "2026-02-11") == []
    closed = {"published": starts, "closed": ((rome("2026-02-11T10:30"), rome("2026-02-11T11:00")),)}
    assert walls(agenda(spans=closed, published_starts_only=True), "2026-02-11") == []


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-28", "01:00=0 01:30=0.5 02:00=1 02:30=1.5 03:00=2 03:30=2.5 04:00=3"),
        ("2026-03-29", "01:00=0 01:30=0.5 03:00=1 03:30=1.5 04:00=2"),
        ("2026-10-25", "01:00=0 01:30=0.5 02:00=1 02:30=1.5 03:00=3 03:30=3.5 04:00=4"),
    ],
)
def test_nights_the_clock_changes(day: str, expected: str) -> None:
    """Hours of real time since 01:00: a skipped wall time is not offered, a doubled one only once."""
    one = agenda(weekly_hours=NIGHTS, horizon_days=400)
    one_oclock = rome(f"{day}T01:00")
    begin = rome(f"{day}T00:00")
    found = list(one.starts(begin, begin + timedelta(days=1), 60, now=NOW))
    shown = [f"{each.astimezone(ROME):%H:%M}={(each - one_oclock) / timedelta(hours=1):g}" for each in found]
    assert " ".join(shown) == expected
    assert all(one.allows(start, 60, now=NOW) for start in found)


def test_the_second_of_a_doubled_hour_is_no_start() -> None:
    one = agenda(weekly_hours=NIGHTS, horizon_days=400)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert one.allows(first, 30, now=NOW)
    assert not one.allows(first + timedelta(hours=1), 30, now=NOW)


def test_hours_across_midnight() -> None:
    night = (rome("2026-02-11T22:00"), rome("2026-02-12T02:00"))
    one = agenda(weekly_hours={}, spans={"opened": (night,)})
    assert one.hours(date(2026, 2, 11)) == [(time(22), time.max)]
    assert one.hours(date(2026, 2, 12)) == [(time(0), time(2))]
    assert walls(one, "2026-02-11") == ["22:00", "22:30", "23:00", "23:30"]
    assert walls(one, "2026-02-12") == ["00:00", "00:30", "01:00"]


@settings(max_examples=60, deadline=None)
@given(
    hour=st.integers(0, 24 * 400),
    minutes=st.sampled_from([30, 45, 60, 90]),
    grid=st.sampled_from([15, 20, 30, 60]),
    closed=st.tuples(st.integers(0, 72), st.integers(1, 10)),
)
def test_every_start_lies_in_open_time(hour: int, minutes: int, grid: int, closed: tuple[int, int]) -> None:
    frm = NOW + timedelta(hours=hour)
    shut = (frm + timedelta(hours=closed[0]), frm + timedelta(hours=closed[0] + closed[1]))
    one = agenda(spans={"closed": (shut,)}, grid_minutes=grid, horizon_days=500)
    found = list(one.starts(frm, frm + timedelta(days=3), minutes, now=NOW))
    assert found == sorted(set(found))
    for start in found:
        end = start + timedelta(minutes=minutes)
        assert not (start < shut[1] and shut[0] < end)
        wall, until = start.astimezone(ROME), end.astimezone(ROME).time()
        assert any(begin <= wall.time() and until <= close for begin, close in one.hours(wall.date()))
        assert one.allows(start, minutes, now=NOW)
