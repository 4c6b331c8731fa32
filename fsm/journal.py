"""The listener that records what the machine did and what it refused to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fsm.stages import Event, Stage, Task

if TYPE_CHECKING:
    from fsm.booking import BookingModel, Refused


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One transition, or one refusal: then `target` equals `source` and `guard` names what refused.

    `task` is the task after the transition; `rule` and `why` come from the decision that proposed the event.
    """

    event: Event
    source: Stage
    target: Stage
    rule: str
    why: str
    guard: str | None
    task: Task


class Journal:
    """Hands an entry to `sink` for each transition and each refusal. An exception of the sink goes up to the
    caller of `BookingMachine.fire`; the machine must then be thrown away and its model read again."""

    def __init__(self, sink: Callable[[JournalEntry], object]) -> None:
        self._sink = sink

    def after_transition(
        self, event: str, source: Any, target: Any, model: BookingModel, rule: str, why: str
    ) -> None:
        """Called by the machine when it has moved."""
        self._sink(JournalEntry(Event(event), source.value, target.value, rule, why, None, model.task))

    def refused(self, refusal: Refused, model: BookingModel, rule: str, why: str) -> None:
        """Called by the machine when it has stayed where it was."""
        self._sink(
            JournalEntry(refusal.event, refusal.stage, refusal.stage, rule, why, refusal.guard, model.task)
        )
