"""The shipped files, edited in fifty random ways and read as any other: no edit books what nobody agreed to.

A bad edit may make the assistant slow, deaf or tedious. Every example is played under one of the edits.
"""

from __future__ import annotations

import random
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench._oracle import as_file, as_toml
from engine.rulebook import Rulebook
from fsm.booking import BookingMachine
from rules.decider import Decider
from rules.errors import RuleFileError
from rules.facts import EVENTS, FACTS
from rules.limits import EXTRA_DETAILS, RANGES
from rules.ruleset import RuleSet, load
from tests.dialogues import EXAMPLES, RULES, agreed, example, harm, name_of, play, shipped_rulebook
from tests.dialogues import shipped as unedited

EDITS = 50
BATCHES = 10
MOST_TRIES = 60
Table = dict[str, Any]
Files = dict[str, Table]

NO_YES = (
    *(
        "no",
        "non so",
        "forse",
        "non",
        "ma",
        "però",
        "aspetti",
        "un attimo",
        "magari",
        "boh",
        "anzi",
        "non va bene",
    ),
    *(
        "ci penso",
        "le faccio sapere",
        "non confermo",
        "credo di sì",
        "penso di sì",
        "mah",
        "dipende",
        "vediamo",
    ),
)


def shipped() -> Files:
    """The tables of the shipped files."""
    return {path.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in RULES.glob("*.toml")}


# --- Edits: each changes the tables a little, as somebody in a hurry might -----------------------------------


def drop_rules(files: Files, chance: random.Random) -> None:
    rules = files["decisions.toml"]["rule"]
    for _ in range(chance.choice((1, 2, 8))):
        rules.pop(chance.randrange(len(rules)))


def drop_conditions(files: Files, chance: random.Random) -> None:
    for rule in chance.sample(files["decisions.toml"]["rule"], chance.choice((1, 4, 12))):
        if len(rule["when"]) > 1:
            rule["when"].pop(chance.choice(sorted(rule["when"])))


def other_values(files: Files, chance: random.Random) -> None:
    for rule in chance.sample(files["decisions.toml"]["rule"], chance.choice((1, 4, 12))):
        name = chance.choice(sorted(name for name in rule["when"] if name in FACTS))
        rule["when"][name] = chance.choice(FACTS[name].values) if FACTS[name].values else chance.randrange(3)


def swap_events(files: Files, chance: random.Random) -> None:
    rules = [rule for rule in files["decisions.toml"]["rule"] if "event" in rule]
    for _ in range(chance.choice((1, 3))):
        one, other = chance.sample(rules, 2)
        one["event"], other["event"] = other["event"], one["event"]


def other_events(files: Files, chance: random.Random) -> None:
    for rule in chance.sample(files["decisions.toml"]["rule"], chance.choice((1, 3, 10))):
        rule["event"] = chance.choice(("conferma", "completa", "successo", *EVENTS))


def move_rules(files: Files, chance: random.Random) -> None:
    for rule in chance.sample(files["decisions.toml"]["rule"], chance.choice((1, 5, 20))):
        rule["priority"] = chance.randrange(1, 30)


def eager_rules(files: Files, chance: random.Random) -> None:
    """An event asked for in every stage that takes it, whatever was said."""
    stages = {"conferma": "dati_completi", "completa": "raccolta_dati", "successo": "confermato"}
    rules = files["decisions.toml"]["rule"]
    rules[:] = [rule for rule in rules if rule.get("event") not in stages]  # these would never be reached
    for event, stage in stages.items():
        rule = {"id": f"subito_{event}", "when": {"stage": stage}, "event": event, "why": "sì"}
        rules.insert(chance.randrange(3), rule)


def other_limits(files: Files, chance: random.Random) -> None:
    limits = files["limits.toml"]
    limits.update({name: chance.randint(*bounds) for name, bounds in RANGES.items()})
    for caller in limits["required"].values():
        for direction in caller:
            caller[direction] = chance.sample(EXTRA_DETAILS, chance.randrange(3))


def swap_messages(files: Files, chance: random.Random) -> None:
    """Notices told in the wrong place."""
    rules = [rule for rule in files["decisions.toml"]["rule"] if "notices" in rule]
    for _ in range(6):
        one, other = chance.sample(rules, 2)
        one["notices"], other["notices"] = other["notices"], one["notices"]


def no_is_yes(files: Files, chance: random.Random) -> None:
    """Words of no, doubt and waiting listed among those of assent."""
    listed = files["phrases.toml"]["affirm"]
    for phrase in chance.sample(NO_YES, 6):
        listed[chance.choice(("phrases", "explicit"))].append(phrase)


def phrases_elsewhere(files: Files, chance: random.Random) -> None:
    """Everything said to deny, doubt, correct, wait or give up becomes a yes, or is forgotten."""
    phrases = files["phrases.toml"]
    for act in chance.sample(
        ("deny", "hedge", "correct", "hold_on", "drop", "backchannel"), chance.choice((1, 2, 6))
    ):
        moved = [*phrases[act]["phrases"], *phrases[act]["explicit"]]
        phrases[act] = {"phrases": [], "explicit": []}
        if chance.random() < 0.7:
            phrases["affirm"][chance.choice(("phrases", "explicit"))] += moved


def drop_phrases(files: Files, chance: random.Random) -> None:
    for act, listed in files["phrases.toml"].items():
        if act != "words":
            for key in listed:
                listed[key] = [phrase for phrase in listed[key] if chance.random() < 0.7]


ALL: tuple[Callable[[Files, random.Random], None], ...] = (
    *(drop_rules, drop_conditions, other_values, swap_events, other_events, move_rules, eager_rules),
    *(other_limits, swap_messages, no_is_yes, phrases_elsewhere, drop_phrases),
)


def edited(number: int, folder: Path) -> tuple[Rulebook, list[str]]:
    """The rulebook of the edit of that number, and what was done. An edit that is refused is made differently."""
    chance = random.Random(number)
    for _ in range(MOST_TRIES):
        files = shipped()
        # Each kind leads in its turn; others may join it.
        kinds = [ALL[number % len(ALL)], *chance.sample(ALL, chance.randrange(3))]
        for kind in kinds:
            kind(files, chance)
        write(files, folder)
        try:
            return rulebook_of(load(folder)), [kind.__name__ for kind in kinds]
        except RuleFileError:
            continue
    raise AssertionError(f"edit {number}: the files were refused {MOST_TRIES} times")


def rulebook_of(ruleset: RuleSet) -> Rulebook:
    """Phrases that nobody has changed are not made ready again, which takes longest."""
    if ruleset.acts != unedited().acts:
        return Rulebook.of(ruleset)
    decider = Decider(ruleset.decisions)
    return replace(shipped_rulebook(), decider=decider, limits=ruleset.limits, messages=ruleset.messages)


def write(files: Files, folder: Path) -> None:
    if not folder.exists():
        shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("examples"))
    for name, tables in files.items():
        text = as_file(tables["rule"]) if name == "decisions.toml" else ""
        text += "".join(f"{key} = {as_toml(value)}\n" for key, value in tables.items() if key != "rule")
        (folder / name).write_text(text, encoding="utf-8")


def test_written_anew_the_shipped_files_say_the_same(tmp_path: Path) -> None:
    write(shipped(), tmp_path / "it")
    anew, before = load(tmp_path / "it"), load(RULES)
    assert [(rule.id, rule.when, rule.event) for rule in anew.decisions] == [
        (rule.id, rule.when, rule.event) for rule in before.decisions
    ]
    assert (anew.limits, anew.acts) == (before.limits, before.acts)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_edit_books_what_nobody_agreed_to(batch: int, tmp_path: Path) -> None:
    wrong = {}
    for number in range(batch, EDITS, BATCHES):
        rulebook, kinds = edited(number, tmp_path / f"it{number}")
        for path in EXAMPLES[number::EDITS]:
            if found := harm(path, play(example(path), rulebook)):
                wrong[f"{name_of(path)} under edit {number}: {', '.join(kinds)}"] = found
    assert wrong == {}


def test_without_the_guard_of_the_readback_an_edit_does_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is the machine that holds, and the test above would see it if it did not."""
    files = shipped()
    eager_rules(files, random.Random(1))
    write(files, tmp_path / "it")
    rulebook = rulebook_of(load(tmp_path / "it"))
    doubts = [path for path in EXAMPLES if path.parent.name == "hedges"][::3]
    assert not any(harm(path, play(example(path), rulebook)) for path in doubts)
    for path in doubts:
        agreed(path)  # kept for all tests, so not to be learnt from a machine without its guard
    monkeypatch.setattr(BookingMachine, "readback_agreed", lambda self, evidence: True)
    assert any(harm(path, play(example(path), rulebook)) for path in doubts)
