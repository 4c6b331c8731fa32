"""The gate: what declares nothing is refused, each role gets what is theirs, and only our own forms act."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import FormData, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from yarl import URL

from storage import calls, people
from storage.database import Database
from storage.errors import StoreUnavailable
from tests.transport.console.conftest import ADMIN, NOW, Page, PageAs, Somebody, post, viewer
from tests.transport.test_door import answer
from transport.clock import SystemClock
from transport.console import forms
from transport.console.access import VIEWER, Role, Viewer, anybody, is_own_way, needs_of, requires
from transport.console.gate import Entrance
from transport.console.open_door import OpenDoor
from transport.console.routes import add_console
from transport.console.same_origin import is_from_here
from transport.console.sections import SECTIONS, sections_of
from transport.console.settings import ConsoleSettings
from transport.server import Parts, init_app

OWN = viewer(Role.CONSULENTE, consultant=1)


def test_every_route_of_the_server_declares_who_may_use_it(database: Database) -> None:
    app = init_app(
        Parts(answer, SystemClock(), pages=lambda app: add_console(app, database, Somebody(ADMIN)))
    )
    undeclared = [
        str(route.resource)
        for route in app.router.routes()
        if route.resource is not None
        and not is_own_way(route.resource.canonical)
        and needs_of(route.handler) is None
    ]
    assert undeclared == []
    assert any(needs_of(route.handler) is not None for route in app.router.routes())


def _odd(app: web.Application) -> None:
    """Routes as nobody should, and as everybody may write them."""

    async def undeclared(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    @requires(Role.REVISORE)
    async def auditors(request: web.Request) -> web.Response:
        return web.Response(text=f"for {request[VIEWER].name}")

    @requires(Role.REVISORE)
    async def act(request: web.Request) -> web.Response:
        return web.Response(text=str((await request.post())["what"]))

    @requires(Role.REVISORE, files=True)
    async def upload(request: web.Request) -> web.Response:
        return web.Response(text=str((await request.post())["what"]))

    @requires(Role.REVISORE, live=True)
    async def live(_: web.Request) -> web.Response:
        return web.Response(text="live")

    @requires(Role.REVISORE, live=True)
    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("hello")
        await ws.close()
        return ws

    @anybody
    async def form(request: web.Request) -> web.Response:
        response = web.Response(text=forms.token(request))
        forms.remember(request, response)
        return response

    app.router.add_get("/undeclared", undeclared)
    app.router.add_get("/auditors", auditors)
    app.router.add_post("/act", act)
    app.router.add_post("/upload", upload)
    app.router.add_get("/live", live)
    app.router.add_get("/socket", socket)
    app.router.add_get("/form", form)


@pytest.fixture
async def odd_as(database: Database) -> AsyncIterator[Any]:
    clients = []

    async def opened(known: Viewer | None) -> Page:
        app = web.Application()
        add_console(app, database, Somebody(known))
        _odd(app)
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield opened
    for client in clients:
        await client.close()


def origin(page: Page) -> str:
    return str(page.make_url("/")).rstrip("/")


async def test_a_route_that_declares_nothing_is_refused_to_everybody(odd_as: Any) -> None:
    for known in (ADMIN, None):
        answered = await (await odd_as(known)).get("/undeclared")
        assert answered.status == 403
        assert "secret" not in await answered.text()


@pytest.mark.parametrize(
    ("known", "status"),
    [(ADMIN, 200), (viewer(Role.REVISORE), 200), (viewer(Role.ANALISTA), 403), (OWN, 403)],
)
async def test_a_route_is_for_its_roles_and_for_who_administers(
    odd_as: Any, known: Viewer, status: int
) -> None:
    answered = await (await odd_as(known)).get("/auditors")
    assert answered.status == status
    assert ("for Vera" in await answered.text()) is (status == 200)


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(odd_as: Any) -> None:
    page = await odd_as(None)
    answered = await page.get("/auditors?a=b&c=d", allow_redirects=False)
    assert answered.status == 303
    to = URL(answered.headers["Location"])
    assert (to.path, to.query["poi"]) == ("/accedi", "/auditors?a=b&c=d")
    here = {"Origin": origin(page)}
    assert (await page.get("/live", headers=here)).status == 401
    assert (await page.post("/act", headers=here)).status == 401


async def test_an_act_needs_the_token_of_its_own_browser_and_our_own_page(odd_as: Any) -> None:
    page, other = await odd_as(ADMIN), await odd_as(ADMIN)
    token = await (await page.get("/form")).text()
    foreign = await (await other.get("/form")).text()
    here = {"Origin": origin(page)}

    async def act(headers: dict[str, str], **fields: str) -> int:
        return (await page.post("/act", headers=headers, data={"what": "done", **fields})).status

    assert await act(here, modulo=token) == 200
    assert await act({**here, forms.HEADER: token}) == 200
    assert await act({"Sec-Fetch-Site": "same-origin"}, modulo=token) == 200
    for fields in ({}, {"modulo": ""}, {"modulo": foreign}, {"modulo": "è"}, {"modulo": token[:-1]}):
        assert await act(here, **fields) == 403
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": origin(other)},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    ):
        assert await act(headers, modulo=token) == 403


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nnone\r\n--x--"),
        ("application/x-www-form-urlencoded", b"modulo=\xff"),
        ("application/x-www-form-urlencoded; charset=klingon", b"modulo=x"),
        # Of this one 1 MiB takes minutes to decode, in which no call is heard.
        ("application/x-www-form-urlencoded; charset=punycode", b"modulo={token}&what=x-"),
        ("application/x-www-form-urlencoded", b"modulo={token}&what=" + 70_000 * b"x"),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"modulo={token}&what=%00"),
    ],
)
async def test_a_form_that_cannot_be_read_is_none_of_ours(odd_as: Any, kind: str, body: bytes) -> None:
    page = await odd_as(ADMIN)
    token = await (await page.get("/form")).text()
    headers = {"Origin": origin(page), "Content-Type": kind}
    sent = body.replace(b"{token}", token.encode())
    for path in ("/act", "/upload"):
        assert (await page.post(path, headers=headers, data=sent)).status == 403


async def test_a_form_in_parts_is_read_only_where_files_are_expected(odd_as: Any) -> None:
    page = await odd_as(ADMIN)
    token = await (await page.get("/form")).text()
    for path, status in (("/act", 403), ("/upload", 200)):
        form = FormData({"modulo": token, "what": "done"}, default_to_multipart=True)
        assert (await page.post(path, headers={"Origin": origin(page)}, data=form)).status == status


async def test_what_no_database_takes_is_refused_at_the_gate(page: Page) -> None:
    for path in ("/chiamate/%00", "/chiamate?prima=%00", "/chiamate?numero=%00x"):
        assert (await page.get(path)).status == 400


async def test_streams_and_sockets_are_for_our_own_pages(odd_as: Any) -> None:
    page = await odd_as(ADMIN)
    assert (await page.get("/live")).status == 403
    assert (await page.get("/live", headers={"Origin": "http://evil.example"})).status == 403
    assert (await page.get("/live", headers={"Sec-Fetch-Site": "same-origin"})).status == 200
    with pytest.raises(WSServerHandshakeError):
        await page.ws_connect("/socket", origin="http://evil.example")
    ws = await page.ws_connect("/socket", origin=origin(page))
    assert (await ws.receive()).data == "hello"
    await ws.close()


def test_behind_a_proxy_the_origin_is_the_address_people_use() -> None:
    def asked(origin: str) -> bool:
        request = make_mocked_request("POST", "/", headers={"Origin": origin, "Host": "127.0.0.1:8080"})
        return is_from_here(request, "https://Voce.example/")

    assert asked("https://voce.example")
    assert not asked("http://voce.example")
    assert not asked("http://127.0.0.1:8080")


async def test_every_answer_keeps_the_page_to_itself(page: Page) -> None:
    for path in ("/chiamate", "/static/console.css", "/nowhere", "/chiamate/unknown"):
        headers = (await page.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Strict-Transport-Security" not in headers
    assert (await page.get("/chiamate")).headers["Cache-Control"] == "no-store"


async def test_no_file_but_the_pages_own_is_served(page: Page) -> None:
    assert (await page.get("/static/console.css")).status == 200
    for name in ("routes.py", "..%2Froutes.py", "%2E%2E%2Froutes.py", ""):
        assert (await page.get(f"/static/{name}")).status == 404


@pytest.mark.parametrize("entrance", [OpenDoor(), Somebody(ADMIN)])
async def test_this_machine_is_asked_for_by_its_own_name_only(database: Database, entrance: Entrance) -> None:
    app = web.Application()
    add_console(app, database, entrance)
    async with TestClient(TestServer(app)) as client:
        for host, status in (
            ("localhost:8080", 200),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
            ("evil.example", 403),
            ("evil.example:8080", 403),
            ("localhost:99999", 403),
            ("xn--", 403),
        ):
            for path in ("/chiamate", "/static/console.css"):
                assert (await client.get(path, headers={"Host": host})).status == status, host


async def test_behind_a_proxy_its_name_is_ours(database: Database) -> None:
    app = web.Application()
    settings = ConsoleSettings(public_url="https://voce.example")
    add_console(app, database, Somebody(ADMIN), settings=settings)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/chiamate", headers={"Host": "voce.example"})).status == 200


@pytest.mark.parametrize("role", Role)
async def test_the_navigation_leads_where_the_role_may_go(
    page_as: PageAs, database: Database, role: Role
) -> None:
    marco = await database.run(lambda: people.add_consultant("Marco"))
    known = viewer(role, consultant=marco if role is Role.CONSULENTE else None)
    page = await page_as(known)
    text = await (await page.get("/")).text()
    links = re.findall(r'href="(/\w+)"', text[text.index("<nav") : text.index("</nav>")])
    assert links == [section.path for section in sections_of(known)]
    for section in SECTIONS:
        assert (await page.get(section.path)).status == (200 if section.path in links else 403)


async def test_a_consultant_sees_their_own_calls_only(
    page_as: PageAs, database: Database, seeded: dict[str, str]
) -> None:
    def add() -> int:
        sara = people.add_consultant("Sara Verdi")
        seeded["sara"] = calls.open_call(
            bridge_call_id="s", consultant_id=sara, direction="inbound", caller_number="+393405555555",
            dialled_number=None, now=NOW,
        )  # fmt: skip
        return sara

    sara = await database.run(add)
    hers = await page_as(viewer(Role.CONSULENTE, consultant=sara))
    text = await (await hers.get("/chiamate")).text()
    assert re.findall(r'href="/chiamate/(\w+)"', text) == [seeded["sara"]]
    assert (await hers.get(f"/chiamate/{seeded['sara']}")).status == 200
    assert (await hers.get(f"/chiamate/{seeded['booked']}")).status == 404
    ours = {"Sec-Fetch-Site": "same-origin"}
    assert (await hers.get(f"/chiamate/{seeded['booked']}/diretta", headers=ours)).status == 404
    async with hers.get(f"/chiamate/{seeded['sara']}/diretta", headers=ours) as watched:
        assert watched.status == 200
    for roles in ((Role.REVISORE,), (Role.CONSULENTE, Role.REVISORE)):
        auditor = await page_as(viewer(*roles, consultant=sara))
        assert (await auditor.get(f"/chiamate/{seeded['booked']}")).status == 200


def test_a_viewer_without_calls_is_never_taken_for_one_who_sees_all() -> None:
    with pytest.raises(ValueError, match="agenda"):
        Viewer(1, "x", frozenset({Role.CONSULENTE}))
    with pytest.raises(web.HTTPForbidden):
        _ = viewer(Role.ANALISTA, consultant=3).own_only
    assert viewer(Role.CONSULENTE, Role.ANALISTA, consultant=3).own_only == 3
    assert ADMIN.own_only is None


async def test_a_store_that_is_away_is_said_in_words(page: Page, database: Database) -> None:
    database.close()
    answered = await page.get("/chiamate")
    assert answered.status == 503
    assert "archivio non risponde" in await answered.text()


@pytest.mark.parametrize(
    ("breaking", "path", "fields"),
    [
        ("call_pages.list_calls", "/chiamate?prima=x", None),
        ("journal_pages.export", "/registro/esporta", {"formato": "csv"}),
        (
            "agenda_pages.opening.add_exception",
            "/agenda/eccezioni",
            {"consulente": "1", "tipo": "closed", "dal": "2026-02-16"},
        ),
    ],
)
async def test_nor_is_it_taken_for_a_refusal_of_what_was_asked(
    page: Page,
    seeded: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    breaking: str,
    path: str,
    fields: dict[str, str] | None,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(f"transport.console.{breaking}", away)
    if fields is None:
        answered = await page.get(path, allow_redirects=False)
    else:
        answered = await post(page, path, **fields)
    assert answered.status == 503
    assert "archivio non risponde" in await answered.text()
