"""A folder of rules is read as a whole, and every mistake in it is told at once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from rules.errors import RuleFileError, RulesError
from rules.ruleset import load
from rules.settings import RulesSettings
from tests.rules.conftest import SHIPPED, Folder


def test_the_shipped_files_load(folder: Folder) -> None:
    path = folder()
    ruleset = load(path)
    assert ruleset.decisions[0].id == "interesse"
    assert "confermo" in ruleset.acts["affirm"].phrases
    assert ruleset.prompt == "Sei un assistente.\n"
    assert set(ruleset.files) == {
        "decisions.toml",
        "extraction.md",
        "limits.toml",
        "messages.toml",
        "phrases.toml",
        "prompt.md",
    }
    with pytest.raises(FrozenInstanceError):
        ruleset.version = "x"  # type: ignore[misc]  # that it is frozen is the point


def test_the_version_is_that_of_the_texts(folder: Folder) -> None:
    version = load(folder()).version
    assert load(str(folder())).version == version
    assert load(folder(prompt="Sei un altro.\n")).version != version
    phrases = (SHIPPED / "phrases.toml").read_text(encoding="utf-8")
    assert load(folder(phrases=phrases + "# niente\n")).version != version


def test_no_rules_are_rules_too(folder: Folder) -> None:
    assert load(folder(decisions="")).decisions == ()


def test_every_mistake_in_every_file_at_once(folder: Folder) -> None:
    path = folder(
        limits="abandon_after = 0\ntimeout_after = 3\nmax_failed_commits = 3\n",
        messages="[[[",
        phrases="[affrim]\n",
        decisions='[[rule]]\nid = "a"\nwhen = { stge = "errore" }\nevent = "riprova"\nwhy = "x"\n',
    )
    with pytest.raises(RuleFileError) as caught:
        load(path)
    text = str(caught.value)
    assert f"{path / 'limits.toml'}:1: abandon_after: cannot be 0" in text
    assert f"{path / 'messages.toml'}:1:3: not valid TOML: " in text
    assert f"{path / 'decisions.toml'}:3: rule a: stge: unknown fact; did you mean 'stage'?" in text
    assert f"{path / 'phrases.toml'}:1: affrim: " in text
    assert issubclass(RuleFileError, RulesError)


def test_missing_and_unreadable_files_are_named(folder: Folder) -> None:
    path = folder(limits=None, prompt=None)
    with pytest.raises(RuleFileError) as caught:
        load(path)
    assert [problem.file for problem in caught.value.problems] == [
        str(path / "limits.toml"),
        str(path / "prompt.md"),
    ]
    path = folder()
    (path / "extraction.md").write_bytes(b"\xff")
    with pytest.raises(RuleFileError, match=r"extraction.md: it cannot be read: "):
        load(path)


def test_the_default_folder_is_the_shipped_one() -> None:
    assert RulesSettings().directory.resolve().parts[-2:] == SHIPPED.parts[-2:]
