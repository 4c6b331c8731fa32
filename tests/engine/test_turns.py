"""Turns in the order they were spoken, and what of them was heard by when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.turns import Played, Speaker, Transcript, Turn
from tests.clocks import START


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def caller(number: int, began: float | None, text: str = "sì") -> Turn:
    when = None if began is None else at(began)
    return Turn(number, Speaker.CALLER, text, when, when)


TEXT = "Mercoledì 11 alle 15, confermi?"


def assistant(heard: str | None = None, played: tuple[Played, ...] = ()) -> Turn:
    return Turn(1, Speaker.ASSISTANT, TEXT, at(0), at(4), heard, played)


@pytest.mark.parametrize(
    ("heard", "cut_off", "heard_text"),
    [
        (None, False, TEXT),
        ("Mercoledì 11", True, "Mercoledì 11"),
        (TEXT, False, TEXT),
        (f"{TEXT} ", False, f"{TEXT} "),
        ("", True, ""),
    ],
)
def test_what_was_heard(heard: str | None, cut_off: bool, heard_text: str) -> None:
    assert (assistant(heard).cut_off, assistant(heard).heard_text) == (cut_off, heard_text)


MARKS = (Played(at(1), 10), Played(at(2), 20), Played(at(3), len(TEXT)))


@pytest.mark.parametrize(
    ("turn", "chars", "expected"),
    [
        (assistant(), 20, at(4)),  # without marks the whole counts as played at its end
        (assistant(played=MARKS), 0, at(1)),
        (assistant(played=MARKS), 10, at(1)),
        (assistant(played=MARKS), 11, at(2)),
        (assistant(played=MARKS), len(TEXT), at(3)),
        (assistant(played=MARKS[:1]), 11, at(4)),
        (assistant("Mercoledì 11"), 12, at(4)),
        (assistant("Mercoledì 11"), 13, None),  # never played
        (assistant("Mercoledì 11", MARKS), 20, None),
        (assistant(), len(TEXT) + 1, None),
    ],
)
def test_the_instant_by_which_words_were_played(turn: Turn, chars: int, expected: datetime | None) -> None:
    assert turn.played_at(chars) == expected


def numbers(*turns: Turn) -> list[int]:
    transcript = Transcript()
    for turn in turns:
        transcript.add(turn)
    assert len(transcript) == len(list(transcript))
    return [turn.number for turn in transcript]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([caller(1, 0), caller(2, 5), caller(3, 3)], [1, 3, 2]),
        ([caller(1, 5), caller(2, 0)], [2, 1]),
        ([caller(1, 0), caller(2, 0)], [1, 2]),
        ([caller(1, 0), caller(2, None)], [1, 2]),
        ([caller(1, None), caller(2, 0)], [1, 2]),  # nothing is put before what cannot be placed
        ([caller(1, 5), caller(2, None), caller(3, 0)], [1, 2, 3]),
        ([caller(1, 0), caller(2, 5), caller(1, 9)], [2, 1]),  # told again, with another place
    ],
)
def test_turns_stand_where_they_were_spoken(turns: list[Turn], expected: list[int]) -> None:
    assert numbers(*turns) == expected


def test_a_turn_told_again_replaces_the_first() -> None:
    transcript = Transcript([caller(1, 0, "mer"), caller(2, 5)])
    transcript.add(caller(1, 0, "mercoledì"))
    assert [turn.text for turn in transcript] == ["mercoledì", "sì"]


@given(st.permutations(range(8)))
def test_late_transcripts_do_not_change_the_order_of_speech(order: list[int]) -> None:
    assert numbers(*(caller(second + 1, second) for second in order)) == list(range(1, 9))
