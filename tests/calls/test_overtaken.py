"""A correction that arrives between the yes and the commit, forced: the transaction is held open until the caller
speaks again, and must then be rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.analysis import Analysis
from storage.database import Database
from storage.errors import Overtaken
from tests.calls.lineup import OFFER, THURSDAY_16, WEDNESDAY_15, Part, booker, line_up
from transport.simulation.persona import Reaction, Reply

T = TypeVar("T")

_PATIENCE_S = 10.0
_COMMIT_MS = 4000  # of silence after the yes, in which the commit is reached


class HeldOpen:
    """A store that does the first commit of a booking only once it may no longer be done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.held = False
        self.rolled_back = 0

    async def run(self, work: Callable[[], T], *, still_valid: Callable[[], bool] | None = None) -> T:
        def held_open() -> T:
            result = work()
            if still_valid is not None and not self.held and _commits(result):
                self.held = True
                until = time.monotonic() + _PATIENCE_S
                while still_valid() and time.monotonic() < until:
                    time.sleep(0.005)
            return result

        try:
            return await self._database.run(held_open, still_valid=still_valid)
        except Overtaken:
            self.rolled_back += self.held
            raise


def _commits(result: Any) -> bool:
    return isinstance(result, Analysis) and any(step.entry.target == "confermato" for step in result.steps)


@pytest.mark.parametrize(
    ("correction", "booked"),
    [
        (Reply("", "Anzi no, meglio giovedì 12 alle 16.", _COMMIT_MS), [THURSDAY_16]),
        (Reply("", "No, aspetti, non va più bene.", _COMMIT_MS), []),
        (Reply("", "Anzi no.", _COMMIT_MS, hang_up=True), []),
    ],
    ids=["another slot", "only a no", "a no and the call is over"],
)
async def test_a_correction_between_the_yes_and_the_commit(
    tmp_path: Path, correction: Reply, booked: list[str]
) -> None:
    stores: list[HeldOpen] = []

    def held_open(database: Database) -> HeldOpen:
        stores.append(HeldOpen(database))
        return stores[0]

    persona = booker(
        "Gina",
        Reaction(OFFER, Reply("Mercoledì 11 alle 15.")),
        Reaction("un attimo", correction),
        Reaction(r"cosa vuoi cambiare|ti va bene|quale preferisci", Reply("", hang_up=True), times=9),
    )
    async with line_up(tmp_path, store=held_open) as lines:
        call = (await lines.play([Part(persona)]))["Gina"]
        in_force = await lines.in_force()
    (store,) = stores
    assert store.held, "no commit was tried" + call.story
    assert store.rolled_back == 1, call.story
    assert call.booked == booked, call.story
    assert in_force == {("Gina", start) for start in booked}, call.story
    assert (WEDNESDAY_15, "confirmed") not in call.holds, call.story
    accepted = [event for event, guard in call.events if guard is None]
    assert accepted.count("conferma") == len(booked), call.story
    if booked:
        assert accepted.index("correzione") < accepted.index("conferma"), call.story
    assert call.broken_at is None, call.story
    assert "awaiting_confirm" not in [status for _, status in call.holds], call.story
