"""When a yes is a yes (DESIGN §3): the readback it answers, and what in the same turn takes it back."""

from __future__ import annotations

from datetime import date, time

from engine.details import Accumulator, Slot
from engine.turns import Turn
from engine.understanding.caller import CallerReading, Meant, means
from engine.understanding.mentions import Act
from engine.understanding.readback import Asks, AssistantReading, Verb
from fsm.stages import Task

_TAKES_BACK = (Act.DENY, Act.CORRECT, Act.HEDGE, Act.DROP, Act.ASK_REPEAT)
# The verb of the task itself agrees ("sì, annulli pure"); the other one contradicts.
_OTHER_TASK = {
    Task.PRENOTA: (Act.CANCEL, Act.RESCHEDULE),
    Task.SPOSTA: (Act.CANCEL,),
    Task.DISDICI: (Act.RESCHEDULE,),
    Task.NESSUNO: (),
}
_FORBIDDEN_VERB = {
    Task.PRENOTA: (Verb.CANCEL,),
    Task.SPOSTA: (Verb.CANCEL, Verb.NONE),
    Task.DISDICI: (Verb.MOVE, Verb.NONE),
}


def agrees(said: CallerReading, task: Task) -> bool:
    """Whether the turn says yes and nothing in it takes the yes back."""
    yes = said.last(Act.AFFIRM)
    if yes is None or said.does(*_TAKES_BACK, *_OTHER_TASK[task]):
        return False
    return not any(act.act is Act.HOLD_ON and act.start > yes.start for act in said.acts)


def spoken_after(turn: Turn, before: Turn, chars: int) -> bool:
    """Whether the caller turn was spoken after the first `chars` characters of `before` had been played."""
    out_at = before.played_at(chars)
    return turn.began_at is not None and out_at is not None and turn.began_at >= out_at


def restates(
    asked: AssistantReading,
    restated: tuple[set[date | None], set[time | None]],
    held: Accumulator,
    task: Task,
    old: Slot | None,
) -> bool:
    """Whether a turn restates exactly the day and time held, with the task's verb; `old` is the slot to be moved."""
    slot = held.slot()
    if slot is None or asked.verb in _FORBIDDEN_VERB.get(task, ()):
        return False
    return _exactly(restated, slot, old if task is Task.SPOSTA else None)


def asks_for_yes(asked: AssistantReading) -> bool:
    """Whether the last question of a turn asks for agreement to the slot it names."""
    return asked.asks is Asks.SLOT and asked.yes_no


def confirms_by_name(said: CallerReading, slot: Slot | None) -> bool:
    """After another question: an explicit "confermo" that itself names the day or time held."""
    if slot is None or not any(act.explicit for act in said.acts if act.act is Act.AFFIRM):
        return False
    return _names(said, slot)


def _exactly(restated: tuple[set[date | None], set[time | None]], slot: Slot, old: Slot | None) -> bool:
    days, times = restated
    if slot.day not in days or slot.at not in times:
        return False
    spare_days, spare_times = days - {slot.day}, times - {slot.at}
    if old is None:
        return not spare_days and not spare_times
    return spare_days <= {old.day} and spare_times <= {old.at}


def _names(said: CallerReading, slot: Slot) -> bool:
    day = any(s.meant is Meant.WISH and means(s.mention, slot.day) for s in said.dates)
    return day or any(s.meant is Meant.WISH and slot.at in s.mention.candidates for s in said.times)
