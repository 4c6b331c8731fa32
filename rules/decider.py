"""Asks durable_rules which rule matches. No other file imports it, since only used in this way is it right.

One engine host for each set of rules, without its timer threads; one session; one event for each question,
carrying every fact and a nonce; a last rule that always matches; and a check that exactly one rule answered.
Since the engine can follow only so many tests side by side, many rules are asked in batches, one after the other.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable import engine

from rules.compiler import MAX_RULES, Rule
from rules.conditions import MAX_BREADTH, breadth, engine_form
from rules.errors import DecisionError
from rules.facts import EVENTS, check_facts

_NONCE = "nonce"
_NOTHING = "_nothing"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules propose. Without a matching rule, `rule` and `event` are None and `notices` is empty."""

    rule: str | None
    event: str | None
    notices: tuple[str, ...]
    why: str


_NO_DECISION = Decision(None, None, (), "")


class Decider:
    """Decides by one set of rules. Safe to use from several threads; one decision at a time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """`rules` as read, first to match first. Raises DecisionError for any the engine does not take."""
        if len(rules) > MAX_RULES:
            raise DecisionError(f"{len(rules)} rules: no more than {MAX_RULES} can be used")
        self._decisions = {rule.id: Decision(rule.id, rule.event, rule.notices, rule.why) for rule in rules}
        self._lock = threading.Lock()
        self._nonces = itertools.count()
        self._answers: list[tuple[str, object]] = []
        self._host = _Host()
        self._batches: list[str] = []
        definitions: dict[str, Any] = {}
        for count, batch in enumerate(_batches(rules)):
            name = f"decisions_{count}"
            self._batches.append(name)
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
        event: dict[str, object] = dict(check_facts(facts))
        event.update({_fired(name): name in fired for name in EVENTS})
        with self._lock:
            for batch in self._batches:
                if decision := self._decisions.get(self._ask(batch, event)):
                    return decision
        return _NO_DECISION

    def _ask(self, batch: str, event: Mapping[str, object]) -> str:
        """The id of the rule of `batch` that answers to `event`."""
        nonce = f"n{next(self._nonces)}"
        self._answers.clear()
        try:
            state = self._host.post(batch, {**event, "sid": "0", _NONCE: nonce})
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
    return [*still_open, engine_form(rule.when)]


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


class _Host(engine.Host):  # type: ignore[misc]
    """A host without timer threads: they race with posts and crash the process."""

    def _run(self) -> None:
        return
