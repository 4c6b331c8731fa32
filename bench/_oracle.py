"""What rules say, read from the tables of decisions.toml by plain Python, and nothing shared with rules/ but the facts.

The tests and benches hold the rule engine to it. `more_rules` makes files as long as a file may be.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rules.facts import EVENTS, FACTS

Table = dict[str, Any]


def first(
    rules: Sequence[Table], limits: Mapping[str, int], facts: Mapping[str, Any], fired: Collection[str]
) -> str | None:
    """The id of the first of `rules` that holds and whose event is not among `fired`. `facts` must be complete."""
    for rule in rules:
        if rule.get("event") not in fired and holds(rule["when"], limits, facts):
            return str(rule["id"])
    return None


def holds(when: Mapping[str, Any], limits: Mapping[str, int], facts: Mapping[str, Any]) -> bool:
    """Whether every entry of `when` holds."""
    return all(_entry_holds(key, value, limits, facts) for key, value in when.items())


def _entry_holds(key: str, value: Any, limits: Mapping[str, int], facts: Mapping[str, Any]) -> bool:
    if key == "all":
        return all(holds(part, limits, facts) for part in value)
    if key == "any":
        return any(holds(part, limits, facts) for part in value)
    if key == "none":
        return not any(holds(part, limits, facts) for part in value)
    fact = facts[key]
    if not isinstance(value, dict):
        return bool(fact == _number(value, limits))
    tests: dict[str, Callable[[Any], bool]] = {
        "in": lambda x: fact in x,
        "not_in": lambda x: fact not in x,
        "not": lambda x: fact != x,
        "at_least": lambda x: fact >= _number(x, limits),
        "at_most": lambda x: fact <= _number(x, limits),
        "more_than": lambda x: fact > _number(x, limits),
        "less_than": lambda x: fact < _number(x, limits),
    }
    return all(tests[test](operand) for test, operand in value.items())


def _number(value: Any, limits: Mapping[str, int]) -> Any:
    return limits.get(value, value) if isinstance(value, str) else value


def ifs(rules: Sequence[Table], limits: Mapping[str, int]) -> Callable[[Table, Collection[str]], str | None]:
    """The rules as a developer would have written them: one function, an `if` for each."""
    lines = ["def decide(f, fired):"]
    for rule in rules:
        tests = [f"{rule['event']!r} not in fired"] if "event" in rule else []
        lines += [
            f"    if {' and '.join([*tests, _test(rule['when'], limits)])}:",
            f"        return {rule['id']!r}",
        ]
    made: dict[str, Any] = {}
    exec("\n".join([*lines, "    return None"]), made)
    decide: Callable[[Table, Collection[str]], str | None] = made["decide"]
    return decide


_SIGNS = {"at_least": ">=", "at_most": "<=", "more_than": ">", "less_than": "<", "not": "!="}
_WORDS = {"in": "in", "not_in": "not in"}


def _test(when: Mapping[str, Any], limits: Mapping[str, int]) -> str:
    tests = []
    for key, value in when.items():
        if key in ("all", "any", "none"):
            joined = f" {'and' if key == 'all' else 'or'} ".join(_test(part, limits) for part in value)
            tests.append(f"{'not ' if key == 'none' else ''}({joined})")
            continue
        for test, operand in (value if isinstance(value, dict) else {"is": value}).items():
            if test in _WORDS:
                tests.append(f"f[{key!r}] {_WORDS[test]} {tuple(operand)!r}")
            else:
                tests.append(f"f[{key!r}] {_SIGNS.get(test, '==')} {_number(operand, limits)!r}")
    return f"({' and '.join(tests)})"


def random_facts(chance: random.Random) -> tuple[dict[str, Any], set[str]]:
    """Facts of which few differ from the default, as in calls, and now and then events fired before."""
    facts: dict[str, Any] = {name: fact.default for name, fact in FACTS.items()}
    for name in ("stage", "task", *chance.sample(sorted(FACTS), chance.randrange(7))):
        facts[name] = chance.choice(FACTS[name].values or range(7))
    return facts, set(chance.sample(sorted(EVENTS), chance.choice((0, 0, 0, 1, 2))))


def more_rules(shipped: Sequence[Table], count: int, chance: random.Random) -> list[Table]:
    """`count` rules: `shipped`, and before them variants of these that ask for one thing more."""
    variants = []
    for number in range(count - len(shipped)):
        rule = chance.choice(shipped)
        others = [name for name in FACTS if name not in rule["when"] and name != "stage"]
        fact = FACTS[chance.choice(others)]
        value = chance.choice(fact.values) if fact.values else {"at_least": chance.randrange(1, 7)}
        variants.append(
            {**rule, "id": f"{rule['id']}_{number}", "when": {**rule["when"], "all": [{fact.name: value}]}}
        )
    return [*variants, *shipped]


def as_toml(value: Any) -> str:
    """A value as it stands in a rule file; tables on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def as_file(rules: Sequence[Table]) -> str:
    """The text of a decisions.toml with these rules."""
    return "\n".join(
        "[[rule]]\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in rule.items()) for rule in rules
    )
