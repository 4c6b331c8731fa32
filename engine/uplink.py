"""The caller's audio on its way to the model: even chunks that never pause, bounded, the oldest dropped first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

BYTES_PER_MS = 32  # PCM16 mono at 16 kHz


class Uplink:
    """Chunks of `chunk_ms` milliseconds, of which `queue_ms` wait at most. It outlives the model's connections."""

    def __init__(self, *, chunk_ms: int, queue_ms: int) -> None:
        self._chunk_ms, self._most = chunk_ms, max(1, queue_ms // chunk_ms)
        self._chunk = chunk_ms * BYTES_PER_MS
        self._partial = bytearray()
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self.offer: Callable[[bytes], bool] | None = None
        """Takes a chunk at once, or says that it cannot; the chunk then waits for `next`."""
        self.dropped_ms = 0

    def add(self, pcm: bytes) -> None:
        """Caller audio: PCM16 LE mono at 16 kHz, any length."""
        if not self._partial and len(pcm) == self._chunk:
            self._queue(pcm)
            return
        self._partial += pcm
        while len(self._partial) >= self._chunk:
            self._queue(bytes(self._partial[: self._chunk]))
            del self._partial[: self._chunk]

    def complete(self) -> None:
        """Nothing follows for now: what is left fills a chunk with silence."""
        if self._partial:
            self._queue(bytes(self._partial).ljust(self._chunk, b"\0"))
            self._partial.clear()

    def silence(self) -> None:
        """One chunk of silence."""
        self.complete()
        self._queue(bytes(self._chunk))

    async def next(self) -> bytes:
        """The oldest chunk, once there is one."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def put_back(self, chunk: bytes) -> None:
        """`chunk` could not be sent: it comes first again."""
        self._waiting.appendleft(chunk)

    def _queue(self, chunk: bytes) -> None:
        if not self._waiting and self.offer is not None and self.offer(chunk):
            return
        self._waiting.append(chunk)
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped_ms += self._chunk_ms
        self._arrived.set()
