"""Everything that is wrong with a folder of rule files, and what is to be said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.understanding.acts import Phrases, folded
from engine.understanding.mentions import Act
from rules.errors import Problem
from rules.phrases import Written
from rules.ruleset import PHRASES, RuleSet, check

Say = Callable[[str], object]


def check_rules(directory: Path) -> tuple[RuleSet | None, list[Problem]]:
    """What `rules.ruleset.check` finds, and the phrases that have no effect since code's own words outweigh them."""
    ruleset, problems = check(directory)
    told = list(problems)
    if ruleset is not None:
        told += [
            Problem(str(directory / PHRASES), line.line, act, line.text, text, warning=True)
            for act, line, text in _without_effect(ruleset)
        ]
    return ruleset, told


def _without_effect(ruleset: RuleSet) -> list[tuple[str, Written, str]]:
    ignored = set(Phrases.of(ruleset.acts).ignored)
    found: dict[tuple[str, Written], str] = {}
    for act, listed in ruleset.acts.items():
        for way, line in listed.written.items():
            if (Act(act), folded(way)) in ignored:
                text = f"{way!r} has no effect: it holds a word of no, doubt or correction, or none at all"
                found.setdefault((act, line), text)
    return [(act, line, text) for (act, line), text in found.items()]


def report_check(directory: Path, say: Say, *, as_json: bool = False) -> int:
    """Say every mistake, then every warning; the exit status, 1 if there is a mistake."""
    ruleset, problems = check_rules(directory)
    errors = [problem for problem in problems if not problem.warning]
    warnings = [problem for problem in problems if problem.warning]
    if as_json:
        for problem in (*errors, *warnings):
            say(json.dumps(problem.as_json(), ensure_ascii=False))
        return 1 if errors else 0
    for problem in errors:
        say(f"error   {problem}")
    for problem in warnings:
        say(f"warning {problem}")
    say(f"{directory}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}{_contents(ruleset)}")
    return 1 if errors else 0


def _counted(found: Sequence[Problem], word: str) -> str:
    return f"{len(found)} {word}{'' if len(found) == 1 else 's'}"


def _contents(ruleset: RuleSet | None) -> str:
    if ruleset is None:
        return ""
    lines = {line for listed in ruleset.acts.values() for line in listed.written.values()}
    return f" ({len(ruleset.decisions)} rules, {len(lines)} phrases, {len(ruleset.messages.texts)} messages)"
