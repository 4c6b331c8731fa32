"""Many threads hold, confirm, book, move, cancel and let expire on the same few days; afterwards the tables
alone must show what each thread was told, and nothing else."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage import at_once, bookings, people
from storage.agenda import AgendaSettings
from storage.database import Database
from storage.results import Booking, Hold, Lead, Refusal
from tests.storage.playground import NOW, Store, furnish, rome

DOINGS = 1200
SECONDS = 8.0  # at most, on a busy machine
WORKERS = 8
STARTS = [rome(f"2026-02-{day}T09:00") + timedelta(minutes=15 * n) for day in (12, 13) for n in range(36)]
STRAYS = """
    SELECT s.cell FROM slot_locks s JOIN {table} b ON b.id = s.{owner}
     WHERE s.consultant_id <> b.consultant_id
        OR s.cell * 900 < b.start_at OR s.cell * 900 >= b.start_at + b.minutes * 60"""


@dataclass
class Worker:
    """One channel's doings; `told` is what the store has said of each booking it made."""

    store: Store
    number: int
    consultants: list[int]
    clock: itertools.count[int]
    told: dict[str, Booking] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    holds: list[Hold] = field(default_factory=list)

    def work(self, until: float) -> None:
        self.dice = random.Random(self.number)
        doings = [self.propose, self.confirm, self.yes, self.lead, self.move, self.cancel, self.give_up]
        weights = [6, 4, 1, 2, 4, 3, 1]
        while time.monotonic() < until and (tick := next(self.clock)) < DOINGS:
            now = NOW + timedelta(seconds=30 * tick)  # the fifteen minutes of a hold are thirty doings
            doing = self.dice.choices(doings, weights)[0]
            for answer in doing(now):
                said = answer.value if isinstance(answer, Refusal) else type(answer).__name__
                self.answers[f"{doing.__name__} {said}"] += 1
                if isinstance(answer, Booking):
                    self.told[answer.id] = answer

    @property
    def conversation(self) -> str:
        return f"w{self.number}-{self.dice.randrange(3)}"

    def slot(self) -> dict[str, Any]:
        return {"start": self.dice.choice(STARTS), "minutes": self.dice.choice((30, 45, 60, 90))}

    def propose(self, now: datetime) -> list[Any]:
        mine = [each for each in self.told.values() if each.in_force and each.client_id]
        moving = self.dice.choice(mine) if mine and self.dice.random() < 0.3 else None
        held = self.store.do(
            bookings.propose,
            consultant_id=moving.consultant_id if moving else self.dice.choice(self.consultants),
            conversation=self.conversation,
            client_id=self.store.anna,
            now=now,
            moving=moving,
            **self.slot(),
        )
        self.holds += [held] if isinstance(held, Hold) else []
        return [held]

    def confirm(self, now: datetime) -> list[Any]:
        """The newest hold, or one of long ago."""
        if not self.holds:
            return []
        held = self.holds[-1] if self.dice.random() < 0.7 else self.dice.choice(self.holds)
        given = {"conversation": held.conversation, "client_id": held.client_id}
        return [self.store.do(bookings.confirm, token=held.token, now=now, **given)]

    def yes(self, now: datetime) -> list[Any]:
        given: dict[str, Any] = {"conversation": self.conversation, "client_id": self.store.anna}
        return [self.store.do(bookings.confirm, now=now, **given)]

    def lead(self, now: datetime) -> list[Any]:
        lead = Lead(f"+3933300000{self.number:02}", "lia@example.it")
        given = {"conversation": f"lead-{self.conversation}", "lead": lead, "source": "public_page"}
        consultant = self.dice.choice(self.consultants)
        return [self.store.do(at_once.book_lead, consultant_id=consultant, now=now, **given, **self.slot())]

    def some(self) -> list[Booking]:
        mine = [each for each in self.told.values() if each.in_force]
        return [self.dice.choice(mine)] if mine else []

    def move(self, now: datetime) -> list[Any]:
        return [
            self.store.do(
                at_once.reschedule,
                each.kind,
                each.id,
                conversation=self.conversation,
                client_id=each.client_id,
                now=now,
                **self.slot(),
            )
            for each in self.some()
        ]

    def cancel(self, now: datetime) -> list[Any]:
        return [self.store.do(bookings.cancel, each.kind, each.id, now=now) for each in self.some()]

    def give_up(self, now: datetime) -> list[Any]:
        if self.dice.random() < 0.5:
            self.store.do(bookings.release, self.conversation, now=now)
        else:
            self.store.do(bookings.expire_holds, now)
        return []


def test_what_was_told_is_what_the_tables_show(url: str) -> None:
    settings = AgendaSettings(grid_minutes=15)
    with Database(url) as database:
        store = furnish(Store(database), settings)
        consultants = [store.consultant, store.do(people.add_consultant, "Dott. Verdi", settings)]
        clock = itertools.count()
        workers = [Worker(store, number, consultants, clock) for number in range(WORKERS)]
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(WORKERS) as threads:
            for done in [threads.submit(worker.work, until) for worker in workers]:
                done.result()

        assert store.faults() == []
        for table, owner in (
            ("consultations", "consultation_id"),
            ("appointment_bookings", "appointment_id"),
        ):
            assert store.rows(STRAYS.format(table=table, owner=owner)) == []
        told = {key: each for worker in workers for key, each in worker.told.items()}
        assert len(told) == sum(len(worker.told) for worker in workers)
        in_force = {each.id: each for each in store.do(bookings.all_in_force)}
        assert in_force == {key: each for key, each in told.items() if each.in_force}
        kept = store.rows("SELECT id FROM consultations UNION ALL SELECT id FROM appointment_bookings")
        assert {key for (key,) in kept} == set(told)

    answers = sum((worker.answers for worker in workers), Counter[str]())
    for doing in ("propose SLOT_TAKEN", "propose Hold", "confirm Booking", "confirm HOLD_EXPIRED"):
        assert answers[doing], answers
    for doing in ("lead Booking", "move Booking", "move SLOT_TAKEN", "cancel Booking"):
        assert answers[doing], answers
