"""How much a bridge may send: so many frames and bytes a second, and for a while more after a quiet time."""

from __future__ import annotations

from transport.errors import BridgeError

BURST_S = 10.0  # a network that was held up delivers late all at once


class Allowance:
    """One call's: `spend` each frame. Full at first, at `now`; it fills up at the rates given, to `BURST_S` of them.

    Instants are seconds of a monotonic clock.
    """

    def __init__(self, now: float, *, frames_per_s: int, bytes_per_s: int) -> None:
        self._frames_per_s, self._bytes_per_s = frames_per_s, bytes_per_s
        self._most_frames, self._most_bytes = frames_per_s * BURST_S, bytes_per_s * BURST_S
        self._frames, self._bytes = self._most_frames, self._most_bytes
        self._filled_at = now

    def spend(self, size: int, now: float) -> None:
        """A frame of `size` bytes came at `now`. Raises BridgeError (1008) when that is more than is allowed."""
        passed, self._filled_at = now - self._filled_at, now
        frames, most_frames = self._frames + passed * self._frames_per_s, self._most_frames
        self._frames = frames = (frames if frames < most_frames else most_frames) - 1
        sizes, most_bytes = self._bytes + passed * self._bytes_per_s, self._most_bytes
        self._bytes = sizes = (sizes if sizes < most_bytes else most_bytes) - size
        if frames < 0:
            raise BridgeError(f"more than {self._frames_per_s} frames a second", code=1008)
        if sizes < 0:
            raise BridgeError(f"more than {self._bytes_per_s} bytes a second", code=1008)
