"""When a yes is a yes (DESIGN §3): the readback it answers, and what in the same turn takes it back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time

from engine.details import Accumulator, Slot
from engine.turns import Turn
from engine.understanding.caller import CallerReading, Meant, means
from engine.understanding.folding import fold
from engine.understanding.mentions import Act, Problem
from engine.understanding.readback import Asks, AssistantReading, Verb
from fsm.stages import Task

# Words beside a yes that leave it in doubt, put it off or take it back.
_DOUBT = re.compile(
    r"\b(?:dovrei|dovremmo|potrei|potremmo|spero|speriamo|probabil\w+|mi sa|forse|magari|credo|penso|immagino|suppongo"
    r"|non c'e (?:piu )?(?:posto|disponibilita)"
    r"|direi di si|cosa\W*$|chi parla|chi e|pronto|allora (?:niente|nulla)|(?:niente|nulla)\W*$"
    r"|mi sent(?:e|i|ite)\b|(?:mi|ci) (?:faccia|fai|fate|fara|farete) sapere|figuriamoci|provvisori\w+"
    r"|(?<!\d)(?!100)\d{1,2} ?(?:%|per cento\b)|\b(?:quasi|tendenzialmente|teoricamente|dovrebbe(?:ro)?|boh)\b"
    r"|\b(?:ti|vi|le|te lo|ve lo|glielo) (?:dico|diro|scrivo|scrivero|aggiorno|aggiornero|so dire|sapro dire)\b"
    r"(?! (?:subito )?(?:di )?si\b)|\bci aggiorn\w+"
    r"|(?:^|\b(?:ok|okay|si|bene|certo|perfetto)\b)\W*(?:(?:ora|adesso|allora|prima|ci|lo) )?"
    r"(?:guardo|controllo|verifico|chiedo(?! scusa)|provo|sento mi[ao]|mi organizzo)\b"
    r"|\b(?:1|un) (?:attimo|momento|minuto|secondo|att|min|sec)\b|\bpeccato\b|\bnon era per (?:te|lei|voi)\b"
    r"|in sospeso|in forse|\b(?:a|per) confermar\w+|\b(?:la|ti) sento\b|non c'e male|punto interrogativo"
    # Giving up, in whatever list of phrases it stands.
    r"|\brichiam\w+|\bci risent\w+|\blasci\w* (?:perdere|stare)|\brinunci\w*"
    r"|\bun'?altra volta\b|come non detto|\bchiamo (?:piu tardi|dopo|domani)\b|\bfa (?:niente|nulla)\b"
    r"|^\W*(?:niente|nulla)\b(?! (?:da|in contrario|di meglio|problem\w*))|\bfacci\w+ (?:niente|nulla)\b"
    # Not for good.
    r"|\bper (?:ora|adesso|il momento)\b(?! (?:e|va) (?:tutto|bene cosi))|\bintanto\b|\bsi vedra\b|\bcome vuo(?:i|le)\b"
    # Not meant.
    r"|\bbrav[oaie]\b|\bcontinu(?:a|i|ate) pure\b"
    # To somebody else in the room.
    r"|si\W+(?:car[oa]|mamma|papa|amore|tesoro)\b|\barrivo (?:subito|ora|adesso)\b|dicevamo"
    r"|(?:parlavo|stavo parlando) con"
    r"|conferm\w+ (?:\w+ ){0,2}?(?:piu tardi|dopo|poi|in seguito|appena|nei prossimi|la settimana))"
)
# "Sì, annulliamo", whatever the phrase files say.
_CALLS_OFF = re.compile(r"\b(?:annull|disdi|cancell)\w+")
# A yes on a condition is no yes: "sì, se riesco a liberarmi". Of "a meno che non" a poor line may leave "che non".
_CONDITION = re.compile(
    r"\b(?:se (?!no\b|vuole\b|vuoi\b|possibile\b)|salvo|meno che|a meno d[ei]|che non\b|purche|sempre che|a patto"
    r"|basta che|dipende|a condizione|tranne|eccetto|a parte|fuorche|esclus[oi]|come se|(?:non )?appena|una volta che)"
)
# "Mercoledì non poss": what is left of a refusal, where a phrase of the list no longer stands.
_REFUSES = re.compile(
    r"\bnon (?:poss|pos|poter|riesc|ries|riusc|vad|vogl|vorr|ce la|ci so)\w*|\b(?:di|che) non\b"
    r"|\bnon (?:mi )?serv(?:e|ono)\b(?! altro)|\bnon ci sar(?:o|emo)\b|\bnon (?:verr|veng)\w+"
    r"|\bnon e (?:piu |proprio )?(?:possibile|fattibile|il caso|il momento)\b"
)
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
    yes = said.last(Act.AFFIRM)
    if yes is None or said.does(*_TAKES_BACK, *_OTHER_TASK[task]):
        return False
    flat = fold(said.text)
    first = next(act for act in said.acts if act.act is Act.AFFIRM)  # "sì, se mia moglie è d'accordo"
    # Of a cancellation these are its verb and regret.
    if task is not Task.DISDICI and (_CALLS_OFF.search(flat) or "purtroppo" in flat.split()):
        return False
    if _DOUBT.search(flat) or _CONDITION.search(flat, first.end) or _REFUSES.search(flat, first.end):
        return False
    return not any(act.act is Act.HOLD_ON and act.start > yes.start for act in said.acts)


def names_another(said: CallerReading, slot: Slot | None, task: Task) -> bool:
    """Whether the words of a yes name a day that cannot be `slot`'s, or a stretch of days or hours without it.

    What is ruled out, or is somewhere else, names no other: "sì, giovedì non posso".
    """
    if slot is None:
        return False
    days = (s.mention for s in said.dates if s.meant in (Meant.WISH, Meant.ALOUD))
    if any(Problem.WEEKDAY_MISMATCH in day.problems or not means(day, slot.day) for day in days):
        return True
    # Of an appointment to be cancelled that is the reason.
    if task is not Task.DISDICI and any(
        s.meant is Meant.ELSEWHERE and means(s.mention, slot.day) for s in said.dates
    ):
        return True  # "sì, mercoledì sono dal dentista"
    return any(not (span.holds_day(slot.day) and span.holds_time(slot.at)) for span in said.ranges)


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
