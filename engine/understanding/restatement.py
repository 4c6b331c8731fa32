"""What an assistant turn restates: its days and times, each taken as the value held where its words can mean that."""

from __future__ import annotations

from datetime import date, time

from engine.details import Slot
from engine.turns import Turn
from engine.understanding.agreement import Restated
from engine.understanding.caller import bare_weekday, means
from engine.understanding.draft import Draft
from engine.understanding.mentions import DateMention, TimeMention
from engine.understanding.readback import AssistantReading
from engine.understanding.settling import WRONG_DAY, settle_time

_NOTHING = Restated(frozenset(), frozenset(), frozenset(), frozenset())


def restated_by(draft: Draft, heard: AssistantReading) -> Restated:
    """The days and times of a turn, against what is held now."""
    if not (heard.dates or heard.times):
        return _NOTHING
    day = draft.held.details.date
    days = {mention: day_of(draft, mention) for mention in heard.dates}
    explicit = {d for mention, d in days.items() if d is not None and not bare_weekday(mention)}
    for mention in days:
        if bare_weekday(mention):  # "lunedì ho le 10: la sposto a lunedì 18 maggio?"
            same = [d for d in explicit if d.weekday() == mention.candidates[0].weekday()]
            days[mention] = same[0] if len(same) == 1 else days[mention]
    times = {mention: time_of(draft, mention, heard) for mention in heard.times}
    together = ((days.get(s.day) if s.day else day, times.get(s.at)) for s in heard.slots)
    return Restated(
        frozenset(days.values()),
        frozenset(times.values()),
        frozenset(Slot(d, t) for d, t in together if d is not None and t is not None),
        frozenset(
            [d for mention, d in days.items() if heard.leaves(mention)]
            + [t for mention, t in times.items() if heard.leaves(mention)]
        ),
    )


def restate(draft: Draft, heard: AssistantReading) -> None:
    """A day or time held that the assistant says again is in no doubt any more."""
    if heard.says_unavailable:
        return
    restated = restated_by(draft, heard)
    if restated.days == {draft.held.details.date}:
        draft.out.given.add("date")
    if restated.times == {draft.held.details.time}:
        draft.out.given.add("time")


def settle_by(draft: Draft, heard: AssistantReading, turn: Turn) -> None:
    """The assistant's own restatement settles what the caller's words had left open."""
    held, given = draft.held, draft.out.given
    if held.details.date is None and held.day_problem == "ambiguo":
        whole = [mention for mention in heard.dates if not bare_weekday(mention)] or list(heard.dates)
        said = {day for mention in whole if not mention.problems for day in mention.candidates}
        meant = said & set(held.day_options)
        if len(meant) == 1 and len(whole) == 1:
            held.set("date", meant.pop(), turn.number)
            given.add("date")
    if held.details.time is None and held.time_problem == "ambiguo":
        said_at = {at for mention in heard.times for at in mention.candidates if len(mention.candidates) == 1}
        meant_at = said_at & set(held.time_options)
        if len(meant_at) == 1 and len(heard.times) == 1:
            held.set("time", meant_at.pop(), turn.number)
            given.add("time")


def day_of(draft: Draft, mention: DateMention) -> date | None:
    """The day an assistant's words mean; None when they leave it open or do not add up."""
    if mention.problems & WRONG_DAY.keys():
        return None
    known = draft.held.details.date
    if known is not None and (known in mention.candidates or _weekday_of_known(draft, mention, known)):
        return known if not mention.problems or len(mention.candidates) == 1 else None
    target = draft.target
    if target is not None and target.slot.day in mention.candidates:
        return target.slot.day
    return mention.candidates[0] if len(mention.candidates) == 1 and not mention.problems else None


def _weekday_of_known(draft: Draft, mention: DateMention, known: date) -> bool:
    """A bare weekday stands for the day talked about, if no nearer such day is on offer."""
    if not means(mention, known):
        return False
    return not any(slot.day in mention.candidates and slot.day != known for slot in draft.offered)


def time_of(draft: Draft, mention: TimeMention, heard: AssistantReading) -> time | None:
    """The time an assistant's words mean; None when they leave it open or do not add up."""
    known = draft.held.details.time
    if mention.problems or not heard.fits_part_of_day(mention, known):
        return None
    if known in mention.candidates:
        return known
    target = draft.target
    if target is not None and target.slot.at in mention.candidates:
        return target.slot.at
    return settle_time(draft, set(mention.candidates))
