"""Recorded speech: what ships can be played, and what cannot is refused with its name and the reason."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from transport.audio.recording import APOLOGY, RecordingError, read_recording


def write(path: Path, seconds: float = 2.0, *, channels: int = 1, width: int = 2, rate: int = 24000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(int(seconds * rate) * channels * width))
    return path


def test_what_ships_is_a_few_seconds_of_sound() -> None:
    samples = memoryview(read_recording(APOLOGY)).cast("h")
    assert 3 <= len(samples) / 24000 <= 10
    assert 8000 < max(samples) < 32767
    assert sum(abs(sample) > 500 for sample in samples) > 24000, "more than a second is loud"


def test_another_one_is_read_sample_for_sample(tmp_path: Path) -> None:
    assert read_recording(write(tmp_path / "ours.wav", 0.5)) == bytes(24000)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"rate": 8000}, "1 channel(s) of 16 bits at 8000 Hz; it must be one channel of 16 bits at 24000 Hz"),
        ({"channels": 2}, "2 channel(s)"),
        ({"width": 1}, "of 8 bits"),
        ({"seconds": 0.1}, "lasts 0.1 s; it must last from 0.5 to 20 s"),
        ({"seconds": 60}, "lasts 60.0 s"),
    ],
)
def test_what_cannot_be_played_is_refused(tmp_path: Path, made: dict[str, float], reason: str) -> None:
    path = write(tmp_path / "a.wav", **made)  # type: ignore[arg-type]  # whole numbers but for the seconds
    with pytest.raises(RecordingError) as refused:
        read_recording(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is no PCM WAV file"),
        (b"ID3\x04" * 99, "is no PCM WAV file"),
    ],
)
def test_what_is_no_wav_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError, match=reason):
        read_recording(path)


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(RecordingError, match="is cut off"):
        read_recording(path)
