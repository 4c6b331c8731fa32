"""What the live model is told when it must go on with a call that it does not know, or that it lets wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

from engine.analysis import State
from engine.conversation import Conversation
from engine.detail_names import NAMES
from engine.known import required
from engine.turns import Speaker, Turn
from engine.wording import spoken_day, spoken_slot
from fsm.stages import Stage, Task
from rules.limits import Limits

MOST_TURNS = 16
"""How many turns are told at most, the latest."""

_MOST_CHARS = 300  # of one turn

_OPENING = """\
La chiamata è già in corso: hai già salutato e parlato con chi chiama, poi il collegamento si è interrotto per un \
attimo. Non salutare di nuovo e non ripresentarti."""
_CLOSING = """\
Nulla è registrato oltre a quanto scritto qui. Le parole dette durante l'interruzione possono non essere arrivate: \
non darle per un sì.
Ora scusati in poche parole per l'interruzione e riprendi da dove eravate: {resume}"""
_NUDGE = (
    "Chi chiama aspetta che tu parli. Se ha appena parlato rispondi; se non hai sentito, dillo. Poi {resume}"
)

_SPEAKERS = {Speaker.CALLER: "Chi chiama", Speaker.ASSISTANT: "Tu"}
_WANTED = {
    Task.NESSUNO: "un appuntamento",
    Task.PRENOTA: "un appuntamento",
    Task.SPOSTA: "spostare un appuntamento",
    Task.DISDICI: "annullare un appuntamento",
}
_DONE = {
    Task.NESSUNO: "L'appuntamento è prenotato.",
    Task.PRENOTA: "L'appuntamento è prenotato.",
    Task.SPOSTA: "L'appuntamento è spostato.",
    Task.DISDICI: "L'appuntamento è annullato.",
}
_VERBS = {Task.SPOSTA: "sposto l'appuntamento a ", Task.DISDICI: "annullo l'appuntamento di "}
_LAST_QUESTION = "ripeti per intero la tua ultima domanda."
_ASK_AGAIN = "ripeti per intero {what} e chiedi conferma. Aspetta il sì."
_ANYTHING_ELSE = "chiedi se serve altro."


def recap(
    marker: str, limits: Limits, conversation: Conversation, state: State, turns: Sequence[Turn]
) -> str:
    """The call so far for a model that knows the prompt alone, and what to do now; `marker` is its first line,
    `limits` say which details are asked for."""
    said = [turn for turn in turns if turn.heard_text][-MOST_TURNS:]
    lines = [marker, _OPENING]
    if said:
        lines += ["Detto finora:", *(_line(turn) for turn in said), ""]
    lines += [_standing(limits, conversation, state), _CLOSING.format(resume=_resume(conversation, state))]
    return "\n".join(lines)


def nudge(marker: str, conversation: Conversation, state: State) -> str:
    """A reminder for a model that should have spoken."""
    return f"{marker}\n{_NUDGE.format(resume=_resume(conversation, state))}"


def _line(turn: Turn) -> str:
    return (
        f"{_SPEAKERS[turn.speaker]}{' (sui tasti)' if turn.keyed else ''}: {turn.heard_text[-_MOST_CHARS:]}"
    )


def _standing(limits: Limits, conversation: Conversation, state: State) -> str:
    """How far the booking has come."""
    match state.stage:
        case Stage.COMPLETATO:
            return f"{_DONE[state.task]} Non c'è altro da confermare."
        case Stage.DATI_COMPLETI | Stage.CONFERMATO:
            wanted = _proposal(conversation, state)
            return f"Dati raccolti: {_known(conversation, state)}. Manca solo il sì a: {wanted}."
        case Stage.RACCOLTA_DATI | Stage.ERRORE:
            told = f"Chi chiama vuole {_WANTED[state.task]}."
            if known := _known(conversation, state):
                told += f" Dati raccolti: {known}."
            if missing := _missing(limits, conversation, state):
                told += f" Manca ancora: {missing}."
            return told
    return "Chi chiama non ha ancora chiesto un appuntamento."


def _resume(conversation: Conversation, state: State) -> str:
    if state.stage is Stage.COMPLETATO:
        return _ANYTHING_ELSE
    if state.stage is Stage.DATI_COMPLETI and state.held.slot() is not None:
        return _ASK_AGAIN.format(what=_proposal(conversation, state))
    return _LAST_QUESTION


def _proposal(conversation: Conversation, state: State) -> str:
    return _VERBS.get(state.task, "") + _known(conversation, state, with_name=False)


def _known(conversation: Conversation, state: State, *, with_name: bool = True) -> str:
    """The details held, as the assistant may say them."""
    details, slot = state.held.details, state.held.slot()
    told: list[str] = []
    if slot is not None:
        told.append(spoken_slot(datetime.combine(slot.day, slot.at, conversation.zone)))
    elif details.date is not None:
        told.append(spoken_day(datetime.combine(details.date, time(), conversation.zone)))
    elif details.time is not None:
        told.append(f"alle {details.time:%H:%M}")
    contact = {"telefono": details.phone, "email": details.email}
    if conversation.caller.kind == "lead":
        told += [f"{name} {value}" for name, value in contact.items() if value]
    if with_name and details.name:
        told.append(f"nome {details.name}")
    return ", ".join(told)


def _missing(limits: Limits, conversation: Conversation, state: State) -> str:
    missing = set(state.held.missing(required(state.task, conversation.caller, limits)))
    if state.task in (Task.SPOSTA, Task.DISDICI) and state.held.target is None:
        missing.add("target")
    return ", ".join(name.listed for detail, name in NAMES.items() if detail in missing)
