"""Who is talking with whom: fixed from the first turn of a conversation to its last."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.understanding.context import CallerKnown


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation with one caller about one consultant's agenda.

    `id` names it in the store and owns its hold; `call_id` is the stored call, None outside of calls.
    `client_id` is set for a registered client. `source` is the channel that bookings are said to come by.
    `transfer`: the call can be handed to a person.
    """

    id: str
    call_id: str | None
    consultant_id: int
    zone: ZoneInfo
    caller: CallerKnown
    client_id: int | None = None
    source: str = "voice_call"
    transfer: bool = False
