"""What can go wrong with the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process


class RulesError(Exception):
    """Base of every error of this package."""


class FactError(RulesError):
    """Raised when facts name something unknown or hold a value they cannot have."""


class DecisionError(RulesError):
    """Raised when the rule engine is out of step: what it answered must not be used."""


class MessageError(RulesError):
    """Raised when a notice is unknown, or its values do not fit its placeholders."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a rule file. `line` is 1-based; `subject` names the rule or table, if any."""

    file: str
    line: int | None
    subject: str | None
    field: str | None
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = [place, self.subject, self.field]
        return ": ".join([part for part in where if part] + [self.text])


class RuleFileError(RulesError):
    """Raised when rule files cannot be used; `problems` holds every mistake found, in order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: object, words: Iterable[str]) -> str:
    """A hint to the likeliest of `words`, to be put after a message; empty when none is near."""
    found = process.extractOne(str(word), list(words), scorer=fuzz.ratio, score_cutoff=60)
    return f"; did you mean {found[0]!r}?" if found else ""
