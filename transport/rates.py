"""How often somebody may ask: so many times a minute, and for a while more after a quiet time."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ports import Clock

_MOST_KEPT = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_at: float


class Rates:
    """Of one process. Each who asks has a bucket of `burst`, which fills up at `per_minute`."""

    def __init__(self, clock: Clock, *, per_minute: float, burst: int) -> None:
        self._clock, self._per_s, self._burst = clock, per_minute / 60, float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def take(self, who: str) -> float:
        """Count a request of `who`; 0 when it is allowed, else the seconds until the next one is."""
        bucket = self._filled(who)
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_s
        bucket.left -= 1
        return 0.0

    def _filled(self, who: str) -> _Bucket:
        now = self._clock.monotonic()
        bucket = self._buckets.get(who)
        if bucket is None:
            if len(self._buckets) >= _MOST_KEPT:
                self._forget(now)
            bucket = self._buckets[who] = _Bucket(self._burst, now)
        passed, bucket.filled_at = now - bucket.filled_at, now
        bucket.left = min(self._burst, bucket.left + passed * self._per_s)
        return bucket

    def _forget(self, now: float) -> None:
        """Those that are full again, of which nothing need be known; else the one that has asked longest ago."""
        full = [
            who
            for who, each in self._buckets.items()
            if each.left + (now - each.filled_at) * self._per_s >= self._burst
        ]
        for who in full or [min(self._buckets, key=lambda known: self._buckets[known].filled_at)]:
            del self._buckets[who]
