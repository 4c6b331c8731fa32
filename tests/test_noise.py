"""Whatever the extraction model and the transcript do to a dialogue: no booking without a readback and a yes."""

from __future__ import annotations

import random

import pytest

from engine.rehearsal import Dialogue
from tests.dialogues import EXAMPLES, example, name_of
from tests.noise import NoisyExtractor, damaged, judged, play, tried

#: Few enough for every run; bench/noise.py plays them all.
SAMPLE = tuple(random.Random(1).sample(EXAMPLES, 90))
LEVELS = [(0.1, 0.0), (0.3, 0.0), (0.5, 0.0), (0.1, 0.1), (0.3, 0.3), (0.5, 0.5)]


@pytest.mark.parametrize(("extractor", "words"), LEVELS)
def test_nothing_is_booked_wrongly(extractor: float, words: float) -> None:
    verdicts = {
        name_of(path): tried(path, example(path), extractor=extractor, words=words, seed=1) for path in SAMPLE
    }
    assert {name: verdict.wrong for name, verdict in verdicts.items() if verdict.wrong} == {}
    assert any(verdict.completed for verdict in verdicts.values())


def test_without_noise_all_is_as_it_should_be() -> None:
    for path in SAMPLE[::5]:
        verdict = tried(path, example(path), extractor=0.0, words=0.0, seed=1)
        assert (verdict.completed, verdict.as_heard, verdict.wrong) == (True, [], []), name_of(path)


# --- The measure itself -----------------------------------------------------------------------------------

PATH = next(path for path in EXAMPLES if name_of(path) == "scenarios/g_correzione")


def heard(*turns: dict[str, str]) -> Dialogue:
    plain = example(PATH).model_dump()
    return Dialogue.model_validate({**plain, "turns": turns, "expect": {}})


def booked(start: str, *turns: dict[str, str]) -> tuple[list[str], list[str]]:
    """What the verdict says of a booking at `start` after these words: as heard, and wrong."""
    outcome = play(example(PATH), NoisyExtractor(example(PATH), 0.0, random.Random(1)))
    made = {"kind": "consultation", "start": start, "start_utc": "", "phone": None, "email": None}
    outcome.bookings[:] = [made]
    verdict = judged(PATH, heard(*turns), outcome)
    return verdict.as_heard, verdict.wrong


READBACK = {"assistant": "Venerdì 20 febbraio alle 9, confermi?"}
FRIDAY = "2026-02-20T09:00"


def test_a_booking_nobody_said_yes_to_is_wrong() -> None:
    for answer in ("Grazie", "Sì, anzi no", "Non va bene", "Sì?", ""):
        turns = ({"caller": "Vorrei prenotare"}, READBACK, {"caller": answer})
        assert booked(FRIDAY, *turns) == ([], [f"booked {FRIDAY}"]), answer


def test_a_booking_nobody_read_back_is_wrong() -> None:
    assert booked(FRIDAY, {"assistant": "Venerdì 20, confermi?"}, {"caller": "Sì"})[1]
    assert booked("2026-02-20T10:00", READBACK, {"caller": "Sì"})[1]


def test_what_was_plainly_agreed_to_as_heard_is_told_apart() -> None:
    assert booked(FRIDAY, READBACK, {"caller": "Sì"}) == ([f"booked {FRIDAY}"], [])


def test_damage_is_done_to_the_callers_words_alone() -> None:
    for path in SAMPLE[:20]:
        worn = damaged(example(path), 0.5, random.Random(7))
        assert [t.assistant for t in worn.turns if t.assistant] == [
            t.assistant for t in example(path).turns if t.assistant
        ]


def test_every_kind_of_damage_is_done() -> None:
    turns = (
        {"caller": "Sì, non vorrei mercoledì alle quindici"},
        READBACK,
        {"caller": "Ecco"},
        {"caller": "Buongiorno"},
    )
    worn = [damaged(heard(*turns), 0.5, random.Random(seed)) for seed in range(60)]
    callers = [[turn.caller or "" for turn in each.turns if turn.assistant is None] for each in worn]
    assert any("non" not in " ".join(said) for said in callers)  # lost
    assert any("mercoledì" not in " ".join(said) and "merco" in " ".join(said) for said in callers)  # clipped
    assert any("quindici quindici" in " ".join(said) for said in callers)  # doubled
    assert {2, 3, 4} <= {len(said) for said in callers}  # run together, as they were, split
