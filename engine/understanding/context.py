"""What an analysis starts from and what it comes to: Context in, Reading out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from engine.details import Accumulator, Slot
from engine.ports import Mention
from engine.understanding.acts import Phrases
from fsm.stages import Stage, Task


class Agreement(StrEnum):
    """What has become of a yes in this analysis."""

    NONE = "nessuna"
    VALID = "valida"
    INVALID = "non_valida"


@dataclass(frozen=True, slots=True)
class OwnBooking:
    """A booking of this caller that is in force, local to the consultant."""

    id: str
    slot: Slot
    minutes: int


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the analysis saw of an agenda: free starts, opening hours by weekday, the caller's own bookings."""

    zone: ZoneInfo
    free: frozenset[Slot]
    hours: Mapping[int, tuple[tuple[time, time], ...]]
    own: tuple[OwnBooking, ...]
    minutes: int
    allowed_minutes: tuple[int, ...]

    def open_at(self, at: time, day: date | None) -> bool:
        """Whether a booking could start at `at` on `day` (on any day, if None)."""
        days: Iterable[int] = self.hours if day is None else (day.weekday(),)
        return any(frm <= at < to for weekday in days for frm, to in self.hours.get(weekday, ()))


@dataclass(frozen=True, slots=True)
class CallerKnown:
    """What the bridge tells: `line` is the caller id (inbound) or the number we dialled (outbound), E.164."""

    kind: str
    direction: str
    line: str | None = None

    @property
    def dialled(self) -> str | None:
        """A lead's number that we dialled ourselves: known, not asked."""
        return self.line if self.kind == "lead" and self.direction == "outbound" else None


@dataclass(frozen=True, slots=True)
class Context:
    """Where the call stands when an analysis begins. `offered`: the slots that the assistant last named."""

    stage: Stage
    task: Task
    caller: CallerKnown
    agenda: Agenda
    phrases: Phrases
    now: datetime
    offered: tuple[Slot, ...] = ()
    found: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """The slots that an assistant turn named, in its order, for as many minutes as were then wanted."""

    slots: tuple[Slot, ...]
    minutes: int
    turn: int


@dataclass(slots=True)
class Reading:
    """What an analysis understood. `held` is the new accumulator; the rest is about this analysis alone.

    `offer`: the last one made in this analysis, None where there was none. `given`: required details given,
    changed or restated, and not put in doubt since. `agreed_to`: the values that a valid yes is bound to.
    `readback_stands`: the last assistant turn restates what is held and asks for a yes to it. `keys_ignored`: the
    caller pressed keys last that count for nothing. `stays`: the caller does not want to be passed on, or to leave.
    """

    held: Accumulator
    offer: Offer | None = None
    requested: Task = Task.NESSUNO
    reopens: bool = False
    correction: bool = False
    drop: bool = False
    human: bool = False
    given: set[str] = field(default_factory=set)
    agreement: Agreement = Agreement.NONE
    agreed_to: tuple[object, ...] | None = None
    readback_stands: bool = False
    mismatch: bool = False
    claims: bool = False
    about_booking: bool = False
    no_booking_found: bool = False
    several_bookings: bool = False
    phone_problem: bool = False
    email_problem: bool = False
    keys_ignored: bool = False
    stays: bool = False

    def hold(self, name: str, value: object, turn: int) -> None:
        """Hold a value that the caller gave, or agreed to, in turn number `turn`."""
        old = getattr(self.held.details, name)
        if old is not None and old != value:
            self._correct()
        self.held.set(name, value, turn)
        self.given.add(name)
        self.about_booking = True

    def lose(self, name: str, turn: int) -> None:
        """A value was taken back in turn number `turn` and nothing settled stands in its place."""
        if getattr(self.held.details, name) is not None:
            self.held.set(name, None, turn)
            self.given.discard(name)
            self._correct()

    def lose_target(self) -> None:
        """The own booking to be moved or cancelled is another one than was thought."""
        self.held.target = None
        self.held.sources.pop("target", None)
        self.given.discard("target")
        self._correct()

    def _correct(self) -> None:
        self.correction = True
        self.agreement, self.agreed_to = Agreement.NONE, None


def binding(held: Accumulator) -> tuple[object, ...]:
    """The values a yes is bound to: when any of them changes, it is no yes any more."""
    details = held.details
    return (details.date, details.time, details.phone, details.email, details.minutes, held.target)
