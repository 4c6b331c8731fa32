"""How much a bridge may send: so many frames and bytes a second, and for a while more after a quiet time."""

from __future__ import annotations

from engine.ports import Clock
from transport.errors import BridgeError

BURST_S = 10.0  # a network that was held up delivers late all at once


class Allowance:
    """One call's: `spend` each frame. Full at first; it fills up at the rates given, to `BURST_S` of them."""

    def __init__(self, clock: Clock, *, frames_per_s: int, bytes_per_s: int) -> None:
        self._clock = clock
        self._frames_per_s, self._bytes_per_s = frames_per_s, bytes_per_s
        self._frames, self._bytes = frames_per_s * BURST_S, bytes_per_s * BURST_S
        self._filled_at = clock.monotonic()

    def spend(self, size: int) -> None:
        """A frame of `size` bytes came. Raises BridgeError (1008) when that is more than is allowed."""
        now = self._clock.monotonic()
        passed, self._filled_at = now - self._filled_at, now
        self._frames = min(self._frames + passed * self._frames_per_s, self._frames_per_s * BURST_S) - 1
        self._bytes = min(self._bytes + passed * self._bytes_per_s, self._bytes_per_s * BURST_S) - size
        if self._frames < 0:
            raise BridgeError(f"more than {self._frames_per_s} frames a second", code=1008)
        if self._bytes < 0:
            raise BridgeError(f"more than {self._bytes_per_s} bytes a second", code=1008)
