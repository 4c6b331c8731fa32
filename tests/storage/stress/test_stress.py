"""Four processes with eight threads each hold, confirm, book, move, cancel and let expire on the same two days of three
consultants. Afterwards the tables must show what each was told, and nothing else: see `tables` and `told`.

STRESS_SECONDS=20 (or more) in the environment lets each work longer than the few seconds of every run.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.storage.postgres import Postgres
from tests.storage.stress.crew import Crew, crew_at_work

pytestmark = pytest.mark.timeout(240)
SECONDS = float(os.environ.get("STRESS_SECONDS", "5"))


def test_nothing_is_double_and_nothing_lost(url: str, tmp_path: Path) -> None:
    with crew_at_work(url, tmp_path, SECONDS) as crew:
        pass
    assert crew.faults() == []


def test_workers_may_be_killed_at_any_moment(dialect: str, url: str, tmp_path: Path) -> None:
    dice = random.Random("kills")
    with crew_at_work(url, tmp_path, SECONDS) as crew:
        while crew.time_left > 2:
            time.sleep(dice.uniform(0.3, 1.5))
            crew.kill(dice)
    assert crew.faults() == []


def test_postgres_may_die_at_any_moment(postgres: Postgres, tmp_path: Path) -> None:
    dice = random.Random("crashes")
    with crew_at_work(postgres.fresh(), tmp_path, SECONDS) as crew:
        while crew.time_left > 2:
            time.sleep(dice.uniform(0.3, 1.5))
            if dice.random() < 0.5:
                postgres.kill_connections()
            else:
                postgres.crash()
                postgres.start()
    assert crew.faults() == []


def test_two_servers_with_different_work_share_one_postgres(postgres: Postgres, tmp_path: Path) -> None:
    """One answers calls, with the whole engine; the other has the threads of the page and the chat. Both sweep."""

    def hire(crew: Crew) -> None:
        crew.hire("phone")
        crew.hire(sweeps=True)

    with crew_at_work(postgres.fresh(), tmp_path, SECONDS, hire) as crew:
        pass
    assert crew.faults() == []
    assert [each for each in crew.operations().values() if each.what == "call"]
