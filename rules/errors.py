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
    """One mistake in a rule file, or with `warning` something that is allowed but hardly meant.

    `line` and `column` are 1-based; `subject` names the rule or table, if any; `nearest` is the valid word that was
    probably meant.
    """

    file: str
    line: int | None
    subject: str | None
    field: str | None
    text: str
    nearest: str | None = None
    column: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return ": ".join([part for part in (place, self.subject, self.field) if part] + [self.text + hint])

    def as_json(self) -> dict[str, str | int | None]:
        """For tools: one object of `rules check --json`."""
        return {
            "level": "warning" if self.warning else "error",
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "subject": self.subject,
            "field": self.field,
            "problem": self.text,
            "nearest": self.nearest,
        }


class RuleFileError(RulesError):
    """Raised when rule files cannot be used; `problems` holds every mistake found, in order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def closest(word: object, words: Iterable[str]) -> str | None:
    """The likeliest of `words`, when one is near."""
    found = process.extractOne(str(word), list(words), scorer=fuzz.ratio, score_cutoff=60)
    return str(found[0]) if found else None


def nearest(word: object, words: Iterable[str]) -> str:
    """A hint to the likeliest of `words`, to be put after a message; empty when none is near."""
    found = closest(word, words)
    return f"; did you mean {found!r}?" if found else ""


def known_or_nearest(word: object, words: Iterable[str]) -> tuple[str, str | None]:
    """What to put after a message about an unknown `word`: the likeliest of `words`, or else all of them in words."""
    words = list(words)
    found = closest(word, words)
    return ("" if found or not words else f"; known are {', '.join(words)}"), found
