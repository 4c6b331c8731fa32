"""Written conversations: each message is kept, read in its place, and answered with where things stand.

They go by the same supervisor, rules, machine and store as calls. Nothing is remembered here: any server that shares
the database may take the next message, and a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from engine.agenda import booking_of, see_own
from engine.analysis import Analysis, State
from engine.conversation import Conversation
from engine.desk import StoreDesk
from engine.details import Details, Heard
from engine.known import Known
from engine.ports import Clock, Elsewhere, Extractor, Store
from engine.rulebook import Rulebook
from engine.supervisor import Supervisor, Told, opening_state, restored_state
from engine.turns import Speaker, Turn
from engine.understanding.context import CallerKnown, Reading
from engine.understanding.written import as_said
from fsm.stages import Stage, Task
from storage import bookings, chats, conversations, journal, offers
from storage.chats import Before, ChatRecord, MessageRecord, Party
from storage.conversations import ConversationState
from storage.errors import Overtaken, StorageError
from storage.results import Booking, BookingKind, Hold

ANEW_AFTER = timedelta(minutes=30)
"""How long after a conversation has come to its end, with no booking left, a message begins another one."""

_LOOKED_BACK_AT = 60
_TRIES = 8
_REREAD = "Un messaggio scritto prima è arrivato dopo: la conversazione si rilegge da lì."
_ANEW = "La conversazione di prima è finita: si ricomincia."


class ChatBusyError(Exception):
    """Raised when messages of one chat come faster than they can be read: the message is kept, and read with the
    next one, or when it is delivered again."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was written: `id` is the integration's; `at` is when, aware, or None for now."""

    id: str
    role: Speaker
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a conversation stands. `missing` are details by their English names; `to_restate` those that the assistant
    has not restated rightly yet, beside day and time, without which no yes counts; `booking` is in force;
    `callback`: a person is to get in touch.

    Of a message: `notices` are to be woven into the next reply; `duplicate`, it had been taken before; not `read`, it
    was passed over, since it came behind a booking or its analysis failed.
    """

    chat: ChatRecord
    stage: Stage
    task: Task
    details: Details
    missing: tuple[str, ...]
    to_restate: tuple[str, ...]
    hold: Hold | None
    booking: Booking | None
    callback: bool
    notices: tuple[str, ...] = ()
    duplicate: bool = False
    read: bool = True

    @property
    def pending(self) -> bool:
        """Whether something waits for a yes: a slot is held, or a cancellation was restated."""
        return self.hold is not None or (self.stage is Stage.DATI_COMPLETI and self.task is Task.DISDICI)


@dataclass(frozen=True, slots=True)
class _Unread:
    """What an analysis starts from; `count` of all messages that had come."""

    stored: ConversationState
    messages: tuple[MessageRecord, ...]
    new: tuple[int, ...]
    count: int


@dataclass(slots=True)
class _Keeping:
    """Keeps an analysis with its chat, and lets it be overtaken by whatever has come meanwhile."""

    chat: ChatRecord
    unread: _Unread
    now: datetime
    told: list[Told] = field(default_factory=list)

    def begin(self) -> None:
        count, stored = chats.lock(self.chat.id), conversations.state_of(self.chat.id)
        if count != self.unread.count or stored is None or stored != self.unread.stored:
            raise Overtaken("another message has come, or another server has read this one")

    def record(self, analysis: Analysis) -> None:
        stored = self.unread.stored
        chats.record_analysis(
            self.chat.id,
            analysis.state.analyses,
            before=Before(stored.stage, stored.task, stored.state or {}),
            notices=analysis.texts,
            wrote=any(step.outcome == "riuscito" for step in analysis.steps),
            read=self.unread.new,
        )
        if analysis.state.stage is not Stage.DATI_COMPLETI:
            bookings.release(self.chat.id, now=self.now)  # it may be from before the messages were read again


class Chats:
    """Takes messages. A message goes by the rules in force when it comes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: Callable[[], Rulebook],
        extractor: Callable[[Rulebook], Extractor],
        *,
        watch: Callable[[Told], None] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._store, self._clock, self._rules, self._extractor = store, clock, rules, extractor
        self._watch, self._elsewhere = watch, elsewhere

    async def take(self, party: Party, message: Message) -> Standing:
        """Keep a message and read it; delivered again, it changes nothing and is answered as before.

        Raises storage.chats.ChatRefused as `open_chat` does, ChatBusyError, StoreUnavailable.
        """
        now = self._clock.now()
        chat, fresh = await self._store.run(lambda: _keep(party, message, now))
        overtaken = 0
        while (unread := await self._store.run(lambda: _unread(chat))) is not None:
            overtaken += not await self._read(chat, unread)
            if overtaken > _TRIES:
                raise ChatBusyError("messages of this conversation come faster than they can be read")
        now, rules = self._clock.now(), self._rules()
        return await self._store.run(lambda: _answer(party, message.id, rules, now, duplicate=not fresh))

    async def standing(self, integration: str, external: str) -> Standing | None:
        """Where the chat stands that an integration knows as `external`; None when there is none."""
        now, rules = self._clock.now(), self._rules()

        def work() -> Standing | None:
            chat = chats.find_chat(integration, external)
            return None if chat is None else standing_of(chat, rules, now)

        return await self._store.run(work)

    async def _read(self, chat: ChatRecord, unread: _Unread) -> bool:
        """Analyse what is not read yet; False when something has come in between."""
        now, rules = self._clock.now(), self._rules()
        keeping = _Keeping(chat, unread, now)
        supervisor = Supervisor(
            conversation_of(chat),
            self._store,
            rules,
            self._extractor(rules),
            state=_state(chat, unread.stored),
            watch=keeping.told.append,
            beside=keeping,
            elsewhere=self._elsewhere,
        )
        result = await supervisor.analyse(
            [_turn(each) for each in unread.messages],
            new=unread.new,
            now=now,
            call_over=False,
            pending_speech=False,
            unheard=False,
            still_valid=lambda: True,
        )
        if result.again:
            return False
        if not keeping.told:  # it failed and booked nothing; it would fail again
            await self._store.run(lambda: _pass_over(chat.id, unread.new))
        elif self._watch is not None:
            self._watch(keeping.told[0])
        return True


def conversation_of(chat: ChatRecord) -> Conversation:
    """The conversation of a chat. Who writes is told by the integration alone, so a lead has no line."""
    kind = "lead" if chat.client_id is None else "client"
    caller = CallerKnown(kind, "inbound")
    return Conversation(
        chat.id, None, chat.consultant_id, chat.zone, caller, chat.client_id, source=chat.source
    )


def standing_of(chat: ChatRecord, rules: Rulebook, now: datetime) -> Standing:
    """Where a chat stands; inside a store transaction."""
    conversation, state = conversation_of(chat), _state(chat, _stored(chat.id))
    held, hold = state.held, bookings.hold_of(chat.id, now=now)
    booking = _booking(chat.id, held.booking, now)
    if chat.led_by == chats.TOOLS:
        state = _led_by_tools(state, hold, booking)
    missing: Sequence[str] = ()
    if chat.led_by != chats.TOOLS and state.stage in (Stage.RACCOLTA_DATI, Stage.DATI_COMPLETI, Stage.ERRORE):
        agenda = see_own(conversation, held, now)
        known = Known(conversation, rules.limits, Reading(held), agenda, StoreDesk(conversation), now)
        missing = sorted(known.missing(state.task))
    return Standing(
        chat=chat,
        stage=state.stage,
        task=state.task,
        details=held.details,
        missing=tuple(missing),
        to_restate=_to_restate(conversation, state),
        hold=hold,
        booking=booking,
        callback=held.callback_requested,
    )


def _led_by_tools(state: State, hold: Hold | None, booking: Booking | None) -> State:
    """What another model has done, in our words; no analysis has brought it there."""
    if hold is not None:
        return replace(state, stage=Stage.DATI_COMPLETI, task=Task.PRENOTA)
    return state if booking is None else replace(state, stage=Stage.COMPLETATO, task=Task.PRENOTA)


def _to_restate(conversation: Conversation, state: State) -> tuple[str, ...]:
    held = state.held
    if (
        conversation.caller.kind != "lead"
        or state.task is not Task.PRENOTA
        or state.stage is Stage.COMPLETATO
    ):
        return ()
    heard = (("phone", held.details.phone, held.phone_heard), ("email", held.details.email, held.email_heard))
    return tuple(name for name, value, how in heard if value is not None and how is not Heard.SAME)


# --- Inside a transaction ---------------------------------------------------------------------------------------


def _keep(party: Party, message: Message, now: datetime) -> tuple[ChatRecord, bool]:
    """Keep a message; False when it was known. What is already read after it is made unread again."""
    chat = chats.open_chat(party, chats.SUPERVISOR, now=now)
    stored = _stored(chat.id)
    at = min(message.at or now, now)
    kept = chats.add_message(chat.id, message.id, role=str(message.role), text=message.text, at=at, now=now)
    if kept is None:
        return chat, False
    if message.role is Speaker.CALLER and _is_over(chat.id, stored, now):
        fresh = opening_state(conversation_of(chat)).held.to_plain()
        _go_back(chat.id, stored, Before(Stage.NESSUN_INTENTO, None, fresh), kept, now, why=_ANEW)
        chats.begin_anew(chat.id, now=now)
    elif (before := chats.make_room(chat.id, kept)) is not None:
        _go_back(chat.id, stored, before, kept, now, why=_REREAD)
    return chat, True


def _is_over(chat_id: str, stored: ConversationState, now: datetime) -> bool:
    """Whether the next word of the caller begins another conversation: the last one has long come to its end and left
    no booking to come, or its words were erased."""
    if stored.last_analysis and stored.state is None:
        return True
    if stored.stage != Stage.COMPLETATO or stored.updated_at > now - ANEW_AFTER:
        return False
    booked = restored_state(stored).held.booking
    return booked is None or _booking(chat_id, booked, now) is None


def _go_back(
    chat_id: str, stored: ConversationState, before: Before, kept: MessageRecord, now: datetime, *, why: str
) -> None:
    """Go on from where the conversation stood; what was offered since then is no choice any more."""
    number = stored.last_analysis + 1
    conversations.advance(
        chat_id,
        number=number,
        last_turn=kept.number,
        state=before.state,
        stage=before.stage,
        task=before.task,
        now=now,
    )
    offers.remember_offers(chat_id, (), minutes=0, turn=kept.number, now=now)
    entry: Mapping[str, object] = {
        "call_id": chat_id,
        "analysis": number,
        "turn": kept.number,
        "event_time": kept.at,
        "event": None,
        "from": stored.stage,
        "to": before.stage,
        "why": why,
    }
    journal.append(entry, recorded_at=now)


def _unread(chat: ChatRecord) -> _Unread | None:
    """What is to be analysed now; None when everything is read."""
    count = chats.lock(chat.id)
    found = chats.messages(chat.id, _LOOKED_BACK_AT)
    new = tuple(each.number for each in found if each.analysis is None)
    return _Unread(_stored(chat.id), tuple(found), new, count) if new else None


def _pass_over(chat_id: str, numbers: Sequence[int]) -> None:
    chats.lock(chat_id)
    chats.mark_read(chat_id, numbers, chats.PASSED_OVER)


def _answer(party: Party, message: str, rules: Rulebook, now: datetime, *, duplicate: bool) -> Standing:
    chat = chats.find_chat(party.integration, party.external)
    assert chat is not None
    return replace(
        standing_of(chat, rules, now),
        notices=chats.notices_of(chat.id, message),
        duplicate=duplicate,
        read=chats.known_message(chat.id, message).analysis != chats.PASSED_OVER,
    )


def _booking(chat_id: str, key: str | None, now: datetime) -> Booking | None:
    """The booking of a conversation that is in force and still to come."""
    made = [booking_of(key)] if key is not None else []
    made += [bookings.booking(BookingKind(kind), name) for kind, name in chats.made_in(chat_id)]
    return next((each for each in made if each and each.in_force and each.start > now), None)


def _stored(chat_id: str) -> ConversationState:
    stored = conversations.state_of(chat_id)
    if stored is None:
        raise StorageError(f"the conversation of chat {chat_id} is gone")
    return stored


def _state(chat: ChatRecord, stored: ConversationState) -> State:
    """As it is stored; of a chat that has not been analysed, or was erased, how it begins."""
    if stored.state:
        return restored_state(stored)
    return State(opening_state(conversation_of(chat)).held, analyses=stored.last_analysis)


def _turn(message: MessageRecord) -> Turn:
    """A message is whole when it comes, and heard when it is written."""
    return Turn(message.number, Speaker(message.role), as_said(message.text), message.at, message.at)
