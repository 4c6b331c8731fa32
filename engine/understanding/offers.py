"""How an assistant turn stands to the caller's wish, an offer or a mismatch, and the slots it named."""

from __future__ import annotations

from datetime import date

from engine.details import Slot, Stance
from engine.turns import Turn
from engine.understanding.context import Offer
from engine.understanding.draft import Draft
from engine.understanding.mentions import DateMention, TimeMention
from engine.understanding.readback import Asks, AssistantReading
from engine.understanding.restatement import day_of, restated_by, time_of
from engine.understanding.settling import WRONG_DAY
from fsm.stages import Task


def stance_of(draft: Draft, heard: AssistantReading) -> Stance:
    """Whether a turn names what the caller wants, or something else, and then with what right."""
    wish = draft.held.details
    restated = restated_by(draft, heard)
    days, times = set(restated.days), set(restated.times)
    target = draft.target
    if target is not None and draft.task is Task.SPOSTA:
        if wish.date != target.slot.day:
            days.discard(target.slot.day)
        if wish.time != target.slot.at:
            times.discard(target.slot.at)
    other_day = wish.date is not None and bool(days - {wish.date})
    other_time = wish.time is not None and bool(times - {wish.time})
    if not (other_day or other_time):
        return Stance.PLAIN
    if heard.asks is Asks.CHOICE and draft.held.slot() in restated.slots:
        return Stance.PLAIN  # the list of offers once more, with the slot held among them
    if draft.task is not Task.DISDICI and heard.says_unavailable and not _wish_available(draft):
        return Stance.OFFER
    return Stance.MISMATCH


def remember_offer(draft: Draft, heard: AssistantReading, turn: Turn) -> None:
    """The slots a turn named, for "alle 15", "giovedì" or "il secondo" in the caller's answer."""
    slots = []
    for spoken in heard.slots:
        day = day_of(draft, spoken.day) if spoken.day else draft.held.details.date
        if day is None and spoken.day is not None:
            day = _free_day(draft, spoken.day, spoken.at)
        if day is None:
            continue
        free = {slot.at for slot in draft.agenda.free if slot.day == day} & set(spoken.at.candidates)
        at = free.pop() if len(free) == 1 else time_of(draft, spoken.at, heard)
        if at is not None and Slot(day, at) not in slots:
            slots.append(Slot(day, at))
    if slots:
        minutes = draft.held.details.minutes or draft.agenda.minutes
        draft.out.offer = Offer(tuple(slots), minutes, turn.number)


def _wish_available(draft: Draft) -> bool:
    """Whether what the caller wants, as far as it is known, can be had."""
    wish = draft.held.details
    return any(
        (wish.date is None or slot.day == wish.date) and (wish.time is None or slot.at == wish.time)
        for slot in draft.agenda.free
    )


def _free_day(draft: Draft, day: DateMention, at: TimeMention) -> date | None:
    free = {s.day for s in draft.agenda.free if s.day in day.candidates and s.at in at.candidates}
    return free.pop() if len(free) == 1 and not day.problems & WRONG_DAY.keys() else None
