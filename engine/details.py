"""The accumulator: what is known of the booking so far, where each value came from, and what is still missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from fsm.stages import Task

FLOOR = {"client": frozenset({"date", "time"}), "lead": frozenset({"date", "time", "phone", "email"})}
"""Details that no rule file can waive (DESIGN §3); rule files can only add to them."""


class Heard(StrEnum):
    """Whether the assistant has restated a phone or email, audibly, since it last changed."""

    NO = "no"
    SAME = "same"
    DIFFERENT = "different"


class Stance(StrEnum):
    """How an assistant turn stood to the caller's wish when it was spoken."""

    PLAIN = "plain"
    OFFER = "offer"  # another slot, because the caller's is not available, and the turn said so
    MISMATCH = "mismatch"  # another slot, though the caller's is available, or without saying so


@dataclass(frozen=True, slots=True)
class Slot:
    """A day and time, local to the consultant."""

    day: dt.date
    at: dt.time


@dataclass(slots=True)
class Details:
    """The values held. `phone` is E.164; `minutes` is what the caller asked for, None the consultant's default."""

    date: dt.date | None = None
    time: dt.time | None = None
    phone: str | None = None
    email: str | None = None
    name: str | None = None
    minutes: int | None = None
    notes: str | None = None


@dataclass(slots=True)
class Accumulator:
    """All that one conversation carries from analysis to analysis; stored as JSON.

    `sources`: detail to the number of the turn that gave its value. `day_options`, `time_options`: what
    unsettled words can mean, with the problem. `stances`: assistant turn number to its Stance. `digits`,
    `spelled`: a phone or email dictated in pieces; `digits_keyed`, `phone_keyed`: those digits, or the phone held,
    came from keys. `days_before`, `times_before`: what the caller named last
    before booking was the subject; `refused`: the slot that the store refused last; `asked`: the task the
    caller asked for last; `target`: id of the own booking to move or cancel; `unknown_target`: the caller
    named one that is none; `spoken_of`: the own booking whose day was last mentioned; `booking`: id of the
    booking that is this call's own. `silent`, `waiting`, `attempts`: the counters of DESIGN §3. `link_told`: the
    caller knows that there is a link to where it is held on line.
    """

    details: Details = field(default_factory=Details)
    sources: dict[str, int] = field(default_factory=dict)
    day_options: tuple[dt.date, ...] = ()
    day_problem: str | None = None
    time_options: tuple[dt.time, ...] = ()
    time_problem: str | None = None
    stances: dict[int, Stance] = field(default_factory=dict)
    digits: str = ""
    digits_keyed: bool = False
    phone_keyed: bool = False
    spelled: str = ""
    phone_heard: Heard = Heard.NO
    email_heard: Heard = Heard.NO
    email_suggestion: str | None = None
    refused: Slot | None = None
    asked: Task = Task.NESSUNO
    days_before: tuple[dt.date, ...] = ()
    times_before: tuple[dt.time, ...] = ()
    target: str | None = None
    unknown_target: bool = False
    spoken_of: str | None = None
    booking: str | None = None
    silent: int = 0
    waiting: int = 0
    attempts: int = 0
    callback_requested: bool = False
    link_told: bool = False

    def copy(self) -> Accumulator:
        """One that can be changed without this one; what it holds besides the containers is never changed."""
        return replace(
            self, details=replace(self.details), sources=dict(self.sources), stances=dict(self.stances)
        )

    def missing(self, required: frozenset[str]) -> frozenset[str]:
        """Those of `required` that have no value."""
        return frozenset(name for name in required if getattr(self.details, name, None) is None)

    def slot(self) -> Slot | None:
        """The day and time held, when both are."""
        if self.details.date is None or self.details.time is None:
            return None
        return Slot(self.details.date, self.details.time)

    def set(self, name: str, value: object, turn: int) -> None:
        """Hold `value` for detail `name`, said in turn number `turn` (None: no longer known)."""
        if name == "phone" and value != self.details.phone:
            self.phone_heard, self.phone_keyed = Heard.NO, False
        if name == "email" and value != self.details.email:
            self.email_heard = Heard.NO
        setattr(self.details, name, value)
        if name == "date":
            self.day_options, self.day_problem = (), None
        elif name == "time":
            self.time_options, self.time_problem = (), None
        if value is None:
            self.sources.pop(name, None)
        else:
            self.sources[name] = turn

    def clear(self, *, keep_phone: str | None = None) -> None:
        """Forget the wish; what the call itself is (its booking, its counters) stays. A dialled phone is kept."""
        self.details = Details(phone=keep_phone)
        self.sources = {}
        self.day_options, self.day_problem = (), None
        self.time_options, self.time_problem = (), None
        self.digits, self.spelled, self.email_suggestion = "", "", None
        self.digits_keyed = self.phone_keyed = False
        self.phone_heard = self.email_heard = Heard.NO
        self.asked = Task.NESSUNO
        self.target, self.unknown_target = None, False

    def to_plain(self) -> dict[str, Any]:
        """As plain JSON values, for the store."""
        plain: dict[str, Any] = _CODEC.dump_python(self, mode="json")
        return plain

    @staticmethod
    def from_plain(stored: Mapping[str, Any]) -> Accumulator:
        """From the store. Raises pydantic.ValidationError for what is no accumulator."""
        return _CODEC.validate_python(stored)


_CODEC: TypeAdapter[Accumulator] = TypeAdapter(Accumulator)
