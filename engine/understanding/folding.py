"""Folding that keeps offsets: lower case, without accents, and exactly as long as the original."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_APOSTROPHES = {"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'"}


def _fold_character(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    bare = unicodedata.normalize("NFD", character)[:1] or character
    return (bare.lower() or character)[:1]


class _Folded(dict[int, str]):
    """What each character is folded to, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(self) < _MOST_KNOWN:
            self[code] = folded
        return folded


_FOLDED = _Folded()
_MOST_KNOWN = 4096


@lru_cache(maxsize=32)
def fold(text: str) -> str:
    """`text` in lower case and without accents; `len(fold(text)) == len(text)`.

    The last texts are remembered, since each subject folds the same turn.
    """
    if text.isascii():
        return text.lower().replace("`", "'")
    return text.translate(_FOLDED)


def blanked(text: str, pattern: re.Pattern[str]) -> str:
    """`text` with spaces for what `pattern` finds in it, folded; all else stays in its place."""
    kept = list(text)
    for found in pattern.finditer(fold(text)):
        kept[found.start() : found.end()] = " " * (found.end() - found.start())
    return "".join(kept)
