"""What is known after a reading: the facts that the rules look at, and the evidence that the guards ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from engine.agenda import parts_of
from engine.conversation import Conversation
from engine.desk import Desk, HeldSlot
from engine.detail_names import BY_FACT, NAMES
from engine.details import FLOOR, Accumulator, Heard
from engine.understanding.context import Agenda, Agreement, CallerKnown, OwnBooking, Reading, binding
from fsm.evidence import Evidence
from fsm.stages import Stage, Task
from rules.limits import Limits


def first_missing(missing: Collection[str]) -> str:
    """The detail of `missing` to ask for first, as the facts call it."""
    return next((name.fact for detail, name in NAMES.items() if detail in missing), "nessuno")


def required(task: Task, caller: CallerKnown, limits: Limits) -> frozenset[str]:
    """The details that `task` needs a value for, by their English names: the floor, and what rule files add."""
    if task is Task.DISDICI:
        return frozenset({"date", "time"})
    if task is Task.SPOSTA:
        return FLOOR["client"]
    extra = limits.extra_details(caller.kind, caller.direction)
    return FLOOR[caller.kind] | {BY_FACT[name] for name in extra}


@dataclass(frozen=True, slots=True)
class Known:
    """What one analysis goes by. Stage, task and what was done meanwhile change as it runs, so they are asked for."""

    conversation: Conversation
    limits: Limits
    reading: Reading
    agenda: Agenda
    desk: Desk
    now: datetime

    @property
    def held(self) -> Accumulator:
        """The values as they now are."""
        return self.reading.held

    @property
    def target(self) -> OwnBooking | None:
        """The own booking to be moved or cancelled, if it is known which."""
        return next((own for own in self.agenda.own if own.id == self.held.target), None)

    @property
    def agreed(self) -> bool:
        """Whether there is a valid yes to exactly what is held now."""
        return self.reading.agreement is Agreement.VALID and self.reading.agreed_to == binding(self.held)

    @property
    def booked(self) -> bool:
        """Whether this call has a booking of its own that is in force."""
        return self.held.booking is not None and self.desk.in_force(self.held.booking)

    def missing(self, task: Task) -> frozenset[str]:
        """What is still missing before `task` can be done."""
        missing = set(self.held.missing(self._required(task)))
        if self.held.asked not in (Task.NESSUNO, task):
            missing.add("target")  # the caller wants something else done than what the rules have opened
        if task in (Task.SPOSTA, Task.DISDICI):
            target = self.target
            if target is None:
                missing.add("target")
            elif task is Task.SPOSTA and target.slot == self.held.slot():
                missing.add("time")  # nothing to move: the new slot is the old one
        return frozenset(missing)

    def given(self, task: Task) -> bool:
        """Whether a detail that `task` needs was given, changed or restated in this analysis."""
        return bool(self.reading.given & (self._required(task) | {"target", "minutes"}))

    def minutes(self, task: Task) -> int:
        """How long the booking is to be."""
        if self.held.details.minutes is not None:
            return self.held.details.minutes
        if task is Task.SPOSTA and self.target is not None:
            return self.target.minutes
        return self.agenda.minutes

    def evidence(self, task: Task, hold: HeldSlot | None, *, committed: bool) -> Evidence:
        """For the guards of the machine. `hold`: what this conversation holds in the store."""
        return Evidence(
            booked=self.booked,
            missing=self.missing(task),
            hold_live=hold is not None and self._fits(hold, task),
            agreed=self.agreed,
            target_identified=self.target is not None,
            requested=self.reading.requested,
            restated=self.given(task),
            committed=committed,
            failed_commits=self.held.attempts,
            max_failed_commits=self.limits.max_failed_commits,
        )

    def facts(
        self, stage: Stage, task: Task, outcome: str, *, unheard: bool, call_over: bool
    ) -> dict[str, object]:
        """For the rules (rules/facts.py says what each one means). `outcome`: of the last thing done to the store."""
        reading, held, caller = self.reading, self.held, self.conversation.caller
        missing, booked = self.missing(task), self.booked
        return {
            "stage": stage,
            "task": task,
            "caller": caller.kind,
            "direction": caller.direction,
            "requested": reading.requested,
            "reopens": reading.reopens,
            "correction": reading.correction,
            "drop": reading.drop,
            "human": reading.human,
            "transfer": self.conversation.transfer,
            "missing": len(missing),
            "first_missing": first_missing(missing),
            "given": self.given(task),
            "agreement": self._agreement(),
            "outcome": outcome,
            "silent": held.silent,
            "waiting": held.waiting,
            "attempts": held.attempts,
            "mismatch": reading.mismatch and held.slot() is not None,
            "claim": reading.claims,
            "to_restate": not reading.readback_stands,
            "date_problem": held.day_problem or "nessuno",
            "time_problem": held.time_problem or "nessuno",
            "contact_problem": self._contact_problem(),
            "keyed": self._keyed(),
            "unheard": unheard,
            "booked": booked,
            "link_ready": booked and self._link_ready(),
            "several_bookings": reading.several_bookings and held.target is None,
            "no_booking_found": reading.no_booking_found and held.target is None,
            "call_over": call_over,
        }

    def _link_ready(self) -> bool:
        """Whether there is a link to the booking of this call, one in force, that the caller does not know of yet."""
        booking, told = self.held.booking, self.held.link_told
        return booking is not None and not told and self.desk.link_ready(booking)

    def _required(self, task: Task) -> frozenset[str]:
        wanted = task if task is not Task.NESSUNO else self.reading.requested
        return required(wanted, self.conversation.caller, self.limits)

    def _fits(self, hold: HeldSlot, task: Task) -> bool:
        """Whether a hold is live and for exactly the values held now."""
        slot, target = self.held.slot(), self.held.target
        moving = parts_of(target)[1] if task is Task.SPOSTA and target else None
        return (
            slot is not None
            and hold.expires_at > self.now
            and hold.slot == slot
            and hold.minutes == self.minutes(task)
            and hold.moving == moving
        )

    def _agreement(self) -> Agreement:
        if self.reading.agreement is Agreement.VALID and not self.agreed:
            return Agreement.INVALID
        return self.reading.agreement

    def _keyed(self) -> str:
        held = self.held
        if held.phone_keyed and held.details.phone is not None and held.phone_heard is Heard.NO:
            return "numero"
        return "ignorato" if self.reading.keys_ignored else "nessuno"

    def _contact_problem(self) -> str:
        held, reading = self.held, self.reading
        if self.conversation.caller.kind != "lead":
            return "nessuno"
        if held.phone_heard is Heard.DIFFERENT:
            return "telefono_discorde"
        if held.email_heard is Heard.DIFFERENT:
            return "email_discorde"
        if reading.phone_problem and held.details.phone is None:
            return "telefono_incompleto"
        if reading.email_problem and held.details.email is None and held.email_suggestion:
            return "email_dubbia"
        return "nessuno"
