"""How fast the store books, moves and refuses, beside the same design in plain psycopg2 and sqlite3.

Run: make bench ARGS="store [--on postgres sqlite] [--workers 1 8] [--rounds 5] [--seconds 1]". Both are asked in turn,
round by round, on the same tables and settings; what is told is the median of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench._raw_store import RawStore, starts
from storage import bookings, people
from storage.agenda import AgendaSettings
from storage.bookings import Booking, Hold
from storage.database import Database
from storage.models import AppointmentBooking, Consultation, PendingBooking, SlotLock
from storage.results import BookingKind, Refusal
from storage.settings import StorageSettings
from tests.storage.postgres import Postgres

NOW = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)
CONSULTANTS = 4
MINUTES = 30
YEARS = timedelta(days=365)
AIMS = {"postgres": 0.70, "sqlite": 0.50}
WHAT = {
    "book": "propose + confirm",
    "move": "reschedule",
    "propose": "propose alone",
    "refuse": "propose, refused",
}


@dataclass(frozen=True)
class Seat:
    """What one worker books for: its own slots of a consultant, a client and a conversation."""

    number: int
    consultant: int
    client: int
    free: Iterator[datetime]
    taken: datetime

    @property
    def conversation(self) -> str:
        return f"w{self.number}"


class Ours:
    """The store as the engine calls it."""

    def __init__(self, database: Database) -> None:
        self._run = database.run_blocking

    def propose(self, seat: Seat, start: datetime) -> str | None:
        def work() -> Hold | Refusal:
            return bookings.propose(
                consultant_id=seat.consultant,
                conversation=seat.conversation,
                client_id=seat.client,
                start=start,
                minutes=MINUTES,
                now=NOW,
            )

        held = self._run(work)
        return held.token if isinstance(held, Hold) else None

    def confirm(self, seat: Seat, token: str) -> str | None:
        def work() -> Booking | Refusal:
            given = {"conversation": seat.conversation, "client_id": seat.client}
            return bookings.confirm(token=token, now=NOW, **given)  # type: ignore[arg-type]  # two keywords of two types

        made = self._run(work)
        return made.id if isinstance(made, Booking) else None

    def move(self, seat: Seat, booking: str, start: datetime) -> bool:
        def work() -> Booking | Refusal:
            return bookings.reschedule(
                BookingKind.CONSULTATION,
                booking,
                conversation=seat.conversation,
                client_id=seat.client,
                start=start,
                now=NOW,
            )

        return isinstance(self._run(work), Booking)


class Raw:
    """The same with a connection a worker, or on SQLite one for all."""

    def __init__(self, connect: Callable[[], RawStore], seats: list[Seat], shared: bool) -> None:
        one = connect() if shared else None
        self._stores = {seat.number: one or connect() for seat in seats}

    def propose(self, seat: Seat, start: datetime) -> str | None:
        store = self._stores[seat.number]
        return store.propose(seat.consultant, seat.conversation, seat.client, start, MINUTES, NOW)

    def confirm(self, seat: Seat, token: str) -> str | None:
        made = self._stores[seat.number].confirm(token, seat.conversation, seat.client, NOW)
        return None if made is None else str(made[0])

    def move(self, seat: Seat, booking: str, start: datetime) -> bool:
        store = self._stores[seat.number]
        return store.reschedule(booking, seat.conversation, seat.client, start, NOW) is not None

    def close(self) -> None:
        for store in set(self._stores.values()):
            store.connection.close()


Side = Ours | Raw


def book(side: Side, seat: Seat) -> Iterator[float]:
    """Seconds of one propose + confirm after the other."""
    for start in seat.free:
        begun = time.perf_counter()
        token = side.propose(seat, start)
        assert token is not None and side.confirm(seat, token) is not None
        yield time.perf_counter() - begun


def propose(side: Side, seat: Seat) -> Iterator[float]:
    """Seconds of one accepted propose after the other; each replaces the hold before."""
    for start in seat.free:
        begun = time.perf_counter()
        assert side.propose(seat, start) is not None
        yield time.perf_counter() - begun


def refuse(side: Side, seat: Seat) -> Iterator[float]:
    """Seconds of one refused propose after the other."""
    while True:
        begun = time.perf_counter()
        assert side.propose(seat, seat.taken) is None
        yield time.perf_counter() - begun


def move(side: Side, seat: Seat) -> Iterator[float]:
    """Seconds of one reschedule after the other, of the same booking."""
    token = side.propose(seat, next(seat.free))
    booking = token and side.confirm(seat, token)
    assert booking is not None
    for start in seat.free:
        begun = time.perf_counter()
        assert side.move(seat, booking, start)
        yield time.perf_counter() - begun


DOINGS: dict[str, Callable[[Side, Seat], Iterator[float]]] = {
    "book": book,
    "move": move,
    "propose": propose,
    "refuse": refuse,
}
COMMITS = {"book": 2, "move": 1, "propose": 1, "refuse": 1}


def measure(doing: str, side: Side, seats: list[Seat], seconds: float) -> tuple[float, list[float]]:
    """Commits a second of all workers together, and the seconds that each doing took."""
    ready = threading.Barrier(len(seats))

    def work(seat: Seat) -> tuple[float, float, list[float]]:
        steps = DOINGS[doing](side, seat)
        try:
            next(steps)  # connections and caches are not measured
        except BaseException:
            ready.abort()  # else the others would wait for this one
            raise
        ready.wait()
        begun = time.perf_counter()
        took = list(itertools.takewhile(lambda _: time.perf_counter() - begun < seconds, steps))
        return begun, time.perf_counter(), took

    with ThreadPoolExecutor(len(seats)) as threads:
        asked = [threads.submit(work, seat) for seat in seats]
    for error in (each.exception() for each in asked):
        if error is not None and not isinstance(error, threading.BrokenBarrierError):
            raise error
    done = [each.result() for each in asked]
    wall = max(end for _, end, _ in done) - min(begun for begun, _, _ in done)
    took = [each for _, _, some in done for each in some]
    return COMMITS[doing] * len(took) / wall, took


def furnish(workers: int) -> list[Seat]:
    """Consultants, clients, and a slot of each worker that is taken."""
    settings = AgendaSettings(horizon_days=20_000)
    consultants = [people.add_consultant(f"Consulente {n}", settings) for n in range(CONSULTANTS)]
    seats = []
    for number in range(workers):
        consultant = consultants[number % CONSULTANTS]
        client = people.add_client(f"Cliente {number}", f"+3934000000{number:02}", consultant_id=consultant)
        free = _free(number)
        taken = next(free)
        given = {
            "consultant_id": consultant,
            "conversation": f"taken {number}",
            "client_id": client,
            "now": NOW,
        }
        held = bookings.propose(start=taken, minutes=MINUTES, **given)  # type: ignore[arg-type]  # keywords of many types
        assert isinstance(held, Hold)
        made = bookings.confirm(token=held.token, conversation=held.conversation, client_id=client, now=NOW)
        assert isinstance(made, Booking)
        seats.append(Seat(number, consultant, client, free, taken))
    return seats


def empty() -> None:
    """As before a round: nothing but the slots that are taken."""
    others = PendingBooking.conversation.startswith("taken")
    kept = PendingBooking.select(PendingBooking.booking_id).where(others)
    SlotLock.delete().where(SlotLock.consultation.is_null() | SlotLock.consultation.not_in(kept)).execute()
    Consultation.delete().where(Consultation.id.not_in(kept)).execute()
    AppointmentBooking.delete().execute()
    PendingBooking.delete().where(~others).execute()


@contextmanager
def served(kind: str) -> Iterator[tuple[str, Callable[[], RawStore], str]]:
    """An empty database: its address, how the raw side connects, and its settings in words."""
    home = Path(tempfile.mkdtemp(prefix="bench-store-"))
    try:
        if kind == "sqlite":
            file = home / "booking.db"
            words = "SQLite, journal_mode=wal, synchronous=full"
            yield f"sqlite:///{file}", lambda: RawStore.on_sqlite(str(file)), words
        else:
            server = Postgres(home / "data", durable=True)
            try:
                url = server.empty("bench")
                names = ("server_version", "fsync", "synchronous_commit")
                said = [f"{name}={server.query(f'SHOW {name}')[0][0]}" for name in names]
                yield url, lambda: RawStore.on_postgres(url), "Postgres, " + ", ".join(said)
            finally:
                server.close()
    finally:
        shutil.rmtree(home)


def run(kind: str, workers: list[int], rounds: int, seconds: float, console: Console) -> None:
    """Measure one database with each number of workers, and print a table."""
    for count in workers:
        with served(kind) as (url, connect, words):
            settings = StorageSettings(url=url, postgres_threads=count)
            with Database(settings) as database:
                database.migrate()
                seats = database.run_blocking(lambda number=count: furnish(number))
                raw = Raw(connect, seats, shared=kind == "sqlite")
                sides: dict[str, Side] = {"ours": Ours(database), "raw": raw}
                found: dict[tuple[str, str], list[tuple[float, list[float]]]] = {}
                for number in range(rounds):
                    order = ("ours", "raw") if number % 2 else ("raw", "ours")
                    for doing, name in itertools.product(DOINGS, order):
                        found.setdefault((doing, name), []).append(
                            measure(doing, sides[name], [_afresh(seat) for seat in seats], seconds)
                        )
                        database.run_blocking(empty)
                raw.close()
        console.print(_table(f"{words}; {count} workers", AIMS[kind], found))


def _afresh(seat: Seat) -> Seat:
    free = _free(seat.number)
    next(free)  # the one that is taken
    return replace(seat, free=free)


def _free(number: int) -> Iterator[datetime]:
    """A worker's own slots, two years apart from the next one's, and far more than a round uses."""
    return starts(NOW + 2 * number * YEARS, 8000)


def _table(title: str, aim: float, found: dict[tuple[str, str], list[tuple[float, list[float]]]]) -> Table:
    table = Table(title=title, title_justify="left", caption=f"aim: {aim:.0%} of raw", caption_justify="left")
    for heading in ("", "commits/s", "raw", "of raw", "p50 ms", "raw", "p99 ms", "raw"):
        table.add_column(heading, justify="right" if heading else "left")
    for doing, what in WHAT.items():
        rate, p50, p99 = zip(*(_figures(found[doing, name]) for name in ("ours", "raw")), strict=True)
        cells = (f"{rate[0]:.0f}", f"{rate[1]:.0f}", f"{rate[0] / rate[1]:.0%}")
        table.add_row(what, *cells, *(f"{each * 1000:.2f}" for each in (*p50, *p99)))
    return table


def _figures(rounds: list[tuple[float, list[float]]]) -> tuple[float, float, float]:
    """Rate, median and 99th percentile, each the median of the rounds."""
    of = [(rate, sorted(took)) for rate, took in rounds if took]
    return (
        median(rate for rate, _ in of),
        median(took[len(took) // 2] for _, took in of),
        median(took[len(took) * 99 // 100] for _, took in of),
    )


def fsync_milliseconds() -> float:
    """What forcing 8 kB to the disk costs here, which bounds a worker's commits whatever the code does."""
    with tempfile.TemporaryFile() as file:
        took = []
        for _ in range(30):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return median(took) * 1000


def main(arguments: list[str]) -> int:
    """Measure what is asked for and print a table for each database and number of workers."""
    parser = argparse.ArgumentParser(prog="store", description=__doc__)
    parser.add_argument("--on", nargs="+", choices=list(AIMS), default=list(AIMS), help="which databases")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 8], help="threads that ask at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one side is asked in a round")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    console = Console()
    console.print(
        f"{os.cpu_count()} cores; one fsync in {tempfile.gettempdir()} takes {fsync_milliseconds():.2f} ms"
    )
    for kind in given.on:
        run(kind, given.workers, given.rounds, given.seconds, console)
    return 0
