"""The report of `rules replay`: exit status, calls by rule with their links, and what could not be decided again."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from engine.rules_replay import report_replay
from storage import recorded, rulesets
from storage.database import Database
from storage.models import CallAnalysis
from tests.clocks import START
from tests.dialogues import EXAMPLES, RULES, example, play_in, shipped, shipped_rulebook

BOOKS = next(path for path in EXAMPLES if path.parent.name == "scenarios" and path.stem.startswith("a_"))

Report = Callable[..., tuple[int, str]]


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        play_in(opened, example(BOOKS), shipped_rulebook())
        yield opened


@pytest.fixture
def report(database: Database) -> Report:
    def run(edited: Path | None = None) -> tuple[int, str]:
        said = io.StringIO()
        status = report_replay(
            database.run_blocking(recorded.ended_calls),
            lambda call_id: database.run_blocking(lambda: recorded.recorded_call(call_id)),
            lambda version: database.run_blocking(lambda: rulesets.texts(version)),
            edited,
            Console(file=said),
            "http://localhost:8080",
        )
        return status, said.getvalue()

    return run


@pytest.fixture
def kept(database: Database) -> None:
    """The rules the call went by are kept, as the server keeps them."""
    version, files = shipped().version, shipped().files
    database.run_blocking(lambda: rulesets.put_in_force(version, files, now=START))


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The shipped rules without the one that confirms."""
    folder = tmp_path / "it"
    shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("examples"))
    path = folder / "decisions.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r'\[\[rule\]\]\nid = "conferma"\n.*?\n\n', "", text, flags=re.DOTALL), encoding="utf-8"
    )
    return folder


@pytest.mark.usefixtures("kept")
def test_under_the_rules_of_then_nothing_differs(report: Report) -> None:
    status, said = report()
    assert status == 0
    assert re.search(r"1 calls, \d+ analyses decided again: every transition comes out as recorded", said)


@pytest.mark.usefixtures("kept")
def test_a_difference_under_the_same_rules_is_an_error(report: Report, database: Database) -> None:
    def mute() -> None:
        for row in CallAnalysis.select():
            row.words["turns"] = [{**turn, "text": "Ciao"} for turn in row.words["turns"]]
            row.save()

    database.run_blocking(mute)
    status, said = report()
    assert status == 1
    assert "http://localhost:8080/chiamate/" in said
    assert "otherwise under the same rules" in said


def test_changed_outcomes_are_told_by_rule(report: Report, edited: Path) -> None:
    status, said = report(edited)
    assert status == 0
    assert "rule conferma: 1 calls" in said or "rule " in said
    assert "completato, confirm 2026-02-11T15:00 → dati_completi" in said
    assert "the outcome of 1 would change" in said


def test_calls_without_words_are_named(report: Report, edited: Path, database: Database) -> None:
    database.run_blocking(lambda: CallAnalysis.update(words=None).execute())
    _, said = report(edited)
    assert "not known from the facts alone" in said
    assert "1 calls were judged from their facts alone" in said


def test_rules_that_were_not_kept_are_told(report: Report) -> None:
    status, said = report()
    assert status == 0
    assert "were not kept" in said
