"""Words of a text, folded so that spelling does not matter, each with its place in the original text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_WORD = re.compile(rf"[0-9]+(?:[:.,/\-][0-9]+)*|(?:{_LETTER})+|[°%€]")
_STOPS = frozenset(".,;:!?…\n()")


class Token(NamedTuple):
    """One word: `text` folded, `start` and `end` in the original text; `cut` if punctuation stands before it.

    A run of digits keeps the signs inside it and is one token: "15:30", "15.30", "15,30", "3/4",
    "11/02/2026", "2026-02-11", "10-12". Letters and digits share no token ("h15" is "h", "15"), an elision
    ends its token ("dell'11" is "dell", "11"; "all'una" is "all", "una"), "°", "%", "€" stand alone, apostrophes go.
    """

    text: str
    start: int
    end: int
    cut: bool = False


@lru_cache(maxsize=8)
def tokens(text: str) -> tuple[Token, ...]:
    """The words of `text` in order, lower case and without accents ("mercoledì" is "mercoledi").

    The last few texts are remembered, since every grammar asks for the same one.
    """
    found = []
    last = 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        gap = text[last:start]
        cut = gap not in (" ", "", "'") and not _STOPS.isdisjoint(gap)
        found.append(Token(fold(match[0]), start, end, cut))
        last = end
    return tuple(found)


def fold(word: str) -> str:
    """`word` in lower case and without accents; the length may differ from the original's."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.lower())
    return "".join(char for char in plain if not unicodedata.combining(char))


def digits(word: str, *, most: int = 4) -> int | None:
    """The number a token of at most `most` plain digits writes, else None."""
    return int(word) if word.isdigit() and word.isascii() and len(word) <= most else None
