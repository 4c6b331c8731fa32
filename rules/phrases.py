"""The phrases by which callers do things, as analysts list them in phrases.toml."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path

from rules import positions
from rules.errors import Problem, RuleFileError, known_or_nearest
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

#: Acts that no phrase may do both.
OPPOSITES = frozenset(
    {
        *(frozenset({"affirm", other}) for other in ("deny", "correct", "hedge", "hold_on", "drop")),
        *(frozenset({"show_interest", other}) for other in ("deny", "drop")),
        frozenset({"cancel", "reschedule"}),
    }
)

_PLACE = re.compile(r"[^()/<>*\[\]{}]+")
_GROUP = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Written:
    """A phrase as it stands in the file, before it is written out."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PhraseList:
    """The phrases of one act, written out. `explicit` are those of them that carry their own meaning.

    `written` says of each where it comes from.
    """

    phrases: tuple[str, ...]
    explicit: frozenset[str]
    written: Mapping[str, Written] = field(default_factory=dict, compare=False)


def load_phrases(path: Path) -> dict[str, PhraseList]:
    """The phrases in the TOML file at `path`, by act. Raises RuleFileError with every mistake and its line."""
    try:
        source = Source(path.name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        unread = Problem(path.name, None, None, None, f"cannot be read: {error}")
        raise RuleFileError([unread]) from error
    phrases = read_phrases(source)
    if source.broken:
        raise RuleFileError(source.problems)
    return phrases


@dataclass(frozen=True, slots=True)
class _Line:
    """One phrase of the file, and every way of saying it."""

    act: str
    place: positions.Path
    text: str
    number: int
    ways: tuple[str, ...]


def read_phrases(source: Source) -> dict[str, PhraseList]:
    """The phrases in `source`, by act; mistakes are noted in it."""
    source.unknown_keys(source.data, ("words", *ACTS), (), None)
    groups = _read_groups(source)
    lines = {act: _read_act(source, act, groups) for act in ACTS if act in source.data}
    _compare(source, [line for listed in lines.values() for line in listed])
    return {act: _phrase_list(listed) for act, listed in lines.items()}


def _read_groups(source: Source) -> dict[str, tuple[str, ...]]:
    table = source.data.get("words", {})
    if not isinstance(table, dict):
        source.report(("words",), "words", None, "it must be a table of word lists")
        return {}
    groups = {}
    for name, listed in table.items():
        texts = _texts(source, ("words", name), "words", name, listed)
        groups[name] = tuple(
            way for place, text in texts.items() for way in _ways(source, place, "words", text, {})
        )
    return groups


def _read_act(source: Source, act: str, groups: Mapping[str, tuple[str, ...]]) -> list[_Line]:
    table = source.data[act]
    if not isinstance(table, dict):
        source.report((act,), act, None, "it must be a table with phrases and explicit")
        return []
    source.unknown_keys(table, ("phrases", "explicit"), (act,), act)
    return [
        _Line(act, place, text, source.line(*place), tuple(_ways(source, place, act, text, groups)))
        for key in ("phrases", "explicit")
        for place, text in _texts(source, (act, key), act, key, table.get(key, [])).items()
    ]


def _phrase_list(lines: Sequence[_Line]) -> PhraseList:
    written: dict[str, Written] = {}
    for line in lines:
        for way in line.ways:
            written.setdefault(way, Written(line.text, line.number))
    explicit = frozenset(way for line in lines if line.place[1] == "explicit" for way in line.ways)
    return PhraseList(tuple(written), explicit, written)


def _compare(source: Source, lines: Sequence[_Line]) -> None:
    """Report what stands under two opposite acts; warn of what stands under two others, or twice under one."""
    seen: dict[str, list[_Line]] = {}
    for line in lines:
        before: dict[str, tuple[str, _Line]] = {}
        said = [spoken(way) for way in line.ways]
        for way, sound in zip(line.ways, said, strict=True):
            for other in seen.get(sound, ()):
                if other.act != line.act:
                    before.setdefault(other.act, (way, other))
        for act, (way, other) in before.items():
            what = f"{way!r} stands under [{act}] too, at line {other.number}"
            if frozenset({act, line.act}) in OPPOSITES:
                source.report(line.place, line.act, line.text, f"{what}, and means the opposite there")
            else:
                source.warn(line.place, line.act, line.text, f"{what}: only one of the two counts")
        same = [other for sound in said for other in seen.get(sound, ()) if other.act == line.act]
        if said and all(any(other.act == line.act for other in seen.get(sound, ())) for sound in said):
            what = f"it adds nothing: line {same[0].number} says it already ({same[0].text!r})"
            source.warn(line.place, line.act, line.text, what)
        for sound in dict.fromkeys(said):
            seen.setdefault(sound, []).append(line)


@lru_cache(maxsize=1 << 15)  # all of a phrase file, which is often read again with little changed
def spoken(phrase: str) -> str:
    """`phrase` without what makes no difference to the ear: case, accents, apostrophes and other signs."""
    plain = unicodedata.normalize("NFKD", phrase.lower())
    return " ".join(
        re.findall(r"[^\W_]+", "".join(char for char in plain if not unicodedata.combining(char)))
    )


def _texts(
    source: Source, path: positions.Path, subject: str, key: str, listed: object
) -> dict[positions.Path, str]:
    """The phrases of a list by where they stand."""
    if not isinstance(listed, list):
        source.report(path, subject, key, "it must be a list of phrases between quotes")
        return {}
    texts: dict[positions.Path, str] = {}
    for number, text in enumerate(listed):
        if isinstance(text, str) and text.strip():
            texts[(*path, number)] = text
        else:
            source.report((*path, number), subject, key, "it must be a list of phrases between quotes")
    return texts


def _ways(
    source: Source, place: positions.Path, subject: str, text: str, groups: Mapping[str, tuple[str, ...]]
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
                if source.whole:
                    rest, nearest = known_or_nearest(group[1], groups)
                    what = f"there is no word list <{group[1]}> under [words]{rest}"
                    source.report(place, subject, text, what, nearest)
                return []
            if not group and not _PLACE.fullmatch(option):
                what = f"{written!r} cannot be read; use a/b, (a) or <list>, without spaces inside"
                source.report(place, subject, text, what)
                return []
            options += groups[group[1]] if group else [option.replace("_", " ")]
        places.append(options)
        count *= len(options)
        if count > MOST_WAYS:
            what = f"too many ways to say it: more than {MOST_WAYS}; use two lines"
            source.report(place, subject, text, what)
            return []
    said = [" ".join(filter(None, way)) for way in product(*places)]
    return [way for way in said if way]
