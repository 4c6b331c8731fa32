"""Two extractors as one: their union without doubles, and either alone when the other fails."""

from __future__ import annotations

import pytest

from engine.extraction.fallback import FallbackExtractor
from engine.extraction.merge import merge
from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Speaker, Turn

TURNS = [
    Turn(1, Speaker.CALLER, "Mercoledì 11 febbraio alle 15, anzi giovedì 12", None, None),
    Turn(2, Speaker.CALLER, "giovedì 12 alle 15", None, None),
]


def date(words: str, turn: int = 1) -> Mention:
    return Mention(MentionKind.DATE, turn, words)


def at(words: str, turn: int = 1) -> Mention:
    return Mention(MentionKind.TIME, turn, words)


CASES = {
    "the same words": ([date("Mercoledì 11 febbraio")], [date("Mercoledì 11 febbraio")], []),
    "fewer of the same words": ([date("Mercoledì 11 febbraio")], [date("11 febbraio")], []),
    "more of the same words": ([at("15")], [at("alle 15")], []),
    "other words of the turn": ([date("Mercoledì 11 febbraio")], [date("giovedì 12")], [date("giovedì 12")]),
    "the same words as another kind": ([at("15")], [date("15")], [date("15")]),
    "the same words in another turn": (
        [date("giovedì 12")],
        [date("giovedì 12", 2)],
        [date("giovedì 12", 2)],
    ),
    "the model alone": ([], [date("giovedì 12"), date("12")], [date("giovedì 12")]),
    "nothing": ([at("15")], [], []),
}


@pytest.mark.parametrize(("local", "other", "added"), CASES.values(), ids=CASES)
def test_the_union_without_doubles(local: list[Mention], other: list[Mention], added: list[Mention]) -> None:
    assert merge(local, other, TURNS) == (*local, *added)


class Answers:
    def __init__(self, answer: tuple[Mention, ...] | ExtractorError) -> None:
        self._answer = answer

    async def extract(self, turns: object) -> tuple[Mention, ...]:
        if isinstance(self._answer, ExtractorError):
            raise self._answer
        return self._answer


async def test_without_the_primary_the_local_one_stands_alone(caplog: pytest.LogCaptureFixture) -> None:
    extractor = FallbackExtractor(Answers(ExtractorError("no answer within 2 s")), Answers((at("15"),)))
    assert await extractor.extract(TURNS) == (at("15"),)
    assert "no answer within 2 s" in caplog.text


async def test_both_are_merged_and_the_ungrounded_dropped() -> None:
    primary = Answers((date("GIOVEDI 12"), date("venerdì 13"), at("alle 15")))
    extractor = FallbackExtractor(primary, Answers((at("15"),)))
    assert await extractor.extract(TURNS) == (at("15"), date("giovedì 12"))
