"""Folding keeps every offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.folding import fold


@given(st.text())
def test_it_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(), st.text())
def test_each_character_is_folded_alone(left: str, right: str) -> None:
    assert fold(left + right) == fold(left) + fold(right)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mercoledì PERCHÉ", "mercoledi perche"),
        ("L’11 è all‘una", "l'11 e all'una"),
        ("ÀÈÉÌÒÙ àèéìòù", "aeeiou aeeiou"),
        ("Straße İstanbul ﬁ", "straße istanbul ﬁ"),
        ("15:30 … €", "15:30 … €"),
        ("", ""),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert fold(text) == expected
