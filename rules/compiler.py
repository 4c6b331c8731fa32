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
from rules.errors import closest, known_or_nearest
from rules.facts import COMMANDS, EVENTS, FACTS, Fact, Value, allowed
from rules.limits import RANGES, Limits
from rules.messages import Messages
from rules.positions import Path
from rules.source import Source

#: The engine is not to be trusted beyond this.
MAX_RULES = 200

_KEYS = ("id", "priority", "when", "event", "command", "notices", "why")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_WORD_TESTS = ("in", "not", "not_in")
_COUNT_TESTS = ("at_least", "at_most", "more_than", "less_than", "not", "in", "not_in")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when `when` holds, ask the machine for `event` (if any) and tell the assistant `notices`.

    `command` is what it asks to be done with the call itself, once the notices were told.
    `line` is where it stands in its file, `index` how many rules stand before it there.
    """

    id: str
    when: Condition
    event: str | None
    notices: tuple[str, ...]
    why: str
    line: int
    index: int = 0
    command: str | None = None


def read_rules(source: Source, limits: Limits, messages: Messages | None) -> tuple[Rule, ...]:
    """The rules in `source`, first to match first; mistakes are noted in it and such rules left out.

    A rule stands where it stands in the file, or at its `priority`: 3 puts it ahead of the third rule. Without
    `messages`, since they could not be read, nobody asks whether a notice is among them.
    """
    source.unknown_keys(source.data, ("rule",), (), None)
    tables = source.data.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        source.report(("rule",), None, "rule", "rules are written as [[rule]]")
        return ()
    if len(tables) > MAX_RULES:
        text = f"{len(tables)} rules: no more than {MAX_RULES} can be used"
        source.report(("rule", MAX_RULES), None, None, text)
    placed: list[tuple[int, bool, int, Rule]] = []
    seen: dict[str, int] = {}
    for index, table in enumerate(tables):
        before = len(source.problems)
        reader = _RuleReader(source, ("rule", index), f"rule {table.get('id', index + 1)}", limits, messages)
        rule = reader.read(table, index)
        if rule.id in seen:
            reader.wrong("id", f"the rule at line {seen[rule.id]} has the same id")
        seen.setdefault(rule.id, rule.line)
        priority = reader.priority(table.get("priority"), index + 1)
        if len(source.problems) == before:
            placed.append((priority, "priority" not in table, index, rule))
    return tuple(rule for *_, rule in sorted(placed, key=lambda place: place[:3]))


@dataclass(frozen=True, slots=True)
class _RuleReader:
    """Reads the table at `path` and notes what is wrong with it."""

    source: Source
    path: Path
    subject: str
    limits: Limits
    messages: Messages | None

    def wrong(self, key: str, text: str, nearest: str | None = None, *, at: Path = ()) -> None:
        """Something is wrong with `key`, which stands at `at` in the rule's table, or as a key of it."""
        self.source.report((*self.path, *(at or (key,))), self.subject, key, text, nearest)

    def read(self, table: Mapping[str, Toml], index: int) -> Rule:
        self.source.unknown_keys(table, _KEYS, self.path, self.subject)
        if not (isinstance(id_ := table.get("id"), str) and _ID.fullmatch(id_)):
            self.wrong("id", "it must be a name of small letters, digits and _")
        if not (isinstance(why := table.get("why"), str) and why.strip()):
            self.wrong("why", "say in plain words what the rule is for")
        event, notices = self.event(table.get("event")), self.notices(table.get("notices", []))
        if "event" not in table and "command" not in table and not table.get("notices"):
            self.wrong("event", "the rule does nothing: it needs an event, a command or notices")
        when, command = self.when(table.get("when")), self.command(table.get("command"))
        return Rule(str(id_), when, event, notices, str(why), self.source.line(*self.path), index, command)

    def priority(self, value: object, position: int) -> int:
        if value is None:
            return position
        if type(value) is int and value >= 1:
            return value
        self.wrong("priority", f"it cannot be {shown(value)}: it must be a whole number from 1")
        return position

    def event(self, value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, str) and value in EVENTS:
            return value
        rest, nearest = known_or_nearest(value, EVENTS)
        self.wrong("event", f"{value!r} is no event{rest}", nearest)
        return None

    def command(self, value: object) -> str | None:
        if value is None or (isinstance(value, str) and value in COMMANDS):
            return value
        rest, nearest = known_or_nearest(value, COMMANDS)
        self.wrong("command", f"{value!r} is no command{rest}", nearest)
        return None

    def notices(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(notice, str) for notice in value):
            self.wrong("notices", "it must be a list of ids of messages")
            return ()
        for number, notice in enumerate(value):
            if self.messages is not None and notice not in self.messages:
                text, word = f"there is no message {notice!r}", closest(notice, self.messages.texts)
                self.wrong("notices", text, word, at=("notices", number))
        return tuple(value)

    def when(self, value: object) -> Condition:
        if not isinstance(value, dict) or not value:
            self.wrong("when", "it must be a table with at least one fact")
            return NEVER
        before = len(self.source.problems)
        condition = simplify(self.table(value, ("when",)))
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

    def table(self, table: Mapping[str, Toml], at: Path) -> Condition:
        return All(tuple(self.entry(key, value, (*at, key)) for key, value in table.items()))

    def entry(self, key: str, value: Toml, at: Path) -> Condition:
        if key in ("all", "any", "none"):
            if not isinstance(value, list) or not value or not all(isinstance(x, dict) and x for x in value):
                self.wrong(key, "it must be a list of tables, each with at least one fact", at=at)
                return NEVER
            parts = tuple(self.table(part, (*at, number)) for number, part in enumerate(value))
            joined: dict[str, Condition] = {"all": All(parts), "any": Any(parts), "none": negate(Any(parts))}
            return joined[key]
        if key not in FACTS:
            self.wrong(key, "unknown fact", closest(key, [*FACTS, "all", "any", "none"]), at=at)
            return NEVER
        fact = FACTS[key]
        if isinstance(value, dict):
            return self.tests(fact, value, at)
        if isinstance(value, list):
            self.wrong(key, "for one of several values write { in = [...] }", at=at)
            return NEVER
        return self.equal(fact, {at: value})

    def tests(self, fact: Fact, tests: Mapping[str, Toml], at: Path) -> Condition:
        known = _WORD_TESTS if fact.values else _COUNT_TESTS
        if not tests:
            self.wrong(fact.name, f"it needs one of {', '.join(known)}", at=at)
        parts: list[Condition] = []
        for test, value in tests.items():
            here = (*at, test)
            if test not in known:
                nearest = closest(test, known)
                rest = "" if nearest else f"; known for it are {', '.join(known)}"
                self.wrong(fact.name, f"{test!r} is no test of a {fact.kind}{rest}", nearest, at=here)
            elif test in ("in", "not_in") and (not isinstance(value, list) or not value):
                self.wrong(fact.name, f"{test!r} needs a list of values", at=here)
            elif test == "not" and isinstance(value, list):
                self.wrong(fact.name, "'not' needs one value; for several write { not_in = [...] }", at=here)
            elif test in ("in", "not_in", "not"):
                listed = enumerate(value) if isinstance(value, list) else ()
                places = {(*here, number): one for number, one in listed} or {here: value}
                found = self.equal(fact, places)
                parts.append(found if test == "in" else negate(found))
            elif (number := self.number(fact, value, here)) is not None:
                parts.append(
                    {
                        "at_least": Between(fact.name, number, None),
                        "at_most": Between(fact.name, 0, number),
                        "more_than": Between(fact.name, number + 1, None),
                        "less_than": Between(fact.name, 0, number - 1),
                    }[test]
                )
        return All(tuple(parts))

    def equal(self, fact: Fact, values: Mapping[Path, Toml]) -> Condition:
        """The fact is one of `values`, each of the right type and allowed; they are told by where they stand."""
        if not fact.values:
            numbers = [self.number(fact, value, at) for at, value in values.items()]
            return Any(tuple(Between(fact.name, n, n) for n in numbers if n is not None))
        for at, value in values.items():
            if not fact.accepts(value):
                words = [str(word).lower() for word in fact.values]
                nearest = closest(value, words) if isinstance(value, str) else None
                text = f"it cannot be {shown(value)}: {allowed(fact)}"
                self.wrong(fact.name, text, nearest, at=at)
        chosen: tuple[Value, ...] = tuple(
            word for word in fact.values if fact.accepts(word) and word in values.values()
        )
        return Among(fact.name, chosen)

    def number(self, fact: Fact, value: Toml, at: Path) -> int | None:
        """A count, or the limit of that name."""
        if isinstance(value, str):
            if value in RANGES:
                return self.limits.number(value)
            rest, nearest = known_or_nearest(value, RANGES)
            self.wrong(fact.name, f"{value!r} is no limit{rest}", nearest, at=at)
            return None
        if fact.accepts(value):
            return int(value)
        text = f"it cannot be {shown(value)}: {allowed(fact)}, or the name of a limit"
        self.wrong(fact.name, text, at=at)
        return None


def shown(value: object) -> str:
    """A value as it stands in the file."""
    return str(value).lower() if isinstance(value, bool) else repr(value)
