"""One version of the rules: everything in a folder of rule files, read and checked together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.compiler import Rule, read_rules
from rules.errors import Problem, RuleFileError, closest
from rules.limits import Limits, read_limits
from rules.messages import Messages, placeholder_problems, read_messages
from rules.order import check_order
from rules.phrases import PhraseList, read_phrases
from rules.source import Source

DECISIONS, MESSAGES, LIMITS = "decisions.toml", "messages.toml", "limits.toml"
PHRASES, PROMPT, EXTRACTION = "phrases.toml", "prompt.md", "extraction.md"
_NEEDED = (DECISIONS, PHRASES, MESSAGES, LIMITS, PROMPT, EXTRACTION)

#: What the text of PROMPT may name between braces.
PROMPT_PLACEHOLDERS = ("consultant", "today", "caller", "required", "bookings", "slots")


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
    return _usable(*check(directory))


def of_texts(files: Mapping[str, str], directory: Path) -> RuleSet:
    """The rules with these texts, by file name. `directory` is where they stand, for what is said of mistakes.

    Raises RuleFileError with every mistake found in any of them.
    """
    return _usable(*_check_texts(files, directory, []))


def check(directory: Path | str) -> tuple[RuleSet | None, tuple[Problem, ...]]:
    """The rules in `directory`, and every mistake and warning about any of its files; with a mistake no rules."""
    directory = Path(directory)
    files, problems = _read(directory)
    return _check_texts(files, directory, problems)


def _usable(ruleset: RuleSet | None, problems: Sequence[Problem]) -> RuleSet:
    if ruleset is None:
        raise RuleFileError([problem for problem in problems if not problem.warning])
    return ruleset


def _check_texts(
    files: Mapping[str, str], directory: Path, problems: Sequence[Problem]
) -> tuple[RuleSet | None, tuple[Problem, ...]]:
    """`problems`: what kept a file from being read. Nobody complains of what follows from that alone."""
    told = list(problems)
    sources = {
        name: Source(str(directory / name), files.get(name, ""), missing=name not in files)
        for name in (DECISIONS, PHRASES, MESSAGES, LIMITS)
    }
    limits = read_limits(sources[LIMITS])
    messages = read_messages(sources[MESSAGES])
    acts = read_phrases(sources[PHRASES])
    decisions = read_rules(sources[DECISIONS], limits, messages if sources[MESSAGES].whole else None)
    if not sources[LIMITS].broken and sources[LIMITS].whole:
        check_order(sources[DECISIONS], decisions)
    if not sources[DECISIONS].broken and sources[DECISIONS].whole:
        _check_use(sources[MESSAGES], messages, decisions)
    for source in sources.values():
        told += sorted(source.problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    told += _check_prompts(files, directory)
    if any(not problem.warning for problem in told):
        return None, tuple(told)
    ruleset = RuleSet(
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
    return ruleset, tuple(told)


def _check_use(source: Source, messages: Messages, decisions: Sequence[Rule]) -> None:
    used = {notice for rule in decisions for notice in rule.notices}
    for notice in messages.texts:
        if notice not in used:
            source.warn(("notices", notice), "notices", notice, "no rule gives this notice")


def _check_prompts(files: Mapping[str, str], directory: Path) -> Iterator[Problem]:
    for name in (PROMPT, EXTRACTION):
        if name in files and not files[name].strip():
            yield Problem(str(directory / name), 1, None, None, "it is empty")
    text = files.get(PROMPT, "")
    for number, line in enumerate(text.split("\n"), start=1):
        for problem, nearest in placeholder_problems(line, PROMPT_PLACEHOLDERS, all_of_them=False):
            yield Problem(str(directory / PROMPT), number, None, None, problem, nearest)
    for name in PROMPT_PLACEHOLDERS:
        if text.strip() and f"{{{name}}}" not in text:
            what = f"the placeholder {{{name}}} is missing: the assistant is not told of it"
            yield Problem(str(directory / PROMPT), None, None, None, what, warning=True)
    for name in files:
        if name not in _NEEDED:
            what = "this file is not read by anything"
            yield Problem(str(directory / name), None, None, None, what, closest(name, _NEEDED), warning=True)


def _read(directory: Path) -> tuple[dict[str, str], list[Problem]]:
    """The texts of the rule files that stand directly in the folder, and what kept any from being read."""
    files: dict[str, str] = {}
    if not directory.is_dir():
        return {}, [Problem(str(directory), None, None, None, "there is no such folder")]
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
