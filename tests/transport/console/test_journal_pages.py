"""The auditors' page: searching, verifying with progress, and an export that verifies itself."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from storage import chats, console_jobs, journal
from storage.database import Database
from storage.errors import StorageError
from storage.journal_search import EntryFilter, place_of, search
from storage.models import proxy
from tests.storage.ready import bring_up
from tests.transport.console.conftest import ADMIN, LOOKED, NOW, Page, Somebody, post
from transport.console import journal_pages
from transport.console.long_work import LongWork, Tell
from transport.console.routes import add_console

BEGAN = NOW + timedelta(hours=5)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """In a file, which other connections can read too."""
    with Database(f"sqlite:///{tmp_path}/store.db") as opened:
        bring_up(opened)
        yield opened


@pytest.fixture
async def page(database: Database) -> AsyncIterator[Page]:
    app = web.Application()
    add_console(app, database, Somebody(ADMIN), now=lambda: LOOKED, page_size=2, look_s=0.02)
    async with TestClient(TestServer(app)) as client:
        yield client


async def found(page: Page, query: str) -> list[str]:
    response = await page.get(f"/registro?{query}")
    assert response.status == 200
    listed = (await response.text()).partition('<ol class="entries">')[2]
    return re.findall(r'<span class="head"><b>([^<]+)</b>', listed)


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("", ["conferma", "interesse"]),
        ("evento=interesse", ["interesse"]),
        ("regola=conferma_subito", ["conferma"]),
        ("esito=slot_occupato", ["conferma"]),
        ("esito=nessuno", ["interesse"]),
        ("guardia=readback_agreed", ["conferma"]),
        ("guardia=slot_held", []),
        ("dal=2026-02-12&al=2026-02-12", ["conferma", "interesse"]),
        ("dal=2026-02-13", []),
        ("al=2026-02-11", []),
        ("chiamata=unknown", []),
        ("dal=boh", []),
        ("evento=<b>&guardia=x&esito=y", ["conferma", "interesse"]),
        ("prima=1-x-1", []),
        ("prima=nonsense", ["conferma", "interesse"]),
    ],
)
async def test_searching(page: Page, seeded: dict[str, str], query: str, events: list[str]) -> None:
    assert await found(page, query) == events


async def test_one_calls_entries_and_pages(page: Page, database: Database, seeded: dict[str, str]) -> None:
    def more() -> None:
        for number in range(3):
            entry = {"call_id": seeded["lead"], "analysis": number, "event": "correzione", "rule": "r"}
            journal.append(entry, recorded_at=BEGAN)

    await database.run(more)
    assert await found(page, f"chiamata={seeded['booked']}") == ["conferma", "interesse"]
    seen, path = 0, "/registro?regola=r"
    while path:
        text = await (await page.get(path)).text()
        seen += text.count("<dt>Impronta</dt>")
        older = re.search(r'href="(/registro\?[^"]*)" rel="next"', text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == 3, "entries of one moment are on one page or the next, none on both"


async def test_pages_of_a_search_are_all_of_it(database: Database, seeded: dict[str, str]) -> None:
    every = await database.run(lambda: search(EntryFilter(), 100))
    first = await database.run(lambda: search(EntryFilter(), 1))
    rest = await database.run(lambda: search(EntryFilter(), 100, place_of(first[0])))
    assert [*first, *rest] == every
    assert await database.run(lambda: search(EntryFilter(consultant_id=1), 100)) == every
    assert await database.run(lambda: search(EntryFilter(consultant_id=2), 100)) == []


async def verified(page: Page) -> str:
    done = await post(page, "/registro/verifica")
    assert (done.status, done.headers["Location"]) == (303, "/registro#verifica")
    async with asyncio.timeout(10):
        for _ in range(200):
            if "Verificato" in (text := await (await page.get("/registro")).text()):
                return text
            await asyncio.sleep(0.05)
    raise AssertionError("it never ended")


async def test_a_whole_journal_is_verified(page: Page, seeded: dict[str, str]) -> None:
    assert "mai stato verificato" in await (await page.get("/registro")).text()
    text = await verified(page)
    assert "integro" in text
    assert "da Vera" in text
    assert "2 voci di 1 chiamate" in text


async def test_a_tampered_journal_is_said_to_be(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    def tamper() -> None:
        proxy.execute_sql("DROP TRIGGER transitions_no_update")
        proxy.execute_sql("UPDATE transitions SET body = replace(body, 'chiede', 'vuole')")

    await database.run(tamper)
    text = await verified(page)
    assert "non integro: 1 difetti" in text
    assert f"call {seeded['booked']}, entry 1: it was altered" in text


async def test_the_export_verifies_itself(
    page: Page, database: Database, seeded: dict[str, str], tmp_path: Path
) -> None:
    for form, dal in (("csv", ""), ("jsonl", "2026-02-01")):
        done = await post(page, "/registro/esporta", formato=form, dal=dal)
        assert done.status == 200
        assert 'filename="registro-2026-02-12.zip"' in done.headers["Content-Disposition"]
        folder = tmp_path / form
        zipfile.ZipFile(io.BytesIO(await done.read())).extractall(folder)
        key = database.secret.public_key
        command = [sys.executable, str(folder / "registro" / "verify.py"), "--key", key]
        checked = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    refused = await post(page, "/registro/esporta", formato="csv", dal="boh")
    assert (refused.status, refused.headers["Location"]) == (303, "/registro")


async def test_who_downloads_slowly_keeps_nobody_waiting(
    page: Page, seeded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, begun, go = journal_pages._sent, asyncio.Event(), asyncio.Event()

    async def slow_at_first(request: web.Request, packed: Path, now: datetime) -> web.StreamResponse:
        if not begun.is_set():
            begun.set()
            await go.wait()
        return await sent(request, packed, now)

    monkeypatch.setattr(journal_pages, "_sent", slow_at_first)
    slow = asyncio.create_task(post(page, "/registro/esporta", formato="csv"))
    async with asyncio.timeout(10):
        await begun.wait()
        assert (await post(page, "/registro/esporta", formato="csv")).status == 200
        go.set()
        assert (await slow).status == 200


# --- Long work --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told"),
    [(StorageError("is not empty"), "is not empty"), (ValueError("secret"), "errore interno")],
)
async def test_work_that_fails_says_so(database: Database, fault: Exception, told: str) -> None:
    def work(_: Tell) -> Mapping[str, Any]:
        raise fault

    long_work = LongWork(database, lambda: NOW)
    assert await long_work.start("x", "vera", work)
    await long_work.finished()
    job = await database.run(lambda: console_jobs.latest("x", now=NOW))
    assert job is not None
    assert (job.error, job.running, job.result) == (told, False, None)


async def test_work_of_a_kind_is_done_one_at_a_time_and_tells_how_far_it_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transport.console.long_work._TOLD_EVERY_S", 0.01)
    go = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result(5)

    def work(tell: Tell) -> Mapping[str, Any]:
        tell(3, 7)
        wait()
        return {"done": True}

    long_work = LongWork(database, lambda: NOW)
    assert await long_work.start("x", "vera", work)
    assert not await long_work.start("x", "ugo", work)
    async with asyncio.timeout(5):
        while True:
            job = await database.run(lambda: console_jobs.latest("x", now=NOW))
            if job is not None and job.seen == 3:
                break
            await asyncio.sleep(0.01)
    assert (job.total, job.running, job.asked_by) == (7, True, "vera")
    later = NOW + timedelta(minutes=2)
    left = await database.run(lambda: console_jobs.latest("x", now=later))
    assert left is not None and left.lost and not left.running
    go.set()
    await long_work.finished()
    job = await database.run(lambda: console_jobs.job(job.id, now=NOW))
    assert job is not None and job.result == {"done": True} and not job.running


async def test_of_two_who_ask_at_once_one_gets_the_work(database: Database) -> None:
    done = []

    def work(_: Tell) -> Mapping[str, Any]:
        done.append("once")
        return {}

    long_work = LongWork(database, lambda: NOW)
    started = await asyncio.gather(*(long_work.start("x", name, work) for name in ("vera", "ugo")))
    await long_work.finished()
    assert (sorted(started), done) == ([False, True], ["once"])


async def test_work_ends_with_the_server(database: Database) -> None:
    begun, told = threading.Event(), threading.Event()

    def work(tell: Tell) -> Mapping[str, Any]:
        begun.set()
        try:
            for number in range(500):
                tell(number, None)
                time.sleep(0.01)
        except BaseException:
            told.set()
            raise
        return {}

    app = web.Application()
    long_work = LongWork(database, lambda: NOW)
    long_work.add_to(app)
    app.freeze()
    assert await long_work.start("x", "vera", work)
    await asyncio.to_thread(begun.wait)
    await app.shutdown()
    assert told.is_set(), "its thread does not go on"
    job = await database.run(lambda: console_jobs.latest("x", now=NOW))
    assert job is not None and job.error == "il server si è fermato"


async def test_entries_of_chats_are_found_and_lead_to_no_call(
    page: Page, seeded: dict[str, str], database: Database
) -> None:
    """And the list goes on behind them."""

    later = BEGAN + timedelta(hours=1)

    def chat() -> str:
        opened = chats.open_chat(chats.Party("shop", "c-1"), None, now=BEGAN)
        for _ in range(2):
            journal.append({"call_id": opened.id, "analysis": 1, "event": "scadenza"}, recorded_at=later)
        return opened.id

    name = await database.run(chat)
    response = await page.get("/registro")
    text = await response.text()
    assert name in text and f"/chiamate/{name}" not in text
    assert await found(page, f"chiamata={name}") == ["scadenza", "scadenza"]
    older = re.search(r'href="(/registro\?prima=[^"]+)"', text)
    assert older is not None and name in older[1]
    assert await found(page, older[1].partition("?")[2]) == ["conferma", "interesse"]
