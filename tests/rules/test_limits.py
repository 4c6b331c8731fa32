"""Limits: the shipped ones, what files may add, and mistakes."""

from __future__ import annotations

import pytest

from rules.limits import read_limits
from rules.ruleset import RuleSet
from rules.source import Source

GOOD = """abandon_after = 5
timeout_after = 3
max_failed_commits = 3
[required.client]
inbound = []
[required.lead]
inbound = ["nome", "email"]
"""


def test_the_shipped_limits(ruleset: RuleSet) -> None:
    limits = ruleset.limits
    assert (limits.abandon_after, limits.timeout_after, limits.max_failed_commits) == (5, 3, 3)
    assert set(limits.required.values()) == {frozenset()}


def test_details_are_added_by_caller_and_direction() -> None:
    limits = read_limits(source := Source("l.toml", GOOD))
    assert source.problems == []
    assert limits.extra_details("lead", "inbound") == {"nome", "email"}
    assert (
        limits.extra_details("lead", "outbound") == limits.extra_details("client", "inbound") == frozenset()
    )
    with pytest.raises(KeyError):
        limits.extra_details("nobody", "inbound")


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        (
            "abandon_after = 5\n",
            "",
            "l.toml:1: abandon_after: is missing: it must be a whole number from 1 to 100",
        ),
        (
            "timeout_after = 3",
            "timeout_after = 0",
            "l.toml:2: timeout_after: cannot be 0: it must be a whole",
        ),
        ("timeout_after = 3", "timeout_after = true", "l.toml:2: timeout_after: cannot be True"),
        ("timeout_after = 3", 'timeout_after = "3"', "l.toml:2: timeout_after: cannot be '3'"),
        ("max_failed_commits = 3", "max_failed_commits = 11", "max_failed_commits: cannot be 11"),
        (
            "abandon_after = 5",
            "abandon_after = 5\nabandonafter = 1",
            "l.toml:2: abandonafter: unknown key; did",
        ),
        (
            "[required.lead]",
            "[required.leads]",
            "l.toml:6: required: leads: unknown key; did you mean 'lead'?",
        ),
        (
            'inbound = ["nome"',
            'inbond = ["nome"',
            "l.toml:7: required.lead: inbond: unknown key; did you mean",
        ),
        (
            '"email"]',
            '"emial"]',
            "l.toml:7: required.lead: inbound: 'emial' is no detail that can be added; did",
        ),
        ('"email"]', "7]", "l.toml:7: required.lead: inbound: 7 is no detail that can be added; known are"),
        ('["nome", "email"]', '"nome"', "l.toml:7: required.lead: inbound: it must be a list of telefono"),
        ("[required.client]\ninbound = []", "[required]\nclient = 3", "required.client: it must be a table"),
    ],
)
def test_mistakes_are_told_with_their_line(change: str, to: str, says: str) -> None:
    assert change in GOOD
    read_limits(source := Source("l.toml", GOOD.replace(change, to, 1)))
    assert any(says in str(problem) for problem in source.problems), source.problems
