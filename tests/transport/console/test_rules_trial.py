"""An edit tried on the page: checked, and the last calls decided again under it, with nothing put in force."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from engine.rulebook import Rulebook
from rules.ruleset import load, of_texts
from storage import rulesets
from storage.database import Database
from tests.clocks import START
from tests.dialogues import EXAMPLES, RULES, example, play_in, shipped_rulebook
from tests.transport.console.conftest import Page, Somebody, viewer
from transport.console.access import Role
from transport.console.routes import add_console
from transport.console.rules_trial import checked, trial

BOOKS = next(path for path in EXAMPLES if path.parent.name == "scenarios" and path.stem.startswith("a_"))
FILES = dict(load(RULES).files)
# No rule fires for a wish any more: nothing is ever booked.
NEVER = FILES["decisions.toml"].replace('event = "conferma"', 'event = "abbandono"')


@pytest.fixture
def database() -> Iterator[Database]:
    """With one call that books, as the shipped rules decide it."""
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        play_in(opened, example(BOOKS), shipped_rulebook())
        opened.run_blocking(lambda: rulesets.put_in_force(shipped_rulebook().version, FILES, now=START))
        yield opened


@pytest.fixture
async def page(database: Database) -> AsyncIterator[Page]:
    app = web.Application()
    known = viewer(Role.ANALISTA)
    add_console(app, database, Somebody(known), now=lambda: START + timedelta(days=2), look_s=0.02)
    async with TestClient(TestServer(app)) as client:
        yield client


async def read(page: Page, path: str) -> str:
    response = await page.get(path)
    assert response.status == 200
    return await response.text()


async def send(page: Page, **files: str | bytes) -> tuple[int, str]:
    """Try these files, by name without its dots."""
    token = re.search(r'name="modulo" value="(\w+)"', await read(page, "/regole/prova"))
    assert token is not None
    form = FormData({"modulo": token[1]})
    for name, text in files.items():
        form.add_field(
            name.replace("__", "."), text if isinstance(text, bytes) else text.encode(), filename=name
        )
    headers = {"Origin": str(page.make_url("/")).rstrip("/")}
    done = await page.post("/regole/prova", data=form, headers=headers, allow_redirects=False)
    return done.status, done.headers.get("Location") or await done.text()


async def outcome(page: Page) -> str:
    async with asyncio.timeout(20):
        for _ in range(200):
            text = await read(page, "/regole/prova")
            if "decise di nuovo:" in text:
                return text
            await asyncio.sleep(0.05)
    raise AssertionError("it never ended")


async def test_an_edit_that_books_nothing_more_shows_the_call(page: Page, database: Database) -> None:
    assert FILES["decisions.toml"] != NEVER
    ruleset, problems = checked({**FILES, "decisions.toml": NEVER})
    assert ruleset is not None, problems
    assert await send(page, decisions__toml=NEVER) == (303, "/regole/prova#esito")
    text = await outcome(page)
    assert "1 chiamate decise di nuovo: 1 finirebbero in altro modo" in text
    assert "prenotato 2026-02-11T15:00" in text
    assert "da Vera" in text
    (change,) = await database.run(rulesets.changes)
    assert change.version == shipped_rulebook().version, "nothing was put in force"


async def test_an_edit_that_changes_nothing_says_so(page: Page) -> None:
    assert (await send(page, prompt__md=FILES["prompt.md"] + "\nSii gentile.\n"))[0] == 303
    assert "1 chiamate decise di nuovo: 0 finirebbero in altro modo" in await outcome(page)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "Nessun file è diverso"),
        ({"decisions__toml": FILES["decisions.toml"]}, "Nessun file è diverso"),
        ({"decisions__toml": "[[rule]]\nid = "}, "decisions.toml:2"),
        ({"limits__toml": b"\xff\xfe"}, "limits.toml: non è un testo UTF-8."),
        ({"limits__toml": "abandon_after = '<b>'"}, "limits.toml"),
    ],
)
async def test_an_edit_that_cannot_be_used_is_refused_with_every_mistake(
    page: Page, files: dict[str, str | bytes], said: str
) -> None:
    status, text = await send(page, **files)
    assert status == 400
    assert said in text
    assert "<b>" not in text
    assert "ancora stata provata" in text


async def test_coverage_and_findings_of_the_rules_in_force(page: Page) -> None:
    text = await read(page, "/regole")
    assert re.search(r'id="conferma\w*".*?Decisiva \d+ volte negli ultimi 30 giorni', text, re.DOTALL)
    assert "Mai decisiva negli ultimi 30 giorni" in text
    assert "Il controllo" in text


def test_what_has_no_record_is_counted(database: Database) -> None:
    told: list[tuple[int, int | None]] = []
    found = trial(database, of_texts(FILES, RULES), ["unknown"])(lambda *progress: told.append(progress))
    assert found == {"version": Rulebook.read(RULES).version, "counted": {"not_on_record": 1}, "changed": []}
    assert told == [(0, 1), (1, 1)]
