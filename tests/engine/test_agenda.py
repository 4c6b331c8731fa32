"""What an analysis sees of the consultant's agenda."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from engine.agenda import key_of, see, see_own
from engine.details import Accumulator, Details
from storage import availability, bookings, opening, seed
from storage.agenda import AgendaSettings, read_hours
from tests.engine.scene import START, Scene, scene, slot
from tests.storage.playground import rome

MORNING = ((time(9), time(13)),)


def settle(call: Scene, **given: Any) -> None:
    settings = AgendaSettings(default_minutes=60, allowed_minutes=(30, 60, 90), grid_minutes=30, **given)
    call.do(lambda: opening.change_settings(call.conversation.consultant_id, settings))


def seen(call: Scene, held: Accumulator | None = None) -> Any:
    return call.do(lambda: see(call.conversation, held or Accumulator(), START))


@pytest.mark.parametrize(
    ("weekly", "open_on"),
    [
        (read_hours(["mar-sab 09:00-13:00"]), {1, 2, 3, 4, 5}),
        ({"lun": (), "mar": MORNING}, {1}),
        ({"dom": MORNING, "gio": MORNING, "lun": MORNING}, {0, 3, 6}),  # as a database may order them
    ],
)
def test_opening_hours_stand_under_their_own_weekday(weekly: Any, open_on: set[int]) -> None:
    with scene() as call:
        settle(call, weekly_hours=weekly)
        hours = seen(call).hours
        assert sorted(hours) == list(range(7))
        assert {day for day, open_hours in hours.items() if open_hours == MORNING} == open_on
        assert {day for day, open_hours in hours.items() if not open_hours} == set(range(7)) - open_on


@pytest.mark.parametrize(
    ("asked_for", "free"),
    [
        (None, {"2026-02-11T09:00", "2026-02-11T09:30"}),  # as long as it was
        (30, {"2026-02-11T09:00", "2026-02-11T09:30", "2026-02-11T10:00", "2026-02-11T10:30"}),
    ],
)
def test_free_for_a_move_is_what_has_room_for_the_booking(asked_for: int | None, free: set[str]) -> None:
    with scene(free=()) as call:
        settle(call, weekly_hours=read_hours(["mer 09:00-11:00"]), horizon_days=7)
        own = call.do(
            lambda: seed.add_booking(
                call.conversation.consultant_id,
                rome("2026-02-12T15:00"),
                90,
                now=START,
                client_id=call.client_id,
            )
        )
        held = Accumulator(Details(minutes=asked_for), target=key_of(own))
        assert seen(call, held).free == set(map(slot, free))


def test_a_longer_booking_is_moved_to_an_alternative_that_has_room() -> None:
    with scene(free=()) as call:
        settle(call, weekly_hours=read_hours(["mer 09:00-11:00", "ven 09:00-10:00"]), horizon_days=7)
        call.do(
            lambda: seed.add_booking(
                call.conversation.consultant_id,
                rome("2026-02-12T15:00"),
                90,
                now=START,
                client_id=call.client_id,
            )
        )
        call.say("C: Vorrei spostare il mio appuntamento", "A: Quando le andrebbe bene?")
        told = call.say("C: Venerdì alle 9", "A: Vediamo.")
        assert "venerdì 13 febbraio alle 9, " not in told.texts[0].split("proponi: ")[1]
        assert "mercoledì 11 febbraio alle 9 o mercoledì 11 febbraio alle 9:30" in told.texts[0]
        moved = call.say(
            "C: Allora mercoledì alle 9",
            "A: Sposto a mercoledì 11 febbraio alle 9, confermi?",
            "C: Sì",
            "A: Ecco.",
        )
        assert call.bookings() == ["2026-02-11T09:00"], moved
        (booked,) = call.do(bookings.all_in_force)
        assert booked.minutes == 90


def test_the_own_bookings_are_seen_without_looking_for_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(own=["2026-02-11T15:00"]) as call:
        whole = seen(call)
        assert whole.own and whole.free
        monkeypatch.delattr(availability, "available_starts")
        alone = call.do(lambda: see_own(call.conversation, Accumulator(), START))
        assert alone == replace(whole, free=frozenset())
