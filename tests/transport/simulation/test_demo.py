"""The demo's verdicts: what counts as expected, and that what cannot be played is no success."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from storage.database import Database
from storage.results import Booking, BookingKind
from tests.storage.ready import bring_up
from transport.simulation.caller import Dialled, SimulatedCaller
from transport.simulation.clock import ScaledClock
from transport.simulation.demo import Outcome, Played, judge, run_demo, seed_demo
from transport.simulation.persona import Persona
from transport.simulation.scenarios import Expected, Scenario
from transport.simulation.settings import DemoSettings

START = datetime(2026, 11, 25, 14, tzinfo=UTC)
BOOKING = Booking(
    kind=BookingKind.APPOINTMENT,
    id="b",
    consultant_id=1,
    start=START,
    minutes=60,
    in_force=True,
    phone="+393331234567",
    email="mario@gmail.com",
)
WANTED = Expected("completato", BookingKind.APPOINTMENT, START, "+393331234567", "mario@gmail.com")
NOTHING = Expected("raccolta_dati")


def played(expected: Expected, *, ended_by: str = "caller", failure: str = "") -> Played:
    dialled, persona = Dialled("c", "anonymous", "+390612345678"), Persona("Mario")
    caller = SimulatedCaller("ws://127.0.0.1/", dialled, persona, ScaledClock())
    caller.record.ended_by = ended_by
    return Played(Scenario("X", "a call", persona, dialled, expected), caller, failure)


def test_what_was_wanted_passes() -> None:
    assert judge(played(WANTED), Outcome("completato", (BOOKING,))) == []
    assert judge(played(NOTHING), Outcome("raccolta_dati")) == []


@pytest.mark.parametrize(
    ("expected", "outcome", "problem"),
    [
        (WANTED, Outcome(None), "does not know"),
        (WANTED, Outcome("dati_completi", (BOOKING,)), "stage dati_completi"),
        (WANTED, Outcome("completato"), "0 bookings"),
        (WANTED, Outcome("completato", (BOOKING, BOOKING)), "2 bookings"),
        (WANTED, Outcome("completato", (replace(BOOKING, start=START + timedelta(hours=1)),)), "start"),
        (WANTED, Outcome("completato", (replace(BOOKING, email="maria@gmail.com"),)), "email"),
        (WANTED, Outcome("completato", (replace(BOOKING, kind=BookingKind.CONSULTATION),)), "kind"),
        (NOTHING, Outcome("raccolta_dati", (BOOKING,)), "booked appointment"),
    ],
)
def test_anything_else_is_told(expected: Expected, outcome: Outcome, problem: str) -> None:
    (found,) = judge(played(expected), outcome)
    assert problem in found


def test_a_call_that_did_not_end_well_is_told() -> None:
    outcome = Outcome("completato", (BOOKING,))
    assert judge(played(WANTED, ended_by="timeout"), outcome) == ["the caller gave up"]
    assert judge(played(WANTED, failure="no server"), outcome) == ["no server"]


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        bring_up(opened)
        yield opened


async def test_without_a_server_nothing_passes_and_the_table_says_why(database: Database) -> None:
    clock, paper = ScaledClock(100), io.StringIO()
    scenarios = await database.run(lambda: seed_demo(clock.now()))
    console = Console(file=paper, width=160)
    passed = await run_demo("http://127.0.0.1:9", database, clock, console, scenarios, DemoSettings())
    assert passed is False
    assert "the call could not be placed" in paper.getvalue()
    assert "0 of 8 calls came out as expected" in paper.getvalue()
