"""Numbers, written in digits or in words, read from a text's tokens."""

from __future__ import annotations

from collections.abc import Sequence

from engine.understanding.it import numbers as italian
from engine.understanding.text import Token, digits

_SPELLED = italian.spelled()
_PIECES = frozenset(
    [*italian.BELOW_TWENTY, *italian.TENS, *italian.THOUSAND, italian.HUNDRED, *_SPELLED]
)  # what may stand alone as one word of a number said in several
_MOST_WORDS = 6


def number_at(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The cardinal number 0 to 9999 that begins at token `i`, and the index after it; None if none does.

    Reads "23", "ventitré", "venti tre", "due mila ventisei". Ordinals are read by `ordinal_at` alone, since
    "prima" and "secondo" are words of their own.
    """
    if not 0 <= i < len(tokens):
        return None
    word = tokens[i].text
    if word[0] in "0123456789":
        value = digits(word)
        return None if value is None else (value, i + 1)
    if word not in _PIECES:
        return None
    end = i + 1
    while end < len(tokens) and end - i < _MOST_WORDS and tokens[end].text in _PIECES and not tokens[end].cut:
        end += 1
    while end > i + 1:
        whole = _SPELLED.get("".join(token.text for token in tokens[i:end]))
        if whole is not None:
            return whole, end
        end -= 1
    value = _SPELLED.get(word)
    return None if value is None else (value, i + 1)


def ordinal_at(tokens: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The ordinal number that begins at token `i` ("primo", "terza", "1°", "3º"), and the index after it."""
    if i >= len(tokens):
        return None
    value = italian.ORDINALS.get(tokens[i].text)
    if value is not None:
        return value, i + 1
    value = digits(tokens[i].text, most=2)
    if value is None or i + 1 >= len(tokens):
        return None
    mark = tokens[i + 1]
    return (value, i + 2) if mark.text in italian.ORDINAL_MARKS and mark.start == tokens[i].end else None
