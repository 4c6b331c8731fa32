"""A recorded call decided again, under the rules it went by or under others. Nothing is written.

Where the words are kept, they are read again, and the store's part is played by what it answered then; where they
were erased, the facts on record are decided again, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from engine.agenda import instant_of, instants_of, parts_of
from engine.analysis import Analysis, analyse
from engine.conversation import Conversation
from engine.desk import Answer, HeldSlot
from engine.details import Accumulator, Slot
from engine.evidence import Evidence, Words, read_slots
from engine.resumption import LINE_IS_BACK
from engine.rulebook import Rulebook
from engine.supervisor import opening_state
from engine.turns import Transcript, Turn
from engine.understanding.context import Agenda, CallerKnown, Offer, OwnBooking
from rules.errors import FactError
from rules.facts import FACTS
from storage.calls import AnalysisRecord
from storage.journal import JournalEntry
from storage.recorded import RecordedCall
from storage.results import Lead, Refusal

_HOLD = timedelta(minutes=15)
_NO_DECISIONS = ("errore_interno", LINE_IS_BACK)  # outcomes of entries that no rule has decided
_COMPARED = ("event", "from", "to", "rule", "guard", "outcome", "refusal", "notices", "command", "facts")

Step = Mapping[str, Any]


class NotOnRecordError(Exception):
    """Raised for a call of which too little is on record to decide it again."""


@dataclass(frozen=True, slots=True)
class Departure:
    """The first step that comes out otherwise. `recorded` or `decided` is None where one has no such step."""

    analysis: int
    recorded: Step | None
    decided: Step | None

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs."""
        if self.recorded is None or self.decided is None:
            return ()
        return tuple(
            name for name in _COMPARED if _comparable(name, self.recorded) != _comparable(name, self.decided)
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a call decided again.

    `from_facts`: its words are gone, so that only the recorded facts were decided again, up to the first
    departure. `before`, `after`: the stage at its end, and what was booked, moved or cancelled, in order;
    `after` is None where it cannot be known from the facts.
    """

    call_id: str
    departure: Departure | None
    from_facts: bool
    before: tuple[str, ...]
    after: tuple[str, ...] | None

    @property
    def changed(self) -> bool:
        """Whether something else would come of the call, as far as can be told."""
        return self.departure is not None and self.after != self.before


def replay(call: RecordedCall, rulebook: Callable[[str | None], Rulebook]) -> Replayed:
    """Decide `call` again. `rulebook` gives the rules for an analysis, by the version it was decided by.

    Raises NotOnRecordError, and pydantic.ValidationError for a record that cannot be read.
    """
    recorded = {each.number: _recorded_steps(call.journal, each.number) for each in call.analyses}
    if any(each.words is None for each in call.analyses):
        return _from_facts(call, recorded, rulebook)
    return _Replay(call, recorded, rulebook).run()


# --- From the words ---------------------------------------------------------------------------------------


class _Replay:
    def __init__(
        self,
        call: RecordedCall,
        recorded: Mapping[int, list[Step]],
        rulebook: Callable[[str | None], Rulebook],
    ) -> None:
        self._call, self._recorded, self._rulebook = call, recorded, rulebook
        kind = "client" if call.client_id is not None else "lead"
        caller = CallerKnown(kind, call.direction, call.line)
        self._conversation = Conversation(
            call.id, call.id, call.consultant_id, call.zone, caller, call.client_id
        )
        self._state = opening_state(self._conversation)
        self._desk = _RecordedDesk(self._conversation)
        self._turns: dict[int, Turn] = {}
        self._free: frozenset[Slot] = frozenset()
        self._departure: Departure | None = None

    def run(self) -> Replayed:
        done: list[Answer] = []
        for record in self._call.analyses:
            evidence, words = _evidence(record), Words.from_plain(record.words or {})
            done += evidence.answers
            analysis = self._decide_again(record, evidence, words)
            if self._departure is None:
                self._departure = _departure(
                    record.number, self._recorded[record.number], decided_steps(analysis)
                )
                self._desk.departed = self._departure is not None
        before = _outcome(_last_stage(self._call), done)
        after = _outcome(self._state.stage, self._desk.answers)
        return Replayed(self._call.id, self._departure, False, before, after)

    def _decide_again(self, record: AnalysisRecord, evidence: Evidence, words: Words) -> Analysis:
        self._turns |= {turn.number: turn for turn in words.turns}
        if record.availability is not None:
            self._free = read_slots(record.availability)
        if lost := set(evidence.order) - set(self._turns):
            raise NotOnRecordError(f"the words of {len(lost)} of its turns are not on record")
        self._desk.begin(evidence, self._free)
        analysis = analyse(
            replace(self._conversation, transfer=evidence.transfer),
            self._rulebook(record.rules),
            self._state,
            Transcript([self._turns[number] for number in evidence.order]),
            evidence.new,
            desk=self._desk,
            now=evidence.now,
            call_over=evidence.call_over,
            unheard=evidence.unheard,
            found=words.found,
        )
        self._state = analysis.state
        return analysis


@dataclass(slots=True)
class _RecordedDesk:
    """Answers as the store did. Once the call has departed from its record, it answers by what it saw of the agenda,
    with what the call itself has done otherwise since."""

    conversation: Conversation
    answers: list[Answer] = field(default_factory=list)  # of the whole call
    departed: bool = False
    _evidence: Evidence | None = None
    _free: frozenset[Slot] = frozenset()
    _left: list[Answer] = field(default_factory=list)
    _hold: HeldSlot | None = None
    _offered: tuple[Slot, ...] = ()
    _booked: dict[str, OwnBooking] = field(default_factory=dict)  # by this call, as decided again
    _gone: set[str] = field(default_factory=set)
    _recorded_bookings: set[str] = field(default_factory=set)  # made by this call then

    def begin(self, evidence: Evidence, free: frozenset[Slot]) -> None:
        """The next analysis, which then went by `evidence` and these free starts."""
        self._evidence, self._free = evidence, free
        self._left = list(evidence.answers)
        if not self.departed:
            self._hold = evidence.hold

    def agenda(self, held: Accumulator, now: datetime) -> Agenda:
        seen = self._now().agenda(self._free)
        self._recorded_bookings |= {
            each.booking for each in self._now().answers if each.asked == "confirm" and each.booking
        }
        if not self.departed:
            return seen
        own = {each.id: each for each in seen.own if each.id not in self._recorded_bookings | self._gone}
        own |= self._booked
        return replace(seen, own=tuple(own.values()))

    def offered(self) -> tuple[Slot, ...]:
        return self._offered

    def keep_offer(self, offer: Offer, now: datetime) -> None:
        self._offered = offer.slots if instants_of(offer, self.conversation.zone) else ()

    def in_force(self, booking: str) -> bool:
        if booking in self._gone:
            return False
        return booking in self._booked or any(each.id == booking for each in self._now().own)

    def link_ready(self, booking: str) -> bool:
        return self._now().link_ready

    def hold(self, now: datetime) -> HeldSlot | None:
        if self._hold is not None and self._hold.expires_at <= now:
            self._hold = None
        return self._hold

    def propose(self, slot: Slot, minutes: int, now: datetime, moving: str | None) -> HeldSlot | Refusal:
        answer = self._as_then("propose", slot)
        if answer is None:
            answer = Answer("propose", slot, refusal=self._refusal(slot, now))
        self.answers.append(answer)
        if answer.refusal is not None:
            return answer.refusal
        expires = now.replace(microsecond=0) + _HOLD
        self._hold = HeldSlot(slot, minutes, expires, None if moving is None else parts_of(moving)[1])
        return self._hold

    def release(self, now: datetime) -> None:
        self._hold = None

    def confirm(self, lead: Lead | None, notes: str | None, now: datetime) -> str | Refusal:
        assert self._hold is not None
        held, kind = self._hold, "consultation" if lead is None else "appointment"
        answer = self._as_then("confirm", held.slot)
        if answer is None:
            moved = None if held.moving is None else self._key_of(held.moving)
            answer = Answer("confirm", held.slot, booking=moved or f"{kind}:new")
        self.answers.append(answer)
        if answer.refusal is not None or answer.booking is None:
            return answer.refusal or Refusal.NOT_FOUND
        self._booked[answer.booking] = OwnBooking(answer.booking, held.slot, held.minutes)
        self._gone.discard(answer.booking)
        self._hold = None
        return answer.booking

    def cancel(self, booking: str, now: datetime) -> str | Refusal:
        answer = self._as_then("cancel", None)
        if answer is None:
            answer = Answer("cancel", None, booking=booking)
        self.answers.append(answer)
        if answer.refusal is not None or answer.booking is None:
            return answer.refusal or Refusal.NOT_FOUND
        self._booked.pop(booking, None)
        self._gone.add(booking)
        self._hold = None
        return answer.booking

    def _now(self) -> Evidence:
        assert self._evidence is not None
        return self._evidence

    def _as_then(self, asked: str, slot: Slot | None) -> Answer | None:
        """What the store answered in this analysis to the same question."""
        for place, answer in enumerate(self._left):
            if (answer.asked, answer.slot) == (asked, slot):
                return self._left.pop(place)
        return None

    def _refusal(self, slot: Slot, now: datetime) -> Refusal | None:
        if slot in self._free:
            return None
        if instant_of(slot, self.conversation.zone) <= now:
            return Refusal.PAST
        seen = self._now().agenda(self._free)
        return Refusal.SLOT_TAKEN if seen.open_at(slot.at, slot.day) else Refusal.OUTSIDE_HOURS

    def _key_of(self, booking_id: str) -> str | None:
        known = [each.id for each in self._now().own] + list(self._booked)
        return next((key for key in known if parts_of(key)[1] == booking_id), None)


def decided_steps(analysis: Analysis) -> list[Step]:
    """The steps of an analysis, in the form in which the journal has them."""
    last = len(analysis.steps) - 1
    steps: list[Step] = [
        {
            "event": str(step.entry.event),
            "from": str(step.entry.source),
            "to": str(step.entry.target),
            "rule": step.entry.rule,
            "guard": step.entry.guard,
            "outcome": step.outcome,
            "refusal": None if step.refusal is None else str(step.refusal),
            "notices": list(analysis.notices) if index == last else [],
            "command": analysis.command if index == last else None,
            "facts": _plain(step.facts),
        }
        for index, step in enumerate(analysis.steps)
    ]
    if not analysis.steps and (analysis.notices or analysis.command):
        steps.append(
            {
                "event": None,
                "notices": list(analysis.notices),
                "command": analysis.command,
                "facts": _plain(analysis.facts),
            }
        )
    return steps


# --- From the facts ---------------------------------------------------------------------------------------


def _from_facts(
    call: RecordedCall, recorded: Mapping[int, list[Step]], rulebook: Callable[[str | None], Rulebook]
) -> Replayed:
    """What the rules propose for the facts on record, up to the first other proposal."""
    departure = None
    for record in call.analyses:
        steps, rules = recorded[record.number], rulebook(record.rules)
        departure = departure or _other_decision(record, steps, rules)
    done = [answer for record in call.analyses for answer in _evidence(record).answers]
    before = _outcome(_last_stage(call), done)
    return Replayed(call.id, departure, True, before, None if departure else before)


def _other_decision(record: AnalysisRecord, steps: list[Step], rules: Rulebook) -> Departure | None:
    fired: set[str] = set()
    moves = [step for step in steps if step.get("event")]
    asked: list[tuple[Mapping[str, Any], Step | None]] = [(step["facts"], step) for step in moves]
    asked = asked or [(record.facts, None)]
    for facts, step in asked:
        try:
            decision = rules.decider.decide(facts, fired)
        except FactError as error:
            raise NotOnRecordError(f"its facts are not those of today: {error}") from error
        found = None if decision.event is None else {"event": decision.event, "rule": decision.rule}
        then = None if step is None else {"event": step["event"], "rule": step["rule"]}
        if found != then:
            return Departure(record.number, step, found)
        if step is not None:
            fired.add(step["event"])
    return None


# --- What is compared -------------------------------------------------------------------------------------


def _evidence(record: AnalysisRecord) -> Evidence:
    if record.evidence is None:
        raise NotOnRecordError("its analyses are from before what they went by was kept")
    return Evidence.from_plain(record.evidence)


def _recorded_steps(journal: tuple[JournalEntry, ...], analysis: int) -> list[Step]:
    return [
        entry.entry
        for entry in journal
        if entry.entry.get("analysis") == analysis and entry.entry.get("outcome") not in _NO_DECISIONS
    ]


def _departure(analysis: int, recorded: list[Step], decided: list[Step]) -> Departure | None:
    for place in range(max(len(recorded), len(decided))):
        then = recorded[place] if place < len(recorded) else None
        now = decided[place] if place < len(decided) else None
        found = Departure(analysis, then, now)
        if then is None or now is None or found.fields:
            return found
    return None


def _comparable(name: str, step: Step) -> Any:
    """What a step has under `name`; a fact that there was not yet when it was recorded has its default."""
    if name != "facts" or step.get(name) is None:
        return step.get(name)
    return {known.name: known.default for known in FACTS.values()} | dict(step[name])


def _last_stage(call: RecordedCall) -> str:
    moved = [entry.entry["to"] for entry in call.journal if entry.entry.get("to")]
    return moved[-1] if moved else "nessun_intento"


def _outcome(stage: str, answers: list[Answer]) -> tuple[str, ...]:
    """The stage at the end, then what was done to the agenda, in order."""
    done = [
        f"{answer.asked} {answer.slot.day}T{answer.slot.at:%H:%M}" if answer.slot else answer.asked
        for answer in answers
        if answer.booking is not None and answer.asked != "propose"
    ]
    return (str(stage), *done)


def _plain(facts: Mapping[str, object]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, str) else value for name, value in facts.items()}
