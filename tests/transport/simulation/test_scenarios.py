"""The demo's calls: their agendas, and each persona talking with the receptionist to its goal, in text only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.prompt import fill_prompt
from engine.understanding.context import CallerKnown
from storage import people
from storage.availability import available_starts
from storage.database import Database
from tests.storage.ready import bring_up
from transport.simulation.persona import Conversation
from transport.simulation.receptionist import Receptionist
from transport.simulation.scenarios import ZONE, Scenario, seed_demo, working_days

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)  # a Saturday
_DAYS = ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica")
_MONTHS = {11: "novembre", 12: "dicembre"}


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        bring_up(opened)
        yield opened


@pytest.fixture
def scenarios(database: Database) -> dict[str, Scenario]:
    return {each.letter: each for each in database.run_blocking(lambda: seed_demo(NOW))}


def said(start: datetime) -> str:
    local = start.astimezone(ZONE)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month]} alle {local.hour}"


def test_there_are_eight_and_their_slots_differ_and_are_free(
    database: Database, scenarios: dict[str, Scenario]
) -> None:
    assert sorted(scenarios) == list("ABCDEFGH")
    wanted = {each.expected.start for each in scenarios.values() if each.expected.start}
    assert len(wanted) == 6
    consultants = {each.dialled.consultant_id for each in scenarios.values()}
    free: set[datetime] = set()
    for consultant in consultants:
        assert consultant is not None
        found = database.run_blocking(
            lambda who=consultant: available_starts(who, NOW, NOW.replace(month=12), 60, now=NOW)
        )
        assert len(found) <= 12
        free |= set(found)
    assert wanted <= free


def test_clients_are_known_leads_are_not_and_outbound_calls_are_scheduled(
    database: Database, scenarios: dict[str, Scenario]
) -> None:
    for each in scenarios.values():
        outbound = each.dialled.direction == "outbound"
        number = each.dialled.callee if outbound else each.dialled.caller
        client = database.run_blocking(lambda who=number: people.find_client(who))
        assert (client is not None) is (each.letter in "ACGH"), each.letter
        planned = database.run_blocking(lambda name=each.dialled.scheduled_call: people.scheduled_call(name))
        assert (planned is not None) is outbound
        if planned is not None:
            assert planned.target_number == number


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (NOW, [23, 24, 25]),
        (datetime(2026, 11, 20, 9, tzinfo=UTC), [23, 24, 25]),
        (datetime(2026, 12, 23, 23, 30, tzinfo=UTC), [28, 29, 30]),
        (datetime(2026, 12, 31, 9, tzinfo=UTC), [4, 5, 7]),
    ],
)
def test_working_days_leave_out_weekends_and_holidays(now: datetime, days: list[int]) -> None:
    assert [day.day for day in working_days(now, 3)] == days


def prompt(scenario: Scenario, slots: list[datetime]) -> str:
    """The prompt that the assistant is given in this call."""
    outbound = scenario.dialled.direction == "outbound"
    number = scenario.dialled.callee if outbound else scenario.dialled.caller
    kind = "client" if scenario.letter in "ACGH" else "lead"
    line = number if number.startswith("+") else None
    return fill_prompt(
        (ROOT / "rules/it/prompt.md").read_text(encoding="utf-8"),
        consultant="Marco Rossi",
        caller=CallerKnown(kind, "outbound" if outbound else "inbound", line),
        name=scenario.persona.name if kind == "client" else None,
        extra=frozenset(),
        own=[],
        free=[slot.astimezone(ZONE) for slot in slots],
        now=NOW.astimezone(ZONE),
    )


@pytest.mark.parametrize("letter", list("ABCDEFGH"))
def test_each_persona_reaches_its_end(
    database: Database, scenarios: dict[str, Scenario], letter: str
) -> None:
    scenario = scenarios[letter]
    consultant = scenario.dialled.consultant_id
    assert consultant is not None
    free = database.run_blocking(
        lambda: available_starts(consultant, NOW, NOW.replace(month=12), 60, now=NOW)
    )
    desk, talk = Receptionist(prompt(scenario, free)), Conversation(scenario.persona)
    line, asked, taken = desk.greet(), "", scenario.taken
    for _ in range(15):
        asked = line if "confermi?" in line.lower() else asked
        reply = talk.reply(line)
        if reply.hang_up:
            break
        if not reply.says:  # the receptionist waits for what came of it
            booked = scenario.expected.start
            assert booked is not None
            line = desk.notice(f"L'appuntamento è prenotato: {said(booked)}. Dillo ora.")
            continue
        line = desk.answer(reply.says)
        if taken is not None and "Confermi?" in line:
            others = " o ".join(said(slot) for slot in free if slot != taken.start)
            line = desk.notice(f"{said(taken.start)} non è più disponibile. Scusati e proponi: {others}.")
            taken = None
    assert reply.hang_up, f"{letter} never ends; last heard: {line}"
    if scenario.expected.start is None:
        assert "confermi?" not in asked.lower()
        return
    assert said(scenario.expected.start) in asked.lower()
    if letter in "BD":
        assert f"email {scenario.expected.email}" in asked
    if letter == "B":
        assert "telefono 333 1234567" in asked
