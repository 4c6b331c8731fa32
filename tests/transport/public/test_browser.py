"""The public page in a real Chromium: by phone and desktop, light and dark, with the keyboard alone, without scripts,
and two browsers on one slot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from storage.database import Database
from tests.engine.written import Hands
from tests.transport.console.chromium import WINDOWS, Scheme, started
from tests.transport.public.desk import Site, address, in_force

pytestmark = pytest.mark.timeout(90)

PAGE = "/prenota/1"


@pytest.fixture
async def chrome(chromium: str) -> AsyncIterator[Browser]:
    async with started(chromium) as opened:
        yield opened


async def opened(
    chrome: Browser, server: Site, width: int = 360, scheme: Scheme = "light", scripts: bool = True
) -> tuple[Page, list[str]]:
    """A browser of its own on the page; what goes wrong in it."""
    context = await chrome.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme, java_script_enabled=scripts
    )
    tab, problems = await context.new_page(), list[str]()
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("requestfailed", lambda request: problems.append(request.url))
    await tab.goto(address(server, PAGE))
    return tab, problems


async def looks_right(tab: Page, name: str) -> None:
    """Nothing sticks out sideways, axe finds nothing serious, and what is pressed is large enough for a thumb."""
    assert await tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = (await Axe().run(tab)).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    for button in await tab.locator("button").all():
        box = await button.bounding_box()
        assert box is not None and box["height"] >= 44
    if folder := os.environ.get("SCREENSHOTS"):
        await tab.screenshot(path=Path(folder) / f"public-{name}.png", full_page=True)


async def fill(tab: Page, *, phone: str = "333 123 45 67") -> None:
    await tab.get_by_label("Nome e cognome").fill("Lia Bianchi")
    await tab.get_by_label("Telefono").fill(phone)
    await tab.get_by_label("Email").fill("lia@example.com")


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_somebody_books(
    chrome: Browser, server: Site, database: Database, width: int, scheme: Scheme
) -> None:
    tab, problems = await opened(chrome, server, width, scheme)
    await looks_right(tab, f"slots-{width}-{scheme}")
    await tab.get_by_role("button", name="Mercoledì 11 febbraio alle 15:00").click()
    assert await tab.get_by_role("timer").inner_text() in ("15:00", "14:59", "14:58", "14:57")
    await looks_right(tab, f"form-{width}-{scheme}")
    await fill(tab, phone="12")
    await tab.get_by_role("button", name="Conferma l'appuntamento").click()
    wrong = tab.get_by_label("Telefono")
    assert await wrong.get_attribute("aria-invalid") == "true"
    assert await wrong.evaluate("field => field === document.activeElement")
    await looks_right(tab, f"wrong-{width}-{scheme}")
    assert problems.pop().startswith("Failed to load resource: the server responded with a status of 422")
    await wrong.fill("333 123 45 67")
    await tab.get_by_role("button", name="Conferma l'appuntamento").click()
    assert await tab.locator("h1").inner_text() == "Appuntamento prenotato"
    await looks_right(tab, f"done-{width}-{scheme}")
    assert problems == []  # asked here, since a download counts as a page that was not loaded
    async with tab.expect_download() as download:
        await tab.get_by_role("link", name="Salva nel calendario").click()
    assert (await download.value).suggested_filename == "appuntamento.ics"
    assert [each.phone for each in in_force(database)] == ["+393331234567"]


async def test_without_scripts_it_works_too(chrome: Browser, server: Site, database: Database) -> None:
    tab, problems = await opened(chrome, server, scripts=False)
    await tab.get_by_role("button", name="Mercoledì 11 febbraio alle 15:00").click()
    assert "fino alle 09:45" in await tab.inner_text("main")
    assert not await tab.get_by_role("timer").is_visible()
    await fill(tab)
    await tab.get_by_role("button", name="Conferma l'appuntamento").click()
    assert await tab.locator("h1").inner_text() == "Appuntamento prenotato"
    assert len(in_force(database)) == 1 and problems == []


async def test_with_the_keyboard_alone(chrome: Browser, server: Site, database: Database) -> None:
    tab, _ = await opened(chrome, server, 1440)
    await tab.keyboard.press("Tab")
    assert await tab.locator(":focus").inner_text() == "Vai al contenuto"
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")  # the first slot
    await tab.wait_for_url("**/dati")
    await tab.keyboard.press("Tab")
    for text in ("Lia Bianchi", "3331234567", "lia@example.com", "", "\n"):
        await tab.keyboard.press("Tab")
        await (tab.keyboard.press("Enter") if text == "\n" else tab.keyboard.type(text))
    await tab.wait_for_url("**/fatto")
    assert len(in_force(database)) == 1


async def test_two_browsers_on_one_slot(chrome: Browser, server: Site, database: Database) -> None:
    tabs = [(await opened(chrome, server, width))[0] for width in (360, 1440)]
    await asyncio.gather(
        *(tab.get_by_role("button", name="Mercoledì 11 febbraio alle 15:00").click() for tab in tabs)
    )
    for tab in tabs:
        await tab.wait_for_url(lambda url: url.endswith("/dati") or "avviso" in url)
    first, second = sorted(tabs, key=lambda tab: "avviso" in tab.url)
    assert first.url.endswith("/dati") and second.url.endswith("avviso=occupato")
    assert "appena stato preso" in await second.get_by_role("status").inner_text()
    await looks_right(second, "taken-1440")
    assert await second.get_by_role("button", name="Mercoledì 11 febbraio alle 15:00").count() == 0
    await fill(first)
    await first.get_by_role("button", name="Conferma l'appuntamento").click()
    await first.wait_for_url("**/fatto")
    assert len(in_force(database)) == 1


async def test_when_the_time_is_over_the_page_says_so(chrome: Browser, server: Site, clock: Hands) -> None:
    tab, _ = await opened(chrome, server)
    await tab.get_by_role("button", name="Mercoledì 11 febbraio alle 15:00").click()
    await clock.sleep(898)  # two seconds are left
    await tab.reload()
    await clock.sleep(5)
    await tab.wait_for_url("**avviso=scaduto")
    assert "scaduto" in await tab.get_by_role("status").inner_text()
