"""What analysts are told of their files: mistakes first, warnings apart, and an exit status for CI."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.rules_check import check_rules, report_check
from engine.understanding.acts import Phrases
from tests.dialogues import RULES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files."""
    shutil.copytree(RULES, tmp_path / "it", ignore=shutil.ignore_patterns("examples"))
    return tmp_path / "it"


def edit(path: Path, old: str, new: str) -> int:
    """Replace `old`, which stands there once; the line it stood on."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def said(folder: Path, *, as_json: bool = False) -> tuple[int, list[str]]:
    lines: list[str] = []
    status = report_check(folder, lines.append, as_json=as_json)
    return status, [line.replace(f"{folder}", "it") for line in lines]


def test_the_shipped_files_are_clean(folder: Path) -> None:
    status, [line] = said(folder)
    assert status == 0
    assert line.startswith("it: 0 errors, 0 warnings (41 rules, ")
    assert said(folder, as_json=True) == (0, [])


def test_mistakes_come_before_warnings_and_decide_the_status(folder: Path) -> None:
    first = edit(
        folder / "decisions.toml", 'requested = { in = ["prenota", "sposta", "disdici"] }', "requestd = 1"
    )
    edit(folder / "messages.toml", "# --- Altro ---", 'saluto = "Saluta."')
    status, lines = said(folder)
    assert status == 1
    assert lines == [
        f"error   it/decisions.toml:{first}: rule interesse: requestd: unknown fact; did you mean 'requested'?",
        "it: 1 error, 0 warnings",
    ]
    edit(folder / "decisions.toml", "requestd = 1", 'requested = "prenota"')
    status, lines = said(folder)
    assert status == 0
    assert [line.split(":")[0] for line in lines] == ["warning it/messages.toml", "it"]


def test_tools_get_one_object_a_mistake(folder: Path) -> None:
    line = edit(folder / "limits.toml", "timeout_after = 3", "timeout_afer = 3")
    status, lines = said(folder, as_json=True)
    assert status == 1
    found = [json.loads(one) for one in lines]
    assert {
        "level": "error",
        "file": "it/limits.toml",
        "line": line,
        "column": None,
        "subject": None,
        "field": "timeout_afer",
        "problem": "unknown key",
        "nearest": "timeout_after",
    } in found
    assert [one["level"] for one in found] == ["error", "error"]  # unknown here, and missing there


@pytest.mark.parametrize("phrase", ["non so", "no", "forse sì", "sì ma", "va bene però", "aspetti"])
def test_a_phrase_that_code_outweighs_is_a_warning(phrase: str, folder: Path) -> None:
    path = folder / "phrases.toml"
    line = edit(path, '"sì", "ok",', f'"sì", "ok", "{phrase}",')
    ruleset, [problem] = check_rules(folder)
    assert str(problem) == (
        f"{path}:{line}: affirm: {phrase}: {phrase!r} has no effect: it holds a word of no, doubt or correction, "
        "or none at all"
    )
    assert problem.warning
    assert ruleset is not None
    assert len(Phrases.of(ruleset.acts).ignored) == 1
