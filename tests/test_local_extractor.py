"""The extractor without a model: every kind of mention, in the order of the words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.extraction.grounding import ground
from engine.ports import Mention, MentionKind
from engine.turns import Speaker, Turn
from tests.local_extractor import LocalExtractor

NOW = datetime(2026, 2, 9, 8, 30, tzinfo=UTC)
TURNS = [
    Turn(
        1,
        Speaker.CALLER,
        "Mi chiamo Mario Rossi, mercoledì 11 alle 15 per mezz'ora, il numero è 333 123 4567",
        NOW,
        NOW,
    ),
    Turn(2, Speaker.ASSISTANT, "Certo, e la mail?", NOW, NOW),
    Turn(3, Speaker.CALLER, "mario@gmail.com, anzi facciamo domani", None, None),
]


async def test_every_kind_is_found_in_the_order_of_the_words() -> None:
    found = await LocalExtractor(ZoneInfo("Europe/Rome")).extract(TURNS)
    assert found == (
        Mention(MentionKind.NAME, 1, "Mario Rossi"),
        Mention(MentionKind.DATE, 1, "mercoledì 11"),
        Mention(MentionKind.TIME, 1, "alle 15"),
        Mention(MentionKind.DURATION, 1, "mezz'ora"),
        Mention(MentionKind.PHONE, 1, "333 123 4567"),
        Mention(MentionKind.EMAIL, 3, "mario@gmail.com"),
        Mention(MentionKind.DATE, 3, "domani"),
    )
    assert ground(found, TURNS).mentions == found
