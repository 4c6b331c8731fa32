"""A whole call for a consultant with a calendar: what else is in it is not offered, the event follows while the caller
is on the line, and they are told of its link."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from storage import bookings, calendars, outbox
from tests.calls.lineup import (
    MONDAY,
    WEDNESDAY_10,
    WEDNESDAY_15,
    LineUp,
    Part,
    booker,
    furnish,
    instant,
    line_up,
)
from transport.calendar.settings import CalendarSettings
from transport.simulation.calendar_emulator import CalendarEmulator
from transport.simulation.caller import Dialled, SimulatedCaller
from transport.simulation.persona import GOODBYE, Persona, Reaction, Reply
from transport.simulation.wire import WIRES

CALENDAR = "rossi@example.it"


def patient(name: str) -> Persona:
    """Books Wednesday at 15, and stays on the line until a link is spoken of."""
    return booker(
        name,
        Reaction("videochiamata", Reply(GOODBYE, hang_up=True)),
        Reaction("serve altro", Reply("Un momento che lo segno."), times=2),
    )


async def call(line: LineUp, persona: Persona) -> None:
    """Put the consultant's calendar in place, then let the client call."""

    def prepare() -> Dialled:
        dialled = furnish(Part(persona))
        assert dialled.consultant_id is not None
        calendars.set_calendar(dialled.consultant_id, CALENDAR, now=MONDAY)
        return dialled

    dialled = await line.database.run(prepare)
    await SimulatedCaller(line.url + WIRES["fork"].path, dialled, persona, line.clock).run(line.session)


@pytest.mark.parametrize("reachable", [True, False])
async def test_the_calendar_is_heeded_followed_and_spoken_of(tmp_path: Path, reachable: bool) -> None:
    google = CalendarEmulator(calendars=(CALENDAR,))
    await google.start()
    google.put(CALENDAR, instant(WEDNESDAY_10))
    if not reachable:
        google.fail("list", 503, times=99)
    sections = {
        "calendar": CalendarSettings(base_url=google.base_url, busy_wait_s=10.0),
        "google_calendar_credentials": SecretStr(google.credentials),
    }
    async with line_up(tmp_path, settings=sections) as line:
        await call(line, patient("Carla"))
        ended = await line.ended("Carla")
        assert ended.booked == [WEDNESDAY_15], ended.story
        assert ended.notices[-2:] == ["prenotazione_riuscita", "link_pronto"], ended.story
        (made,) = await line.database.run(bookings.all_in_force)
        (event,) = [each for each in google.confirmed(CALENDAR) if each["id"] == outbox.event_id(made)]
        assert ended.detail.metadata["googleMeetLink"] == event["hangoutLink"] == made.meet_link
        assert google.problems == []
        offered = [each.text for each in ended.detail.turns if each.speaker == "assistant"]
        assert ("alle 10" in " ".join(offered)) is not reachable, ended.story  # not known to be taken
        stale = {each.entry.get("busy_as_of") for each in ended.detail.journal if each.entry["event"]}
        assert stale == ({None} if reachable else {"mai"}), ended.story
        assert "non aggiornato" in await line.page("/calendario") or reachable
    await google.stop()
