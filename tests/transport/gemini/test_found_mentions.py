"""Dialogues that book only thanks to what the extraction model found, with the model on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google import genai

from engine.extraction.breaker import Breaker
from engine.ports import Extractor
from engine.rehearsal import Dialogue, Outcome, rehearse, written_mentions
from storage.database import Database
from tests.dialogues import EXAMPLES, example, name_of, shipped_rulebook, starts
from transport.clock import SystemClock
from transport.gemini.extractor import GeminiExtractor
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import GeminiEmulator

FOUND = tuple(path for path in EXAMPLES if path.parent.name == "extraction")
EACH = pytest.mark.parametrize("path", FOUND, ids=name_of)


@pytest.fixture
def model(client: genai.Client, settings: GeminiSettings) -> Extractor:
    clock = SystemClock()
    extractor = GeminiExtractor(client, settings, shipped_rulebook().extraction, clock)
    return Breaker(clock, failures=3, rest_s=30).guard(extractor)


async def play(dialogue: Dialogue, model: Extractor) -> Outcome:
    """The dialogue with nothing of it written but its words."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        told = dialogue.model_copy(update={"extractor": None})
        return await rehearse(told, database, shipped_rulebook(), model)


def answers(dialogue: Dialogue, asked: list[str]) -> Any:
    """The small model: it knows where the details of this dialogue are, in the turns that it is shown."""

    def answer(text: str) -> Sequence[dict[str, object]]:
        asked.append(text)
        shown = {int(line.split(" ", 1)[0]) for line in text.splitlines()}
        return [
            {"kind": mention.kind, "turn": mention.turn, "verbatim": mention.verbatim}
            for mention in written_mentions(dialogue)
            if mention.turn in shown
        ]

    return answer


def test_there_are_at_least_ten_and_of_every_kind_that_can_be_missing() -> None:
    assert len(FOUND) >= 10
    kinds = {mention.kind.value for path in FOUND for mention in written_mentions(example(path))}
    assert kinds >= {"date", "time", "phone", "email", "duration"}


@EACH
async def test_it_books_thanks_to_the_model(path: Path, model: Extractor, emulator: GeminiEmulator) -> None:
    asked: list[str] = []
    emulator.extraction.answer = answers(example(path), asked)
    outcome = await play(example(path), model)
    assert outcome.problems == []
    assert asked


@EACH
@pytest.mark.parametrize("fault", [{"answer": "[]"}, {"status": 503}], ids=["finds nothing", "fails"])
async def test_without_it_the_caller_is_asked_and_nothing_is_booked(
    path: Path, fault: dict[str, object], model: Extractor, emulator: GeminiEmulator
) -> None:
    for name, value in fault.items():
        setattr(emulator.extraction, name, value)
    outcome = await play(example(path), model)
    assert {booking["start"] for booking in outcome.bookings} == starts(example(path))[1]
    assert outcome.cancelled == []
    assert outcome.notices or outcome.stage == "nessun_intento"


@EACH
async def test_words_nobody_said_book_nothing(path: Path, model: Extractor, emulator: GeminiEmulator) -> None:
    """The same mentions in other words of the same meaning: they stand nowhere, and are dropped."""
    dialogue = example(path)
    emulator.extraction.answer = lambda _: [
        {"kind": mention.kind, "turn": mention.turn, "verbatim": f"{mention.verbatim} circa"}
        for mention in written_mentions(dialogue)
    ]
    outcome = await play(dialogue, model)
    assert {booking["start"] for booking in outcome.bookings} == starts(dialogue)[1]
