"""The shipped examples come true on Postgres as they do in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.dialogues import EXAMPLES, example, name_of, play_in, shipped_rulebook
from tests.storage.playground import empty, faults
from tests.storage.postgres import Postgres


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    """Stays open from one example to the next."""
    with Database(postgres.fresh()) as database:
        yield database


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_it_comes_true_on_postgres(path: Path, database: Database) -> None:
    database.run_blocking(empty)
    outcome = play_in(database, example(path), shipped_rulebook())
    assert outcome.problems == []
    assert database.run_blocking(faults) == []
