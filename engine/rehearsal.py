"""A written dialogue played through the same supervisor, rules, machine and store as a call, then checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.conversation import Conversation
from engine.keypad import Keypad
from engine.ports import Extractor, Mention, MentionKind, Store
from engine.rulebook import Rulebook
from engine.supervisor import Supervisor, Told
from engine.turns import Speaker, Turn
from engine.understanding.context import CallerKnown
from engine.understanding.folding import fold
from engine.understanding.phones import phone_from_digits
from fsm.stages import Stage
from storage import bookings, calls, people, seed
from storage.agenda import WEEKDAYS, AgendaSettings
from storage.results import Booking, Lead

ZONE = ZoneInfo("Europe/Rome")
_TURN_SECONDS = 4
_UNKNOWN_LINE = "+390000000001"
_HOURS = ((time(8), time(20)),)


class RehearsalError(Exception):
    """Raised when a dialogue file cannot be read: file, line where known, and reason."""


def _written_instant(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_AND_TIME.match(value)):
        return value
    raise ValueError("should be a valid datetime: a date and a time, such as 2026-02-11T15:00")


def _plausible(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError(f"the year should be from {_YEARS[0]} to {_YEARS[-1]}")
    return value


def _e164(value: str) -> str:
    if not _E164.fullmatch(value):
        raise ValueError("should be an E.164 number, such as +393331234567")
    return value


def _of_the_line(value: str) -> str:
    """E.164; a national number is taken as Italian, as the bridge does."""
    digits = re.sub(r"[\s./-]", "", value)
    national = phone_from_digits(digits)[0] if re.fullmatch(r"[0-9]+", digits) else None
    return _e164(national or value)


_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.IGNORECASE)
_KEYS = re.compile(r"[0-9*]+#?")
_YEARS = range(2000, 2101)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_Instant = Annotated[datetime, BeforeValidator(_written_instant), AfterValidator(_plausible)]
_Minutes = Annotated[int, Field(strict=True, ge=5, le=480)]
_Phone = Annotated[str, AfterValidator(_e164)]
_LineNumber = Annotated[str, AfterValidator(_of_the_line)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", fold(text))


class _Turn(_Model):
    """One of `caller`, `assistant` or `keys`, which the caller presses: digits, `*` to begin anew, `#` at the end."""

    caller: str | None = None
    assistant: str | None = None
    keys: str | None = None
    heard: str | None = None

    @field_validator("keys")
    @classmethod
    def _of_a_telephone(cls, value: str | None) -> str | None:
        if value is not None and not _KEYS.fullmatch(value):
            raise ValueError("`keys` are 0 to 9 and *, with # only at their end")
        return value

    @model_validator(mode="after")
    def _one_speaker(self) -> _Turn:
        if [self.caller, self.assistant, self.keys].count(None) != 2:
            raise ValueError("a turn has one of `caller`, `assistant` or `keys`")
        if self.heard is not None and self.assistant is None:
            raise ValueError("`heard` belongs to an assistant turn")
        if self.heard is not None and not _letters(self.assistant or "").startswith(_letters(self.heard)):
            raise ValueError("`heard` must be how the assistant turn begins")
        return self


class _Caller(_Model):
    kind: Literal["client", "lead"]
    direction: Literal["inbound", "outbound"]
    name: str | None = None
    phone: _LineNumber | None = None
    email: str | None = None


class _Existing(_Model):
    start: _Instant
    minutes: _Minutes | None = None


class _Agenda(_Model):
    duration: _Minutes = 60
    free: tuple[_Instant, ...] = ()
    existing: tuple[_Existing, ...] = ()

    @model_validator(mode="after")
    def _one_at_a_time(self) -> _Agenda:
        inorder = sorted(self.existing, key=lambda own: _instant(own.start))
        for own, following in pairwise(inorder):
            end = _instant(own.start) + timedelta(minutes=own.minutes or self.duration)
            if end > _instant(following.start):
                raise ValueError(
                    f"existing bookings overlap: {own.start:%Y-%m-%dT%H:%M} and {following.start:%Y-%m-%dT%H:%M}"
                )
        return self


class _ExpectedCancelled(_Model):
    """A cancelled booking is expected as a table, or as its start alone."""

    kind: Literal["consultation", "appointment"] | None = None
    start: _Instant
    phone: _Phone | None = None
    email: str | None = None
    start_utc: _Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _start_alone(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"start": value}


class _ExpectedBooking(_Model):
    kind: Literal["consultation", "appointment"]
    start: _Instant
    phone: _Phone | None = None
    email: str | None = None
    start_utc: _Instant | None = None


class _Expected(_Model):
    bookings: tuple[_ExpectedBooking, ...] = ()
    stage: Stage | None = None
    command: Literal["trasferisci", "riaggancia", "richiama"] | None = None
    callback: bool | None = None
    cancelled: tuple[_ExpectedCancelled, ...] | None = None


class _Pointed(_Model):
    """A detail the extraction model would point at: which kind, in which turn (from 1), and its very words."""

    kind: MentionKind
    turn: Annotated[int, Field(strict=True, ge=1)]
    verbatim: str


class _Extractor(_Model):
    mentions: tuple[_Pointed, ...] = ()


class Dialogue(_Model):
    """A written dialogue. Times of the agenda and of what is expected are local to Europe/Rome.

    `transfer`: the call can be handed to a person.
    `extractor`: what the extraction model would find in it; without it, it finds nothing that we do not.
    """

    title: str
    now: _Instant
    turns: tuple[_Turn, ...]
    caller: _Caller
    agenda: _Agenda = Field(default_factory=_Agenda)
    transfer: bool = False
    extractor: _Extractor | None = None
    expect: _Expected = Field(default_factory=_Expected)

    @field_validator("now")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("`now` needs its offset, as in 2026-02-09T09:30:00+01:00")
        return value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a dialogue: the JSON object of `rehearse --json`, without its file."""

    title: str
    stage: str
    task: str
    bookings: list[dict[str, Any]]
    cancelled: list[dict[str, Any]]
    transitions: list[dict[str, Any]]
    notices: list[str]
    commands: list[str]
    callback: bool
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything expected came true, and nothing else."""
        return not self.problems

    def as_json(self, file: str) -> dict[str, Any]:
        """One line of `rehearse --json`."""
        return {
            "file": file,
            "title": self.title,
            "stage": self.stage,
            "task": self.task,
            "bookings": self.bookings,
            "cancelled": self.cancelled,
            "transitions": self.transitions,
            "notices": self.notices,
            "commands": self.commands,
            "callback": self.callback,
            "passed": self.passed,
            "problems": self.problems,
        }

    @staticmethod
    def broken(file: str, problems: list[str]) -> dict[str, Any]:
        """The same for a dialogue that could not be played: nothing came of it."""
        nothing = Outcome("", "", "", [], [], [], [], [], callback=False, problems=problems)
        return nothing.as_json(file) | {"title": None, "stage": None, "task": None}


def read_dialogue(path: Path) -> Dialogue:
    """The dialogue in a TOML file. Raises RehearsalError for a broken one."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RehearsalError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RehearsalError(f"{path}: is not UTF-8: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = line.group(1) if line else path.read_text(encoding="utf-8").count("\n") + 1
        raise RehearsalError(f"{path}:{number}: {error}") from error
    try:
        return Dialogue.model_validate(data)
    except ValidationError as error:
        raise RehearsalError("\n".join(_located(path, problem) for problem in error.errors())) from error


_REASONS = {
    "tuple_type": "should be an array, as in [ … ]",
    "model_type": "should be a table, as in { key = … }",
}
_TABLES: dict[tuple[str, ...], type[BaseModel]] = {
    (): Dialogue,
    ("turns",): _Turn,
    ("caller",): _Caller,
    ("agenda",): _Agenda,
    ("agenda", "existing"): _Existing,
    ("extractor",): _Extractor,
    ("extractor", "mentions"): _Pointed,
    ("expect",): _Expected,
    ("expect", "bookings"): _ExpectedBooking,
    ("expect", "cancelled"): _ExpectedCancelled,
}


def _located(path: Path, problem: Mapping[str, Any]) -> str:
    """file:line: field: reason; the line is that of the innermost key that stands in the file."""
    where = ".".join(str(part) for part in problem["loc"]) or "dialogue"
    line = _line_of(path.read_text(encoding="utf-8").splitlines(), problem["loc"])
    reason = _REASONS.get(problem["type"]) or str(problem.get("ctx", {}).get("error", problem["msg"]))
    if problem["type"] == "extra_forbidden":
        table = tuple(part for part in problem["loc"][:-1] if isinstance(part, str))
        reason = f"unknown key (allowed: {', '.join(_TABLES[table].model_fields)})"
    return f"{path}:{line}: {where}: {reason}"


def _line_of(lines: Sequence[str], where: Sequence[int | str]) -> int:
    texts = [text.strip() for text in lines]
    found = 1
    for part in where:
        step = _item(texts, found, part) if isinstance(part, int) else _key(texts, found, part)
        if step is None:
            break
        found = step
    return found


def _key(texts: Sequence[str], found: int, name: str) -> int | None:
    """The line, from `found` on, of a key of this table or of the header of a table below it."""
    of_this_table = True
    for number, text in enumerate(texts[found - 1 :], start=found):
        of_this_table = of_this_table and (number == found or not text.startswith("["))
        if text.startswith((f"[{name}", f"[[{name}")) or f".{name}]" in text:
            return number
        if of_this_table and text.startswith((f"{name} ", f"{name}=")):
            return number
    return None


def _item(texts: Sequence[str], found: int, index: int) -> int | None:
    """The line of an item of the array that begins at line `found`, where items have lines of their own."""
    header = texts[found - 1]
    if header.startswith("[["):
        items = [number for number, text in enumerate(texts, start=1) if text == header]
    else:
        items = [found] if "{" in header else []
        for number, text in enumerate(texts[found:], start=found + 1):
            if text.startswith(("[", "]")):
                break
            if text.startswith("{"):
                items.append(number)
    return items[index] if index < len(items) else None


class WrittenExtractor:
    """The extraction model as a dialogue has it: it points at what is written there."""

    def __init__(self, mentions: Iterable[Mention]) -> None:
        self._mentions = tuple(mentions)

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`. Never raises ExtractorError."""
        shown = {turn.number for turn in turns}
        return tuple(mention for mention in self._mentions if mention.turn in shown)


def written_mentions(dialogue: Dialogue) -> tuple[Mention, ...]:
    """What the extraction model would find in a dialogue."""
    found = dialogue.extractor.mentions if dialogue.extractor else ()
    return tuple(Mention(mention.kind, mention.turn, mention.verbatim) for mention in found)


async def rehearse(
    dialogue: Dialogue,
    store: Store,
    rulebook: Rulebook,
    extractor: Extractor | None = None,
    *,
    watch: Callable[[Told], None] | None = None,
) -> Outcome:
    """Play `dialogue` in an empty `store` and check what it expects; `watch` is told of every analysis.

    `extractor` stands for the extraction model; without one, what the dialogue says that it would find.
    """
    extractor = extractor or WrittenExtractor(written_mentions(dialogue))
    now = dialogue.now.astimezone(UTC)
    conversation, existing = await store.run(lambda: _set_stage(dialogue, now))
    told: list[Told] = []

    def hear(one: Told) -> None:
        told.append(one)
        if watch is not None:
            watch(one)

    supervisor = Supervisor(conversation, store, rulebook, extractor, watch=hear)
    turns: list[Turn] = []
    analysed = 0

    unheard = False

    async def analyse(at: datetime, *, over: bool = False) -> None:
        nonlocal analysed, unheard
        new = [turn.number for turn in turns if turn.number > analysed]
        if not new:
            return
        await store.run(lambda: _record_turns(conversation, turns))
        await supervisor.analyse(
            list(turns),
            new=new,
            now=at,
            call_over=over,
            pending_speech=False,
            unheard=unheard,
            still_valid=lambda: True,
        )
        analysed, unheard = turns[-1].number, False

    at = now
    waiting = False  # a turn was cut off: its analysis waits for the words that cut it
    for number, written in enumerate(dialogue.turns, start=1):
        began, at = at, at + timedelta(seconds=_TURN_SECONDS)
        if written.assistant is not None:
            if waiting:
                await analyse(began)
            turns.append(Turn(number, Speaker.ASSISTANT, written.assistant, began, at, heard=written.heard))
            waiting = turns[-1].cut_off
            if not waiting:
                await analyse(at)
        elif written.keys is not None:
            turns.append(_keyed(written.keys, number, began, at))
            if waiting or not _goes_on_speaking(dialogue, number):
                waiting = False
                await analyse(at)
        elif not written.caller:
            unheard = True
        else:
            turns.append(Turn(number, Speaker.CALLER, written.caller, began, at))
            if waiting:
                waiting = False
                await analyse(at)
    await analyse(at, over=True)
    await supervisor.finish(at, "hangup")
    return await store.run(lambda: _outcome(dialogue, conversation, supervisor, told, existing, at))


def _keyed(keys: str, number: int, began: datetime, ended: datetime) -> Turn:
    """The turn that these keys make, the first pressed at `began`."""
    keypad = Keypad(iter([number]))
    turn = next((made for key in keys if (made := keypad.press(key, began)) is not None), None)
    turn = turn or keypad.end()
    assert turn is not None
    return replace(turn, ended_at=ended)


def _goes_on_speaking(dialogue: Dialogue, number: int) -> bool:
    """Whether the caller speaks, or presses keys, right after turn `number`."""
    return number < len(dialogue.turns) and dialogue.turns[number].assistant is None


def _set_stage(dialogue: Dialogue, now: datetime) -> tuple[Conversation, list[Booking]]:
    """The consultant, the caller and the agenda of the dialogue."""
    duration, caller = dialogue.agenda.duration, dialogue.caller
    settings = AgendaSettings(
        default_minutes=duration,
        allowed_minutes=tuple(sorted({30, 45, 60, 90, duration})),
        grid_minutes=15,
        horizon_days=400,
        weekly_hours=dict.fromkeys(WEEKDAYS, _HOURS),
        published_starts_only=True,
    )
    consultant = people.add_consultant("Marco Rossi", settings)
    seed.publish_starts(consultant, [_instant(start) for start in dialogue.agenda.free])
    line = caller.phone or (_UNKNOWN_LINE if dialogue.agenda.existing and caller.kind == "lead" else None)
    client_id = None
    if caller.kind == "client":
        client_id = people.add_client(
            caller.name or "Cliente",
            caller.phone or _UNKNOWN_LINE,
            consultant_id=consultant,
            email=caller.email,
        )
    lead = (
        Lead(line or _UNKNOWN_LINE, caller.email or "lead@example.com", caller.name)
        if client_id is None
        else None
    )
    existing = [
        seed.add_booking(
            consultant, _instant(own.start), own.minutes or duration, now=now, client_id=client_id, lead=lead
        )
        for own in dialogue.agenda.existing
    ]
    call_id = calls.open_call(
        bridge_call_id="rehearsal",
        consultant_id=consultant,
        direction=caller.direction,
        caller_number=line if caller.direction == "inbound" else None,
        dialled_number=line if caller.direction == "outbound" else None,
        client_id=client_id,
        now=now,
    )
    known = CallerKnown(caller.kind, caller.direction, line)
    conversation = Conversation(
        call_id, call_id, consultant, ZONE, known, client_id, transfer=dialogue.transfer
    )
    return conversation, existing


def _instant(local: datetime) -> datetime:
    return (local if local.tzinfo else local.replace(tzinfo=ZONE)).astimezone(UTC)


def _record_turns(conversation: Conversation, turns: Sequence[Turn]) -> None:
    if conversation.call_id is not None:
        calls.record_turns(conversation.call_id, turns)


def _outcome(
    dialogue: Dialogue,
    conversation: Conversation,
    supervisor: Supervisor,
    told: Sequence[Told],
    existing: Sequence[Booking],
    now: datetime,
) -> Outcome:
    """What the store really holds at the end; extra rows are problems too."""
    made = bookings.bookings_of_call(conversation.call_id) if conversation.call_id else []
    known = {(b.kind, b.id): b for b in (*existing, *made)}
    final = [found for key in known if (found := bookings.booking(*key)) is not None]
    everything = bookings.all_in_force()
    in_force = [_shown(b) for b in sorted(everything, key=lambda b: b.start)]
    cancelled = [_shown(b) for b in sorted(final, key=lambda b: b.start) if not b.in_force]
    state = supervisor.state
    outcome = Outcome(
        title=dialogue.title,
        stage=str(state.stage),
        task=str(state.task),
        bookings=in_force,
        cancelled=cancelled,
        transitions=[
            {
                "turn": told_turn,
                "from": str(step.entry.source),
                "to": str(step.entry.target),
                "event": str(step.entry.event),
                "rule": step.entry.rule,
                "refused": step.entry.guard,
            }
            for told_turn, step in _steps(told)
        ],
        notices=[notice for one in told for notice in one.analysis.notices],
        commands=[one.analysis.command for one in told if one.analysis.command is not None],
        callback=state.held.callback_requested,
    )
    outcome.problems.extend(_problems(dialogue.expect, outcome))
    return outcome


def _steps(told: Sequence[Told]) -> list[tuple[int, Any]]:
    return [(one.last_turn, step) for one in told for step in one.analysis.steps]


def _shown(booking: Booking) -> dict[str, Any]:
    local = booking.start.astimezone(ZONE)
    return {
        "kind": str(booking.kind),
        "start": f"{local:%Y-%m-%dT%H:%M}",
        "start_utc": f"{booking.start.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "phone": booking.phone if booking.phone != _UNKNOWN_LINE else None,
        "email": booking.email,
    }


def _problems(expected: _Expected, outcome: Outcome) -> list[str]:
    problems = []
    if expected.stage is not None and expected.stage != outcome.stage:
        problems.append(f"stage is {outcome.stage}, expected {expected.stage}")
    if expected.command is not None and expected.command not in outcome.commands:
        problems.append(f"commands are {outcome.commands}, expected {expected.command}")
    if expected.callback not in (None, outcome.callback):
        problems.append(f"callback is {outcome.callback}, expected {expected.callback}".lower())
    missing, left = _compared(outcome.bookings, expected.bookings)
    problems += [f"missing booking: {_described(wanted)}" for wanted in missing]
    problems += [f"unexpected booking: {b['kind']} {b['start']}" for b in left]
    if expected.cancelled is not None:
        missing, left = _compared(outcome.cancelled, expected.cancelled)
        if missing or left:
            starts = sorted(b["start"] for b in outcome.cancelled)
            wanted_ones = sorted(_described(wanted) for wanted in expected.cancelled)
            problems.append(f"cancelled are {starts}, expected {wanted_ones}")
    return problems


def _compared(
    found: Sequence[dict[str, Any]], expected: Sequence[_ExpectedBooking | _ExpectedCancelled]
) -> tuple[list[_ExpectedBooking | _ExpectedCancelled], list[dict[str, Any]]]:
    """What is expected but was not found, and what was found but is not expected."""
    missing, left = [], list(found)
    for wanted in expected:
        match = next((b for b in left if _is(b, wanted)), None)
        if match is None:
            missing.append(wanted)
        else:
            left.remove(match)
    return missing, left


def _is(booking: Mapping[str, Any], wanted: _ExpectedBooking | _ExpectedCancelled) -> bool:
    local = wanted.start.astimezone(ZONE) if wanted.start.tzinfo else wanted.start
    return (
        (wanted.kind is None or booking["kind"] == wanted.kind)
        and booking["start"] == f"{local:%Y-%m-%dT%H:%M}"
        and (wanted.phone is None or booking["phone"] == wanted.phone)
        and (wanted.email is None or booking["email"] == wanted.email)
        and (wanted.start_utc is None or booking["start_utc"] == f"{_utc(wanted.start_utc):%Y-%m-%dT%H:%MZ}")
    )


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _described(wanted: _ExpectedBooking | _ExpectedCancelled) -> str:
    told = (wanted.kind, f"{wanted.start:%Y-%m-%dT%H:%M}", wanted.phone, wanted.email)
    return " ".join(value for value in told if value)
