"""What one line means, as plain JSON values: the command `understand` prints it. The same functions as in a call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from engine.details import Accumulator, Slot
from engine.faults import where
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.acts import Phrases
from engine.understanding.agreement import agrees, asks_for_yes
from engine.understanding.caller import CallerReading, read_caller
from engine.understanding.context import Agenda, CallerKnown, Context
from engine.understanding.dates import find_dates
from engine.understanding.draft import Draft
from engine.understanding.emails import find_emails
from engine.understanding.folding import fold
from engine.understanding.mentions import (
    Act,
    DateMention,
    EmailMention,
    PhoneMention,
    Problem,
    RangeMention,
    TimeMention,
    Words,
)
from engine.understanding.phones import find_phones
from engine.understanding.ranges import find_ranges
from engine.understanding.readback import Asks, AssistantReading, SpokenSlot, read_assistant
from engine.understanding.settling import settle_day, settle_time
from engine.understanding.slots import take_slot, without_old
from engine.understanding.times import find_times
from fsm.stages import Stage, Task

ZONE = ZoneInfo("Europe/Rome")
YEARS = range(2000, 2101)
"""Years that `now` and offered starts may be in; beside them no appointment is made."""

#: A line has no agenda, so whose hours are open is not known. In these every office may be: "alle 10" is no 22:00.
_HOURS = {weekday: ((time(9), time(12, 59)),) for weekday in range(7)}
_TURN = 1
_NEAR = 20  # characters before words that may point at an offer
_LISTS = ("acts", "dates", "times", "ranges", "phones", "emails", "names")


class LineError(Exception):
    """Raised when a line cannot be used: which field, what was wrong with it, and what is expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line to understand. `now` is aware and local; `offered` are slots that the assistant has just offered."""

    text: str
    now: datetime
    speaker: Speaker = Speaker.CALLER
    offered: tuple[Slot, ...] = field(default=())


def read_line(raw: str, now: datetime) -> Line:
    """A line as it was written: a JSON object when it begins with a brace, plain text otherwise.

    `now` (aware) is when it is said, unless the line tells. Fields that are not known are left alone. Raises
    LineError.
    """
    opening = raw.lstrip()[:1]
    if opening not in ("{", "["):
        return Line(raw, now.astimezone(ZONE))
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if opening == "[":  # "[rumore] sì"
            return Line(raw, now.astimezone(ZONE))
        raise LineError(f"not JSON: {error}") from None
    if not isinstance(told, dict):
        raise LineError('not a JSON object: write {"text": …}, or plain text')
    return Line(
        _text(told),
        _instant(told["now"], "now") if told.get("now") is not None else now.astimezone(ZONE),
        _speaker(told.get("speaker")),
        tuple(_offered(told.get("offered"))),
    )


def understand(raw: bytes, now: datetime, phrases: Phrases) -> bytes:
    """The answer to one line of UTF-8, as a line of JSON, both without their ends. Never raises."""
    try:
        line = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        said = raw.decode(errors="replace").rstrip("\r\n")
        return _json(broken(said, f"not UTF-8: {error.reason} at byte {error.start}"))
    try:
        return _json(report(read_line(line, now), phrases))
    except LineError as error:
        return _json(broken(line, str(error)))
    except Exception as error:  # one line must not keep the rest from being read
        return _json(broken(line, f"cannot be understood: {where(error)}"))


def _json(answer: dict[str, Any]) -> bytes:
    written = json.dumps(answer, ensure_ascii=False)
    for mark in "\x85\u2028\u2029":  # some readers would take them for the end of the line
        written = written.replace(mark, f"\\u{ord(mark):04x}")
    try:
        return written.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and UTF-8 cannot
        return json.dumps(answer).encode()


def read_instant(written: str) -> datetime:
    """An instant such as 2026-02-09T09:30, of Rome unless it says its zone. Raises LineError."""
    return _instant(written, "now")


def report(line: Line, phrases: Phrases) -> dict[str, Any]:
    """What the line says, as plain JSON values. `start` and `end` count characters of the text.

    A value is what a call would take the words for: null when that is not settled. Only a day gone by has both its
    value and the problem "past". Slots offered settle hours, weekdays and "il secondo"; where nothing is offered
    an hour from 9 to 12 is one of the morning, and any other without a part of the day stays open. One offered
    slot counts as a question that takes a yes.
    """
    if line.speaker is Speaker.ASSISTANT:
        return _of_assistant(line)
    draft = _draft(line)
    asked = _asked(line.offered)
    said = read_caller(line.text, line.now, phrases, yes_no_pending=len(line.offered) == 1)
    pointing = said.ordinal_words or _pointed(said)
    said, turn = without_old(said), Turn(_TURN, line.speaker, line.text, None, None)
    take_slot(draft, said, asked if line.offered else None, turn)
    dates = [_date(draft, asked, s.mention) for s in said.dates]
    times = [_time(draft, s.mention) for s in said.times]
    if pointing is not None:
        _complete(draft, pointing, dates, times)
    return {
        "text": line.text,
        "acts": _acts(said),
        "dates": dates,
        "times": times,
        "ranges": [_range(mention) for mention in said.ranges],
        "phones": [_contact(mention) for mention in said.phones],
        "emails": [_contact(mention) for mention in said.emails],
        "names": [mention.value for mention in said.names],
        "readback": dict(_NO_READBACK),
    }


def broken(raw: str, error: str) -> dict[str, Any]:
    """The answer to a line that cannot be used: nothing found, and why."""
    empty: dict[str, Any] = {"text": raw, **{name: [] for name in _LISTS}}
    return {**empty, "readback": dict(_NO_READBACK), "error": error}


# --- What is told ------------------------------------------------------------------------------------------


def _text(told: Mapping[str, Any]) -> str:
    if not isinstance(told.get("text"), str):
        raise LineError("text: should be a string" if "text" in told else "text: is missing")
    text: str = told["text"]
    return text


def _speaker(told: object) -> Speaker:
    if told is None:
        return Speaker.CALLER
    if told not in list(Speaker):
        raise LineError(f"speaker: should be {' or '.join(Speaker)}")
    return Speaker(str(told))


def _instant(told: object, name: str) -> datetime:
    try:
        instant = datetime.fromisoformat(told) if isinstance(told, str) else None
        if instant is not None and instant.year in YEARS:
            return instant.replace(tzinfo=ZONE) if instant.tzinfo is None else instant.astimezone(ZONE)
    except ValueError:
        pass
    raise LineError(f"{name}: should be an instant such as 2026-02-09T09:30, from {YEARS[0]} to {YEARS[-1]}")


def _offered(told: object) -> Iterable[Slot]:
    if not isinstance(told, list | None):
        raise LineError("offered: should be a list of starts such as 2026-02-11T15:00")
    for written in told or ():
        start = _instant(written, "offered")
        yield Slot(start.date(), start.time().replace(second=0, microsecond=0))


# --- A call's own way to the values ------------------------------------------------------------------------


def _draft(line: Line) -> Draft:
    """A call in which the slots were just offered, and nothing else is known."""
    agenda = Agenda(ZONE, frozenset(), _HOURS, (), 60, (60,))
    context = Context(
        stage=Stage.RACCOLTA_DATI,
        task=Task.PRENOTA,
        caller=CallerKnown("client", "inbound"),
        agenda=agenda,
        phrases=_NO_PHRASES,
        now=line.now,
        offered=line.offered,
    )
    return Draft(Transcript(), Accumulator(), context)


_NO_PHRASES = Phrases({}, {})
_SILENCE = read_assistant("", datetime(2000, 1, 1, tzinfo=ZONE))


@lru_cache(maxsize=64)
def _asked(offered: tuple[Slot, ...]) -> AssistantReading:
    """The turn that offered the slots."""
    slots = (SpokenSlot(DateMention("", 0, 0, (s.day,)), TimeMention("", 0, 0, (s.at,))) for s in offered)
    return replace(_SILENCE, slots=tuple(slots))


def _acts(said: CallerReading) -> list[str]:
    """What the turn does, each act once; a yes only where nothing in the turn takes it back."""
    yes = agrees(said, Task.NESSUNO)
    acts = dict.fromkeys(mention.act for mention in said.acts)
    return [str(act) for act in acts if yes or act is not Act.AFFIRM]


_THAT_ONE = re.compile(r"\bquell[oa]\b\s*(?:d\w*'?\s*)?$")


def _pointed(said: CallerReading) -> Words | None:
    """The words that point at a slot offered instead of naming one."""
    named: list[Words] = [*(s.mention for s in said.dates), *(s.mention for s in said.times)]
    that = (
        words
        for words in named
        if _THAT_ONE.search(fold(said.text[max(0, words.start - _NEAR) : words.start]))
    )
    return said.ordinal_words or next(that, None)


def _complete(draft: Draft, by: Words, dates: list[dict[str, Any]], times: list[dict[str, Any]]) -> None:
    """The day and time of the one offer that the words `by` point at: "il secondo", "quello di giovedì"."""
    details = draft.held.details
    if details.date and not dates:
        dates.append(_day_entry(by, details.date, (details.date,), ()))
    if details.time and not times:
        times.append(_time_entry(by, details.time, (details.time,)))


def _date(draft: Draft, asked: AssistantReading | None, mention: DateMention) -> dict[str, Any]:
    if mention.problems == {Problem.PAST} and len(mention.candidates) == 1:
        return _day_entry(mention, mention.candidates[0], mention.candidates, mention.problems)
    days, problem = settle_day(draft, [mention], asked if draft.offered else None)
    settled = len(days) == 1 and problem is None and not _open(mention, days)
    problems = mention.problems if not settled else ()
    return _day_entry(mention, next(iter(days)) if settled else None, mention.candidates, problems)


def _open(mention: DateMention, days: Iterable[date]) -> bool:
    """Whether words that are in doubt name one day only because no other was thought of."""
    return Problem.AMBIGUOUS in mention.problems and tuple(days) == mention.candidates


def _time(draft: Draft, mention: TimeMention) -> dict[str, Any]:
    doubtful = Problem.AMBIGUOUS in mention.problems
    offered = {slot.at for slot in draft.offered}
    at = settle_time(draft, mention.candidates) if mention.candidates else None
    return _time_entry(mention, at if not doubtful or at in offered else None, mention.candidates)


def _day_entry(
    words: Words, value: date | None, candidates: Iterable[date], problems: Iterable[Problem]
) -> dict[str, Any]:
    return {
        "text": words.text,
        "start": words.start,
        "end": words.end,
        "value": value.isoformat() if value else None,
        "candidates": [day.isoformat() for day in candidates],
        "problems": sorted(map(str, problems)),
    }


def _time_entry(words: Words, value: time | None, candidates: Iterable[time]) -> dict[str, Any]:
    return {
        "text": words.text,
        "start": words.start,
        "end": words.end,
        "value": f"{value:%H:%M}" if value else None,
        "candidates": [f"{at:%H:%M}" for at in candidates],
    }


def _contact(mention: PhoneMention | EmailMention) -> dict[str, Any]:
    return {"text": mention.text, "value": mention.value, "problems": sorted(map(str, mention.problems))}


def _range(mention: RangeMention) -> dict[str, Any]:
    first, after = mention.date_from, mention.date_to
    begins, ends = mention.time_from, mention.time_to
    if begins is None and ends is None:
        return {"text": mention.text, "from": _written(first, None), "to": _written(after, None)}
    if first is None and after is None:
        return {"text": mention.text, "from": _written(None, begins), "to": _written(None, ends)}
    last = after if after is None or ends is None else after - timedelta(days=1)
    return {
        "text": mention.text,
        "from": _written(first, begins or time.min if first else None),
        "to": _written(last, ends or time.min if last else None),
    }


def _written(day: date | None, at: time | None) -> str | None:
    if day is None:
        return f"{at:%H:%M}" if at else None
    return day.isoformat() if at is None else f"{day.isoformat()}T{at:%H:%M}"


# --- Assistant turns -----------------------------------------------------------------------------------------


def _of_assistant(line: Line) -> dict[str, Any]:
    draft = _draft(line)
    asked = _asked(line.offered)
    return {
        "text": line.text,
        "acts": [],
        "dates": [_date(draft, asked, mention) for mention in find_dates(line.text, line.now)],
        "times": [_time(draft, mention) for mention in find_times(line.text)],
        "ranges": [_range(mention) for mention in find_ranges(line.text, line.now)],
        "phones": [_contact(mention) for mention in find_phones(line.text)],
        "emails": [_contact(mention) for mention in find_emails(line.text)],
        "names": [],
        "readback": _readback(draft, read_assistant(line.text, line.now)),
    }


def _readback(draft: Draft, heard: AssistantReading) -> dict[str, Any]:
    """What an assistant turn restates and asks for."""
    asked = _asked(draft.offered)
    dates = _values(_date(draft, asked, mention)["value"] for mention in heard.dates)
    times = _values(_time(draft, mention)["value"] for mention in heard.times)
    whole = len(dates) == len(times) == 1 and None not in (*dates, *times)
    ways = max(len(dates), len(times), len(set(heard.slots)))
    return {
        "dates": dates,
        "times": times,
        "phones": _values(mention.value for mention in heard.phones),
        "emails": _values(mention.value for mention in heard.emails),
        "asks": str(heard.asks),
        "yes_no": heard.yes_no,
        "confirms": whole and asks_for_yes(heard),
        "offers": ways if heard.offers or heard.asks in (Asks.SLOT, Asks.CHOICE) else 0,
        "claims_booked": heard.claims_done,
    }


def _values(found: Iterable[str | None]) -> list[str | None]:
    return list(dict.fromkeys(found))


_NO_READBACK = _readback(_draft(Line("", datetime(2000, 1, 1, tzinfo=ZONE))), _SILENCE)
