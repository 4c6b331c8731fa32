"""What stands in events of calendars, in Italian: for the person who comes, and for the consultant."""

from __future__ import annotations

from storage.people import ConsultantRecord
from storage.results import Booking

_NOBODY = "persona senza nome"


def title(consultant: ConsultantRecord, booking: Booking) -> str:
    """Of an event that both see."""
    return f"Appuntamento: {consultant.name} e {booking.name or booking.phone or _NOBODY}"


def title_for_person(consultant: ConsultantRecord) -> str:
    """Of what the person who has booked puts into a calendar of theirs."""
    return f"Appuntamento con {consultant.name}"


def title_for_consultant(booking: Booking) -> str:
    """Of what the consultant subscribes to."""
    return booking.name or booking.phone or f"Appuntamento, {_NOBODY}"


def feed_name(consultant: ConsultantRecord) -> str:
    """Of the calendar that a consultant subscribes to."""
    return f"Appuntamenti di {consultant.name}"


def description(booking: Booking) -> str:
    """Whom to reach and what it is about; empty when nothing is known."""
    known = (("Telefono", booking.phone), ("Email", booking.email), ("Note", booking.notes))
    return "\n".join(f"{label}: {value}" for label, value in known if value)
