"""Paced playout of the assistant's turns, and the clock that knows how much of each was played."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from engine.ports import Clock
from transport.audio.resample import Resampler

MODEL_RATE = 24000
_BYTES = 2
_MARK_WAIT_MS = 1000.0  # an answer that comes later says nothing
_MARKS = 3


class Downlink(Protocol):
    """The bridge's ear: where paced audio goes."""

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at the bridge's rate."""

    async def kill_audio(self) -> None:
        """Drop what the bridge has not played yet."""

    async def send_mark(self, name: str) -> None:
        """Ask to be told when all that was sent before has been played. Only where there are marks."""


@dataclass(slots=True)
class _Run:
    """Audio played without a gap from `begins` on: `ms` milliseconds of a turn from its `first_ms`."""

    begins: float
    first_ms: float
    ms: float


@dataclass(slots=True)
class _Turn:
    odd: bytes = b""
    queued: bytearray = field(default_factory=bytearray)
    received_ms: float = 0.0
    sent_ms: float = 0.0
    runs: list[_Run] = field(default_factory=list)
    ended: bool = False
    tailed: bool = False
    flushed: bool = False
    whole: bool = True  # nothing of it was dropped
    mark_due: bool = False  # its end was marked, and the bridge has not answered
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def played_ms(self, now: float) -> float:
        for run in reversed(self.runs):
            if run.begins <= now:
                return min(run.first_ms + min(run.ms, now - run.begins), self.received_ms)
        return 0.0

    def played_until(self) -> float:
        """The instant at which the last audio sent has been played."""
        last = self.runs[-1]
        return last.begins + last.ms


class Playout:
    """Sends queued turns at the speed they are played, `lead_ms` ahead; `run` must be running.

    Audio comes in as PCM16 LE mono at 24 kHz, goes out at `rate` Hz in frames of `frame_ms`. A turn starts
    with a burst of `lead_ms` (a bridge keeps that much before it plays); `tail_ms` of silence follow it
    (or its end stays stuck there). Where a flush may not stop what the bridge already has (`kills` is false),
    the next turn is counted as played after it. Of a turn no more than `queue_ms` wait to be played: what comes
    beyond is dropped, and the turn then counts as not played whole.

    With `marks` the bridge is asked after each turn when it was played. An answer later than our own clock tells how
    far the bridge is behind it, and from then on as much less counts as played. Nothing else counts: marks come too
    early or never where a bridge takes a sample for one, or drops its audio.
    """

    def __init__(
        self,
        clock: Clock,
        downlink: Downlink,
        *,
        rate: int = MODEL_RATE,
        lead_ms: int = 160,
        tail_ms: int = 200,
        frame_ms: int = 20,
        queue_ms: int = 180_000,
        kills: bool = True,
        marks: bool = False,
    ) -> None:
        self._clock = clock
        self._downlink = downlink
        self._resampler = Resampler(MODEL_RATE, rate)
        self._bytes_per_ms = rate * _BYTES / 1000
        self._lead_ms, self._tail_ms, self._frame_ms = lead_ms, tail_ms, frame_ms
        self._most_queued = int(queue_ms * self._bytes_per_ms)
        self._kills, self._marks = kills, marks
        self.behind_ms = (
            0.0  # how far the bridge is behind our clock: the least of what the last marks have told
        )
        self._told_ms: deque[float] = deque(maxlen=_MARKS)
        self._turns: dict[int, _Turn] = {}
        self._waiting: deque[_Turn] = deque()
        self._plays_until_ms = 0.0  # of the monotonic clock: when the bridge runs dry
        self._kill = False
        self.underruns = 0  # times the bridge ran dry within a turn
        self.dropped_ms = 0.0  # of turns that were too long to wait here
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def play(self, turn: int, pcm: bytes) -> None:
        """Queue audio of `turn`; what comes for a turn that was ended or flushed is dropped."""
        state = self._turn(turn)
        if state.ended or state.flushed:
            return
        pcm = state.odd + pcm
        whole = len(pcm) - len(pcm) % _BYTES
        state.odd = pcm[whole:]
        ms = whole / _BYTES / MODEL_RATE * 1000
        if len(state.queued) > self._most_queued:
            state.whole = False
            self.dropped_ms += ms
            return
        state.received_ms += ms
        state.queued += self._resampler.feed(pcm[:whole])
        self._wake.set()

    def end_turn(self, turn: int) -> None:
        """No more audio will come for `turn`."""
        state = self._turn(turn)
        if not state.ended and not state.flushed:
            state.ended = True
            state.queued += self._resampler.flush()
            self._wake.set()

    def flush(self) -> None:
        """Drop all that has not been played, here and at the bridge; played times stand still."""
        now = self._now_ms()
        for state in self._turns.values():
            if state.settled.is_set():
                continue
            played = state.played_ms(now - self.behind_ms)
            state.runs = [_Run(-math.inf, 0.0, played)] if played else []
            state.flushed, state.mark_due = True, False
            state.queued.clear()
            state.settled.set()
        self._waiting.clear()
        self._resampler.reset()
        if self._kills:
            self._plays_until_ms = now
        self._kill = True
        task = asyncio.get_running_loop().create_task(self.send_kill())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._wake.set()

    async def send_kill(self) -> None:
        """Tell the bridge of a flush that it has not been told of yet."""
        if self._kill:
            self._kill = False
            await self._downlink.kill_audio()

    def played_ms(self, turn: int) -> float:
        """Milliseconds of `turn` that the caller has been played: what was sent, less what is still ahead."""
        state = self._turns.get(turn)
        return state.played_ms(self._now_ms() - self.behind_ms) if state else 0.0

    def marked(self, name: str) -> None:
        """The bridge says that it has played all before the mark `name`."""
        state = self._turns.get(int(name)) if name.isdecimal() and len(name) < 10 else None
        if state is None or not state.mark_due or not state.runs:
            return
        state.mark_due = False
        late = self._now_ms() - state.played_until()
        if 0 <= late <= _MARK_WAIT_MS:
            self._told_ms.append(late)
            self.behind_ms = min(self._told_ms)

    async def drained(self, turn: int) -> bool:
        """Wait until `turn` has ended and was played; whether it was played whole, neither flushed nor too long."""
        state = self._turn(turn)
        await state.settled.wait()
        return state.whole and not state.flushed

    async def run(self) -> None:
        """Send what is queued, until cancelled. An error of the downlink ends it."""
        while True:
            if self._kill:
                await self.send_kill()
            self._forget_settled()
            state = self._waiting[0] if self._waiting else None
            if state is None:
                await self._idle()
            elif state.queued:
                await self._advance(state)
            elif not state.ended:
                await self._idle()
            elif not state.tailed:
                state.tailed = True
                self._settle_later(state)
                if self._marks and state.runs:
                    state.mark_due = True
                    await self._downlink.send_mark(self._name_of(state))
                await self._send_silence()
            else:
                self._waiting.popleft()

    # --- inside --------------------------------------------------------------------------------------------

    def _turn(self, number: int) -> _Turn:
        if number not in self._turns:
            for earlier in [known for known, state in self._turns.items() if not state.ended]:
                self.end_turn(earlier)
            self._turns[number] = state = _Turn()
            self._waiting.append(state)
        return self._turns[number]

    def _name_of(self, state: _Turn) -> str:
        return str(next(number for number, known in self._turns.items() if known is state))

    def _now_ms(self) -> float:
        return self._clock.monotonic() * 1000

    def _forget_settled(self) -> None:
        while self._waiting and self._waiting[0].flushed:
            self._waiting.popleft()

    async def _idle(self) -> None:
        self._wake.clear()
        await self._wake.wait()

    async def _advance(self, state: _Turn) -> None:
        """Send one frame, or the first burst, of `state` when it is due."""
        ahead = self._plays_until_ms - self._now_ms()
        if ahead > self._lead_ms:
            await self._clock.sleep((ahead - self._lead_ms) / 1000)
            ahead = self._plays_until_ms - self._now_ms()
            if ahead > self._lead_ms or self._kill or not state.queued:
                return
        size = self._frame_ms
        if ahead <= 0:
            size = self._lead_ms
            if len(state.queued) < self._bytes_of(size) and not state.ended:
                await self._idle()
                return
            self.underruns += bool(state.runs)
        pcm = bytes(state.queued[: self._bytes_of(size)])
        del state.queued[: len(pcm)]
        ms = len(pcm) / self._bytes_per_ms
        begins = self._take_time(ms)
        last = state.runs[-1] if state.runs else None
        if last and abs(last.begins + last.ms - begins) < 0.5:
            last.ms += ms
        else:
            state.runs.append(_Run(begins, state.sent_ms, ms))
        state.sent_ms += ms
        await self._downlink.send_audio(pcm)

    async def _send_silence(self) -> None:
        self._take_time(self._tail_ms)
        await self._downlink.send_audio(bytes(self._bytes_of(self._tail_ms)))

    def _take_time(self, ms: float) -> float:
        """Reserve `ms` of the bridge's playing time; returns the instant they begin."""
        begins = max(self._plays_until_ms, self._now_ms())
        self._plays_until_ms = begins + ms
        return begins

    def _settle_later(self, state: _Turn) -> None:
        task = asyncio.get_running_loop().create_task(self._settle(state))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, state: _Turn) -> None:
        """Mark `state` as played whole once it was, unless it is flushed before."""
        while not state.settled.is_set():
            left = state.played_until() + self.behind_ms - self._now_ms() if state.runs else 0.0
            if left <= 0:
                state.settled.set()
            else:
                await self._clock.sleep(left / 1000)

    def _bytes_of(self, ms: int) -> int:
        return int(ms * self._bytes_per_ms) // _BYTES * _BYTES

    async def close(self) -> None:
        """Stop waiting for anything; called once `run` has ended."""
        for state in self._turns.values():
            if not state.settled.is_set():
                state.flushed = True
                state.settled.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
