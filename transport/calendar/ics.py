"""Bookings as iCalendar: one, to be saved by whoever booked it, or all of a consultant's, to be subscribed to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from storage.outbox import event_id
from storage.people import ConsultantRecord
from storage.results import Booking
from transport.calendar import wording

CONTENT_TYPE = "text/calendar; charset=utf-8"
_PRODUCT = "-//Voice Booking Supervisor//IT"
_DOMAIN = "voice-booking-supervisor"
_FEED_EVERY = timedelta(minutes=15)


def booking_ics(consultant: ConsultantRecord, booking: Booking, *, now: datetime) -> bytes:
    """The file for whoever made `booking`; of one that was given up, with the status that takes it out again.

    Saved again after a move it replaces the event saved before. `now` is aware, and only used where the booking does
    not tell since when it stands so.
    """
    event = _event(booking, now)
    event.add("summary", wording.title_for_person(consultant))
    if booking.notes:
        event.add("description", booking.notes)
    return _file([event])


def feed_ics(consultant: ConsultantRecord, bookings: Iterable[Booking], *, now: datetime) -> bytes:
    """What a consultant's calendar program fetches again and again; the same bookings are always the same bytes."""
    events = []
    for booking in bookings:
        event = _event(booking, now)
        event.add("summary", wording.title_for_consultant(booking))
        if told := wording.description(booking):
            event.add("description", told)
        events.append(event)
    return _file(events, name=wording.feed_name(consultant))


def _event(booking: Booking, now: datetime) -> Event:
    made = booking.created_at or now
    changed = booking.changed_at or made
    event = Event()
    event.add("uid", f"{event_id(booking)}@{_DOMAIN}")
    event.add("dtstamp", changed)
    event.add("created", made)
    event.add("last-modified", changed)
    # Each change has a higher number than the one before, whatever was counted in between.
    event.add("sequence", max(0, int((changed - made).total_seconds())))
    event.add("dtstart", booking.start)
    event.add("dtend", booking.start + timedelta(minutes=booking.minutes))
    event.add("status", "CONFIRMED" if booking.in_force else "CANCELLED")
    if booking.meet_link:
        event.add("location", booking.meet_link)
        event.add("url", booking.meet_link)
    return event


def _file(events: Iterable[Event], *, name: str | None = None) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if name is not None:
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", _FEED_EVERY, parameters={"VALUE": "DURATION"})
    for event in events:
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
