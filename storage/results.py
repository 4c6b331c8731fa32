"""What the store answers: typed results, never a bare exception for what can happen in business."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Refusal(StrEnum):
    """Why the store did not do what was asked."""

    SLOT_TAKEN = "SLOT_TAKEN"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    NOT_FOUND = "NOT_FOUND"
    NOT_YOURS = "NOT_YOURS"
    PAST = "PAST"
    OUTSIDE_HOURS = "OUTSIDE_HOURS"
    ALREADY_BOOKED = "ALREADY_BOOKED"

    @property
    def outward(self) -> Refusal:
        """What may be told outside: that something is another's is known to the journal alone, and is
        told as if it did not exist."""
        return Refusal.NOT_FOUND if self is Refusal.NOT_YOURS else self


class Outcome(StrEnum):
    """What was last done to a booking in a call; a booking given up later counts for the call that made it too."""

    CREATED = "creato"
    MOVED = "spostato"
    CANCELLED = "disdetto"


class BookingKind(StrEnum):
    """A confirmed booking of a registered client, or of a lead."""

    CONSULTATION = "consultation"
    APPOINTMENT = "appointment"


@dataclass(frozen=True, slots=True)
class Hold:
    """A pending booking. Instants are aware UTC; `moving` is the id of the booking this hold would move."""

    token: str
    consultant_id: int
    conversation: str
    start: datetime
    minutes: int
    expires_at: datetime
    client_id: int | None = None
    moving: str | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking of either kind. Instants are aware UTC, `phone` is E.164.

    Where and since when it stands so makes it no other booking: `meet_link` comes later, from a calendar;
    `changed_at` is when it was last moved or cancelled.
    """

    kind: BookingKind
    id: str
    consultant_id: int
    start: datetime
    minutes: int
    in_force: bool
    client_id: int | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    notes: str | None = None
    call_id: str | None = None
    created_at: datetime | None = field(default=None, compare=False)
    changed_at: datetime | None = field(default=None, compare=False)
    meet_link: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Lead:
    """Who books without being a registered client: `phone` E.164, `email` normalised."""

    phone: str
    email: str
    name: str | None = None
