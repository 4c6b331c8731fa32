"""Resampling: aliases, images, hold, seams."""

import numpy as np
import pytest

from transport.audio.resample import Resampler

RATES = [(8000, 16000), (24000, 8000), (24000, 16000), (16000, 8000)]
TELEPHONE_BAND = 0.425  # of the lower rate: 3,400 Hz at 8 kHz; a telephone passes nothing above it


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return (10000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype("<i2")


def converted(samples: np.ndarray, rates: tuple[int, int], frame: int) -> np.ndarray:
    resampler = Resampler(*rates)
    pieces = [resampler.feed(samples[at : at + frame].tobytes()) for at in range(0, len(samples), frame)]
    return np.frombuffer(b"".join([*pieces, resampler.flush()]), dtype="<i2")


def level_db(samples: np.ndarray, rate: int, hertz: float) -> float:
    """Level of one frequency in the middle of `samples`, against the 10000-peak tone."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(float)
    at = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate)
    return float(20 * np.log10(2 * abs((middle * at).mean()) / 10000 + 1e-9))


@pytest.mark.parametrize("rates", RATES)
def test_aliases_and_images_are_below_60_db(rates: tuple[int, int]) -> None:
    """Of no tone is anything but itself left in the telephone's band; of one in that band nothing above it either."""
    band = TELEPHONE_BAND * min(rates)
    for hertz in range(50, rates[0] // 2, 50):
        out = converted(tone(hertz, rates[0]), rates, 333)
        middle = out[rates[1] // 4 : rates[1] * 3 // 4].astype(float)
        window = np.blackman(len(middle))
        level = np.abs(np.fft.rfft(middle * window)) / (window.sum() / 2) / 10000
        at = np.fft.rfftfreq(len(middle), 1 / rates[1])
        strange = np.abs(at - hertz) > 10
        if hertz > band:
            strange &= at <= band
        assert 20 * np.log10(level[strange].max() + 1e-9) <= -60, f"{hertz} Hz"


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_speech_passes_unchanged(rates: tuple[int, int], hertz: int) -> None:
    out = converted(tone(hertz, rates[0]), rates, 333)
    assert level_db(out, rates[1], hertz) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("rates", RATES)
def test_holds_back_at_most_5_ms_and_loses_nothing_at_the_end(rates: tuple[int, int]) -> None:
    resampler, samples, given = Resampler(*rates), tone(500, rates[0]), 0
    click = np.zeros(rates[0] // 10, dtype="<i2")
    click[len(click) // 2] = 20000
    for at in range(0, len(samples) - 1, 160):
        piece = samples[at : at + 160]
        given += len(resampler.feed(piece.tobytes())) // 2
        assert (at + len(piece)) / rates[0] - given / rates[1] <= 0.005
    peak = int(np.argmax(np.abs(converted(click, rates, 77).astype(int))))
    assert abs(peak / rates[1] - 0.05) <= 0.005
    whole = converted(samples, rates, 160)
    assert len(whole) / rates[1] >= len(samples) / rates[0]


@pytest.mark.parametrize("rates", RATES)
def test_frame_size_makes_no_difference(rates: tuple[int, int]) -> None:
    samples = tone(700, rates[0], 0.3)
    whole = converted(samples, rates, len(samples))
    for frame in (1, 7, 160, 961):
        np.testing.assert_allclose(converted(samples, rates, frame), whole, atol=1)


def test_equal_rates_pass_through() -> None:
    assert Resampler(24000, 24000).feed(b"\x01\x02") == b"\x01\x02"
    assert Resampler(24000, 24000).flush() == b""
