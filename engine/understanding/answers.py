"""The caller's no and yes: what they do to the values held, and whether a yes is one to all of them."""

from __future__ import annotations

from datetime import date, time

from engine.details import Slot, Stance
from engine.turns import Speaker, Turn
from engine.understanding.agreement import (
    agrees,
    asks_for_yes,
    confirms_by_name,
    names_another,
    only_closes,
    restates,
    spoken_after,
)
from engine.understanding.caller import CallerReading
from engine.understanding.contact import contact_settled, gives_other_contact
from engine.understanding.context import Agreement, binding
from engine.understanding.draft import Draft
from engine.understanding.mentions import Act
from engine.understanding.readback import Asks, AssistantReading, Verb
from engine.understanding.request import contradicts_unclaimed
from engine.understanding.restatement import day_of, restated_by, time_of
from engine.understanding.slots import wished
from fsm.stages import Stage, Task

# Questions that a "no" can answer without touching the slot.
_UNRELATED = frozenset({Asks.OTHER, Asks.PHONE, Asks.EMAIL, Asks.BOOKING})


def say_no(draft: Draft, said: CallerReading, asked: AssistantReading | None, *, changed: bool) -> None:
    """A denial or a correction that names nothing: the values stay, but somebody has to say them again."""
    out, details = draft.out, draft.held.details
    denies = said.does(Act.DENY) and asked is not None and asked.asks is Asks.SLOT
    corrects = said.does(Act.CORRECT)
    contradicts = said.does(Act.DENY, Act.CORRECT, Act.HEDGE, Act.HOLD_ON, Act.ASK_REPEAT) and not (
        said.does(Act.DENY) and asked is not None and asked.asks in _UNRELATED
    )
    if contradicts and out.agreement is Agreement.VALID:
        out.agreement = Agreement.INVALID
    if (denies or corrects) and not changed:
        out.about_booking = True
        if details.date is not None or details.time is not None:
            out.correction = True
        out.given.clear()


def say_yes(
    draft: Draft,
    said: CallerReading,
    answer: CallerReading,
    before: Turn | None,
    asked: AssistantReading | None,
    turn: Turn,
) -> None:
    """A yes to `before`, read as `asked`: it takes over what that names, and agrees if that restates all we hold.

    `answer` is all that the caller has said to `before`, this turn the last of it: a yes to which the rest adds a
    doubt is none, also when a pause has made two turns of it.
    """
    out = draft.out
    if out.agreement is Agreement.VALID and not _leaves_it(draft, answer):
        out.agreement = Agreement.INVALID
    if before is None or asked is None or not said.does(Act.AFFIRM):
        return
    if not agrees(said, draft.task) or not agrees(answer, draft.task):
        out.agreement = Agreement.INVALID if asked.dates else out.agreement
        return
    out.about_booking |= asked.about_booking
    heard = spoken_after(turn, before, asked.spoken_by)
    if heard and not _other_offer_before(draft, before):
        _take_over(draft, answer, before, asked, turn)
    one_offer = not _other_offer_before(draft, before)  # against what is held now
    answers = asks_for_yes(asked) or confirms_by_name(said.alone, draft.held.slot())
    answers = answers and not _wants_other(draft, answer) and _knew_which(draft, before, asked)
    if answers and heard and one_offer and restates_held(draft, asked) and contact_is_settled(draft):
        out.agreement, out.agreed_to = Agreement.VALID, binding(draft.held)
    elif asked.dates or asked.times:
        out.agreement = Agreement.INVALID


def _leaves_it(draft: Draft, answer: CallerReading) -> bool:
    """Whether what the caller has said since a yes that counted leaves it as it is."""
    return (agrees(answer, draft.task) or only_closes(answer)) and not _wants_other(draft, answer)


def _wants_other(draft: Draft, answer: CallerReading) -> bool:
    """Whether the words beside a yes name another day, time, length, phone or email than those held."""
    target, slot, said = draft.target, draft.held.slot(), answer.alone
    old, own = (target.slot if target else None), [own.slot for own in draft.agenda.own]
    if names_another(said, slot, draft.task, old=old, own=own):
        return True
    if slot is not None and said.same_time and old is not None and old.at != slot.at:
        return True  # "sì, stessa ora", where the hour changes too
    if said.ordinal is not None and draft.offered[said.ordinal :][:1] != (slot,):
        return True  # "sì, il secondo"
    if any(each.minutes not in draft.agenda.allowed_minutes for each in said.durations):
        return True  # "sì, due ore" where that cannot be had
    return draft.of_lead and draft.task is Task.PRENOTA and gives_other_contact(draft.held, answer)


def _knew_which(draft: Draft, before: Turn, asked: AssistantReading) -> bool:
    """Whether a readback that names only where a booking goes was spoken when it was known which one."""
    target = draft.target
    if draft.task is not Task.SPOSTA or target is None or len(draft.agenda.own) == 1:
        return True
    since = [turn.number for turn in draft.turns[draft.turns.index(before) + 1 :]]
    restated = restated_by(draft, asked)
    named = target.slot.day in restated.days or target.slot.at in restated.times
    return named or draft.held.sources.get("target") not in since


def restates_held(draft: Draft, asked: AssistantReading) -> bool:
    """Whether a turn restates exactly the day and time held."""
    if draft.task is Task.PRENOTA and asked.verb is Verb.MOVE and draft.agenda.own:
        return False  # a yes to "la sposto" is none to a second booking
    target = draft.target
    old = target.slot if target else None
    return restates(asked, restated_by(draft, asked), draft.held, draft.task, old)


def contact_is_settled(draft: Draft) -> bool:
    """Whether no phone or email is still to be restated; moving and cancelling need none."""
    return draft.task is not Task.PRENOTA or contact_settled(draft.held, draft.context.caller)


def _other_offer_before(draft: Draft, turn: Turn) -> bool:
    """Whether the assistant had just asked about another slot, and nobody has spoken since."""
    now_named = restated_by(draft, draft.heard(turn))
    for known in draft.before(turn):
        if known.keyed:
            continue
        if known.speaker is Speaker.CALLER:
            return False
        earlier = draft.heard(known)
        if asks_for_yes(earlier) and restated_by(draft, earlier).slots - now_named.slots:
            return True
    return False


def _take_over(draft: Draft, said: CallerReading, before: Turn, asked: AssistantReading, turn: Turn) -> None:
    """A yes to one named day and/or time takes them over, unless the turn was a mismatch."""
    if asked.asks is not Asks.SLOT or not asked.yes_no or draft.task is Task.DISDICI:
        return
    stance = draft.held.stances.get(before.number, Stance.PLAIN)
    if stance is Stance.MISMATCH or (stance is Stance.OFFER and wished(said)):
        return
    day, at = _named_day(draft, asked, stance), _named_time(draft, asked, stance)
    if draft.context.stage is Stage.NESSUN_INTENTO and contradicts_unclaimed(draft, day, at):
        return
    if draft.held.refused is not None and draft.held.refused == _slot(day or draft.held.details.date, at):
        return  # it cannot be had, and the caller has not heard so yet
    if _can_mean_refused(draft, day, asked):
        return  # "alle 9", after 9 in the evening was asked for and cannot be had
    details, offer = draft.held.details, stance is Stance.OFFER
    if day is not None and (offer or (details.date is None and not said.dates)):
        draft.out.hold("date", day, turn.number)
    if at is not None and (offer or (details.time is None and not said.times)):
        draft.out.hold("time", at, turn.number)


def _can_mean_refused(draft: Draft, day: date | None, asked: AssistantReading) -> bool:
    """Whether the turn names an hour that can also be the one just refused, of the same day."""
    refused = draft.held.refused
    if refused is None or (day or draft.held.details.date) != refused.day:
        return False
    return any(refused.at in mention.candidates for mention in asked.times)


def _slot(day: date | None, at: time | None) -> Slot | None:
    return Slot(day, at) if day is not None and at is not None else None


def _named_day(draft: Draft, asked: AssistantReading, stance: Stance) -> date | None:
    """The one day that the turn names; in an offer, beside the day that cannot be had."""
    days = {day_of(draft, mention) for mention in asked.dates}
    if stance is Stance.OFFER and len(days) > 1:
        days.discard(draft.held.details.date)
    return days.pop() if len(days) == 1 else None


def _named_time(draft: Draft, asked: AssistantReading, stance: Stance) -> time | None:
    """The one time that the turn names; in an offer, beside the time that cannot be had."""
    times = {time_of(draft, mention, asked) for mention in asked.times}
    if stance is Stance.OFFER and len(times) > 1:
        times.discard(draft.held.details.time)
    return times.pop() if len(times) == 1 else None
