"""Whole calls over real sockets: the server as main.py composes it, Gemini's stand-in over TLS, simulated callers."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import aiohttp
from pydantic import BaseModel, SecretStr

import main
from engine.settings import EngineSettings
from storage import bookings, calls, journal, people, seed
from storage.agenda import AgendaSettings
from storage.calls import CallDetail
from storage.database import Database
from storage.models import PendingBooking, VoiceCall
from storage.settings import StorageSettings
from tests.storage.ready import bring_up
from transport.console.open_door import OpenDoor
from transport.gemini.settings import GeminiSettings
from transport.server import init_app, running
from transport.settings import ServerSettings
from transport.simulation.caller import Break, CallRecord, Dialled, SimulatedCaller
from transport.simulation.clock import ScaledClock
from transport.simulation.gemini_emulator import EMULATOR_KEY, GeminiEmulator
from transport.simulation.gemini_emulator_call import EmulatedCall
from transport.simulation.gemini_emulator_script import Script
from transport.simulation.modem import MOST_CHARS_PER_S
from transport.simulation.persona import Persona, Reaction, Reply
from transport.simulation.wire import WIRES

ROOT = Path(__file__).parents[2]
ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)
SPEED = 2.5

WEDNESDAY_10, WEDNESDAY_15 = "2026-02-11T10:00", "2026-02-11T15:00"
THURSDAY_11, THURSDAY_16 = "2026-02-12T11:00", "2026-02-12T16:00"
OFFER = "quale preferisci|ti va bene"
FREE = (WEDNESDAY_10, WEDNESDAY_15, THURSDAY_11, THURSDAY_16)

OUR_NUMBER = "+390612345678"
_APART_S = 0.3  # between the beginnings of calls, so that they do not all do the same at the same time
_AFTERMATH_S = 30.0  # of the clock; a call's last words are waited for 7 s


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a line-up: a registered client (a `lead` is none, and withholds the number) of a consultant of her
    own, whose free starts are local times, and who has calls handed over at `transfer`.

    `persona.name` names the client, the consultant and the bridge's call; no two may share it.
    """

    persona: Persona
    script: Script = field(default_factory=Script)
    free: tuple[str, ...] = FREE
    patience_s: float = 9.0
    dialect: str = "fork"
    rate: int | None = None
    breaks: tuple[Break, ...] = ()
    lead: bool = False
    transfer: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What the store holds of a call that is over. Starts are local wall times ("2026-02-11T15:00")."""

    detail: CallDetail
    booked: list[str]
    holds: list[tuple[str, str]]  # start, status
    broken_at: int | None
    emulated: EmulatedCall | None = None
    caller: CallRecord | None = None

    @property
    def stage(self) -> str:
        return self.detail.call.stage

    @property
    def events(self) -> list[tuple[str | None, str | None]]:
        """(event, guard that refused it) of each journal entry."""
        return [(each.entry["event"], each.entry.get("guard")) for each in self.detail.journal]

    @property
    def notices(self) -> list[str]:
        """The names of all notices that were asked for."""
        return [name for each in self.detail.journal for name in each.entry.get("notices", ())]

    @property
    def story(self) -> str:
        """Everything there is to know of the call, to understand a failure by."""
        call = self.detail.call
        lines = [f"\n--- call of {call.name or call.number}: {call.stage}, ended by {call.end_reason!r}"]
        lines += [f"  booked {self.booked}, holds {self.holds}", "  transcript:"]
        lines += [f"  {_turn(turn)}" for turn in self.detail.turns]
        lines += ["  journal:"] + [f"  {_entry(each.entry)}" for each in self.detail.journal]
        if self.emulated is not None:
            lines += [f"  the model heard: {self.emulated.heard}", f"  was told: {self.emulated.told}"]
        if self.caller is not None:
            lines += [f"  the caller ({self.caller.ended_by}, {self.caller.problems}):"]
            lines += [f"    {said.at:%M:%S.%f} {said.speaker}: {said.text}" for said in self.caller.said]
        return "\n".join(lines)


@dataclass(slots=True)
class LineUp:
    """A running server, what it works on, and who may call it."""

    url: str
    database: Database
    clock: ScaledClock
    emulator: GeminiEmulator
    session: aiohttp.ClientSession
    scripts: dict[str, Script] = field(default_factory=dict)

    async def play(self, parts: Iterable[Part]) -> dict[str, Ended]:
        """Play all calls at once; what came of each, by the caller's name."""
        played, before = {part.persona.name: part for part in parts}, len(self.scripts)
        dialled = await self.database.run(
            lambda: {
                name: furnish(part, number) for number, (name, part) in enumerate(played.items(), before)
            }
        )
        self.scripts.update({name: part.script for name, part in played.items()})
        callers = {
            name: SimulatedCaller(
                self.url + WIRES[part.dialect].path,
                dialled[name],
                part.persona,
                self.clock,
                dialect=part.dialect,
                rate=part.rate,
                patience_s=part.patience_s,
                breaks=part.breaks,
            )
            for name, part in played.items()
        }

        async def dial(number: int, caller: SimulatedCaller) -> CallRecord:
            await self.clock.sleep(number * _APART_S)
            return await caller.run(self.session)

        records = await asyncio.gather(*(dial(*each) for each in enumerate(callers.values())))
        return {
            name: dataclasses.replace(await self.ended(name), caller=record)
            for name, record in zip(callers, records, strict=True)
        }

    async def ended(self, bridge_call_id: str) -> Ended:
        """What came of a call, once the server has finished it. Raises AssertionError if it never does."""
        until = self.clock.monotonic() + _AFTERMATH_S
        while (found := await self.database.run(lambda: _read(bridge_call_id))) is None or (
            found.detail.call.ended_at is None
        ):
            assert self.clock.monotonic() < until, f"call {bridge_call_id} never ended" + (
                found.story if found else " nor began"
            )
            await self.clock.sleep(0.1)
        mine = [each for each in self.emulator.calls if f" {bridge_call_id} " in (each.prompt or "")]
        return dataclasses.replace(found, emulated=mine[0] if mine else None)

    async def in_force(self) -> set[tuple[str, str]]:
        """Every booking in force in the whole store: (client, local start)."""
        found = await self.database.run(bookings.all_in_force)
        return {(each.name or "", local(each.start)) for each in found}

    async def page(self, path: str) -> str:
        """One of the server's pages."""
        async with self.session.get(self.url + path) as answer:
            assert answer.status == 200
            return await answer.text()


@asynccontextmanager
async def line_up(
    folder: Path,
    *,
    speed: float = SPEED,
    settings: Mapping[str, BaseModel] | None = None,
    store: Callable[[Database], Any] = lambda database: database,
) -> AsyncIterator[LineUp]:
    """The whole system on sockets of its own and a new store in `folder`.

    `settings` replaces sections of config.toml; `store` may stand between the calls and the database.
    """
    scripts: dict[str, Script] = {}
    clock = ScaledClock(speed, start=MONDAY)
    emulator = GeminiEmulator(
        clock=clock,
        script_for=lambda prompt: next(
            (script for name, script in scripts.items() if f" {name} " in prompt), Script()
        ),
    )
    await emulator.start()
    ca = folder / "emulator.pem"
    ca.write_bytes(emulator.ca_pem)
    sections = {
        "gemini": GeminiSettings(base_url=emulator.base_url),
        "gemini_api_key": SecretStr(EMULATOR_KEY),
        "engine": EngineSettings(chars_per_s=MOST_CHARS_PER_S),
        **(settings or {}),
    }
    composed = main.load_settings(ROOT / "config.toml").model_copy(update=sections)
    kept = StorageSettings(url=f"sqlite:///{folder}/calls.db")
    with Database(kept) as empty:
        bring_up(empty)
    database = main.open_database(kept)
    try:
        with patch.dict(os.environ, {"SSL_CERT_FILE": str(ca)}):
            async with main.switchboard(composed, database, clock) as plain:
                board = dataclasses.replace(plain, database=store(database))
                app = init_app(main.server_parts(board, composed, OpenDoor()))
                where = ServerSettings(port=0, drain_s=0)
                connector = aiohttp.TCPConnector(limit=0)
                async with running(app, where) as url, aiohttp.ClientSession(connector=connector) as session:
                    yield LineUp(url, database, clock, emulator, session, scripts)
    finally:
        database.close()
        await emulator.stop()


def booker(name: str, *own: Reaction, **rest: Any) -> Persona:
    """A client who wants to book and chooses Wednesday at 15; `own` reactions come first."""
    reactions = (
        *own,
        Reaction("come posso aiutarti", Reply("Vorrei prenotare una consulenza.")),
        Reaction(OFFER, Reply("Mercoledì 11 alle 15."), times=3),
    )
    return Persona(name, reactions, **rest)


def furnish(part: Part, number: int = 0) -> Dialled:
    """Put a part's consultant, agenda and client into the store. Call in `Database.run(work)`."""
    name = part.persona.name
    consultant = people.add_consultant(
        name, AgendaSettings(published_starts_only=True), transfer_number=part.transfer
    )
    seed.publish_starts(consultant, [instant(start) for start in part.free])
    if part.lead:
        return Dialled(name, "", OUR_NUMBER, consultant_id=consultant)
    phone = f"+3934055500{number:02d}"
    people.add_client(name, phone, consultant_id=consultant, email=f"{number}@example.com")
    return Dialled(name, phone, OUR_NUMBER, consultant_id=consultant)


def instant(start: str) -> datetime:
    """A local wall time as an instant."""
    return datetime.fromisoformat(start).replace(tzinfo=ROME).astimezone(UTC)


def local(start: datetime) -> str:
    """An instant as a local wall time."""
    return start.astimezone(ROME).strftime("%Y-%m-%dT%H:%M")


# --- Reading the store ------------------------------------------------------------------------------------


def _read(bridge_call_id: str) -> Ended | None:
    row = VoiceCall.get_or_none(VoiceCall.bridge_call_id == bridge_call_id)
    if row is None:
        return None
    detail = calls.call_detail(row.id)
    assert detail is not None
    held = PendingBooking.select().where(PendingBooking.conversation == row.id)
    return Ended(
        detail,
        [local(each.start) for each in bookings.bookings_of_call(row.id) if each.in_force],
        [(local(each.start_at), each.status) for each in held.order_by(PendingBooking.created_at)],
        journal.broken_at(row.id),
    )


def _turn(turn: calls.StoredTurn) -> str:
    when = f"{turn.began_at:%M:%S.%f}" if turn.began_at else "unplaced"
    cut = "" if turn.heard is None else f"  [heard: {turn.heard!r}]"
    return f"{turn.number:>3} {when} {turn.speaker:9} {turn.text}{cut}"


def _entry(entry: Mapping[str, Any]) -> str:
    told = " ".join(
        f"{name}={entry[name]}" for name in ("outcome", "guard", "notices", "changes") if entry.get(name)
    )
    move = f"{entry.get('from')} → {entry.get('to')}"
    return f"  turn {entry.get('turn')}: {entry['event']} by {entry.get('rule')} ({move}) {told}"
