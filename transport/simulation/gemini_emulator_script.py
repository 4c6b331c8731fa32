"""What the emulator of Gemini shall do wrong in one call, and in the answers of the small model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from transport.simulation.receptionist import Misbehaviour


@dataclass(frozen=True, slots=True)
class Hearing:
    """How one utterance of the caller is transcribed. The model itself always hears it rightly."""

    delay_s: float | None = None
    """Seconds from the end of the utterance to its transcript; None for the call's usual delay."""

    dropped: bool = False
    """No transcript at all."""

    text: str | None = None
    """Transcribed as these words instead."""

    overtakes: bool = False
    """Does not wait for transcripts of earlier utterances that are late."""

    times: int = 1
    """So often in a row."""


@dataclass(frozen=True, slots=True)
class Break:
    """The connection ends: with the close `code`, or without a word for None.

    That is halfway through the `in_turn`-th turn it speaks, when the `after_utterance`-th utterance of the caller
    has ended, or when the `upon_notice`-th notice has come; each before anything else comes of it.
    """

    code: int | None
    reason: str = ""
    in_turn: int | None = None
    after_utterance: int | None = None
    upon_notice: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What goes wrong on one connection. Turns, utterances and notices are counted over the whole call."""

    refuses: tuple[int, str] | None = None
    """Closes with this code and reason instead of answering the setup."""

    answers_setup: bool = True
    gives_handles: bool = True
    breaks: Break | None = None

    go_away_after: int | None = None
    """Announces after this utterance that it will close the connection, and does so `go_away_s` later."""

    go_away_s: float = 1.0

    silent_from_turn: int | None = None
    """From this turn on sends nothing more, and stays open."""

    silent_after_go_away: bool = False

    interrupts_turn: int | None = None
    """Takes this turn for interrupted, halfway through, though nobody has spoken."""

    replays: int = 0
    """Begins by sending so many of the last pieces of both transcripts once more."""


@dataclass(frozen=True, slots=True)
class Script:
    """One call. What is counted is counted from 1; seconds are of the emulator's own clock."""

    transcript_delay_s: tuple[float, float] = (0.1, 0.4)
    think_s: tuple[float, float] = (0.15, 0.35)
    utterances: Mapping[int, Hearing] = field(default_factory=dict)
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    unknown_messages: bool = False
    """Sends messages from the future between the others."""

    connections: Mapping[int, Connection] = field(default_factory=dict)
    """By number, from 1."""

    seed: int = 0


@dataclass(slots=True)
class ExtractionScript:
    """How generateContent answers; may be changed while the emulator runs."""

    delay_s: float = 0.0
    status: int = 200
    answer: Callable[[str], Sequence[Mapping[str, object]]] | str | None = None
    """Mentions for the request's text, or the raw text of the answer; None: the emulator's small model."""
