"""Streaming sample-rate conversion: a polyphase FIR with continuous state that holds back 1.5 ms."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

_HALF_WIDTH = 12  # samples of the lower rate on each side of the filter's centre
_CUTOFF = 0.45  # of the lower rate: 3,600 Hz at 8 kHz
_KAISER_BETA = 7.0  # about -70 dB in the stop band


class Resampler:
    """Converts PCM16 LE mono from `rate_in` to `rate_out` Hz, in pieces of any length; equal rates pass."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._passthrough = rate_in == rate_out
        common = gcd(rate_in, rate_out)
        self._up, self._down = rate_out // common, rate_in // common
        self._phases = _phases(rate_in, rate_out)
        self._history = self._phases.shape[1] - 1
        self._buffer = np.zeros(self._history, dtype=np.float32)

    def feed(self, pcm: bytes) -> bytes:
        """Convert `pcm` (whole samples) as far as the filter can see; the rest comes with the next piece."""
        if self._passthrough or not pcm:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        buffered = np.concatenate([self._buffer, samples])
        periods = (len(buffered) - self._history) // self._down
        if periods <= 0:
            self._buffer = buffered
            return b""
        self._buffer = buffered[periods * self._down :]
        windows = np.lib.stride_tricks.sliding_window_view(buffered, self._history + 1)
        out = np.empty((periods, self._up), dtype=np.float32)
        for phase in range(self._up):
            first = phase * self._down // self._up
            out[:, phase] = windows[first : first + periods * self._down : self._down] @ self._phases[phase]
        return np.clip(np.rint(out.reshape(-1)), -32768, 32767).astype("<i2").tobytes()

    def flush(self) -> bytes:
        """The end of what was fed, followed by silence; what comes next starts from silence."""
        if self._passthrough:
            return b""
        rest = self.feed(bytes(2 * (self._history // 2 + self._down)))
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget what was fed, as after audio that was dropped."""
        self._buffer = np.zeros(self._history, dtype=np.float32)


@lru_cache
def _phases(rate_in: int, rate_out: int) -> NDArray[np.float32]:
    """The filter, one row an output phase, ready to be multiplied with a window of input in order of time."""
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    lower, fast = min(rate_in, rate_out), rate_in * up
    taps = 2 * _HALF_WIDTH * (fast // lower)
    at = np.arange(taps) - (taps - 1) / 2
    cutoff = _CUTOFF * lower / fast
    response = 2 * cutoff * np.sinc(2 * cutoff * at) * np.kaiser(taps, _KAISER_BETA)
    response *= up / response.sum()
    rows = [response[(phase * down) % up :: up][::-1] for phase in range(up)]
    return np.ascontiguousarray(np.stack(rows), dtype=np.float32)
