"""Rule folders to try: the shipped one, and small ones made of given texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from rules.ruleset import RuleSet, load

SHIPPED = Path(__file__).parents[2] / "rules" / "it"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A copy of the shipped files, some of them with another text; `None` takes a file away."""
    return partial(_make, tmp_path / "it")


def _make(target: Path, **texts: str | None) -> Path:
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


@pytest.fixture(scope="session")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """The shipped rules."""
    return load(_make(tmp_path_factory.mktemp("shipped") / "it"))
