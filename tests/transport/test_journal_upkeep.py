"""A running server signs the journal now and then and when it stops, and drops words that are old enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from storage import calls, checkpoints, privacy
from storage.database import Database
from storage.models import Checkpoint
from storage.secret import Secret
from storage.settings import StorageSettings
from tests.clocks import START, VirtualClock
from tests.storage.playground import Store, furnish
from tests.storage.ready import bring_up
from tests.storage.test_audit import write
from tests.storage.test_privacy import converse
from transport.upkeep import upkeep

DAY = 86_400.0


def settings(tmp_path: Path, **given: float) -> StorageSettings:
    return StorageSettings(url=f"sqlite:///{tmp_path}/booking.db", **given)  # type: ignore[arg-type]  # as a settings file gives them


def signed(store: Store) -> list[int]:
    """How many chains each checkpoint names."""
    rows = store.do(lambda: list(Checkpoint.select().order_by(Checkpoint.number)))
    return [orjson.loads(row.body)["chains"] for row in rows]


async def becomes(what: Callable[[], object], expected: object) -> None:
    """Wait for work on the store's own thread."""
    for _ in range(500):
        if what() == expected:
            return
        await asyncio.sleep(0.01)
    assert what() == expected


async def test_it_signs_every_so_often_and_at_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    with Database(settings(tmp_path, checkpoint_minutes=5)) as database, caplog.at_level(logging.INFO):
        bring_up(database)
        store = furnish(Store(database))
        async with upkeep(database, clock, database.settings, ()):
            call_id = converse(store, line=None, values={})
            await clock.advance(299)
            assert signed(store) == []
            await clock.advance(1)
            await becomes(lambda: signed(store), [1])
            await clock.advance(300)
            write(store, call_id, 1)
        assert signed(store) == [1, 1]
        told = [
            record.message.split(":")[0] for record in caplog.records if record.name == "transport.upkeep"
        ]
        assert told == ["journal checkpoint 1", "journal checkpoint 2"]


async def test_many_chains_are_signed_in_several_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MOST_CHAINS", 2)
    with Database(settings(tmp_path)) as database:
        bring_up(database)
        store = furnish(Store(database))
        for _ in range(5):
            converse(store, line=None, values={})
        async with upkeep(database, VirtualClock(), database.settings, ()):
            pass
        assert signed(store) == [2, 2, 1]


async def test_a_key_that_is_not_the_old_one_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Secret.new(), Secret.new()
    for secret, told in ((old, []), (old, []), (new, [old.public_key])):
        with Database(settings(tmp_path), secret) as database:
            database.migrate()
            async with upkeep(database, VirtualClock(), database.settings, ()):
                pass
            said = [key for key in (old.public_key, new.public_key) if key in caplog.text]
            assert said == told
            database.run_blocking(lambda: checkpoints.make(START, note={"test": 1}))


@pytest.mark.parametrize(("days", "kept"), [(30, 0), (32, 1), (0, 1)])
async def test_words_are_dropped_when_they_are_old_enough(tmp_path: Path, days: int, kept: int) -> None:
    clock = VirtualClock()
    with Database(settings(tmp_path, transcript_days=days)) as database:
        bring_up(database)
        store = furnish(Store(database))
        call_id = converse(store, line=None, values={}, now=START - timedelta(days=31))
        young = converse(store, line=None, values={}, now=START)

        def turns(which: str) -> int:
            detail = store.do(calls.call_detail, which)
            return len(detail.turns) if detail else -1

        async with upkeep(database, clock, database.settings, ()):
            await clock.advance(3600)
            await becomes(lambda: turns(call_id), kept)
            assert turns(young) == 1
            entries = store.do(calls.call_detail, call_id)
            assert entries is not None
            assert [each.entry.get("outcome") == privacy.AFTER_A_TIME for each in entries.journal][1:] == [
                True
            ] * (1 - kept)
