"""Which pieces of a transcript are taken for a repetition of what the last connection had told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.replays import Replays

TOLD = ["Vorrei", " prenotare", " mercoledì alle 15", "Sì", " confermo"]


def after(*told: str) -> Replays:
    replays = Replays()
    assert [replays.repeats(piece) for piece in told] == [False] * len(told), "nothing to repeat yet"
    replays.begin()
    return replays


@pytest.mark.parametrize(
    ("pieces", "repeated"),
    [
        (["Sì", " confermo"], [True, True]),
        (["Sì confermo"], [True]),
        ([" mercoledì", " alle 15", "Sì"], [True, True, True]),
        (["Vorrei prenotare mercoledì alle 15 Sì confermo", "No"], [True, False]),
        (["Sì", " confermo", "Sì"], [True, True, False]),
        (["Sì", "no", "Sì"], [True, False, False]),
        (["No"], [False]),
        (["prenotare giovedì"], [False]),
        (["confermo", "Vorrei"], [True, False]),
        (["", " "], [False, False]),
    ],
)
def test_a_run_along_what_was_told_is_a_repetition(pieces: list[str], repeated: list[bool]) -> None:
    replays = after(*TOLD)
    assert [replays.repeats(piece) for piece in pieces] == repeated


def test_nothing_is_repeated_in_the_first_connection_or_when_nothing_was_told() -> None:
    assert not Replays().repeats("Sì")
    assert not after().repeats("Sì")


def test_what_another_process_was_told_can_be_repeated_at_once() -> None:
    assert Replays(["Buongiorno.", "Sì, mercoledì"]).repeats("mercoledì")
    assert not Replays(["Buongiorno."]).repeats("mercoledì")


def test_once_over_nothing_counts_as_repeated() -> None:
    replays = after(*TOLD)
    replays.over()
    assert not replays.repeats("Sì")
    replays.begin()
    assert replays.repeats(" confermo"), "and what was told then can be repeated later"
    assert replays.repeats("Sì")


@given(told=st.lists(st.sampled_from(["a", "b c", "d"]), min_size=1, max_size=8), data=st.data())
def test_however_it_is_cut_a_replay_of_the_end_is_known(told: list[str], data: st.DataObject) -> None:
    replays = after(*told)
    words = " ".join(told).split()
    begin = data.draw(st.integers(0, len(words) - 1))
    while begin < len(words):
        end = data.draw(st.integers(begin + 1, len(words)))
        assert replays.repeats(" ".join(words[begin:end]))
        begin = end
