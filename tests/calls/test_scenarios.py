"""The eight calls of the demo, all at once through the whole system, each graded on what the store then holds."""

from __future__ import annotations

import asyncio
import html
import io
import re
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from storage.bookings import all_in_force
from storage.results import Booking
from tests.calls.lineup import Ended, line_up, local
from transport.console import wording
from transport.simulation.demo import run_demo, seed_demo
from transport.simulation.scenarios import Scenario
from transport.simulation.settings import DemoSettings

pytestmark = pytest.mark.xdist_group("scenarios")  # one worker plays the calls, for all tests here

LETTERS = "ABCDEFGH"
TASKS = {"E": "", **dict.fromkeys("ABCDFGH", "prenota")}


@dataclass(frozen=True, slots=True)
class Played:
    scenarios: dict[str, Scenario]
    ended: dict[str, Ended]
    in_force: list[Booking]
    page: str
    passed: bool
    told: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    async def play() -> Played:
        async with line_up(tmp_path_factory.mktemp("scenarios")) as lines:
            scenarios = await lines.database.run(lambda: seed_demo(lines.clock.now()))
            console = Console(file=io.StringIO(), width=200)
            passed = await run_demo(
                lines.url, lines.database, lines.clock, console, scenarios, DemoSettings()
            )
            return Played(
                {each.letter: each for each in scenarios},
                {each.letter: await lines.ended(each.dialled.call_id) for each in scenarios},
                await lines.database.run(all_in_force),
                html.unescape(await lines.page("/chiamate")),
                passed,
                console.file.getvalue(),  # type: ignore[attr-defined]
            )

    return asyncio.run(play())


@pytest.mark.parametrize("letter", LETTERS)
def test_a_scenario_comes_to_its_end(played: Played, letter: str) -> None:
    ended, expected = played.ended[letter], played.scenarios[letter].expected
    call = ended.detail.call
    wanted = [] if expected.start is None else [local(expected.start)]
    assert ended.booked == wanted, ended.story
    assert call.stage == expected.stage, ended.story
    assert (call.task or "nessuno").replace("nessuno", "") == TASKS[letter], ended.story
    assert call.ended_at is not None and timedelta(0) < call.ended_at - call.started_at < timedelta(minutes=2)
    assert not call.interrupted and call.end_reason == "hangup", ended.story
    assert [status for _, status in ended.holds].count("confirmed") == len(wanted), ended.story
    assert all(status in ("confirmed", "cancelled") for _, status in ended.holds), ended.story
    assert ended.broken_at is None, ended.story
    assert ended.detail.metadata.get("bookingCreated", False) is bool(wanted), ended.story
    assert [event for event, _ in ended.events].count("successo") == len(wanted), ended.story
    if expected.kind is None or expected.start is None:
        assert call.booking is None
        assert [badge.text for badge in wording.badges(call)] == ["nessun appuntamento"]
        return
    assert call.booking is not None
    assert call.booking.kind == expected.kind
    assert expected.phone in (None, call.booking.phone)
    assert expected.email in (None, call.booking.email)
    when = wording.slot(expected.start, ZoneInfo("Europe/Rome"))
    assert [badge.text for badge in wording.badges(call)] == [f"Appuntamento Creato → {when}"]
    assert f"Appuntamento Creato → {when}" in played.page


def test_nothing_else_is_in_force(played: Played) -> None:
    """Extra rows fail; the one booking that no call made is what was taken from under scenario H."""
    wanted = {
        (each.dialled.consultant_id, each.expected.start)
        for each in played.scenarios.values()
        if each.expected.start
    }
    taken = played.scenarios["H"].taken
    assert taken is not None
    rows = [(each.consultant_id, each.start) for each in played.in_force]
    assert len(rows) == len(set(rows))
    assert set(rows) == wanted | {(taken.consultant_id, taken.start)}, played.told


def test_the_demo_judges_as_we_do(played: Played) -> None:
    assert played.passed, played.told
    assert "8 of 8 calls" in played.told


def test_the_page_lists_every_call(played: Played) -> None:
    assert len(set(re.findall(r'href="/chiamate/([0-9a-f]{32})"', played.page))) == len(LETTERS)
    badges = played.page.count(">nessun appuntamento</span>")  # not the choice of the filter
    assert badges == 2
