"""Folding that keeps offsets: lower case, without accents, and exactly as long as the original."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_APOSTROPHES = {"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'"}


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    bare = unicodedata.normalize("NFD", character)[:1] or character
    return (bare.lower() or character)[:1]


def fold(text: str) -> str:
    """`text` in lower case and without accents; `len(fold(text)) == len(text)`."""
    return "".join(map(_fold_character, text))
