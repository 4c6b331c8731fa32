"""Reading ahead: one request at a time, only for the words as they are now, dropped with the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from engine.extraction.ahead import MOST_TURNS, ReadingAhead, to_read
from engine.extraction.breaker import RestingError
from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Speaker, Transcript, Turn
from tests.clocks import settle


def caller(number: int, text: str) -> Turn:
    return Turn(number, Speaker.CALLER, text, None, None)


def assistant(number: int, text: str) -> Turn:
    return Turn(number, Speaker.ASSISTANT, text, None, None)


def time(turn: int, words: str) -> Mention:
    return Mention(MentionKind.TIME, turn, words)


class Model:
    """Points at the last words of every turn it is shown, once `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[str] = []
        self.under_way = self.most = self.cancelled = 0
        self.error: Exception | None = None

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        self.asked.append(turns[-1].text)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        if self.error is not None:
            raise self.error
        return tuple(time(turn.number, turn.text.split()[-1]) for turn in turns)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def ahead(model: Model) -> ReadingAhead:
    return ReadingAhead(model, "call-1")


async def test_it_begins_at_once_and_answers_when_asked(ahead: ReadingAhead, model: Model) -> None:
    said = [caller(1, "direi quindici")]
    ahead.begin(said, said)
    await settle()
    assert model.asked == ["direi quindici"]
    model.go.set()
    assert await ahead.found(said, said) == (time(1, "quindici"),)
    assert await ahead.found(said, said) == (time(1, "quindici"),)
    assert model.asked == ["direi quindici"]


async def test_without_a_beginning_it_is_asked_then(ahead: ReadingAhead, model: Model) -> None:
    model.go.set()
    said = [caller(1, "direi quindici")]
    assert await ahead.found(said, said) == (time(1, "quindici"),)


async def test_words_that_changed_are_read_again_after_the_first_answer(
    ahead: ReadingAhead, model: Model
) -> None:
    for text in ("direi", "direi quin", "direi quindici"):
        ahead.begin([caller(1, text)], [caller(1, text)])
        await settle()
    assert model.asked == ["direi"]
    model.go.set()
    await settle()
    assert model.asked == ["direi", "direi quindici"]
    said = [caller(1, "direi quindici")]
    assert await ahead.found(said, said) == (time(1, "quindici"),)
    assert (model.asked, model.most) == (["direi", "direi quindici"], 1)


async def test_an_answer_for_other_words_is_not_waited_for(ahead: ReadingAhead, model: Model) -> None:
    ahead.begin([caller(1, "direi")], [caller(1, "direi")])
    await settle()
    said = [caller(1, "direi quindici")]
    finding = asyncio.create_task(ahead.found(said, said))
    await settle()
    model.go.set()
    assert await finding == (time(1, "quindici"),)
    assert (model.cancelled, model.most) == (1, 1)


async def test_at_the_end_of_the_call_the_request_is_cancelled(ahead: ReadingAhead, model: Model) -> None:
    said = [caller(1, "direi quindici")]
    ahead.begin(said, said)
    ahead.begin([caller(1, "direi")], [caller(1, "direi")])
    await settle()
    await ahead.close()
    model.go.set()
    await settle()
    assert (model.cancelled, model.asked) == (1, ["direi quindici"])
    await ahead.close()


@pytest.mark.parametrize("error", [ExtractorError("late"), RestingError(), RuntimeError("333 123 4567")])
async def test_when_it_fails_nothing_is_found_and_it_is_not_asked_again(
    ahead: ReadingAhead, model: Model, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    model.error = error
    model.go.set()
    said = [caller(1, "direi quindici")]
    assert [await ahead.found(said, said) for _ in range(2)] == [(), ()]
    assert len(model.asked) == 1
    assert "quindici" not in caplog.text
    assert "333" not in caplog.text


async def test_an_answer_that_cannot_be_checked_is_none(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Model):
        async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
            return (Mention(MentionKind.TIME, 1, None),)  # type: ignore[arg-type]  # what a model might bring about

    said = [caller(1, "direi quindici")]
    assert await ReadingAhead(Odd(), "call-1").found(said, said) == ()
    assert "the extractor failed, we read alone" in caplog.text


async def test_only_what_was_said_in_the_turns_asked_about_counts(caplog: pytest.LogCaptureFixture) -> None:
    """Of turns that are only shown nothing is taken; words nobody said are dropped and counted."""
    caplog.set_level(logging.INFO)
    said = [caller(1, "direi quindici"), assistant(2, "Alle quindici?")]

    class Odd(Model):
        async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
            return (time(1, "QUINDICI"), time(1, "sedici"), time(2, "quindici"), time(7, "quindici"))

    odd = ReadingAhead(Odd(), "call-1")
    assert await odd.found(said, said[:1]) == (time(1, "quindici"),)
    assert "dropped 2 mentions" in caplog.text


def test_only_the_latest_turns_are_read() -> None:
    said = [(caller if n % 2 else assistant)(n, f"turno {n}") for n in range(1, 22)]
    shown, asked = to_read(Transcript(said), [1, 19, 20, 21])
    assert [turn.number for turn in shown] == list(range(14, 22))
    assert len(shown) == MOST_TURNS
    assert [turn.number for turn in asked] == [19, 21]
    assert to_read(Transcript(said), [20]) == ((), ())


def test_what_comes_after_the_caller_is_not_shown() -> None:
    said = [caller(1, "alle 15"), assistant(2, "Alle 15?")]
    assert to_read(Transcript(said), [1, 2]) == ((said[0],), (said[0],))
