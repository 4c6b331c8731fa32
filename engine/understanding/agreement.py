"""When a yes is a yes (DESIGN §3): the readback it answers, and what in the same turn takes it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time

from engine.details import Accumulator, Slot
from engine.turns import Turn
from engine.understanding.caller import CallerReading, Meant, means
from engine.understanding.folding import fold
from engine.understanding.it import agreement as it
from engine.understanding.mentions import Act, ActMention, Problem
from engine.understanding.numbers import number_at
from engine.understanding.readback import Asks, AssistantReading, Verb
from engine.understanding.text import tokens
from fsm.stages import Task

_CLAUSE_END = re.compile(r"[,.;:!?…]+(?:\s|$)")
_WITHIN_NUMBER = re.compile(r"(?<=\d)[.,:/](?=\d)")
_MINUTES = 60
_WORD = re.compile(r"\w+(?:'\w+)?")
_TAKES_BACK = (Act.DENY, Act.CORRECT, Act.HEDGE, Act.DROP, Act.ASK_REPEAT, Act.ASK_HUMAN)
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
    return said.does(Act.AFFIRM) and not _takes_back(said, task)


def only_closes(said: CallerReading) -> bool:
    """Whether the turn is thanks and goodbyes, and nothing else: what was agreed to before stays agreed."""
    words = _WORD.findall(fold(said.text))
    return bool(words) and all(word in it.CLOSES for word in words)


def _takes_back(said: CallerReading, task: Task) -> bool:
    """Whether anything in a turn that says yes takes it back, doubts it, puts it off or hangs it on something."""
    if said.does(*_TAKES_BACK, *_OTHER_TASK[task]):
        return True
    flat = fold(said.text)
    yes = [act for act in said.acts if act.act is Act.AFFIRM]
    after = yes[0].end  # "sì, se mia moglie è d'accordo"
    # Of a cancellation these are its verb and regret.
    if task is not Task.DISDICI and (it.CALLS_OFF.search(flat) or "purtroppo" in flat.split()):
        return True
    if task is not Task.SPOSTA and it.PUTS_ELSEWHERE.search(flat):
        return True
    if it.DOUBT.search(flat) or it.CONDITION.search(flat, after) or it.REFUSES.search(flat, after):
        return True
    if it.LATER.search(flat) or (it.PUTS_OFF.search(flat) and not any(map(_plain, yes))):
        return True
    if task is not Task.PRENOTA and it.KEEPS.search(flat):
        return True
    if task is Task.DISDICI and it.STILL_COMES.search(flat):
        return True
    if it.UNFINISHED.search(flat) or it.HANGS_ON.search(flat) or _asks_more(flat, after):
        return True
    return any(act.act is Act.HOLD_ON and act.start > yes[-1].start for act in said.acts)


def _plain(yes: ActMention) -> bool:
    """ "Sì" or "confermo", as against "ok" and "va bene", which only close just as well."""
    return yes.explicit or "si" in _WORD.findall(fold(yes.text))


def _asks_more(flat: str, after: int) -> bool:
    """Whether a question that ends behind `after` asks what the yes may hang on, as far as we can tell."""
    for question in it.QUESTION.finditer(flat):
        words = question.group()
        if question.end() <= after or it.TAG.search(words) or it.HARMLESS.search(words):
            continue
        if not all(word in it.ONLY_AGREES for word in _WORD.findall(words)):
            return True
    return False


def names_another(
    said: CallerReading, slot: Slot | None, task: Task, *, old: Slot | None = None, own: Sequence[Slot] = ()
) -> bool:
    """Whether the words of a yes name a day or time that cannot be `slot`'s, or a stretch of days or hours without it.

    `old` is the slot of the own booking to be moved, which may be named beside it; `own` those of all own bookings.
    What is ruled out, or is somewhere else, names no other: "sì, giovedì non posso".
    """
    if slot is None:
        return False
    if it.POINTS_AWAY.search(fold(said.text)):
        return True
    moves = task is Task.SPOSTA
    held = [slot, old] if moves and old is not None else [slot]
    left = [old] if old is not None else []
    nameable = {Meant.WISH: held, Meant.ALOUD: held, Meant.OLD: left if moves else held}
    for day in said.dates:
        may_be = nameable.get(day.meant)
        if may_be is None:
            continue
        if Problem.WEEKDAY_MISMATCH in day.mention.problems:
            return True
        if not any(means(day.mention, each.day) for each in may_be):
            return True
    for at in said.times:
        may_be = nameable.get(at.meant)
        if may_be is not None and not any(each.at in at.mention.candidates for each in may_be):
            return True
    if any(_bare_number(clause, held) for clause in _CLAUSE_END.split(said.text)):
        return True
    if moves and any(span.date_from == each.day for span in said.ranges for each in own if each != old):
        return True  # "sì, da venerdì", where Thursday's is to be moved
    # "Sì, mercoledì sono dal dentista": of an appointment to be cancelled the reason, unless another one is then.
    others = [each for each in own if each.day != slot.day] if task is Task.DISDICI else [slot]
    if any(s.meant is Meant.ELSEWHERE and means(s.mention, each.day) for s in said.dates for each in others):
        return True
    # "Sì, alle 15 ho il treno"
    if task is not Task.DISDICI and any(
        s.meant is Meant.ELSEWHERE and slot.at in s.mention.candidates for s in said.times
    ):
        return True
    return any(not (span.holds_day(slot.day) and span.holds_time(slot.at)) for span in said.ranges)


def _bare_number(clause: str, held: Sequence[Slot]) -> bool:
    """Whether a clause is numbers alone, beside words of assent, and one is none of a slot held: "sì, il dodici"."""
    said = tokens(_WITHIN_NUMBER.sub(" ", clause))
    at = next((n for n, token in enumerate(said) if token.text not in it.BEFORE_NUMBER), len(said))
    numbers: list[int] = []
    while (number := number_at(said, at)) is not None:
        numbers.append(number[0])
        at = number[1]
    if at < len(said) or any(number >= _MINUTES for number in numbers):
        return False  # words besides, or a phone number's digits
    known = {
        value
        for each in held
        for value in (each.day.day, each.day.month, each.at.hour, each.at.hour % 12, each.at.minute)
    }
    return not known.issuperset(numbers)


def spoken_after(turn: Turn, before: Turn, chars: int) -> bool:
    """Whether the caller turn was spoken after the first `chars` characters of `before` had been played."""
    out_at = before.played_at(chars)
    return turn.began_at is not None and out_at is not None and turn.began_at >= out_at


@dataclass(frozen=True, slots=True)
class Restated:
    """What a turn named, each day and time taken as the value held where its words can mean that; None: left open.

    `slots` are the days and times that were said together; `away` those that were said to be left ("da giovedì").
    """

    days: frozenset[date | None]
    times: frozenset[time | None]
    slots: frozenset[Slot] = frozenset()
    away: frozenset[date | time | None] = frozenset()


def restates(
    asked: AssistantReading, restated: Restated, held: Accumulator, task: Task, old: Slot | None
) -> bool:
    """Whether a turn restates exactly the day and time held, with the task's verb; `old` is the slot to be moved."""
    slot = held.slot()
    if slot is None or asked.refuses or asked.verb in _FORBIDDEN_VERB.get(task, ()):
        return False
    if task is not Task.SPOSTA or old is None:
        return restated.days == {slot.day} and restated.times == {slot.at}
    if slot.day not in restated.days or slot.at not in restated.times:
        return False
    if restated.days - {slot.day} - {old.day} or restated.times - {slot.at} - {old.at}:
        return False
    # Two slots in one turn: each whole, and the right one left.
    moves_away = (slot.day in restated.away and slot.day != old.day) or (
        slot.at in restated.away and slot.at != old.at
    )
    return not moves_away and (old.day == slot.day or restated.slots <= {slot, old})


def asks_for_yes(asked: AssistantReading) -> bool:
    """Whether the last question of a turn asks for agreement to the slot it names."""
    return asked.asks is Asks.SLOT and asked.yes_no


def confirms_by_name(said: CallerReading, slot: Slot | None) -> bool:
    """After another question: an explicit "confermo" that itself names the day or time held."""
    if slot is None or not any(act.explicit for act in said.acts if act.act is Act.AFFIRM):
        return False
    return _names(said, slot)


def _names(said: CallerReading, slot: Slot) -> bool:
    day = any(s.meant is Meant.WISH and means(s.mention, slot.day) for s in said.dates)
    return day or any(s.meant is Meant.WISH and slot.at in s.mention.candidates for s in said.times)
