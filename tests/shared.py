"""What one worker of a run has found out, for the others: where several run the tests, each thing is done once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
#: Names the folder of this run in the environment; without it nobody else runs tests.
FOLDER = "TESTS_SHARED_FOLDER"


def once(name: str, found: Callable[[], T]) -> T:
    """What `found` says, as the first worker that needed it was told. `name` says what it is, in this run."""
    if (folder := os.environ.get(FOLDER)) is None:
        return found()
    file = Path(folder, name.replace("/", " "))
    if file.exists():
        known: T = pickle.loads(file.read_bytes())
        return known
    new = found()
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_bytes(pickle.dumps(new))
    unfinished.replace(file)
    return new
