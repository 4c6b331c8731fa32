"""What a call goes on from when its bridge comes back: what was said, what of that is still to be analysed, and what
the caller must be told again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.analysis import State
from engine.conversation import Conversation
from engine.desk import StoreDesk
from engine.evidence import Words
from engine.notices import Wording
from engine.rulebook import Rulebook
from engine.supervisor import opening_state, restored_state
from engine.turns import Played, Speaker, Transcript, Turn
from fsm.stages import Stage, Task
from storage import calls, conversations, journal
from storage.calls import AnalysisRecord, StoredTurn

LINE_IS_BACK = "linea_tornata"
"""The outcome under which the journal says that a call goes on."""

_DONE: Mapping[Task, str] = {
    Task.PRENOTA: "prenotazione_riuscita",
    Task.SPOSTA: "spostamento_riuscito",
    Task.DISDICI: "disdetta_riuscita",
}


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a call has behind it. `new`: the numbers of turns that were not analysed, or have more words since.

    `notices` are told to the model first, beside what it is told of the call so far; `lasted_s` is how many
    seconds ago the call began.
    """

    turns: tuple[Turn, ...]
    new: frozenset[int]
    notices: tuple[str, ...]
    lasted_s: float

    @property
    def begun(self) -> bool:
        """Whether anybody has heard anything yet; else the model greets as in a new call."""
        return any(turn.heard_text for turn in self.turns)


def resume(
    conversation: Conversation, rulebook: Rulebook, *, began: datetime, now: datetime
) -> tuple[State, Resumption]:
    """The state that a stored call goes on from, and what it has behind it; inside the transaction that takes it.

    Notes in the journal that the call goes on.
    """
    assert conversation.call_id is not None
    stored = conversations.state_of(conversation.id)
    # Before its first analysis it is where every conversation begins.
    state = restored_state(stored) if stored and stored.last_analysis else opening_state(conversation)
    turns = tuple(Transcript(in_order(map(turn_of, calls.turns_of(conversation.call_id)))))
    notices = told_of(state)
    journal.append(
        {
            "call_id": conversation.call_id,
            "analysis": state.analyses,
            "turn": stored.last_turn if stored else 0,
            "event_time": now,
            "event": None,
            "outcome": LINE_IS_BACK,
            "why": "La linea era caduta ed è tornata: la chiamata continua da dove era.",
            "notices": list(notices),
        },
        recorded_at=now,
    )
    return state, Resumption(
        turns=turns,
        new=not_analysed(turns, calls.analyses(conversation.call_id)),
        notices=_texts(conversation, rulebook, state, notices, now) if notices else (),
        lasted_s=(now - began).total_seconds(),
    )


def _texts(
    conversation: Conversation, rulebook: Rulebook, state: State, notices: Sequence[str], now: datetime
) -> tuple[str, ...]:
    agenda = StoreDesk(conversation).agenda(state.held, now)
    wording = Wording(state.held, agenda, state.task, None, "", now)
    return tuple(wording.text(rulebook.messages, notice) for notice in notices)


def told_of(state: State) -> tuple[str, ...]:
    """The notices that are told again, since the caller may not have heard them: that it is done."""
    if state.stage is Stage.COMPLETATO and state.held.booking is not None and state.task in _DONE:
        return (_DONE[state.task],)
    return ()


def not_analysed(turns: Sequence[Turn], analyses: Iterable[AnalysisRecord]) -> frozenset[int]:
    """The numbers of the turns at the end that no analysis has seen with these words.

    Only at the end: what was passed over, and then talked about further, is not gone back to.
    """
    seen: dict[int, tuple[str, str | None]] = {}
    for analysis in analyses:
        if analysis.words is not None:
            seen |= {turn.number: (turn.text, turn.heard) for turn in Words.from_plain(analysis.words).turns}
    new: set[int] = set()
    for turn in reversed(turns):
        if seen.get(turn.number) == (turn.text, turn.heard):
            break
        new.add(turn.number)
    return frozenset(new)


def turn_of(stored: StoredTurn) -> Turn:
    """A turn from the store."""
    return Turn(
        stored.number,
        Speaker(stored.speaker),
        stored.text,
        stored.began_at,
        stored.ended_at,
        heard=stored.heard,
        played=tuple(Played(at, chars) for at, chars in stored.played),
        keyed=stored.keyed,
    )


def in_order(turns: Iterable[Turn]) -> list[Turn]:
    """Turns as they were spoken; one that cannot be placed follows the one it became known after."""
    transcript = Transcript()
    for turn in turns:
        transcript.add(turn)
    return list(transcript)


__all__ = ["LINE_IS_BACK", "Resumption", "in_order", "not_analysed", "resume", "told_of", "turn_of"]
