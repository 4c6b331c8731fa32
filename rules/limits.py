"""The numbers analysts may change, and the details they may ask for besides the floor that code holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.errors import known_or_nearest
from rules.source import Source

#: What may be asked for besides date and time.
EXTRA_DETAILS = ("telefono", "email", "nome")

#: name -> (smallest, largest)
RANGES: Mapping[str, tuple[int, int]] = {
    "abandon_after": (1, 100),
    "timeout_after": (1, 100),
    "max_failed_commits": (1, 10),
}

CALLERS = ("client", "lead")
DIRECTIONS = ("inbound", "outbound")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a call.

    abandon_after: analyses in a row without a word about booking after which it is given up.
    timeout_after: analyses with complete details that may pass without a yes; one more frees the slot.
    max_failed_commits: failed commits after which no more are tried and a person calls back.
    required: by caller kind and direction, details to ask for in addition to the floor.
    """

    abandon_after: int
    timeout_after: int
    max_failed_commits: int
    required: Mapping[tuple[str, str], frozenset[str]]

    def extra_details(self, caller: str, direction: str) -> frozenset[str]:
        """Details this kind of caller must give besides the floor. Raises KeyError for an unknown kind."""
        return self.required[caller, direction]

    def number(self, name: str) -> int:
        """The limit called `name`, one of RANGES."""
        return int(getattr(self, name))


def read_limits(source: Source) -> Limits:
    """The limits in `source`; mistakes are noted in it, the smallest value stands in for a wrong number."""
    source.unknown_keys(source.data, (*RANGES, "required"), (), None)
    numbers = {name: _number(source, name, *bounds) for name, bounds in RANGES.items()}
    required = _table(source, source.data.get("required"), ("required",), CALLERS)
    by_kind = {
        caller: _table(source, required.get(caller), ("required", caller), DIRECTIONS) for caller in CALLERS
    }
    return Limits(
        **numbers,
        required={
            (caller, direction): _details(source, by_kind[caller].get(direction), caller, direction)
            for caller in CALLERS
            for direction in DIRECTIONS
        },
    )


def _number(source: Source, name: str, low: int, high: int) -> int:
    value = source.data.get(name)
    if type(value) is int and low <= value <= high:
        return value
    if value is not None or source.whole:
        what = "is missing" if value is None else f"cannot be {value!r}"
        source.report((name,), None, name, f"{what}: it must be a whole number from {low} to {high}")
    return low


def _table(source: Source, value: Any, path: tuple[str, ...], known: tuple[str, ...]) -> dict[str, Any]:
    name = ".".join(path)
    if isinstance(value, dict):
        source.unknown_keys(value, known, path, name)
        return value
    if value is not None:
        source.report(path, None, name, "it must be a table")
    return {}


def _details(source: Source, value: Any, caller: str, direction: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    path = ("required", caller, direction)
    subject = f"required.{caller}"
    if not isinstance(value, list):
        source.report(path, subject, direction, f"it must be a list of {', '.join(EXTRA_DETAILS)}")
        return frozenset()
    for number, word in enumerate(value):
        if word not in EXTRA_DETAILS:
            rest, nearest = known_or_nearest(word, EXTRA_DETAILS)
            text = f"{word!r} is no detail that can be added{rest}"
            source.report((*path, number), subject, direction, text, nearest)
    return frozenset(word for word in EXTRA_DETAILS if word in value)
