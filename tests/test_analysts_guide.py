"""The changes of docs/regole.md, made on a copy of the files exactly as the page says, do what it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine.rehearsal import read_dialogue
from engine.rulebook import Rulebook
from engine.rules_check import check_rules
from tests.dialogues import ROOT, RULES, play, shipped_rulebook

PAGE = (ROOT / "docs" / "regole.md").read_text(encoding="utf-8")
CHANGES = re.findall(r"^### (\d\..*?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)


def test_there_are_three() -> None:
    assert [title[0] for title, _ in CHANGES] == ["1", "2", "3"]


@pytest.mark.parametrize(("title", "text"), CHANGES, ids=[title for title, _ in CHANGES])
def test_a_change_does_what_the_page_says(title: str, text: str, tmp_path: Path) -> None:
    [name] = re.findall(r"^In `([a-z.]+)`", text, re.MULTILINE)
    old, new, told = re.findall(r"^```toml\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    dialogue = tmp_path / "dialogue.toml"
    dialogue.write_text(told, encoding="utf-8")
    assert play(read_dialogue(dialogue), shipped_rulebook()).problems, (
        "without the change it comes true as well"
    )

    copy = tmp_path / "prova"
    shutil.copytree(RULES, copy, ignore=shutil.ignore_patterns("examples"))
    before = (copy / name).read_text(encoding="utf-8")
    assert before.count(old) == 1, "the page says to look for something that stands there once"
    (copy / name).write_text(before.replace(old, new), encoding="utf-8")
    assert check_rules(copy)[1] == []
    assert play(read_dialogue(dialogue), Rulebook.read(copy)).problems == []


def test_the_rules_shown_are_shipped_ones() -> None:
    shown = re.findall(r"^```toml\n(\[\[rule\]\]\n.*?)```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    shipped = (RULES / "decisions.toml").read_text(encoding="utf-8")
    assert [rule for rule in shown if rule not in shipped] == []
