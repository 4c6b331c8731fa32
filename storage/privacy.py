"""Erases a person, or only the words of old calls and chats; agenda and journal stay whole. Call in
`Database.run(work)`.

The journal holds digests that say nothing once the values and salts beside it are gone; what was erased is written
into it as counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import peewee as pw

from storage import bookings, checkpoints, journal, outbox, personal
from storage.bookings import as_booking, rows_of
from storage.errors import StorageError
from storage.models import (
    BOOKING_TABLES,
    AppointmentBooking,
    CallAnalysis,
    CallTurn,
    Chat,
    ChatAnalysis,
    ChatMessage,
    Client,
    Consultation,
    ExtractionState,
    PendingBooking,
    PersonalValue,
    ScheduledCall,
    VoiceCall,
)
from storage.outbox import Action
from storage.results import Booking, BookingKind, Refusal

ERASED = "cancellato"
ON_REQUEST = "dati_cancellati"
AFTER_A_TIME = "parole_cancellate"
_WHY = {
    ON_REQUEST: "I dati della persona sono stati cancellati su richiesta.",
    AFTER_A_TIME: "Le parole della conversazione sono state cancellate: il tempo di conservazione è passato.",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is meant: phones are E.164, emails in lower case, clients their ids."""

    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    clients: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person is found. `own` calls are theirs; in `mentioned` ones somebody else named them. `chats` are those
    they wrote or are named in. `upcoming` are those of `bookings` that are in force and still to come; `running` the
    calls that are not over."""

    person: Person
    own: frozenset[str]
    mentioned: frozenset[str]
    chats: frozenset[str]
    running: frozenset[str]
    bookings: tuple[Booking, ...]
    upcoming: tuple[Booking, ...]
    scheduled: frozenset[str]

    @property
    def nothing(self) -> bool:
        """Whether nothing is known of the person."""
        found = (self.own, self.mentioned, self.chats, self.bookings, self.scheduled, self.person.clients)
        return not any(found)


@dataclass(frozen=True, slots=True)
class Erased:
    """How much of each kind was erased, and which bookings were given up."""

    counts: Mapping[str, int]
    cancelled: tuple[Booking, ...]


def traces(
    *, phones: Iterable[str] = (), emails: Iterable[str] = (), clients: Iterable[int] = (), now: datetime
) -> Traces:
    """Everything that is known of a person by these; a client's phone and email belong to the client.

    Raises StorageError for a client that does not exist.
    """
    person = _person(set(phones), {email.lower() for email in emails}, set(clients))
    target = ScheduledCall.target_number.in_(list(person.phones)) | ScheduledCall.client.in_(
        list(person.clients)
    )
    scheduled = _ids(ScheduledCall.select(ScheduledCall.id).where(target))
    own = _calls_on_their_line(person, scheduled)
    own |= {each.call_id for each in _bookings_of(person) if each.call_id is not None}
    written = _chats_of(person)
    found = tuple(_bookings_of(person, own, written))
    named = personal.calls_with([*person.phones, *person.emails])
    chats = _ids(Chat.select(Chat.id).where(Chat.id.in_([*written, *named])))
    mentioned = named - own - chats
    either = VoiceCall.id.in_([*own, *mentioned])
    return Traces(
        person=person,
        own=frozenset(own),
        mentioned=frozenset(mentioned),
        chats=frozenset(chats),
        running=frozenset(_ids(VoiceCall.select(VoiceCall.id).where(either, VoiceCall.ended_at.is_null()))),
        bookings=found,
        upcoming=tuple(each for each in found if each.in_force and each.start > now),
        scheduled=frozenset(scheduled),
    )


def erase(found: Traces, *, cancel: bool, now: datetime) -> Erased:
    """Erase what `traces` has found in this very transaction. Bookings still to come are given up (`cancel`), or stay
    in the agenda without a name.

    Raises StorageError while a call of the person is running, since its server would write it again.
    """
    if found.running:
        raise StorageError(
            f"still on the phone, try again afterwards: call {', '.join(sorted(found.running))}"
        )
    cancelled = tuple(_cancel(each, now) for each in found.upcoming) if cancel else ()
    counts: Counter[str] = Counter(
        calls=len(found.own | found.mentioned), chats=len(found.chats), cancelled=len(cancelled)
    )
    for conversation in sorted(found.own | found.mentioned | found.chats):
        counts.update(_forget_words(conversation, ON_REQUEST, now))
    _forget_lines(found.own)
    _forget_writers(found.chats)
    counts["bookings"] = _forget_bookings(found.bookings, now)
    counts["clients"] = _forget_clients(found.person.clients)
    counts["scheduled"] = ScheduledCall.delete().where(ScheduledCall.id.in_(list(found.scheduled))).execute()
    checkpoints.make(now, note={"erased": dict(counts), "why": ON_REQUEST})
    return Erased(dict(counts), cancelled)


def drop_words(before: datetime, after: datetime | None, limit: int, now: datetime) -> datetime | None:
    """Erase the words of ended calls that began before an instant, at most `limit` calls at once.

    Calls that began before `after` are known to have none left. Returns the `after` to go on with, None when nothing
    is left to do.
    """
    old = (VoiceCall.started_at < before) & VoiceCall.ended_at.is_null(False)
    if after is not None:
        old &= VoiceCall.started_at >= after
    due: Any = (
        VoiceCall.select(VoiceCall.id, VoiceCall.started_at)
        .where(old, _wordy())
        .order_by(VoiceCall.started_at)
    )
    rows = list(due.limit(limit))
    for row in rows:
        _forget_words(row.id, AFTER_A_TIME, now)
    return rows[-1].started_at if rows else None


def drop_chat_words(before: datetime, limit: int, now: datetime) -> int:
    """Erase the words of at most `limit` chats in which nothing was written since an instant; returns of how many."""
    one = pw.SQL("1")
    kept = (
        ChatMessage.select(one).where(ChatMessage.chat == Chat.id),
        PersonalValue.select(one).where(PersonalValue.call == Chat.id),
        ExtractionState.select(one).where(
            ExtractionState.conversation == Chat.id, ExtractionState.state.is_null(False)
        ),
    )
    wordy = reduce(or_, (pw.fn.EXISTS(rows) for rows in kept))
    due = sorted(_ids(Chat.select(Chat.id).where(Chat.last_at < before, wordy).limit(limit)))
    for chat_id in due:
        _forget_words(chat_id, AFTER_A_TIME, now)
    return len(due)


def _wordy() -> Any:
    """Whether anything that was said in a call, or taken from it, is still kept."""
    one = pw.SQL("1")
    progress = ExtractionState.conversation == VoiceCall.id
    kept = (
        CallTurn.select(one).where(CallTurn.call == VoiceCall.id),
        CallAnalysis.select(one).where(CallAnalysis.call == VoiceCall.id, CallAnalysis.words.is_null(False)),
        PersonalValue.select(one).where(PersonalValue.call == VoiceCall.id),
        ExtractionState.select(one).where(progress, ExtractionState.state.is_null(False)),
    )
    return reduce(or_, (pw.fn.EXISTS(rows) for rows in kept))


# --- Finding ----------------------------------------------------------------------------------------------


def _person(phones: set[str], emails: set[str], clients: set[int]) -> Person:
    known: Any = list(
        Client.select().where(
            Client.phone.in_(list(phones))
            | pw.fn.LOWER(Client.email).in_(list(emails))
            | Client.id.in_(list(clients))
        )
    )
    for missing in clients - {row.id for row in known}:
        raise StorageError(f"there is no client {missing}")
    return Person(
        frozenset(phones | {row.phone for row in known if row.phone != _no_phone(row.id)}),
        frozenset(emails | {row.email.lower() for row in known if row.email}),
        frozenset(row.id for row in known),
    )


def _bookings_of(person: Person, calls: Collection[str] = (), chats: Collection[str] = ()) -> list[Booking]:
    made_there = PendingBooking.select(PendingBooking.booking_id).where(
        PendingBooking.conversation.in_(list(chats)), PendingBooking.booking_id.is_null(False)
    )
    consultations: Any = rows_of(BookingKind.CONSULTATION).where(
        Consultation.client.in_(list(person.clients))
    )
    appointments: Any = AppointmentBooking.select().where(
        AppointmentBooking.phone.in_(list(person.phones))
        | pw.fn.LOWER(AppointmentBooking.email).in_(list(person.emails))
        | AppointmentBooking.voice_call.in_(list(calls))
        | AppointmentBooking.id.in_(made_there)
    )
    found = [as_booking(BookingKind.CONSULTATION, row) for row in consultations]
    found += [as_booking(BookingKind.APPOINTMENT, row) for row in appointments]
    return sorted(found, key=lambda each: each.start)


def _calls_on_their_line(person: Person, scheduled: Collection[str]) -> set[str]:
    """By the other side's number, never by our own."""
    phones = list(person.phones)
    inbound = (VoiceCall.direction == "inbound") & VoiceCall.caller_number.in_(phones)
    outbound = (VoiceCall.direction == "outbound") & VoiceCall.dialled_number.in_(phones)
    known = VoiceCall.client.in_(list(person.clients)) | VoiceCall.scheduled_call.in_(list(scheduled))
    return _ids(VoiceCall.select(VoiceCall.id).where(inbound | outbound | known))


def _chats_of(person: Person) -> set[str]:
    """Those of a client, and those that an integration knows by the person's own number, as WhatsApp does, or email."""
    names = [*person.phones, *(phone.removeprefix("+") for phone in person.phones)]
    known = Chat.external.in_(names) | pw.fn.LOWER(Chat.external).in_(list(person.emails))
    return _ids(Chat.select(Chat.id).where(known | Chat.client.in_(list(person.clients))))


def _ids(rows: Any) -> set[str]:
    return {row.id for row in rows}


# --- Forgetting -------------------------------------------------------------------------------------------


def _forget_words(call_id: str, outcome: str, now: datetime) -> dict[str, int]:
    """All that was said in a call or a chat, and every value taken from it; how much it was stands in the journal."""
    erased = {
        "turns": CallTurn.delete().where(CallTurn.call == call_id).execute()
        + ChatMessage.delete().where(ChatMessage.chat == call_id).execute(),
        "values": PersonalValue.delete().where(PersonalValue.call == call_id).execute(),
    }
    ChatAnalysis.delete().where(ChatAnalysis.chat == call_id).execute()
    CallAnalysis.update(words=None).where(CallAnalysis.call == call_id).execute()
    ExtractionState.update(state=None).where(ExtractionState.conversation == call_id).execute()
    progress: Any = ExtractionState.get_or_none(ExtractionState.conversation == call_id)
    entry = {
        "call_id": call_id,
        "analysis": progress.last_analysis if progress else 0,
        "event_time": now,
        "event": None,
        "why": _WHY[outcome],
        "outcome": outcome,
        "erased": erased,
    }
    journal.append(entry, recorded_at=now)
    return erased


def _forget_lines(calls: Collection[str]) -> None:
    """Who was at the other end, and by which id the bridge knows it."""
    theirs = VoiceCall.id.in_(list(calls))
    VoiceCall.update(caller_number=None).where(theirs, VoiceCall.direction == "inbound").execute()
    VoiceCall.update(dialled_number=None).where(theirs, VoiceCall.direction == "outbound").execute()
    VoiceCall.update(bridge_call_id=ERASED, client=None).where(theirs).execute()


def _forget_writers(chats: Collection[str]) -> None:
    """By which name the integration knows them: under it a new chat begins."""
    Chat.update(external=Chat.id, client=None).where(Chat.id.in_(list(chats))).execute()


def _forget_bookings(found: Collection[Booking], now: datetime) -> int:
    """Whose they were, and what about; the time stays taken. Calendars follow."""
    for each in found:
        table = BOOKING_TABLES[each.kind]
        gone: dict[str, Any] = {"notes": None}
        if each.kind is BookingKind.APPOINTMENT:
            gone |= {"name": None, "phone": "", "email": ""}
        table.update(**gone).where(table.id == each.id).execute()
        now_known = bookings.booking(each.kind, each.id)
        if now_known is not None and now_known.in_force:
            outbox.enqueue(now_known, Action.UPDATE, now=now)
    return len(found)


def _forget_clients(clients: Collection[int]) -> int:
    for number in clients:
        Client.update(name=f"({ERASED})", phone=_no_phone(number), email=None).where(
            Client.id == number
        ).execute()
    return len(clients)


def _no_phone(client_id: int) -> str:
    """What stands where a client's phone must be its own."""
    return f"{ERASED}-{client_id}"


def _cancel(each: Booking, now: datetime) -> Booking:
    done = bookings.cancel(each.kind, each.id, now=now)
    if isinstance(done, Refusal):
        raise StorageError(f"the {each.kind} {each.id} cannot be cancelled ({done}): nothing was erased")
    return done
