"""Visits of the pages in a real Chromium: what went wrong while looking, screenshots, and axe-core's findings."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Request, async_playwright
from playwright.async_api import Page as Tab

from tests.transport.console.conftest import Page

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
# Colours differ by scheme and places by width: two of the four show both of each.
WINDOWS: tuple[tuple[int, Scheme], ...] = ((360, "dark"), (1440, "light"))


@asynccontextmanager
async def started(chromium: str) -> AsyncIterator[Browser]:
    """A browser, as long as the block lasts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


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
        if request.failure != "net::ERR_ABORTED":  # what was under way when the page was left
            self.problems.append(f"{request.url}: {request.failure}")

    async def open(self, path: str) -> str:
        await self.tab.goto(str(self._page.make_url(path)))
        return await self.tab.inner_text("body")

    async def sticking_out(self) -> list[str]:
        """What sticks out at the right, as far as it makes the page wider than the window."""
        found: list[str] = await self.tab.evaluate(
            """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
            [...document.querySelectorAll("main *, header *")].filter(
              (each) => each.getBoundingClientRect().right > window.innerWidth
            ).map((each) => each.outerHTML.slice(0, 120))"""
        )
        return found

    async def picture(self, name: str) -> None:
        """Keep a screenshot where SCREENSHOTS names a folder."""
        if folder := os.environ.get("SCREENSHOTS"):
            await self.tab.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    async def serious(self) -> list[str]:
        """What axe-core finds serious or worse: the rule, and where."""
        found: Any = await Axe().run(self.tab)
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found.response["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


async def visit(
    browser: Browser, page: Page, width: int, scheme: Scheme = "light", *, scripts: bool = True
) -> Visit:
    """A new tab of this width; without `scripts` as in a browser that runs none."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
    )
    return Visit(await context.new_page(), page)
