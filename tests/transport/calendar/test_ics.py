"""Bookings as iCalendar: read back by the library, they say what the store says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from storage.agenda import AgendaSettings
from storage.people import ConsultantRecord
from storage.results import Booking, BookingKind
from transport.calendar.ics import booking_ics, feed_ics

NOW = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)
START = datetime(2026, 2, 11, 14, tzinfo=UTC)
ROSSI = ConsultantRecord(1, "Dott.ssa Rossi", ZoneInfo("Europe/Rome"), "IT", None, AgendaSettings())
LIA = Booking(
    kind=BookingKind.APPOINTMENT,
    id="b1",
    consultant_id=1,
    start=START,
    minutes=60,
    in_force=True,
    name="Lia",
    phone="+393331234567",
    email="lia@example.it",
    notes="prima visita; porta i documenti,\ne un'amica",
    created_at=NOW,
)


def only_event(written: bytes) -> dict[str, object]:
    (event,) = Calendar.from_ical(written).walk("VEVENT")
    return {name.lower(): event.decoded(name) for name in event}


def test_the_person_saves_when_with_whom_and_what_about() -> None:
    event = only_event(booking_ics(ROSSI, LIA, now=NOW))
    assert event["dtstart"] == START
    assert event["dtend"] == START + timedelta(hours=1)
    assert event["summary"] == "Appuntamento con Dott.ssa Rossi"
    assert event["description"] == LIA.notes
    assert event["status"] == "CONFIRMED"
    assert event["sequence"] == 0


def test_a_move_is_the_same_event_with_a_higher_number() -> None:
    before = only_event(booking_ics(ROSSI, LIA, now=NOW))
    moved = replace(LIA, start=START + timedelta(days=1), changed_at=NOW + timedelta(minutes=5))
    after = only_event(booking_ics(ROSSI, moved, now=NOW + timedelta(days=3)))
    assert after["uid"] == before["uid"]
    assert after["dtstart"] == START + timedelta(days=1)
    assert (before["sequence"], after["sequence"]) == (0, 300)
    assert after["dtstamp"] == after["last-modified"] == NOW + timedelta(minutes=5)


def test_one_that_was_given_up_says_so() -> None:
    gone = replace(LIA, in_force=False, changed_at=NOW + timedelta(hours=1))
    assert only_event(booking_ics(ROSSI, gone, now=NOW))["status"] == "CANCELLED"


def test_where_it_is_held_on_line() -> None:
    link = "https://meet.google.com/abc-defg-hij"
    event = only_event(booking_ics(ROSSI, replace(LIA, meet_link=link), now=NOW))
    assert event["url"] == link
    assert event["location"] == link


def test_the_feed_tells_the_consultant_who_comes() -> None:
    ada = replace(LIA, id="b2", kind=BookingKind.CONSULTATION, name="Ada", notes=None, email=None)
    feed = Calendar.from_ical(feed_ics(ROSSI, [LIA, ada], now=NOW))
    events = feed.walk("VEVENT")
    assert feed["x-wr-calname"] == "Appuntamenti di Dott.ssa Rossi"
    assert [str(event["summary"]) for event in events] == ["Lia", "Ada"]
    assert str(events[0]["description"]) == (
        "Telefono: +393331234567\nEmail: lia@example.it\nNote: prima visita; porta i documenti,\ne un'amica"
    )
    assert len({str(event["uid"]) for event in events}) == 2


def test_the_same_bookings_are_the_same_bytes_whenever_they_are_asked_for() -> None:
    assert feed_ics(ROSSI, [LIA], now=NOW) == feed_ics(ROSSI, [LIA], now=NOW + timedelta(hours=3))


def test_nobody_is_named_where_nobody_is_known() -> None:
    erased = replace(LIA, name=None, phone="", email="", notes=None)
    event = only_event(feed_ics(ROSSI, [erased], now=NOW))
    assert event["summary"] == "Appuntamento, persona senza nome"
    assert "description" not in event


@given(name=st.text(max_size=80), notes=st.text(max_size=200))
def test_no_name_and_no_note_breaks_out_of_its_line(name: str, notes: str) -> None:
    written = feed_ics(ROSSI, [replace(LIA, name=name, notes=notes)], now=NOW)
    (event,) = Calendar.from_ical(written).walk("VEVENT")
    assert event.decoded("dtstart") == START
    assert len(Calendar.from_ical(written).walk()) == 2
