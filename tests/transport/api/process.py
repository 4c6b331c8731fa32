"""`main.py serve` as a process of its own, over a store that outlives it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import main
from storage import people
from storage.database import Database
from tests.storage.ready import bring_up

ROOT = Path(main.__file__).parent
COMMAND = (sys.executable, str(ROOT / "main.py"))


@dataclass(frozen=True)
class Installed:
    """A store with a consultant and a client, and the key of an integration."""

    environment: dict[str, str]
    key: str

    @contextmanager
    def serving(self, *, killed: bool = False) -> Iterator[str]:
        """The address of a server; it is stopped at the end, or `killed`."""
        process = subprocess.Popen(
            [*COMMAND, "serve"],
            cwd=ROOT,
            env=self.environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            found = (re.search(r"(http://[^ ]+:[0-9]+)", line) for line in process.stderr)
            yield next(each[1] for each in found if each)
        finally:
            process.kill() if killed else process.terminate()
            process.communicate(timeout=20)


def install(folder: Path) -> Installed:
    """Everything that has to be there before a server starts."""
    url = f"sqlite:///{folder}/booking.db"
    with Database(url) as database:
        bring_up(database)
        consultant = database.run_blocking(lambda: people.add_consultant("Marco Rossi"))
        database.run_blocking(lambda: people.add_client("Anna", "+393401234567", consultant_id=consultant))
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "VBS_SERVER__PORT": "0",
        "VBS_GEMINI__EMULATOR": "true",
        "VBS_API__REQUESTS_PER_MINUTE": "100000",
        "VBS_API__BURST": "10000",
    }
    added = subprocess.run(
        [*COMMAND, "api-key", "add", "shop"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return Installed(environment, added.stdout.strip())
