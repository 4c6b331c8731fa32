"""The energy detector: when speech began and ended, whatever the network did to it."""

from datetime import timedelta

import numpy as np
import pytest

from engine.ports import SpeechBegan, SpeechEdge, SpeechEnded
from tests.clocks import START
from transport.audio.energy import EnergyDetector

NOISE = np.random.default_rng(1)


def sound(ms: int, dbfs: float) -> bytes:
    samples = NOISE.normal(0, 32768 * 10 ** (dbfs / 20), 16 * ms)
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def edges(
    pieces: list[tuple[float, bytes]], detector: EnergyDetector | None = None
) -> list[tuple[str, float]]:
    """(what, seconds) for pieces of (arrival in seconds, pcm)."""
    detector = detector or EnergyDetector()
    found: list[SpeechEdge] = []
    for seconds, pcm in pieces:
        found.extend(detector.feed(pcm, START + timedelta(seconds=seconds)))
    return [(type(edge).__name__, round((edge.at - START).total_seconds(), 2)) for edge in found]


def paced(pcm: bytes, ms: int = 20, start: float = 0.0) -> list[tuple[float, bytes]]:
    size = 32 * ms
    return [
        (start + (index + 1) * ms / 1000, pcm[index * size : (index + 1) * size])
        for index in range(len(pcm) // size)
    ]


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40])
def test_when_a_short_yes_was_spoken(frame_ms: int) -> None:
    pcm = sound(600, -60) + sound(180, -20) + sound(1020, -60)
    (began, begin), (ended, end) = edges(paced(pcm, frame_ms))
    assert (began, ended) == ("SpeechBegan", "SpeechEnded")
    assert begin == pytest.approx(0.6, abs=0.03)
    assert end == pytest.approx(0.78, abs=0.03)


def test_a_pause_within_the_hangover_is_one_segment() -> None:
    pcm = sound(400, -60) + sound(300, -20) + sound(300, -60) + sound(300, -20) + sound(800, -60)
    assert [what for what, _ in edges(paced(pcm))] == ["SpeechBegan", "SpeechEnded"]


@pytest.mark.parametrize(
    "pcm", [sound(3000, -60), bytes(96000), sound(500, -60) + sound(20, -10) + sound(500, -60)]
)
def test_noise_silence_and_clicks_are_no_speech(pcm: bytes) -> None:
    assert edges(paced(pcm)) == []


def test_a_line_with_loud_noise_is_got_used_to() -> None:
    detector = EnergyDetector(threshold_dbfs=-50)
    edges(paced(sound(30000, -45)), detector)
    assert not detector.speaking
    assert [what for what, _ in edges(paced(sound(300, -20), start=30), detector)] == ["SpeechBegan"]


def test_speech_held_up_by_the_network_is_dated_to_when_it_was_spoken() -> None:
    pcm = sound(1000, -60) + sound(300, -20) + sound(700, -60)
    late = [(max(seconds, 1.9) if seconds > 0.9 else seconds, piece) for seconds, piece in paced(pcm)]
    (_, begin), (_, end) = edges(late)
    assert begin == pytest.approx(1.0, abs=0.05)
    assert end == pytest.approx(1.3, abs=0.05)


def test_speech_ends_when_the_line_goes_quiet() -> None:
    detector = EnergyDetector()
    edges(paced(sound(300, -60) + sound(400, -20)), detector)
    assert detector.speaking
    assert detector.quiet(START + timedelta(seconds=1.0)) == ()
    (ended,) = detector.quiet(START + timedelta(seconds=1.2))
    assert isinstance(ended, SpeechEnded)
    assert (ended.at - START).total_seconds() == pytest.approx(0.7, abs=0.03)
    assert not detector.speaking


def test_after_a_long_pause_of_the_bridge_speech_is_dated_anew() -> None:
    detector = EnergyDetector()
    edges(paced(sound(1000, -60)), detector)
    found = edges(paced(sound(6000, -60) + sound(200, -20), start=20), detector)
    assert found[0][0] == SpeechBegan.__name__
    assert found[0][1] == pytest.approx(26.0, abs=0.05)
