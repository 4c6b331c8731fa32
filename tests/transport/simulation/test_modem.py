"""Words as sound: what a line may do to them, and what counts as a wrong word."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.audio.resample import Resampler
from transport.simulation.modem import END_OF_UTTERANCE, SPOILT_WORD, Demodulator, modulate

RATES = (8000, 16000, 24000)
SENTENCE = "Buongiorno, vorrei prenotare per mercoledì 11 alle 15, il mio numero è 333 1234567."


def resample(pcm: bytes, rate: int, to: int) -> bytes:
    """A windowed-sinc low-pass at the lower band edge, as a telephone's would be."""
    if rate == to:
        return pcm
    top = np.lcm(rate, to)
    up, down = top // rate, top // to
    wide = np.zeros(len(pcm) // 2 * up)
    wide[::up] = np.frombuffer(pcm, "<i2")
    at = np.arange(-24 * up, 24 * up + 1)
    cut = 0.45 * min(rate, to) / top * 2
    kernel = cut * np.sinc(cut * at) * np.kaiser(at.size, 6.0) * up
    narrow = np.convolve(wide, kernel, "same")[::down]
    return np.clip(np.rint(narrow), -32768, 32767).astype("<i2").tobytes()


def silence(seconds: float, rate: int) -> bytes:
    return bytes(2 * int(seconds * rate))


def hear(pcm: bytes, rate: int, piece_ms: float = 20) -> list[str]:
    ear = Demodulator(rate)
    size = int(rate * piece_ms / 1000) * 2
    return [word for at in range(0, len(pcm), size) for word in ear.feed(pcm[at : at + size])]


def frames(pcm: bytes, rate: int) -> list[bytes]:
    size = rate // 50 * 2
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


@pytest.mark.parametrize("path", [(a, b, c) for a, b, c in itertools.product(RATES, repeat=3)])
def test_words_survive_resampling(path: tuple[int, int, int]) -> None:
    first, middle, last = path
    sound = silence(0.1, first) + modulate(SENTENCE, first) + silence(0.1, first)
    arrived = resample(resample(sound, first, middle), middle, last)
    assert hear(arrived, last) == [*SENTENCE.split(), END_OF_UTTERANCE]


@pytest.mark.parametrize(("rate", "to"), list(itertools.permutations(RATES, 2)))
def test_words_survive_the_resampler_of_the_bridge(rate: int, to: int) -> None:
    resampler, ear = Resampler(rate, to), Demodulator(to)
    sound = modulate(SENTENCE, rate) + silence(0.1, rate)
    heard = [word for frame in frames(sound, rate) for word in ear.feed(resampler.feed(frame))]
    assert heard == [*SENTENCE.split(), END_OF_UTTERANCE]


@settings(deadline=None, max_examples=40)
@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
    rate=st.sampled_from(RATES),
    lead=st.integers(0, 400),
    piece_ms=st.sampled_from([2.5, 10, 20, 37.5, 1000]),
)
def test_any_text_arrives_wherever_the_pieces_are_cut(
    text: str, rate: int, lead: int, piece_ms: float
) -> None:
    words = text.split()
    heard = hear(bytes(2 * lead) + modulate(text, rate), rate, piece_ms)
    assert heard == ([*words, END_OF_UTTERANCE] if words else [])


def test_odd_bytes_are_carried_over() -> None:
    ear, sound = Demodulator(16000), modulate(SENTENCE, 16000)
    heard = [word for at in range(0, len(sound), 333) for word in ear.feed(sound[at : at + 333])]
    assert heard == [*SENTENCE.split(), END_OF_UTTERANCE]


def is_damaged_copy(heard: list[str], words: list[str]) -> bool:
    """At least one word is spoilt, and every other heard word was said, in the same order."""
    said = iter(words)
    rest = [word for word in heard if word not in (SPOILT_WORD, END_OF_UTTERANCE)]
    return SPOILT_WORD in heard and all(word in said for word in rest)


@pytest.mark.parametrize("lost", range(40))
def test_a_lost_frame_is_a_wrong_word(lost: int) -> None:
    all_frames = frames(modulate(SENTENCE, 16000), 16000)
    sound = b"".join(all_frames[:lost] + all_frames[lost + 1 :]) + silence(0.3, 16000)
    heard = hear(sound, 16000)
    # The last frame of each utterance is silence: losing it alone is no damage.
    assert lost >= len(all_frames) - 1 or is_damaged_copy(heard, SENTENCE.split()), heard
    assert heard[-1] == END_OF_UTTERANCE
    assert heard.count(SPOILT_WORD) <= 2, "the damage stays where the frame was lost"


@pytest.mark.parametrize("at", range(0, 39))
def test_exchanged_frames_are_a_wrong_word(at: int) -> None:
    parts = frames(modulate(SENTENCE, 16000), 16000)
    parts[at], parts[at + 1] = parts[at + 1], parts[at]
    assert is_damaged_copy(hear(b"".join(parts) + silence(0.3, 16000), 16000), SENTENCE.split())


def test_noise_in_a_frame_is_a_wrong_word() -> None:
    parts = frames(modulate(SENTENCE, 16000), 16000)
    noise = np.random.default_rng(1).integers(-9000, 9000, 320).astype("<i2").tobytes()
    parts[7] = noise
    assert is_damaged_copy(hear(b"".join(parts), 16000), SENTENCE.split())


def test_a_block_too_many_frames_late_is_a_wrong_word() -> None:
    sound = modulate(SENTENCE, 16000)
    block = 17 * 80 * 2
    heard = hear(sound[:block] + sound[2 * block :], 16000)
    assert is_damaged_copy(heard, SENTENCE.split())


def test_an_utterance_cut_off_ends_with_a_wrong_word() -> None:
    sound = modulate(SENTENCE, 24000)
    heard = hear(sound[: len(sound) // 2] + silence(0.3, 24000), 24000)
    assert heard[:3] == ["Buongiorno,", "vorrei", "prenotare"]
    assert heard[-2:] == [SPOILT_WORD, END_OF_UTTERANCE]


def test_an_utterance_after_one_cut_off_is_heard_whole() -> None:
    cut = modulate(SENTENCE, 8000)[:8000]
    heard = hear(cut + modulate("Sì, confermo.", 8000), 8000)
    end = heard.index(END_OF_UTTERANCE)
    assert heard[end - 1] == SPOILT_WORD
    assert heard[end + 1 :] == ["Sì,", "confermo.", END_OF_UTTERANCE]


def test_speech_that_is_no_modem_is_one_wrong_word() -> None:
    time_s = np.arange(16000) / 16000
    voice = (8000 * np.sin(2 * np.pi * 180 * time_s)).astype("<i2").tobytes()
    assert hear(voice + silence(0.3, 16000), 16000) == [SPOILT_WORD, END_OF_UTTERANCE]


def test_silence_and_clicks_say_nothing() -> None:
    click = silence(0.1, 8000) + b"\x00\x40" * 8 + silence(0.5, 8000)
    assert hear(click, 8000) == []


def test_speech_is_loud_throughout() -> None:
    sound = np.frombuffer(modulate(SENTENCE, 16000), "<i2").astype(float)[: -16000 // 50]
    windows = sound[: sound.size // 320 * 320].reshape(-1, 320)
    assert np.sqrt((windows**2).mean(axis=1)).min() > 5000
    assert np.abs(sound).max() < 32767


def test_a_hundred_characters_take_a_second() -> None:
    seconds = len(modulate("x" * 1000, 16000)) / 2 / 16000
    assert 100 < 1000 / seconds < 150


def test_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        Demodulator(44100)


def test_hearing_is_cheap() -> None:
    sound = modulate("mercoledì undici febbraio alle quindici " * 10, 24000)
    seconds = len(sound) / 2 / 24000

    def cost() -> float:
        began = time.process_time()
        hear(sound, 24000)
        return (time.process_time() - began) / seconds

    best = min(cost() for _ in range(5))
    assert best < 0.02, f"{1000 * best:.1f} ms of processor for a second of sound"
