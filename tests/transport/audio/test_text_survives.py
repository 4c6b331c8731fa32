"""Text as sound through every conversion a bridge can need: not a word may come out wrong."""

import random
from collections.abc import Callable

import pytest

from transport.audio import mulaw
from transport.audio.resample import Resampler
from transport.simulation.modem import END_OF_UTTERANCE, Demodulator, modulate

WORDS = [
    "mercoledì",
    "undici",
    "febbraio",
    "alle",
    "quindici",
    "conferma",
    "perché",
    "però",
    "sì",
    "no",
    "tre",
    "tre",
    "tre",
    "uno",
    "due",
]


def narrowed(pcm: bytes) -> bytes:
    return mulaw.decode(mulaw.encode(pcm))


def plain(pcm: bytes) -> bytes:
    return pcm


@pytest.mark.parametrize("line", [plain, narrowed], ids=["linear", "μ-law"])
@pytest.mark.parametrize(
    "rates", [(24000, 8000), (24000, 16000), (24000, 24000), (8000, 16000), (16000, 16000)]
)
def test_no_word_is_lost_in_a_minute_of_speech(
    rates: tuple[int, int], line: Callable[[bytes], bytes]
) -> None:
    chance = random.Random(7)
    resampler, ear = Resampler(*rates), Demodulator(rates[1])
    heard: list[str] = []
    said: list[str] = []
    for _ in range(60):
        words = chance.choices(WORDS, k=chance.randint(8, 16))
        said += [*words, END_OF_UTTERANCE]
        speech, at = modulate(" ".join(words), rates[0]), 0
        while at < len(speech):
            size = 2 * chance.randint(1, 1500)
            heard += ear.feed(line(resampler.feed(speech[at : at + size])))
            at += size
        heard += ear.feed(line(resampler.flush()))
    assert heard == said
