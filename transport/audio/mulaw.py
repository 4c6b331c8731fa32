"""μ-law (G.711), one byte a sample, by two tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIAS = 132
_CLIP = 32635


def encode(pcm: bytes) -> bytes:
    """`pcm` (PCM16 LE, whole samples) as μ-law."""
    encoded: NDArray[np.uint8] = _ENCODED[np.frombuffer(pcm, dtype="<u2")]
    return encoded.tobytes()


def decode(data: bytes) -> bytes:
    """μ-law `data` as PCM16 LE."""
    decoded: NDArray[np.int16] = _DECODED[np.frombuffer(data, dtype=np.uint8)]
    return decoded.tobytes()


def _encoded() -> NDArray[np.uint8]:
    """The byte of each sample, by the sample's 16 bits."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = np.floor(np.log2(biased)).astype(np.int32) - 7
    step = (biased >> (segment + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    encoded: NDArray[np.uint8] = (~(sign | segment << 4 | step) & 0xFF).astype(np.uint8)
    return encoded


def _decoded() -> NDArray[np.int16]:
    """The sample of each byte: the middle of what is encoded as it."""
    flipped = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((flipped & 0x0F) << 3) + _BIAS << ((flipped & 0x70) >> 4)) - _BIAS
    return np.where(flipped & 0x80, -magnitude, magnitude).astype("<i2")


_ENCODED, _DECODED = _encoded(), _decoded()
