"""What edited rules would change: the calls of the last days decided again under them, as `rules replay` does.

Nothing is put in force, and nothing is written but the answer. Each call is followed by a pause, so that the calls
that go on beside it are not kept waiting.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.replay import Departure, NotOnRecordError, Replayed, replay
from engine.rulebook import Rulebook
from engine.rules_check import check_rules
from rules.errors import Problem, RulesError
from rules.ruleset import RuleSet
from storage import recorded
from storage.database import Database
from transport.console import wording
from transport.console.long_work import Tell, Work

MOST_CALLS = 2000  # the newest of the period
_MOST_SHOWN = 200
_PAUSE_S = 0.01


def checked(files: Mapping[str, str]) -> tuple[RuleSet | None, list[Problem]]:
    """The rules that these texts make, and every mistake and warning about them, with bare file names."""
    with tempfile.TemporaryDirectory(prefix="regole-") as folder:
        for name, text in files.items():
            (Path(folder) / Path(name).name).write_text(text, encoding="utf-8")
        ruleset, problems = check_rules(Path(folder))
    return ruleset, [
        Problem(
            Path(each.file).name, each.line, each.subject, each.field, each.text, each.nearest, each.column,
            each.warning,
        )
        for each in problems
    ]  # fmt: skip


def trial(database: Database, ruleset: RuleSet, ids: Sequence[str]) -> Work:
    """The work of deciding the calls `ids` again under `ruleset`."""

    def work(tell: Tell) -> Mapping[str, Any]:
        rulebook = Rulebook.of(ruleset)
        counted: Counter[str] = Counter()
        changed: list[dict[str, Any]] = []
        tell(0, len(ids))
        for number, call_id in enumerate(ids, 1):
            found = _again(database, call_id, rulebook)
            counted["judged" if found else "not_on_record"] += 1
            if found is not None and found.departure is not None:
                counted["changed" if found.changed else "other_way"] += 1
                if found.changed and len(changed) < _MOST_SHOWN:
                    changed.append(_told(found, found.departure))
            tell(number, len(ids))
            time.sleep(_PAUSE_S)
        changed.sort(key=lambda each: (each["rule"], each["call"]))
        return {"version": ruleset.version, "counted": dict(counted), "changed": changed}

    return work


def _again(database: Database, call_id: str, rulebook: Rulebook) -> Replayed | None:
    """None for a call of which too little is on record."""
    call = database.run_blocking(lambda: recorded.recorded_call(call_id))
    if call is None or not call.analyses:
        return None
    try:
        return replay(call, lambda _: rulebook)
    except (NotOnRecordError, RulesError, ValidationError):
        return None


def _told(found: Replayed, departure: Departure) -> dict[str, Any]:
    steps = [step for step in (departure.decided, departure.recorded) if step is not None]
    rule = next((str(step["rule"]) for step in steps if step.get("rule")), "")
    return {
        "call": found.call_id,
        "rule": rule,
        "before": _came_of(found.before),
        "after": None if found.after is None else _came_of(found.after),
    }


def _came_of(outcome: tuple[str, ...]) -> str:
    """The stage at the end and what was done to the agenda, in words."""
    stage, *done = outcome
    words = [f"{wording.operation(each.partition(' ')[0])} {each.partition(' ')[2]}".strip() for each in done]
    return ", ".join([wording.plain(stage), *words])
