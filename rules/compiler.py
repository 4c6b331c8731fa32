"""Reads decisions.toml: each `[[rule]]` becomes a Rule whose condition is checked and closed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any as Toml

from rules.conditions import (
    ALWAYS,
    MAX_BREADTH,
    MAX_GROUPS,
    NEVER,
    All,
    Among,
    Any,
    Between,
    Condition,
    breadth,
    engine_form,
    groups,
    negate,
    simplify,
)
from rules.errors import nearest
from rules.facts import EVENTS, FACTS, Fact, Value, allowed
from rules.limits import RANGES, Limits
from rules.messages import Messages
from rules.source import Block, Source

#: The engine is not to be trusted beyond this.
MAX_RULES = 200

_KEYS = ("id", "priority", "when", "event", "notices", "why")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_WORD_TESTS = ("in", "not", "not_in")
_COUNT_TESTS = ("at_least", "at_most", "more_than", "less_than", "not", "in", "not_in")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when `when` holds, ask the machine for `event` (if any) and tell the assistant `notices`."""

    id: str
    when: Condition
    event: str | None
    notices: tuple[str, ...]
    why: str
    line: int


def read_rules(source: Source, limits: Limits, messages: Messages) -> tuple[Rule, ...]:
    """The rules in `source`, first to match first; mistakes are noted in it and such rules left out.

    A rule stands where it stands in the file, or at its `priority`: 3 puts it ahead of the third rule.
    """
    source.unknown_keys(source.data, ("rule",), None, source.block())
    tables = source.data.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        source.report(source.block().line_of("rule"), None, "rule", "rules are written as [[rule]]")
        return ()
    if len(tables) > MAX_RULES:
        source.report(None, None, None, f"{len(tables)} rules: no more than {MAX_RULES} can be used")
    placed: list[tuple[int, bool, int, Rule]] = []
    seen: dict[str, int] = {}
    for index, table in enumerate(tables):
        block = source.block("[[rule]]", index)
        reader = _RuleReader(source, block, f"rule {table.get('id', index + 1)}", limits, messages)
        rule = reader.read(table)
        if rule.id in seen:
            reader.wrong("id", f"the rule at line {seen[rule.id]} has the same id")
        seen.setdefault(rule.id, rule.line)
        priority = reader.priority(table.get("priority"), index + 1)
        placed.append((priority, "priority" not in table, index, rule))
    return tuple(rule for *_, rule in sorted(placed, key=lambda place: place[:3]))


@dataclass(frozen=True, slots=True)
class _RuleReader:
    """Reads one table and notes what is wrong with it."""

    source: Source
    block: Block
    subject: str
    limits: Limits
    messages: Messages

    def wrong(self, key: str, text: str, *, at: str | None = None) -> None:
        self.source.report(self.block.line_of(at or key), self.subject, key, text)

    def read(self, table: Mapping[str, Toml]) -> Rule:
        self.source.unknown_keys(table, _KEYS, self.subject, self.block)
        if not (isinstance(id_ := table.get("id"), str) and _ID.fullmatch(id_)):
            self.wrong("id", "it must be a name of small letters, digits and _")
        if not (isinstance(why := table.get("why"), str) and why.strip()):
            self.wrong("why", "say in plain words what the rule is for")
        event, notices = self.event(table.get("event")), self.notices(table.get("notices", []))
        if "event" not in table and not table.get("notices"):
            self.wrong("event", "the rule does nothing: it needs an event, notices, or both")
        return Rule(str(id_), self.when(table.get("when")), event, notices, str(why), self.block.first)

    def priority(self, value: object, position: int) -> int:
        if value is None:
            return position
        if type(value) is int and value >= 1:
            return value
        self.wrong("priority", f"it cannot be {value!r}: it must be a whole number from 1")
        return position

    def event(self, value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, str) and value in EVENTS:
            return value
        hint = nearest(value, EVENTS) or f"; known are {', '.join(EVENTS)}"
        self.wrong("event", f"{value!r} is no event{hint}")
        return None

    def notices(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(notice, str) for notice in value):
            self.wrong("notices", "it must be a list of ids of messages")
            return ()
        for notice in value:
            if notice not in self.messages:
                self.wrong("notices", f"there is no message {notice!r}{nearest(notice, self.messages.texts)}")
        return tuple(value)

    def when(self, value: object) -> Condition:
        if not isinstance(value, dict) or not value:
            self.wrong("when", "it must be a table with at least one fact")
            return NEVER
        before = len(self.source.problems)
        condition = simplify(self.table(value))
        if len(self.source.problems) == before:
            if condition == NEVER:
                self.wrong("when", "it can never hold")
            elif condition == ALWAYS:
                self.wrong("when", "it always holds: leave out what says nothing, or name a fact")
            elif (count := groups(engine_form(condition))) > MAX_GROUPS:
                self.wrong(
                    "when",
                    f"too intricate: {count} groups of alternatives or ranges within each other, "
                    f"and no more than {MAX_GROUPS} can be used; split the rule",
                )
            elif (width := breadth(condition)) > MAX_BREADTH:
                self.wrong(
                    "when",
                    f"too many alternatives: {width}, and no more than {MAX_BREADTH} can be used; split the rule",
                )
        return condition

    def table(self, table: Mapping[str, Toml]) -> Condition:
        return All(tuple(self.entry(key, value) for key, value in table.items()))

    def entry(self, key: str, value: Toml) -> Condition:
        if key in ("all", "any", "none"):
            if not isinstance(value, list) or not value or not all(isinstance(x, dict) and x for x in value):
                self.wrong(key, "it must be a list of tables, each with at least one fact")
                return NEVER
            parts = tuple(self.table(part) for part in value)
            joined: dict[str, Condition] = {"all": All(parts), "any": Any(parts), "none": negate(Any(parts))}
            return joined[key]
        if key not in FACTS:
            self.wrong(key, f"unknown fact{nearest(key, [*FACTS, 'all', 'any', 'none'])}")
            return NEVER
        fact = FACTS[key]
        if isinstance(value, dict):
            return self.tests(fact, value)
        if isinstance(value, list):
            self.wrong(key, "for one of several values write { in = [...] }")
            return NEVER
        return self.equal(fact, [value])

    def tests(self, fact: Fact, tests: Mapping[str, Toml]) -> Condition:
        known = _WORD_TESTS if fact.values else _COUNT_TESTS
        if not tests:
            self.wrong(fact.name, f"it needs one of {', '.join(known)}")
        parts: list[Condition] = []
        for test, value in tests.items():
            if test not in known:
                hint = nearest(test, known) or f"; known for it are {', '.join(known)}"
                self.wrong(fact.name, f"{test!r} is no test of a {fact.kind}{hint}")
            elif test in ("in", "not_in") and (not isinstance(value, list) or not value):
                self.wrong(fact.name, f"{test!r} needs a list of values")
            elif test == "not" and isinstance(value, list):
                self.wrong(fact.name, "'not' needs one value; for several write { not_in = [...] }")
            elif test in ("in", "not_in", "not"):
                found = self.equal(fact, value if isinstance(value, list) else [value])
                parts.append(found if test == "in" else negate(found))
            elif (number := self.number(fact, value)) is not None:
                parts.append(
                    {
                        "at_least": Between(fact.name, number, None),
                        "at_most": Between(fact.name, 0, number),
                        "more_than": Between(fact.name, number + 1, None),
                        "less_than": Between(fact.name, 0, number - 1),
                    }[test]
                )
        return All(tuple(parts))

    def equal(self, fact: Fact, values: list[Toml]) -> Condition:
        """The fact is one of `values`, each of the right type and allowed."""
        if not fact.values:
            numbers = [self.number(fact, value) for value in values]
            return Any(tuple(Between(fact.name, n, n) for n in numbers if n is not None))
        for value in values:
            if not fact.accepts(value):
                words = [str(word).lower() for word in fact.values]
                hint = nearest(value, words) if isinstance(value, str) else ""
                self.wrong(fact.name, f"it cannot be {_shown(value)}: {allowed(fact)}{hint}")
        chosen: tuple[Value, ...] = tuple(
            word for word in fact.values if fact.accepts(word) and word in values
        )
        return Among(fact.name, chosen)

    def number(self, fact: Fact, value: Toml) -> int | None:
        """A count, or the limit of that name."""
        if isinstance(value, str):
            if value in RANGES:
                return self.limits.number(value)
            hint = nearest(value, RANGES) or f"; known are {', '.join(RANGES)}"
            self.wrong(fact.name, f"{value!r} is no limit{hint}")
            return None
        if fact.accepts(value):
            return int(value)
        self.wrong(fact.name, f"it cannot be {_shown(value)}: {allowed(fact)}, or the name of a limit")
        return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
