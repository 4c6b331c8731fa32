"""Examples under edited rules: what fails, where it first departs, and what no dialogue needs."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from engine.rules_test import play_all, report_test
from main import store_in_memory
from rules.errors import RuleFileError
from tests.dialogues import EXAMPLES, RULES, shipped

SCENARIOS = [path for path in EXAMPLES if path.parent.name == "scenarios"]
BOOKS = next(path for path in SCENARIOS if path.stem.startswith("a_"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files."""
    shutil.copytree(RULES, tmp_path / "it", ignore=shutil.ignore_patterns("examples"))
    return tmp_path / "it"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def said(folder: Path, paths: Sequence[Path], *, coverage: bool = False) -> tuple[int, list[str]]:
    told = io.StringIO()
    status = report_test(
        paths, folder, RULES, store_in_memory, Console(file=told), coverage=coverage, processes=1
    )
    return status, [line.rstrip() for line in told.getvalue().splitlines()]


def test_under_the_rules_in_force_nothing_departs(folder: Path) -> None:
    status, lines = said(folder, SCENARIOS)
    assert status == 0
    assert lines[0] == (
        "8 dialogues: 8 passed, 0 failed (0 of them under the rules in force too); 0 passed on another course"
    )


def test_it_shows_where_a_dialogue_first_departs(folder: Path) -> None:
    edit(folder / "decisions.toml", 'agreement = "valida" }', 'agreement = "valida", human = true }')
    status, lines = said(folder, [BOOKS])
    assert status == 1
    head = lines[: lines.index(next(line for line in lines if line.startswith("1 dialogues")))]
    assert head[0] == f"FAILED  {BOOKS}: {head[0].split(': ', 1)[1]}"
    assert "        missing booking: consultation 2026-02-11T15:00" in head
    turn = next(line for line in head if "caller: «" in line)
    assert "«" in turn and turn.strip().startswith("turn ")
    assert head[-2] == (
        "          in force: dati_completi ─conferma→ confermato   "
        "[rule conferma: Il chiamante ha detto sì a un riepilogo esatto: si scrive in agenda.]"
    )
    assert head[-1] == "          edited:   nothing"


def test_a_refusal_names_its_guard(folder: Path) -> None:
    edit(
        folder / "decisions.toml",
        'event = "completa"',
        'event = "conferma"',
    )
    edit(
        folder / "decisions.toml",
        'when = { stage = "raccolta_dati", missing',
        'when = { stage = { in = ["raccolta_dati", "dati_completi"] }, missing',
    )
    [played] = play_all([BOOKS], folder, RULES, store_in_memory)
    assert played.departure is not None
    assert played.departure.before is not None and played.departure.after is not None
    assert played.departure.before.event == "completa"
    assert "'conferma' refused by not_from_this_stage" in str(played.departure.after)


def test_another_course_to_the_same_end_is_told_and_passes(folder: Path) -> None:
    edit(folder / "decisions.toml", 'id = "conferma"', 'id = "conferma_piena"')
    status, lines = said(folder, [BOOKS])
    assert status == 0
    assert lines[0].startswith("CHANGED ")
    assert "1 passed on another course" in next(line for line in lines if "dialogues:" in line)
    assert any(line.startswith("          edited:   ") and "rule conferma_piena:" in line for line in lines)


def test_it_says_which_rules_and_phrases_no_dialogue_needs(folder: Path) -> None:
    status, lines = said(folder, [BOOKS])
    rules = next(line for line in lines if line.startswith("rules that answer in no dialogue"))
    assert rules.endswith(f" of {len(shipped().decisions)}")
    assert "        conferma" not in lines
    assert "        disdetto" in lines
    assert lines[-1].startswith("phrases said in no dialogue: ") and lines[-1].endswith(
        "; --coverage names them"
    )
    edit(folder / "phrases.toml", '"aggiudicato"', '"aggiudicatissimo"')
    status, lines = said(folder, [BOOKS], coverage=True)
    assert any(line.endswith(": affirm: aggiudicatissimo") for line in lines)
    assert not any(line.endswith(": affirm: sì") for line in lines)
    assert status == 0


def test_a_dialogue_that_cannot_be_read_fails_and_the_others_run(tmp_path: Path, folder: Path) -> None:
    broken = tmp_path / "rotto.toml"
    broken.write_text('title = "rotto"\n', encoding="utf-8")
    status, lines = said(folder, [broken, BOOKS])
    assert status == 1
    assert lines[0].startswith(f"FAILED  {broken}")
    assert lines[1].strip().startswith(f"{broken}:1: now: ")
    assert any(line.startswith("2 dialogues: 1 passed, 1 failed") for line in lines)


def test_rules_that_cannot_be_used_are_not_played(folder: Path) -> None:
    (folder / "limits.toml").unlink()
    with pytest.raises(RuleFileError, match="this file is missing"):
        said(folder, [BOOKS])


def test_several_processes_come_to_the_same(folder: Path) -> None:
    edit(folder / "limits.toml", "timeout_after = 3", "timeout_after = 1")
    some = [path for path in EXAMPLES if "scadenza" in path.stem or "timeout" in path.stem] + [
        *EXAMPLES[::50]
    ]
    assert len(some) >= 24
    alone = list(play_all(some, folder, RULES, store_in_memory, processes=1))
    assert list(play_all(some, folder, RULES, store_in_memory, processes=2)) == alone
    assert any(played.departure is not None for played in alone)
