"""The day and time of a caller turn: chosen among those named, held, taken back, or counted on from what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from engine.turns import Turn
from engine.understanding.caller import CallerReading, M, Meant, Said, means
from engine.understanding.draft import Draft
from engine.understanding.mentions import Act, DateMention, Problem, TimeMention
from engine.understanding.readback import AssistantReading
from engine.understanding.settling import settle_day, settle_time
from fsm.stages import Task


def take_slot(draft: Draft, said: CallerReading, asked: AssistantReading | None, turn: Turn) -> None:
    """Hold the day and time that a caller turn gives; `asked` is the assistant turn that it answers."""
    offered = draft.offered
    if said.ordinal is not None and asked and asked.slots and len(offered) > 1:
        index = said.ordinal
        if -1 <= index < len(offered):
            draft.out.hold("date", offered[index].day, turn.number)
            draft.out.hold("time", offered[index].at, turn.number)
            return
    day = _choose(said, said.dates, draft.held.details.date)
    at = _choose(said, said.times, draft.held.details.time)
    if day:
        _take_day(draft, day, asked, turn, in_doubt=_in_doubt(said, day))
    if at:
        _take_time(draft, at, turn, in_doubt=_in_doubt(said, at))
    elif not day:
        _take_moved_time(draft, said, turn)
    _take_relative(draft, said, turn, day=bool(day), at=bool(at))
    if asked is not None and asked.slots and bool(day) is not bool(at):
        _complete_from_offer(draft, turn, by_day=bool(day))


def reject(draft: Draft, said: CallerReading, turn: Turn) -> None:
    """Days and times ruled out, by name or in general ("non quel giorno", "un altro orario")."""
    day, at = draft.held.details.date, draft.held.details.time
    wished = {
        "date": any(s.meant is Meant.WISH for s in said.alone.dates),
        "time": any(s.meant is Meant.WISH for s in said.alone.times),
    }
    out_of = {
        "date": day is not None
        and any(s.meant is Meant.RULED_OUT and means(s.mention, day) for s in said.dates),
        "time": at is not None
        and any(s.meant is Meant.RULED_OUT and at in s.mention.candidates for s in said.times),
    }
    if said.does(Act.CORRECT, Act.DENY):
        for span in said.ranges:  # "meglio la settimana dopo", "no, di pomeriggio"
            out_of["date"] |= day is not None and not span.holds_day(day)
            out_of["time"] |= at is not None and not span.holds_time(at)
    for name in ("date", "time"):
        if (out_of[name] or name in said.rejected) and not wished[name]:
            draft.out.lose(name, turn.number)


def wished(said: CallerReading) -> list[DateMention | TimeMention]:
    """Every day and time the turn really asks for."""
    return [s.mention for s in said.dates if s.meant is Meant.WISH] + [
        s.mention for s in said.times if s.meant is Meant.WISH
    ]


def without_old(said: CallerReading) -> CallerReading:
    """Where nothing is to be moved, "l'appuntamento di giovedì" is a wish."""
    if Meant.OLD not in [s.meant for s in said.dates] + [s.meant for s in said.times]:
        return said
    return replace(
        said,
        dates=tuple(replace(s, meant=Meant.WISH) if s.meant is Meant.OLD else s for s in said.dates),
        times=tuple(replace(s, meant=Meant.WISH) if s.meant is Meant.OLD else s for s in said.times),
    )


def _choose(said: CallerReading, mentions: Sequence[Said[M]], current: date | time | None) -> list[M]:
    """The mention that counts; several when the turn leaves it open between them ("mercoledì o giovedì")."""
    wishes = [s.mention for s in mentions if s.meant is Meant.WISH]
    if not wishes and (current is None or said.does(Act.CORRECT)):
        wishes = [s.mention for s in mentions if s.meant is Meant.ALOUD]
    chosen: list[M] = []
    for mention in wishes:
        same = chosen and chosen[-1].candidates == mention.candidates
        displaces = mention in said.pointed and any(known not in said.pointed for known in chosen)
        if displaces and same:
            continue
        if same or (chosen and not displaces and said.repairs((chosen[-1].end, mention.start))):
            chosen = [mention]
        else:
            chosen.append(mention)
    return chosen[-1:] if len({m.candidates for m in chosen}) == 1 else chosen


def _in_doubt(said: CallerReading, chosen: Sequence[DateMention] | Sequence[TimeMention]) -> bool:
    """Whether the other extractor alone found what was chosen, or part of it: what is held is then not replaced."""
    return any(mention in said.pointed for mention in chosen)


def _take_day(
    draft: Draft,
    mentions: Sequence[DateMention],
    asked: AssistantReading | None,
    turn: Turn,
    *,
    in_doubt: bool,
) -> None:
    days, problem = settle_day(draft, mentions, asked)
    held = draft.held
    if in_doubt and held.details.date is not None and days != {held.details.date}:
        days, problem = days | {held.details.date}, problem or "ambiguo"
        draft.out.lose("date", turn.number)
    if len(days) == 1 and problem is None:
        draft.out.hold("date", next(iter(days)), turn.number)
        return
    draft.out.lose("date", turn.number)  # also when it is one of those named: nobody knows which is meant
    held.day_options, held.day_problem = tuple(sorted(days)), problem or "ambiguo"
    draft.out.about_booking = True


def _take_time(draft: Draft, mentions: Sequence[TimeMention], turn: Turn, *, in_doubt: bool) -> None:
    held = draft.held
    candidates = {at for mention in mentions for at in mention.candidates}
    if any(Problem.IMPOSSIBLE in mention.problems for mention in mentions):
        draft.out.lose("time", turn.number)
        held.time_options, held.time_problem = (), "impossibile"
        draft.out.about_booking = True
        return
    doubtful = any(Problem.AMBIGUOUS in mention.problems for mention in mentions)
    settled = settle_time(draft, candidates, doubtful=doubtful) if len(mentions) == 1 else None
    if len(mentions) > 1 and all(held.details.time in mention.candidates for mention in mentions):
        settled = held.details.time  # "alle 15, le 3 del pomeriggio"
    if in_doubt and held.details.time is not None and settled != held.details.time:
        candidates.add(held.details.time)
        draft.out.lose("time", turn.number)
        settled = None
    if settled is not None:
        draft.out.hold("time", settled, turn.number)
        return
    draft.out.lose("time", turn.number)
    held.time_options, held.time_problem = tuple(sorted(candidates)), "ambiguo"
    draft.out.about_booking = True


def _take_moved_time(draft: Draft, said: CallerReading, turn: Turn) -> None:
    """ "dalle 11 alle 15" when a booking is moved: from its own time to the new one."""
    target = draft.target
    if draft.task is not Task.SPOSTA or target is None:
        return
    for span in said.ranges:
        if span.time_from == target.slot.at and span.time_to is not None:
            draft.out.hold("time", span.time_to, turn.number)
            if draft.held.details.date is None:
                draft.out.hold("date", target.slot.day, turn.number)


def _take_relative(draft: Draft, said: CallerReading, turn: Turn, *, day: bool, at: bool) -> None:
    """ "Il giorno dopo", "un'ora prima": counted from the day and time talked about, unless one was named."""
    target = draft.target
    from_day = draft.held.details.date or (target.slot.day if target else None)
    from_time = draft.held.details.time
    if not day and from_day is not None and said.days_on:
        draft.out.hold("date", from_day + timedelta(days=said.days_on), turn.number)
    if not at and said.same_time and target is not None and draft.held.details.time is None:
        draft.out.hold("time", target.slot.at, turn.number)
    if not at and from_time is not None and said.minutes_on:
        some_day = date.min + timedelta(days=1)
        moment = datetime.combine(some_day, from_time) + timedelta(minutes=said.minutes_on)
        draft.out.hold("time", moment.time(), turn.number)


def _complete_from_offer(draft: Draft, turn: Turn, *, by_day: bool) -> None:
    """A time alone, or a day alone, that fits exactly one of the slots just offered, means that slot."""
    held = draft.held
    day, at = held.details.date, held.details.time
    if by_day and at is None and not held.time_options:
        fitting = [slot for slot in draft.offered if slot.day == day]
        if len(fitting) == 1:
            draft.out.hold("time", fitting[0].at, turn.number)
    if not by_day and day is None and not held.day_options:
        fitting = [slot for slot in draft.offered if slot.at == at]
        if len(fitting) == 1:
            draft.out.hold("date", fitting[0].day, turn.number)
