"""Holds and bookings: every operation takes the consultant's row lock first and is atomic with the
transaction it is called in.

Call them in `Database.run(work)`. What can happen in business is answered with a `Refusal`, never raised.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee as pw

from storage import busy, locks, outbox
from storage.availability import agenda_of, settings_of
from storage.database import current
from storage.errors import StorageError, TryAgain
from storage.models import (
    BOOKING_TABLES,
    AppointmentBooking,
    BookingStatus,
    CallBooking,
    Client,
    Consultation,
    HoldStatus,
    PendingBooking,
    SlotLock,
    VoiceCall,
    proxy,
)
from storage.outbox import Action
from storage.results import Booking, BookingKind, Hold, Lead, Outcome, Refusal
from storage.statements import Given, Statement

SOURCES = ("whatsapp", "public_link", "instagram", "public_page", "voice_call", "chat")


def propose(
    *,
    consultant_id: int,
    conversation: str,
    client_id: int | None,
    start: datetime,
    minutes: int,
    now: datetime,
    moving: Booking | None = None,
    locked: Collection[int] | None = None,
) -> Hold | Refusal:
    """Hold `start` (aware UTC) for `conversation`, in place of any hold it has; a refusal leaves that one
    as it was.

    With `moving` only the cells that the moved booking lacks are taken. `locked` is what `lock_agenda` has
    locked already in this transaction: nothing more is, for that would be out of order.

    Refusals: PAST, OUTSIDE_HOURS (no bookable start, or a duration the consultant does not allow),
    SLOT_TAKEN, NOT_FOUND (no such consultant; the moved booking is not in force), NOT_YOURS (the moved
    booking is another client's).
    """
    start = start.astimezone(UTC)
    if locked is None:
        locked = lock_agenda(consultant_id, conversation)
    if consultant_id not in locked:
        return Refusal.NOT_FOUND
    if moving is not None:
        moving = booking(moving.kind, moving.id)
        if moving is None or moving.consultant_id != consultant_id:
            return Refusal.NOT_FOUND
    cells = _cells_for(consultant_id, conversation, client_id, start, minutes, now, moving)
    if isinstance(cells, Refusal):
        return cells

    held = Hold(
        token=secrets.token_urlsafe(24),
        consultant_id=consultant_id,
        conversation=conversation,
        start=start,
        minutes=minutes,
        expires_at=now.astimezone(UTC).replace(microsecond=0)
        + timedelta(minutes=current().settings.hold_minutes),
        client_id=client_id,
        moving=None if moving is None else moving.id,
    )
    over = _OVER.all(conversation=conversation, consultant=consultant_id, now=now)
    try:
        with proxy.atomic():
            _end_each((each for each in over if each.consultant_id in locked), now)
            _NEW_HOLD.run(
                token=held.token,
                consultant=consultant_id,
                conversation=conversation,
                client=client_id,
                start_at=start,
                minutes=minutes,
                status=HoldStatus.AWAITING,
                created_at=now,
                expires_at=held.expires_at,
                moving_kind=None if moving is None else moving.kind.value,
                moving_id=held.moving,
            )
            own = set() if moving is None else locks.owned(locks.OWNER_COLUMNS[moving.kind], moving.id)
            locks.take(consultant_id, set(cells) - own, SlotLock.hold, held.token)
    except pw.IntegrityError as error:
        if locks.violated_index(error) == "one_hold_a_conversation":
            raise TryAgain("the conversation has just got a hold of another consultant's time") from error
        if locks.is_unique_violation(error):
            return Refusal.SLOT_TAKEN
        raise
    return held


def reschedule(
    kind: BookingKind,
    booking_id: str,
    *,
    conversation: str,
    client_id: int | None,
    start: datetime,
    minutes: int | None = None,
    now: datetime,
    notes: str | None = None,
) -> Booking | Refusal:
    """Move a booking to `start` (aware UTC), for `minutes` or as long as it was: the old slot is given back
    and the new one taken together, or neither. What the conversation holds is given up; a refusal leaves
    everything as it was.

    `client_id` is who asks, None for a lead. Asked again, it answers with the booking as moved. Refusals:
    those of `propose`.
    """
    start = start.astimezone(UTC)
    known = booking(kind, booking_id)
    if known is None:
        return Refusal.NOT_FOUND
    # Before any lock: a stranger is told no as fast as one who guesses.
    if known.in_force and known.client_id != client_id:
        return Refusal.NOT_YOURS
    locked = lock_agenda(known.consultant_id, conversation)
    if not current().on_sqlite:  # where nobody else could change it from the beginning
        known = _known(kind, booking_id)
    minutes = minutes or known.minutes
    cells = _cells_for(known.consultant_id, conversation, client_id, start, minutes, now, known)
    if isinstance(cells, Refusal):
        return cells
    over = _OVER.all(conversation=conversation, consultant=known.consultant_id, now=now)
    try:
        with proxy.atomic():
            _end_each((each for each in over if each.consultant_id in locked), now)
            moved = _move_to(known, start, minutes, set(cells), notes, now)
            _came_of(conversation, Outcome.MOVED, moved.id)
            return moved
    except pw.IntegrityError as error:
        if not locks.is_unique_violation(error):
            raise
        return Refusal.SLOT_TAKEN


def lock_agenda(consultant_id: int, conversation: str) -> set[int]:
    """Lock the consultant, and whoever's time the conversation holds until now, until the transaction ends;
    returns the ids that exist."""
    held = _HELD.firsts(conversation=conversation)
    return locks.lock_consultants({consultant_id, *held})


def confirm(
    *,
    token: str | None = None,
    conversation: str,
    client_id: int | None,
    now: datetime,
    consultant_id: int | None = None,
    lead: Lead | None = None,
    notes: str | None = None,
    call_id: str | None = None,
    source: str = "voice_call",
) -> Booking | Refusal:
    """Make a hold a booking: a consultation for a client, an appointment for a lead; a moving hold moves
    its booking in place.

    Without a token the latest hold of this conversation and client is meant (and of the consultant, when
    given). Confirming twice returns the same booking; without a token only as long as the hold would have
    lasted, so that a late yes is not taken for an old booking. Refusals: NOT_FOUND (no such hold, or it was
    given up), NOT_YOURS (the token is another conversation's or client's), HOLD_EXPIRED, PAST, SLOT_TAKEN
    (the hold is then cancelled), ALREADY_BOOKED (this call has another booking in force; the hold is then
    cancelled). Raises StorageError for a source the store does not know, or when there is not exactly one of
    client and lead.
    """
    if source not in SOURCES:
        raise StorageError(f"unknown source {source!r}: one of {', '.join(SOURCES)}")
    pending: Any
    if token is None:
        pending = _latest_hold(conversation, client_id, consultant_id, now)
    else:
        pending = _PENDING.first(token=token)
    if pending is None or consultant_id not in (None, pending.consultant_id):
        return Refusal.NOT_FOUND
    # Before any lock: a stranger is told no as fast as one who guesses.
    if pending.conversation != conversation or pending.client_id != client_id:
        return Refusal.NOT_YOURS
    before, by_token, token = pending.status, token is not None, pending.token
    locks.lock_consultant(pending.consultant_id)
    if not current().on_sqlite:  # where nobody else could change it from the beginning
        pending = _PENDING.first(token=token)
    if pending.status != before and not by_token:
        raise TryAgain("the conversation's hold has just changed: another may be meant")
    if pending.status == HoldStatus.CONFIRMED:
        return _known(BookingKind(pending.booking_kind), pending.booking_id)
    if pending.status == HoldStatus.CANCELLED:
        return Refusal.NOT_FOUND
    if pending.status == HoldStatus.EXPIRED or pending.expires_at <= now:
        _expire(now, PendingBooking.token == token)
        return Refusal.HOLD_EXPIRED
    if pending.start_at <= now:
        _drop_holds(PendingBooking.token == token)
        return Refusal.PAST
    if pending.moving_id is None and (client_id is None) == (lead is None):
        raise StorageError(
            "a booking is for a registered client (client_id) or for a lead (lead): give exactly one"
        )
    if busy.blocked(pending.consultant_id, _cells_of(pending)):
        _drop_holds(PendingBooking.token == token)
        return Refusal.SLOT_TAKEN

    try:
        with proxy.atomic():
            if pending.moving_id is not None:
                done = _move(pending, notes, now)
            else:
                done = _book(pending, lead, notes, call_id, source, now)
            if isinstance(done, Refusal):
                _drop_holds(PendingBooking.token == token)
                return done
            _CONFIRMED.run(now=now, kind=done.kind.value, booking=done.id, token=token)
    except pw.IntegrityError as error:
        if not locks.is_unique_violation(error):
            raise
        _drop_holds(PendingBooking.token == token)
        return Refusal.SLOT_TAKEN
    return done


def release(conversation: str, *, now: datetime) -> None:
    """Give up the conversation's hold, if it has one."""
    mine = PendingBooking.conversation == conversation
    mine &= PendingBooking.consultant.in_(locks.lock_consultants(_consultants_of(mine)))
    _expire(now, mine)
    _drop_holds(mine)


def hold_of(conversation: str, *, now: datetime) -> Hold | None:
    """The conversation's live hold."""
    row = _LIVE.first(conversation=conversation, now=now)
    if row is None:
        return None
    return Hold(
        token=row.token,
        consultant_id=row.consultant_id,
        conversation=row.conversation,
        start=row.start_at,
        minutes=row.minutes,
        expires_at=row.expires_at,
        client_id=row.client_id,
        moving=row.moving_id,
    )


def has_pending(conversation: str, *, now: datetime) -> bool:
    """Whether the conversation has a live hold, so that its next words may be a yes to it."""
    return hold_of(conversation, now=now) is not None


def cancel(
    kind: BookingKind, booking_id: str, *, now: datetime, conversation: str | None = None
) -> Booking | Refusal:
    """Give up a booking and its cells; cancelling twice returns the same booking. `conversation` is where it was
    asked for, if in one. Refusals: NOT_FOUND, PAST."""
    known = booking(kind, booking_id)
    if known is None:
        return Refusal.NOT_FOUND
    locks.lock_consultant(known.consultant_id)
    known = _known(kind, booking_id)
    if not known.in_force:
        return known
    if known.start <= now:
        return Refusal.PAST
    table = BOOKING_TABLES[kind]
    table.update(status=BookingStatus.CANCELLED, cancelled_at=now).where(table.id == booking_id).execute()
    locks.free(locks.OWNER_COLUMNS[kind], booking_id)
    if known.call_id is not None:
        CallBooking.delete().where(CallBooking.voice_call == known.call_id).where(
            CallBooking.booking_id == booking_id
        ).execute()
    _end_moves(kind, booking_id, now)
    about_it = VoiceCall.booking_id == booking_id
    VoiceCall.update(outcome=Outcome.CANCELLED.value).where(about_it).execute()
    if conversation is not None:
        _came_of(conversation, Outcome.CANCELLED, booking_id)
    outbox.enqueue(known, Action.DELETE, now=now)
    return _known(kind, booking_id)


def find_bookings(*, client_id: int | None = None, phone: str | None = None, now: datetime) -> list[Booking]:
    """Bookings in force that have not begun, by start: the client's, and those of whoever has `phone`
    (E.164)."""
    found: dict[str, Booking] = {}
    if client_id is not None:
        _collect(found, BookingKind.CONSULTATION, _OF_CLIENT.all(client=client_id, now=now))
    if phone is not None:
        _collect(found, BookingKind.CONSULTATION, _REGISTERED.all(phone=phone, now=now))
        _collect(found, BookingKind.APPOINTMENT, _OF_LEAD.all(phone=phone, now=now))
    return sorted(found.values(), key=lambda each: each.start)


def booking(kind: BookingKind, booking_id: str) -> Booking | None:
    """One booking, in force or not."""
    row = _BOOKING[kind].first(booking=booking_id)
    return None if row is None else _read(kind, row, row)


def bookings_of_call(call_id: str) -> list[Booking]:
    """The bookings, in force or not, that were made in a call."""
    return [
        as_booking(kind, row)
        for kind, table in BOOKING_TABLES.items()
        for row in rows_of(kind).where(table.voice_call == call_id).order_by(table.created_at)
    ]


def all_in_force() -> list[Booking]:
    """Every booking in force, whoever made it: what a checker of the whole store compares with."""
    return [
        as_booking(kind, row)
        for kind, table in BOOKING_TABLES.items()
        for row in rows_of(kind).where(table.status == BookingStatus.CONFIRMED).order_by(table.start_at)
    ]


def expire_holds(now: datetime) -> int:
    """Sweep holds that have run out and free their cells; returns how many. Reads and confirms never wait
    for it."""
    run_out = PendingBooking.expires_at <= now
    return _expire(now, PendingBooking.consultant.in_(locks.lock_consultants(_consultants_of(run_out))))


def rows_of(kind: BookingKind) -> Any:
    """All rows of a booking table with whom they are for, as a query to be narrowed; `as_booking` reads them."""
    if kind is BookingKind.APPOINTMENT:
        return AppointmentBooking.select()
    person = (Client.name, Client.phone, Client.email)
    return Consultation.select(*Consultation._meta.sorted_fields, *person).join(Client, attr="person")


def as_booking(kind: BookingKind, row: Any) -> Booking:
    """A row of `rows_of` as a Booking; of a client, with the client's name, phone and email."""
    return _read(kind, row, row.person if kind is BookingKind.CONSULTATION else row)


def _read(kind: BookingKind, row: Any, person: Any) -> Booking:
    return Booking(
        kind=kind,
        id=row.id,
        consultant_id=row.consultant_id,
        start=row.start_at,
        minutes=row.minutes,
        in_force=row.status == BookingStatus.CONFIRMED,
        client_id=row.client_id if kind is BookingKind.CONSULTATION else None,
        name=person.name,
        phone=person.phone,
        email=person.email,
        notes=row.notes,
        call_id=row.voice_call_id,
        created_at=row.created_at,
        changed_at=row.cancelled_at or row.changed_at,
        meet_link=row.meet_link,
    )


# --- Inside an operation ----------------------------------------------------------------------------------


def _cells_for(
    consultant_id: int,
    conversation: str,
    client_id: int | None,
    start: datetime,
    minutes: int,
    now: datetime,
    moving: Booking | None,
) -> range | Refusal:
    """The cells that a slot needs, or why it cannot be had; `moving` as it is now."""
    if moving is not None:
        if not moving.in_force:
            return Refusal.NOT_FOUND
        if moving.client_id != client_id:
            return Refusal.NOT_YOURS
        if moving.start <= now:
            return Refusal.PAST
    if start <= now:
        return Refusal.PAST
    agenda = agenda_of(consultant_id)
    if not agenda.allows(start, minutes, now=now):
        return Refusal.OUTSIDE_HOURS
    cells = locks.cells_of(start, minutes, agenda.settings)
    if busy.blocked(consultant_id, cells):
        return Refusal.SLOT_TAKEN
    if locks.blocked_cells(consultant_id, cells, now=now, conversation=conversation, moving=moving):
        return Refusal.SLOT_TAKEN
    return cells


def _latest_hold(conversation: str, client_id: int | None, consultant_id: int | None, now: datetime) -> Any:
    """The hold that a yes without a token means: the one that waits, else the newest; one made a booking
    long ago is meant no more."""
    whose = PendingBooking.client.is_null() if client_id is None else PendingBooking.client == client_id
    holds: Any = PendingBooking.select().where(PendingBooking.conversation == conversation, whose)
    if consultant_id is not None:
        holds = holds.where(PendingBooking.consultant == consultant_id)
    latest = holds.order_by(
        pw.Case(None, [(PendingBooking.status == HoldStatus.AWAITING, 0)], 1),
        PendingBooking.created_at.desc(),
        pw.Case(None, [(PendingBooking.status == HoldStatus.CONFIRMED, 0)], 1),
    ).first()
    if latest is not None and latest.status == HoldStatus.CONFIRMED and latest.expires_at <= now:
        return None
    return latest


def _book(
    pending: Any, lead: Lead | None, notes: str | None, call_id: str | None, source: str, now: datetime
) -> Booking | Refusal:
    kind = BookingKind.CONSULTATION if lead is None else BookingKind.APPOINTMENT
    booking_id = uuid.uuid4().hex
    if call_id is not None and not _first_of_call(call_id, kind, booking_id):
        return Refusal.ALREADY_BOOKED
    new = {
        "id": booking_id,
        "consultant": pending.consultant_id,
        "start_at": pending.start_at,
        "minutes": pending.minutes,
        "status": BookingStatus.CONFIRMED,
        "source": source,
        "voice_call": call_id,
        "notes": notes,
        "created_at": now,
    }
    if lead is None:
        _NEW_CONSULTATION.run(client=pending.client_id, **new)
    else:
        _NEW_APPOINTMENT.run(name=lead.name, phone=lead.phone, email=lead.email, **new)
    _settle_cells(pending, kind, booking_id)
    if call_id is not None:
        _came_of(call_id, Outcome.CREATED, booking_id)
    booked = _known(kind, booking_id)
    outbox.enqueue(booked, Action.CREATE, now=now)
    return booked


def _first_of_call(call_id: str, kind: BookingKind, booking_id: str) -> bool:
    """Make this the call's one booking; False when it has one in force, of whichever kind."""
    taken = CallBooking.insert(voice_call=call_id, booking_kind=kind.value, booking_id=booking_id)
    return int(taken.on_conflict_ignore().as_rowcount().execute()) == 1


def _move(pending: Any, notes: str | None, now: datetime) -> Booking | Refusal:
    kind = BookingKind(pending.moving_kind)
    moved = booking(kind, pending.moving_id)
    if moved is None or not moved.in_force:
        return Refusal.NOT_FOUND
    if moved.start <= now:
        return Refusal.PAST
    needed = set(_cells_of(pending))
    locks.hand_over(pending.token, kind, moved.id)
    _came_of(pending.conversation, Outcome.MOVED, moved.id)
    return _move_to(moved, pending.start_at, pending.minutes, needed, notes, now, by=pending.token)


def _move_to(
    moved: Booking,
    start: datetime,
    minutes: int,
    cells: set[int],
    notes: str | None,
    now: datetime,
    *,
    by: str = "",
) -> Booking:
    """Move a booking to a slot whose cells may be taken. Raises peewee.IntegrityError when one may not."""
    kept = moved.notes if notes is None else notes
    _MOVED[moved.kind].run(start=start, minutes=minutes, notes=kept, now=now, booking=moved.id)
    # Other holds that would move it count on cells that it now gives back.
    _end_moves(moved.kind, moved.id, now, but=by)
    have = locks.owned(locks.OWNER_COLUMNS[moved.kind], moved.id)
    _own_exactly(moved.consultant_id, cells, moved.kind, moved.id, have)
    done = replace(moved, start=start, minutes=minutes, notes=kept, changed_at=now)
    if done != moved:
        outbox.enqueue(done, Action.UPDATE, now=now)
    return done


def _came_of(call_id: str, outcome: Outcome, booking_id: str) -> None:
    """Note with the call what was done in it; a conversation that is no call has nothing to note it with."""
    _CAME_OF.run(outcome=outcome.value, booking=booking_id, call=call_id)


def _settle_cells(pending: Any, kind: BookingKind, booking_id: str) -> None:
    """Give the booking exactly the cells of the held slot: the hold's, those it keeps, and any the hold
    has lost meanwhile."""
    needed = set(_cells_of(pending))
    have = locks.hand_over(pending.token, kind, booking_id)  # all it has, since it is new
    _own_exactly(pending.consultant_id, needed, kind, booking_id, have)


def _cells_of(pending: Any) -> range:
    """The cells that the slot of a hold needs now."""
    return locks.cells_of(pending.start_at, pending.minutes, settings_of(pending.consultant_id))


def _own_exactly(
    consultant_id: int, cells: set[int], kind: BookingKind, booking_id: str, have: set[int]
) -> None:
    """Give a booking that has the cells `have` exactly `cells`."""
    owner = locks.OWNER_COLUMNS[kind]
    if have - cells:
        locks.free(owner, booking_id, cells=have - cells)
    locks.take(consultant_id, cells - have, owner, booking_id)


# --- Worded once ------------------------------------------------------------------------------------------


def _inserting(table: Any, *names: str) -> Statement:
    return Statement(lambda: table.insert({name: Given(name) for name in names}))


def _booking_where(kind: BookingKind, *which: Any) -> Statement:
    return Statement(lambda: rows_of(kind).where(*which))


def _to_come(kind: BookingKind, which: Any) -> Statement:
    table = BOOKING_TABLES[kind]
    return _booking_where(kind, which, table.status == BookingStatus.CONFIRMED, table.start_at > Given("now"))


def _moving(table: Any) -> Statement:
    new = {"start_at": Given("start"), "minutes": Given("minutes"), "notes": Given("notes")}
    new["changed_at"] = Given("now")
    return Statement(lambda: table.update(new).where(table.id == Given("booking")))


_IS_WAITING = PendingBooking.status == HoldStatus.AWAITING
_OF_CONVERSATION = PendingBooking.conversation == Given("conversation")

_PENDING = Statement(lambda: PendingBooking.select().where(PendingBooking.token == Given("token")))
_HELD = Statement(
    lambda: PendingBooking.select(PendingBooking.consultant).where(_IS_WAITING, _OF_CONVERSATION)
)
_LIVE = Statement(
    lambda: PendingBooking.select().where(
        _IS_WAITING, _OF_CONVERSATION, PendingBooking.expires_at > Given("now")
    )
)
# What a new hold ends: that of its conversation, and those of its consultant that have run out.
_OVER = Statement(
    lambda: PendingBooking.select(
        PendingBooking.token, PendingBooking.consultant, PendingBooking.expires_at
    ).where(
        _IS_WAITING,
        _OF_CONVERSATION
        | ((PendingBooking.consultant == Given("consultant")) & (PendingBooking.expires_at <= Given("now"))),
    )
)
_MOVES = Statement(
    lambda: PendingBooking.select(PendingBooking.token, PendingBooking.expires_at).where(
        _IS_WAITING,
        PendingBooking.moving_kind == Given("kind"),
        PendingBooking.moving_id == Given("booking"),
        PendingBooking.token != Given("but"),
    )
)
_NEW_HOLD = _inserting(
    PendingBooking,
    "token",
    "consultant",
    "conversation",
    "client",
    "start_at",
    "minutes",
    "status",
    "created_at",
    "expires_at",
    "moving_kind",
    "moving_id",
)
_CONFIRMED = Statement(
    lambda: PendingBooking.update(
        status=HoldStatus.CONFIRMED,
        confirmed_at=Given("now"),
        booking_kind=Given("kind"),
        booking_id=Given("booking"),
    ).where(PendingBooking.token == Given("token"))
)
_ENDED = Statement(
    lambda: PendingBooking.update(status=Given("status")).where(
        _IS_WAITING, PendingBooking.token == Given("token")
    )
)
_CAME_OF = Statement(
    lambda: VoiceCall.update(outcome=Given("outcome"), booking_id=Given("booking")).where(
        VoiceCall.id == Given("call")
    )
)
_BOOKING = {
    kind: _booking_where(kind, table.id == Given("booking")) for kind, table in BOOKING_TABLES.items()
}
_OF_CLIENT = _to_come(BookingKind.CONSULTATION, Consultation.client == Given("client"))
_REGISTERED = _to_come(BookingKind.CONSULTATION, Client.phone == Given("phone"))
_OF_LEAD = _to_come(BookingKind.APPOINTMENT, AppointmentBooking.phone == Given("phone"))
_MOVED = {kind: _moving(table) for kind, table in BOOKING_TABLES.items()}
_NEW = ("id", "consultant", "start_at", "minutes", "status", "source", "voice_call", "notes", "created_at")
_NEW_CONSULTATION = _inserting(Consultation, "client", *_NEW)
_NEW_APPOINTMENT = _inserting(AppointmentBooking, "name", "phone", "email", *_NEW)


def _consultants_of(which: Any) -> set[int]:
    """The consultants whose time is held by those of the waiting holds."""
    waiting: Any = PendingBooking.select(PendingBooking.consultant).where(
        PendingBooking.status == HoldStatus.AWAITING, which
    )
    return {row.consultant_id for row in waiting}


def _expire(now: datetime, which: Any) -> int:
    return _end_holds(which & (PendingBooking.expires_at <= now), HoldStatus.EXPIRED)


def _drop_holds(which: Any) -> int:
    return _end_holds(which, HoldStatus.CANCELLED)


def _end_holds(which: Any, status: str) -> int:
    waiting = (PendingBooking.status == HoldStatus.AWAITING) & which
    tokens = [row.token for row in PendingBooking.select(PendingBooking.token).where(waiting)]
    for token in tokens:
        _end(token, status)
    return len(tokens)


def _end_moves(kind: BookingKind, booking_id: str, now: datetime, *, but: str = "") -> None:
    """End the holds that would move a booking, all but one."""
    _end_each(_MOVES.all(kind=kind.value, booking=booking_id, but=but), now)


def _end_each(holds: Iterable[Any], now: datetime) -> None:
    """End waiting holds; one that has run out by itself is not given up."""
    for each in holds:
        _end(each.token, HoldStatus.EXPIRED if each.expires_at <= now else HoldStatus.CANCELLED)


def _end(token: str, status: str) -> None:
    locks.free(SlotLock.hold, token)
    _ENDED.run(status=status, token=token)


def _collect(found: dict[str, Booking], kind: BookingKind, rows: Iterable[Any]) -> None:
    found.update((row.id, _read(kind, row, row)) for row in rows)


def _known(kind: BookingKind, booking_id: str) -> Booking:
    known = booking(kind, booking_id)
    if known is None:
        raise StorageError(f"the {kind} {booking_id} is gone, though a hold or a cell still names it")
    return known


__all__ = [
    "SOURCES",
    "all_in_force",
    "as_booking",
    "booking",
    "bookings_of_call",
    "cancel",
    "confirm",
    "expire_holds",
    "find_bookings",
    "has_pending",
    "hold_of",
    "lock_agenda",
    "propose",
    "release",
    "reschedule",
    "rows_of",
]
