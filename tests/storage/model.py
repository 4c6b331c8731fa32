"""What the store must answer, in plain dictionaries: written from what the operations promise, not from how they
are done.

A week of March 2026 is told by hand, in UTC: on Sunday the 29th Italy changes to summer time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from storage.results import Booking, BookingKind, Hold, Lead, Refusal

QUARTER = timedelta(minutes=15)
TO_LIVE = timedelta(minutes=15)


def at(text: str) -> datetime:
    """An instant written as day of March and time in UTC: "27 08:15"."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2026, 3, 1, int(hour), int(minute), tzinfo=UTC) + timedelta(days=int(day) - 1)


# Nine to one and two to six in Rome, on a Friday in winter time and on a Monday in summer time.
OPEN = [(at("27 08:00"), at("27 12:00")), (at("27 13:00"), at("27 17:00"))]
OPEN += [(at("30 07:00"), at("30 11:00")), (at("30 12:00"), at("30 16:00"))]


@dataclass(frozen=True)
class Agenda:
    """How a consultant may be booked; minutes throughout."""

    grid: int
    before: int = 0
    after: int = 0
    notice: int = 0
    horizon_days: int = 60
    durations: tuple[int, ...] = (30, 45, 60, 90)

    def starts(self, minutes: int, now: datetime) -> list[datetime]:
        if minutes not in self.durations:
            return []
        found = []
        for begin, end in OPEN:
            start = begin
            while start + timedelta(minutes=minutes) <= end:
                if start > now and now + timedelta(minutes=self.notice) <= start < self._horizon(now):
                    found.append(start)
                start += timedelta(minutes=self.grid)
        return found

    def quarters(self, start: datetime, minutes: int) -> set[datetime]:
        """Every quarter of an hour that a booking touches, buffers included."""
        begin, end = start - timedelta(minutes=self.before), start + timedelta(minutes=minutes + self.after)
        quarter, found = begin - timedelta(minutes=begin.minute % 15), set()
        while quarter < end:
            found.add(quarter)
            quarter += QUARTER
        return found

    def _horizon(self, now: datetime) -> datetime:
        return now + timedelta(days=self.horizon_days)


@dataclass
class Held:
    """A hold and what became of it: waiting, confirmed, given up or expired."""

    hold: Hold
    quarters: set[datetime]
    fate: str = "waiting"
    booking: str | None = None


@dataclass
class Booked:
    """A booking, the quarters it has while in force, and the conversations that made or moved it."""

    booking: Booking
    quarters: set[datetime]
    by: set[str] = field(default_factory=set)


@dataclass
class Model:
    """The store as it should be. `people` are the clients as they stand in their bookings.

    An operation is told the name that the store gave to what it made, and says what the store must answer.
    """

    agendas: dict[int, Agenda]
    people: dict[int, Lead]
    now: datetime
    holds: dict[str, Held] = field(default_factory=dict)  # oldest first
    bookings: dict[str, Booked] = field(default_factory=dict)

    # --- Holds ------------------------------------------------------------------------------------------------

    def fate(self, held: Held) -> str:
        """A hold expires by itself, whether or not anybody has looked."""
        return "expired" if held.fate == "waiting" and held.hold.expires_at <= self.now else held.fate

    def live(self, conversation: str) -> Hold | None:
        mine = (each.hold for each in self.holds.values() if self.fate(each) == "waiting")
        return next((hold for hold in mine if hold.conversation == conversation), None)

    def propose(
        self,
        name: str,
        *,
        consultant_id: int,
        conversation: str,
        client_id: int | None,
        start: datetime,
        minutes: int,
        moving: str | None = None,
    ) -> Hold | Refusal:
        refusal = self._refused(consultant_id, conversation, client_id, start, minutes, moving)
        if refusal is not None:
            return refusal
        self._end(conversation)
        whole_second = self.now.replace(microsecond=0)
        hold = Hold(
            token=name,
            consultant_id=consultant_id,
            conversation=conversation,
            start=start,
            minutes=minutes,
            expires_at=whole_second + TO_LIVE,
            client_id=client_id,
            moving=moving,
        )
        quarters = self.agendas[consultant_id].quarters(start, minutes)
        self.holds[name] = Held(hold, quarters - (self.bookings[moving].quarters if moving else set()))
        return hold

    def confirm(
        self,
        name: str,
        *,
        token: str | None,
        conversation: str,
        client_id: int | None,
        consultant_id: int | None = None,
        lead: Lead | None = None,
        notes: str | None = None,
        call_id: str | None = None,
    ) -> Booking | Refusal:
        held = (
            self._latest(conversation, client_id, consultant_id) if token is None else self.holds.get(token)
        )
        if held is None or consultant_id not in (None, held.hold.consultant_id):
            return Refusal.NOT_FOUND
        if (held.hold.conversation, held.hold.client_id) != (conversation, client_id):
            return Refusal.NOT_YOURS
        fate = self.fate(held)
        if fate == "confirmed" and held.booking is not None:
            late = token is None and held.hold.expires_at <= self.now
            return Refusal.NOT_FOUND if late else self.bookings[held.booking].booking
        if fate == "given up":
            return Refusal.NOT_FOUND
        if fate == "expired":
            return Refusal.HOLD_EXPIRED
        refusal = self._cannot_keep(held, call_id)
        if refusal is not None:
            held.fate = "given up"
            return refusal
        return self._keep(name, held, lead, notes, call_id)

    def release(self, conversation: str) -> None:
        self._end(conversation)

    # --- At once ----------------------------------------------------------------------------------------------

    def book_lead(
        self,
        name: str,
        *,
        consultant_id: int,
        conversation: str,
        lead: Lead,
        start: datetime,
        minutes: int,
        notes: str | None,
        call_id: str | None,
    ) -> Booking | Refusal:
        if consultant_id not in self.agendas:
            return Refusal.NOT_FOUND
        for each in self.bookings.values():
            known = each.booking
            asked = (consultant_id, start, minutes, lead.phone, lead.email)
            if known.in_force and known.client_id is None and conversation in each.by:
                same = (known.consultant_id, known.start, known.minutes, known.phone, known.email) == asked
                if same:
                    return known
        refusal = self._refused(consultant_id, conversation, None, start, minutes, None)
        if refusal is None and self._has_booked(call_id):
            refusal = Refusal.ALREADY_BOOKED
        if refusal is not None:
            return refusal
        slot = {"consultant_id": consultant_id, "conversation": conversation, "client_id": None}
        self.propose(f"for {name}", start=start, minutes=minutes, **slot)
        return self._keep(name, self.holds[f"for {name}"], lead, notes, call_id)

    def reschedule(
        self,
        booking_id: str,
        *,
        conversation: str,
        client_id: int | None,
        start: datetime,
        minutes: int | None,
        notes: str | None,
    ) -> Booking | Refusal:
        if booking_id not in self.bookings:
            return Refusal.NOT_FOUND
        known = self.bookings[booking_id].booking
        slot = (known.consultant_id, conversation, client_id, start, minutes or known.minutes, booking_id)
        refusal = self._refused(*slot, by_hold=False)
        if refusal is not None:
            return refusal
        self._end(conversation)
        self._end_moves_of(booking_id)
        found, length = self.bookings[booking_id], minutes or known.minutes
        found.booking = replace(
            known, start=start, minutes=length, notes=known.notes if notes is None else notes
        )
        found.quarters = self.agendas[known.consultant_id].quarters(start, length)
        return found.booking

    # --- Bookings ---------------------------------------------------------------------------------------------

    def cancel(self, booking_id: str) -> Booking | Refusal:
        if booking_id not in self.bookings:
            return Refusal.NOT_FOUND
        found = self.bookings[booking_id]
        if not found.booking.in_force:
            return found.booking
        if found.booking.start <= self.now:
            return Refusal.PAST
        found.booking, found.quarters = replace(found.booking, in_force=False), set()
        self._end_moves_of(booking_id)
        return found.booking

    def find(self, client_id: int | None, phone: str | None) -> list[Booking]:
        whose = {client_id} if client_id is not None else set()
        whose |= {each for each, person in self.people.items() if person.phone == phone}
        coming = [b for each in self.bookings.values() if (b := each.booking).in_force and b.start > self.now]
        mine = [b for b in coming if (b.phone == phone if b.client_id is None else b.client_id in whose)]
        return sorted(mine, key=lambda each: (each.start, each.id))

    def free(
        self, consultant_id: int, minutes: int, conversation: str | None, moving: str | None
    ) -> list[datetime]:
        agenda = self.agendas[consultant_id]
        return [
            start
            for start in agenda.starts(minutes, self.now)
            if self._is_free(consultant_id, agenda.quarters(start, minutes), conversation, moving)
        ]

    # --- Inside -----------------------------------------------------------------------------------------------

    def _refused(
        self,
        consultant_id: int,
        conversation: str,
        client_id: int | None,
        start: datetime,
        minutes: int,
        moving: str | None,
        *,
        by_hold: bool = True,
    ) -> Refusal | None:
        if consultant_id not in self.agendas:
            return Refusal.NOT_FOUND
        if moving is not None:
            moved = self.bookings[moving].booking
            if not moved.in_force or moved.consultant_id != consultant_id:
                return Refusal.NOT_FOUND
            if moved.client_id != client_id:
                return Refusal.NOT_YOURS
            if moved.start <= self.now:
                return Refusal.PAST
        agenda = self.agendas[consultant_id]
        if start <= self.now:
            return Refusal.PAST
        if start not in agenda.starts(minutes, self.now):
            return Refusal.OUTSIDE_HOURS
        needed = agenda.quarters(start, minutes)
        held_start = start if by_hold else None
        if not self._is_free(consultant_id, needed, conversation, moving, held_start=held_start):
            return Refusal.SLOT_TAKEN
        return None

    def _is_free(
        self,
        consultant_id: int,
        quarters: set[datetime],
        conversation: str | None,
        moving: str | None,
        *,
        held_start: datetime | None = None,
    ) -> bool:
        """Others' holds keep what they have taken, and from a hold that would begin with them their start;
        bookings in force keep what they have."""
        taken: set[datetime] = set()
        for name, booked in self.bookings.items():
            if booked.booking.consultant_id == consultant_id and name != moving:
                taken |= booked.quarters
        for held in self.holds.values():
            mine = held.hold.conversation == conversation
            if held.hold.consultant_id == consultant_id and self.fate(held) == "waiting" and not mine:
                if held.hold.start == held_start:
                    return False
                taken |= held.quarters
        return taken.isdisjoint(quarters)

    def _end(self, conversation: str) -> None:
        for held in self.holds.values():
            if held.hold.conversation == conversation and held.fate == "waiting":
                held.fate = "expired" if self.fate(held) == "expired" else "given up"

    def _end_moves_of(self, booking_id: str) -> None:
        """What would move a booking counts on where it is now."""
        for held in self.holds.values():
            if held.hold.moving == booking_id and self.fate(held) == "waiting":
                held.fate = "given up"

    def _latest(self, conversation: str, client_id: int | None, consultant_id: int | None) -> Held | None:
        asked = (conversation, client_id)
        for held in reversed(self.holds.values()):
            hold = held.hold
            if (hold.conversation, hold.client_id) == asked and consultant_id in (None, hold.consultant_id):
                return held
        return None

    def _cannot_keep(self, held: Held, call_id: str | None) -> Refusal | None:
        hold = held.hold
        if hold.start <= self.now:
            return Refusal.PAST
        if hold.moving is None:
            return Refusal.ALREADY_BOOKED if self._has_booked(call_id) else None
        moved = self.bookings[hold.moving]
        if not moved.booking.in_force:
            return Refusal.NOT_FOUND
        if moved.booking.start <= self.now:
            return Refusal.PAST
        return None

    def _keep(
        self, name: str, held: Held, lead: Lead | None, notes: str | None, call_id: str | None
    ) -> Booking:
        hold = held.hold
        held.fate = "confirmed"
        quarters = self.agendas[hold.consultant_id].quarters(hold.start, hold.minutes)
        if hold.moving is not None:
            name = hold.moving
            self._end_moves_of(name)
            found = self.bookings[name]
            found.booking = replace(found.booking, start=hold.start, minutes=hold.minutes)
            if notes is not None:
                found.booking = replace(found.booking, notes=notes)
            found.quarters = quarters
        else:
            person = lead or self.people[hold.client_id or 0]
            made = Booking(
                kind=BookingKind.APPOINTMENT if lead else BookingKind.CONSULTATION,
                id=name,
                consultant_id=hold.consultant_id,
                start=hold.start,
                minutes=hold.minutes,
                in_force=True,
                client_id=hold.client_id,
                name=person.name,
                phone=person.phone,
                email=person.email,
                notes=notes,
                call_id=call_id,
            )
            found = self.bookings[name] = Booked(made, quarters)
        held.booking = name
        found.by.add(hold.conversation)
        return found.booking

    def _has_booked(self, call_id: str | None) -> bool:
        every = (each.booking for each in self.bookings.values())
        return call_id is not None and any(each.in_force and each.call_id == call_id for each in every)
