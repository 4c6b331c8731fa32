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


@dataclass(frozen=True, slots=True)
class Script:
    """One call. The caller's utterances are counted from 1; seconds are of the emulator's own clock."""

    transcript_delay_s: tuple[float, float] = (0.1, 0.4)
    think_s: tuple[float, float] = (0.15, 0.35)
    utterances: Mapping[int, Hearing] = field(default_factory=dict)
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    unknown_messages: bool = False
    """Sends messages from the future between the others."""

    go_away_after: int | None = None
    """Announces after this utterance that it will close the connection, and does so 1 s later."""

    seed: int = 0


@dataclass(slots=True)
class ExtractionScript:
    """How generateContent answers; may be changed while the emulator runs."""

    delay_s: float = 0.0
    status: int = 200
    answer: Callable[[str], Sequence[Mapping[str, object]]] | str | None = None
    """Mentions for the request's text, or the raw text of the answer; None: the emulator's small model."""
