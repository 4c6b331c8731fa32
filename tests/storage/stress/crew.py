"""Workers of a stress run, from their start to what the tables say afterwards."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from storage import people
from storage.agenda import AgendaSettings
from storage.database import Database
from tests.storage.playground import Store, furnish
from tests.storage.stress.log import Operation, notes, operations
from tests.storage.stress.tables import faults, read
from tests.storage.stress.told import disagreements
from tests.storage.stress.worker import Job

ROOT = Path(__file__).parents[3]


@dataclass
class Crew:
    """The processes of one run, each with a log of its own in `directory`."""

    url: str
    directory: Path
    seconds: float
    consultants: list[int] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    hired: int = 0
    began: float = 0.0
    until: float = 0.0

    def furnish(self) -> None:
        """Three consultants, one of them with buffers, and two clients."""
        with Database(self.url) as database:
            store = furnish(Store(database), AgendaSettings(grid_minutes=15))
            plain = AgendaSettings(grid_minutes=15)
            distant = AgendaSettings(grid_minutes=15, buffer_before_minutes=10, buffer_after_minutes=20)
            more = [
                store.do(people.add_consultant, name, settings)
                for name, settings in (("Dott. Verdi", plain), ("Dott. Bianchi", distant))
            ]
            self.consultants = [store.consultant, *more]
            self.clients = [store.anna, store.bruno]

    def hire(self, module: str = "worker", *, sweeps: bool = False) -> subprocess.Popen[str]:
        """One more process; it begins to work when it is told to."""
        self.hired += 1
        log = self.directory / f"{module}{self.hired}.log"
        job = Job(self.url, str(log), self.consultants, self.clients, sweeps)
        process = subprocess.Popen(
            job.command(module), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def begin(self) -> None:
        """Let all that were hired begin together."""
        for process in self.processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        self.began = time.monotonic()
        self.until = self.began + self.seconds
        for process in self.processes:
            self.send(process)

    def send(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{self.began} {self.until}\n")
        process.stdin.close()

    def kill(self, dice: random.Random) -> None:
        """Kill one at any moment, and put another in its place."""
        victim = dice.choice(self.processes)
        self.processes.remove(victim)
        _end(victim)
        self.send(self.hire())

    @property
    def time_left(self) -> float:
        return self.until - time.monotonic()

    def finish(self) -> None:
        for process in self.processes:
            assert process.wait(timeout=120) == 0

    def logs(self) -> list[Path]:
        return sorted(self.directory.glob("*.log"))

    def operations(self) -> dict[str, Operation]:
        return operations(self.logs())

    def faults(self) -> list[str]:
        """All that the tables and the workers' logs have against the store; and the figures, printed."""
        tables, done = read(self.url), self.operations()
        answers = Counter(f"{each.what} {each.answer.get('why', each.said)}"[:60] for each in done.values())
        retries = sum((Counter(note["retries"]) for note in notes(self.logs())), Counter[str]())
        figures = {"operations": len(done), "a second": round(len(done) / self.seconds), "retries": retries}
        print(json.dumps({**figures, "answers": dict(sorted(answers.items()))}, indent=1))
        return [*faults(tables), *disagreements(done, tables)]


@contextmanager
def crew_at_work(
    url: str, directory: Path, seconds: float, hire: Callable[[Crew], object] | None = None
) -> Iterator[Crew]:
    """Four workers, or those that `hire` takes on: at work inside, done afterwards; none outlives it."""
    crew = Crew(url, directory, seconds)
    crew.furnish()
    try:
        if hire is None:
            for _ in range(4):
                crew.hire()
        else:
            hire(crew)
        crew.begin()
        yield crew
        crew.finish()
    finally:
        for process in crew.processes:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
