"""The program as it is started: refusing to start, answering, killed in the middle of a call, and the demo."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

import main
from storage import bookings, calls, journal
from storage.availability import is_available
from storage.settings import StorageSettings
from tests.calls.lineup import ROOT, Part, furnish, instant, local
from tests.storage.postgres import Postgres
from transport.clock import SystemClock
from transport.simulation.caller import Dialled, SimulatedCaller
from transport.simulation.persona import Persona, Reaction, Reply
from transport.simulation.scenarios import spoken, working_days

_OURS = ("VBS_", "GEMINI_API_KEY", "DATABASE_URL")
_START_S = 40.0
_CALL_S = 60.0
_PASSWORD = "tre mele rosse al sole"


def environment(**ours: str) -> dict[str, str]:
    """The environment of a program that knows only what it is told here."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)} | ours


def emulated(store: Path) -> dict[str, str]:
    """A server with a store of its own, whose calls are over when their line is lost."""
    return environment(
        VBS_STORAGE__CALL_RETURN_SECONDS="0",
        VBS_GEMINI__EMULATOR="true",
        VBS_SERVER__PORT="0",
        VBS_SERVER__DRAIN_S="0",
        VBS_STORAGE__URL=f"sqlite:///{store}",
    )


@dataclass(frozen=True, slots=True)
class Program:
    """main.py serve, running; `url` is its address, `link` makes the first user."""

    process: asyncio.subprocess.Process
    url: str
    link: str

    async def page(self, path: str) -> str:
        """A page, as the first user sees it, who is made for it."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as visitor:
            async with visitor.get(self.link) as form:
                token = re.search(r'name="modulo" value="(\w+)"', await form.text())
            assert token is not None
            given = {"nome": "Ada", "password": _PASSWORD, "ancora": _PASSWORD, "modulo": token[1]}
            async with visitor.post(self.link, data=given, headers={"Origin": self.url}) as made:
                assert made.status == 200
            async with visitor.get(f"{self.url}{path}") as answer:
                assert (answer.status, answer.url.path) == (200, path)
                return await answer.text()

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL

    async def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), _START_S)


def logged(log: Path) -> str:
    return log.read_text(encoding="utf-8")


async def run(*arguments: str, env: Mapping[str, str], seconds: float) -> tuple[int, str, str]:
    """Run main.py to its end: exit status, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "main.py",
        *arguments,
        cwd=ROOT,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def serving(env: Mapping[str, str], log: Path) -> AsyncIterator[Program]:
    """main.py serve, ready for calls; what it logs goes to the file `log`."""
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "main.py",
            "serve",
            cwd=ROOT,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        said = (await asyncio.wait_for(process.stdout.readline(), _START_S)).decode()
        assert "Pages: " in said, logged(log)
        first = (await asyncio.wait_for(process.stdout.readline(), _START_S)).decode()
        link = first.partition(" minutes: ")[2].strip()
        yield Program(process, said.partition("Pages: ")[2].strip().removesuffix("/chiamate"), link)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# --- Starting -------------------------------------------------------------------------------------------------


async def test_serve_without_a_key_refuses_and_says_why_in_one_line(tmp_path: Path) -> None:
    store = tmp_path / "none.db"
    env = environment(VBS_STORAGE__URL=f"sqlite:///{store}", VBS_SERVER__PORT="0")
    status, out, err = await run("serve", env=env, seconds=_START_S)
    assert status not in (0, -signal.SIGKILL)
    assert out == ""
    (line,) = err.splitlines()
    assert "GEMINI_API_KEY" in line and "Traceback" not in line
    assert not store.exists()


async def test_serve_with_the_emulator_answers_and_stops(tmp_path: Path) -> None:
    async with (
        serving(emulated(tmp_path / "calls.db"), tmp_path / "log") as program,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{program.url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok", "active_calls": 0})
        async with session.get(f"{program.url}/chiamate") as answer:
            assert answer.url.path == "/accedi", "nobody is signed in"
        assert "bridge/fork" in await program.page("/chiamate")
        assert await program.stop() == 0, logged(tmp_path / "log")


# --- Killed ---------------------------------------------------------------------------------------------------

HELD = "SELECT count(*) FROM pending_bookings WHERE status = 'awaiting_confirm'"
BOOKED = "SELECT count(*) FROM consultations"

#: What must never be found in a store, whenever its server was killed.
HALF_WRITTEN = {
    "a booking without all of its cells": """
        SELECT id FROM consultations AS b WHERE status = 'confirmed' AND minutes / 15 <>
            (SELECT count(*) FROM slot_locks WHERE consultation_id = b.id)
        UNION ALL SELECT id FROM appointment_bookings AS b WHERE status = 'confirmed' AND minutes / 15 <>
            (SELECT count(*) FROM slot_locks WHERE appointment_id = b.id)""",
    "a hold without all of its cells": """
        SELECT token FROM pending_bookings AS h WHERE status = 'awaiting_confirm' AND minutes / 15 <>
            (SELECT count(*) FROM slot_locks WHERE hold_id = h.token)""",
    "a cell whose owner does not own it": """
        SELECT cell FROM slot_locks AS l WHERE NOT EXISTS
            (SELECT 1 FROM pending_bookings WHERE token = l.hold_id AND status = 'awaiting_confirm')
        AND NOT EXISTS (SELECT 1 FROM consultations WHERE id = l.consultation_id AND status = 'confirmed')
        AND NOT EXISTS (SELECT 1 FROM appointment_bookings WHERE id = l.appointment_id AND status = 'confirmed')""",
    "a confirmed hold without its booking": """
        SELECT token FROM pending_bookings WHERE status = 'confirmed' AND booking_id NOT IN
            (SELECT id FROM consultations UNION SELECT id FROM appointment_bookings)""",
    "a booking whose call does not know of it": """
        SELECT b.id FROM consultations AS b JOIN voice_calls AS c ON c.id = b.voice_call_id
        LEFT JOIN booking_extraction_state AS s ON s.conversation = c.id
        WHERE s.stage IS NULL OR s.stage <> 'completato' OR json_extract(c.metadata, '$.bookingId') <> b.id""",
    "a completed call without a booking": """
        SELECT conversation FROM booking_extraction_state AS s WHERE stage = 'completato' AND NOT EXISTS
            (SELECT 1 FROM consultations WHERE voice_call_id = s.conversation)""",
    "a call that counts other analyses than there are": """
        SELECT conversation FROM booking_extraction_state AS s WHERE last_analysis <>
            (SELECT count(*) FROM call_analyses WHERE call_id = s.conversation)""",
    "a call without its conversation": """
        SELECT id FROM voice_calls WHERE id NOT IN (SELECT conversation FROM booking_extraction_state)""",
    "a booking that is not its call's one": """
        SELECT id FROM consultations AS b WHERE status = 'confirmed' AND voice_call_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM call_bookings WHERE voice_call_id = b.voice_call_id AND booking_id = b.id)""",
    "a row that points nowhere": "PRAGMA foreign_key_check",
}


@dataclass(frozen=True, slots=True)
class Booker:
    """One caller with a store of her own: wants `start` and answers its readback with `answer`."""

    folder: Path
    dialled: Dialled
    persona: Persona
    start: str

    @property
    def store(self) -> Path:
        return self.folder / "calls.db"

    def faults(self) -> list[str]:
        """What is half written, read without our own code."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return [what for what, query in HALF_WRITTEN.items() if connection.execute(query).fetchall()]

    def count(self, query: str) -> int:
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            found: int = connection.execute(query).fetchone()[0]
            return found


def prepared(folder: Path, answer: Reply) -> Booker:
    """A store with one consultant, one client, and one free start on the next working day."""
    folder.mkdir()
    start = f"{working_days(datetime.now(UTC), 1)[0]}T15:00"
    persona = Persona(
        "Ada",
        (
            Reaction(
                "come posso aiutarti|quale preferisci|ti va bene",
                Reply(f"Vorrei prenotare {spoken(instant(start))}."),
                times=3,
            ),
            Reaction(r"conferm\w*\?", answer, times=3),
        ),
    )
    database = main.open_database(StorageSettings(url=f"sqlite:///{folder}/calls.db"))
    try:
        dialled = database.run_blocking(lambda: furnish(Part(persona, free=(start,))))
    finally:
        database.close()
    return Booker(folder, dialled, persona, start)


async def killed(booker: Booker, when: str) -> None:
    """Call, and kill -9 the server as soon as the query `when` counts something in its store."""
    log = booker.folder / "log"
    async with serving(emulated(booker.store), log) as program, aiohttp.ClientSession() as session:
        caller = SimulatedCaller(
            f"{program.url}/bridge/fork", booker.dialled, booker.persona, SystemClock(), timeout_s=_CALL_S
        )
        call = asyncio.create_task(caller.run(session))
        while not booker.count(when):
            assert not call.done(), f"{caller.record}\n{logged(log)}"
            await asyncio.sleep(0.02)
        await program.kill()
        assert booker.faults() == []
        with suppress(aiohttp.ClientError, OSError):
            await call
        assert caller.record.ended_by in ("", "server")


async def restarted(booker: Booker) -> None:
    """Start the server again on the same store, and stop it."""
    log = booker.folder / "log"
    async with serving(emulated(booker.store), log) as program:
        assert "interrotta" in await program.page("/chiamate")
        assert await program.stop() == 0, logged(log)
    assert "closed as interrupted" in logged(log)


def read_after(booker: Booker, look: Callable[[], None]) -> None:
    """What our own code finds in the store once all is over."""
    database = main.open_database(StorageSettings(url=f"sqlite:///{booker.store}"))
    try:
        database.run_blocking(look)
    finally:
        database.close()


@pytest.mark.timeout(180)
async def test_a_server_killed_in_the_middle_of_a_call_leaves_nothing_half_written(tmp_path: Path) -> None:
    holding = prepared(tmp_path / "holding", Reply(""))
    booked = prepared(tmp_path / "booked", Reply("Sì, confermo."))
    await asyncio.gather(killed(holding, HELD), killed(booked, BOOKED))
    assert (holding.count(HELD), holding.count(BOOKED)) == (1, 0)
    assert (booked.count(HELD), booked.count(BOOKED)) == (0, 1)
    await asyncio.gather(restarted(holding), restarted(booked))
    assert holding.faults() == booked.faults() == []

    def interrupted() -> None:
        (call,) = calls.list_calls()
        assert call.interrupted and call.end_reason == "interrotta" and call.ended_at is not None
        assert journal.broken_at(call.id) is None

    def hold_expires() -> None:
        interrupted()
        later = datetime.now(UTC) + timedelta(minutes=16)
        consultant = holding.dialled.consultant_id
        assert consultant is not None
        assert is_available(consultant, instant(holding.start), 60, now=later)
        assert not is_available(consultant, instant(holding.start), 60, now=datetime.now(UTC))
        assert bookings.expire_holds(later) == 1
        assert bookings.all_in_force() == []

    def booking_stands() -> None:
        interrupted()
        (booking,) = bookings.all_in_force()
        assert local(booking.start) == booked.start
        assert bookings.expire_holds(datetime.now(UTC) + timedelta(minutes=16)) == 0

    read_after(holding, hold_expires)
    read_after(booked, booking_stands)
    assert (holding.count("SELECT count(*) FROM slot_locks"), holding.count(HELD)) == (0, 0)
    assert holding.faults() == booked.faults() == []


# --- Two servers on one Postgres ------------------------------------------------------------------------------

OPEN = "SELECT count(*) FROM voice_calls WHERE ended_at IS NULL"
LEASE_S = 5.0


def sharing(url: str, name: str) -> dict[str, str]:
    return environment(
        DATABASE_URL=url,
        VBS_GEMINI__EMULATOR="true",
        VBS_SERVER__PORT="0",
        VBS_SERVER__DRAIN_S="0",
        VBS_SERVER__NAME=name,
        VBS_STORAGE__CALL_LEASE_SECONDS=f"{LEASE_S:g}",
        VBS_STORAGE__SWEEP_SECONDS="1",
    )


@pytest.mark.timeout(180)
async def test_a_server_leaves_the_calls_of_a_live_one_alone_and_closes_those_of_a_dead_one(
    tmp_path: Path, postgres: Postgres
) -> None:
    left, right, url = tmp_path / "left", tmp_path / "right", postgres.fresh()
    right.touch()
    start = f"{working_days(datetime.now(UTC), 1)[0]}T15:00"
    persona = Persona("Ada", (Reaction(".", Reply(""), times=99),))  # listens and says nothing
    database = main.open_database(StorageSettings(url=url))
    try:
        dialled = database.run_blocking(lambda: furnish(Part(persona, free=(start,))))
    finally:
        database.close()

    def count(query: str) -> int:
        ((found,),) = postgres.query(query, database="booking")
        return int(found)

    async def until(query: str, number: int, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while count(query) != number:
            assert asyncio.get_running_loop().time() < deadline, f"{logged(left)}\n{logged(right)}"
            await asyncio.sleep(0.1)

    async with serving(sharing(url, "left"), left) as first, aiohttp.ClientSession() as session:
        caller = SimulatedCaller(
            f"{first.url}/bridge/fork",
            dialled,
            persona,
            SystemClock(),
            patience_s=_CALL_S,
            timeout_s=2 * _CALL_S,
        )
        call = asyncio.create_task(caller.run(session))
        await until(OPEN, 1, _START_S)
        async with serving(sharing(url, "right"), right) as second:
            for _ in range(int(LEASE_S) + 2):  # a lease would have run out, and a sweep have seen it
                await asyncio.sleep(1)
                assert not call.done(), f"{caller.record}\n{logged(left)}"
                assert count(OPEN) == 1, logged(right)
            await first.kill()
            await until(OPEN, 0, 3 * LEASE_S)
            assert postgres.query("SELECT end_reason, interrupted FROM voice_calls", database="booking") == [
                ("interrotta", True)
            ]
            assert "no server answers for it any more" in logged(right)
            assert await second.stop() == 0, logged(right)
        with suppress(aiohttp.ClientError, OSError):
            await call


# --- The demo -------------------------------------------------------------------------------------------------


async def test_the_demo_comes_out_as_expected() -> None:
    status, out, err = await run("demo", "--once", env=environment(VBS_DEMO__SPEED="2.5"), seconds=60)
    assert status == 0, out + err
    assert "8 of 8 calls came out as expected" in out
