"""The rules a call goes by, ready to use: decider, texts, limits and phrases of one version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.understanding.acts import Phrases
from rules.decider import Decider, Decision
from rules.limits import Limits
from rules.messages import Messages
from rules.ruleset import RuleSet, load


class Decides(Protocol):
    """What decides by the rules: rules.decider.Decider, or somebody who watches one."""

    def decide(self, facts: Mapping[str, object], fired: Collection[str]) -> Decision:
        """The decision of the first rule that matches `facts` and whose event is not among `fired`."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One version of the rules. A call keeps the rulebook it began with."""

    decider: Decides
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
