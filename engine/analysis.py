"""One analysis, inside one database transaction: read the turns, ask the rules, step the machine, act on the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from engine.changes import changes_between
from engine.conversation import Conversation
from engine.desk import Desk
from engine.details import Accumulator, Slot
from engine.known import Known, first_missing
from engine.notices import Wording
from engine.ports import Mention
from engine.rulebook import Rulebook
from engine.turns import Speaker, Transcript
from engine.understanding.context import Agenda, Agreement, Context, Reading
from engine.understanding.reading import read
from fsm.booking import BookingMachine, BookingModel, Transition, check
from fsm.journal import Journal, JournalEntry
from fsm.stages import Event, Stage, Task
from rules.decider import Decision
from rules.facts import CALL_BACK, TRANSFER
from rules.messages import LINK
from storage.results import Lead, Refusal

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
_OPEN = (Stage.RACCOLTA_DATI, Stage.DATI_COMPLETI, Stage.ERRORE)


@dataclass(frozen=True, slots=True)
class State:
    """What a conversation carries from one analysis to the next."""

    held: Accumulator
    stage: Stage = Stage.NESSUN_INTENTO
    task: Task = Task.NESSUNO
    analyses: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One event that was proposed in an analysis, and what became of it. `refusal` is the store's own word, for the
    journal alone: outside, what is not the caller's is as what does not exist."""

    entry: JournalEntry
    facts: Mapping[str, object]
    outcome: str
    refusal: Refusal | None
    notices: tuple[str, ...]


@dataclass(slots=True)
class Analysis:
    """What an analysis came to. `wait`: a valid yes, but later speech is not yet understood; nothing was done.

    `command`: what is to be done with the call itself; `stays`: what was to be done with it before is not. `booked`:
    in the end the call has a booking of its own that is in force."""

    state: State
    reading: Reading
    agenda: Agenda
    facts: Mapping[str, object]
    steps: list[Step] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    changes: dict[str, dict[str, str | None]] = field(default_factory=dict)
    command: str | None = None
    stays: bool = False
    booked: bool = False
    wait: bool = False


def analyse(
    conversation: Conversation,
    rulebook: Rulebook,
    state: State,
    transcript: Transcript,
    new: Collection[int],
    *,
    desk: Desk,
    now: datetime,
    call_over: bool = False,
    pending_speech: bool = False,
    unheard: bool = False,
    found: tuple[Mention, ...] = (),
) -> Analysis:
    """Analyse the turns numbered `new`, and act at the `desk`. Must run inside a store transaction, which the caller
    commits.

    `pending_speech`: the caller has said something after these turns that is not yet transcribed.
    `unheard`: the caller said something whose words never came. `found`: what another extractor pointed at.
    Raises whatever a part raises: the caller then rolls back and keeps the old state.
    """
    agenda = desk.agenda(state.held, now)
    context = Context(
        stage=state.stage,
        task=state.task,
        caller=conversation.caller,
        agenda=agenda,
        phrases=rulebook.phrases,
        now=now,
        offered=desk.offered(),
        found=found,
    )
    reading = read(transcript, new, state.held, context)
    if reading.agreement is Agreement.VALID:
        if unheard or (
            pending_speech and call_over
        ):  # what was said after the yes will not be known any more
            reading.agreement = Agreement.INVALID
        elif pending_speech:
            return Analysis(state, reading, agenda, {}, wait=True)
    if reading.offer is not None:
        desk.keep_offer(reading.offer, now)
    # A chat is analysed at each message, a call when both have spoken: silence is counted in what the caller says.
    counts = conversation.call_id is not None or any(
        turn.speaker is Speaker.CALLER for turn in transcript if turn.number in new
    )
    run = _Run(
        conversation, rulebook, state, reading, agenda, desk, now, call_over=call_over, unheard=unheard
    )
    return run.run(counts=counts)


class _Run:
    """The loop of one analysis: facts, decision, machine, effect, until the rules propose nothing more."""

    def __init__(
        self,
        conversation: Conversation,
        rulebook: Rulebook,
        state: State,
        reading: Reading,
        agenda: Agenda,
        desk: Desk,
        now: datetime,
        *,
        call_over: bool,
        unheard: bool,
    ) -> None:
        self.conversation, self.rulebook, self.before, self.desk = conversation, rulebook, state, desk
        self.reading, self.held, self.agenda, self.now = reading, reading.held, agenda, now
        self.call_over, self.unheard = call_over, unheard
        self.known = Known(conversation, rulebook.limits, reading, agenda, desk, now)
        self.entries: list[JournalEntry] = []
        self.model = BookingModel(conversation.id, state.stage, state.task)
        check(self.model)  # a damaged state is found also where nothing happens
        self.outcome = "nessuno"
        self.refusal: Refusal | None = None
        self.committed = False
        self.hold = desk.hold(now)
        self.about: Slot | None = None
        self.fired: set[str] = set()
        self.steps: list[Step] = []
        self.notices: list[str] = []
        self.command: str | None = None

    @cached_property
    def machine(self) -> BookingMachine:
        """Made for the first event: most analyses have none, and making it takes longer than firing."""
        return BookingMachine(self.model, Journal(self.entries.append))

    def run(self, *, counts: bool) -> Analysis:
        if counts:
            self._count()
        first = facts = self._facts()
        while True:
            decision = self.rulebook.decider.decide(facts, self.fired)
            if decision.event is None:
                self._tell(decision)
                break
            self.fired.add(decision.event)
            self._fire(Event(decision.event), facts, decision)
            facts = self._facts()
        self.held.link_told |= LINK in self.notices
        return Analysis(
            state=State(self.held, self.model.stage, self.model.task, self.before.analyses + 1),
            reading=self.reading,
            agenda=self.agenda,
            facts=first,
            steps=self.steps,
            notices=self.notices,
            texts=[] if self.call_over else self._texts(),
            changes=changes_between(self.before.held, self.held),
            command=self.command,
            stays=self.reading.stays,
            booked=bool(facts["booked"]),
        )

    def _tell(self, decision: Decision) -> None:
        """Notices and command of a decision; the first command of an analysis counts."""
        self.notices += decision.notices
        command = self.command or decision.command
        if command == TRANSFER and not self.conversation.transfer:
            command = CALL_BACK
        self.command = command
        self.held.callback_requested |= command == CALL_BACK

    def _fire(self, event: Event, facts: Mapping[str, object], decision: Decision) -> None:
        slot_lost = not self._prepare(event)
        evidence = self.known.evidence(self.model.task, self.hold, committed=self.committed)
        result = self.machine.fire(event, evidence, rule=decision.rule or "", why=decision.why)
        if isinstance(result, Transition):
            self._tell(decision)
            self._effect(event)
        elif event is Event.COMPLETA and self.model.stage is Stage.RACCOLTA_DATI:
            self._release()
        if slot_lost:
            self._lose_time()
            # Complete details that have lost their slot are not complete any more.
            self.reading.correction |= event is Event.CONFERMA
        told = decision.notices if isinstance(result, Transition) else ()
        self.steps += [Step(entry, facts, self.outcome, self.refusal, told) for entry in self.entries]
        self.entries.clear()

    def _count(self) -> None:
        """The counters of DESIGN §3: analyses without a word about booking, and complete without a yes."""
        open_stage = self.before.stage in _OPEN
        self.held.silent = self.held.silent + 1 if open_stage and not self.reading.about_booking else 0
        waiting = self.before.stage is Stage.DATI_COMPLETI and self.reading.agreement is not Agreement.VALID
        self.held.waiting = self.held.waiting + 1 if waiting else 0

    def _facts(self) -> dict[str, object]:
        return self.known.facts(
            self.model.stage,
            self.model.task,
            self.outcome,
            unheard=self.unheard,
            call_over=self.call_over,
        )

    def _texts(self) -> list[str]:
        """The notices in words, as things stand at the end."""
        if not self.notices:
            return []
        missing = first_missing(self.known.missing(self.model.task))
        wording = Wording(self.held, self.agenda, self.model.task, self.about, missing, self.now)
        return [wording.text(self.rulebook.messages, notice) for notice in self.notices]

    # --- what is done ----------------------------------------------------------------------------------------

    def _prepare(self, event: Event) -> bool:
        """Take the hold that `completa` needs, or an expired one again before `conferma`; False: the slot is lost."""
        if self.model.task is Task.DISDICI or self.known.missing(self.model.task):
            return True
        stage = self.model.stage
        completes = (
            event is Event.COMPLETA and stage is Stage.RACCOLTA_DATI and self.known.given(self.model.task)
        )
        confirms = event is Event.CONFERMA and stage is Stage.DATI_COMPLETI and self.known.agreed
        if completes or (confirms and not self._live()):
            return self._take_hold()
        return True

    def _live(self) -> bool:
        return self.hold is not None and self.hold.expires_at > self.now

    def _take_hold(self) -> bool:
        slot = self.held.slot()
        assert slot is not None
        self.about = slot
        moving = self.held.target if self.model.task is Task.SPOSTA else None
        result = self.desk.propose(slot, self.known.minutes(self.model.task), self.now, moving)
        if not isinstance(result, Refusal):
            self.hold, self.held.refused = result, None
            return True
        self.hold, self.held.refused = None, slot
        self._refused(result)
        if result is Refusal.OUTSIDE_HOURS and self.agenda.open_at(slot.at, slot.day):
            self.outcome = _OUTCOMES[Refusal.SLOT_TAKEN]  # within the hours, but no start that can be booked
        return False

    def _refused(self, refusal: Refusal) -> None:
        self.outcome, self.refusal = _OUTCOMES[refusal], refusal

    def _lose_time(self) -> None:
        self.held.set("time", None, 0)
        self.reading.given.discard("time")
        self.reading.mismatch = False

    def _release(self) -> None:
        self.desk.release(self.now)
        self.hold = None

    def _effect(self, event: Event) -> None:
        match event:
            case Event.CORREZIONE | Event.SCADENZA:
                self._release()
            case Event.ABBANDONO:
                self._release()
                if not self.reading.drop:
                    asked = self.held.asked  # given up by the rules, not by the caller
                    self.held.clear(keep_phone=self.conversation.caller.dialled)
                    self.held.asked = asked
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
        if isinstance(result, Refusal):
            self._refused(result)
            self.held.attempts += 1
        else:
            self.committed, self.outcome, self.refusal = True, "riuscito", None
            self.held.booking, self.hold = result, None

    def _confirm(self) -> str | Refusal:
        details = self.held.details
        lead = None
        if self.conversation.client_id is None and self.model.task is Task.PRENOTA:
            assert details.phone is not None
            assert details.email is not None
            lead = Lead(phone=details.phone, email=details.email, name=details.name)
        return self.desk.confirm(lead, details.notes, self.now)

    def _cancel(self) -> str | Refusal:
        assert self.held.target is not None
        return self.desk.cancel(self.held.target, self.now)
