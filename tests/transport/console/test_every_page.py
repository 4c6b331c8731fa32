"""Every page in a real Chromium, signed in as each role: what it shows, to whom it does not, that it fits, and that
axe finds nothing serious."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from playwright.async_api import Browser

from storage import rulesets, users
from storage.database import Database
from storage.users import Role
from tests.transport.console.chromium import WINDOWS, Scheme, Visit, started, visit
from tests.transport.console.conftest import NOW, Page
from tests.transport.console.pages import PAGES, Known
from tests.transport.console.test_rules_pages import EDITED, SHIPPED
from transport.clock import SystemClock
from transport.console.access import Needs, is_own_way, needs_of
from transport.console.passwords import Passwords
from transport.console.routes import add_console
from transport.console.sessions import Sessions
from transport.console.settings import ConsoleSettings
from transport.console.sign_in import SignIn

pytestmark = pytest.mark.timeout(120)

PASSWORD = "tre mele rosse al sole"


@dataclass(frozen=True)
class House:
    """The console with a user of each role, by its name; `ids` are of the seeded calls."""

    page: Page
    ids: dict[str, str]

    def path(self, known: Known) -> str:
        return known.path.format(**self.ids, nobody="x" * 43)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with started(chromium) as browser:
        yield browser


@pytest.fixture
async def house(database: Database, seeded: dict[str, str]) -> AsyncIterator[House]:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    def furnish() -> None:
        for minutes, (version, files) in enumerate((("a" * 64, SHIPPED), ("b" * 64, EDITED))):
            rulesets.put_in_force(version, files, now=NOW + timedelta(minutes=minutes), author="ada")
        for role in Role:
            users.add(role, passwords.hash(PASSWORD), [role], consultant_id=1, now=NOW)

    await database.run(furnish)
    app, sessions = web.Application(), Sessions(database, SystemClock(), ConsoleSettings())
    add_console(app, database, SignIn(sessions, passwords))
    async with TestClient(TestServer(app)) as page:
        yield House(page, seeded)


async def enter(visiting: Visit, role: Role) -> None:
    """Sign in by the keyboard alone."""
    await visiting.open("/accedi")
    await visiting.tab.focus("#nome")
    await visiting.tab.keyboard.type(role)
    await visiting.tab.keyboard.press("Tab")
    await visiting.tab.keyboard.type(PASSWORD)
    await visiting.tab.keyboard.press("Enter")
    await visiting.tab.wait_for_selector(".me")
    await visiting.tab.wait_for_load_state()  # what is still loading when one goes on counts as failed


async def faults(visiting: Visit, path: str) -> list[str]:
    """What is wrong with the page that is open: it sticks out, or axe finds something serious."""
    found = [f"{path}: sticks out sideways: {each}" for each in await visiting.sticking_out()]
    if await visiting.tab.evaluate("document.getAnimations().length"):
        found.append(f"{path}: something moves, also for who has asked for no motion")
    return found + [f"{path}: {each}" for each in await visiting.serious()]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("role", Role)
async def test_each_role_sees_what_is_theirs_and_only_that(
    browser: Browser, house: House, role: Role, width: int, scheme: Scheme
) -> None:
    visiting = await visit(browser, house.page, width, scheme)
    await enter(visiting, role)
    found: list[str] = []
    for known in PAGES:
        if not known.signed_in:
            continue
        path, seen = house.path(known), known.for_role(role)
        response = await visiting.tab.goto(str(house.page.make_url(path)))
        assert response is not None
        assert (path, response.status) == (path, 200 if seen else 403)
        assert (known.says if seen else "Non permesso") in await visiting.tab.inner_text("main")
        await visiting.picture(f"{role}-{path.strip('/').split('/')[0]}-{path.count('/')}-{width}-{scheme}")
        found += await faults(visiting, path)
    assert found == []
    assert [problem for problem in visiting.problems if "403" not in problem] == []


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
async def test_who_is_not_signed_in_sees_the_way_in_alone(
    browser: Browser, house: House, width: int, scheme: Scheme
) -> None:
    visiting = await visit(browser, house.page, width, scheme)
    found: list[str] = []
    for known in PAGES:
        path = house.path(known)
        text = await visiting.open(path)
        if known.signed_in:
            assert visiting.tab.url.partition("?")[0].endswith("/accedi")
        else:
            assert known.says in text
            await visiting.picture(f"out-{path.strip('/').split('/')[0]}-{width}-{scheme}")
            found += await faults(visiting, path)
    assert found == []


def test_no_page_is_forgotten_above(database: Database) -> None:
    """Each route that shows a page has its line in PAGES, with the roles that it declares."""
    app = web.Application()
    entrance: Any = SignIn(Sessions(database, SystemClock(), ConsoleSettings()))
    add_console(app, database, entrance)
    shown: dict[str, Needs] = {}
    for route in app.router.routes():
        needs, resource = needs_of(route.handler), route.resource
        if route.method == "GET" and needs is not None and resource is not None and not needs.live:
            shown[resource.canonical] = needs
    shown = {
        path: needs
        for path, needs in shown.items()
        if path not in ("/", "/static/{name}") and not is_own_way(path)
    }
    missing = [
        path
        for path, needs in shown.items()
        if not any(_fits(path, known.path) and _agrees(needs, known) for known in PAGES)
    ]
    assert missing == []


def _fits(canonical: str, path: str) -> bool:
    """Whether a page's address is one of the route's."""
    here, there = canonical.split("/"), path.split("/")
    return len(here) == len(there) and all(
        a == b or a.startswith("{") for a, b in zip(here, there, strict=True)
    )


def _agrees(needs: Needs, known: Known) -> bool:
    if needs.anybody:
        return not known.signed_in
    return all(known.for_role(role) is (role in needs.roles) for role in Role)


def test_a_line_with_other_roles_than_the_route_is_no_line_for_it() -> None:
    assert _fits("/chiamate/{id}", "/chiamate/x") and not _fits("/chiamate/{id}", "/chiamate")
    assert not _agrees(Needs(frozenset(Role)), PAGES[0])
