"""What an analysis asks of the store: a desk that answers from it, and notes what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.agenda import booking_of, instant_of, keep_offer, key_of, offered_to, parts_of, see, slot_of
from engine.conversation import Conversation
from engine.details import Accumulator, Slot
from engine.understanding.context import Agenda, Offer
from storage import bookings
from storage.results import Booking, Hold, Lead, Refusal


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A hold, without its token. `expires_at` is aware UTC; `moving` is the id of the booking that it would move."""

    slot: Slot
    minutes: int
    expires_at: datetime
    moving: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store did when it was asked to `propose`, `confirm` or `cancel`.

    `booking` names the booking made, moved or cancelled; None for a proposal, and where it refused.
    """

    asked: str
    slot: Slot | None
    booking: str | None = None
    refusal: Refusal | None = None


class Desk(Protocol):
    """What one analysis asks of the store, all inside one transaction. Bookings go by their one name (`key_of`)."""

    def agenda(self, held: Accumulator, now: datetime) -> Agenda:
        """The agenda as it is now, for a booking as long as the one wanted."""

    def offered(self) -> tuple[Slot, ...]:
        """The slots that the caller was last offered, in the order they were named."""

    def keep_offer(self, offer: Offer, now: datetime) -> None:
        """Keep what has just been offered, in place of all before."""

    def in_force(self, booking: str) -> bool:
        """Whether that booking stands."""

    def link_ready(self, booking: str) -> bool:
        """Whether it is known where that booking is held on line."""

    def hold(self, now: datetime) -> HeldSlot | None:
        """The live hold of this conversation."""

    def propose(self, slot: Slot, minutes: int, now: datetime, moving: str | None) -> HeldSlot | Refusal:
        """Hold `slot`, in place of any other; for a move, of the booking `moving`."""

    def release(self, now: datetime) -> None:
        """Let go of the hold, if there is one."""

    def confirm(self, lead: Lead | None, notes: str | None, now: datetime) -> str | Refusal:
        """Make the hold a booking, or carry out its move; the name of the booking. `lead`: for whom, if no client."""

    def cancel(self, booking: str, now: datetime) -> str | Refusal:
        """Cancel that booking; its name."""


class StoreDesk:
    """The desk of one conversation for one analysis; call inside a store transaction."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._hold: Hold | None = None
        self._looked_up: dict[str, Booking | None] = {}
        self.found: HeldSlot | None = None  # the hold when the analysis began
        self.answers: list[Answer] = []
        self.link_seen = False  # whether a link was found ready

    def agenda(self, held: Accumulator, now: datetime) -> Agenda:
        return see(self._conversation, held, now)

    def offered(self) -> tuple[Slot, ...]:
        return offered_to(self._conversation)

    def keep_offer(self, offer: Offer, now: datetime) -> None:
        keep_offer(self._conversation, offer, now)

    def in_force(self, booking: str) -> bool:
        found = self._booking(booking)
        return found is not None and found.in_force

    def link_ready(self, booking: str) -> bool:
        found = self._booking(booking)
        self.link_seen = found is not None and found.meet_link is not None
        return self.link_seen

    def hold(self, now: datetime) -> HeldSlot | None:
        self._hold = bookings.hold_of(self._conversation.id, now=now)
        self.found = None if self._hold is None else self._held(self._hold)
        return self.found

    def propose(self, slot: Slot, minutes: int, now: datetime, moving: str | None) -> HeldSlot | Refusal:
        conversation = self._conversation
        result = bookings.propose(
            consultant_id=conversation.consultant_id,
            conversation=conversation.id,
            client_id=conversation.client_id,
            start=instant_of(slot, conversation.zone),
            minutes=minutes,
            now=now,
            moving=None if moving is None else booking_of(moving),
        )
        if isinstance(result, Refusal):
            self._hold = None
            self.answers.append(Answer("propose", slot, refusal=result))
            return result
        self._hold = result
        self.answers.append(Answer("propose", slot))
        return self._held(result)

    def release(self, now: datetime) -> None:
        bookings.release(self._conversation.id, now=now)
        self._hold = None

    def confirm(self, lead: Lead | None, notes: str | None, now: datetime) -> str | Refusal:
        assert self._hold is not None
        conversation, held = self._conversation, self._hold
        result = bookings.confirm(
            token=held.token,
            conversation=conversation.id,
            client_id=conversation.client_id,
            now=now,
            lead=lead,
            notes=notes,
            call_id=conversation.call_id,
            source=conversation.source,
        )
        return self._done("confirm", slot_of(held.start, conversation.zone), result)

    def cancel(self, booking: str, now: datetime) -> str | Refusal:
        return self._done(
            "cancel", None, bookings.cancel(*parts_of(booking), now=now, conversation=self._conversation.id)
        )

    def _booking(self, booking: str) -> Booking | None:
        """That booking as it is now; looked up once as long as nothing is done."""
        if booking not in self._looked_up:
            self._looked_up[booking] = booking_of(booking)
        return self._looked_up[booking]

    def _done(self, asked: str, slot: Slot | None, result: Booking | Refusal) -> str | Refusal:
        self._looked_up = {}
        if isinstance(result, Refusal):
            self.answers.append(Answer(asked, slot, refusal=result))
            return result
        self._hold = None
        self.answers.append(Answer(asked, slot, booking=key_of(result)))
        return key_of(result)

    def _held(self, hold: Hold) -> HeldSlot:
        moving = hold.moving
        return HeldSlot(slot_of(hold.start, self._conversation.zone), hold.minutes, hold.expires_at, moving)
