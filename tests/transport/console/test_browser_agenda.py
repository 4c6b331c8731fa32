"""The agenda in a real Chromium: bookings moved and cancelled by keyboard, a held slot counting down, hours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser

from storage import bookings, people
from storage.agenda import closing_days
from storage.database import Database
from storage.results import Booking, Hold, Lead
from tests.transport.console.chromium import WINDOWS, Scheme, started, visit
from tests.transport.console.conftest import ADMIN, Page, Somebody
from transport.console.routes import add_console

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with started(chromium) as browser:
        yield browser


@pytest.fixture
async def today(database: Database) -> AsyncIterator[Page]:
    """The pages as they are now, since a browser has no other time."""
    app = web.Application()
    add_console(app, database, Somebody(ADMIN))
    async with TestClient(TestServer(app)) as client:
        yield client


def _furnish(now: datetime) -> tuple[Booking, datetime]:
    """A booking and a held slot of a Wednesday that is no holiday; the booking, and the held start."""
    people.add_consultant("Marco Rossi")
    day = (now + timedelta(days=7 + (2 - now.weekday()) % 7)).replace(minute=0, second=0, microsecond=0)
    while day.date() in closing_days("IT", None, day.year) or day.date() + timedelta(days=1) in closing_days(
        "IT", None, day.year
    ):
        day += timedelta(days=7)
    held = bookings.propose(
        consultant_id=1, conversation="b", client_id=None, start=day.replace(hour=10), minutes=60, now=now,
    )  # fmt: skip
    assert isinstance(held, Hold)
    lead = Lead("+393331234567", "mario@example.it", "Mario Verdi")
    booked = bookings.confirm(token=held.token, conversation="b", client_id=None, now=now, lead=lead)
    assert isinstance(booked, Booking)
    waiting = bookings.propose(
        consultant_id=1, conversation="c", client_id=None, start=day.replace(hour=14), minutes=60, now=now,
    )  # fmt: skip
    assert isinstance(waiting, Hold)
    return booked, waiting.start


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_a_booking_is_moved_and_cancelled(
    browser: Browser, today: Page, database: Database, width: int, scheme: Scheme
) -> None:
    now = datetime.now(UTC)
    booked, _ = await database.run(lambda: _furnish(now))
    visiting = await visit(browser, today, width, scheme)
    day = booked.start.date()
    text = await visiting.open(f"/agenda?consulente=1&giorno={day}")
    assert "Mario Verdi" in text
    left = visiting.tab.locator(".left")
    first = await left.inner_text()
    assert first.startswith("14:")
    await visiting.tab.wait_for_function(
        "first => document.querySelector('.left').textContent < first", arg=first
    )
    assert await visiting.sticking_out() == []
    assert await visiting.serious() == []
    await visiting.picture(f"agenda-{width}-{scheme}")

    await visiting.tab.get_by_role("link", name="Sposta o disdici").press("Enter")
    assert await visiting.serious() == []
    await visiting.picture(f"booking-{width}-{scheme}")
    await visiting.tab.get_by_label("Altro giorno").fill((day + timedelta(days=1)).isoformat())
    await visiting.tab.get_by_role("button", name="Mostra gli orari").press("Enter")
    await visiting.tab.get_by_label("Orari liberi").select_option("16:30")
    assert await visiting.sticking_out() == []
    await visiting.tab.get_by_role("button", name="Sposta a quest'ora").press("Enter")
    await visiting.tab.wait_for_selector("text=Appuntamento spostato.")
    assert "16:30–17:30" in await visiting.tab.inner_text(f"#appointment-{booked.id}")

    await visiting.tab.get_by_role("link", name="Sposta o disdici").press("Enter")
    await visiting.tab.get_by_role("button", name="Disdici l'appuntamento").press("Enter")
    await visiting.tab.wait_for_selector("text=Appuntamento disdetto.")
    assert await visiting.tab.locator(".booked").count() == 0
    assert visiting.problems == []


async def test_who_comes_second_is_told(browser: Browser, today: Page, database: Database) -> None:
    """Two look at the same free start; one takes it by phone first."""
    now = datetime.now(UTC)
    booked, _ = await database.run(lambda: _furnish(now))
    visiting = await visit(browser, today, 360)
    await visiting.open(f"/agenda/appointment/{booked.id}")
    chosen = booked.start + timedelta(hours=1)

    def taken() -> None:
        made = bookings.propose(
            consultant_id=1, conversation="d", client_id=None, start=chosen, minutes=60, now=now
        )
        assert isinstance(made, Hold)

    await database.run(taken)
    await visiting.tab.get_by_label("Orari liberi").select_option(chosen.isoformat())
    await visiting.tab.get_by_role("button", name="Sposta a quest'ora").click()
    await visiting.tab.wait_for_selector("text=appena stato preso")
    assert await visiting.serious() == []
    await visiting.picture("agenda-refused")


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_hours_and_exceptions(
    browser: Browser, today: Page, database: Database, width: int, scheme: Scheme
) -> None:
    await database.run(lambda: people.add_consultant("Marco Rossi"))
    visiting = await visit(browser, today, width, scheme)
    await visiting.open("/agenda/orari")
    await visiting.tab.get_by_label("Sabato").fill("09:30-12:30")
    await visiting.tab.get_by_label("Domenica").fill("boh")
    await visiting.tab.get_by_role("button", name="Salva").press("Enter")
    await visiting.tab.wait_for_selector("text=Orari non validi")
    assert await visiting.tab.get_by_label("Sabato").input_value() == "09:30-12:30"
    assert await visiting.serious() == []
    await visiting.tab.get_by_label("Domenica").fill("")
    await visiting.tab.get_by_role("button", name="Salva").press("Enter")
    await visiting.tab.wait_for_selector("text=Salvato.")
    await visiting.tab.get_by_label("Dal giorno").fill(
        (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    )
    await visiting.tab.get_by_label("Nota", exact=True).fill("corso")
    await visiting.tab.get_by_role("button", name="Aggiungi").press("Enter")
    await visiting.tab.wait_for_selector(".entry >> text=corso")
    assert await visiting.sticking_out() == []
    assert await visiting.serious() == []
    await visiting.picture(f"opening-{width}-{scheme}")
    await visiting.tab.get_by_role("button", name="Togli").press("Enter")
    await visiting.tab.wait_for_selector("text=Nessuna eccezione")
    assert [each for each in visiting.problems if "400" not in each] == []
