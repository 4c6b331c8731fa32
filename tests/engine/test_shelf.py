"""An edit of the rule files serves later calls if it can be used, and changes nothing if not."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.shelf import Shelf
from rules.errors import RuleFileError
from storage import rulesets
from storage.database import Database
from tests.clocks import VirtualClock
from tests.dialogues import RULES

MORE = """
[[rule]]
id = "in_piu"
when = { stage = "errore", caller = "client" }
notices = ["persona"]
why = "Prova."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RULES, tmp_path / "it", ignore=shutil.ignore_patterns("examples")))


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        yield opened


@pytest.fixture
async def shelf(folder: Path, database: Database) -> Shelf:
    opened = Shelf(folder, database, VirtualClock().now)
    await opened.open()
    return opened


def edit(folder: Path, added: str, name: str = "decisions.toml") -> None:
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")


async def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def kept(database: Database) -> list[str]:
    return [each.version for each in await database.run(rulesets.changes)]


async def test_a_call_keeps_the_rules_it_began_with(folder: Path, shelf: Shelf, database: Database) -> None:
    before = shelf.current()
    edit(folder, MORE)
    await shelf.renew()
    after = shelf.current()
    assert after is not before
    facts = {"stage": "completato", "human": True}
    assert after.decider.decide(facts, ()).notices == before.decider.decide(facts, ()).notices == ("persona",)
    assert await kept(database) == [after.version, before.version]


async def test_its_texts_can_be_read_years_later(folder: Path, shelf: Shelf, database: Database) -> None:
    version = shelf.current().version
    edit(folder, MORE)
    await shelf.renew()
    files = await database.run(lambda: rulesets.texts(version))
    assert files == {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.*")}


@pytest.mark.parametrize(
    "broken",
    ["\n[[rule]", '\n[[rule]]\nid = "x"\nwhen = { stadio = "errore" }\nevent = "riprova"\nwhy = "x"\n'],
)
async def test_a_broken_edit_is_refused_loudly(
    broken: str, folder: Path, shelf: Shelf, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = shelf.current()
    edit(folder, broken)
    with caplog.at_level(logging.ERROR):
        await shelf.renew()
    assert shelf.current() is before
    assert isinstance(shelf.refused, RuleFileError)
    assert "refused" in caplog.text and "decisions.toml" in caplog.text
    assert await kept(database) == [before.version]
    shutil.copy(RULES / "decisions.toml", folder)
    await shelf.renew()
    assert shelf.refused is None
    assert shelf.current() is before


async def test_a_file_that_is_gone_changes_nothing(folder: Path, shelf: Shelf) -> None:
    before = shelf.current()
    (folder / "phrases.toml").unlink()
    await shelf.renew()
    assert shelf.current() is before
    assert "phrases.toml" in str(shelf.refused)
    shutil.rmtree(folder)
    await shelf.renew()
    assert shelf.current() is before


async def test_what_cannot_be_kept_is_not_in_force(
    folder: Path, shelf: Shelf, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = shelf.current()
    await database.run(lambda: rulesets.RuleChange.drop_table())
    edit(folder, MORE)
    await shelf.renew()
    assert shelf.current() is before
    assert "not in force yet" in caplog.text


async def test_it_looks_until_the_files_rest(folder: Path, shelf: Shelf) -> None:
    clock, before = VirtualClock(), shelf.current()
    watching = asyncio.create_task(shelf.watch(clock, 2.0))
    try:
        edit(folder, MORE)
        await clock.advance(2.0)  # seen, but somebody may still be writing
        edit(folder, "# finito\n")
        await clock.advance(2.0)
        assert shelf.current() is before
        await clock.advance(2.0)
        await until(lambda: shelf.current() is not before)
        now = shelf.current()
        await clock.advance(10.0)
        assert shelf.current() is now
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_what_could_not_be_kept_is_tried_again(
    folder: Path, shelf: Shelf, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock, before = VirtualClock(), shelf.current()
    watching = asyncio.create_task(shelf.watch(clock, 2.0))
    try:
        await database.run(lambda: rulesets.RuleChange.drop_table())
        edit(folder, MORE)
        await clock.advance(4.0)
        await until(lambda: "not in force yet" in caplog.text)
        await database.run(lambda: rulesets.RuleChange.create_table())
        for _ in range(3):
            await clock.advance(2.0)
        await until(lambda: shelf.current() is not before)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_the_owner_of_the_files_is_noted(folder: Path, shelf: Shelf, database: Database) -> None:
    (change,) = await database.run(rulesets.changes)
    assert change.author == pwd.getpwuid(os.getuid()).pw_name


async def test_a_call_that_goes_on_elsewhere_keeps_the_rules_it_began_with(
    shelf: Shelf, folder: Path, database: Database
) -> None:
    before = shelf.current()
    edit(folder, MORE)
    await shelf.renew()
    now = shelf.current()
    assert now.version != before.version
    again = await shelf.version(before.version)
    assert (again.version, again.prompt, again.messages) == (before.version, before.prompt, before.messages)
    for rules in (None, now.version, "never in force"):
        assert await shelf.version(rules) is now


async def test_rules_that_cannot_be_used_any_more_end_no_call(
    shelf: Shelf, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.run(
        lambda: rulesets.put_in_force("of-long-ago", {"decisions.toml": "?"}, now=VirtualClock().now())
    )
    assert await shelf.version("of-long-ago") is shelf.current()
    assert "cannot be used any more" in caplog.text
