"""What an analysis went by, written down so that it can be decided again: what it saw, what was said, what the store
answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from engine.desk import Answer, HeldSlot
from engine.details import Slot
from engine.ports import Mention
from engine.turns import Turn
from engine.understanding.context import Agenda, OwnBooking


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an analysis went by, without the words and without the free starts, which are kept beside it.

    `order`: the numbers of all turns so far, as they were spoken. `new`: those analysed. `hold`: the live
    hold when it began. `answers`: of the store, in order. `link_ready`: the call's booking had a place on line. The
    rest is the agenda and the arguments of `analyse`.
    """

    now: datetime
    order: tuple[int, ...]
    new: tuple[int, ...]
    zone: str
    hours: dict[int, tuple[tuple[time, time], ...]]
    own: tuple[OwnBooking, ...]
    minutes: int
    allowed_minutes: tuple[int, ...]
    hold: HeldSlot | None = None
    answers: tuple[Answer, ...] = ()
    call_over: bool = False
    unheard: bool = False
    transfer: bool = False
    link_ready: bool = False

    def agenda(self, free: frozenset[Slot]) -> Agenda:
        """The agenda that was seen, with these free starts."""
        return Agenda(ZoneInfo(self.zone), free, self.hours, self.own, self.minutes, self.allowed_minutes)

    def to_plain(self) -> dict[str, Any]:
        """As plain JSON values, for the store."""
        plain: dict[str, Any] = _EVIDENCE.dump_python(self, mode="json", exclude_defaults=True)
        return plain

    @staticmethod
    def from_plain(stored: Mapping[str, Any]) -> Evidence:
        """From the store. Raises pydantic.ValidationError for what is none."""
        return _EVIDENCE.validate_python(stored)


@dataclass(frozen=True, slots=True)
class Words:
    """What was said in the turns of an analysis, as it read then, and where another extractor pointed."""

    turns: tuple[Turn, ...]
    found: tuple[Mention, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """As plain JSON values, for the store."""
        plain: dict[str, Any] = _WORDS.dump_python(self, mode="json", exclude_defaults=True)
        return plain

    @staticmethod
    def from_plain(stored: Mapping[str, Any]) -> Words:
        """From the store. Raises pydantic.ValidationError for what is none."""
        return _WORDS.validate_python(stored)


def written_slots(slots: Iterable[Slot]) -> list[str]:
    """Slots as sorted local texts, "2026-02-11T15:00"."""
    return sorted(f"{slot.day}T{slot.at:%H:%M}" for slot in slots)


def read_slots(written: Iterable[str]) -> frozenset[Slot]:
    """The slots that `written_slots` wrote."""
    return frozenset(
        Slot(date.fromisoformat(day), time.fromisoformat(at))
        for day, _, at in (text.partition("T") for text in written)
    )


_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)
_WORDS: TypeAdapter[Words] = TypeAdapter(Words)
