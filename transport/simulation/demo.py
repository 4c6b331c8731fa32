"""The demo: all scenarios at once against a running server, and what came of them against what should have."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

from engine.ports import Clock
from storage import conversations, seed
from storage.bookings import all_in_force, bookings_of_call
from storage.database import Database
from storage.models import VoiceCall
from storage.results import Booking
from transport.simulation.caller import SimulatedCaller
from transport.simulation.scenarios import MINUTES, ZONE, Expected, Scenario, Slot, seed_demo
from transport.simulation.settings import DemoSettings

__all__ = ["run_demo", "seed_demo"]

BRIDGE_PATH = "/bridge/fork"

_AFTERMATH_S = 20.0  # the longest a server may take to finish a call that was hung up
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(slots=True)
class Played:
    """One scenario while it is played. `failure` says why it could not be; `taken` is what somebody else booked."""

    scenario: Scenario
    caller: SimulatedCaller
    failure: str = ""
    taken: Booking | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the store holds of a call: its stage (None: it knows no such call) and its bookings in force."""

    stage: str | None
    bookings: tuple[Booking, ...] = ()


async def run_demo(
    server_url: str,
    database: Database,
    clock: Clock,
    console: Console,
    scenarios: Sequence[Scenario],
    settings: DemoSettings,
) -> bool:
    """Play all `scenarios` at once and print what came of them; True when all is as expected and nothing else booked.

    `server_url` is "http://host:port", `database` the store that this server works on and `seed_demo` has filled,
    `clock` the clock of server and callers.
    """
    began = clock.monotonic()
    before = await database.run(all_in_force)
    played = [Played(scenario, _caller(scenario, server_url, clock, settings)) for scenario in scenarios]
    with Live(calls_table(played), console=console, auto_refresh=False) as live:
        drawing = asyncio.create_task(_draw(live, played))
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                await asyncio.gather(*(_play(each, session, database, clock) for each in played))
            outcomes = [await _outcome(each, database, clock) for each in played]
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        live.update(calls_table(played), refresh=True)
    problems = [judge(each, outcome) for each, outcome in zip(played, outcomes, strict=True)]
    known = {booking.id for booking in before}
    known |= {each.taken.id for each in played if each.taken}
    known |= {booking.id for outcome in outcomes for booking in outcome.bookings}
    stray = [booking for booking in await database.run(all_in_force) if booking.id not in known]
    console.print(outcomes_table(played, outcomes, problems))
    for booking in stray:
        console.print(f"Booked by no call of these: {_told(booking)}", style="red")
    right = problems.count([])
    passed = right == len(played) and not stray
    seconds = clock.monotonic() - began
    console.print(
        f"{right} of {len(played)} calls came out as expected, in {seconds:.0f} s of their time.",
        style="green" if passed else "red",
    )
    return passed


def judge(played: Played, outcome: Outcome) -> list[str]:
    """What is wrong with a call; empty when it went as expected."""
    expected, record = played.scenario.expected, played.caller.record
    problems = [played.failure] if played.failure else []
    if outcome.stage is None:
        return [*problems, "the store does not know this call"]
    if outcome.stage != expected.stage:
        problems.append(f"stage {outcome.stage}, not {expected.stage}")
    problems += _wrong_bookings(expected, outcome.bookings)
    if record.ended_by == "timeout":
        problems.append("the caller gave up")
    return problems + record.problems


def _wrong_bookings(expected: Expected, found: Sequence[Booking]) -> list[str]:
    if expected.kind is None:
        return [f"booked {_told(booking)}" for booking in found]
    if len(found) != 1:
        return [f"{len(found)} bookings, not 1"]
    booking = found[0]
    pairs = {
        "kind": (booking.kind, expected.kind),
        "start": (booking.start, expected.start),
        "phone": (booking.phone, expected.phone),
        "email": (booking.email, expected.email),
    }
    return [
        f"{name} {had}, not {wanted}"
        for name, (had, wanted) in pairs.items()
        if wanted is not None and had != wanted
    ]


# --- Playing --------------------------------------------------------------------------------------------


def _caller(scenario: Scenario, server_url: str, clock: Clock, settings: DemoSettings) -> SimulatedCaller:
    return SimulatedCaller(
        server_url.rstrip("/") + BRIDGE_PATH,
        scenario.dialled,
        scenario.persona,
        clock,
        reply_pause_ms=settings.reply_pause_ms,
        patience_s=settings.patience_s,
        timeout_s=settings.call_timeout_s,
    )


async def _play(played: Played, session: aiohttp.ClientSession, database: Database, clock: Clock) -> None:
    call = asyncio.create_task(played.caller.run(session))
    if (slot := played.scenario.taken) is not None:
        played.taken = await _take_meanwhile(call, played.caller, slot, database, clock)
    try:
        await call
    except (aiohttp.ClientError, OSError) as error:
        played.failure = f"the call could not be placed: {error}"


async def _take_meanwhile(
    call: asyncio.Task[object], caller: SimulatedCaller, slot: Slot, database: Database, clock: Clock
) -> Booking | None:
    """Book `slot` for somebody else once the assistant, who has then read the agenda, has begun to speak."""
    while not call.done():
        if caller.record.words("assistant"):
            return await database.run(
                lambda: seed.take_slot(slot.consultant_id, slot.start, MINUTES, now=clock.now())
            )
        await clock.sleep(0.05)
    return None


async def _outcome(played: Played, database: Database, clock: Clock) -> Outcome:
    """What the store holds once the server has finished the call, or when it had long enough to."""
    until = clock.monotonic() + _AFTERMATH_S
    name = played.scenario.dialled.call_id
    while True:
        over, outcome = await database.run(lambda: _read(name))
        if over or clock.monotonic() > until:
            return outcome
        await clock.sleep(0.2)


def _read(bridge_call_id: str) -> tuple[bool, Outcome]:
    row = VoiceCall.get_or_none(VoiceCall.bridge_call_id == bridge_call_id)
    if row is None:
        return False, Outcome(None)
    state = conversations.state_of(row.id)
    in_force = tuple(booking for booking in bookings_of_call(row.id) if booking.in_force)
    return row.ended_at is not None, Outcome(state.stage if state else None, in_force)


# --- Tables ---------------------------------------------------------------------------------------------


async def _draw(live: Live, played: Sequence[Played]) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            live.update(calls_table(played), refresh=True)
            await asyncio.sleep(0.25)


def calls_table(played: Sequence[Played]) -> Table:
    """The calls as they stand: who, what for, state, and the last words."""
    table = Table(title="Calls", expand=True)
    table.add_column("", width=1)
    table.add_column("Caller", width=14, no_wrap=True)
    table.add_column("State", width=9, no_wrap=True)
    table.add_column("Last words", ratio=1, no_wrap=True)
    for each in played:
        said = each.caller.record.said
        words = f"{'→' if said[-1].speaker == 'caller' else '←'} {said[-1].text}" if said else ""
        table.add_row(each.scenario.letter, each.scenario.persona.name, _state(each), words)
    return table


def outcomes_table(
    played: Sequence[Played], outcomes: Sequence[Outcome], problems: Sequence[list[str]]
) -> Table:
    """What was expected of each call, what came of it, and what is wrong with that."""
    table = Table(title="Outcomes")
    for heading in ("", "Scenario", "Expected", "Outcome", ""):
        table.add_column(heading)
    for each, outcome, wrong in zip(played, outcomes, problems, strict=True):
        booked = ", ".join(_told(booking) for booking in outcome.bookings) or "no booking"
        table.add_row(
            each.scenario.letter,
            each.scenario.title,
            _wanted(each.scenario.expected),
            booked,
            "[red]✗ " + "; ".join(wrong) if wrong else "[green]✓",
        )
    return table


def _state(played: Played) -> str:
    if played.failure:
        return "failed"
    return {"": "talking", "caller": "hung up", "server": "closed", "timeout": "gave up"}[
        played.caller.record.ended_by
    ]


def _wanted(expected: Expected) -> str:
    if expected.kind is None or expected.start is None:
        return "no booking"
    local = expected.start.astimezone(ZONE)
    return f"{expected.kind} {_DAYS[local.weekday()]} {local:%d %H:%M}"


def _told(booking: Booking) -> str:
    local = booking.start.astimezone(ZONE)
    return f"{booking.kind} {_DAYS[local.weekday()]} {local:%d %H:%M}"
