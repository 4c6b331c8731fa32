"""`main.py serve` as a process of its own, over a store that outlives it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import main
from storage import api_keys, people
from storage.database import Database
from tests.storage.ready import bring_up

ROOT = Path(main.__file__).parent


@dataclass(frozen=True)
class Installed:
    """A store with a consultant and a client, and the key of an integration; servers log to the file `log`."""

    environment: dict[str, str]
    key: str
    log: Path

    @contextmanager
    def serving(self, *, killed: bool = False) -> Iterator[str]:
        """The address of a server; it is stopped at the end, or `killed`."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "main.py", "serve"],
                cwd=ROOT,
                env=self.environment,
                stderr=log,
                stdout=subprocess.PIPE,
                text=True,
            )
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            assert "Pages: " in told, self.log.read_text(encoding="utf-8")
            yield told.partition("Pages: ")[2].strip().removesuffix("/chiamate")
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
        key = database.run_blocking(lambda: api_keys.add("shop", api_keys.SCOPES, now=datetime.now(UTC)))
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "VBS_SERVER__PORT": "0",
        "VBS_GEMINI__EMULATOR": "true",
        "VBS_API__REQUESTS_PER_MINUTE": "100000",
        "VBS_API__BURST": "10000",
    }
    return Installed(environment, key, folder / "log")
