"""What the tools do, each in one transaction: the model names times and bookings, never whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from engine.agenda import instant_of, slot_of
from engine.wording import spoken_list, spoken_slot
from storage import availability, bookings, chats, journal
from storage.chats import ChatRecord
from storage.results import Booking, BookingKind, Hold, Lead, Refusal
from transport.api import tool_texts
from transport.api.conversations import local
from transport.typed import typed_email, typed_phone

Code = Literal[
    "OK",
    "NO_SLOTS",
    "NO_BOOKINGS",
    "SLOT_TAKEN",
    "OUTSIDE_HOURS",
    "PAST",
    "HOLD_EXPIRED",
    "NOT_FOUND",
    "DETAILS_MISSING",
    "INVALID_PHONE",
    "INVALID_EMAIL",
    "WHICH_BOOKING",
]

MEANT_FOR = timedelta(minutes=30)
"""How long after a booking "cancel it" and "move it" mean that one."""

_AHEAD = timedelta(days=14)
_LONGEST = timedelta(days=90)
_FURTHEST = timedelta(days=3650)
_MOST = 20
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Done:
    """What a tool came to. `message` is a sentence for the customer; `slots` are free starts, aware UTC."""

    code: Code
    message: str
    minutes: int = 0
    slots: tuple[datetime, ...] = ()
    hold: Hold | None = None
    booking: Booking | None = None
    bookings: tuple[Booking, ...] = ()


class Calls:
    """The tools in one conversation at one moment; inside a store transaction, the chat locked."""

    def __init__(self, chat: ChatRecord, tool: str, now: datetime) -> None:
        self._chat, self._tool, self._now = chat, tool, now
        settings = availability.settings_of(chat.consultant_id)
        self._minutes, self._allowed = settings.default_minutes, settings.allowed_minutes

    def free(self, frm: date | None, to: date | None, minutes: int | None) -> Done:
        """The free starts of some days, at most twenty."""
        length = minutes or self._minutes
        begin = self._now if frm is None else self._midnight(frm)
        end = begin + _AHEAD if to is None else self._midnight(to) + timedelta(days=1)
        found = self._available(begin, min(end, begin + _LONGEST), length, _MOST)
        if not found:
            return self._done("NO_SLOTS")
        return self._done("OK", minutes=length, slots=tuple(found), said=self._spoken(found))

    def propose(self, start: str, minutes: int | None) -> Done:
        """Hold a slot."""
        at, length = self._instant(start), minutes or self._minutes
        if at is None:
            return self._refused(Refusal.OUTSIDE_HOURS, start, length)
        held = bookings.propose(
            consultant_id=self._chat.consultant_id,
            conversation=self._chat.id,
            client_id=self._chat.client_id,
            start=at,
            minutes=length,
            now=self._now,
        )
        if isinstance(held, Refusal):
            return self._refused(held, start, length)
        return self._done("OK", hold=held, about=held.start)

    def confirm(
        self, token: str | None, name: str | None, phone: str | None, email: str | None, notes: str | None
    ) -> Done:
        """Make a hold a booking; without a token the latest of this conversation and client."""
        lead = None
        hold = bookings.hold_of(self._chat.id, now=self._now)
        if self._chat.client_id is None and hold is not None and token in (None, hold.token):
            missing = [key for key, value in (("phone", phone), ("email", email)) if not value]
            if missing:
                told = tool_texts.AND.join(tool_texts.MISSING[key] for key in missing)
                return self._done("DETAILS_MISSING", missing=told)
            e164, address = typed_phone(phone or ""), typed_email(email or "")
            if e164 is None:
                return self._done("INVALID_PHONE")
            if address is None:
                return self._done("INVALID_EMAIL")
            lead = Lead(phone=e164, email=address, name=name)
        made = bookings.confirm(
            token=token,
            conversation=self._chat.id,
            client_id=self._chat.client_id,
            consultant_id=self._chat.consultant_id,
            now=self._now,
            lead=lead,
            notes=notes,
            source=self._chat.source,
        )
        if isinstance(made, Refusal):
            about = local(hold.start, self._chat.zone) if hold else ""
            return self._refused(made, about, hold.minutes if hold else self._minutes)
        if not made.in_force:
            return self._done("NOT_FOUND")
        return self._done("OK", booking=made, about=made.start)

    def cancel(self, booking_id: str | None) -> Done:
        """Give up a booking."""
        meant = self._meant(booking_id)
        if not isinstance(meant, Booking):
            return meant
        gone = bookings.cancel(meant.kind, meant.id, now=self._now)
        if isinstance(gone, Refusal):
            return self._refused(gone, local(meant.start, self._chat.zone), meant.minutes)
        return self._done("OK", booking=gone, about=gone.start)

    def reschedule(self, booking_id: str | None, start: str, minutes: int | None) -> Done:
        """Move a booking, or leave it where it is."""
        meant = self._meant(booking_id)
        if not isinstance(meant, Booking):
            return meant
        at, length = self._instant(start), minutes or meant.minutes
        if at is None:
            return self._refused(Refusal.OUTSIDE_HOURS, start, length)
        moved = bookings.reschedule(
            meant.kind,
            meant.id,
            conversation=self._chat.id,
            client_id=meant.client_id,
            start=at,
            minutes=length,
            now=self._now,
        )
        if isinstance(moved, Refusal):
            return self._refused(moved, start, length)
        return self._done("OK", booking=moved, about=moved.start)

    def mine(self) -> Done:
        """The bookings to come of who writes."""
        own = self._own()
        if not own:
            return self._done("NO_BOOKINGS")
        return self._done("OK", bookings=own, said=self._spoken([each.start for each in own]))

    def _own(self) -> tuple[Booking, ...]:
        """A client's; a lead's are those made in this conversation, since anybody can say a number."""
        chat = self._chat
        if chat.client_id is not None:
            found = bookings.find_bookings(client_id=chat.client_id, now=self._now)
        else:
            made = [bookings.booking(BookingKind(kind), name) for kind, name in chats.made_in(chat.id)]
            known = {each.id: each for each in made if each and each.in_force and each.start > self._now}
            found = sorted(known.values(), key=lambda each: each.start)
        return tuple(each for each in found if each.consultant_id == chat.consultant_id)

    def _meant(self, booking_id: str | None) -> Booking | Done:
        """The booking that is named, or without a name the one just made; else that it must be named."""
        chat = self._chat
        if booking_id is None:
            recent = chats.made_in(chat.id, self._now - MEANT_FOR)
            found = bookings.booking(BookingKind(recent[0][0]), recent[0][1]) if recent else None
            if found is not None:
                return found
            own = self._own()
            said = self._spoken([each.start for each in own])
            told = tool_texts.THEIR_BOOKINGS.format(slots=said) if own else ""
            return self._done("WHICH_BOOKING" if own else "NOT_FOUND", bookings=own, their=told)
        made = chats.made_in(chat.id)
        for kind in BookingKind:
            found = bookings.booking(kind, booking_id)
            if found is None or found.consultant_id != chat.consultant_id:
                continue
            if (chat.client_id is not None and found.client_id == chat.client_id) or (
                kind,
                booking_id,
            ) in made:
                return found
        return self._done("NOT_FOUND")

    def _refused(self, refusal: Refusal, start: str, minutes: int) -> Done:
        """What was refused, with the nearest free slots where another time would do."""
        code: Code = _CODES[refusal]
        near: list[datetime] = []
        wanted = self._instant(start) if start else None
        if code in ("SLOT_TAKEN", "OUTSIDE_HOURS", "PAST"):
            length = minutes if minutes in self._allowed else self._minutes
            near = self._nearest(min(max(wanted or self._now, self._now), self._now + _FURTHEST), length)
        said = tool_texts.ALTERNATIVES.format(slots=self._spoken(near)) if near else ""
        return self._done(code, slots=tuple(near), minutes=minutes, about=wanted, alternatives=said)

    def _nearest(self, wanted: datetime, minutes: int) -> list[datetime]:
        around = self._available(wanted - _AHEAD, wanted + _AHEAD, minutes, None)
        return sorted(sorted(around, key=lambda each: abs(each - wanted))[:_ALTERNATIVES])

    def _available(self, frm: datetime, to: datetime, minutes: int, limit: int | None) -> list[datetime]:
        return availability.available_starts(
            self._chat.consultant_id,
            frm,
            to,
            minutes,
            now=self._now,
            conversation=self._chat.id,
            limit=limit,
        )

    def _instant(self, start: str) -> datetime | None:
        """The instant of a local time; None for one that the clock skips or the calendar does not have."""
        try:
            wall = datetime.fromisoformat(start)
            at = instant_of(slot_of(wall.replace(tzinfo=self._chat.zone), self._chat.zone), self._chat.zone)
            back = at.astimezone(self._chat.zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return None
        return at if back == wall else None

    def _midnight(self, day: date) -> datetime:
        """When a day begins; one out of all reach is as good as one just out of reach."""
        today = self._now.astimezone(self._chat.zone).date()
        near = min(max(day, today - _FURTHEST), today + _FURTHEST)
        return datetime.combine(near, time(), self._chat.zone).astimezone(UTC)

    def _spoken(self, starts: Sequence[datetime]) -> str:
        return spoken_list([at.astimezone(self._chat.zone) for at in starts[:_ALTERNATIVES]])

    def _done(
        self,
        code: Code,
        *,
        minutes: int = 0,
        slots: tuple[datetime, ...] = (),
        hold: Hold | None = None,
        booking: Booking | None = None,
        bookings: tuple[Booking, ...] = (),
        about: datetime | None = None,
        said: str = "",
        alternatives: str = "",
        missing: str = "",
        their: str = "",
    ) -> Done:
        slot = spoken_slot(about.astimezone(self._chat.zone)) if about else "Quell'orario"
        until = f"{hold.expires_at.astimezone(self._chat.zone):%H:%M}" if hold else ""
        values = {"slot": slot, "slots": said, "until": until, "alternatives": alternatives}
        message = tool_texts.sentence(self._tool, code, **values, missing=missing, bookings=their)
        return Done(code, message, minutes, slots, hold, booking, bookings)


def note(chat: ChatRecord, tool: str, done: Done, now: datetime) -> None:
    """Say in the journal what a tool has done or was refused."""
    entry = {
        "call_id": chat.id,
        "analysis": 0,
        "event_time": now,
        "event": None,
        "why": f"Chiesto con lo strumento {tool}.",
        "outcome": done.code.lower(),
        "facts": {"tool": tool, "booking": done.booking.id if done.booking else None},
    }
    journal.append(entry, recorded_at=now)


_CODES: dict[Refusal, Code] = {
    Refusal.SLOT_TAKEN: "SLOT_TAKEN",
    Refusal.HOLD_EXPIRED: "HOLD_EXPIRED",
    Refusal.NOT_FOUND: "NOT_FOUND",
    Refusal.NOT_YOURS: "NOT_FOUND",
    Refusal.PAST: "PAST",
    Refusal.OUTSIDE_HOURS: "OUTSIDE_HOURS",
    Refusal.ALREADY_BOOKED: "NOT_FOUND",
}
