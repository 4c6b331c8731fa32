"""Signing in and out over the real entrance: passwords, sessions, waits after failures, the first link."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientResponse, DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from yarl import URL

from storage import people, users
from storage.database import Database
from storage.models import SignInTries, User, UserSession
from storage.users import Role
from tests.clocks import VirtualClock
from tests.transport.console.conftest import Page
from transport.console.first_access import first_path
from transport.console.passwords import Passwords, Weakness, weakness
from transport.console.routes import add_console
from transport.console.sessions import Sessions
from transport.console.settings import ConsoleSettings
from transport.console.sign_in import SignIn, _local

SECRET = "tre mele rosse al sole"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SETTINGS = ConsoleSettings(free_tries=3, longest_wait_minutes=2, idle_minutes=30, session_hours=2)


class House:
    """The pages with sign-in; each `browser` has its own cookies."""

    def __init__(self, database: Database, settings: ConsoleSettings) -> None:
        self.database, self.clock, self.settings = database, VirtualClock(), settings
        self.passwords = Passwords(QUICK)
        self.opened: list[Page] = []
        self.server: TestServer | None = None

    async def start(self) -> None:
        app = web.Application()
        sessions = Sessions(self.database, self.clock, self.settings)
        add_console(app, self.database, SignIn(sessions, self.passwords), settings=self.settings)
        self.server = TestServer(app)
        await self.server.start_server()

    def browser(self, address: str = "") -> Page:
        assert self.server is not None
        headers = {"X-Forwarded-For": address} if address else {}
        client: Page = TestClient(self.server, headers=headers)
        self.opened.append(client)
        return client

    async def add(self, name: str, *roles: Role, consultant: int | None = None) -> int:
        stored = self.passwords.hash(SECRET)
        work = lambda: users.add(  # noqa: E731 - one expression, run as a transaction
            name, stored, roles or [Role.AMMINISTRATORE], consultant_id=consultant, now=self.clock.now()
        )
        return (await self.database.run(work)).id


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    made = House(database, SETTINGS)
    await made.start()
    yield made
    for each in made.opened:
        await each.session.close()
    assert made.server is not None
    await made.server.close()


def origin(page: Page) -> dict[str, str]:
    return {"Origin": str(page.make_url("/")).rstrip("/")}


def token_of(text: str) -> str:
    found = re.search(r'name="modulo" value="([0-9a-f]{64})"', text)
    assert found is not None, text
    return found[1]


async def post(page: Page, shown: str, to: str, **fields: str) -> ClientResponse:
    """Fill in the form that `shown` has, and send it to `to`; redirects are not followed."""
    token = token_of(await (await page.get(shown)).text())
    return await page.post(to, data={"modulo": token, **fields}, headers=origin(page), allow_redirects=False)


async def sign_in(page: Page, name: str = "ada", password: str = SECRET, to: str = "/") -> ClientResponse:
    return await post(page, "/accedi", "/accedi", nome=name, password=password, poi=to)


async def inside(page: Page) -> bool:
    return (await page.get("/account", allow_redirects=False)).status == 200


# --- In and out ---------------------------------------------------------------------------------------------


async def test_in_to_where_one_wanted_and_out_again(house: House) -> None:
    await house.add("Ada")
    page = house.browser()
    asked = await page.get("/chiamate?prima=x", allow_redirects=False)
    answered = await sign_in(page, " ADA ", to=URL(asked.headers["Location"]).query["poi"])
    assert (answered.status, answered.headers["Location"]) == (303, "/chiamate?prima=x")
    assert await inside(page)
    assert (await page.get("/accedi", allow_redirects=False)).headers["Location"] == "/"
    cookies = dict(page.session.cookie_jar.filter_cookies(page.make_url("/")))
    left = await post(page, "/account", "/esci")
    assert (left.status, left.headers["Location"]) == (303, "/accedi")
    assert not await inside(page)
    page.session.cookie_jar.update_cookies(cookies, page.make_url("/"))
    assert not await inside(page), "a kept copy of the cookie opens nothing"


async def test_the_cookie_is_kept_from_scripts_and_the_store_knows_only_its_digest(
    house: House, database: Database
) -> None:
    await house.add("Ada")
    page = house.browser()
    answered = await sign_in(page)
    (cookie,) = [each for each in answered.headers.getall("Set-Cookie") if each.startswith("sessione=")]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie and "expires" not in cookie.lower() and "Max-Age" not in cookie
    key = cookie.partition("=")[2].partition(";")[0]
    (row,) = await database.run(lambda: list(UserSession.select().dicts()))
    assert len(key) == 43 and key not in str(row)
    (user,) = await database.run(lambda: list(User.select().dicts()))
    assert user["password"].startswith("$argon2id$") and SECRET not in str(user)


async def test_behind_tls_cookies_are_for_tls_and_this_host_alone(database: Database) -> None:
    house = House(database, ConsoleSettings(public_url="https://voce.example", hsts_days=3))
    await house.start()
    page = house.browser()
    shown = await page.get("/accedi")
    (cookie,) = shown.headers.getall("Set-Cookie")
    assert cookie.startswith("__Host-modulo=") and "Secure" in cookie
    assert shown.headers["Strict-Transport-Security"] == "max-age=259200"
    await page.session.close()
    assert house.server is not None
    await house.server.close()


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "tre mele rosse al sol"), ("bea", SECRET), ("", ""), ("ada", "x" * 5000), ("x" * 5000, SECRET)],
)
async def test_wrong_names_and_passwords_are_told_apart_by_nothing(
    house: House, name: str, password: str
) -> None:
    await house.add("Ada")
    page = house.browser()
    answered = await sign_in(page, name, password)
    assert answered.status == 401
    assert "Nome o password non corretti." in await answered.text()
    assert not await inside(page)


async def test_a_name_that_nobody_has_costs_a_hash_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.add("Ada")
    asked: list[str | None] = []
    check = house.passwords.check

    def watched(password: str, stored: str | None) -> bool:
        asked.append(stored)
        return check(password, stored)

    monkeypatch.setattr(house.passwords, "check", watched)
    await sign_in(house.browser(), "nobody")
    assert asked == [None]
    assert not house.passwords.check(SECRET, None)


async def test_signing_in_gives_another_session_and_ends_the_one_before(
    house: House, database: Database
) -> None:
    await house.add("Ada")
    await house.add("Bea", Role.ANALISTA)
    page = house.browser()
    await sign_in(page)
    before = page.session.cookie_jar.filter_cookies(page.make_url("/"))["sessione"].value
    token = token_of(await (await page.get("/account")).text())
    fields = {"nome": "bea", "password": SECRET, "modulo": token}
    answered = await page.post("/accedi", data=fields, headers=origin(page), allow_redirects=False)
    assert answered.status == 303
    after = page.session.cookie_jar.filter_cookies(page.make_url("/"))["sessione"].value
    assert before != after
    assert await database.run(UserSession.select().count) == 1
    assert "bea" in await (await page.get("/account")).text()
    stale = await page.post("/esci", data={"modulo": token}, headers=origin(page))
    assert stale.status == 403, "the forms of the session before act no more"


@pytest.mark.parametrize(
    ("pauses", "still"),
    [([29 * 60] * 3, True), ([31 * 60], False), ([25 * 60] * 5, False), ([119 * 60], False)],
)
async def test_a_session_ends_when_nobody_asks_and_after_a_time_in_any_case(
    house: House, pauses: list[int], still: bool
) -> None:
    await house.add("Ada")
    page = house.browser()
    await sign_in(page)
    for pause in pauses:
        await house.clock.advance(pause)
        found = await inside(page)
    assert found is still


async def test_a_page_that_asks_by_itself_does_not_keep_one_signed_in(house: House) -> None:
    await house.add("Ada")
    page = house.browser()
    await sign_in(page)
    for expected in (200, 200, 303):
        await house.clock.advance(14 * 60)
        by_script = {"Sec-Fetch-Mode": "cors"}
        answered = await page.get("/account", headers=by_script, allow_redirects=False)
        assert answered.status == expected


async def test_a_browser_may_send_bytes_that_are_no_text(house: House) -> None:
    user, page = await house.add("ada"), house.browser()
    token, url = token_of(await (await page.get("/accedi")).text()), page.make_url("/accedi")
    kept = page.session.cookie_jar.filter_cookies(url)["modulo"].value
    body = urlencode({"modulo": token, "nome": "ada", "password": SECRET}).encode()
    lines = [
        b"POST /accedi HTTP/1.1",
        b"Host: %b" % url.authority.encode(),
        b"Origin: %b" % origin(page)["Origin"].encode(),
        b"User-Agent: Own\xff/1",
        b"Cookie: modulo=%b; noto=%d.\xff.0" % (kept.encode(), user),
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(body),
    ]
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"\r\n".join([*lines, b"", body]))
    assert b" 303 " in await reader.readline()
    writer.close()
    (session,) = await house.database.run(lambda: list(UserSession.select()))
    assert session.browser == "Own?/1"


async def test_a_disabled_user_is_out_at_once_and_stays_out(house: House, database: Database) -> None:
    await house.add("Ada")
    await house.add("Bea", Role.REVISORE)
    page = house.browser()
    await sign_in(page, "bea")
    assert await inside(page)
    await database.run(lambda: users.disable("bea", now=house.clock.now()))
    assert not await inside(page)
    assert (await sign_in(house.browser(), "bea")).status == 401
    await database.run(lambda: users.enable("bea"))
    assert (await sign_in(house.browser(), "bea")).status == 303


async def test_an_old_hash_is_made_anew(house: House, database: Database) -> None:
    await house.add("Ada")
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(SECRET)
    await database.run(lambda: User.update(password=old).execute())
    assert (await sign_in(house.browser())).status == 303
    (user,) = await database.run(users.users)
    assert user.password != old and not house.passwords.is_dated(user.password)
    assert (await sign_in(house.browser())).status == 303


@pytest.mark.parametrize(
    ("to", "led"),
    [
        ("/chiamate?a=b", "/chiamate?a=b"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("chiamate", "/"),
        ("/\n/evil.example", "/"),
        ("", "/"),
        ("/accedi?poi=/x", "/"),
    ],
)
def test_one_is_led_to_pages_of_ours_only(to: str, led: str) -> None:
    assert str(_local(to)) == led


# --- Guessing -----------------------------------------------------------------------------------------------


@pytest.fixture
async def behind_proxy(database: Database) -> AsyncIterator[House]:
    """Browsers come from the address they are opened with."""
    made = House(database, SETTINGS.model_copy(update={"proxies": "127.0.0.1"}))
    await made.start()
    yield made
    for each in made.opened:
        await each.session.close()
    assert made.server is not None
    await made.server.close()


async def test_after_a_few_wrong_ones_the_right_one_waits_too_each_time_longer(behind_proxy: House) -> None:
    house = behind_proxy
    await house.add("Ada")
    page = house.browser("192.0.2.1")
    assert [(await sign_in(page, password="no no no no")).status for _ in range(3)] == [401] * 3
    for wait in (5, 10, 20, 40, 80, 120, 120):
        for address in ("192.0.2.1", "192.0.2.99"):
            refused = await sign_in(house.browser(address))
            assert (refused.status, refused.headers["Retry-After"]) == (429, str(wait))
        await house.clock.advance(wait)
        assert (await sign_in(page, password="no no no no")).status == 401
    await house.clock.advance(120)
    assert (await sign_in(page)).status == 303
    assert (await sign_in(house.browser("192.0.2.1"), password="no no no no")).status == 401, "forgotten"


async def test_who_is_hammered_at_from_elsewhere_still_gets_in_at_their_own_desk(behind_proxy: House) -> None:
    house = behind_proxy
    await house.add("Ada")
    desk = house.browser("192.0.2.1")
    assert (await sign_in(desk)).status == 303
    await post(desk, "/account", "/esci")
    for _ in range(20):
        await sign_in(house.browser("198.51.100.7"), password="no no no no")
    assert (await sign_in(house.browser("203.0.113.1"))).status == 429
    assert (await sign_in(desk)).status == 303
    await post(desk, "/account", "/esci")
    assert [(await sign_in(desk, password="no no no no")).status for _ in range(4)] == [401] * 3 + [429]


async def test_a_browser_known_for_one_user_is_not_known_for_another(behind_proxy: House) -> None:
    house = behind_proxy
    await house.add("Ada")
    await house.add("Bea", Role.REVISORE)
    page = house.browser("192.0.2.1")
    await sign_in(page, "bea")
    await post(page, "/account", "/esci")
    for _ in range(3):
        await sign_in(house.browser("198.51.100.7"), password="no no no no")
    assert (await sign_in(page, "ada")).status == 429
    kept = page.session.cookie_jar.filter_cookies(page.make_url("/"))["noto"].value
    forged = kept.replace("2.", "1.", 1)
    page.session.cookie_jar.update_cookies({"noto": forged}, page.make_url("/"))
    assert (await sign_in(page, "ada")).status == 429


async def test_one_place_that_tries_many_names_waits(behind_proxy: House) -> None:
    house = behind_proxy
    await house.add("Ada")
    page = house.browser("192.0.2.1")
    assert {(await sign_in(page, f"nome {count}")).status for count in range(12)} == {401}
    assert (await sign_in(page)).status == 429
    assert (await sign_in(house.browser("192.0.2.2"))).status == 303
    inside_net = house.browser("2001:db8::1")
    for count in range(12):
        await sign_in(inside_net, f"altro {count}")
    assert (await sign_in(house.browser("2001:db8::ffff"))).status == 429


async def test_signing_in_between_does_not_make_a_place_forgotten(behind_proxy: House) -> None:
    house = behind_proxy
    await house.add("Ada")
    for count in range(11):
        await sign_in(house.browser("192.0.2.1"), f"nome {count}")
    assert (await sign_in(house.browser("192.0.2.1"))).status == 303
    assert (await sign_in(house.browser("192.0.2.1"), "altro")).status == 401
    assert (await sign_in(house.browser("192.0.2.1"), "altro ancora")).status == 429


async def test_who_may_not_be_believed_cannot_say_where_they_are(house: House, database: Database) -> None:
    await house.add("Ada")
    await sign_in(house.browser("192.0.2.1"))
    (row,) = await database.run(lambda: list(UserSession.select().dicts()))
    assert row["address"] == "127.0.0.1"


async def test_the_store_tells_neither_names_nor_places_that_failed(house: House, database: Database) -> None:
    await house.add("Ada")
    await sign_in(house.browser(), "la mia password")
    rows = await database.run(lambda: list(SignInTries.select().dicts()))
    assert len(rows) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", row["subject"]) for row in rows)


async def test_a_crowd_is_sent_away_and_not_counted(
    house: House, database: Database, monkeypatch: Any
) -> None:
    await house.add("Ada")
    monkeypatch.setattr("transport.console.passwords._MOST_WAITING", 0)
    answered = await sign_in(house.browser())
    assert (answered.status, answered.headers["Retry-After"]) == (503, "5")
    assert {row["failures"] for row in await database.run(lambda: list(SignInTries.select().dicts()))} == {0}


# --- The first user -----------------------------------------------------------------------------------------


async def _link(house: House) -> str:
    link = await house.database.run(lambda: first_path(house.settings, now=house.clock.now()))
    assert link is not None
    return link


async def test_the_first_link_makes_who_administers_once(house: House, database: Database) -> None:
    link, other = await _link(house), await _link(house)
    page = house.browser()
    assert "main.py users add" in await (await page.get("/accedi")).text()
    given = {"nome": "Ada", "password": SECRET, "ancora": SECRET}
    answered = await post(page, link, link, **given)
    assert (answered.status, answered.headers["Location"]) == (303, "/")
    assert await inside(page)
    assert "noto" in page.session.cookie_jar.filter_cookies(page.make_url("/")), "known from now on"
    (user,) = await database.run(users.users)
    assert (user.name, user.roles) == ("ada", {Role.AMMINISTRATORE})
    late = house.browser()
    for used in (link, other):
        assert (await late.get(used)).status == 404
        token = token_of(await (await late.get("/accedi")).text())
        again = await late.post(used, data={"modulo": token, **given}, headers=origin(late))
        assert again.status == 404
    assert await database.run(lambda: first_path(house.settings, now=house.clock.now())) is None
    assert (await sign_in(late)).status == 303


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "corta", "ancora": "corta"}, "troppo corta"),
        ({"ancora": SECRET + "!"}, "non sono uguali"),
        ({"nome": ""}, "non si può usare"),
        ({"password": "a" * 20, "ancora": "a" * 20}, "troppo semplice"),
    ],
)
async def test_a_mistake_leaves_the_link_as_it_was(house: House, changed: dict[str, str], said: str) -> None:
    link, page = await _link(house), house.browser()
    given = {"nome": "Ada", "password": SECRET, "ancora": SECRET}
    answered = await post(page, link, link, **{**given, **changed})
    assert answered.status == 422
    text = await answered.text()
    assert said in text and SECRET not in text
    assert (await post(page, link, link, **given)).status == 303


async def test_the_first_link_holds_for_minutes_and_a_guessed_one_never(house: House) -> None:
    link, page = await _link(house), house.browser()
    assert (await page.get("/primo-accesso/" + "x" * 43)).status == 404
    assert (await page.get(link)).status == 200
    await house.clock.advance(15 * 60)
    assert (await page.get(link)).status == 404


async def test_who_guesses_a_first_link_costs_no_hash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    hash_of = house.passwords.hash

    def watched(password: str) -> str:
        hashed.append(password)
        return hash_of(password)

    monkeypatch.setattr(house.passwords, "hash", watched)
    link, page = await _link(house), house.browser()
    given = {"nome": "Ada", "password": SECRET, "ancora": SECRET}
    assert (await post(page, link, "/primo-accesso/" + "x" * 43, **given)).status == 404
    assert hashed == []
    assert (await post(page, link, link, **given)).status == 303
    assert hashed == [SECRET]


# --- One's own account --------------------------------------------------------------------------------------


async def test_sessions_are_listed_and_ended(house: House, database: Database) -> None:
    await house.add("Ada")
    bea = await house.add("Bea", Role.ANALISTA)
    here, there, third = house.browser(), house.browser(), house.browser()
    await sign_in(here)
    there.session.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0"
    await sign_in(there)
    await sign_in(third, "bea")
    text = await (await here.get("/account")).text()
    assert text.count('action="/account/sessioni/') == 1
    assert "Firefox, Linux" in text and "questa sessione" in text
    (hers,) = await database.run(
        lambda: [row.id for row in UserSession.select().where(UserSession.user == bea)]
    )
    await post(here, "/account", f"/account/sessioni/{hers}")
    assert await inside(third), "nobody ends another's"
    found = re.search(r"/account/sessioni/(\d+)", text)
    assert found is not None
    assert (await post(here, "/account", found[0])).status == 303
    assert not await inside(there)
    for browser in (there, house.browser()):
        await sign_in(browser)
    await post(here, "/account", "/account/sessioni")
    assert [await inside(each) for each in (here, there, third)] == [True, False, True]


async def test_a_new_password_ends_all_other_sessions_and_renews_this_one(house: House) -> None:
    await house.add("Ada")
    here, there = house.browser(), house.browser()
    await sign_in(here)
    await sign_in(there)
    before = here.session.cookie_jar.filter_cookies(here.make_url("/"))["sessione"].value
    new = "quattro pere verdi"
    wrong = await post(here, "/account", "/account/password", attuale="no", password=new, ancora=new)
    assert wrong.status == 422 and "attuale non è corretta" in await wrong.text()
    done = await post(here, "/account", "/account/password", attuale=SECRET, password=new, ancora=new)
    assert done.status == 303
    assert "Password cambiata" in await (await here.get(done.headers["Location"])).text()
    assert here.session.cookie_jar.filter_cookies(here.make_url("/"))["sessione"].value != before
    assert not await inside(there)
    assert (await sign_in(there)).status == 401
    assert (await sign_in(there, password=new)).status == 303


async def test_an_open_browser_is_no_place_to_guess_the_password(house: House) -> None:
    await house.add("Ada")
    page = house.browser()
    await sign_in(page)
    given = {"password": "quattro pere verdi", "ancora": "quattro pere verdi"}
    for _ in range(3):
        assert (await post(page, "/account", "/account/password", attuale="no", **given)).status == 422
    refused = await post(page, "/account", "/account/password", attuale=SECRET, **given)
    assert "Troppi tentativi" in await refused.text()


async def test_without_a_session_nothing_is_done(house: House) -> None:
    await house.add("Ada")
    page = house.browser()
    token = token_of(await (await page.get("/accedi")).text())
    for path in ("/esci", "/account/sessioni", "/account/password"):
        answered = await page.post(path, data={"modulo": token}, headers=origin(page))
        assert answered.status == 401
        assert "Sessione finita" in await answered.text()


async def test_without_cookies_nobody_signs_in(house: House) -> None:
    await house.add("Ada")
    assert house.server is not None
    async with TestClient(house.server, cookie_jar=DummyCookieJar()) as page:
        assert (await sign_in(page)).status == 403


@pytest.mark.parametrize("role", Role)
async def test_each_role_signs_in_to_its_first_page(house: House, database: Database, role: Role) -> None:
    marco = await database.run(lambda: people.add_consultant("Marco Rossi"))
    await house.add("Ada", role, consultant=marco)
    page = house.browser()
    await sign_in(page)
    assert (await page.get("/")).status == 200
    assert "Marco Rossi" in await (await page.get("/account")).text()


@pytest.mark.parametrize(
    ("password", "name", "weak"),
    [
        ("tre mele ros", "ada", None),
        ("tre mele ro", "ada", Weakness.TOO_SHORT),
        ("x" * 201, "ada", Weakness.TOO_LONG),
        ("abababababababab", "ada", Weakness.TOO_PLAIN),
        ("Maria.Rossi.1234", "maria.rossi", Weakness.LIKE_THE_NAME),
        ("mariarossi e le sue mele", "mariarossi", None),
        ("ﬁﬁﬁﬁﬁﬁ mele", "ada", None),
    ],
)
def test_passwords_that_are_too_easy(password: str, name: str, weak: Weakness | None) -> None:
    assert weakness(password, name) is weak


def test_the_same_password_from_another_keyboard() -> None:
    passwords = Passwords(QUICK)
    composed, apart = "perché no, perché sì", "perche\u0301 no, perche\u0301 si\u0300"
    assert composed != apart
    assert passwords.check(apart, passwords.hash(composed))
    assert not passwords.check(composed, "no hash at all")


def test_idle_and_longest_are_settings() -> None:
    assert (SETTINGS.idle, SETTINGS.longest) == (timedelta(minutes=30), timedelta(hours=2))
