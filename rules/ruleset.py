"""One version of the rules: everything in a folder of rule files, read and checked together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rules.compiler import Rule, read_rules
from rules.errors import Problem, RuleFileError
from rules.limits import Limits, read_limits
from rules.messages import Messages, read_messages
from rules.phrases import PhraseList, read_phrases
from rules.source import Source

DECISIONS, MESSAGES, LIMITS = "decisions.toml", "messages.toml", "limits.toml"
PHRASES, PROMPT, EXTRACTION = "phrases.toml", "prompt.md", "extraction.md"
_NEEDED = (DECISIONS, MESSAGES, LIMITS, PHRASES, PROMPT, EXTRACTION)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What a call goes by, from its first turn to its last.

    decisions: the rules, first to match first.
    acts: what callers say, by act.
    prompt: instructions for the live model, without the slots.
    extraction: instructions for the small model that finds mentions.
    files: name -> text of every rule file, as it was read.
    version: a hash of `files`; the same texts always have the same version.
    """

    directory: Path
    decisions: tuple[Rule, ...]
    messages: Messages
    limits: Limits
    acts: Mapping[str, PhraseList]
    prompt: str
    extraction: str
    files: Mapping[str, str]
    version: str


def load(directory: Path | str) -> RuleSet:
    """The rules in `directory`. Raises RuleFileError with every mistake found in any of its files."""
    directory = Path(directory)
    files, problems = _read(directory)
    if problems:
        raise RuleFileError(problems)
    return of_texts(files, directory)


def of_texts(files: Mapping[str, str], directory: Path) -> RuleSet:
    """The rules with these texts, by file name. `directory` is where they stand, for what is said of mistakes.

    Raises RuleFileError with every mistake found in any of them.
    """
    sources = {
        name: Source(str(directory / name), files[name]) for name in (LIMITS, MESSAGES, PHRASES, DECISIONS)
    }
    limits = read_limits(sources[LIMITS])
    messages = read_messages(sources[MESSAGES])
    acts = read_phrases(sources[PHRASES])
    decisions = read_rules(sources[DECISIONS], limits, messages)
    if problems := [problem for source in sources.values() for problem in source.problems]:
        raise RuleFileError(problems)
    return RuleSet(
        directory=directory,
        decisions=decisions,
        messages=messages,
        limits=limits,
        acts=acts,
        prompt=files[PROMPT],
        extraction=files[EXTRACTION],
        files=files,
        version=_version(files),
    )


def _read(directory: Path) -> tuple[dict[str, str], list[Problem]]:
    """The texts of the rule files that stand directly in the folder, and what kept any from being read."""
    files: dict[str, str] = {}
    problems = [
        Problem(str(directory / name), None, None, None, "this file is missing")
        for name in _NEEDED
        if not (directory / name).is_file()
    ]
    for path in rule_files(directory):
        try:
            files[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), None, None, None, f"it cannot be read: {error}"))
    return files, problems


def rule_files(directory: Path) -> list[Path]:
    """The rule files in `directory`, by name; nothing in folders below it."""
    return sorted(path for path in directory.glob("*") if path.suffix in (".toml", ".md"))


def _version(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name.encode(), text.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
