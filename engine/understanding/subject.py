"""Whether booking is the subject of a turn: what must be so before the extraction model is asked at all."""

from __future__ import annotations

from datetime import datetime

from engine.turns import Speaker, Turn
from engine.understanding.acts import Phrases, find_acts
from engine.understanding.folding import fold
from engine.understanding.it.assistant import ABOUT_BOOKING
from engine.understanding.mentions import Act
from engine.understanding.readback import read_assistant

_ASKS_FOR_IT = frozenset({Act.SHOW_INTEREST, Act.ASK_AVAILABILITY, Act.CANCEL, Act.RESCHEDULE})


def touches_booking(turn: Turn, phrases: Phrases, now: datetime) -> bool:
    """Whether a turn names an appointment, asks for one, or (the assistant's) offers a day and time.

    `now`: aware, when it was said. Days and times in the caller's small talk are none of it.
    """
    if turn.keyed:
        return False
    if turn.speaker is Speaker.ASSISTANT:
        return read_assistant(turn.heard_text, now).about_booking
    if ABOUT_BOOKING.search(fold(turn.text)):
        return True
    return any(act.act in _ASKS_FOR_IT for act in find_acts(turn.text, phrases, yes_no_pending=False))
