"""How long recorded calls take to be decided again: 1,000 calls of some 20 turns.

Run: make bench ARGS=replay. The longest example dialogues are played once; each call is then loaded and decided
again several times, by the rules it went by.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from engine.rehearsal import Dialogue, read_dialogue, rehearse
from engine.replay import replay
from engine.rulebook import Rulebook
from storage import recorded
from storage.database import Database

RULES = Path("rules/it")
CALLS, DISTINCT = 1000, 50


def main(arguments: list[str]) -> int:
    """Print the time for all calls, and a call and a turn."""
    del arguments
    rulebook = Rulebook.read(RULES)
    dialogues = [read_dialogue(path) for path in sorted((RULES / "examples").rglob("*.toml"))]
    longest = sorted(dialogues, key=lambda dialogue: len(dialogue.turns), reverse=True)[:DISTINCT]
    spent = sum(_decide_again(dialogue, rulebook, CALLS // DISTINCT) for dialogue in longest)
    turns = sum(len(dialogue.turns) for dialogue in longest) * (CALLS // DISTINCT)
    print(
        f"{CALLS} calls, {turns / CALLS:.1f} turns each: {spent:.1f} s, "
        f"{spent / CALLS * 1e3:.1f} ms a call, {spent / turns * 1e6:.0f} µs a turn"
    )
    print(f"as 20 turns a call: {spent / turns * 20 * CALLS:.1f} s")
    return 0


def _decide_again(dialogue: Dialogue, rulebook: Rulebook, times: int) -> float:
    """Seconds for loading and deciding the dialogue's call `times` times."""
    with Database("sqlite:///:memory:") as database:
        database.create_tables()
        asyncio.run(rehearse(dialogue, database, rulebook))
        (call_id,) = database.run_blocking(recorded.ended_calls)
        begun = time.perf_counter()
        for _ in range(times):
            call = database.run_blocking(lambda: recorded.recorded_call(call_id))
            assert call is not None
            if replay(call, lambda _: rulebook).departure is not None:
                raise SystemExit(f"{dialogue.title}: came out otherwise")
        return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
