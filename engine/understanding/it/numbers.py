"""Italian number words: the pieces from which every number below 10,000 is spelled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

BELOW_TWENTY = [
    "zero",
    "uno",
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    "dieci",
    "undici",
    "dodici",
    "tredici",
    "quattordici",
    "quindici",
    "sedici",
    "diciassette",
    "diciotto",
    "diciannove",
]
TENS = ["venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta"]
HUNDRED = "cento"
THOUSAND = ("mille", "mila")
ONE = ("un", "una")
ORDINALS = {
    word + ending: value
    for value, word in enumerate(
        [
            "prim",
            "second",
            "terz",
            "quart",
            "quint",
            "sest",
            "settim",
            "ottav",
            "non",
            "decim",
            "undicesim",
            "dodicesim",
        ],
        start=1,
    )
    for ending in "oa"
}
ORDINAL_MARKS = frozenset({"°", "o", "a", "esimo", "esima"})


@cache
def spelled() -> Mapping[str, int]:
    """Every spelling, written in one word, of 0 to 9999."""
    words: dict[str, int] = {word: value for value, word in enumerate(BELOW_TWENTY)}
    words.update(dict.fromkeys(ONE, 1))
    for value, tens in enumerate(TENS, start=2):
        words[tens] = value * 10
        for unit, word in enumerate(BELOW_TWENTY[1:10], start=1):
            words[tens + word] = value * 10 + unit
            if word[0] in "uo":
                words[tens[:-1] + word] = value * 10 + unit
        words[tens[:-1] + "un"] = value * 10 + 1
    small = list(words.items())
    hundreds = {HUNDRED: 100} | {BELOW_TWENTY[n] + HUNDRED: n * 100 for n in range(2, 10)}
    for word, value in hundreds.items():
        words[word] = value
        words.update((word + rest, value + more) for rest, more in small if more)
        words.update((word[:-1] + rest, value + more) for rest, more in small if rest[0] in "uo")
    below = list(words.items())
    thousands = {THOUSAND[0]: 1000} | {BELOW_TWENTY[n] + THOUSAND[1]: n * 1000 for n in range(2, 10)}
    for word, value in thousands.items():
        words[word] = value
        words.update((word + rest, value + more) for rest, more in below if more)
    return MappingProxyType(words)
