"""Reading a rule file so that every mistake in it can be told with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.errors import Problem, nearest


@dataclass(slots=True)
class Source:
    """One TOML file: its parsed `data` (empty if it is no TOML) and the `problems` found in it so far."""

    name: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    data: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.data = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            self.data = {}
            at = re.search(r"line (\d+)", str(error))
            self.report(int(at[1]) if at else None, None, None, f"not valid TOML: {error}")

    def report(self, line: int | None, subject: str | None, key: str | None, text: str) -> None:
        """Note a mistake, to be raised later together with all others."""
        self.problems.append(Problem(self.name, line, subject, key, text))

    def unknown_keys(
        self, table: Mapping[str, Any], known: tuple[str, ...], subject: str | None, block: Block
    ) -> None:
        """Report every key of `table` that is none of `known`."""
        for key in table:
            if key not in known:
                hint = nearest(key, known) or f"; known are {', '.join(known)}"
                self.report(block.line_of(key), subject, key, f"unknown key{hint}")

    def block(self, header: str | None = None, index: int = 0) -> Block:
        """From the `index`-th line that is `header` up to the next such line; without header, the file."""
        lines = self.text.splitlines()
        if header is None:
            return Block(1, lines)
        starts = [number for number, line in enumerate(lines) if line.split("#")[0].strip() == header]
        if index >= len(starts):
            return Block(1, lines)
        end = starts[index + 1] if index + 1 < len(starts) else len(lines)
        return Block(starts[index] + 1, lines[starts[index] : end])


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a file's lines; `first` is the 1-based number of the first."""

    first: int
    lines: list[str]

    def line_of(self, key: str) -> int:
        """Where `key` is set, as a key or in the header of a table; the first line if it is not seen."""
        setting = re.compile(rf"(?:^|[\s{{,.\[\"'])({re.escape(key)})[\"']?\s*(?:=|\.|\])")
        for number, line in enumerate(self.lines):
            if setting.search(line):
                return self.first + number
        return self.first
