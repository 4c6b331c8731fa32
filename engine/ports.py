"""The few Protocols the engine needs from outside: clock, store, line, live model, extractor.

Implemented in transport/ and storage/ (and by plain objects in tests); handed in by main.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from engine.turns import Turn

T = TypeVar("T")


class Clock(Protocol):
    """Time, injected everywhere."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of this clock."""


class Store(Protocol):
    """Runs work as one transaction on the store's own thread."""

    async def run(self, work: Callable[[], T], *, still_valid: Callable[[], bool] | None = None) -> T:
        """The result of `work`. Raises Overtaken, rolled back, when `still_valid` says no at the end."""


class Elsewhere(Protocol):
    """Looks after what else takes a consultant's time, of which the store has a copy that grows old."""

    def begin(self, consultant_id: int) -> None:
        """The copy will soon be looked at; bringing it up to date may begin. Returns at once."""

    async def fresh(self, consultant_id: int) -> None:
        """Wait until the copy is fresh, or cannot be had soon: then the store says as of when it is. Never raises."""


# --- The phone line ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Audio:
    """What the caller's side sent: PCM16 LE mono at 16 kHz, any length."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key the caller pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller's side is gone. `reason` is short, without personal data ("hangup", "bridge error: …").

    `lost`: its connection broke, without a word that the call is over; it may come back on another one.
    """

    reason: str
    lost: bool = False


LineEvent = Audio | Dtmf | HungUp


class Line(Protocol):
    """The caller's side of one call."""

    def listen(self, hear: Callable[[LineEvent], None]) -> None:
        """Tell `hear` what has come from the caller and what will, in order: the last is the only HungUp.

        It is called wherever the line learns of it, so it must not wait, and must not raise.
        """

    def play(self, turn: int, pcm: bytes) -> None:
        """Queue audio of assistant turn number `turn`: PCM16 LE mono at 24 kHz, any length. Never blocks."""

    def end_turn(self, turn: int) -> None:
        """No more audio will come for this turn."""

    def flush(self) -> None:
        """Barge-in: drop what is queued and stop what is playing at the bridge."""

    def played_ms(self, turn: int) -> float:
        """How many milliseconds of this turn's audio the caller has been played so far."""

    async def drained(self, turn: int) -> bool:
        """Wait until the ended turn was played whole (True), was flushed, or was played but for its end (False)."""

    @property
    def transfers(self) -> bool:
        """Whether it can hand the call to another number."""

    async def transfer(self, number: str) -> None:
        """Hand the call to `number` (E.164), which ends our part of it."""

    async def hang_up(self) -> None:
        """End the call from our side."""

    def leave(self) -> None:
        """The call goes on over another connection: but for the HungUp no more comes, and nobody is hung up on."""


# --- When the caller speaks -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller began to speak at `at` (aware UTC), by the instant of the speech itself."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller stopped speaking at `at` (aware UTC)."""

    at: datetime


SpeechEdge = SpeechBegan | SpeechEnded


class SpeechDetector(Protocol):
    """Tells from the sound alone when the caller speaks."""

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not ended yet."""

    def feed(self, pcm: bytes, now: datetime) -> Sequence[SpeechEdge]:
        """Judge PCM16 LE mono at 16 kHz whose last sample arrived at `now`; what began or ended, in order."""

    def quiet(self, now: datetime) -> Sequence[SpeechEdge]:
        """Nothing has come from the line up to `now`; what ended with that."""


# --- The live model ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelAudio:
    """Speech of the model: PCM16 LE mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CallerWords:
    """A piece of the caller's transcript. `finished` is the model's own word that the utterance ended."""

    text: str
    finished: bool = False


@dataclass(frozen=True, slots=True)
class AssistantWords:
    """A piece of the assistant's transcript."""

    text: str


class Signal(StrEnum):
    """Bare signals of the live model."""

    INTERRUPTED = "interrupted"
    GENERATION_COMPLETE = "generation_complete"
    TURN_COMPLETE = "turn_complete"


@dataclass(frozen=True, slots=True)
class GoAway:
    """The model will close the connection in `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ResumptionHandle:
    """What the conversation can be taken up again with from here on, in place of any handle before."""

    handle: str


class Loss(StrEnum):
    """What the end of a conversation, or one that does not open, tells about the next try."""

    NETWORK = "network"  # the connection broke or ran out; the conversation itself can go on
    SERVER = "server"  # the model's side failed, and may do so again
    REFUSED = "refused"  # it does not take this conversation any further: another may do, this one never
    FATAL = "fatal"  # it takes none from us


@dataclass(frozen=True, slots=True)
class ModelGone:
    """The model's connection ended. `reason` is short; `code` the WebSocket close code."""

    code: int
    reason: str
    loss: Loss = Loss.NETWORK


ModelEvent = ModelAudio | CallerWords | AssistantWords | Signal | GoAway | ResumptionHandle


class LiveSession(Protocol):
    """One open conversation with the live model."""

    def offer_audio(self, pcm: bytes) -> bool:
        """Send PCM16 LE mono at 16 kHz, any length, if that needs no waiting; whether it was sent."""

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at 16 kHz, any length. Waits while the model takes no more; nothing is kept here.

        Raises LiveModelError when the conversation has ended.
        """

    async def send_notice(self, text: str) -> None:
        """Tell the model something it shall act on now, in its own voice.

        Raises LiveModelError when the conversation has ended.
        """

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        """Tell `hear` what the model says, in order, until it is gone; how it went.

        `hear` is called wherever the session learns of it, so it must not wait. What it raises ends the session, and is
        raised from here.
        """


class LiveModel(Protocol):
    """Opens conversations; one shared client behind it."""

    def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AbstractAsyncContextManager[LiveSession]:
        """A session with `prompt` as its system instruction, in which the model speaks first.

        With `resume` it is the conversation that the handle was given for, and the model waits. With `seed` it
        is a new one in the middle of a call: the model is told the seed beside the prompt, does not greet, and
        goes on speaking. Raises LiveModelError if it cannot be opened. The connection is closed on leaving.
        """


class LiveModelError(Exception):
    """The live model cannot be reached, refused the session or has ended it; `loss` says how."""

    def __init__(self, message: str, loss: Loss = Loss.NETWORK) -> None:
        super().__init__(message)
        self.loss = loss


# --- The supervisor ---------------------------------------------------------------------------------------


class Command(StrEnum):
    """What the call is told to do with itself."""

    TRANSFER = "transfer"
    HANG_UP = "hang_up"


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What an analysis asks of the call.

    `notices` are told in order; `again`: it was overtaken or must wait for words, so its new turns count as
    not analysed; `command`: what to do with the call once the notices were told; `stays`: a command that was not
    carried out yet is not wanted any more.
    """

    notices: tuple[str, ...] = ()
    again: bool = False
    command: Command | None = None
    stays: bool = False


class Supervisor(Protocol):
    """Judges the turns of one call. The call never runs two analyses at once."""

    def read_ahead(self, turns: Sequence[Turn], *, new: Sequence[int], now: datetime) -> None:
        """The caller's turns among those numbered `new` are complete, as far as is known: what takes time may begin.

        Called while the assistant answers, again when late words come. Returns at once and decides nothing.
        """

    async def analyse(
        self,
        turns: Sequence[Turn],
        *,
        new: Sequence[int],
        now: datetime,
        call_over: bool,
        pending_speech: bool,
        unheard: bool,
        still_valid: Callable[[], bool],
    ) -> AnalysisResult:
        """Analyse the turns numbered `new` within `turns`, the whole transcript; both in the order spoken.

        A turn is new when it was not analysed yet, or has other words than when it was. `pending_speech`:
        caller speech is still without its words; `unheard`: some was given up since the last analysis.
        `still_valid` may be asked from any thread: False once the caller has spoken, or more of the caller's
        words have come, since this analysis began.
        """

    def recap(self, turns: Sequence[Turn]) -> str:
        """What a model that knows nothing of this call must be told to go on with it; `turns` were said so far."""

    def nudge(self) -> str:
        """What a model is told that should have spoken and did not."""


# --- The extractor ----------------------------------------------------------------------------------------


class MentionKind(StrEnum):
    """Which detail a mention is about."""

    DATE = "date"
    TIME = "time"
    PHONE = "phone"
    EMAIL = "email"
    NAME = "name"
    DURATION = "duration"
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Mention:
    """A detail in the speaker's own words: the `verbatim` words must stand in turn number `turn`."""

    kind: MentionKind
    turn: int
    verbatim: str


class Extractor(Protocol):
    """Finds mentions in turns. It never decides and never computes values."""

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`, some of which are shown only for what they are about. May be cancelled.

        Raises ExtractorError when it cannot tell.
        """


class ExtractorError(Exception):
    """The extractor did not answer in time, or not in its form."""
