"""Rule folders to try: the shipped one, and small ones made of given texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.ruleset import RuleSet, load

SHIPPED = Path(__file__).parents[2] / "rules" / "it"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A copy of the shipped files, some of them with another text; `None` takes a file away."""

    def make(**texts: str | None) -> Path:
        target = tmp_path / "it"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name in ("decisions.toml", "messages.toml", "limits.toml", "phrases.toml"):
            shutil.copy(SHIPPED / name, target / name)
        (target / "extraction.md").write_text("Trova le parole.\n", encoding="utf-8")
        (target / "prompt.md").write_text("Sei un assistente.\n", encoding="utf-8")
        for stem, text in texts.items():
            path = target / f"{stem}.{'md' if stem == 'prompt' else 'toml'}"
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        return target

    return make


@pytest.fixture
def ruleset(folder: Folder) -> RuleSet:
    """The shipped rules."""
    return load(folder())
