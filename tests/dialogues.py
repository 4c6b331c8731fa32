"""Plays written dialogues, in memory or in a store that is open, under the shipped rules or others."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from engine.rehearsal import Dialogue, Outcome, read_dialogue, rehearse
from engine.rulebook import Rulebook
from rules.compiler import Rule
from rules.decider import Decider, Decision
from rules.ruleset import RuleSet, load
from storage.database import Database
from tests.shared import once

ROOT = Path(__file__).parent.parent
RULES = ROOT / "rules" / "it"
EXAMPLES = tuple(sorted((RULES / "examples").rglob("*.toml")))


def _few(paths: tuple[Path, ...], each: int = 4) -> tuple[Path, ...]:
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    return tuple(
        path
        for folder, inside in folders.items()
        for path in (
            inside
            if folder.name in ("scenarios", "own-bookings")
            else inside[:: max(1, len(inside) // each)][:each]
        )
    )


# A few of each folder, for what plays examples many times over; all where a move or a cancellation may go wrong.
FEW = _few(EXAMPLES)


def name_of(path: Path) -> str:
    """Folder and name of an example, as a test is called."""
    return f"{path.parent.name}/{path.stem}"


@cache
def example(path: Path) -> Dialogue:
    return read_dialogue(path)


@cache
def shipped() -> RuleSet:
    return load(RULES)


@cache
def shipped_rulebook() -> Rulebook:
    return Rulebook.of(shipped())


def rulebook_of(decisions: tuple[Rule, ...]) -> Rulebook:
    """The shipped texts, limits and phrases with other decisions."""
    return replace(shipped_rulebook(), decider=Decider(decisions))


def play(dialogue: Dialogue, rulebook: Rulebook) -> Outcome:
    """The dialogue played in an empty store in memory."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        return play_in(database, dialogue, rulebook)


def play_in(database: Database, dialogue: Dialogue, rulebook: Rulebook) -> Outcome:
    """The dialogue played in an open store with nothing in it."""
    return asyncio.run(rehearse(dialogue, database, rulebook))


@dataclass
class Watched:
    """A decider that remembers which rules have won."""

    decider: Decider
    won: set[str] = field(default_factory=set)

    def decide(self, facts: Mapping[str, object], fired: Collection[str]) -> Decision:
        decision = self.decider.decide(facts, fired)
        if decision.rule is not None:
            self.won.add(decision.rule)
        return decision


@cache
def baseline(path: Path) -> tuple[dict[str, Any], frozenset[str]]:
    """What becomes of an example under the shipped rules, and which of them won in it."""

    def played() -> tuple[dict[str, Any], frozenset[str]]:
        watched: Any = Watched(shipped_rulebook().decider)
        outcome = play(example(path), replace(shipped_rulebook(), decider=watched))
        return outcome.as_json(name_of(path)), frozenset(watched.won)

    return once(f"baseline of {name_of(path)}", played)


def starts(dialogue: Dialogue) -> tuple[set[str], set[str]]:
    """Local starts of the bookings a dialogue expects, and of those that stand in the agenda before it."""
    return (
        {f"{wanted.start:%Y-%m-%dT%H:%M}" for wanted in dialogue.expect.bookings},
        {f"{own.start:%Y-%m-%dT%H:%M}" for own in dialogue.agenda.existing},
    )


@cache
def agreed(path: Path) -> frozenset[str]:
    """Every start that was booked at some time in the example, also one that was moved or given up later on, or that
    would be booked by what was said after an earlier booking, had that not been made."""

    def played() -> frozenset[str]:
        dialogue, found = example(path), set[str]()
        booked_at = [step["turn"] for step in baseline(path)[0]["transitions"] if step["to"] == "completato"]
        for turn in booked_at:
            until = {"turns": dialogue.turns[:turn]}
            # What the extraction model finds is told by numbers of turns, which are others here.
            after: dict[str, Any] = {"turns": dialogue.turns[turn:], "extractor": None}
            for part in (until, after) if any(each.caller for each in after["turns"]) else (until,):
                outcome = play(dialogue.model_copy(update=part), shipped_rulebook())
                found |= {booking["start"] for booking in outcome.bookings}
        return frozenset(found)

    return once(f"agreed in {name_of(path)}", played)


def harm(path: Path, outcome: Outcome) -> list[str]:
    """Bookings the caller of the example never agreed to, and ones that should stand and are gone.

    Not booking at all does no harm.
    """
    expected, existing = starts(example(path))
    found = [booking["start"] for booking in outcome.bookings]
    gone = [f"gone: {start}" for start in existing & expected if start not in found]
    if set(found) <= expected | existing and len(found) <= max(len(expected), len(existing)):
        return gone
    wrong = [f"booked {start}" for start in found if start not in expected | existing | agreed(path)]
    if len(found) > max(len(expected), len(existing), len(agreed(path))):
        wrong.append(f"{len(found)} bookings, {len(expected)} expected")
    return wrong + gone
