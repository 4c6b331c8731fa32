"""Log lines: their fields, whose call they are about, and what they never hold."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from storage.database import Database
from transport.logs import log_as, log_handler, log_stored_as

SECRET = "Mario Rossi 333 1234567"
OURS = logging.getLogger("transport.somewhere")


class Log:
    """What was written so far."""

    def __init__(self, form: Literal["text", "json"]) -> None:
        self._stream = io.StringIO()
        self.handler = log_handler(form, self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def logging_as(form: Literal["text", "json"]) -> Iterator[Log]:
    log, root = Log(form), logging.getLogger()
    level = root.level
    root.addHandler(log.handler)
    root.setLevel(logging.DEBUG)
    yield log
    root.removeHandler(log.handler)
    root.setLevel(level)


@pytest.fixture
def as_json() -> Iterator[Log]:
    yield from logging_as("json")


@pytest.fixture
def as_text() -> Iterator[Log]:
    yield from logging_as("text")


async def call(number: int, *, stored: bool = True) -> None:
    """A call with a task of its own that began before the store knew it."""
    log_as(f"c-{number}")
    stored_now = asyncio.Event()

    async def beside() -> None:
        await stored_now.wait()
        OURS.info("beside")

    task = asyncio.create_task(beside())
    OURS.info("begins")
    if stored:
        log_stored_as(f"id-{number}")
    stored_now.set()
    await task


async def test_each_line_is_of_the_call_whose_task_logs_it(as_json: Log) -> None:
    await asyncio.gather(*(asyncio.create_task(call(number)) for number in (1, 2)))
    OURS.info("of no call")
    found = [(line["message"], line.get("call"), line.get("conversation")) for line in as_json.lines]
    assert sorted(found[:-1]) == [
        ("begins", "c-1", None), ("begins", "c-2", None), ("beside", "c-1", "id-1"), ("beside", "c-2", "id-2"),
    ]  # fmt: skip
    assert found[-1] == ("of no call", None, None)


async def test_the_store_s_own_thread_knows_the_call_too(as_json: Log) -> None:
    with Database("sqlite:///:memory:") as database:
        log_as("c-1")
        await database.run(lambda: logging.getLogger("storage.database").warning("tried again"))
    (line,) = as_json.lines
    assert (line["message"], line["call"], line["logger"]) == ("tried again", "c-1", "storage.database")


async def test_a_line_may_name_its_call_itself(as_json: Log) -> None:
    log_as("c-1")
    OURS.warning("closed as interrupted", extra={"conversation": "id-7"})
    (line,) = as_json.lines
    assert "call" not in line and line["conversation"] == "id-7"


def test_a_line_of_json_has_these_fields(as_json: Log) -> None:
    OURS.warning("%d ms\nof audio", 40)
    (line,) = as_json.lines
    assert abs(datetime.fromisoformat(line.pop("time")) - datetime.now(UTC)).total_seconds() < 60
    assert line.pop("process") > 0
    assert line == {"level": "WARNING", "logger": "transport.somewhere", "message": "40 ms\nof audio"}


async def test_a_line_of_text_shows_the_call(as_text: Log) -> None:
    OURS.info("of no call")
    await asyncio.create_task(call(1))
    await asyncio.create_task(call(2, stored=False))
    log_as("c-3")
    OURS.info("call c-3: over")
    assert [line.partition(" INFO ")[2] for line in as_text.text.splitlines()] == [
        "transport.somewhere: of no call",
        "transport.somewhere: [c-1] begins",
        "transport.somewhere: [c-1 id-1] beside",
        "transport.somewhere: [c-2] begins",
        "transport.somewhere: [c-2] beside",
        "transport.somewhere: call c-3: over",
    ]


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_an_exception_says_is_not_logged_but_where_it_was(form: Literal["text", "json"]) -> None:
    for log in logging_as(form):
        try:
            try:
                int(SECRET)
            except ValueError as error:
                raise KeyError(SECRET) from error
        except KeyError:
            OURS.exception("it failed")
        assert "KeyError" in log.text and "ValueError" in log.text and "test_logs.py" in log.text
        assert "Rossi" not in log.text


def test_of_libraries_only_warnings_are_logged(as_json: Log) -> None:
    library = logging.getLogger("websockets.client")
    library.debug("> TEXT %s", SECRET)
    library.info(SECRET)
    library.warning("slow")
    OURS.debug("fine")
    assert [line["message"] for line in as_json.lines] == ["slow", "fine"]


async def test_of_a_task_that_failed_only_what_and_where_is_logged(as_text: Log) -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    loop, failed = asyncio.get_running_loop(), task.exception()
    loop.default_exception_handler(
        {"message": "Task exception was never retrieved", "exception": failed, "future": task}
    )
    assert "never retrieved" in as_text.text and "ValueError" in as_text.text and "in fail" in as_text.text
    assert "Rossi" not in as_text.text
