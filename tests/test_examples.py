"""The shipped examples: they come true, each rule is needed for one, and no other rules book beyond them."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.rehearsal import Dialogue
from engine.rulebook import Rulebook
from rules.compiler import Rule
from rules.facts import EVENTS
from rules.ruleset import load
from tests.dialogues import (
    EXAMPLES,
    FEW,
    RULES,
    baseline,
    example,
    harm,
    name_of,
    play,
    rulebook_of,
    shipped,
    starts,
)

NAMES = [name_of(path) for path in EXAMPLES]
# A written dialogue has no calendar; tests/calls/test_calendars.py plays what comes of one.
OF_A_CALENDAR = {"link_pronto"}
RULE_IDS = [rule.id for rule in shipped().decisions if rule.id not in OF_A_CALENDAR]


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_it_comes_true(path: Path) -> None:
    outcome, _ = baseline(path)
    assert outcome["problems"] == []


def test_the_scenarios_of_the_domain_are_all_there() -> None:
    letters = [path.stem[0] for path in EXAMPLES if path.parent.name == "scenarios"]
    assert letters == list("abcdefgh")


@pytest.mark.parametrize("path", FEW, ids=name_of)
def test_played_again_it_comes_to_the_same(path: Path) -> None:
    """The same words under the same rules always come to the same, notices and transitions included."""
    assert play(example(path), rulebook_of(shipped().decisions)).as_json(name_of(path)) == baseline(path)[0]


# --- No part is bypassed ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def no_rules(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    folder = tmp_path_factory.mktemp("rules") / "it"
    shutil.copytree(RULES, folder)
    (folder / "decisions.toml").write_text("", encoding="utf-8")
    return Rulebook.of(load(folder))


@pytest.mark.parametrize("path", FEW, ids=name_of)
def test_with_an_empty_decisions_toml_nothing_is_ever_booked(path: Path, no_rules: Rulebook) -> None:
    dialogue = example(path)
    outcome = play(dialogue, no_rules)
    assert {booking["start"] for booking in outcome.bookings} == starts(dialogue)[1]
    assert (outcome.cancelled, outcome.transitions, outcome.notices) == ([], [], [])


@pytest.mark.parametrize("rule", RULE_IDS)
def test_taking_out_a_rule_changes_an_example(rule: str) -> None:
    """Only examples in which the rule has won can change, so no others are played again."""
    won = [path for path in EXAMPLES if rule in baseline(path)[1]]
    assert won, f"no example needs {rule}"
    others = rulebook_of(tuple(other for other in shipped().decisions if other.id != rule))
    assert any(play(example(path), others).as_json(name_of(path)) != baseline(path)[0] for path in won)


# --- Bad rules make the assistant slow, never wrong -------------------------------------------------------

CONFERMA_FIRST = ("conferma", *(event for event in EVENTS if event != "conferma"))
ORDERS = {
    "conferma alone": ("conferma",),
    "conferma, then all": CONFERMA_FIRST,
    "the way to a booking": ("interesse", "completa", "conferma", "successo", "modifica"),
    "backwards": tuple(reversed(EVENTS)),
}


def always(events: tuple[str, ...], tmp_path: Path) -> tuple[Rule, ...]:
    """Rules that propose `events` in this order at every turn, whatever the facts are."""
    text = "".join(
        f'[[rule]]\nid = "{event}_{over}"\nwhen = {{ call_over = {over} }}\nevent = "{event}"\nwhy = "sempre"\n'
        for event in events
        for over in ("true", "false")
    )
    folder = tmp_path / "it"
    if not folder.exists():
        shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("examples"))
    (folder / "decisions.toml").write_text(text, encoding="utf-8")
    return load(folder).decisions


@pytest.mark.parametrize("events", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("followed", [True, False], ids=["then the shipped ones", "and no others"])
def test_rules_that_fire_at_once_book_nothing_unexpected(
    events: tuple[str, ...], followed: bool, tmp_path: Path
) -> None:
    rules = rulebook_of(always(events, tmp_path) + (shipped().decisions if followed else ()))
    wrong = {name_of(path): harm(path, play(example(path), rules)) for path in FEW}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_rule_that_fires_conferma_at_once_alone_books_nothing(tmp_path: Path) -> None:
    rules = rulebook_of(always(("conferma",), tmp_path))
    for path in FEW:
        dialogue = example(path)
        outcome = play(dialogue, rules)
        assert {booking["start"] for booking in outcome.bookings} == starts(dialogue)[1], name_of(path)
        assert {step["refused"] for step in outcome.transitions} <= {"not_from_this_stage"}


def without_the_yes(dialogue: Dialogue) -> Dialogue:
    """The dialogue up to its first readback with a question, and no answer."""
    turns = list(dialogue.turns)
    cut = next(
        (at for at, turn in enumerate(turns) if turn.assistant and "conferm" in turn.assistant.lower()),
        len(turns) - 1,
    )
    return dialogue.model_copy(update={"turns": tuple(turns[: cut + 1])})


@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if path.parent.name in ("scenarios", "reschedule", "cancel")],
    ids=name_of,
)
def test_without_the_answer_to_a_readback_no_rules_book(path: Path, tmp_path: Path) -> None:
    """Whatever fires: as long as nobody has said yes to the readback, the agenda is as it was."""
    rules = rulebook_of(always(CONFERMA_FIRST, tmp_path) + shipped().decisions)
    outcome = play(without_the_yes(example(path)), rules)
    assert {booking["start"] for booking in outcome.bookings} == starts(example(path))[1]
    assert outcome.cancelled == []


def mutated(seed: int) -> tuple[Rule, ...]:
    """The shipped rules with some dropped, some with another event, and some elsewhere in the order."""
    chance = random.Random(seed)
    rules = [rule for rule in shipped().decisions if chance.random() > chance.choice((0, 0.1, 0.4))]
    events = [rule.event for rule in rules if rule.event]
    changed = []
    for rule in rules:
        if chance.random() < 0.3:
            rule = replace(rule, event=chance.choice([*events, *EVENTS]))
        changed.append(rule)
    for _ in range(chance.choice((0, 3, 30))):
        if changed:
            changed.insert(chance.randrange(len(changed) + 1), changed.pop(chance.randrange(len(changed))))
    return tuple(changed)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9))
def test_no_mutation_of_the_rules_books_what_nobody_expects(seed: int) -> None:
    rules = rulebook_of(mutated(seed))
    for path in random.Random(seed).sample(FEW, 12):
        assert harm(path, play(example(path), rules)) == [], name_of(path)
