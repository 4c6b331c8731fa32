"""Numbers in words and digits, over tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.digits import number_words
from engine.understanding.it import numbers as italian
from engine.understanding.numbers import number_at, ordinal_at
from engine.understanding.text import tokens


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("zero", 0, 1),
        ("ventuno", 21, 1),
        ("ventun", 21, 1),
        ("ventitré", 23, 1),
        ("trentatre", 33, 1),
        ("venti tre", 23, 2),
        ("quaranta cinque", 45, 2),
        ("duemila ventisei", 2026, 2),
        ("due mila venti sei", 2026, 4),
        ("duemilaventisei", 2026, 1),
        ("millenovecentonovantotto", 1998, 1),
        ("centotto", 108, 1),
        ("centuno", 101, 1),
        ("duecentundici", 211, 1),
        ("23", 23, 1),
        ("2026", 2026, 1),
        ("due tre", 2, 1),
        ("venti trenta", 20, 1),
        ("venti, tre", 20, 1),
    ],
)
def test_cardinals(text: str, value: int, words: int) -> None:
    assert number_at(tokens(text), 0) == (value, words)


@pytest.mark.parametrize("text", ["", "ciao", "prima", "15:30", "12345", "mila", "secondo"])
def test_what_is_no_cardinal(text: str) -> None:
    assert number_at(tokens(text), 0) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("primo", (1, 1)),
        ("terza", (3, 1)),
        ("1° marzo", (1, 2)),
        ("2º", (2, 2)),
        ("3", None),
        ("1 o 2", None),
    ],
)
def test_ordinals(text: str, found: tuple[int, int] | None) -> None:
    assert ordinal_at(tokens(text), 0) == found


@given(st.sampled_from(sorted(italian.spelled().items())))
def test_every_spelling_comes_back(entry: tuple[str, int]) -> None:
    assert number_at(tokens(entry[0].upper()), 0) == (entry[1], 1)


def test_every_number_below_ten_thousand_has_a_spelling() -> None:
    assert set(italian.spelled().values()) == set(range(10_000))


def test_dictated_digits_know_the_same_words() -> None:
    assert {w: int(figures) for w, figures in number_words().items()} == {
        word: value for word, value in italian.spelled().items() if word not in italian.ONE
    }
