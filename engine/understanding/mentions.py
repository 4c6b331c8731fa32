"""What was said about a booking detail: the words, where they stand, and the values they can mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum


class Problem(StrEnum):
    """Why a mention is not settled, or must be asked about."""

    WEEKDAY_MISMATCH = "weekday_mismatch"
    PAST = "past"
    AMBIGUOUS = "ambiguous"
    IMPOSSIBLE = "impossible"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"
    LIKELY_SLIP = "likely_slip"


@dataclass(frozen=True, slots=True)
class Words:
    """A stretch of a turn's text: `text` equals `turn.text[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DateMention(Words):
    """A day, local to the consultant. Several candidates: not settled; none: impossible as said."""

    candidates: tuple[date, ...]
    problems: frozenset[Problem] = frozenset()

    @property
    def value(self) -> date | None:
        """The day meant, when only one fits; one that is gone by too, which PAST says beside it."""
        return self.candidates[0] if len(self.candidates) == 1 and self.problems <= _STILL_CLEAR else None


_STILL_CLEAR = frozenset({Problem.PAST})


@dataclass(frozen=True, slots=True)
class TimeMention(Words):
    """A time of day, local. "alle tre" has two candidates (03:00, 15:00); "alle 15" and "le tre del pomeriggio" one."""

    candidates: tuple[time, ...]
    problems: frozenset[Problem] = frozenset()

    @property
    def value(self) -> time | None:
        """The time meant, when only one fits and nothing is wrong with it."""
        return self.candidates[0] if len(self.candidates) == 1 and not self.problems else None


@dataclass(frozen=True, slots=True)
class RangeMention(Words):
    """A constraint that picks slots: days and/or times of day, each end inclusive-from, exclusive-to; None is open."""

    date_from: date | None = None
    date_to: date | None = None
    time_from: time | None = None
    time_to: time | None = None

    def holds_day(self, day: date) -> bool:
        """Whether `day` lies within, as far as days are said."""
        return (self.date_from is None or self.date_from <= day) and (
            self.date_to is None or day < self.date_to
        )

    def holds_time(self, at: time) -> bool:
        """Whether `at` lies within, as far as times are said."""
        return (self.time_from is None or self.time_from <= at) and (
            self.time_to is None or at < self.time_to
        )


@dataclass(frozen=True, slots=True)
class PhoneMention(Words):
    """A phone number: `digits` as dictated (may start with "+"), `value` E.164 when valid and complete."""

    digits: str
    value: str | None
    problems: frozenset[Problem] = frozenset()


@dataclass(frozen=True, slots=True)
class EmailMention(Words):
    """An email address: `value` is normalised when valid; `suggestion` is for likely slips."""

    value: str | None
    problems: frozenset[Problem] = frozenset()
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class NameMention(Words):
    """A person's name, as it is written."""

    value: str


@dataclass(frozen=True, slots=True)
class DurationMention(Words):
    """How long the appointment shall last, in minutes."""

    minutes: int


class Act(StrEnum):
    """What a caller turn does."""

    AFFIRM = "affirm"
    DENY = "deny"
    CORRECT = "correct"
    HEDGE = "hedge"
    HOLD_ON = "hold_on"
    SHOW_INTEREST = "show_interest"
    ASK_AVAILABILITY = "ask_availability"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    DROP = "drop"
    ASK_REPEAT = "ask_repeat"
    ASK_HUMAN = "ask_human"
    BACKCHANNEL = "backchannel"


@dataclass(frozen=True, slots=True)
class ActMention(Words):
    """An act and the words that do it. `explicit` marks words that carry their own meaning ("confermo", "disdica")
    as against those that only answer ("sì", "va bene", "no")."""

    act: Act
    explicit: bool = False
