"""Chats over an open store, at a time that tests set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from engine.chat import Chats, Message, Standing
from engine.ports import Extractor, Mention
from engine.rulebook import Rulebook
from engine.turns import Speaker, Turn
from storage import bookings, people, seed
from storage.agenda import WEEKDAYS, AgendaSettings
from storage.chats import Party
from storage.database import Database
from tests.dialogues import shipped_rulebook
from tests.engine.scene import DAYTIME, FREE
from tests.storage.playground import ROME, rome

START = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)  # a Monday, 09:30 in Rome


class Nothing:
    """An extraction model that finds nothing."""

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        return ()


@dataclass
class Hands:
    """A clock that moves when it is told to."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Desk:
    """One server's chats. `write` is one message, a few seconds after the last one."""

    database: Database
    rulebook: Rulebook = field(default_factory=shipped_rulebook)
    clock: Hands = field(default_factory=Hands)
    extractor: Extractor = field(default_factory=Nothing)
    name: str = "whatsapp-39333"
    client: int | None = None
    written: int = 0

    @property
    def party(self) -> Party:
        return Party("shop", self.name, "whatsapp", self.client)

    @property
    def chats(self) -> Chats:
        """As after a restart: nothing is remembered."""
        return Chats(self.database, self.clock, lambda: self.rulebook, lambda _: self.extractor)

    def message(self, line: str, **given: object) -> Message:
        """ "C: …" is the customer, "A: …" the assistant."""
        self.written += 1
        who, text = line.split(": ", 1)
        role = {"C": Speaker.CALLER, "A": Speaker.ASSISTANT}[who]
        values = {"id": f"m{self.written}", "role": role, "text": text, "at": self.clock.at, **given}
        return Message(**values)  # type: ignore[arg-type]  # of a test's own making

    async def write(self, line: str, **given: object) -> Standing:
        self.clock.at += timedelta(seconds=5)
        return await self.take(self.message(line, **given))

    async def take(self, message: Message) -> Standing:
        return await self.chats.take(self.party, message)

    def bookings(self) -> list[str]:
        """Local starts of everything in force."""
        found = self.database.run_blocking(bookings.all_in_force)
        return sorted(f"{one.start.astimezone(ROME):%Y-%m-%dT%H:%M}" for one in found)


def furnish(database: Database, free: Sequence[str] = FREE) -> int:
    """A consultant who publishes these starts; returns the id of a client, Anna."""

    def work() -> int:
        settings = AgendaSettings(
            default_minutes=60,
            allowed_minutes=(30, 60),
            grid_minutes=15,
            horizon_days=400,
            weekly_hours=dict.fromkeys(WEEKDAYS, DAYTIME),
            published_starts_only=True,
        )
        consultant = people.add_consultant("Marco Rossi", settings)
        seed.publish_starts(consultant, map(rome, free))
        return people.add_client("Anna Verdi", "+393331234567", consultant_id=consultant)

    return database.run_blocking(work)


@contextmanager
def desk(*, client: bool = False, free: Sequence[str] = FREE) -> Iterator[Desk]:
    """A chat in a store of its own: a lead's, or a client's."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        anna = furnish(database, free)
        yield Desk(database, client=anna if client else None)
