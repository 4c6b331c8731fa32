"""What a worker meant to do and what it was told, on disk before and after each operation: a killed worker's log
ends at the operation of which nobody can know."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOREVER = float("inf")


class Log:
    """Append-only, one line a write, so that a kill leaves at most one broken line at the end."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._name = file.stem
        self._numbers = itertools.count(1)

    def intend(self, what: str, **given: Any) -> str:
        """Before the operation; returns the name it goes by."""
        operation = f"{self._name}:{next(self._numbers)}"
        self._write({"op": operation, "what": what, "at": time.monotonic(), **given})
        return operation

    def told(self, operation: str, **answer: Any) -> None:
        """After the operation: the answer as it was given."""
        self._write({"op": operation, "at": time.monotonic(), "answer": answer})

    def note(self, **words: Any) -> None:
        """Something of the worker itself."""
        self._write({"note": words})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


@dataclass
class Operation:
    """One operation: what was meant (`given`), and the answer if there was one. Times are of the one monotonic
    clock of the machine."""

    name: str
    what: str
    began: float
    given: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=lambda: {"is": "no answer"})
    ended: float = FOREVER

    @property
    def said(self) -> str:
        """The kind of answer: hold, booking, booked (in a call), done, refused, unavailable, unknown, error, or
        no answer."""
        return str(self.answer["is"])

    @property
    def done(self) -> bool:
        """Whether the worker was told that it is done."""
        return self.said in ("hold", "booking", "booked", "done")

    @property
    def unsure(self) -> bool:
        """Whether it may have been done or not, for all the worker was told."""
        return self.said in ("no answer", "unknown")

    @property
    def wrote(self) -> bool:
        """Whether it is this operation that made the booking what it answered, not one before it."""
        return self.said == "booking" and self.answer["notes"] == self.name


def operations(files: Iterable[Path]) -> dict[str, Operation]:
    """Every operation of these logs, by name."""
    found: dict[str, Operation] = {}
    for line in _lines(files):
        if "what" in line:
            name = line.pop("op")
            found[name] = Operation(name, line.pop("what"), line.pop("at"), line)
        elif "op" in line:
            found[line["op"]].answer, found[line["op"]].ended = line["answer"], line["at"]
    return found


def notes(files: Iterable[Path]) -> list[dict[str, Any]]:
    """What the workers noted of themselves."""
    return [line["note"] for line in _lines(files) if "note" in line]


def _lines(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        for text in file.read_text().splitlines(keepends=True):
            if text.endswith("\n"):
                yield json.loads(text)
