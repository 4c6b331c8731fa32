"""The pages in a real Chromium: with and without calls, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser

from storage import calls, journal
from storage.database import Database
from tests.transport.console.chromium import WINDOWS, Scheme, started, visit
from tests.transport.console.conftest import HOSTILE, NOW, SLOT, Page, Spoken, book

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with started(chromium) as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_with_calls(
    browser: Browser, page: Page, seeded: dict[str, str], width: int, scheme: Scheme
) -> None:
    visiting = await visit(browser, page, width, scheme)
    text = await visiting.open("/")
    assert "Appuntamento Creato → Lun 16 feb alle 10:00" in text
    assert "nessun appuntamento" in text
    assert await visiting.sticking_out() == []
    await visiting.tab.click("summary")
    assert await visiting.sticking_out() == []
    assert await visiting.serious() == []
    await visiting.picture(f"list-{width}-{scheme}")

    await visiting.tab.click(f'a[href="/chiamate/{seeded["booked"]}"]')
    text = await visiting.tab.inner_text("main")
    assert HOSTILE in text
    assert "alle 10, confermi?" in text
    assert "nessun intento → raccolta dati" in text
    assert await visiting.sticking_out() == []
    words, moves = [
        await visiting.tab.locator(f"section[aria-labelledby={name}]").bounding_box()
        for name in ("trascrizione", "passaggi")
    ]
    assert words is not None
    assert moves is not None
    assert (words["y"] == moves["y"]) is (width > 960), "side by side where there is room"
    assert await visiting.serious() == []
    await visiting.picture(f"call-{width}-{scheme}")
    assert visiting.problems == []


@pytest.mark.parametrize("width", [360, 1440])
async def test_without_calls(browser: Browser, page: Page, width: int) -> None:
    visiting = await visit(browser, page, width)
    assert "Ancora nessuna chiamata" in await visiting.open("/chiamate")
    assert await visiting.sticking_out() == []
    await visiting.picture(f"empty-{width}")
    assert visiting.problems == []


LATER = NOW + timedelta(hours=7, seconds=20)


def _said(call_id: str, number: int, speaker: str, text: str) -> None:
    calls.record_turns(call_id, [Spoken(number, speaker, text, LATER + timedelta(seconds=number))])


def _ended(call_id: str) -> None:
    """The yes and the end, as another server would write them."""
    book(call_id, 1, SLOT + timedelta(days=2), client=1)
    entry = {"event": "successo", "from": "confermato", "to": "completato", "rule": "motore", "notices": []}
    journal.append({"call_id": call_id, "analysis": 1, **entry}, recorded_at=LATER)
    calls.finish_call(call_id, now=LATER + timedelta(minutes=1), reason="hangup")


async def test_a_live_call_is_watched_to_its_badge(
    browser: Browser, page: Page, database: Database, seeded: dict[str, str]
) -> None:
    call_id = seeded["running"]
    watching, listing = await visit(browser, page, 1440), await visit(browser, page, 360)
    assert "nessun appuntamento" in await watching.open(f"/chiamate/{call_id}")
    await listing.open("/chiamate")
    await watching.tab.wait_for_selector("text=In diretta")
    await database.run(lambda: _said(call_id, 1, "caller", "Vorrei mercoledì alle 10"))
    await watching.tab.wait_for_selector("mark.as-date >> text=mercoledì")
    await watching.tab.focus("a[href='/chiamate']")
    await database.run(lambda: _said(call_id, 2, "assistant", "Mercoledì 18 febbraio alle 10, confermi?"))
    await watching.tab.wait_for_selector("#battuta-2")
    await watching.picture("live-going-on")
    await database.run(lambda: _ended(call_id))
    badge = "text=Appuntamento Creato → Mer 18 feb alle 10:00"
    await watching.tab.wait_for_selector(badge)
    await watching.tab.wait_for_selector("text=La chiamata è finita")
    assert "in corso" not in await watching.tab.inner_text("#testa")
    assert "1 successo" in await watching.tab.inner_text(".way")
    await listing.tab.wait_for_selector(f"a[href='/chiamate/{call_id}'] ~ .badges >> {badge}")
    assert await watching.serious() == []
    assert watching.problems == listing.problems == []


async def test_without_scripts_a_reload_shows_what_is_new(
    browser: Browser, page: Page, database: Database, seeded: dict[str, str]
) -> None:
    call_id = seeded["running"]
    visiting = await visit(browser, page, 360, scripts=False)
    assert "ricaricala per vedere le novità" in await visiting.open(f"/chiamate/{call_id}")
    await database.run(lambda: _ended(call_id))
    assert "Appuntamento Creato" in await visiting.open(f"/chiamate/{call_id}")


async def test_a_callback_is_ticked_off_by_keyboard(
    browser: Browser, page: Page, seeded: dict[str, str]
) -> None:
    visiting = await visit(browser, page, 360)
    await visiting.open(f"/chiamate/{seeded['none']}")
    assert await visiting.serious() == []
    await visiting.picture("callback")
    button = visiting.tab.get_by_role("button", name="Segna come richiamata")
    await button.focus()
    await visiting.tab.keyboard.press("Enter")
    await visiting.tab.wait_for_selector("text=Richiamata segnata da Vera")
    assert visiting.problems == []


async def test_filters_by_keyboard(browser: Browser, page: Page, seeded: dict[str, str]) -> None:
    visiting = await visit(browser, page, 360)
    await visiting.open("/chiamate")
    await visiting.tab.focus("summary")
    await visiting.tab.keyboard.press("Enter")
    await visiting.tab.get_by_label("Numero").fill("333 1234567")
    await visiting.tab.keyboard.press("Enter")
    await visiting.tab.wait_for_selector("text=Togli i filtri")
    assert await visiting.tab.locator(".call").count() == 1
    assert await visiting.sticking_out() == []
    assert visiting.problems == []


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_the_figures_of_a_week(
    browser: Browser, page: Page, seeded: dict[str, str], width: int, scheme: Scheme
) -> None:
    visiting = await visit(browser, page, width, scheme)
    await visiting.open("/cruscotto?giorni=7")
    assert await visiting.sticking_out() == []
    assert await visiting.serious() == []
    await visiting.picture(f"cruscotto-{width}-{scheme}")
    assert visiting.problems == []
