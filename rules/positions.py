"""On which line each thing in a TOML text stands; the parser of the standard library does not say."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_GAP = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:\\.|[^"\\])*"|' + r"'[^']*'", re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[Path, int]:
    """The 1-based line of each key, table and item of an array, by its path: ("rule", 0, "when", "stage").

    `text` must be valid TOML. A table that is only implied by others stands where the first of these does.
    """
    walk = _Walk(text.replace("\r\n", " \n"))
    walk.file()
    return walk.lines


class _Walk:
    """Goes through the text once. Since it is known to be valid, nothing is checked."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def file(self) -> None:
        table: Path = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.entry(table)
            self.skip(_BLANK)

    def header(self) -> Path:
        """A [table] or one of an [[array]] of them."""
        line, many = self.line(), self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        *outer, name = self.key()
        self.skip(_GAP)
        self.at += 2 if many else 1
        path: Path = ()
        for part in outer:
            path = self.latest((*path, part))
            self.lines.setdefault(path, line)
        path = (*path, name)
        if not many:
            self.lines[path] = line
            return path
        self.lines.setdefault(path, line)
        self.counts[path] = self.counts.get(path, -1) + 1
        path = self.latest(path)
        self.lines[path] = line
        return path

    def latest(self, path: Path) -> Path:
        """Of an array of tables the last one so far."""
        return (*path, self.counts[path]) if path in self.counts else path

    def entry(self, table: Path) -> None:
        line = self.line()
        path = table
        for part in self.key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.skip(_GAP)
        self.at += 1  # the equals sign
        self.value(path)

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip(_GAP)
            quoted = self.text[self.at] in "\"'"
            word = self.take(_STRING if quoted else _BARE_KEY)
            parts.append(tomllib.loads(f"key = {word}")["key"] if quoted else word)
            self.skip(_GAP)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip(_GAP)
        opening = self.text[self.at]
        if opening in "\"'":
            self.take(_STRING)
        elif opening == "[":
            self.items(path)
        elif opening == "{":
            self.inline(path)
        else:
            self.take(_SCALAR)

    def items(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self.next_of("]"):
            self.lines[(*path, number)] = self.line()
            self.value((*path, number))
            number += 1

    def inline(self, path: Path) -> None:
        self.at += 1
        while self.next_of("}"):
            self.entry(path)

    def next_of(self, closing: str) -> bool:
        """Go to the next item, or behind the bracket that closes."""
        self.skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_BLANK)
        if self.text[self.at] != closing:
            return True
        self.at += 1
        return False

    def line(self) -> int:
        return bisect_right(self.starts, self.at)

    def skip(self, what: re.Pattern[str]) -> None:
        self.take(what)

    def take(self, what: re.Pattern[str]) -> str:
        found = what.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found[0]
