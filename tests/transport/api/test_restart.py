"""A lead books by chat over two days, through a server that is killed in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from engine.wording import spoken_slot
from storage import availability, bookings
from storage.database import Database
from tests.transport.api.process import Installed, install

ROME = ZoneInfo("Europe/Rome")


async def deliver(address: str, installed: Installed, messages: list[dict[str, str]]) -> dict[str, Any]:
    """What the last one is answered with."""
    url = f"{address}/v1/conversations/c-1/messages"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {installed.key}"}) as session:
        for message in messages:
            async with session.post(url, json=message) as answer:
                assert answer.status == 200, await answer.text()
                told: dict[str, Any] = await answer.json()
    return told


@pytest.mark.timeout(90)
async def test_a_lead_books_in_six_messages_over_two_days_and_a_kill(tmp_path: Path) -> None:
    installed = install(tmp_path)
    now = datetime.now(UTC)

    def free(database: Database) -> datetime:
        frm = now + timedelta(days=3)
        to = frm + timedelta(days=20)
        return database.run_blocking(lambda: availability.available_starts(1, frm, to, 60, now=now, limit=1))[
            0
        ]

    with Database(installed.environment["DATABASE_URL"]) as database:
        start = free(database)
    slot = spoken_slot(start.astimezone(ROME))
    lines = (
        ("caller", f"Buongiorno, vorrei un appuntamento {slot}"),
        ("assistant", "Volentieri! Mi lascia un telefono e un'email?"),
        ("caller", "333 1234567, lia.bianchi@example.com"),
        ("assistant", f"{slot}, telefono 333 1234567, email lia.bianchi@example.com. Confermi?"),
        ("caller", "Sì, confermo"),
        ("assistant", "Perfetto."),
    )
    yesterday, minute_ago = now - timedelta(days=1), now - timedelta(minutes=1)
    messages = [
        {
            "messageId": f"m{number}",
            "role": role,
            "text": text,
            "at": ((yesterday if number < 4 else minute_ago) + timedelta(seconds=5 * number)).isoformat(),
        }
        for number, (role, text) in enumerate(lines)
    ]
    with installed.serving(killed=True) as address:
        asked = await deliver(address, installed, messages[:4])
        assert (asked["stage"], asked["toRestate"], asked["booking"]) == ("dati_completi", [], None)
    with installed.serving() as address:
        done = await deliver(address, installed, messages[3:])  # the last one of yesterday once more
    assert (
        done["stage"] == "completato"
        and done["booking"]["localStart"] == f"{start.astimezone(ROME):%Y-%m-%dT%H:%M}"
    )
    with Database(installed.environment["DATABASE_URL"]) as database:
        (made,) = database.run_blocking(bookings.all_in_force)
    assert (made.start, made.phone, made.email) == (start, "+393331234567", "lia.bianchi@example.com")
