"""Which day or time words that can mean several are taken for: by what is held, offered, free or open; or ask."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, time

from engine.understanding.caller import bare_weekday, means
from engine.understanding.draft import Draft
from engine.understanding.mentions import DateMention, Problem
from engine.understanding.readback import AssistantReading

WRONG_DAY = {
    Problem.WEEKDAY_MISMATCH: "giorno_discorde",
    Problem.IMPOSSIBLE: "impossibile",
    Problem.PAST: "passato",
}
"""Problems of a day's words that no choice may resolve, and how the facts name them."""


def settle_day(
    draft: Draft, mentions: Sequence[DateMention], asked: AssistantReading | None
) -> tuple[frozenset[date], str | None]:
    """The days that a caller's words can mean, settled if it is one, and what is wrong with them."""
    known = draft.held.details.date
    if len(mentions) > 1:
        wrong = any(mention.problems & WRONG_DAY.keys() for mention in mentions)
        if known is not None and not wrong and all(means(mention, known) for mention in mentions):
            return frozenset({known}), None  # "mercoledì, mercoledì 18"
        return frozenset(day for mention in mentions for day in mention.candidates), "ambiguo"
    mention = mentions[0]
    candidates = frozenset(mention.candidates)
    if mention.problems & WRONG_DAY.keys():
        return candidates, next(WRONG_DAY[p] for p in WRONG_DAY if p in mention.problems)
    held = draft.held
    if known is not None and means(mention, known):
        return frozenset({known}), None
    talked_of = {slot.day for slot in draft.offered} if asked else set()
    meant = frozenset(day for day in talked_of if means(mention, day))
    if (bare_weekday(mention) or len(mention.candidates) > 1) and len(meant) == 1:
        return meant, None
    if held.day_options and held.day_problem == "ambiguo":
        narrowed = candidates & set(held.day_options)
        if len(narrowed) == 1:
            return narrowed, None
    return candidates, "ambiguo" if Problem.AMBIGUOUS in mention.problems else None


def settle_time(draft: Draft, candidates: Collection[time], *, doubtful: bool = False) -> time | None:
    """An hour without a part of the day, by what is held, offered, free, or open; None: ask.

    `doubtful`: the words may mean something else, so that only what is held or offered says that they do not.
    """
    held, agenda = draft.held, draft.agenda
    day = held.details.date
    if held.details.time in candidates:
        return held.details.time
    if len(candidates) == 1 and not doubtful:
        return next(iter(candidates))
    offered = {slot.at for slot in draft.offered if day in (None, slot.day)} & set(candidates)
    if len(offered) == 1:
        return offered.pop()
    if doubtful:
        return None
    free = {slot.at for slot in agenda.free if slot.day == day} & set(candidates)
    if free:
        return free.pop() if len(free) == 1 else None
    opened = {at for at in candidates if agenda.open_at(at, day)} or {
        at for at in candidates if agenda.open_at(at, None)
    }
    return opened.pop() if len(opened) == 1 else None
