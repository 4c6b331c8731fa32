"""A conversation to try: turns written as lines, four seconds each, and a store with one consultant to act on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from engine.analysis import Analysis, State, analyse
from engine.conversation import Conversation
from engine.desk import StoreDesk
from engine.details import Accumulator, Details, Slot
from engine.ports import Mention
from engine.rulebook import Rulebook
from engine.supervisor import opening_state
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.context import Agenda, CallerKnown, Context, OwnBooking, Reading
from engine.understanding.reading import read
from fsm.stages import Stage, Task
from storage import bookings, calls, people, seed
from storage.agenda import WEEKDAYS, AgendaSettings
from storage.database import Database
from storage.results import Booking, Lead
from tests.dialogues import shipped_rulebook
from tests.storage.playground import ROME, rome

START = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)  # a Monday, 09:30 in Rome
SECONDS = 4
LINE = "+393331234567"
CLIENT = CallerKnown("client", "inbound", LINE)
LEAD = CallerKnown("lead", "inbound", None)
LEAD_WITH_LINE = CallerKnown("lead", "inbound", LINE)
DIALLED_LEAD = CallerKnown("lead", "outbound", LINE)
FREE = ("2026-02-11T10:00", "2026-02-11T15:00", "2026-02-12T11:00", "2026-02-12T15:00")
DAYTIME = ((time(8), time(20)),)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def slot(text: str) -> Slot:
    moment = datetime.fromisoformat(text)
    return Slot(moment.date(), moment.time())


WEDNESDAY, THURSDAY = date(2026, 2, 11), date(2026, 2, 12)
THREE = slot("2026-02-11T15:00")


def turns(*lines: str) -> list[Turn]:
    """ "C: …" is the caller, "K: …" keys pressed, "A: …" the assistant; "A: … | …" was cut off: only what follows the
    bar was heard."""
    made = []
    for number, line in enumerate(lines, start=1):
        who, text = line.split(": ", 1)
        text, _, heard = text.partition(" | ")
        began = at(SECONDS * (number - 1))
        made.append(_turn(number, who, text, began, began + timedelta(seconds=SECONDS), heard))
    return made


def _turn(number: int, who: str, text: str, began: datetime, ended: datetime, heard: str) -> Turn:
    speaker = {"C": Speaker.CALLER, "K": Speaker.CALLER, "A": Speaker.ASSISTANT}[who]
    return Turn(number, speaker, text, began, ended, heard=heard or None, keyed=who == "K")


# --- Reading alone ----------------------------------------------------------------------------------------


def agenda(free: Iterable[str] = FREE, own: Iterable[str] = (), hours: Any = DAYTIME) -> Agenda:
    return Agenda(
        zone=ROME,
        free=frozenset(map(slot, free)),
        hours=dict.fromkeys(range(7), hours),
        own=tuple(OwnBooking(f"consultation:{n}", slot(text), 60) for n, text in enumerate(own, start=1)),
        allowed_minutes=(30, 60),
        minutes=60,
    )


def holding(text: str | None = "2026-02-11T15:00", **more: Any) -> Accumulator:
    """An accumulator that holds a slot, and the details given."""
    known = slot(text) if text else None
    return Accumulator(Details(known.day if known else None, known.at if known else None, **more))


def reading(
    *lines: str | Turn,
    held: Accumulator | None = None,
    stage: Stage = Stage.RACCOLTA_DATI,
    task: Task = Task.PRENOTA,
    caller: CallerKnown = CLIENT,
    seen: Agenda | None = None,
    new: Collection[int] | None = None,
    found: tuple[Mention, ...] = (),
) -> Reading:
    """The turns folded into `held`; all of them are new unless `new` says otherwise."""
    if stage in (Stage.NESSUN_INTENTO,):
        task = Task.NESSUNO
    said = [line for line in lines if isinstance(line, Turn)] or turns(*(str(line) for line in lines))
    context = Context(
        stage=stage,
        task=task,
        caller=caller,
        agenda=seen or agenda(),
        phrases=shipped_rulebook().phrases,
        now=said[-1].ended_at or at(0),
        found=found,
    )
    numbers = {turn.number for turn in said} if new is None else new
    return read(Transcript(said), numbers, held or Accumulator(), context)


# --- Analyses on a store ----------------------------------------------------------------------------------


@dataclass
class Scene:
    """One call on an open store. `say` adds turns and analyses them, as at the end of an assistant turn."""

    database: Database
    conversation: Conversation
    rulebook: Rulebook
    client_id: int | None
    state: State
    turns: list[Turn] = field(default_factory=list)
    now: datetime = START
    last: Analysis | None = None
    _analysed: int = 0

    def add(self, *lines: str) -> None:
        for line in lines:
            who, text = line.split(": ", 1)
            text, _, heard = text.partition(" | ")
            ends = self.now + timedelta(seconds=SECONDS)
            self.turns.append(_turn(len(self.turns) + 1, who, text, self.now, ends, heard))
            self.now = ends

    def new(self) -> list[int]:
        fresh = [turn.number for turn in self.turns if turn.number > self._analysed]
        self._analysed = len(self.turns)
        return fresh

    def say(self, *lines: str, **given: Any) -> Analysis:
        """Add `lines`, analyse them in one transaction, and go on from its state."""
        self.add(*lines)
        new = self.new()
        self.last = self.do(
            lambda: analyse(
                self.conversation,
                self.rulebook,
                self.state,
                Transcript(list(self.turns)),
                new,
                desk=StoreDesk(self.conversation),
                now=self.now,
                **given,
            )
        )
        if not self.last.wait:
            self.state = self.last.state
        return self.last

    def do(self, work: Any) -> Any:
        return self.database.run_blocking(work)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def hold(self) -> Any:
        return self.do(lambda: bookings.hold_of(self.conversation.id, now=self.now))

    def bookings(self) -> list[str]:
        """Local starts of everything in force."""
        found: list[Booking] = self.do(bookings.all_in_force)
        return sorted(f"{one.start.astimezone(ROME):%Y-%m-%dT%H:%M}" for one in found)

    def take(self, start: str, minutes: int = 60) -> None:
        """Somebody else takes a slot."""

        def take() -> None:
            bookings.expire_holds(self.now)
            seed.take_slot(self.conversation.consultant_id, rome(start), minutes, now=self.now)

        self.do(take)

    def detail(self) -> Any:
        return self.do(lambda: calls.call_detail(self.conversation.call_id or ""))

    @property
    def events(self) -> list[str]:
        """Events of the last analysis; a refused one with the guard that refused it."""
        assert self.last is not None
        return [
            f"{step.entry.event}" + (f"!{step.entry.guard}" if step.entry.guard else "")
            for step in self.last.steps
        ]


@contextmanager
def scene(
    caller: CallerKnown = CLIENT,
    *,
    free: Iterable[str] = FREE,
    own: Iterable[str] = (),
    rulebook: Rulebook | None = None,
    published_only: bool = True,
) -> Iterator[Scene]:
    """A call that has just been opened, in a store of its own."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()

        def furnish() -> tuple[Conversation, int | None]:
            weekly = dict.fromkeys(WEEKDAYS, DAYTIME)
            consultant = people.add_consultant(
                "Marco Rossi",
                AgendaSettings(
                    default_minutes=60,
                    allowed_minutes=(30, 60),
                    grid_minutes=15,
                    horizon_days=400,
                    weekly_hours=weekly,
                    published_starts_only=published_only,
                ),
            )
            seed.publish_starts(consultant, map(rome, free))
            client = None
            if caller.kind == "client":
                client = people.add_client("Anna Verdi", LINE, consultant_id=consultant)
            lead = None if client else Lead(caller.line or LINE, "lia@example.com", "Lia")
            for start in own:
                seed.add_booking(consultant, rome(start), 60, now=START, client_id=client, lead=lead)
            call = calls.open_call(
                bridge_call_id="bridge-1",
                consultant_id=consultant,
                direction=caller.direction,
                caller_number=caller.line if caller.direction == "inbound" else None,
                dialled_number=caller.line if caller.direction == "outbound" else None,
                client_id=client,
                now=START,
            )
            return Conversation(call, call, consultant, ROME, caller, client), client

        conversation, client = database.run_blocking(furnish)
        yield Scene(
            database, conversation, rulebook or shipped_rulebook(), client, opening_state(conversation)
        )
