"""Free starts: what bookings and live holds take away, and for whom they do not."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from storage import availability, bookings, people, seed
from storage.agenda import AgendaSettings
from storage.errors import StorageError
from tests.storage.playground import NOW, ROME, WEDNESDAY_15, Store, rome

AFTERNOON = (rome("2026-02-11T14:00"), rome("2026-02-11T18:00"))


def free(store: Store, minutes: int = 60, **given: Any) -> list[str]:
    found = store.do(
        availability.available_starts, store.consultant, *AFTERNOON, minutes, now=store.now, **given
    )
    return [f"{start.astimezone(ROME):%H:%M}" for start in found]


def test_bookings_and_live_holds_take_their_cells(store: Store) -> None:
    assert free(store) == ["14:00", "14:30", "15:00", "15:30", "16:00", "16:30", "17:00"]
    store.hold()
    assert free(store) == ["14:00", "16:00", "16:30", "17:00"]
    assert free(store, 30) == ["14:00", "14:30", "16:00", "16:30", "17:00", "17:30"]
    store.do(seed.take_slot, store.consultant, rome("2026-02-11T16:50"), 30, now=store.now)
    assert free(store, 30) == ["14:00", "14:30", "16:00", "17:30"]
    assert free(store, limit=1) == ["14:00"]
    assert free(store, limit=0) == []


def test_the_own_hold_and_an_expired_one_do_not_block(store: Store) -> None:
    store.hold()
    assert "15:00" in free(store, conversation="c1")
    assert "15:00" not in free(store, conversation="c2")
    store.later(minutes=15)
    assert "15:00" in free(store, conversation="c2")


@pytest.mark.parametrize("lead", [False, True])
def test_the_booking_being_moved_does_not_block(store: Store, lead: bool) -> None:
    store.confirm(store.hold(client_id=None if lead else store.anna), lead=store.lead if lead else None)
    phone = store.lead.phone if lead else "+393400000001"
    (mine,) = store.do(bookings.find_bookings, phone=phone, now=store.now)
    assert "15:30" in free(store, moving=mine)
    assert "15:30" not in free(store)
    store.hold(rome("2026-02-11T16:00"), conversation="c2", client_id=store.bruno)
    assert "15:30" not in free(store, moving=mine)


def test_is_available_agrees_with_the_list(store: Store) -> None:
    store.hold()
    listed = set(free(store))
    for quarter in range(16):
        start = AFTERNOON[0] + timedelta(minutes=15 * quarter)
        one = store.do(availability.is_available, store.consultant, start, 60, now=store.now)
        assert one is (f"{start.astimezone(ROME):%H:%M}" in listed)


def test_local_instants_are_understood(store: Store) -> None:
    local = WEDNESDAY_15.astimezone(ROME)
    assert store.do(availability.is_available, store.consultant, local, 60, now=store.now)
    held = store.hold(local)
    assert held.start == WEDNESDAY_15 and held.start.tzinfo == WEDNESDAY_15.tzinfo


def test_published_starts_from_the_tables(store: Store) -> None:
    settings = AgendaSettings(published_starts_only=True, allowed_minutes=(60,))
    store.consultant = store.do(people.add_consultant, "Dott. Verdi", settings)
    store.do(seed.publish_starts, store.consultant, [WEDNESDAY_15, rome("2026-02-14T10:00")])
    found = store.do(
        availability.available_starts, store.consultant, NOW, NOW + timedelta(days=30), 60, now=NOW
    )
    assert found == [WEDNESDAY_15, rome("2026-02-14T10:00")]
    hours = store.do(availability.opening_hours, store.consultant, date(2026, 2, 11))
    assert hours == [(time(9), time(13)), (time(14), time(18))]
    store.book()
    assert not store.do(availability.is_available, store.consultant, WEDNESDAY_15, 60, now=NOW)


def test_exceptions_from_the_tables(store: Store) -> None:
    store.do(seed.add_closed, store.consultant, (rome("2026-02-11T14:00"), rome("2026-02-11T17:00")))
    store.do(seed.add_open, store.consultant, (rome("2026-02-11T18:00"), rome("2026-02-11T20:00")))
    assert free(store) == ["17:00", "17:30"]
    assert store.do(availability.is_available, store.consultant, rome("2026-02-11T19:00"), 60, now=NOW)


def test_settings_survive_the_tables(store: Store) -> None:
    settings = AgendaSettings(
        default_minutes=45,
        allowed_minutes=(45,),
        grid_minutes=15,
        buffer_before_minutes=5,
        buffer_after_minutes=10,
        lead_minutes=90,
        horizon_days=7,
        weekly_hours={"lun": ((time(8, 30), time(12)),)},
        published_starts_only=True,
    )
    other = store.do(people.add_consultant, "Dott. Verdi", settings, region="MI")
    assert store.do(availability.settings_of, other) == settings


def test_an_unknown_consultant_and_a_naive_instant_are_named(store: Store) -> None:
    with pytest.raises(StorageError, match="no consultant 99"):
        store.do(availability.opening_hours, 99, date(2026, 2, 11))
    naive = datetime(2026, 2, 11, 15)  # noqa: DTZ001 - what must be refused
    with pytest.raises((ValueError, TypeError)):
        store.do(seed.publish_starts, store.consultant, [naive])
