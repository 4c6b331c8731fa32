"""Whether conditions can hold together is told exactly, and the facts that show it are right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import reach
from rules.compiler import Rule
from rules.conditions import NEVER, All, Among, Between, Condition, simplify
from rules.conditions import Any as Any_
from rules.decider import Decider
from rules.facts import FACTS, Value
from rules.reach import IntricateError, Space

SMALL = {"drop": (False, True), "task": FACTS["task"].values, "missing": range(5), "silent": range(5)}


def example(hold: Sequence[Condition], fail: Sequence[Condition]) -> dict[str, Value] | None:
    return Space([*hold, *fail]).example(hold, fail)


def holds(condition: Condition, facts: dict[str, Any]) -> bool:
    match condition:
        case Among(fact, values):
            return facts[fact] in values
        case Between(fact, low, high):
            return low <= facts[fact] and (high is None or facts[fact] <= high)
        case All(parts):
            return all(holds(part, facts) for part in parts)
        case Any_(parts):
            return any(holds(part, facts) for part in parts)


tests_: st.SearchStrategy[Condition] = st.one_of(
    st.sets(st.sampled_from(FACTS["task"].values)).map(lambda v: Among("task", tuple(v))),
    st.sets(st.booleans()).map(lambda v: Among("drop", tuple(v))),
    st.builds(
        Between, st.sampled_from(["missing", "silent"]), st.integers(0, 4), st.none() | st.integers(0, 3)
    ),
)
conditions = st.recursive(
    tests_,
    lambda inner: st.builds(
        lambda kind, parts: kind(tuple(parts)), st.sampled_from([All, Any_]), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(conditions, max_size=3), st.lists(conditions, max_size=4))
def test_it_agrees_with_trying_everything(hold: list[Condition], fail: list[Condition]) -> None:
    possible = any(
        all(holds(c, facts) for c in hold) and not any(holds(c, facts) for c in fail)
        for values in itertools.product(*SMALL.values())
        if (facts := dict(zip(SMALL, values, strict=True)))
    )
    found = example(hold, fail)
    assert (found is not None) is possible
    if found is not None:
        assert all(holds(c, found) for c in hold)
        assert not any(holds(c, found) for c in fail)


@given(st.lists(conditions, min_size=1, max_size=6))
def test_a_rule_is_reached_exactly_when_the_engine_ever_reaches_it(whens: list[Condition]) -> None:
    whens = [when for when in map(simplify, whens) if when not in (NEVER, All(()))]
    rules = [Rule(f"r{n}", when, None, ("n",), "x", 1) for n, when in enumerate(whens)]
    decider = Decider(rules)
    for rank, rule in enumerate(rules):
        facts = example([rule.when], [other.when for other in rules[:rank]])
        if facts is not None:
            assert decider.decide(facts, ()).rule == rule.id


@given(conditions, conditions)
def test_what_is_plainly_apart_never_holds_together(one: Condition, other: Condition) -> None:
    space = Space([one, other])
    if space.apart(one, other):
        assert space.example([one, other]) is None


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Any_((Among("drop", (n % 2 == 0,)), Between("missing", n, n))) for n in range(4)]
    assert example(pairs, []) is None
    monkeypatch.setattr(reach, "MOST_STEPS", 2)
    with pytest.raises(IntricateError):
        example(pairs, [])
