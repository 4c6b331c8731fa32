"""What came of the calls of some weeks, counted by the database. Call in `Database.run(work)`.

Four reads, each of the period alone: calls by the hour (calls_by_start), how far each call came and what was decided
(entries_by_time: one pass each), and the turns of the last calls by their keys. The plans on Postgres 18
with 100,000 calls of a year (`make bench ARGS=pages`):

calls by hour     HashAggregate → Index Only Scan using calls_by_outcome, Index Cond on started_at
how far           HashAggregate → HashAggregate (by call) → Index Only Scan using entries_by_time
decided           HashAggregate → Index Only Scan using entries_by_time: that index holds all that is counted
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

from storage.models import CallTurn, Transition, VoiceCall

#: The stages on the way to a booking, in order.
WAY = ("nessun_intento", "raccolta_dati", "dati_completi", "confermato", "completato")

_SAMPLE = 200  # calls whose answers are timed
_LONGEST_ANSWER = timedelta(seconds=30)  # beyond, the caller was looking for something, or the line was


@dataclass(frozen=True, slots=True)
class DayOfCalls:
    """The calls of one local day: all, and those in which a booking was made, moved or given up."""

    day: date
    calls: int
    done: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a period. `outcomes`: calls by what was done in them (None: nothing). `reached`: how many calls
    came at least so far, by stage. `events`, `guards`, `refusals`, `notices`: how often each.

    `answers_s`: seconds from the end of the caller's words to the assistant's, of the last calls, ascending.
    """

    days: tuple[DayOfCalls, ...]
    outcomes: Mapping[str | None, int]
    reached: Mapping[str, int]
    events: Mapping[str, int]
    guards: Mapping[str, int]
    refusals: Mapping[str, int]
    notices: Mapping[str, int]
    answers_s: tuple[float, ...]

    @property
    def calls(self) -> int:
        """All calls of the period."""
        return sum(self.outcomes.values())

    @property
    def done(self) -> int:
        """Calls in which something was done to a booking."""
        return self.calls - self.outcomes.get(None, 0)


Part = tuple[str, Any]


def parts(
    first: date, last: date, zone: ZoneInfo, *, consultant_id: int | None = None
) -> tuple[Callable[[], Part], ...]:
    """The reads that make the figures of the local days `first` to `last`, both inclusive; with `consultant_id` of
    their calls alone. Each is work of its own, so that a database with several connections does them side by side."""
    frm, to = _begin(first, zone), _begin(last + timedelta(days=1), zone)
    return (
        lambda: ("by_hour", _calls_by_hour(frm, to, consultant_id)),
        lambda: ("decided", _decided(frm, to, consultant_id)),
        lambda: ("came", _came(frm, to, consultant_id)),
        lambda: ("answers_s", _answers(frm, to, consultant_id)),
    )


def assembled(read: Iterable[Part], first: date, last: date, zone: ZoneInfo) -> Figures:
    """The figures that those reads have found."""
    found = dict(read)
    events, guards, refusals, notices = found["decided"]
    outcomes: Counter[str | None] = Counter()
    for _, outcome, count in found["by_hour"]:
        outcomes[outcome] += count
    calls, came = sum(outcomes.values()), found["came"]
    return Figures(
        days=tuple(_days(first, last, zone, found["by_hour"])),
        outcomes=outcomes,
        reached={stage: calls if not place else _at_least(came, place) for place, stage in enumerate(WAY)},
        events=events,
        guards=guards,
        refusals=refusals,
        notices=notices,
        answers_s=found["answers_s"],
    )


def rules_fired(since: datetime) -> dict[str, int]:
    """How often each rule decided since then, by its id."""
    rows: Any = (
        Transition.select(Transition.rule, pw.fn.COUNT(Transition.sequence))
        .where(Transition.recorded_at >= since, Transition.rule.is_null(False))
        .group_by(Transition.rule)
        .tuples()
    )
    return dict(rows)


def _calls_by_hour(
    frm: datetime, to: datetime, consultant_id: int | None
) -> list[tuple[int, str | None, int]]:
    hour = VoiceCall.started_at / pw.SQL("3600")
    rows: Any = VoiceCall.select(hour, VoiceCall.outcome, pw.fn.COUNT(VoiceCall.id)).where(
        VoiceCall.started_at >= frm, VoiceCall.started_at < to
    )
    if consultant_id is not None:
        rows = rows.where(VoiceCall.consultant == consultant_id)
    return [
        (int(at), outcome, count) for at, outcome, count in rows.group_by(hour, VoiceCall.outcome).tuples()
    ]


def _days(
    first: date, last: date, zone: ZoneInfo, by_hour: Sequence[tuple[int, str | None, int]]
) -> list[DayOfCalls]:
    every, done = Counter[date](), Counter[date]()
    for hour, outcome, count in by_hour:
        day = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).date()
        every[day] += count
        done[day] += count if outcome else 0
    span = range((last - first).days + 1)
    return [
        DayOfCalls(day, every[day], done[day]) for day in (first + timedelta(days=number) for number in span)
    ]


def _came(frm: datetime, to: datetime, consultant_id: int | None) -> dict[int, int]:
    """How many calls came just so far, by the place of the furthest stage that each ever came to."""
    rank = pw.Case(
        Transition.target, [(stage, pw.SQL(str(place))) for place, stage in enumerate(WAY)], pw.SQL("0")
    )
    furthest = _entries(Transition.select(pw.fn.MAX(rank).alias("place")), frm, to, consultant_id).group_by(
        Transition.call
    )
    rows = pw.Select([furthest], [furthest.c.place, pw.fn.COUNT(pw.SQL("1"))]).group_by(furthest.c.place)
    return {int(place): count for place, count in rows.bind(Transition._meta.database).tuples()}


def _at_least(came: Mapping[int, int], place: int) -> int:
    return sum(count for reached, count in came.items() if reached >= place)


def _decided(frm: datetime, to: datetime, consultant_id: int | None) -> tuple[Counter[str], ...]:
    columns = (Transition.event, Transition.guard, Transition.refusal, Transition.notices)
    rows = _entries(Transition.select(*columns, pw.fn.COUNT(Transition.sequence)), frm, to, consultant_id)
    events, guards, refusals, notices = (Counter[str]() for _ in range(4))
    for event, guard, refusal, told, count in rows.group_by(*columns).tuples():
        for counter, name in ((guards, guard), (refusals, refusal)):
            counter[name] += count if name else 0
        events[event] += count if event and not guard else 0
        for name in (told or "").split():
            notices[name] += count
    return tuple(
        Counter({name: count for name, count in each.items() if count})
        for each in (events, guards, refusals, notices)
    )


def _entries(rows: Any, frm: datetime, to: datetime, consultant_id: int | None) -> Any:
    rows = rows.where(Transition.recorded_at >= frm, Transition.recorded_at < to)
    if consultant_id is None:
        return rows
    return rows.join(VoiceCall, on=Transition.call == VoiceCall.id).where(
        VoiceCall.consultant == consultant_id
    )


def _answers(frm: datetime, to: datetime, consultant_id: int | None) -> tuple[float, ...]:
    calls: Any = VoiceCall.select(VoiceCall.id).where(VoiceCall.started_at >= frm, VoiceCall.started_at < to)
    if consultant_id is not None:
        calls = calls.where(VoiceCall.consultant == consultant_id)
    newest = [
        row.id for row in calls.order_by(VoiceCall.started_at.desc(), VoiceCall.id.desc()).limit(_SAMPLE)
    ]
    if not newest:
        return ()
    columns = (CallTurn.call, CallTurn.speaker, CallTurn.began_at, CallTurn.ended_at)
    rows: Any = CallTurn.select(*columns).where(CallTurn.call.in_(newest), CallTurn.began_at.is_null(False))
    spoken = list(rows.order_by(CallTurn.call, CallTurn.began_at).tuples())
    found = [
        (after[2] - before[3]).total_seconds()
        for before, after in pairwise(spoken)
        if before[0] == after[0] and (before[1], after[1]) == ("caller", "assistant") and before[3]
    ]
    return tuple(sorted(each for each in found if 0 <= each <= _LONGEST_ANSWER.total_seconds()))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
