"""A simple energy detector: when the caller's speech began and ended, by the instant it was spoken."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from engine.ports import SpeechBegan, SpeechEdge, SpeechEnded

with warnings.catch_warnings():
    # Gone from Python 3.13 on, where audioop-lts goes on with it. numpy takes four times as long for 20 ms of sound.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_RATE = 16000
_FRAME_MS = 20
_FRAME = _RATE * _FRAME_MS // 1000
_ANCHOR_S = 5.0
_NOISE_RISE_DB = 1.5 * _FRAME_MS / 1000  # how fast the noise floor may rise, a frame
_SILENCE_DBFS = -96.0


class EnergyDetector:
    """Tells speech from silence in PCM16 LE mono at 16 kHz.

    Speech is `onset_ms` of frames louder than `threshold_dbfs` and than the line's own noise by `margin_db`;
    it ends after `hangover_ms` without one. Instants count samples from the shortest delay seen lately: audio
    that arrives in a burst after a stall of the network is dated to when it was spoken, never later.
    """

    def __init__(
        self,
        *,
        threshold_dbfs: float = -42.0,
        margin_db: float = 10.0,
        onset_ms: int = 60,
        hangover_ms: int = 400,
    ) -> None:
        self._threshold, self._margin = threshold_dbfs, margin_db
        self._onset_frames = max(1, onset_ms // _FRAME_MS)
        self._hangover_s = hangover_ms / 1000
        self._rest = b""
        self._position = 0  # samples judged so far
        self._received = 0  # samples received so far
        self._offsets: deque[tuple[float, float]] = (
            deque()
        )  # (arrival, arrival less position), offsets ascending
        self._noise = _SILENCE_DBFS + 30
        self._loud = 0
        self._loud_until: float | None = None  # end of the last loud frame, while speech goes on

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not ended yet."""
        return self._loud_until is not None

    def feed(self, pcm: bytes, now: datetime) -> Sequence[SpeechEdge]:
        """Judge `pcm`, whose last sample arrived at `now` (aware UTC); returns what began or ended in it."""
        arrival = now.timestamp()
        self._received += len(pcm) // 2
        self._anchor(arrival)
        data = self._rest + pcm
        whole = len(data) // (2 * _FRAME) * 2 * _FRAME
        self._rest = data[whole:]
        if not whole:
            return ()
        edges: list[SpeechEdge] = []
        for at in range(0, whole, 2 * _FRAME):
            edges += self._judge(audioop.rms(data[at : at + 2 * _FRAME], 2))
        return edges

    def quiet(self, now: datetime) -> Sequence[SpeechEdge]:
        """Nothing has come from the line up to `now`: speech that was going on may have ended with it."""
        if self._loud_until is None or now.timestamp() - self._loud_until < self._hangover_s:
            return ()
        return (self._end(),)

    def _anchor(self, arrival: float) -> None:
        """Keep the shortest delay of the last seconds: sample k was spoken at offset + k / rate."""
        offset = arrival - self._received / _RATE
        while self._offsets and self._offsets[-1][1] >= offset:
            self._offsets.pop()
        self._offsets.append((arrival, offset))
        while arrival - self._offsets[0][0] > _ANCHOR_S:
            self._offsets.popleft()

    def _judge(self, rms: int) -> Sequence[SpeechEdge]:
        level = 20 * math.log10(rms / 32768) if rms else _SILENCE_DBFS
        loud = level >= max(self._threshold, self._noise + self._margin)
        self._noise = min(level, self._noise + _NOISE_RISE_DB) if level > _SILENCE_DBFS else self._noise
        self._position += _FRAME
        ends = self._offsets[0][1] + self._position / _RATE
        self._loud = self._loud + 1 if loud else 0
        if self._loud_until is None:
            if self._loud < self._onset_frames:
                return ()
            self._loud_until = ends
            return (SpeechBegan(_instant(ends - self._loud * _FRAME_MS / 1000)),)
        if loud:
            self._loud_until = max(self._loud_until, ends)
        elif ends - self._loud_until >= self._hangover_s:
            return (self._end(),)
        return ()

    def _end(self) -> SpeechEnded:
        assert self._loud_until is not None
        ended, self._loud_until, self._loud = self._loud_until, None, 0
        return SpeechEnded(_instant(ended))


def _instant(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
