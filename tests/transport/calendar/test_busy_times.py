"""The copy of a calendar: read when it is too old, shared by whoever asks, used all the same when it cannot be read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import availability, busy, calendars
from storage.results import Refusal
from tests.storage.playground import NOW, WEDNESDAY_15, rome
from tests.transport.calendar.conftest import CALENDAR, Office, SetClock
from transport.calendar.busy import BusyTimes


class Ticking(SetClock):
    """The time of day stands; who waits, waits for real."""

    waits = 0

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        await asyncio.sleep(seconds)


def looking_after(office: Office, **changed: Any) -> BusyTimes:
    office.clock = Ticking()
    settings = office.settings.model_copy(update=changed)
    return BusyTimes(office.store.database, office.client(), office.clock, settings)


def view(office: Office) -> busy.View:
    found = office.store.do(busy.view, office.store.consultant)
    assert found is not None
    return found


async def test_what_else_is_in_the_calendar_cannot_be_booked(office: Office) -> None:
    office.google.put(CALENDAR, WEDNESDAY_15)
    await looking_after(office).fresh(office.store.consultant)
    assert office.store.propose() is Refusal.SLOT_TAKEN
    assert view(office) == busy.View(CALENDAR, NOW, None, None, stale=False)


async def test_our_own_events_are_left_out(office: Office) -> None:
    made = await office.book()
    await office.worker().work_off()
    await looking_after(office).fresh(office.store.consultant)
    assert len(office.events()) == 1
    half_past = rome("2026-02-11T15:30")
    assert availability_of(office, half_past, moving=made)


def availability_of(office: Office, start: datetime, **given: Any) -> bool:
    return office.store.do(availability.is_available, office.store.consultant, start, 60, now=NOW, **given)


@pytest.mark.parametrize(
    "free",
    [
        {"transparency": "transparent"},
        {"eventType": "workingLocation"},
        {"attendees": [{"self": True, "email": "r@example.it", "responseStatus": "declined"}]},
    ],
)
async def test_what_leaves_its_owner_free_takes_nothing(office: Office, free: dict[str, Any]) -> None:
    office.google.put(CALENDAR, WEDNESDAY_15, **free)
    await looking_after(office).fresh(office.store.consultant)
    assert availability_of(office, WEDNESDAY_15)


async def test_a_whole_day_is_of_the_calendars_zone(office: Office) -> None:
    day = {"start": {"date": "2026-02-11"}, "end": {"date": "2026-02-12"}}
    office.google.put(CALENDAR, WEDNESDAY_15).update(day)
    found = await office.client().busy(CALENDAR, NOW, NOW + timedelta(days=7))
    midnight = datetime(2026, 2, 10, 23, tzinfo=UTC)
    assert [(each.start, each.end) for each in found] == [(midnight, midnight + timedelta(days=1))]


async def test_long_lists_are_read_to_their_end(office: Office) -> None:
    office.google.page_size = 2
    for hour in range(9, 14):
        office.google.put(CALENDAR, rome(f"2026-02-11T{hour:02}:00"), 30)
    found = await office.client().busy(CALENDAR, NOW, NOW + timedelta(days=7))
    assert len(found) == 5
    assert office.google.calls == ["list"] * 3


async def test_it_is_read_again_once_it_is_too_old_and_not_before(office: Office) -> None:
    times, who = looking_after(office, busy_age_s=60.0), office.store.consultant
    await times.fresh(who)
    office.clock.later(59)
    await times.fresh(who)
    assert office.google.calls == ["list"]
    office.clock.later(1)
    await times.fresh(who)
    assert office.google.calls == ["list"] * 2


async def test_who_asks_meanwhile_shares_the_reading(office: Office) -> None:
    times, who = looking_after(office), office.store.consultant
    times.begin(who)
    await asyncio.gather(*(times.fresh(who) for _ in range(5)))
    assert office.google.calls == ["list"]


async def test_when_google_fails_the_old_copy_is_used_and_marked(office: Office) -> None:
    times, who = looking_after(office), office.store.consultant
    office.google.put(CALENDAR, WEDNESDAY_15)
    await times.fresh(who)
    office.google.fail("list", 503)
    office.clock.later(120)
    await times.fresh(who)
    assert not availability_of(office, WEDNESDAY_15)
    known = view(office)
    assert (known.stale, known.read_at, known.error) == (
        True,
        NOW,
        "Google Calendar answered 503 backendError",
    )
    await times.fresh(who)  # not asked again at once
    assert office.google.calls == ["list"] * 2
    office.clock.later(10)
    await times.fresh(who)
    assert not view(office).stale


async def test_nobody_waits_longer_than_they_should(office: Office) -> None:
    times, who = looking_after(office, busy_wait_s=0.05), office.store.consultant
    held = office.google.fail("list")
    await times.fresh(who)
    known = view(office)
    assert known.stale and known.error == "the calendar did not answer in time"
    assert isinstance(office.clock, Ticking) and office.clock.waits == 1
    await times.fresh(who)  # as of now nobody waits for it
    assert office.clock.waits == 1
    office.google.put(CALENDAR, WEDNESDAY_15)
    held.released.set()
    for _ in range(100):
        if not view(office).stale:
            break
        await asyncio.sleep(0.02)
    assert not availability_of(office, WEDNESDAY_15)  # it came in the end
    await times.close()


async def test_without_a_calendar_nobody_is_asked(office: Office) -> None:
    office.store.do(calendars.set_calendar, office.store.consultant, None, now=NOW)
    await looking_after(office).fresh(office.store.consultant)
    assert office.google.calls == []
