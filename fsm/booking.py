"""The booking machine: which events move it from which stage, and the guards that no rule file can pass."""

from __future__ import annotations

from dataclasses import dataclass

from statemachine import StateMachine
from statemachine.states import States

from fsm.errors import BadStateError, UnknownEventError
from fsm.evidence import Evidence
from fsm.journal import Journal
from fsm.stages import Event, Stage, Task

NOT_FROM_THIS_STAGE = "not_from_this_stage"


@dataclass(slots=True)
class BookingModel:
    """What is stored of a machine; the machine writes `stage` and `task`."""

    call_id: str
    stage: Stage = Stage.NESSUN_INTENTO
    task: Task = Task.NESSUNO


@dataclass(frozen=True, slots=True)
class Transition:
    """The machine moved, because rule `rule` proposed `event`."""

    event: Event
    source: Stage
    target: Stage
    rule: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The machine stayed in `stage`: `guard` names the guard that refused, or is `not_from_this_stage`."""

    event: Event
    stage: Stage
    guard: str


class BookingMachine(StateMachine):
    """The stages of one call's booking. Send it events through `fire` only.

    Raises BadStateError when the model holds a stage and task that cannot be. After an exception from `fire`
    the instance must be discarded and its model read again from the store.
    """

    _ = States.from_enum(Stage, initial=Stage.NESSUN_INTENTO, use_enum_instance=True)

    interesse = _.NESSUN_INTENTO.to(_.RACCOLTA_DATI, cond="something_requested", on="open_task")
    completa = _.RACCOLTA_DATI.to(
        _.DATI_COMPLETI, cond=["nothing_missing", "detail_restated", "slot_held", "target_known"]
    )
    conferma = _.DATI_COMPLETI.to(
        _.CONFERMATO,
        cond=["nothing_missing", "readback_agreed", "slot_held", "target_known", "no_second_booking"],
    )
    successo = _.CONFERMATO.to(_.COMPLETATO, cond="store_committed")
    fallimento = _.CONFERMATO.to(_.ERRORE, cond="store_did_not_commit")
    riprova = _.ERRORE.to(_.RACCOLTA_DATI, cond="tries_left")
    correzione = _.RACCOLTA_DATI.from_(_.RACCOLTA_DATI, _.DATI_COMPLETI, _.CONFERMATO, _.ERRORE)
    scadenza = _.DATI_COMPLETI.to(_.RACCOLTA_DATI)
    abbandono = _.COMPLETATO.from_(
        _.RACCOLTA_DATI, _.DATI_COMPLETI, _.ERRORE, cond="booking_in_force"
    ) | _.NESSUN_INTENTO.from_(
        _.RACCOLTA_DATI, _.DATI_COMPLETI, _.ERRORE, unless="booking_in_force", on="close_task"
    )
    modifica = _.COMPLETATO.to(_.RACCOLTA_DATI, cond=["change_requested", "booking_known"], on="open_task")

    def __init__(self, model: BookingModel, journal: Journal | None = None) -> None:
        check(model)
        self._journal = journal
        super().__init__(model, state_field="stage", listeners=[journal] if journal else [])

    def fire(self, event: Event | str, evidence: Evidence, *, rule: str, why: str) -> Transition | Refused:
        """Move, if every guard of `event` accepts `evidence`; else stay, and say which refused.

        Both are recorded, with `rule` and `why` of the decision that proposed the event. Raises
        UnknownEventError for what is no event, BadStateError for a model that has become impossible, and
        whatever the sink of the journal raises.
        """
        try:
            event = Event(event)
        except ValueError:
            raise UnknownEventError(
                f"{event!r} is no event of the machine: use one of {', '.join(Event)}"
            ) from None
        check(self.model)
        source = self.model.stage
        guard = self._refusing_guard(event, evidence)
        if guard is None:
            self.send(event, evidence=evidence, rule=rule, why=why)
            return Transition(event, source, self.model.stage, rule)
        refusal = Refused(event, source, guard)
        if self._journal:
            self._journal.refused(refusal, self.model, rule, why)
        return refusal

    # --- guards: each looks at the evidence and the task, and refuses by returning False ---

    def something_requested(self, evidence: Evidence) -> bool:
        """The caller asked for a booking, a move or a cancellation."""
        return evidence.requested != Task.NESSUNO

    def nothing_missing(self, evidence: Evidence) -> bool:
        """Every required detail has a value."""
        return not evidence.missing

    def detail_restated(self, evidence: Evidence) -> bool:
        """A required detail was given, changed or said again in this analysis."""
        return evidence.restated

    def slot_held(self, evidence: Evidence) -> bool:
        """The slot of the current values is held; a cancellation needs none."""
        return evidence.hold_live or self.model.task == Task.DISDICI

    def target_known(self, evidence: Evidence) -> bool:
        """The one booking to move or cancel is known; a first booking needs none."""
        return evidence.target_identified or self.model.task == Task.PRENOTA

    def readback_agreed(self, evidence: Evidence) -> bool:
        """A readback of exactly the current values was agreed to."""
        return evidence.agreed

    def no_second_booking(self, evidence: Evidence) -> bool:
        """A call that has booked already does not book again."""
        return not (evidence.booked and self.model.task == Task.PRENOTA)

    def store_committed(self, evidence: Evidence) -> bool:
        """The store accepted the operation."""
        return evidence.committed

    def store_did_not_commit(self, evidence: Evidence) -> bool:
        """The store did not accept the operation."""
        return not evidence.committed

    def tries_left(self, evidence: Evidence) -> bool:
        """Fewer commits have failed than may."""
        return evidence.failed_commits < evidence.max_failed_commits

    def change_requested(self, evidence: Evidence) -> bool:
        """The caller asked to move or to cancel."""
        return evidence.requested in (Task.SPOSTA, Task.DISDICI)

    def booking_known(self, evidence: Evidence) -> bool:
        """There is a booking to change: made in this call, or identified."""
        return evidence.booked or evidence.target_identified

    def booking_in_force(self, evidence: Evidence) -> bool:
        """A booking made or moved in this call is in force."""
        return evidence.booked

    # --- what a transition does to the task ---

    def open_task(self, evidence: Evidence) -> None:
        """The task becomes what the caller asked for."""
        self.model.task = evidence.requested

    def close_task(self) -> None:
        """There is no task any more."""
        self.model.task = Task.NESSUNO

    def _refusing_guard(self, event: Event, evidence: Evidence) -> str | None:
        """The first guard that refuses; None when some transition of `event` is open."""
        refusing = NOT_FROM_THIS_STAGE
        for transition in self.states_map[self.model.stage].transitions:
            if not transition.match(event):
                continue
            for guard in transition.cond:
                if bool(getattr(self, guard.attr_name)(evidence)) is not guard.expected_value:
                    refusing = guard.attr_name
                    break
            else:
                return None
        return refusing


def diagram() -> str:
    """The machine, with its guards, as a Mermaid state diagram."""
    return format(BookingMachine, "mermaid")


def check(model: BookingModel) -> None:
    """Raise BadStateError unless stage and task are known and agree: no task as long as nothing has begun."""
    try:
        model.stage, model.task = Stage(model.stage), Task(model.task)
    except ValueError as error:
        raise BadStateError(f"call {model.call_id}: the stored call is damaged: {error}") from None
    if (model.task is Task.NESSUNO) is not (model.stage is Stage.NESSUN_INTENTO):
        raise BadStateError(
            f"call {model.call_id}: the stored call is damaged: "
            f"stage {model.stage} does not go with task {model.task}"
        )
