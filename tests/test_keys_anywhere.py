"""Keys pressed anywhere in the shipped examples: no booking rests on them, nor on a yes beside them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.rehearsal import Dialogue
from tests.dialogues import EXAMPLES, example, name_of, play, shipped_rulebook
from tests.noise import books, judged

SAMPLE = [path for path in random.Random(3).sample(EXAMPLES, 120) if books(path)][:30]
KEYS = ("1", "2#", "15", "11", "0", "*", "*1", "3401234567", "3401234567#", "34012", "34567", "060", "1502")


def pressed(dialogue: Dialogue, places: list[int], chance: random.Random) -> Dialogue:
    """The dialogue with keys pressed before the turns at `places`."""
    turns = list(dialogue.turns)
    for place in sorted(places, reverse=True):
        turns.insert(place, type(turns[0])(keys=chance.choice(KEYS)))
    return dialogue.model_copy(update={"turns": tuple(turns)})


def without_answers_beside_keys(dialogue: Dialogue) -> Dialogue:
    """What is left when nothing counts that the caller says to a turn of the assistant and beside keys."""
    turns, answer = [], list[int]()
    for turn in (*dialogue.turns, None):
        if turn is None or (turn.assistant is not None and turn.heard != ""):
            if any(turns[at].keys for at in answer):
                for at in answer:
                    turns[at] = turns[at].model_copy(update={"caller": "", "keys": None})
            answer = []
        elif turn.assistant is None:
            answer.append(len(turns))
        if turn is not None:
            turns.append(turn)
    return dialogue.model_copy(update={"turns": tuple(turns)})


def wrong(path: Path, places: list[int], chance: random.Random) -> list[str]:
    """What was booked or lost wrongly in the example with keys at `places`."""
    dialogue = pressed(example(path), places, chance)
    outcome = play(dialogue, shipped_rulebook())
    keyed = {"+393401234567"} - {example(path).caller.phone}
    told = [f"phone {booking['phone']}" for booking in outcome.bookings if booking["phone"] in keyed]
    return judged(path, without_answers_beside_keys(dialogue), outcome).wrong + told


@pytest.mark.parametrize("path", SAMPLE, ids=name_of)
def test_nothing_is_booked_wrongly_wherever_keys_are_pressed(path: Path) -> None:
    chance, turns = random.Random(name_of(path)), example(path).turns
    for times in (1, 3):
        assert wrong(path, [chance.randint(1, len(turns)) for _ in range(times)], chance) == []
    asked = [at for at, turn in enumerate(turns) if turn.assistant and "conferm" in turn.assistant.lower()]
    for place in asked[-1:]:
        assert wrong(path, [place + 1], chance) == [], "between the readback and the yes"
        assert wrong(path, [min(place + 2, len(turns))], chance) == [], "after the yes"


def test_the_measure_itself() -> None:
    """A yes beside keys that did book would be seen."""
    path = next(path for path in EXAMPLES if name_of(path) == "keys/uno_non_e_un_si")
    outcome = play(example(path), shipped_rulebook())
    assert judged(path, example(path), outcome).wrong == []
    beside = pressed(example(path), [len(example(path).turns) - 1], random.Random(1))
    assert judged(path, without_answers_beside_keys(beside), outcome).wrong == ["booked 2026-02-11T15:00"]
