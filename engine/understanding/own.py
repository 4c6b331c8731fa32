"""Which of the caller's own bookings is to be moved or cancelled, and which words only point at it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.details import Slot
from engine.turns import Turn
from engine.understanding.caller import CallerReading, Meant, Said, means
from engine.understanding.draft import Draft
from engine.understanding.folding import fold
from engine.understanding.mentions import Act, DateMention, TimeMention
from fsm.stages import Task

# An appointment, and few enough words behind it that what follows is said of it.
_NAMED = re.compile(r"\b(?:quell[oa]|appuntamento|prenotazione|consulenza|incontro)\b[^,;.]{0,28}$")
Hints = Sequence[DateMention | TimeMention]


def note_own_day(draft: Draft, said: CallerReading) -> None:
    """ "Ho un appuntamento giovedì ma non riesco a venire": which booking a later wish to change may mean."""
    named = [own for own in draft.agenda.own if any(means(s.mention, own.slot.day) for s in said.dates)]
    if len(named) == 1:
        draft.held.spoken_of = named[0].id


def identify_target(draft: Draft, said: CallerReading, turn: Turn) -> CallerReading:
    """Find the one own booking that is meant; days and times that only point at it are taken out of `said`."""
    held = draft.held
    if held.target is not None and draft.target is None:
        held.target = None
    if draft.target is not None and draft.task is Task.DISDICI and not _means_another(draft, said):
        return said
    if draft.target is not None and not _fits(draft.target.slot, _pointed_at(draft, said)):
        draft.out.lose_target()  # "sì, quello di venerdì"
        if draft.task is Task.DISDICI:  # its day and time were the other's
            draft.out.lose("date", turn.number)
            draft.out.lose("time", turn.number)
    hints, rest = _split_hints(draft, said)
    picked = _picked(draft, said)
    if hints or picked:
        held.unknown_target = False
    if held.target is None and not held.unknown_target:
        _find(draft, hints, picked, turn)
    target = draft.target
    if target is not None and len(said.times) > len(rest.times) > 0 and not rest.dates:
        draft.out.hold("date", target.slot.day, turn.number)  # "dalle 11 alle 15": the same day
    return rest


def _find(draft: Draft, hints: Hints, picked: Slot | None, turn: Turn) -> None:
    """The own booking that fits the hints, if it is one; else what is wrong with them."""
    held, out = draft.held, draft.out
    fitting = [
        own for own in draft.agenda.own if _fits(own.slot, hints) and (picked is None or own.slot == picked)
    ]
    if len(fitting) > 1 and not hints:
        fitting = [own for own in fitting if own.id == held.spoken_of] or fitting
    out.no_booking_found = not fitting
    held.unknown_target = not fitting and bool(draft.agenda.own)
    out.several_bookings = len(fitting) > 1
    if len(fitting) == 1:
        held.target = fitting[0].id
        held.sources["target"] = turn.number
        out.given.add("target")
        out.about_booking = True
        if draft.task is Task.DISDICI:
            held.set("date", fitting[0].slot.day, turn.number)
            held.set("time", fitting[0].slot.at, turn.number)


def _fits(slot: Slot, hints: Hints) -> bool:
    """Whether a booking's slot is what all the hints can mean."""
    return all(
        means(hint, slot.day) if isinstance(hint, DateMention) else slot.at in hint.candidates
        for hint in hints
    )


def _means_another(draft: Draft, said: CallerReading) -> bool:
    """Whether the day or time named is that of another own booking than the one to be cancelled."""
    target, hints = draft.target, _split_hints(draft, said)[0]
    return (
        target is not None
        and not _fits(target.slot, hints)
        and any(_fits(own.slot, hints) for own in draft.agenda.own)
    )


def _pointed_at(draft: Draft, said: CallerReading) -> Hints:
    """The days and times said of an appointment that is named: "quello di venerdì", not "da venerdì"."""
    if draft.task is Task.DISDICI:
        return _split_hints(draft, said)[0]
    said_of_own: list[Said[DateMention] | Said[TimeMention]] = [*said.dates, *said.times]
    return [
        s.mention
        for s in said_of_own
        if s.meant is Meant.OLD and _NAMED.search(fold(said.text[: s.mention.start]))
    ]


def _picked(draft: Draft, said: CallerReading) -> Slot | None:
    """The booking that "il secondo" means among those the assistant has just named."""
    if said.ordinal is None or not -1 <= said.ordinal < len(draft.offered):
        return None
    return draft.offered[said.ordinal]


def _split_hints(draft: Draft, said: CallerReading) -> tuple[Hints, CallerReading]:
    """The days and times that point at the booking as it stands, and the turn without them."""
    if draft.task is Task.DISDICI:
        pointing = (Meant.WISH, Meant.OLD)
        days = [s.mention for s in said.dates if s.meant in pointing]
        times = [s.mention for s in said.times if s.meant in pointing]
        return [*days, *times], replace(said, dates=(), times=())
    old_dates = [s for s in said.dates if _points_at_own(draft, s, said)]
    old_times = _times_of_own(draft, said)
    rest = replace(
        said,
        dates=tuple(s for s in said.dates if s not in old_dates),
        times=tuple(s for s in said.times if s not in old_times),
    )
    return [*(s.mention for s in old_dates), *(s.mention for s in old_times)], rest


def _times_of_own(draft: Draft, said: CallerReading) -> list[Said[TimeMention]]:
    """The times said of the booking to be moved: "quello delle 11", or the first of two if a booking is then."""
    old_times = [s for s in said.times if s.meant is Meant.OLD]
    own_times = {own.slot.at for own in draft.agenda.own}
    first, *others = said.times or (None,)
    if first is not None and others and first not in old_times and own_times & set(first.mention.candidates):
        old_times.append(first)
    if first is not None and not others and _only_describes(draft, first, said):
        old_times.append(first)
    return old_times


def _only_describes(draft: Draft, at: Said[TimeMention], said: CallerReading) -> bool:
    """ "Avrei un appuntamento giovedì alle undici, lo vorrei spostare": day and time are those of an own booking."""
    return any(
        own.slot.at in at.mention.candidates
        and said.dates
        and all(means(s.mention, own.slot.day) for s in said.dates)
        for own in draft.agenda.own
    )


def _points_at_own(draft: Draft, said_day: Said[DateMention], said: CallerReading) -> bool:
    """Whether a day is said of the booking to be moved, and is not where it is to go."""
    day, meant = said_day.mention, said_day.meant
    if meant is Meant.OLD:
        return True
    own_day = any(means(day, own.slot.day) for own in draft.agenda.own)
    if meant is Meant.RULED_OUT:
        return own_day
    if meant is not Meant.WISH or not (said.does(Act.RESCHEDULE) or draft.held.target is None):
        return False
    later = [s for s in said.dates if s.mention.start > day.start and s.meant is Meant.WISH]
    towards = said.text[: day.start].lower().rstrip().endswith((" a", " al", " per", " verso"))
    return own_day and (bool(later) or not towards)
