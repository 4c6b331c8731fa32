"""What the pages show of rule files: the decisions in their order, and what changed between two versions.

Works on the stored texts alone, so that versions from before a change of the language can be shown too.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transport.console.wording import TEXTS

_TESTS, _GROUPS, _WORDS = TEXTS["rule_tests"], TEXTS["rule_groups"], TEXTS["rule_words"]
_CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a condition in words; a group of parts has them as `parts`."""

    text: str
    parts: tuple[tuple[Clause, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownRule:
    """One rule as it stands in the file. `when`: all of these must hold."""

    id: str
    when: tuple[Clause, ...]
    event: str | None
    command: str | None
    notices: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference; `kind` is added, removed, same, or gap where equal lines are left out."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """What changed in one file."""

    name: str
    lines: tuple[Line, ...]


def shown_rules(decisions: str) -> list[ShownRule]:
    """The rules of a decisions file, first to match first; nothing for a text that is no such file."""
    try:
        tables = tomllib.loads(decisions).get("rule", [])
    except tomllib.TOMLDecodeError:
        return []
    placed = [
        (table.get("priority", place), "priority" not in table, place, table)
        for place, table in enumerate(tables, 1)
    ]
    return [_shown(table) for *_, table in sorted(placed, key=lambda each: each[:3])]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[FileChange]:
    """The files that differ, by name, each with its changed lines and a few around them."""
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    return [FileChange(name, tuple(_lines(before.get(name, ""), after.get(name, "")))) for name in changed]


def _shown(table: Mapping[str, Any]) -> ShownRule:
    return ShownRule(
        id=str(table.get("id", "")),
        when=_clauses(table.get("when", {})),
        event=table.get("event"),
        command=table.get("command"),
        notices=tuple(table.get("notices", ())),
        why=str(table.get("why", "")),
    )


def _clauses(when: Mapping[str, Any]) -> tuple[Clause, ...]:
    return tuple(_clause(key, value) for key, value in when.items())


def _clause(key: str, value: Any) -> Clause:
    if key in _GROUPS and isinstance(value, list):
        return Clause(_GROUPS[key], tuple(_clauses(part) for part in value))
    if isinstance(value, dict):
        return Clause(
            f"{key}: "
            + f" {_WORDS['and']} ".join(
                _TESTS.get(str(test), "{}").format(_words(of)) for test, of in value.items()
            )
        )
    return Clause(f"{key}: {_words(value)}")


def _words(value: Any) -> str:
    if isinstance(value, list):
        return f" {_WORDS['or']} ".join(map(_words, value))
    if isinstance(value, bool):
        return _WORDS["yes" if value else "no"]
    return str(value).replace("_", " ")


def _lines(before: str, after: str) -> Iterator[Line]:
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "gap"}
    told = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES)
    for number, line in enumerate(told):
        if number < 2:  # the names of the files
            continue
        kind = kinds[line[0]]
        yield Line(kind, "" if kind == "gap" else line[1:])
