"""A process that takes bookings on eight threads until its time is over: `python -m tests.storage.stress.worker JOB`.

It says "ready", and begins when it is told when the day began and when to stop (two times of the monotonic clock).
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage import at_once, bookings
from storage.database import Database
from storage.errors import OutcomeUnknown, StoreUnavailable
from storage.models import epoch_seconds
from storage.results import Booking, BookingKind, Hold, Lead, Refusal
from storage.settings import StorageSettings
from tests.storage.playground import NOW, rome
from tests.storage.stress.log import Log

THREADS = 8
SPEED = 300  # how much faster than ours the day of the store goes by: a hold lasts three seconds
MINUTES = (30, 45, 60, 90)
STARTS = [rome(f"2026-02-{day}T09:00") + timedelta(minutes=15 * n) for day in (12, 13) for n in range(36)]
TODAY = [rome("2026-02-09T10:00") + timedelta(minutes=15 * n) for n in range(8)]


@dataclass
class Job:
    """What a worker needs to know: the database, where its log goes, and whose agendas it books."""

    url: str
    log: str
    consultants: list[int]
    clients: list[int]
    sweeps: bool = False

    def settings(self) -> StorageSettings:
        return StorageSettings(url=self.url)

    def command(self, module: str = "worker") -> list[str]:
        return [sys.executable, "-m", f"tests.storage.stress.{module}", json.dumps(asdict(self))]


@dataclass
class Channel:
    """One thread's doings, on its own bookings and on others'."""

    database: Database
    log: Log
    job: Job
    name: str
    clock: Callable[[], datetime]
    dice: random.Random
    holds: list[Hold] = field(default_factory=list)
    made: list[Booking] = field(default_factory=list)

    def act(self) -> None:
        """One operation, drawn by lot."""
        doings = {
            self.propose: 9,
            self.confirm: 5,
            self.yes: 1,
            self.book_lead: 2,
            self.reschedule: 3,
            self.cancel: 4,
            self.release: 1,
            self.expire: 1,
            self.look_around: 1,
        }
        self.dice.choices(list(doings), list(doings.values()))[0]()

    def propose(self) -> None:
        client = self.client()
        mine = [each for each in self.made if each.client_id == client]
        moving = self.dice.choice(mine) if mine and self.dice.random() < 0.3 else None
        given = self.slot(moving.consultant_id if moving else None)
        given |= {"conversation": self.conversation(client), "client_id": client}
        answer = self._do(bookings.propose, given, moving=moving)
        if isinstance(answer, Hold):
            self.holds.append(answer)

    def confirm(self) -> None:
        """The newest hold, or one of long ago; for a client or a lead."""
        if self.holds:
            held = self.holds[-1] if self.dice.random() < 0.7 else self.dice.choice(self.holds)
            whose = {"conversation": held.conversation, "client_id": held.client_id}
            self._confirm("confirm", {"token": held.token, **whose})
            if self.dice.random() < 0.8:
                self.holds.remove(held)

    def yes(self) -> None:
        """Without a token: whatever this conversation holds."""
        client = self.client()
        self._confirm("yes", {"conversation": self.conversation(client), "client_id": client})

    def book_lead(self) -> None:
        given = self.slot() | {"conversation": self.conversation(None)}
        lead = Lead(f"+39333000{self.dice.randrange(9999):04}", "lia@example.it")
        self._remember(self._do(at_once.book_lead, given, noted=True, lead=lead, source="public_page"))

    def reschedule(self) -> None:
        for each in self.one_of_mine():
            whose = {"conversation": self.conversation(each.client_id), "client_id": each.client_id}
            given = {**self.slot(each.consultant_id), **whose, "kind": each.kind.value, "id": each.id}
            self._do(_reschedule, given, noted=True)

    def cancel(self) -> None:
        for each in self.one_of_mine():
            self._do(_cancel, {"kind": each.kind.value, "id": each.id})
            if self.dice.random() < 0.8:
                self.made.remove(each)

    def release(self) -> None:
        self._do(bookings.release, {"conversation": self.conversation(self.client())})

    def expire(self) -> None:
        self._do(_expire, {})

    def look_around(self) -> None:
        """Take up somebody else's bookings too."""
        try:
            client, now = self.dice.choice(self.job.clients), self.clock()
            seen = self.database.run_blocking(lambda: bookings.find_bookings(client_id=client, now=now))
            self.made += self.dice.sample(seen, min(3, len(seen)))
        except StoreUnavailable:
            pass

    # --- What is drawn by lot -----------------------------------------------------------------------------

    def client(self) -> int | None:
        return self.dice.choice([None, *self.job.clients])

    def conversation(self, client: int | None) -> str:
        """One of its own, or now and then one that everybody uses at once."""
        who = "shared" if self.dice.random() < 0.15 else self.name
        return f"{who}-{client}-{self.dice.randrange(2)}"

    def slot(self, consultant: int | None = None) -> dict[str, Any]:
        return {
            "consultant": consultant or self.dice.choice(self.job.consultants),
            "start": epoch_seconds(self.dice.choice(TODAY if self.dice.random() < 0.05 else STARTS)),
            "minutes": self.dice.choice(MINUTES),
        }

    def one_of_mine(self) -> list[Booking]:
        return [self.dice.choice(self.made)] if self.made else []

    # --- Doing it, with a line in the log before and after -------------------------------------------------

    def _confirm(self, what: str, given: dict[str, Any]) -> None:
        lead = Lead("+393330000000", "lia@example.it", "Lia") if given["client_id"] is None else None
        held = next((each for each in self.holds if each.token == given.get("token")), None)
        lead = None if held is not None and held.moving else lead
        self._remember(self._do(bookings.confirm, given, noted=True, what=what, lead=lead))

    def _remember(self, answer: Any) -> None:
        if isinstance(answer, Booking):
            self.made = [*(each for each in self.made[-9:] if each.id != answer.id), answer]

    def _do(
        self,
        operation: Callable[..., Any],
        given: dict[str, Any],
        *,
        noted: bool = False,
        what: str | None = None,
        **more: Any,
    ) -> Any:
        now = self.clock()
        name = self.log.intend(what or operation.__name__.strip("_"), **given, now=epoch_seconds(now))
        arguments = dict(given)
        if "start" in given:
            arguments["consultant_id"] = arguments.pop("consultant")
            arguments["start"] = datetime.fromtimestamp(given["start"], NOW.tzinfo)
        if noted:
            arguments["notes"] = name
        try:
            answer = self.database.run_blocking(lambda: operation(**arguments, **more, now=now))
        except OutcomeUnknown as error:
            self.log.told(name, **{"is": "unknown", "why": str(error)})
        except StoreUnavailable as error:
            self.log.told(name, **{"is": "unavailable", "why": str(error)})
        except Exception as error:
            self.log.told(name, **{"is": "error", "why": repr(error)})
        else:
            self.log.told(name, **_told(answer))
            return answer
        return None


def _reschedule(kind: str, id: str, consultant_id: int, **given: Any) -> Booking | Refusal:
    return bookings.reschedule(BookingKind(kind), id, **given)


def _cancel(kind: str, id: str, now: datetime) -> Booking | Refusal:
    return bookings.cancel(BookingKind(kind), id, now=now)


def _expire(now: datetime) -> int:
    return bookings.expire_holds(now)


def _told(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return {"is": "refused", "why": answer.value}
    if isinstance(answer, Hold):
        return {"is": "hold", "token": answer.token, "expires": epoch_seconds(answer.expires_at)}
    if isinstance(answer, Booking):
        return {
            "is": "booking",
            "kind": answer.kind.value,
            "id": answer.id,
            "consultant": answer.consultant_id,
            "start": epoch_seconds(answer.start),
            "minutes": answer.minutes,
            "in_force": answer.in_force,
            "notes": answer.notes,
        }
    return {"is": "done"}


class Retries(logging.Handler):
    """Counts what the store does again."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        self.reasons[record.getMessage().split(": ", 1)[-1][:60]] += 1


def work(job: Job) -> None:
    log = Log(Path(job.log))
    retries = Retries()
    logging.getLogger("storage.database").addHandler(retries)
    with Database(job.settings()) as database:
        print("ready", flush=True)
        began, until = (float(word) for word in sys.stdin.readline().split())

        def clock() -> datetime:
            return NOW + timedelta(seconds=(time.monotonic() - began) * SPEED)

        def run(number: int) -> None:
            name = f"{Path(job.log).stem}/{number}"
            channel = Channel(database, log, job, name, clock, random.Random(name))
            while time.monotonic() < until:
                channel.act()

        def sweep() -> None:
            while job.sweeps and time.monotonic() < until:
                database.run_blocking(lambda: bookings.expire_holds(clock()))
                time.sleep(1)

        with ThreadPoolExecutor(THREADS + 1) as threads:
            for ended in [*(threads.submit(run, number) for number in range(THREADS)), threads.submit(sweep)]:
                ended.result()
    log.note(retries=retries.reasons)


if __name__ == "__main__":
    work(Job(**json.loads(sys.argv[1])))
