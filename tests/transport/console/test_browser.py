"""The pages in a real Chromium: with and without calls, narrow and wide, light and dark."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Request, async_playwright
from playwright.async_api import Page as Tab

from tests.transport.console.conftest import HOSTILE, Page

pytestmark = pytest.mark.timeout(60)

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Scheme = Literal["light", "dark"]


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        await started.close()


class Visit:
    """One visit of the pages: `problems` are console errors, refused requests and script errors."""

    def __init__(self, tab: Tab, page: Page) -> None:
        self.tab = tab
        self.problems: list[str] = []
        self._page = page
        tab.on("console", lambda message: self.problems.append(message.text))
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        tab.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        if not request.url.endswith("/diretta"):  # which ends when the page is left
            self.problems.append(request.url)

    async def open(self, path: str) -> str:
        await self.tab.goto(str(self._page.make_url(path)))
        return await self.tab.inner_text("body")

    async def fits(self) -> bool:
        """Whether nothing sticks out sideways."""
        return bool(await self.tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

    async def picture(self, name: str) -> None:
        """Keep a screenshot where SCREENSHOTS names a folder."""
        if folder := os.environ.get("SCREENSHOTS"):
            await self.tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def visit(browser: Browser, page: Page, width: int, scheme: Scheme = "light") -> Visit:
    tab = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    return Visit(tab, page)


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (1440, "light"), (360, "dark"), (1440, "dark")]
)
async def test_with_calls(
    browser: Browser, page: Page, seeded: dict[str, str], width: int, scheme: Scheme
) -> None:
    visiting = await visit(browser, page, width, scheme)
    text = await visiting.open("/")
    assert "Appuntamento Creato → Lun 16 feb alle 10:00" in text
    assert "nessun appuntamento" in text
    assert await visiting.fits()
    await visiting.picture(f"list-{width}-{scheme}")

    await visiting.tab.click(f'a[href="/chiamate/{seeded["booked"]}"]')
    text = await visiting.tab.inner_text("main")
    assert HOSTILE in text
    assert "alle 10, confermi?" in text
    assert "nessun intento → raccolta dati" in text
    assert await visiting.fits()
    words, moves = [
        await visiting.tab.locator(f"section[aria-labelledby={name}]").bounding_box()
        for name in ("trascrizione", "passaggi")
    ]
    assert words is not None
    assert moves is not None
    assert (words["y"] == moves["y"]) is (width > 960), "side by side where there is room"
    await visiting.picture(f"call-{width}-{scheme}")
    assert visiting.problems == []


@pytest.mark.parametrize("width", [360, 1440])
async def test_without_calls(browser: Browser, page: Page, width: int) -> None:
    visiting = await visit(browser, page, width)
    assert "Ancora nessuna chiamata" in await visiting.open("/chiamate")
    assert await visiting.fits()
    await visiting.picture(f"empty-{width}")
    assert visiting.problems == []
