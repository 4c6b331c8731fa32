"""A call's turns as its page shows them: as they were spoken, what was heard of each, and what was recognised in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from engine.ports import Mention
from storage.calls import CallDetail, StoredTurn
from transport.console import highlights, wording
from transport.console.highlights import Piece, Reader


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn on the page, the `place`-th from 1: the pieces of what was `heard`, and the rest that was `cut` off."""

    place: int
    turn: StoredTurn
    who: str
    heard: tuple[Piece, ...]
    cut: str
    acts: tuple[str, ...]


def shown_turns(
    detail: CallDetail, reader: Reader, mentions: Mapping[int, Collection[Mention]]
) -> list[ShownTurn]:
    """The turns as they were spoken. `mentions`: what the other extractor pointed at, by the number of the turn."""
    found: list[ShownTurn] = []
    answers = False
    for place, turn in enumerate(_in_spoken_order(detail), 1):
        heard = turn.text if turn.heard is None else turn.heard
        day = _day(turn.began_at or detail.call.started_at, detail)
        if turn.speaker == "caller":
            seen = reader.caller(heard, day, answers)
        else:
            seen, answers = reader.assistant(heard, day)
        places = [*seen.places, *highlights.pointed_at(heard, mentions.get(turn.number, ()))]
        found.append(
            ShownTurn(
                place=place,
                turn=turn,
                who=wording.speaker(turn.speaker),
                heard=tuple(highlights.pieces(heard, places)),
                cut=turn.text[len(heard) :].strip(),
                acts=tuple(wording.act(name) for name in seen.acts),
            )
        )
    return found


def barge_ins(turns: Sequence[ShownTurn]) -> list[int]:
    """The places of the turns that the caller cut off."""
    return [shown.place for shown in turns if shown.cut]


def _in_spoken_order(detail: CallDetail) -> list[StoredTurn]:
    """One that cannot be placed stays behind all that were known before it."""
    keyed, latest = [], detail.call.started_at
    for turn in detail.turns:
        latest = max(latest, turn.began_at or latest)
        keyed.append((turn.began_at or latest, turn.number, turn))
    return [turn for *_, turn in sorted(keyed, key=lambda each: each[:2])]


def _day(instant: datetime, detail: CallDetail) -> datetime:
    """Noon of the local day: words mean the same all day long, and are read once."""
    return datetime.combine(instant.astimezone(detail.call.zone).date(), time(12), detail.call.zone)
