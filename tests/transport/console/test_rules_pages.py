"""/regole shows what is in force and what changed, from the stored texts alone; and an edit that was refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rules.errors import Problem, RuleFileError, RulesError
from rules.ruleset import load
from storage import rulesets
from storage.database import Database
from tests.dialogues import RULES
from tests.transport.console.conftest import ADMIN, HOSTILE, NOW, Page, Somebody
from transport.console.routes import add_console
from transport.console.rule_texts import Clause, differences, shown_rules

SHIPPED = dict(load(RULES).files)
EDITED = {**SHIPPED, "limits.toml": SHIPPED["limits.toml"].replace("abandon_after = 5", "abandon_after = 4")}


class Edits:
    """What the pages are told of the last edit."""

    refused: RulesError | None = None


@pytest.fixture
def edits() -> Edits:
    return Edits()


@pytest.fixture
async def page(database: Database, edits: Edits) -> AsyncIterator[Page]:
    app = web.Application()
    add_console(app, database, Somebody(ADMIN), lambda: edits.refused)
    async with TestClient(TestServer(app)) as client:
        yield client


async def put(database: Database, version: str, files: Mapping[str, str], minutes: int = 0) -> None:
    now = NOW + timedelta(minutes=minutes)
    await database.run(lambda: rulesets.put_in_force(version, files, now=now, author="ada"))


async def read(page: Page, path: str, status: int = 200) -> str:
    response = await page.get(path)
    assert response.status == status
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    return await response.text()


async def test_every_rule_in_force_is_shown_in_order(page: Page, database: Database) -> None:
    await put(database, "a" * 64, SHIPPED)
    text = await read(page, "/regole")
    places = [text.index(f'id="{rule.id}"') for rule in load(RULES).decisions]
    assert places == sorted(places)
    assert "Gio 12 feb 2026, 15:15" in text
    assert "di ada" in text


async def test_a_change_shows_what_differs(page: Page, database: Database) -> None:
    await put(database, "a" * 64, SHIPPED)
    await put(database, "b" * 64, EDITED, 5)
    text = await read(page, "/regole")
    assert text.index("b" * 12) < text.index("a" * 12)
    second, first = await database.run(rulesets.changes)
    changed = await read(page, f"/regole/{second.number}")
    assert "<del>− abandon_after = 5</del>" in changed
    assert "<ins>+ abandon_after = 4</ins>" in changed
    assert "Differenze in decisions.toml" not in changed
    assert "prima versione" in await read(page, f"/regole/{first.number}")


async def test_a_refused_edit_stands_on_the_page(page: Page, database: Database, edits: Edits) -> None:
    await put(database, "a" * 64, SHIPPED)
    assert "non è in vigore" not in await read(page, "/regole")
    edits.refused = RuleFileError([Problem("limits.toml", 3, None, "abandon_after", f"no {HOSTILE}")])
    text = await read(page, "/regole")
    assert "non è in vigore" in text
    assert "limits.toml:3" in text
    assert HOSTILE not in text


async def test_before_anything_was_in_force(page: Page) -> None:
    assert "Nessuna regola" in await read(page, "/regole")
    assert "non c'è" in await read(page, "/regole/7", 404)
    await read(page, "/regole?prima=x")


async def test_more_than_a_page_of_changes(page: Page, database: Database) -> None:
    for count in range(53):
        await put(database, f"{count:064}", {"limits.toml": f"# {count}"}, count)
    text = await read(page, "/regole")
    assert "/regole?prima=4" in text
    older = await read(page, "/regole?prima=4")
    assert f"/regole/{1}" in older
    assert "versione <code>000000000000" in older


async def test_hostile_texts_are_shown_as_they_are(page: Page, database: Database) -> None:
    await put(database, "a" * 64, {"decisions.toml": f"[[rule]]\nid = 'x'\nwhy = '{HOSTILE}'"})
    assert HOSTILE not in await read(page, "/regole")


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ('{ stage = "raccolta_dati" }', [Clause("stage: raccolta dati")]),
        ("{ given = true, drop = false }", [Clause("given: sì"), Clause("drop: no")]),
        ('{ task = { in = ["sposta", "disdici"] } }', [Clause("task: sposta o disdici")]),
        ('{ task = { not = "sposta" } }', [Clause("task: non sposta")]),
        (
            "{ silent = { at_least = 2, less_than = 5 } }",
            [Clause("silent: almeno 2 e meno di 5")],
        ),
        (
            "{ any = [{ given = true }, { drop = true }] }",
            [Clause("almeno una", ((Clause("given: sì"),), (Clause("drop: sì"),)))],
        ),
    ],
)
def test_conditions_in_words(when: str, shown: list[Clause]) -> None:
    (rule,) = shown_rules(f'[[rule]]\nid = "x"\nwhen = {when}\nwhy = "y"')
    assert list(rule.when) == shown


def test_a_priority_moves_a_rule() -> None:
    text = "".join(
        f'[[rule]]\nid = "{name}"\nwhy = "x"\n{more}\n'
        for name, more in (("a", ""), ("b", ""), ("c", "priority = 1"))
    )
    assert [rule.id for rule in shown_rules(text)] == ["c", "a", "b"]
    assert shown_rules("[[rule") == []


def test_files_that_came_or_went_differ_too() -> None:
    (gone, new) = differences({"a.toml": "x"}, {"b.toml": "y\nz"})
    assert [(line.kind, line.text) for line in gone.lines if line.kind != "gap"] == [("removed", "x")]
    assert [line.text for line in new.lines if line.kind == "added"] == ["y", "z"]
