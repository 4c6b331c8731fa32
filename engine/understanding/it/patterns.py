"""How the Italian word tables are written: alternatives one after the other, `_` for the space inside a phrase."""

from __future__ import annotations

import re


def word_set(*lines: str) -> frozenset[str]:
    """The words that `lines` write one after the other, parted by spaces."""
    return frozenset(" ".join(lines).split())


def alternatives(words: str) -> str:
    """A group of regular expressions, any of which may match: "va_bene (?:le|ti)_va" matches "va bene", "le va" …"""
    return "(?:" + "|".join(word.replace("_", " ") for word in words.split()) + ")"


def any_of(words: str) -> re.Pattern[str]:
    """Matches any of `words` as whole words in folded text."""
    return re.compile(rf"\b{alternatives(words)}\b")
