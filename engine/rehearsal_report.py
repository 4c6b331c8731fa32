"""Written dialogues played one after the other, and what came of each, for `main.py rehearse`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.faults import where
from engine.rehearsal import Outcome, RehearsalError, read_dialogue, rehearse
from engine.rulebook import Rulebook
from engine.rules_test import NewStore


def dialogues(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named; of folders every *.toml below them."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.toml")) if path.is_dir() else [path]
    return found


def report_rehearsal(
    paths: Sequence[Path],
    rulebook: Rulebook,
    new_store: NewStore,
    say: Callable[[str], None],
    *,
    as_json: bool = False,
) -> int:
    """Play `paths`, each in a store of its own, and say what came of them; the exit status, 1 if one fails or cannot be
    played. `as_json`: one object a line, and nothing else."""
    passed = 0
    for path in paths:
        told: Outcome | list[str]
        try:
            told = asyncio.run(_play(path, rulebook, new_store))
        except RehearsalError as error:
            told = str(error).splitlines()
        except Exception as error:  # one file must not keep the rest from being played
            told = f"{path}:1: cannot be played: {where(error)}: {error}".splitlines()
        passed += isinstance(told, Outcome) and told.passed
        for line in (_object(path, told),) if as_json else _lines(path, told):
            say(line)
    if not as_json:
        say(f"{passed} passed, {len(paths) - passed} failed")
    return 0 if passed == len(paths) else 1


async def _play(path: Path, rulebook: Rulebook, new_store: NewStore) -> Outcome:
    dialogue = read_dialogue(path)
    with new_store() as store:
        return await rehearse(dialogue, store, rulebook)


def _object(path: Path, told: Outcome | list[str]) -> str:
    found = told.as_json(str(path)) if isinstance(told, Outcome) else Outcome.broken(str(path), told)
    return json.dumps(found, ensure_ascii=False)


def _lines(path: Path, told: Outcome | list[str]) -> Iterator[str]:
    if isinstance(told, Outcome):
        yield f"{'ok    ' if told.passed else 'FAILED'} {path}: {told.title}"
    else:
        yield f"BROKEN {path}"
    for problem in told.problems if isinstance(told, Outcome) else told:
        yield f"       {problem}"
