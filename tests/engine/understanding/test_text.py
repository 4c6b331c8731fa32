"""Tokens: folding, elisions, numbers kept whole, and places that always point into the original text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.text import digits, fold, tokens

WORDS = [
    ("Mercoledì MERCOLEDI mercoledi' mercoledi\u0300", ["mercoledi"] * 4),
    ("dell'11 all'una un’ora", ["dell", "11", "all", "una", "un", "ora"]),
    (
        "15:30 15.30 15,30 3/4 11/02/2026 2026-02-11",
        ["15:30", "15.30", "15,30", "3/4", "11/02/2026", "2026-02-11"],
    ),
    ("h15 ore15 1° 1º", ["h", "15", "ore", "15", "1", "°", "1", "o"]),
    ("alle 15. Grazie!", ["alle", "15", "grazie"]),
    ("perché è così, po'", ["perche", "e", "cosi", "po"]),
    ("", []),
    ("…?! -- 😀", []),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words(text: str, words: list[str]) -> None:
    assert [token.text for token in tokens(text)] == words


def test_places_are_those_of_the_original() -> None:
    text = "Sì, mercoledi\u0300 all'una"
    assert [text[token.start : token.end] for token in tokens(text)] == [
        "Sì",
        "mercoledi\u0300",
        "all",
        "una",
    ]


def test_cut_marks_punctuation_before_a_word() -> None:
    cut = [token.text for token in tokens("alle 15, 30 minuti. (No) dell'11") if token.cut]
    assert cut == ["30", "no", "dell"]


def test_digits_only_of_short_plain_numbers() -> None:
    assert digits("0042") == 42
    assert [digits(word) for word in ("", "12345", "1:2", "²", "٣")] == [None] * 5


@given(st.text(max_size=300))
def test_any_text_gives_ascending_places(text: str) -> None:
    found = tokens(text)
    assert all(token.text == fold(text[token.start : token.end]) for token in found)
    places = [place for token in found for place in (token.start, token.end)]
    assert places == sorted(places)


@pytest.mark.parametrize("unit", ["a", "1", "1:", "e\u0300", "è'", "° ", "\u0300", "١", "a " * 3])
def test_long_texts_are_cut_to_their_end(unit: str) -> None:
    """In time that grows faster than the text this would never end."""
    text = unit * (100_000 // len(unit))
    found = tokens(text)
    assert found == () or found[-1].end > len(text) - 2 * len(unit)
