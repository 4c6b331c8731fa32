"""Signing in as people do it, in a real Chromium: the first link, wrong passwords, one's account, and over TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from playwright.async_api import Browser

from storage import users
from storage.database import Database
from storage.users import Role
from tests.transport.console.chromium import Scheme, started, visit
from tests.transport.console.conftest import NOW, Page
from transport.clock import SystemClock
from transport.console.first_access import first_path
from transport.console.passwords import Passwords
from transport.console.routes import add_console
from transport.console.sessions import Sessions
from transport.console.settings import ConsoleSettings
from transport.console.sign_in import SignIn

pytestmark = pytest.mark.timeout(90)

PASSWORD = "tre mele rosse al sole"
PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def console(database: Database, settings: ConsoleSettings) -> web.Application:
    app = web.Application()
    sign_in = SignIn(Sessions(database, SystemClock(), settings), PASSWORDS)
    add_console(app, database, sign_in, settings=settings)
    return app


@pytest.fixture
async def page(database: Database) -> AsyncIterator[Page]:
    app = console(database, ConsoleSettings(free_tries=2))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with started(chromium) as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
async def test_from_the_first_link_to_a_locked_door(
    browser: Browser, page: Page, database: Database, width: int, scheme: Scheme
) -> None:
    path = await database.run(lambda: first_path(ConsoleSettings(), now=SystemClock().now()))
    assert path is not None
    visiting = await visit(browser, page, width, scheme)
    tab, found = visiting.tab, list[str]()

    async def look(name: str) -> None:
        assert await visiting.sticking_out() == []
        found.extend(await visiting.serious())
        await visiting.picture(f"{name}-{width}-{scheme}")

    assert "users add" in await visiting.open("/accedi")
    await look("nobody-yet")
    await visiting.open(path)
    await look("first-link")
    await tab.get_by_label("Nome").fill("Ada")
    await tab.get_by_label("Password", exact=True).fill("corta")
    await tab.get_by_label("La stessa password, ancora").fill("corta")
    await tab.keyboard.press("Enter")
    assert "troppo corta" in await tab.inner_text("[role=alert]")
    await look("too-short")
    assert await tab.input_value("#nome") == "Ada"
    await tab.get_by_label("Password", exact=True).fill(PASSWORD)
    await tab.get_by_label("La stessa password, ancora").fill(PASSWORD)
    await tab.get_by_role("button", name="Crea e accedi").click()
    await tab.wait_for_selector(".me")

    elsewhere = await visit(browser, page, width)
    for said in ("non corretti", "non corretti", "Riprova tra"):
        await elsewhere.open("/accedi")
        await elsewhere.tab.get_by_label("Nome").fill("ada")
        await elsewhere.tab.get_by_label("Password").fill("sbagliata davvero")
        await elsewhere.tab.keyboard.press("Enter")
        assert said in await elsewhere.tab.inner_text("[role=alert]")
    assert await elsewhere.serious() == []

    # At her own desk she signs out and in again all the same.
    await tab.get_by_role("button", name="Esci").click()
    await tab.wait_for_selector("#nome")
    await tab.get_by_label("Nome").fill("Ada")
    await tab.get_by_label("Password").fill(PASSWORD)
    await tab.keyboard.press("Enter")
    await tab.wait_for_selector(".me")

    await visiting.open("/account")
    await tab.get_by_label("Password attuale").fill(PASSWORD)
    await tab.get_by_label("Nuova password").fill("quattro pere verdi")
    await tab.get_by_label("La stessa password, ancora").fill("quattro pere verdi")
    await tab.get_by_role("button", name="Cambia la password").click()
    await tab.wait_for_selector("text=Password cambiata")
    await look("password-changed")
    assert found == []
    assert [problem for problem in visiting.problems if "422" not in problem] == []


async def test_the_focus_is_seen_and_the_order_is_that_of_the_page(browser: Browser, page: Page) -> None:
    visiting = await visit(browser, page, 360)
    await visiting.open("/accedi")
    order = []
    for _ in range(5):
        await visiting.tab.keyboard.press("Tab")
        order.append(
            await visiting.tab.evaluate(
                "document.activeElement.id || document.activeElement.textContent.trim()"
            )
        )
        style = "getComputedStyle(document.activeElement)"
        assert await visiting.tab.evaluate(f"{style}.outlineStyle") != "none"
    assert order == ["Vai al contenuto", "Prenotazioni al telefono", "nome", "password", "Accedi"]


@asynccontextmanager
async def by_tls(database: Database) -> AsyncIterator[str]:
    """The console as a proxy with TLS shows it; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    certificate, context = (
        trustme.CA().issue_cert("localhost"),
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
    )
    certificate.configure_cert(context)
    address = f"https://localhost:{port}"
    runner = web.AppRunner(console(database, ConsoleSettings(public_url=address)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield address
    finally:
        await runner.cleanup()


async def test_by_tls_the_cookies_hold(browser: Browser, database: Database) -> None:
    stored = PASSWORDS.hash(PASSWORD)
    await database.run(lambda: users.add("ada", stored, [Role.AMMINISTRATORE], now=NOW))
    async with by_tls(database) as address:
        context = await browser.new_context(ignore_https_errors=True)
        tab = await context.new_page()
        await tab.goto(f"{address}/chiamate")
        await tab.get_by_label("Nome").fill("ada")
        await tab.get_by_label("Password").fill(PASSWORD)
        await tab.keyboard.press("Enter")
        await tab.wait_for_selector(".me")
        cookies = {each["name"]: each for each in await context.cookies()}
        assert {"__Host-sessione", "__Host-noto"} <= set(cookies)
        assert all(
            each["secure"] and each["httpOnly"] and each["sameSite"] == "Lax" for each in cookies.values()
        )
        assert await tab.evaluate("document.cookie") == ""
        await tab.get_by_role("button", name="Esci").click()
        await tab.wait_for_selector("#nome")
        assert "__Host-sessione" not in {each["name"] for each in await context.cookies()}
