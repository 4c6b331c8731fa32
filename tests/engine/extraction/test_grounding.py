"""Only words that were said count, however they are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.extraction.grounding import Grounded, find_words, ground
from engine.ports import Mention, MentionKind
from engine.turns import Speaker, Turn
from engine.understanding.folding import fold

FOUND = [
    ("mercoledì 11", "Va bene Mercoledì 11!", "Mercoledì 11"),
    ("MERCOLEDI  11", "mercoledì, 11 febbraio", "mercoledì, 11"),
    ("3331234567", "il numero è 333 123 45 67", "333 123 45 67"),
    ("333 1234567", "3331234567", "3331234567"),
    ("mario@gmail.com.", "mario@gmail.com, grazie", "mario@gmail.com"),
    ("all’una", "facciamo all'una", "all'una"),
    ("l'11", "l’11 febbraio", "l’11"),
    ("15", "no 150 no, 15", "15"),
]
NOT_FOUND = [
    ("alle 5", "alle 15"),
    ("15", "alle 150"),
    ("lunedì", "lunedìprossimo"),
    ("mercoledì 12", "mercoledì 11"),
    ("domani alle 15", "domani, no, alle 15"),
    ("", "mercoledì"),
    ("…", "mercoledì…"),
    ("mercoledì", ""),
]


@pytest.mark.parametrize(("words", "text", "place"), FOUND)
def test_words_are_found_whatever_their_spelling(words: str, text: str, place: str) -> None:
    ((start, end),) = find_words(words, text)
    assert text[start:end] == place


@pytest.mark.parametrize(("words", "text"), NOT_FOUND)
def test_other_words_are_not(words: str, text: str) -> None:
    assert find_words(words, text) == ()


def test_every_place_is_found() -> None:
    assert find_words("alle 15", "alle 15? Sì, alle 15.") == ((0, 7), (13, 20))


def test_only_mentions_that_stand_in_their_turn_are_kept() -> None:
    turns = [
        Turn(1, Speaker.CALLER, "Mercoledì, alle 15", None, None),
        Turn(2, Speaker.CALLER, "anzi giovedì", None, None),
    ]
    mentions = [
        Mention(MentionKind.DATE, 1, "mercoledi"),
        Mention(MentionKind.DATE, 1, "giovedì"),
        Mention(MentionKind.DATE, 2, "giovedì"),
        Mention(MentionKind.DATE, 7, "giovedì"),
    ]
    kept = (Mention(MentionKind.DATE, 1, "Mercoledì"), Mention(MentionKind.DATE, 2, "giovedì"))
    assert ground(mentions, turns) == Grounded(kept, dropped=2)


@given(st.text(max_size=40), st.data())
def test_whole_words_of_a_text_are_grounded_in_it(text: str, data: st.DataObject) -> None:
    words = text.split()
    first = data.draw(st.integers(0, len(words)))
    last = data.draw(st.integers(first, len(words)))
    chosen = " ".join(words[first:last])
    assert bool(find_words(chosen, text)) == any(map(str.isalnum, fold(chosen)))
