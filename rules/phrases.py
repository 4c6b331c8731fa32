"""The phrases by which callers do things, as analysts list them in phrases.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rules.errors import RuleFileError, nearest
from rules.source import Source

#: The acts a phrase may do; each is a table of the file.
ACTS = (
    *(
        "affirm",
        "deny",
        "correct",
        "hedge",
        "hold_on",
        "show_interest",
        "ask_availability",
        "cancel",
        "reschedule",
    ),
    *("drop", "ask_repeat", "ask_human", "backchannel"),
)
MOST_WAYS = 2000  # that one line may be written out to

_PLACE = re.compile(r"[^()/<>*\[\]{}]+")
_GROUP = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class PhraseList:
    """The phrases of one act, written out. `explicit` are those of them that carry their own meaning."""

    phrases: tuple[str, ...]
    explicit: frozenset[str]


def load_phrases(path: Path) -> dict[str, PhraseList]:
    """The phrases in the TOML file at `path`, by act. Raises RuleFileError with every mistake and its line."""
    try:
        source = Source(path.name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        unread = Source(path.name, "")
        unread.report(None, None, None, f"cannot be read: {error}")
        raise RuleFileError(unread.problems) from error
    phrases = read_phrases(source)
    if source.problems:
        raise RuleFileError(source.problems)
    return phrases


def read_phrases(source: Source) -> dict[str, PhraseList]:
    """The phrases in `source`, by act; mistakes are noted in it."""
    source.unknown_keys(source.data, ("words", *ACTS), None, source.block())
    groups = _read_groups(source)
    return {act: _read_act(source, act, groups) for act in ACTS if act in source.data}


def _read_groups(source: Source) -> dict[str, tuple[str, ...]]:
    table = source.data.get("words", {})
    block = source.block("[words]")
    if not isinstance(table, dict):
        source.report(block.line_of("words"), "words", None, "it must be a table of word lists")
        return {}
    groups = {}
    for name, listed in table.items():
        texts = _texts(source, block.line_of(name), "words", name, listed)
        groups[name] = tuple(way for text in texts for way in _ways(source, block.first, "words", text, {}))
    return groups


def _read_act(source: Source, act: str, groups: Mapping[str, tuple[str, ...]]) -> PhraseList:
    table, block = source.data[act], source.block(f"[{act}]")
    if not isinstance(table, dict):
        source.report(block.line_of(act), act, None, "it must be a table with phrases and explicit")
        return PhraseList((), frozenset())
    source.unknown_keys(table, ("phrases", "explicit"), act, block)
    ways: dict[str, list[str]] = {"phrases": [], "explicit": []}
    for key, written in ways.items():
        for text in _texts(source, block.line_of(key), act, key, table.get(key, [])):
            line = next((block.first + n for n, row in enumerate(block.lines) if text in row), block.first)
            written += _ways(source, line, act, text, groups)
    return PhraseList(tuple(dict.fromkeys(ways["phrases"] + ways["explicit"])), frozenset(ways["explicit"]))


def _texts(source: Source, line: int, subject: str, key: str, listed: object) -> list[str]:
    if not isinstance(listed, list) or not all(isinstance(text, str) and text.strip() for text in listed):
        source.report(line, subject, key, "it must be a list of phrases between quotes")
        return []
    return listed


def _ways(
    source: Source, line: int, subject: str, text: str, groups: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Every way to say `text`: of "a/b" one or the other, "(a)" may be missing, "<x>" is any of the list x."""
    places: list[list[str]] = []
    count = 1
    for written in text.split():
        optional = written.startswith("(") and written.endswith(")")
        options: list[str] = [""] if optional else []
        for option in written.strip("()").split("/") if optional else written.split("/"):
            group = _GROUP.fullmatch(option)
            if group and group[1] not in groups:
                known = f"; known are {', '.join(groups)}" if groups else ""
                hint = nearest(group[1], groups) or known
                source.report(line, subject, text, f"there is no word list <{group[1]}> under [words]{hint}")
                return []
            if not group and not _PLACE.fullmatch(option):
                source.report(
                    line,
                    subject,
                    text,
                    f"{written!r} cannot be read; use a/b, (a) or <list>, without spaces inside",
                )
                return []
            options += groups[group[1]] if group else [option.replace("_", " ")]
        places.append(options)
        count *= len(options)
        if count > MOST_WAYS:
            source.report(
                line, subject, text, f"too many ways to say it: more than {MOST_WAYS}; use two lines"
            )
            return []
    said = [" ".join(filter(None, way)) for way in product(*places)]
    return [way for way in said if way]
