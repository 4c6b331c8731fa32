"""Conditions over facts: a small closed form that can be negated, and its translation for the rule engine.

Negation is worked out here, over the allowed values of each fact, because the engine's own "not equal" does
not do what it says. `All(())` always holds and `Any(())` never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any as Json

from rules.facts import FACTS, Value


@dataclass(frozen=True, slots=True)
class Among:
    """The fact, a word or a yes/no, is one of `values` (in the order of the table)."""

    fact: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The fact, a count, is at least `low` and, unless None, at most `high`."""

    fact: str
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Some part holds."""

    parts: tuple[Condition, ...]


Condition = Among | Between | All | Any

#: The engine fails at 16 groups in one rule; the decider adds one of its own.
MAX_GROUPS = 12

#: The engine follows at most 64 tests side by side; this leaves room for those the decider adds.
MAX_BREADTH = 60

ALWAYS = All(())
NEVER = Any(())


def negate(condition: Condition) -> Condition:
    """The condition that holds exactly when `condition` does not."""
    match condition:
        case Among(fact, values):
            return Among(fact, tuple(value for value in FACTS[fact].values if value not in values))
        case Between(fact, low, high):
            below = (Between(fact, 0, low - 1),) if low > 0 else ()
            above = (Between(fact, high + 1, None),) if high is not None else ()
            return Any(below + above)
        case All(parts):
            return Any(tuple(map(negate, parts)))
        case Any(parts):
            return All(tuple(map(negate, parts)))


def simplify(condition: Condition) -> Condition:
    """The same condition without parts that always or never hold; ALWAYS or NEVER if nothing is left."""
    match condition:
        case Among(fact, values):
            if not values:
                return NEVER
            return ALWAYS if len(values) == len(FACTS[fact].values) else condition
        case Between(_, low, high):
            if high is not None and high < low:
                return NEVER
            return ALWAYS if low <= 0 and high is None else condition
        case All(parts):
            kept = _flat(All, parts, ALWAYS)
            if NEVER in kept:
                return NEVER
            return kept[0] if len(kept) == 1 else All(kept)
        case Any(parts):
            kept = _flat(Any, parts, NEVER)
            if ALWAYS in kept:
                return ALWAYS
            return kept[0] if len(kept) == 1 else Any(kept)


def settled(condition: Condition, fact: str, value: Value) -> Condition:
    """What is left of `condition` once it is known that `fact`, a word or a yes/no, is `value`."""
    match condition:
        case Among(name, values) if name == fact:
            return ALWAYS if value in values else NEVER
        case All(parts):
            return All(tuple(settled(part, fact, value) for part in parts))
        case Any(parts):
            return Any(tuple(settled(part, fact, value) for part in parts))
        case _:
            return condition


def mentioned(condition: Condition) -> frozenset[str]:
    """The facts that `condition` looks at."""
    match condition:
        case All(parts) | Any(parts):
            return frozenset().union(*map(mentioned, parts))
        case Among(fact) | Between(fact):
            return frozenset({fact})


def engine_form(condition: Condition) -> dict[str, Json]:
    """A simplified condition, neither ALWAYS nor NEVER, in the only operators of the engine that are safe."""
    match condition:
        case Among(fact, values):
            return _joined("$or", [{fact: value} for value in values])
        case Between(fact, low, high) if low == high:
            return {fact: low}
        case Between(fact, low, high):
            at_least = [{"$gte": {fact: low}}] if low > 0 else []
            at_most = [{"$lte": {fact: high}}] if high is not None else []
            return _joined("$and", [*at_least, *at_most])
        case All(parts):
            return _joined("$and", [engine_form(part) for part in parts])
        case Any(parts):
            return _joined("$or", [engine_form(part) for part in parts])


def groups(form: dict[str, Json]) -> int:
    """How many groups (`$and`, `$or`) an engine form is made of, nested ones included."""
    [(operator, parts)] = form.items()
    return 1 + sum(map(groups, parts)) if operator in ("$and", "$or") else 0


def breadth(condition: Condition) -> int:
    """At most how many tests of a simplified condition can hold side by side.

    Tests that must all hold are followed one after the other, and of the values of one fact only one can hold;
    alternatives are followed together.
    """
    match condition:
        case All(parts):
            widths = [breadth(part) for part in parts]
            return 1 + sum(width for width in widths if width > 1)
        case Any(parts):
            return 1 + sum(map(breadth, parts))
        case _:
            return 1


def _flat(
    kind: type[All] | type[Any], parts: tuple[Condition, ...], empty: Condition
) -> tuple[Condition, ...]:
    """Simplified parts, each once; those of the same kind opened, those that say nothing left out."""
    kept: dict[Condition, None] = {}
    for part in map(simplify, parts):
        if part != empty:
            kept.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return tuple(kept)


def _joined(operator: str, parts: list[dict[str, Json]]) -> dict[str, Json]:
    """An empty list would make the engine loop for ever."""
    if not parts:
        raise ValueError(f"empty {operator}: simplify the condition first")
    return parts[0] if len(parts) == 1 else {operator: parts}
