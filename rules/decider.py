"""Asks durable_rules which rule matches. No other file imports it, since only used in this way is it right.

One engine host for each set of rules, without its timer threads; one session; one event for each question, with a
nonce and every fact the rules asked look at; a last rule that always matches; and a check that exactly one rule
answered. Since the engine can follow only so many tests side by side, many rules are asked in batches, one after the
other. Most rules are for some stages only: each stage has batches of its own, of the rules that can hold in it, with
what they say of the stage left out. What a question costs is mostly how much is written into its event.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from durable import engine

from rules.compiler import MAX_RULES, Rule
from rules.conditions import (
    ALWAYS,
    MAX_BREADTH,
    NEVER,
    breadth,
    engine_form,
    mentioned,
    settled,
    simplify,
)
from rules.errors import DecisionError
from rules.facts import EVENTS, FACTS, Value, check_facts

_NONCE = "nonce"
_NOTHING = "_nothing"
_STAGE = "stage"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules propose. Without a matching rule all but `notices` and `why` are None, and these are empty."""

    rule: str | None
    event: str | None
    notices: tuple[str, ...]
    why: str
    command: str | None = None


_NO_DECISION = Decision(None, None, (), "")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rules that are asked together. `facts`: all they look at; `events`: what they propose, with the engine's name."""

    name: str
    facts: tuple[str, ...]
    events: tuple[tuple[str, str], ...]


class Decider:
    """Decides by one set of rules. Safe to use from several threads; one decision at a time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """`rules` as read, first to match first. Raises DecisionError for any the engine does not take."""
        if len(rules) > MAX_RULES:
            raise DecisionError(f"{len(rules)} rules: no more than {MAX_RULES} can be used")
        self._decisions = {
            rule.id: Decision(rule.id, rule.event, rule.notices, rule.why, rule.command) for rule in rules
        }
        self._lock = threading.Lock()
        self._nonces = itertools.count()
        self._answers: list[tuple[str, object]] = []
        self._host = _Host()
        self._batches: dict[Value, list[_Batch]] = {}
        definitions: dict[str, Any] = {}
        for stage in FACTS[_STAGE].values:
            self._batches[stage] = []
            for count, batch in enumerate(_batches(_in_stage(rules, stage))):
                name = f"{stage}_{count}"
                self._batches[stage].append(_Batch(name, *_looked_at(batch)))
                definitions[name] = {
                    rule.id: self._definition(rule.id, rank, _conditions(rule))
                    for rank, rule in enumerate(batch, start=1)
                }
                definitions[name][_NOTHING] = self._definition(_NOTHING, len(batch) + 1, [])
        try:
            self._host.set_rulesets(definitions)
        except Exception as error:
            raise DecisionError(f"the rule engine does not take these rules: {error}") from error

    def decide(self, facts: Mapping[str, object], fired: Collection[str]) -> Decision:
        """The decision of the first rule that matches `facts` and whose event is not yet among `fired`.

        facts: those of the table in rules/facts.py; what is left out has its default.
        fired: events proposed so far in this analysis, whether the machine moved or refused.

        Raises FactError for facts that cannot be, DecisionError when the engine is out of step.
        """
        if unknown := set(fired) - set(EVENTS):
            raise DecisionError(f"no such event: {', '.join(sorted(unknown))}")
        checked = check_facts(facts)
        with self._lock:
            for batch in self._batches[checked[_STAGE]]:
                if decision := self._decisions.get(self._ask(batch, checked, fired)):
                    return decision
        return _NO_DECISION

    def _ask(self, batch: _Batch, facts: Mapping[str, Value], fired: Collection[str]) -> str:
        """The id of the rule of `batch` that answers."""
        nonce = f"n{next(self._nonces)}"
        event: dict[str, Value] = {name: facts[name] for name in batch.facts}
        for name, event_name in batch.events:
            event[name] = event_name in fired
        event["sid"], event[_NONCE] = "0", nonce
        self._answers.clear()
        try:
            state = self._host.post(batch.name, event)
        except Exception as error:
            raise DecisionError(f"the rule engine failed: {error}") from error
        if len(self._answers) != 1 or self._answers[0][1] != nonce or not state or "exception" in state:
            raise DecisionError(f"the rule engine is out of step: {self._answers!r} came for {nonce!r}")
        return self._answers[0][0]

    def _definition(self, rule_id: str, rank: int, conditions: list[dict[str, Any]]) -> dict[str, Any]:
        asked = {"$ex": {_NONCE: 1}}
        # The engine changes what it is given, hence the copy.
        match = {"$and": [asked, *copy.deepcopy(conditions)]} if conditions else asked
        return {"pri": rank, "all": [{"m": match}], "run": self._action(rule_id)}

    def _action(self, rule_id: str) -> Callable[[Any], None]:
        def answer(context: Any) -> None:
            # Must neither raise nor touch the engine's state.
            self._answers.append((rule_id, getattr(context.m, _NONCE)))

        return answer


def _fired(event: str) -> str:
    """The name under which the engine is told that `event` has been proposed in this analysis."""
    return f"fired_{event}"


def _conditions(rule: Rule) -> list[dict[str, Any]]:
    """What must hold for `rule`: its own condition, and that its event has not yet been proposed."""
    still_open = [{_fired(rule.event): False}] if rule.event else []
    return still_open if rule.when == ALWAYS else [*still_open, engine_form(rule.when)]


def _in_stage(rules: Sequence[Rule], stage: Value) -> list[Rule]:
    """The rules that can hold in `stage`, in their order, and what else they ask for there."""
    rest = [(rule, simplify(settled(rule.when, _STAGE, stage))) for rule in rules]
    return [replace(rule, when=when) for rule, when in rest if when != NEVER]


def _looked_at(batch: Sequence[Rule]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The facts that `batch` looks at, and the events it proposes, each with its name for the engine.

    All of them must be told: what the engine is not told never matches, not even a "false".
    """
    facts = {name for rule in batch for name in mentioned(rule.when)}
    events = dict.fromkeys(rule.event for rule in batch if rule.event)
    return tuple(sorted(facts)), tuple((_fired(event), event) for event in events)


def _batches(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The rules in their order, cut where one more would be too many side by side; at least one batch."""
    batches: list[list[Rule]] = [[]]
    width = 0
    for rule in rules:
        width += breadth(rule.when)
        if width > MAX_BREADTH and batches[-1]:
            batches.append([])
            width = breadth(rule.when)
        batches[-1].append(rule)
    return batches


class _Host(engine.Host):  # type: ignore[misc]  # durable has no types
    """A host without timer threads: they race with posts and crash the process."""

    def _run(self) -> None:
        return
