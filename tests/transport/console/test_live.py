"""Pages that follow: told of what changes in the store, whoever changes it, and only while somebody watches."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer

from storage import calls, journal
from storage.call_signs import sign_of_list, signs_of
from storage.database import Database
from tests.storage.ready import bring_up
from tests.transport.console.conftest import ADMIN, NOW, Page, Somebody, Spoken, seed
from transport.console import live
from transport.console.routes import add_console

AT = NOW + timedelta(hours=8)
pytestmark = pytest.mark.timeout(20)


@pytest.fixture
async def quick(database: Database) -> AsyncIterator[Page]:
    """The pages of a server that looks often."""
    app = web.Application()
    add_console(app, database, Somebody(ADMIN), look_s=0.02)
    async with TestClient(TestServer(app)) as client:
        yield client


@asynccontextmanager
async def following(page: Page, path: str) -> AsyncIterator[Callable[[], asyncio.Future[str]]]:
    """Gives what waits for the next event."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with page.get(path, headers=headers, timeout=ClientTimeout(total=15)) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"

        async def event() -> str:
            async for line in answer.content:
                if line.startswith(b"event: "):
                    return line.decode().split()[1]
            return "ended"

        yield lambda: asyncio.ensure_future(event())


async def test_a_call_is_followed_to_its_end(quick: Page, database: Database, seeded: dict[str, str]) -> None:
    call_id = seeded["running"]
    async with following(quick, f"/chiamate/{call_id}/diretta") as told:
        assert await told() == live.CHANGED  # what may have changed since the page was made
        for change in (
            lambda: calls.record_turns(call_id, [Spoken(1, "caller", "buongiorno", AT)]),
            lambda: calls.record_turns(call_id, [Spoken(1, "caller", "buongiorno a lei", AT)]),
            lambda: calls.record_turns(call_id, [Spoken(1, "caller", "buongiorno a lei", AT, heard="buon")]),
            lambda: journal.append({"call_id": call_id, "analysis": 1, "event": None}, recorded_at=AT),
        ):
            await database.run(change)
            assert await told() == live.CHANGED
        waiting = told()
        await asyncio.sleep(0.1)
        assert not waiting.done(), "nothing has changed"
        await database.run(lambda: calls.finish_call(call_id, now=AT, reason="hangup"))
        assert await waiting == live.OVER
        assert await told() == "ended"


async def test_a_call_that_was_over_already_is_told_once(quick: Page, seeded: dict[str, str]) -> None:
    async with following(quick, f"/chiamate/{seeded['booked']}/diretta") as told:
        assert await told() == live.OVER
        assert await told() == "ended"


async def test_the_list_tells_of_calls_that_begin_move_and_end(
    quick: Page, database: Database, seeded: dict[str, str]
) -> None:
    async with following(quick, "/chiamate/diretta") as told:
        assert await told() == live.CHANGED
        made = await database.run(
            lambda: calls.open_call(
                bridge_call_id="x",
                consultant_id=1,
                direction="inbound",
                caller_number=None,
                dialled_number=None,
                now=AT,
            )
        )
        assert await told() == live.CHANGED
        await database.run(lambda: calls.finish_call(made, now=AT, reason="hangup"))
        assert await told() == live.CHANGED
        await database.run(lambda: calls.call_back_done(seeded["none"], by="x", now=AT))
        assert await told() == live.CHANGED


async def test_one_look_serves_all_who_watch_and_none_is_taken_for_nobody(
    quick: Page, database: Database, seeded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def counted(ids: set[str]) -> object:
        looks.append(len(ids))
        return signs_of(ids)

    monkeypatch.setattr(live, "signs_of", counted)
    path = f"/chiamate/{seeded['running']}/diretta"
    async with following(quick, path) as one, following(quick, path) as other:
        await asyncio.gather(one(), other())
        before = len(looks)
        await asyncio.sleep(0.2)
        assert 0 < len(looks) - before <= 11
        assert set(looks) == {1}
    await asyncio.sleep(0.1)
    before = len(looks)
    await asyncio.sleep(0.1)
    assert len(looks) == before, "nobody watches any more"


async def test_streams_end_with_the_server(database: Database, seeded: dict[str, str]) -> None:
    app = web.Application()
    add_console(app, database, Somebody(ADMIN), look_s=0.02)
    client: Page = TestClient(TestServer(app))
    await client.start_server()
    async with following(client, "/chiamate/diretta") as told:
        assert await told() == live.CHANGED
        waiting = told()
        async with asyncio.timeout(3):
            await client.server.close()
            assert await waiting == "ended"
    await client.close()


async def test_a_store_that_is_away_for_a_moment_ends_no_stream(
    quick: Page, database: Database, seeded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id, away = seeded["running"], [True, True]

    def failing(ids: set[str]) -> object:
        if away and away.pop():
            raise OSError("away")
        return signs_of(ids)

    monkeypatch.setattr(live, "signs_of", failing)
    async with following(quick, f"/chiamate/{call_id}/diretta") as told:
        assert await told() == live.CHANGED
    assert away == []


async def test_no_other_sites_page_may_follow(quick: Page, seeded: dict[str, str]) -> None:
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await quick.get("/chiamate/diretta", headers=headers)).status == 403
    answer = await quick.get("/chiamate/unknown/diretta", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status == 404


async def test_too_many_who_watch_are_sent_away(
    quick: Page, seeded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST_VIEWERS", 1)
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with following(quick, "/chiamate/diretta") as told:
        assert await told() == live.CHANGED
        assert (await quick.get("/chiamate/diretta", headers=headers)).status == 503
    await asyncio.sleep(0.1)
    async with following(quick, "/chiamate/diretta") as told:
        assert await told() == live.CHANGED


async def test_a_consultants_list_changes_with_their_own_calls_only(
    database: Database, seeded: dict[str, str]
) -> None:
    assert await database.run(lambda: sign_of_list(2)) == frozenset()
    assert await database.run(lambda: sign_of_list(1)) == await database.run(sign_of_list)


ELSEWHERE = """
import sys
from datetime import datetime
from storage import calls
from storage.database import Database
with Database(sys.argv[1]) as database:
    now = datetime.fromisoformat(sys.argv[3])
    database.run_blocking(lambda: calls.finish_call(sys.argv[2], now=now, reason="hangup"))
"""


async def test_a_call_on_another_server_process_is_followed_too(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/store.db"
    with Database(address) as database:
        bring_up(database)
        call_id = (await database.run(seed))["running"]
        app = web.Application()
        add_console(app, database, Somebody(ADMIN), look_s=0.02)
        async with (
            TestClient(TestServer(app)) as client,
            following(client, f"/chiamate/{call_id}/diretta") as told,
        ):
            assert await told() == live.CHANGED
            command = [sys.executable, "-c", ELSEWHERE, address, call_id, AT.isoformat()]
            other = await asyncio.create_subprocess_exec(*command)
            assert await told() == live.OVER
            assert await other.wait() == 0
