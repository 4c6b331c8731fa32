"""The assistant's side of a call: its audio goes to the line, and what was played of it becomes turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.ports import Clock, Line
from engine.replays import Replays
from engine.speech import AssistantSpeech
from engine.turns import Turn

_BYTES_PER_MS = 48  # PCM16 mono at 24 kHz
_LOOSE_WORDS = timedelta(seconds=1)
_WORDS_ALONE = timedelta(seconds=3)


class Listener(Protocol):
    """Who is told what becomes of the assistant's turns."""

    def assistant_begins(self) -> None:
        """A turn has begun."""

    def assistant_ended(self, turn: Turn, *, cut: bool) -> None:
        """`turn` was played whole, or cut off; or more words of it have come."""

    def assistant_played(self, begin: datetime, end: datetime) -> None:
        """The assistant was heard from `begin` to `end`."""


class AssistantTurns:
    """What the model says, from its first piece to the last that was played.

    `numbers` gives turn numbers, `start` runs what waits for the playout. After an interruption the rest of the
    turn's audio is dropped for `guard_s` at most. `told` is what it has said in the call before.
    """

    def __init__(
        self,
        line: Line,
        clock: Clock,
        numbers: Iterator[int],
        *,
        guard_s: float,
        listener: Listener,
        start: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        told: Iterable[str] = (),
    ) -> None:
        self._line, self._clock, self._numbers = line, clock, numbers
        self._guard = timedelta(seconds=guard_s)
        self._listener, self._start = listener, start
        self._current: AssistantSpeech | None = None  # what the model is saying now
        self._last: AssistantSpeech | None = None  # what it said before
        self._prompted = True  # the caller or we gave the model reason to speak since its last turn began
        self._loose: list[str] = []  # words after a turn: its rest, or the beginning of the next
        self._loose_since: datetime | None = None
        self._mute_since: datetime | None = None  # when a turn began with words, as long as it has no audio
        self._dropping_until: datetime | None = None  # audio of an interrupted turn may still come until then
        self._unfinished: list[AssistantSpeech] = []  # neither played whole nor cut off yet
        self._sampled: dict[int, float] = {}
        self._replays = Replays(told)
        self._stopped = False
        self._waiters: set[asyncio.Task[None]] = set()
        self.ended_at: datetime | None = None

    @property
    def quiet(self) -> bool:
        """Nothing of it waits to be played or is being played."""
        return not self._unfinished

    @property
    def answering(self) -> bool:
        """A turn has begun and is not over."""
        return self._current is not None or bool(self._unfinished)

    # --- from the model ------------------------------------------------------------------------------------

    def prompted(self) -> None:
        """The model has been given reason to speak: what it says from now on is a new turn."""
        self._prompted = True

    def audio(self, pcm: bytes, now: datetime) -> None:
        """PCM16 LE mono at 24 kHz."""
        if self._stopped or (self._dropping_until is not None and now < self._dropping_until):
            return
        self._dropping_until = self._mute_since = None
        self._replays.over()
        speech = self._current
        if speech is None or speech.generated:
            speech = self._begin()
        speech.audio(len(pcm) / _BYTES_PER_MS)
        self._line.play(speech.number, pcm)

    def words(self, text: str, now: datetime) -> None:
        """Words belong to what the model is saying. After that they wait for the audio they may come before."""
        if self._replays.repeats(text):
            return
        if self._current is None and self._last is not None and not self._prompted:
            self._loose.append(text)
            self._loose_since = self._loose_since or now
            return
        speech = self._last if self._dropping_until is not None else self._current
        if speech is None:
            if self._stopped or not text.strip():
                return
            speech = self._begin()
            self._mute_since = now
        self._add_words(speech, text)

    def interrupted(self, now: datetime) -> bool:
        """What is being said or played is cut off; whether there was any."""
        if self._stopped:
            return False
        self._prompted = True
        self._settle_loose_words()
        self.sample(now)
        self._line.flush()
        if self._current is not None:
            self._dropping_until = now + self._guard
        return self._cut_off(now)

    def generated(self) -> bool:
        """All audio of the turn is there; whether there was any that was not known to be all."""
        speech = self._current
        if speech is None or speech.generated:
            return False
        speech.generated = True
        if speech.audio_ms:
            self._play_out(speech)
        return speech.audio_ms > 0

    def turn_complete(self, now: datetime) -> None:
        """Nothing more of the turn will come."""
        self._dropping_until = None
        if self._current is None:
            return
        self.generated()
        silent, self._last, self._current = self._current, self._current, None
        if not silent.audio_ms:
            self._cut(silent, now)
            self._listener.assistant_ended(silent.turn(), cut=False)

    def broken_off(self, now: datetime) -> None:
        """The connection has ended, in the middle of a turn or not: what there is of it is still played."""
        self._settle_loose_words()
        self.sample(now)
        self._dropping_until = None
        speech, self._current = self._current, None
        self._last = speech or self._last
        if speech is not None and not speech.generated:
            if speech.audio_ms:
                self._play_out(speech)
            else:
                self._cut(speech, now)
                self._listener.assistant_ended(speech.turn(), cut=True)
        self._prompted = True  # no more words of this turn will come
        self._replays.begin()

    # --- what time brings ----------------------------------------------------------------------------------

    def sample(self, now: datetime) -> None:
        """Note how much has been played."""
        for speech in self._unfinished:
            played = self._line.played_ms(speech.number)
            speech.sample(now, played)
            more = played - self._sampled.get(speech.number, 0.0)
            if more > 0:
                self._listener.assistant_played(now - timedelta(milliseconds=more), now)
                self._sampled[speech.number] = played

    def settle(self, now: datetime) -> None:
        """Words without audio are the rest of what was said last, once none has come with them for a while.

        A turn of words alone ends then too: nobody has heard it, and nobody waits for its end.
        """
        if self._loose_since is not None and now - self._loose_since >= _LOOSE_WORDS:
            self._settle_loose_words()
        silent = self._current
        if self._mute_since is not None and now - self._mute_since >= _WORDS_ALONE:
            self._mute_since = None
            if silent is not None and not silent.done and not silent.audio_ms:
                self._last, self._current = silent, None
                self._cut(silent, now)
                self._listener.assistant_ended(silent.turn(), cut=False)

    def stop(self, now: datetime) -> None:
        """The call is over: what is being played is heard no further."""
        self._stopped = True
        self._settle_loose_words()
        self.sample(now)
        self._line.flush()
        self._cut_off(now)

    def cancel(self) -> list[asyncio.Task[None]]:
        """What still waits for the playout, cancelled."""
        for waiter in self._waiters:
            waiter.cancel()
        return list(self._waiters)

    # --- inside --------------------------------------------------------------------------------------------

    def _begin(self) -> AssistantSpeech:
        self._last = self._current or self._last
        self._current = AssistantSpeech(next(self._numbers))
        self._unfinished.append(self._current)
        self._prompted = False
        for text in self._loose:
            self._current.words(text)
        self._loose, self._loose_since = [], None
        self._listener.assistant_begins()
        return self._current

    def _add_words(self, speech: AssistantSpeech, text: str) -> None:
        speech.words(text)
        if speech.done:
            self._listener.assistant_ended(speech.turn(), cut=False)

    def _settle_loose_words(self) -> None:
        text, self._loose, self._loose_since = "".join(self._loose), [], None
        if text and self._last is not None:
            self._add_words(self._last, text)

    def _cut_off(self, now: datetime) -> bool:
        self._last, self._current = self._current or self._last, None
        cut = list(self._unfinished)
        for speech in cut:
            self._cut(speech, now)
            self._listener.assistant_ended(speech.turn(), cut=True)
        return bool(cut)

    def _cut(self, speech: AssistantSpeech, now: datetime) -> None:
        """End `speech` where it stands, as far as it was played."""
        self._remove(speech, now)
        speech.cut(now, self._line.played_ms(speech.number))

    def _remove(self, speech: AssistantSpeech, now: datetime) -> None:
        self._unfinished = [each for each in self._unfinished if each is not speech]
        self.ended_at = now

    def _play_out(self, speech: AssistantSpeech) -> None:
        """No more of its audio will come."""
        self._line.end_turn(speech.number)
        waiter = self._start(self._when_played(speech), "playout")
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)

    async def _when_played(self, speech: AssistantSpeech) -> None:
        played = await self._line.drained(speech.number)
        if speech.done or self._stopped:
            return
        now = self._clock.now()
        self.sample(now)
        whole = played and speech.generated  # or else it was too long, or the connection broke off in it
        if whole:
            self._remove(speech, now)
            speech.finish(now)
        else:
            self._cut(speech, now)
        self._listener.assistant_ended(speech.turn(), cut=not whole)
