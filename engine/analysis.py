"""One analysis, inside one database transaction: read the turns, ask the rules, step the machine, act on the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.conversation import Conversation
from engine.details import FLOOR, Accumulator, Heard, Slot
from engine.ports import Mention
from engine.rulebook import Rulebook
from engine.turns import Transcript
from engine.understanding.context import Agenda, Agreement, Context, OwnBooking, Reading, binding
from engine.understanding.reading import read
from engine.wording import spoken_day, spoken_list, spoken_slot
from fsm.booking import BookingMachine, BookingModel, Transition
from fsm.evidence import Evidence
from fsm.journal import Journal, JournalEntry
from fsm.stages import Event, Stage, Task
from storage import availability, bookings
from storage.journal import PERSONAL_DETAILS, digest
from storage.results import Booking, BookingKind, Hold, Lead, Refusal

# How a refusal of the store is called among the facts.
_OUTCOMES: Mapping[Refusal, str] = {
    Refusal.SLOT_TAKEN: "slot_occupato",
    Refusal.HOLD_EXPIRED: "scaduto",
    Refusal.PAST: "passato",
    Refusal.OUTSIDE_HOURS: "fuori_orario",
    Refusal.NOT_FOUND: "fallito",
    Refusal.NOT_YOURS: "fallito",
    Refusal.ALREADY_BOOKED: "fallito",
}
_ITALIAN = {
    "date": "data",
    "time": "ora",
    "phone": "telefono",
    "email": "email",
    "name": "nome",
    "target": "appuntamento",
}
_ENGLISH = {italian: english for english, italian in _ITALIAN.items()}
_VERBS = {Task.PRENOTA: "prenoto", Task.SPOSTA: "sposto", Task.DISDICI: "annullo", Task.NESSUNO: "prenoto"}
_OPEN = (Stage.RACCOLTA_DATI, Stage.DATI_COMPLETI, Stage.ERRORE)
_HORIZON = timedelta(days=90)
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class State:
    """What a conversation carries from one analysis to the next."""

    held: Accumulator
    stage: Stage = Stage.NESSUN_INTENTO
    task: Task = Task.NESSUNO
    analyses: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One event that was proposed in an analysis, and what became of it."""

    entry: JournalEntry
    facts: Mapping[str, object]
    outcome: str
    notices: tuple[str, ...]


@dataclass(slots=True)
class Analysis:
    """What an analysis came to. `wait`: a valid yes, but later speech is not yet understood; nothing was done."""

    state: State
    reading: Reading
    agenda: Agenda
    facts: Mapping[str, object]
    steps: list[Step] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    changes: dict[str, dict[str, str | None]] = field(default_factory=dict)
    wait: bool = False


def analyse(
    conversation: Conversation,
    rulebook: Rulebook,
    state: State,
    transcript: Transcript,
    new: Collection[int],
    *,
    now: datetime,
    call_over: bool = False,
    pending_speech: bool = False,
    unheard: bool = False,
    found: tuple[Mention, ...] = (),
) -> Analysis:
    """Analyse the turns numbered `new`, and act. Must run inside a store transaction, which the caller commits.

    `pending_speech`: the caller has said something after these turns that is not yet transcribed.
    `unheard`: the caller said something whose words never came. `found`: what another extractor pointed at.
    Raises whatever a part raises: the caller then rolls back and keeps the old state.
    """
    agenda = _see(conversation, state, now)
    context = Context(
        stage=state.stage,
        task=state.task,
        caller=conversation.caller,
        agenda=agenda,
        phrases=rulebook.phrases,
        now=now,
        found=found,
    )
    reading = read(transcript, new, state.held, context)
    if reading.agreement is Agreement.VALID:
        if unheard:
            reading.agreement = Agreement.INVALID
        elif pending_speech and not call_over:
            return Analysis(state, reading, agenda, {}, wait=True)
    run = _Run(conversation, rulebook, state, reading, agenda, now, call_over=call_over, unheard=unheard)
    return run.run()


def _see(conversation: Conversation, state: State, now: datetime) -> Agenda:
    """The agenda as this analysis sees it."""
    consultant = conversation.consultant_id
    settings = availability.settings_of(consultant)
    own = _own_bookings(conversation, state.held, now)
    moving = next((b for b in own if _key(b) == state.held.target), None)
    minutes = state.held.details.minutes or settings.default_minutes
    starts = availability.available_starts(
        consultant, now, now + _HORIZON, minutes, now=now, conversation=conversation.id, moving=moving
    )
    zone = conversation.zone
    return Agenda(
        zone=zone,
        free=frozenset(_slot(start, zone) for start in starts),
        hours={index: tuple(hours) for index, hours in enumerate(settings.weekly_hours.values())},
        own=tuple(OwnBooking(_key(b), _slot(b.start, zone), b.minutes) for b in own),
        minutes=settings.default_minutes,
        allowed_minutes=tuple(settings.allowed_minutes),
    )


def _own_bookings(conversation: Conversation, held: Accumulator, now: datetime) -> list[Booking]:
    """Bookings this caller may change: found by who they are or by the line, never by a dictated number."""
    found: list[Booking] = []
    if conversation.client_id is not None:
        found = bookings.find_bookings(client_id=conversation.client_id, now=now)
    elif conversation.caller.line is not None:
        found = bookings.find_bookings(phone=conversation.caller.line, now=now)
    if held.booking is not None and held.booking not in map(_key, found):
        mine = _booking(held.booking)
        if mine is not None and mine.in_force:
            found.append(mine)
    return [b for b in found if b.consultant_id == conversation.consultant_id]


def _key(booking: Booking) -> str:
    return f"{booking.kind}:{booking.id}"


def _booking(key: str) -> Booking | None:
    kind, _, booking_id = key.partition(":")
    return bookings.booking(BookingKind(kind), booking_id)


def _slot(start: datetime, zone: ZoneInfo) -> Slot:
    local = start.astimezone(zone)
    return Slot(local.date(), local.time().replace(tzinfo=None))


class _Run:
    """The loop of one analysis: facts, decision, machine, effect, until the rules propose nothing more."""

    def __init__(
        self,
        conversation: Conversation,
        rulebook: Rulebook,
        state: State,
        reading: Reading,
        agenda: Agenda,
        now: datetime,
        *,
        call_over: bool,
        unheard: bool,
    ) -> None:
        self.conversation, self.rulebook, self.before = conversation, rulebook, state
        self.reading, self.held, self.agenda, self.now = reading, reading.held, agenda, now
        self.call_over, self.unheard = call_over, unheard
        self.entries: list[JournalEntry] = []
        self.model = BookingModel(conversation.id, state.stage, state.task)
        self.machine = BookingMachine(self.model, Journal(self.entries.append))
        self.outcome = "nessuno"
        self.committed = False
        self.hold = bookings.hold_of(conversation.id, now=now)
        self.about: Slot | None = None
        self.fired: set[str] = set()
        self.steps: list[Step] = []
        self.notices: list[str] = []

    def run(self) -> Analysis:
        self._count()
        first = facts = self._facts()
        while True:
            decision = self.rulebook.decider.decide(facts, self.fired)
            if decision.event is None:
                self.notices += decision.notices
                break
            self.fired.add(decision.event)
            self._fire(Event(decision.event), facts, decision.rule or "", decision.why, decision.notices)
            facts = self._facts()
        return Analysis(
            state=State(self.held, self.model.stage, self.model.task, self.before.analyses + 1),
            reading=self.reading,
            agenda=self.agenda,
            facts=first,
            steps=self.steps,
            notices=self.notices,
            texts=[] if self.call_over else [self._text(notice) for notice in self.notices],
            changes=_changes(self.before.held, self.held, self.conversation.id),
        )

    def _fire(
        self, event: Event, facts: Mapping[str, object], rule: str, why: str, notices: tuple[str, ...]
    ) -> None:
        slot_lost = not self._prepare(event)
        result = self.machine.fire(event, self._evidence(), rule=rule, why=why)
        if isinstance(result, Transition):
            self.notices += notices
            self._effect(event)
        elif event is Event.COMPLETA and self.model.stage is Stage.RACCOLTA_DATI:
            self._release()
        if slot_lost:
            self._lose_time()
            # Complete details that have lost their slot are not complete any more.
            self.reading.correction |= event is Event.CONFERMA
        told = notices if isinstance(result, Transition) else ()
        self.steps += [Step(entry, facts, self.outcome, told) for entry in self.entries]
        self.entries.clear()

    # --- what is known ---------------------------------------------------------------------------------------

    def _count(self) -> None:
        """The counters of DESIGN §3: analyses without a word about booking, and complete without a yes."""
        open_stage = self.before.stage in _OPEN
        self.held.silent = self.held.silent + 1 if open_stage and not self.reading.about_booking else 0
        waiting = self.before.stage is Stage.DATI_COMPLETI and self.reading.agreement is not Agreement.VALID
        self.held.waiting = self.held.waiting + 1 if waiting else 0

    def _required(self) -> frozenset[str]:
        task = self.model.task if self.model.task is not Task.NESSUNO else self.reading.requested
        if task is Task.DISDICI:
            return frozenset({"date", "time"})
        if task is Task.SPOSTA:
            return FLOOR["client"]
        caller = self.conversation.caller
        extra = self.rulebook.limits.extra_details(caller.kind, caller.direction)
        return FLOOR[caller.kind] | {_ENGLISH[name] for name in extra}

    def _missing(self) -> frozenset[str]:
        missing = set(self.held.missing(self._required()))
        if self.held.asked not in (Task.NESSUNO, self.model.task):
            missing.add("target")  # the caller wants something else done than what the rules have opened
        if self.model.task in (Task.SPOSTA, Task.DISDICI):
            target = self._target()
            if target is None:
                missing.add("target")
            elif self.model.task is Task.SPOSTA and target.slot == self.held.slot():
                missing.add("time")  # nothing to move: the new slot is the old one
        return frozenset(missing)

    def _target(self) -> OwnBooking | None:
        return next((own for own in self.agenda.own if own.id == self.held.target), None)

    def _booked(self) -> bool:
        if self.held.booking is None:
            return False
        booking = _booking(self.held.booking)
        return booking is not None and booking.in_force

    def _given(self) -> bool:
        return bool(self.reading.given & (self._required() | {"target", "minutes"}))

    def _hold_fits(self) -> bool:
        """Whether the live hold is for exactly the values held now."""
        slot = self.held.slot()
        return (
            self.hold is not None
            and slot is not None
            and self.hold.expires_at > self.now
            and _slot(self.hold.start, self.conversation.zone) == slot
            and self.hold.minutes == self._minutes()
            and (self.hold.moving is not None) is (self.model.task is Task.SPOSTA)
        )

    def _agreed(self) -> bool:
        return self.reading.agreement is Agreement.VALID and self.reading.agreed_to == binding(self.held)

    def _evidence(self) -> Evidence:
        return Evidence(
            booked=self._booked(),
            missing=self._missing(),
            hold_live=self._hold_fits(),
            agreed=self._agreed(),
            target_identified=self._target() is not None,
            requested=self.reading.requested,
            restated=self._given(),
            committed=self.committed,
            failed_commits=self.held.attempts,
            max_failed_commits=self.rulebook.limits.max_failed_commits,
        )

    def _facts(self) -> dict[str, object]:
        reading, held, caller = self.reading, self.held, self.conversation.caller
        missing = self._missing()
        booked = self._booked()
        return {
            "stage": self.model.stage,
            "task": self.model.task,
            "caller": caller.kind,
            "direction": caller.direction,
            "requested": reading.requested,
            "reopens": reading.reopens,
            "correction": reading.correction,
            "drop": reading.drop,
            "human": reading.human,
            "missing": len(missing),
            "first_missing": next((word for name, word in _ITALIAN.items() if name in missing), "nessuno"),
            "given": self._given(),
            "agreement": self._agreement(),
            "outcome": self.outcome,
            "silent": held.silent,
            "waiting": held.waiting,
            "attempts": held.attempts,
            "mismatch": reading.mismatch and held.slot() is not None,
            "claim": reading.claims,
            "to_restate": not reading.readback_stands,
            "date_problem": held.day_problem or "nessuno",
            "time_problem": held.time_problem or "nessuno",
            "contact_problem": self._contact_problem(),
            "unheard": self.unheard,
            "booked": booked,
            "several_bookings": reading.several_bookings and held.target is None,
            "no_booking_found": reading.no_booking_found and held.target is None,
            "call_over": self.call_over,
        }

    def _agreement(self) -> Agreement:
        if self.reading.agreement is Agreement.VALID and not self._agreed():
            return Agreement.INVALID
        return self.reading.agreement

    def _contact_problem(self) -> str:
        if self.conversation.caller.kind != "lead":
            return "nessuno"
        if self.held.phone_heard is Heard.DIFFERENT:
            return "telefono_discorde"
        if self.held.email_heard is Heard.DIFFERENT:
            return "email_discorde"
        if self.reading.phone_problem and self.held.details.phone is None:
            return "telefono_incompleto"
        if self.reading.email_problem and self.held.details.email is None and self.held.email_suggestion:
            return "email_dubbia"
        return "nessuno"

    # --- what is done ----------------------------------------------------------------------------------------

    def _prepare(self, event: Event) -> bool:
        """Take the hold that `completa` needs, or an expired one again before `conferma`; False: the slot is lost."""
        if self.model.task is Task.DISDICI or self._missing():
            return True
        stage = self.model.stage
        completes = event is Event.COMPLETA and stage is Stage.RACCOLTA_DATI and self._given()
        confirms = event is Event.CONFERMA and stage is Stage.DATI_COMPLETI and self._agreed()
        if completes or (confirms and not self._live()):
            return self._take_hold()
        return True

    def _live(self) -> bool:
        return self.hold is not None and self.hold.expires_at > self.now

    def _take_hold(self) -> bool:
        slot = self.held.slot()
        assert slot is not None
        self.about = slot
        target = _booking(self.held.target) if self.model.task is Task.SPOSTA and self.held.target else None
        result = bookings.propose(
            consultant_id=self.conversation.consultant_id,
            conversation=self.conversation.id,
            client_id=self.conversation.client_id,
            start=self._start(slot),
            minutes=self._minutes(),
            now=self.now,
            moving=target,
        )
        if isinstance(result, Hold):
            self.hold = result
            return True
        self.hold = None
        if result is Refusal.OUTSIDE_HOURS and self.agenda.open_at(slot.at, slot.day):
            result = Refusal.SLOT_TAKEN  # within the hours, but no start that can be booked
        self.outcome = _OUTCOMES[result]
        return False

    def _lose_time(self) -> None:
        self.held.set("time", None, 0)
        self.reading.given.discard("time")
        self.reading.mismatch = False

    def _minutes(self) -> int:
        target = self._target()
        if self.held.details.minutes is not None:
            return self.held.details.minutes
        if self.model.task is Task.SPOSTA and target is not None:
            return target.minutes
        return availability.settings_of(self.conversation.consultant_id).default_minutes

    def _start(self, slot: Slot) -> datetime:
        """The instant of a local slot; of a wall time that the clock shows twice the first, as the agenda offers it."""
        return datetime.combine(slot.day, slot.at, self.conversation.zone).astimezone(UTC)

    def _release(self) -> None:
        bookings.release(self.conversation.id, now=self.now)
        self.hold = None

    def _effect(self, event: Event) -> None:
        match event:
            case Event.CORREZIONE | Event.SCADENZA:
                self._release()
            case Event.ABBANDONO:
                self._release()
                if not self.reading.drop:
                    self.held.clear(keep_phone=self.conversation.caller.dialled)
                self.held.silent = 0
            case Event.CONFERMA:
                self._commit()
            case Event.FALLIMENTO:
                self._release()
                self._lose_time()
                self.held.callback_requested |= self.held.attempts >= self.rulebook.limits.max_failed_commits
            case Event.SUCCESSO:
                self.held.silent = 0
            case _:
                pass
        if event in (Event.COMPLETA, Event.CORREZIONE, Event.SCADENZA, Event.CONFERMA):
            self.held.waiting = 0

    def _commit(self) -> None:
        self.about = self.held.slot()
        result = self._cancel() if self.model.task is Task.DISDICI else self._confirm()
        if isinstance(result, Booking):
            self.committed, self.outcome = True, "riuscito"
            self.held.booking = _key(result)
            self.hold = None
        else:
            self.outcome = _OUTCOMES[result]
            self.held.attempts += 1

    def _confirm(self) -> Booking | Refusal:
        assert self.hold is not None
        details = self.held.details
        lead = None
        if self.conversation.client_id is None and self.model.task is Task.PRENOTA:
            assert details.phone is not None
            assert details.email is not None
            lead = Lead(phone=details.phone, email=details.email, name=details.name)
        return bookings.confirm(
            token=self.hold.token,
            conversation=self.conversation.id,
            client_id=self.conversation.client_id,
            now=self.now,
            lead=lead,
            notes=details.notes,
            call_id=self.conversation.call_id,
        )

    def _cancel(self) -> Booking | Refusal:
        assert self.held.target is not None
        kind, _, booking_id = self.held.target.partition(":")
        return bookings.cancel(BookingKind(kind), booking_id, now=self.now)

    # --- what is said ----------------------------------------------------------------------------------------

    def _text(self, notice: str) -> str:
        wanted = self.rulebook.messages.placeholders(notice)
        return self.rulebook.messages.render(notice, **{name: self._value(name) for name in wanted})

    def _value(self, placeholder: str) -> str:
        match placeholder:
            case "giorno_ora":
                slot = self.about or self.held.slot()
                return spoken_slot(self._local(slot)) if slot else "il giorno e l'ora richiesti"
            case "alternative":
                return (
                    spoken_list([self._local(s) for s in self._nearest()]) or "un altro giorno, da concordare"
                )
            case "candidati":
                return " o ".join(spoken_day(_at_noon(day)) for day in self.held.day_options) or "più giorni"
            case "suggerimento":
                return self.held.email_suggestion or "un'altra"
            case "verbo":
                return _VERBS[self.model.task]
        raise KeyError(placeholder)

    def _nearest(self) -> list[Slot]:
        """The free slots nearest to what was wanted, in the order of the calendar."""
        wanted = self.about or Slot(
            self.held.details.date or self.now.astimezone(self.conversation.zone).date(), _NINE
        )
        pivot = self._local(wanted)
        free = [slot for slot in self.agenda.free if slot != self.about]
        nearest = sorted(free, key=lambda s: (s.day != wanted.day, abs(self._local(s) - pivot)))[
            :_ALTERNATIVES
        ]
        return sorted(nearest, key=lambda s: (s.day, s.at))

    def _local(self, slot: Slot) -> datetime:
        return datetime.combine(slot.day, slot.at, self.conversation.zone)


_NINE = datetime(2000, 1, 1, 9).time()  # noqa: DTZ001 (a wall time)


def _at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001 (only its date is spoken)


def _changes(old: Accumulator, new: Accumulator, conversation: str) -> dict[str, dict[str, str | None]]:
    """{detail: {old, new}} of what changed; personal details as digests."""
    changed: dict[str, dict[str, str | None]] = {}
    for name in ("date", "time", "minutes", "phone", "email", "name", "notes"):
        pair = [getattr(held.details, name) for held in (old, new)]
        if pair[0] != pair[1]:
            shown = [
                None
                if value is None
                else digest(value, call_id=conversation)
                if name in PERSONAL_DETAILS
                else str(value)
                for value in pair
            ]
            changed[name] = {"old": shown[0], "new": shown[1]}
    return changed
