"""What an analysis sees of the consultant's agenda, and how its slots and bookings are named there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.conversation import Conversation
from engine.details import Accumulator, Slot
from engine.understanding.context import Agenda, Offer, OwnBooking
from storage import availability, bookings, offers
from storage.agenda import WEEKDAYS, AgendaSettings
from storage.results import Booking, BookingKind

_HORIZON = timedelta(days=90)


def see(conversation: Conversation, held: Accumulator, now: datetime) -> Agenda:
    """The agenda as it is at `now`, for a booking as long as the one wanted, or as the one
    to be moved; inside a store transaction."""
    consultant = conversation.consultant_id
    known = availability.agenda_of(consultant)
    settings = known.settings
    own = _own_bookings(conversation, held, now)
    moving = next((b for b in own if key_of(b) == held.target), None)
    usual = settings.default_minutes if moving is None else moving.minutes
    starts = availability.available_starts(
        consultant,
        now,
        now + _HORIZON,
        held.details.minutes or usual,
        now=now,
        conversation=conversation.id,
        moving=moving,
        agenda=known,
    )
    return _agenda(conversation, settings, own, starts)


def see_own(conversation: Conversation, held: Accumulator, now: datetime) -> Agenda:
    """The same without what is free, which takes most of the work: for what is asked of the own bookings alone."""
    settings = availability.settings_of(conversation.consultant_id)
    return _agenda(conversation, settings, _own_bookings(conversation, held, now), ())


def _agenda(
    conversation: Conversation, settings: AgendaSettings, own: Sequence[Booking], starts: Iterable[datetime]
) -> Agenda:
    zone = conversation.zone
    return Agenda(
        zone=zone,
        free=frozenset(slot_of(start, zone) for start in starts),
        hours={number: tuple(settings.weekly_hours.get(day, ())) for number, day in enumerate(WEEKDAYS)},
        own=tuple(OwnBooking(key_of(b), slot_of(b.start, zone), b.minutes) for b in own),
        minutes=settings.default_minutes,
        allowed_minutes=tuple(settings.allowed_minutes),
    )


def offered_to(conversation: Conversation) -> tuple[Slot, ...]:
    """The slots that the conversation was last offered, in the order they were named."""
    return tuple(slot_of(offer.start, conversation.zone) for offer in offers.offers_of(conversation.id))


def keep_offer(conversation: Conversation, offer: Offer, now: datetime) -> None:
    """Keep what has just been offered, in place of all before."""
    starts = instants_of(offer, conversation.zone)
    offers.remember_offers(conversation.id, starts, minutes=offer.minutes, turn=offer.turn, now=now)


def instants_of(offer: Offer, zone: ZoneInfo) -> list[datetime]:
    """The UTC instants of the slots of an offer.

    None at all where one is a wall time that the clock skips: it is no instant, and without it "il secondo" would
    mean another slot.
    """
    starts = [instant_of(slot, zone) for slot in offer.slots]
    return starts if tuple(slot_of(start, zone) for start in starts) == offer.slots else []


def _own_bookings(conversation: Conversation, held: Accumulator, now: datetime) -> list[Booking]:
    """Bookings this caller may change: found by who they are or by the line, never by a dictated number."""
    found: list[Booking] = []
    if conversation.client_id is not None:
        found = bookings.find_bookings(client_id=conversation.client_id, now=now)
    elif conversation.caller.line is not None:
        found = bookings.find_bookings(phone=conversation.caller.line, now=now)
    if held.booking is not None and held.booking not in map(key_of, found):
        mine = booking_of(held.booking)
        if mine is not None and mine.in_force:
            found.append(mine)
    return [b for b in found if b.consultant_id == conversation.consultant_id]


def key_of(booking: Booking) -> str:
    """The one name of a booking of either kind: "consultation:…", "appointment:…"."""
    return f"{booking.kind}:{booking.id}"


def booking_of(key: str) -> Booking | None:
    """The booking with that name, in force or not; None when there is none."""
    return bookings.booking(*parts_of(key))


def parts_of(key: str) -> tuple[BookingKind, str]:
    """The kind and id that `key_of` joined."""
    kind, _, booking_id = key.partition(":")
    return BookingKind(kind), booking_id


@lru_cache(maxsize=1 << 14)  # of all that is free, at each analysis
def slot_of(start: datetime, zone: ZoneInfo) -> Slot:
    """The local day and time of an instant."""
    local = start.astimezone(zone)
    return Slot(local.date(), local.time().replace(tzinfo=None))


def instant_of(slot: Slot, zone: ZoneInfo) -> datetime:
    """The UTC instant of a local slot; of a wall time that the clock shows twice the first, as the agenda offers it."""
    return datetime.combine(slot.day, slot.at, zone).astimezone(UTC)
