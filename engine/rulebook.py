"""The rules a call goes by, ready to use: decider, texts, limits and phrases of one version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.understanding.acts import Phrases
from rules.decider import Decider
from rules.limits import Limits
from rules.messages import Messages
from rules.ruleset import RuleSet, load


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One version of the rules. A call keeps the rulebook it began with."""

    decider: Decider
    messages: Messages
    limits: Limits
    phrases: Phrases
    prompt: str
    extraction: str
    version: str

    @staticmethod
    def read(directory: Path | str) -> Rulebook:
        """The rules in `directory`. Raises rules.errors.RulesError with every mistake found."""
        return Rulebook.of(load(directory))

    @staticmethod
    def of(ruleset: RuleSet) -> Rulebook:
        """A loaded set of rules, made ready."""
        return Rulebook(
            decider=Decider(ruleset.decisions),
            messages=ruleset.messages,
            limits=ruleset.limits,
            phrases=Phrases.of(ruleset.acts),
            prompt=ruleset.prompt,
            extraction=ruleset.extraction,
            version=ruleset.version,
        )
