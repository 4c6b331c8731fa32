"""Recorded speech that is played as it is: read from a WAV file and checked, so that no call finds out."""

from __future__ import annotations

import wave
from pathlib import Path

from transport.errors import TransportError

RATE = 24000  # Hz, as the model's speech
SHORTEST_S, LONGEST_S = 0.5, 20.0
APOLOGY = Path(__file__).with_name("apology.wav")
"""What ships with the project, made with espeak-ng and sox: "Ci scusiamo: in questo momento non possiamo rispondere.
La richiameremo al più presto."
"""


class RecordingError(TransportError):
    """Raised when a file cannot be played to callers: its name, what is wrong, and what it should be."""


def read_recording(path: Path) -> bytes:
    """The samples of the WAV file `path`: PCM16 LE mono at 24 kHz. Raises RecordingError."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            pcm = file.readframes(frames)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    except (wave.Error, EOFError) as error:
        raise RecordingError(f"{path}: is no PCM WAV file: {error or 'it ends too soon'}") from None
    if (channels, width, rate) != (1, 2, RATE):
        found = f"{channels} channel(s) of {8 * width} bits at {rate} Hz"
        raise RecordingError(f"{path}: {found}; it must be one channel of 16 bits at {RATE} Hz")
    if len(pcm) < 2 * frames:
        raise RecordingError(f"{path}: is cut off: {len(pcm) // 2} of {frames} samples are there")
    if not SHORTEST_S <= frames / RATE <= LONGEST_S:
        raise RecordingError(
            f"{path}: lasts {frames / RATE:.1f} s; it must last from {SHORTEST_S:g} to {LONGEST_S:g} s"
        )
    return pcm
