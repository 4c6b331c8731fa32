"""The Reading in the making: what is held and found so far, the task, and the turns to look back at."""

from __future__ import annotations

from datetime import datetime

from engine.details import Accumulator, Slot
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.context import Agreement, Context, OwnBooking, Reading
from engine.understanding.readback import AssistantReading, read_assistant
from fsm.stages import Stage, Task


class Draft:
    """What one pass over the new turns has come to; `held` is changed in place, `task` is what it now works on."""

    def __init__(self, transcript: Transcript, held: Accumulator, context: Context) -> None:
        self.turns = list(transcript)
        self.held = held
        self.context = context
        self.agenda = context.agenda
        self.out = Reading(held)
        self.task = context.task
        self._heard: dict[int, AssistantReading] = {}

    @property
    def active(self) -> bool:
        """Whether booking is the subject: a task is open, or has been asked for in this analysis."""
        if self.out.requested is not Task.NESSUNO:
            return True
        return self.context.stage not in (Stage.NESSUN_INTENTO, Stage.COMPLETATO)

    @property
    def of_lead(self) -> bool:
        """Whether the caller is a lead, who must leave a phone and an email."""
        return self.context.caller.kind == "lead"

    @property
    def offered(self) -> tuple[Slot, ...]:
        """The slots that the assistant last named."""
        return self.out.offer.slots if self.out.offer else self.context.offered

    @property
    def target(self) -> OwnBooking | None:
        """The own booking to be moved or cancelled, once it is known which."""
        return self.own(self.held.target)

    def own(self, booking_id: str | None) -> OwnBooking | None:
        """The caller's own booking with that id."""
        return next((own for own in self.agenda.own if own.id == booking_id), None)

    def forget(self) -> None:
        """The caller does not want it any more: nothing of the wish is kept."""
        self.held.clear(keep_phone=self.context.caller.dialled)
        self.out.drop = True
        self.out.given.clear()
        self.out.correction = False
        self.out.requested = Task.NESSUNO
        self.out.agreement, self.out.agreed_to = Agreement.NONE, None

    def before(self, turn: Turn) -> list[Turn]:
        """The turns before `turn`, the latest first."""
        place = next(i for i, known in enumerate(self.turns) if known.number == turn.number)
        return self.turns[:place][::-1]

    def heard(self, turn: Turn) -> AssistantReading:
        """An assistant turn, read as far as it was heard."""
        if turn.number not in self._heard:
            minutes = self.held.details.minutes or self.agenda.minutes
            self._heard[turn.number] = read_assistant(turn.heard_text, self.local(turn), minutes)
        return self._heard[turn.number]

    def local(self, turn: Turn) -> datetime:
        """When a turn began, in the consultant's zone."""
        return (turn.began_at or self.context.now).astimezone(self.agenda.zone)


def last_heard(latest_first: list[Turn]) -> Turn | None:
    """The latest assistant turn of which something was heard."""
    return next((t for t in latest_first if t.speaker is Speaker.ASSISTANT and t.heard_text.strip()), None)
