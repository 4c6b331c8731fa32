"""What the engine has established about a call, by code and never by a rule file: all that the guards see."""

from __future__ import annotations

from dataclasses import dataclass

from fsm.stages import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known at the moment an event is fired.

    Whatever is left out refuses. `booked` has no refusing value (true forbids a second booking, false forbids
    changing the first), so it must always be said.

    booked: a booking made or moved in this call is in force.
    missing: required details (the floor, and what rule files add to it) that have no value yet.
    hold_live: the slot of exactly the current values is held and the hold has not expired.
    agreed: a readback of exactly the current values was agreed to.
    target_identified: the one own booking to move or cancel is known.
    requested: the task the caller asked for in this analysis.
    restated: a required detail was given, changed or said again in this analysis.
    committed: the store operation of this confirmation succeeded.
    failed_commits: commits that failed in this call, against `max_failed_commits` that may.
    """

    booked: bool
    missing: frozenset[str] = frozenset({"unknown"})
    hold_live: bool = False
    agreed: bool = False
    target_identified: bool = False
    requested: Task = Task.NESSUNO
    restated: bool = False
    committed: bool = False
    failed_commits: int = 3
    max_failed_commits: int = 3
