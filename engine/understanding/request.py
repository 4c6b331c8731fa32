"""What the caller wants done: to book, to move or cancel an own booking, or to leave it."""

from __future__ import annotations

from datetime import date, time

from engine.understanding.caller import CallerReading, Meant, means
from engine.understanding.draft import Draft
from engine.understanding.mentions import Act
from engine.understanding.readback import Asks, AssistantReading, Verb
from engine.understanding.slots import wished
from fsm.stages import Stage, Task

_TASK_OF = {Verb.NONE: Task.NESSUNO, Verb.MOVE: Task.SPOSTA, Verb.CANCEL: Task.DISDICI}
# Before anything is to be moved, "la prenotazione di giovedì" is a wish too.
_WISHES = (Meant.WISH, Meant.OLD)


def take_request(draft: Draft, said: CallerReading, asked: AssistantReading | None) -> None:
    """What a caller turn asks to have done; `asked` is the assistant turn that it answers."""
    wanted = _wanted(draft, said, asked)
    if wanted is Task.NESSUNO:
        return
    out, stage = draft.out, draft.context.stage
    if stage is Stage.COMPLETATO and out.requested is Task.NESSUNO:
        if wanted is Task.PRENOTA:
            return
        out.reopens = True
        _begin_change(draft, wanted)
    elif out.requested is Task.NESSUNO and (stage is Stage.NESSUN_INTENTO or out.drop):
        out.requested = draft.task = wanted
    elif wanted is not Task.PRENOTA and wanted is not draft.task and _switches(draft):
        draft.forget()
        out.requested = draft.task = wanted


def drops(draft: Draft, said: CallerReading) -> bool:
    """Whether the turn gives up what was wanted."""
    if said.does(Act.DROP) or (draft.task in (Task.SPOSTA, Task.DISDICI) and said.keeps):
        return True
    return (
        said.does(Act.CANCEL)
        and draft.task is Task.PRENOTA
        and draft.out.requested is Task.NESSUNO
        and not draft.agenda.own
    )


def note_unclaimed(draft: Draft, said: CallerReading) -> None:
    """Days and times named before booking was the subject: a yes to quite another slot is not taken for granted."""
    said = said.alone
    draft.held.days_before = tuple(d for s in said.dates if s.meant in _WISHES for d in s.mention.candidates)
    draft.held.times_before = tuple(t for s in said.times if s.meant in _WISHES for t in s.mention.candidates)


def contradicts_unclaimed(draft: Draft, day: date | None, at: time | None) -> bool:
    """Whether `day` or `at` is another than what the caller named before booking was the subject."""
    held = draft.held
    other_day = bool(day and held.days_before and day not in held.days_before)
    return other_day or bool(at and held.times_before and at not in held.times_before)


def _wanted(draft: Draft, said: CallerReading, asked: AssistantReading | None) -> Task:
    if said.does(Act.CANCEL):
        return Task.DISDICI
    if said.does(Act.RESCHEDULE):
        return Task.SPOSTA
    change = _change_of_own(draft, said, asked)
    if change is not Task.NESSUNO:
        return change
    if said.does(Act.SHOW_INTEREST, Act.ASK_AVAILABILITY) or (
        said.asks_to_come and _wishes_whole_slot(said.alone)
    ):
        return Task.PRENOTA
    if draft.context.stage is Stage.COMPLETATO:
        return Task.SPOSTA if _names_another_slot(draft, said.alone) else Task.NESSUNO
    if not _answers_offer(said, asked):
        return Task.NESSUNO
    # Whoever asked to move a booking and now picks a day still wants it moved.
    return draft.held.asked if draft.held.asked is not Task.NESSUNO else Task.PRENOTA


def _change_of_own(draft: Draft, said: CallerReading, asked: AssistantReading | None) -> Task:
    """To move or cancel an own booking without a phrase of the list: by its day, or by a yes to our question."""
    if not draft.agenda.own or draft.context.stage is Stage.COMPLETATO:
        return Task.NESSUNO
    verb = said.change
    if verb is Verb.NONE and asked is not None and asked.yes_no and _plain_yes(said):
        moves = asked.verb is Verb.MOVE and draft.task is not Task.DISDICI
        verb = asked.verb if moves or not asked.times else Verb.NONE
    # Of one to be cancelled, "non giovedì, venerdì" says which.
    may_move = draft.task is not Task.DISDICI and not said.does(Act.SHOW_INTEREST)
    if verb is Verb.NONE and may_move and _gives_up_own_day(draft, said.alone):
        verb = Verb.MOVE
    return _TASK_OF[verb]


def _gives_up_own_day(draft: Draft, said: CallerReading) -> bool:
    """ "Non posso più venire giovedì, si può fare venerdì alle 15?", "avevo preso giovedì, ma mi serve venerdì"."""
    named = [s for s in said.dates if s.meant in (Meant.RULED_OUT, Meant.ELSEWHERE, Meant.OLD)]
    own_day = any(means(s.mention, own.slot.day) for s in named for own in draft.agenda.own)
    return own_day and any(s.meant is Meant.WISH for s in said.dates)


def _plain_yes(said: CallerReading) -> bool:
    return said.does(Act.AFFIRM) and not said.does(Act.DENY, Act.HEDGE, Act.CORRECT)


def _wishes_whole_slot(said: CallerReading) -> bool:
    return all(any(s.meant in _WISHES for s in mentions) for mentions in (said.dates, said.times))


def _names_another_slot(draft: Draft, said: CallerReading) -> bool:
    """After completion: a correction that names another day or time than the one booked."""
    own = draft.own(draft.held.booking)
    if own is None or not said.does(Act.CORRECT):
        return False
    other_day = any(s.meant is Meant.WISH and not means(s.mention, own.slot.day) for s in said.dates)
    other_time = any(s.meant is Meant.WISH and own.slot.at not in s.mention.candidates for s in said.times)
    return other_day or other_time


def _answers_offer(said: CallerReading, asked: AssistantReading | None) -> bool:
    if asked is None:
        return False
    names = bool(wished(said)) or said.ordinal is not None
    affirms = said.does(Act.AFFIRM) and not said.does(Act.DENY, Act.HEDGE)
    if asked.asks is Asks.CHOICE or (asked.offers and asked.asks is Asks.NOTHING):
        return names
    if asked.asks is Asks.SLOT and asked.offers:
        return names or (affirms and asked.proposes)
    return asked.asks is Asks.BOOKING and affirms


def _switches(draft: Draft) -> bool:
    """Whether asking to move or cancel in the middle of another task is about an own booking."""
    return draft.task is not Task.PRENOTA or bool(draft.agenda.own)


def _begin_change(draft: Draft, wanted: Task) -> None:
    """Reopen the booking of this call: its slot is where the wish starts from."""
    draft.out.requested = draft.task = wanted
    own = draft.own(draft.held.booking)
    if own is not None:
        draft.held.target = own.id
        draft.held.details.date, draft.held.details.time = own.slot.day, own.slot.at
        if wanted is Task.DISDICI:
            draft.out.given.add("target")
