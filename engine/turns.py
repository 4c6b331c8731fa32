"""Turns of a call: who said what, when it was spoken, and how much of it was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class Speaker(StrEnum):
    """Who speaks in a turn."""

    CALLER = "caller"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Played:
    """The first `chars` characters of an assistant turn had been played at `at` (aware UTC)."""

    at: datetime
    chars: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One uninterrupted stretch of speech, or (`keyed`) of keys that the caller pressed.

    `number` counts the turns of the call in the order they became known, from 1, and never changes.
    `began_at` and `ended_at` are aware UTC instants of the *speech* (not of its transcript); None means the
    words could not be placed in time. `heard` is the part of an assistant turn that was really played
    before the caller cut it off, always a prefix of `text`; None means all of it was played. `played` holds
    marks of the playout, ascending; without marks the whole heard part counts as played at `ended_at`.
    A keyed turn's text is digits, behind a `*` when that cleared what had been keyed before; nothing but a
    phone number may be read from it.
    """

    number: int
    speaker: Speaker
    text: str
    began_at: datetime | None
    ended_at: datetime | None
    heard: str | None = None
    played: tuple[Played, ...] = ()
    keyed: bool = False

    @property
    def heard_text(self) -> str:
        """What the other side can have heard."""
        return self.text if self.heard is None else self.heard

    @property
    def cut_off(self) -> bool:
        """Whether the caller cut this assistant turn off before its end."""
        return self.heard is not None and len(self.heard.strip()) < len(self.text.strip())

    def played_at(self, chars: int) -> datetime | None:
        """The instant by which the first `chars` characters had been played; None if they never were."""
        if chars > len(self.heard_text):
            return None
        for mark in self.played:
            if mark.chars >= chars:
                return mark.at
        return self.ended_at

    def heard_by(self, at: datetime) -> Turn:
        """This assistant turn as far as it had surely been played at `at`, for a line that was dead from then on."""
        if self.ended_at is None or self.ended_at <= at:
            return self
        marks = tuple(mark for mark in self.played if mark.at <= at)
        heard = self.heard_text[: marks[-1].chars if marks else 0]
        if len(heard) < len(self.text) and not self.text[len(heard)].isspace():
            heard = heard[: heard.rfind(" ") + 1]  # half a word may be another one
        heard = heard.rstrip()
        began = None if self.began_at is None else min(self.began_at, at)
        return replace(
            self, began_at=began, ended_at=at, heard=heard, played=tuple(_within(marks, len(heard)))
        )


def _within(marks: tuple[Played, ...], chars: int) -> Iterator[Played]:
    """The marks of a text that was cut to `chars` characters."""
    for mark in marks:
        yield mark if mark.chars <= chars else replace(mark, chars=chars)
        if mark.chars >= chars:
            return


@dataclass(slots=True)
class Transcript:
    """All turns of a call so far, in the order they were spoken."""

    turns: list[Turn] = field(default_factory=list)

    def add(self, turn: Turn) -> None:
        """Insert `turn` where it was spoken; one that cannot be placed goes last. Same number: replaced."""
        self.turns = [known for known in self.turns if known.number != turn.number]
        at = len(self.turns)
        if turn.began_at is not None:
            while at and (prior := self.turns[at - 1].began_at) is not None and prior > turn.began_at:
                at -= 1
        self.turns.insert(at, turn)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self.turns)

    def __len__(self) -> int:
        return len(self.turns)
