"""The caller's side of one call, whatever dialect its bridge speaks: events up, paced audio down."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.ports import Audio, Clock, Dtmf, HungUp, LineEvent
from transport.audio.playout import Downlink, Playout
from transport.audio.resample import Resampler
from transport.settings import BridgeSettings

log = logging.getLogger(__name__)

UPLINK_RATE = 16000
_GATHERED = UPLINK_RATE * 2 * 40 // 1000  # bytes the model is sent at a time anyway


@dataclass(frozen=True, slots=True)
class Pace:
    """How a bridge wants to be played to.

    PCM at `rate` Hz, `lead_ms` of it kept ahead there. `kills` tells whether it surely drops what it has
    when it is told to, `marks` whether it can say when it has played what was sent.
    """

    rate: int
    lead_ms: int
    kills: bool = True
    marks: bool = False


class Bridge(Downlink, Protocol):
    """What a dialect must be able to say to its bridge."""

    @property
    def pace(self) -> Pace:
        """How it wants to be played to."""

    @property
    def transfers(self) -> bool:
        """Whether it can hand the phone call to another number."""

    async def transfer(self, number: str) -> None:
        """Hand the phone call to `number` (E.164)."""

    async def disconnect(self) -> None:
        """End the phone call."""


class BridgeLine:
    """An `engine.ports.Line` over a `Bridge`; the dialect reports with `caller_audio`, `key` and `over`.

    `rate` is the sample rate in Hz of the caller's audio.
    """

    def __init__(
        self, bridge: Bridge, clock: Clock, settings: BridgeSettings, *, call_id: str, rate: int
    ) -> None:
        self._bridge = bridge
        self._call_id = call_id
        self._upsampler = Resampler(rate, UPLINK_RATE)
        self._gathered = bytearray()
        self._playout = Playout(
            clock,
            bridge,
            rate=bridge.pace.rate,
            lead_ms=bridge.pace.lead_ms,
            tail_ms=settings.tail_ms,
            frame_ms=settings.frame_ms,
            queue_ms=settings.playout_s * 1000,
            kills=bridge.pace.kills,
            marks=bridge.pace.marks and settings.marks,
        )
        self._most_bytes = settings.backlog_ms * UPLINK_RATE * 2 // 1000
        self._inbox: deque[LineEvent] = deque()
        self._inbox_bytes = 0
        self._dropped_bytes = 0
        self._over = False
        self._hear: Callable[[LineEvent], None] | None = None
        self.ended = asyncio.Event()

    # --- from the dialect ----------------------------------------------------------------------------------

    def caller_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at the rate of the metadata, whole samples, any length."""
        if self._over:
            return
        self._gathered += self._upsampler.feed(pcm)
        if len(self._gathered) >= _GATHERED:
            self._pass_on()

    def _pass_on(self) -> None:
        pcm = bytes(self._gathered)
        if not pcm:
            return
        self._gathered.clear()
        self._put(Audio(pcm))
        if self._hear is not None:
            return
        self._inbox_bytes += len(pcm)
        while self._inbox_bytes > self._most_bytes:
            oldest = next(event for event in self._inbox if isinstance(event, Audio))
            self._inbox.remove(oldest)
            self._inbox_bytes -= len(oldest.pcm)
            self._dropped_bytes += len(oldest.pcm)

    def key(self, digit: str) -> None:
        """A key was pressed."""
        if not self._over:
            self._pass_on()
            self._put(Dtmf(digit))

    def marked(self, name: str) -> None:
        """The bridge has played what was sent before the mark `name`."""
        self._playout.marked(name)

    def over(self, reason: str, *, lost: bool = False) -> None:
        """The call is over, or its connection `lost`; only the first reason counts."""
        if not self._over:
            self._over = True
            if lost:
                self._gathered.clear()  # told now, it would say that the line was alive until now
            self._pass_on()
            self._put(HungUp(reason, lost))
            self.ended.set()

    async def run_playout(self) -> None:
        """Play what is queued until cancelled; a bridge that is gone is left to the reader to notice."""
        try:
            await self._playout.run()
        except (ConnectionError, RuntimeError) as error:
            log.info("call %s: the bridge takes no more audio: %s", self._call_id, type(error).__name__)
        finally:
            await self._playout.close()
            if ms := self.dropped_ms:
                log.warning(
                    "call %s: %d ms of caller audio dropped, nobody read it in time", self._call_id, ms
                )

    @property
    def dropped_ms(self) -> int:
        """Milliseconds of caller audio that nobody read in time."""
        return self._dropped_bytes * 1000 // (UPLINK_RATE * 2)

    @property
    def unplayed_ms(self) -> int:
        """Milliseconds of the assistant's audio dropped because too much of it waited."""
        return int(self._playout.dropped_ms)

    @property
    def underruns(self) -> int:
        """How often the bridge ran dry within a turn."""
        return self._playout.underruns

    # --- engine.ports.Line ---------------------------------------------------------------------------------

    def listen(self, hear: Callable[[LineEvent], None]) -> None:
        """Tell `hear` what has come from the caller and what will, ending with exactly one HungUp."""
        while self._inbox:
            hear(self._inbox.popleft())
        self._hear = hear

    def play(self, turn: int, pcm: bytes) -> None:
        """Queue audio of assistant turn number `turn`: PCM16 LE mono at 24 kHz, any length."""
        self._playout.play(turn, pcm)

    def end_turn(self, turn: int) -> None:
        """No more audio will come for this turn."""
        self._playout.end_turn(turn)

    def flush(self) -> None:
        """Drop what is queued, here and at the bridge."""
        self._playout.flush()

    def played_ms(self, turn: int) -> float:
        """Milliseconds of this turn's audio that the caller has been played."""
        return self._playout.played_ms(turn)

    async def drained(self, turn: int) -> bool:
        """Wait until the ended turn was played whole (True), was flushed, or was played but for its end (False)."""
        return await self._playout.drained(turn)

    @property
    def transfers(self) -> bool:
        """Whether the bridge can hand the phone call to another number."""
        return self._bridge.transfers

    async def transfer(self, number: str) -> None:
        """Hand the phone call to `number` (E.164), which ends our part of it."""
        if not self._over:
            self.over("transferred by us")
            await self._playout.send_kill()
            await self._bridge.transfer(number)

    async def hang_up(self) -> None:
        """Tell the bridge to end the phone call."""
        if not self._over:
            self.over("ended by us")
            await self._playout.send_kill()
            await self._bridge.disconnect()

    def leave(self) -> None:
        """Take nothing more from the bridge; its phone call goes on."""
        self._gathered.clear()  # as in `over`
        self.over("gone over to another connection")

    def _put(self, event: LineEvent) -> None:
        if self._hear is not None:
            self._hear(event)
        else:
            self._inbox.append(event)
