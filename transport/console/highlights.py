"""What was recognised in the words of a turn: each mention in its place, and the acts of the caller.

Read again by the same functions as in the call, each turn on its own, with the phrases the call went by.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from engine.ports import Mention
from engine.understanding.acts import Phrases
from engine.understanding.caller import read_caller
from engine.understanding.dates import find_dates
from engine.understanding.emails import find_emails
from engine.understanding.mentions import Words
from engine.understanding.phones import find_phones
from engine.understanding.ranges import find_ranges
from engine.understanding.readback import read_assistant
from engine.understanding.times import find_times

NO_PHRASES = Phrases({}, {})


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a turn; `kind` names the detail it was taken for (wording.KINDS), None for words around."""

    text: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a turn was taken for: places in its text as (start, end, kind), and its acts by name, each once."""

    places: tuple[tuple[int, int, str], ...]
    acts: tuple[str, ...] = ()


class Reader:
    """Reads turns with the `phrases` of one version of the rules; what it has read lately it remembers."""

    def __init__(self, phrases: Phrases = NO_PHRASES) -> None:
        self._phrases = phrases
        self.caller = lru_cache(maxsize=2048)(self._caller)
        self.assistant = lru_cache(maxsize=2048)(self._assistant)

    def _caller(self, text: str, day: datetime, answers: bool) -> Seen:
        """A caller's turn, spoken on the local `day`; `answers`: the question before it takes a yes."""
        said = read_caller(text, day, self._phrases, yes_no_pending=answers)
        found = [
            *_places("date", (each.mention for each in said.dates)),
            *_places("time", (each.mention for each in said.times)),
            *_places("phone", said.phones),
            *_places("email", said.emails),
            *_places("name", said.names),
            *_places("duration", said.durations),
            *_places("range", said.ranges),
        ]
        return Seen(tuple(found), tuple(dict.fromkeys(str(each.act) for each in said.acts)))

    def _assistant(self, text: str, day: datetime) -> tuple[Seen, bool]:
        """An assistant's turn as heard on the local `day`, and whether its last question takes a yes."""
        found = [
            *_places("date", find_dates(text, day)),
            *_places("time", find_times(text)),
            *_places("phone", find_phones(text)),
            *_places("email", find_emails(text)),
            *_places("range", find_ranges(text, day)),
        ]
        return Seen(tuple(found)), read_assistant(text, day).yes_no


def pointed_at(text: str, mentions: Collection[Mention]) -> Iterator[tuple[int, int, str]]:
    """Where the words stand that the other extractor pointed at."""
    for mention in mentions:
        at = text.find(mention.verbatim)
        if at >= 0 and mention.verbatim:
            yield at, at + len(mention.verbatim), str(mention.kind)


def pieces(text: str, places: Iterable[tuple[int, int, str]]) -> list[Piece]:
    """`text` cut at the places, in order and nothing twice: of places that overlap the longer one, then the first."""
    chosen: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(places, key=lambda place: (place[0] - place[1], place[0])):
        if start < end <= len(text) and all(end <= begun or ended <= start for begun, ended, _ in chosen):
            chosen.append((start, end, kind))
    cut, at = list[Piece](), 0
    for start, end, kind in sorted(chosen):
        cut += [Piece(text[at:start])] * (at < start)
        cut.append(Piece(text[start:end], kind))
        at = end
    return cut + [Piece(text[at:])] * (at < len(text))


def _places(kind: str, words: Iterable[Words]) -> Iterator[tuple[int, int, str]]:
    return ((each.start, each.end, kind) for each in words)
