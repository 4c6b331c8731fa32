"""Keys brought together into turns: what ends a run, what clears it, and that nothing keyed is lost or doubled."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.keypad import Keypad
from engine.turns import Speaker, Turn
from tests.clocks import START


def press(keypad: Keypad, keys: str, every_s: float = 0.4, begin: float = 0.0) -> list[Turn]:
    """The turns that these keys end, one pressed every `every_s`."""
    pressed = (
        keypad.press(key, START + timedelta(seconds=begin + n * every_s)) for n, key in enumerate(keys)
    )
    return [turn for turn in pressed if turn is not None]


def texts(keys: str) -> list[str]:
    keypad = Keypad(count(1))
    turns = press(keypad, keys)
    last = keypad.end()
    return [turn.text for turn in [*turns, *([last] if last else [])]]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("3471234567#", ["3471234567"]),
        ("3471234567", ["3471234567"]),
        ("34#7", ["34", "7"]),
        ("#", []),
        ("##", []),
        ("*", ["*"]),
        ("12*34", ["*34"]),
        ("12**34*5", ["*5"]),
        ("1A2D", ["12"]),
        ("A", []),
        ("0" * 30, ["0" * 20]),
    ],
)
def test_what_keys_come_to(keys: str, expected: list[str]) -> None:
    assert texts(keys) == expected


def test_a_turn_of_keys_is_the_caller_s_and_lies_where_they_were_pressed() -> None:
    keypad = Keypad(count(7))
    (turn,) = press(keypad, "347#")
    assert turn == Turn(7, Speaker.CALLER, "347", START, START + timedelta(seconds=0.8), keyed=True)
    assert keypad.began_at is None


def test_a_pause_ends_a_run() -> None:
    keypad = Keypad(count(1), pause_s=3)
    press(keypad, "34")
    assert keypad.began_at == START
    assert keypad.settle(START + timedelta(seconds=3.3)) is None
    turn = keypad.settle(START + timedelta(seconds=3.5))
    assert turn is not None
    assert turn.text == "34"
    assert keypad.settle(START + timedelta(seconds=9)) is None


@given(st.text("0123456789*#AB", max_size=60))
def test_every_digit_since_the_last_star_is_in_one_turn_in_order(keys: str) -> None:
    """As the keys read, cut at # and cleared at *; only what no number can be as long as is cut off."""
    kept = "".join(key for key in keys if key not in "AB")
    runs = []
    for piece in kept.split("#"):
        *before, last = piece.split("*")
        run = ("*" if before else "") + last
        if run:
            runs.append(run[:20])
    assert texts(keys) == runs
