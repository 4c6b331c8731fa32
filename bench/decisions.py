"""What one decision costs, at the shipped rules and at 200, beside plain Python ifs and a reading of the tables.

Run: make bench ARGS="decisions [EVERY]". The facts are those of the example dialogues (every EVERY-th, default 10).
All three must give the same answers.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench._oracle import Table, as_file, first, ifs, more_rules
from engine.rehearsal import read_dialogue, rehearse
from engine.rulebook import Rulebook
from rules.compiler import read_rules
from rules.decider import Decider, Decision
from rules.facts import check_facts
from rules.limits import RANGES
from rules.ruleset import load
from rules.source import Source
from storage.database import Database

RULES = Path(__file__).parents[1] / "rules" / "it"
Asked = tuple[dict[str, Any], frozenset[str]]


@dataclass
class Recording:
    """A decider that remembers what it was asked."""

    decider: Decider
    asked: list[Asked] = field(default_factory=list)

    def decide(self, facts: Mapping[str, object], fired: Collection[str]) -> Decision:
        self.asked.append((dict(facts), frozenset(fired)))
        return self.decider.decide(facts, fired)


def asked_in_examples(every: int) -> list[Asked]:
    """What the rules are asked while example dialogues are played."""
    rulebook = Rulebook.read(RULES)
    recording: Any = Recording(rulebook.decider)
    for path in sorted((RULES / "examples").rglob("*.toml"))[::every]:
        with Database("sqlite:///:memory:") as database:
            database.create_tables()
            watched = replace(rulebook, decider=recording)
            asyncio.run(rehearse(read_dialogue(path), database, watched))
    asked: list[Asked] = recording.asked
    return asked


def shipped() -> tuple[list[Table], dict[str, int]]:
    """The tables of the shipped decisions.toml, and the limits by name."""
    limits = load(RULES).limits
    tables = tomllib.loads((RULES / "decisions.toml").read_text(encoding="utf-8"))["rule"]
    return tables, {name: limits.number(name) for name in RANGES}


def decider_of(tables: Sequence[Table]) -> Decider:
    """The decider of these tables, through the reader of rule files."""
    ruleset = load(RULES)
    source = Source("decisions.toml", as_file(tables))
    rules = read_rules(source, ruleset.limits, ruleset.messages)
    if source.problems:
        raise ValueError("\n".join(map(str, source.problems)))
    return Decider(rules)


def cost(decide: Callable[..., object], asked: Sequence[Asked]) -> tuple[float, float]:
    """Microseconds a decision, the middle one and the 99th of a hundred; the first round only warms up."""
    taken = []
    for warm in (False, True):
        for facts, fired in asked:
            begun = time.perf_counter_ns()
            decide(facts, fired)
            if warm:
                taken.append(time.perf_counter_ns() - begun)
    taken.sort()
    return taken[len(taken) // 2] / 1000, taken[len(taken) * 99 // 100] / 1000


def main(arguments: list[str]) -> int:
    """Print the costs; non-zero when two of the three differ in an answer."""
    asked = asked_in_examples(int(arguments[0]) if arguments else 10)
    full = [(dict(check_facts(facts)), fired) for facts, fired in asked]
    tables, limits = shipped()
    wrong = 0
    print(f"{len(asked)} decisions of the example dialogues; µs a decision, p50 and p99")
    for rules in (tables, more_rules(tables, 200, random.Random(1))):
        decider, plain = decider_of(rules), ifs(rules, limits)
        for (facts, fired), (complete, _) in zip(asked, full, strict=True):
            answers = {
                decider.decide(facts, fired).rule,
                plain(complete, fired),
                first(rules, limits, complete, fired),
            }
            wrong += len(answers) != 1
        middle, high = cost(decider.decide, asked)
        ifs_middle, ifs_high = cost(plain, full)
        oracle_middle, oracle_high = cost(
            lambda facts, fired, rules=rules: first(rules, limits, facts, fired), full
        )
        print(
            f"{len(rules):4} rules   rule engine {middle:6.1f} {high:6.1f}   plain ifs {ifs_middle:5.1f} "
            f"{ifs_high:5.1f}   tables read anew {oracle_middle:6.1f} {oracle_high:6.1f}   "
            f"engine is {middle / ifs_middle:.0f} times the ifs"
        )
    print(f"{wrong} answers differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
