"""The slots that each conversation was last offered, in the order they were named: what "il secondo" means.

Call these in `Database.run(work)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.models import ProposedSlot
from storage.statements import Given, Statement

_OFFERED = Statement(
    lambda: (
        ProposedSlot.select()
        .where(ProposedSlot.conversation == Given("conversation"))
        .order_by(ProposedSlot.position)
    )
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One slot offered: `start` and `offered_at` aware UTC, `turn` the number of the turn that named it."""

    start: datetime
    minutes: int
    offered_at: datetime
    turn: int


def remember_offers(
    conversation: str, starts: Sequence[datetime], *, minutes: int, turn: int, now: datetime
) -> None:
    """These starts (aware UTC), for `minutes` each, were offered in turn number `turn`, in place of all before."""
    ProposedSlot.delete().where(ProposedSlot.conversation == conversation).execute()
    rows = [
        {
            "conversation": conversation,
            "position": position,
            "start_at": start,
            "minutes": minutes,
            "offered_at": now,
            "turn": turn,
        }
        for position, start in enumerate(starts, start=1)
    ]
    if rows:
        ProposedSlot.insert_many(rows).execute()


def offers_of(conversation: str) -> list[Offer]:
    """What the conversation was last offered, in order; empty when it was offered nothing."""
    rows = _OFFERED.all(conversation=conversation)
    return [Offer(row.start_at, row.minutes, row.offered_at, row.turn) for row in rows]
