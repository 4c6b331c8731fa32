"""Reading a rule file so that every mistake in it can be told with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

from rules.errors import Problem, known_or_nearest
from rules.positions import Path, lines_of

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_HEADER = re.compile(r"\s*\[\[?[A-Za-z0-9_. -]+\]\]?\s*(#.*)?$")


@dataclass(slots=True)
class Source:
    """One TOML file: its parsed `data`, the `lines` of what stands in it, and the `problems` found in it so far.

    A table that is no TOML is told and left out, and the others are read; `whole` is then false, so that nobody
    complains of what is missing. So it is when the file itself is `missing`.
    """

    name: str
    text: str
    missing: InitVar[bool] = False
    problems: list[Problem] = field(default_factory=list, init=False)
    whole: bool = field(init=False)
    data: dict[str, Any] = field(init=False)
    lines: Mapping[Path, int] = field(init=False)

    def __post_init__(self, missing: bool) -> None:
        self.data, self.lines, self.whole = {}, {}, not missing
        text = self.text
        if (error := _syntax_error(text)) is not None:
            self.whole = False
            text = self._readable_tables()
        if not self.problems and error is not None:  # tables that are right each by itself, but not together
            self._report_syntax(error, text, 0)
        if (left := _syntax_error(text)) is None:
            self.data, self.lines = tomllib.loads(text), lines_of(text)
        elif error is not None and str(left) != str(error):
            self._report_syntax(left, text, 0)

    def _readable_tables(self) -> str:
        """The text with every table that is no TOML by itself told and blanked; no line changes its number."""
        lines = [f"{line}\n" for line in self.text.split("\n")]
        starts = [0, *(number for number, line in enumerate(lines) if number and _HEADER.match(line))]
        kept = []
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            block = "".join(lines[start:end])
            if (error := _syntax_error(block)) is not None:
                self._report_syntax(error, block, start)
                block = "\n" * (end - start)
            kept.append(block)
        return "".join(kept)

    def _report_syntax(self, error: ValueError, text: str, above: int) -> None:
        """`text` is where the error was found; `above` it stand so many lines of the file."""
        told = str(error)
        place = _PLACE.search(told)
        line = above + (int(place[1]) if place and place[1] else text.rstrip().count("\n") + 1)
        column = int(place[2]) if place and place[2] else None
        what = f"not valid TOML: {_PLACE.sub('', told)}"
        self.problems.append(Problem(self.name, line, None, None, what, column=column))

    def line(self, *path: str | int) -> int:
        """Where the thing at `path` stands; what does not stand in the file would stand in the table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def report(
        self, path: Path, subject: str | None, key: str | None, text: str, nearest: str | None = None
    ) -> None:
        """Note a mistake at `path`, to be told later together with all others. `nearest`: a word that was meant."""
        self.problems.append(Problem(self.name, self.line(*path), subject, key, text, nearest))

    def warn(
        self, path: Path, subject: str | None, key: str | None, text: str, nearest: str | None = None
    ) -> None:
        """Note what is allowed but hardly meant."""
        line = self.line(*path)
        self.problems.append(Problem(self.name, line, subject, key, text, nearest, warning=True))

    @property
    def broken(self) -> bool:
        """Whether there is a mistake, and not only a warning."""
        return any(not problem.warning for problem in self.problems)

    def unknown_keys(
        self, table: Mapping[str, Any], known: Iterable[str], path: Path, subject: str | None
    ) -> None:
        """Report every key of `table`, which stands at `path`, that is none of `known`."""
        known = tuple(known)
        for key in table:
            if key not in known:
                rest, nearest = known_or_nearest(key, known)
                self.report((*path, key), subject, key, f"unknown key{rest}", nearest)


def _syntax_error(text: str) -> ValueError | None:
    """Why `text` cannot be read: mostly a TOMLDecodeError, of which a number without end is none."""
    try:
        tomllib.loads(text)
    except RecursionError:
        return ValueError("Brackets within brackets without end")
    except ValueError as error:
        return error
    return None
