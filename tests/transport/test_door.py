"""Who is let in over a real socket: every bridge's route is behind the door, and full means full."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from engine.ports import Line
from tests.lines import events_of
from transport.bridge.metadata import CallMetadata
from transport.clock import SystemClock
from transport.server import DOOR, ExposedError, Parts, init_app, refuse_exposed, running
from transport.settings import BridgeSettings, ServerSettings
from transport.tokens import BridgeTokens

TOKEN = "a-token-of-24-characters"
LOCAL = ServerSettings(port=0, drain_s=0)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def answer(line: Line, metadata: CallMetadata) -> None:
    async for _ in events_of(line):
        pass


def pages(app: web.Application) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="the calls")

    app.router.add_get("/chiamate", page)


@asynccontextmanager
async def server(*, locked: bool = True, most: int = 300) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    tokens = BridgeTokens(TOKEN) if locked else None
    bridge = BridgeSettings(max_calls=most, close_timeout_s=0.5)
    app = init_app(Parts(answer, SystemClock(), bridge, pages=pages, tokens=tokens))
    async with running(app, LOCAL) as address, aiohttp.ClientSession() as session:
        yield address, session


def bridge_routes() -> list[str]:
    app = init_app(Parts(answer, SystemClock()))
    return [
        resource.canonical
        for resource in app.router.resources()
        if resource.canonical not in ("/healthz", "/metrics")
    ]


@pytest.mark.parametrize("path", bridge_routes())
async def test_without_a_token_no_bridge_is_upgraded(path: str) -> None:
    async with server() as (address, session):
        for odd in (path, path + "?token=", path + f"?token={TOKEN}", path.replace("/b", "/%62", 1)):
            async with session.get(address + odd) as refused:
                assert refused.status in ((401, 404) if "%" in odd else (401,))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused_upgrade:
            await session.ws_connect(address + path, headers={"Authorization": "Bearer wrong-wrong-wrong"})
        assert refused_upgrade.value.status == 401
        assert refused_upgrade.value.headers is not None
        assert refused_upgrade.value.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", bridge_routes())
async def test_with_a_token_it_is(path: str) -> None:
    until = SystemClock().now() + timedelta(minutes=1)
    async with server() as (address, session):
        for headers, query in (
            (BEARER, ""),
            ({"Authorization": aiohttp.encode_basic_auth("fs", TOKEN)}, ""),
            ({}, f"?token={BridgeTokens(TOKEN).sign(until)}"),
        ):
            async with session.ws_connect(address + path + query, headers=headers) as ws:
                assert not ws.closed


@pytest.mark.parametrize("path", bridge_routes())
async def test_where_no_token_is_asked_for_a_browser_makes_no_call_for_another_site(path: str) -> None:
    async with server(locked=False) as (address, session):
        for origin in (
            "http://evil.example",
            "https://evil.example:8080",
            "null",
            "evil.example",
            "http://[",
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(address + path, origin=origin)
            assert refused.value.status == 403
        for origin in (None, address, "http://localhost", "127.0.0.1"):
            async with session.ws_connect(address + path, origin=origin) as ws:
                assert not ws.closed
        bridge = {"Host": "host.docker.internal:8080", "Origin": "http://host.docker.internal"}
        async with session.ws_connect(address + path, headers=bridge) as ws:
            assert not ws.closed


REBOUND = [
    {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"},
    {"Host": "evil.example", "Origin": "evil.example"},
    {"Host": "internal.evil.example:8080", "Origin": "http://internal.evil.example:8080"},
    {"Host": "192.168.1.7:8080", "Origin": "http://192.168.1.7:8080"},
]


@pytest.mark.parametrize("headers", REBOUND)
@pytest.mark.parametrize("path", bridge_routes())
async def test_a_site_whose_name_was_made_to_lead_here_makes_no_call(
    path: str, headers: dict[str, str]
) -> None:
    async with server(locked=False) as (address, session):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(address + path, headers=headers)
        assert refused.value.status == 403


@pytest.mark.parametrize("headers", [*REBOUND, {"Host": "evil.example:8080"}, {"Host": "["}])
async def test_nor_does_it_read_the_numbers_where_it_need_name_no_origin(headers: dict[str, str]) -> None:
    async with (
        server(locked=False) as (address, session),
        session.get(f"{address}/metrics", headers=headers) as refused,
    ):
        assert refused.status == 403


@pytest.mark.parametrize("headers", [{}, {"Host": "localhost:8080"}, {"Host": "host.docker.internal:8080"}])
async def test_whoever_asks_for_this_machine_by_its_own_name_reads_them(headers: dict[str, str]) -> None:
    async with (
        server(locked=False) as (address, session),
        session.get(f"{address}/metrics", headers=headers) as response,
    ):
        assert response.status == 200


async def test_a_bridge_that_names_no_origin_may_call_this_machine_what_it_likes() -> None:
    async with (
        server(locked=False) as (address, session),
        session.ws_connect(f"{address}/bridge/fork", headers={"Host": "voice.lan:8080"}) as ws,
    ):
        assert not ws.closed


async def test_health_and_pages_ask_for_no_token() -> None:
    async with server() as (address, session):
        for path in ("/healthz", "/chiamate"):
            async with session.get(address + path) as response:
                assert response.status == 200
                assert "Server" not in response.headers, "which would tell our versions"


async def test_a_call_too_many_is_told_to_come_back_before_it_is_upgraded() -> None:
    async with server(locked=False, most=2) as (address, session):
        url = f"{address}/bridge/fork"
        first = await session.ws_connect(url)  # has not even said which call it is
        second = await session.ws_connect(url)
        await second.send_str(json.dumps({"sampleRate": 16000, "callId": "c-2"}))
        async with session.get(url) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        await first.close()
        await second.send_bytes(b"")
        async with asyncio.timeout(5):
            while True:
                async with session.get(url) as let_in:
                    if let_in.status != 503:
                        break
                await asyncio.sleep(0.01)
        assert let_in.status == 400  # no WebSocket, but the door was open


async def test_a_stranger_takes_no_place() -> None:
    async with server(most=1) as (address, session):
        for _ in range(3):
            async with session.get(f"{address}/bridge/fork") as refused:
                assert refused.status == 401
        async with session.ws_connect(f"{address}/bridge/fork", headers=BEARER):
            pass


@pytest.mark.parametrize("frame", [b"\x10\x00", '{"type":"mark"}'])
async def test_a_bridge_that_floods_is_closed(frame: bytes | str) -> None:
    app = init_app(Parts(answer, SystemClock(), BridgeSettings(max_frames_per_s=20, close_timeout_s=0.5)))
    async with (
        running(app, LOCAL) as address,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{address}/bridge/fork") as ws,
    ):
        await ws.send_str(json.dumps({"sampleRate": 16000, "callId": "c-1"}))
        with suppress(ConnectionError):
            for _ in range(400):
                await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_str(frame))
        async with asyncio.timeout(5):
            async for _ in ws:
                pass
    assert ws.close_code == 1008


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "", "phones.example", "127.0.0.1.example"])
def test_off_loopback_somebody_must_be_asked_for_a_token(host: str) -> None:
    settings = ServerSettings.model_construct(host=host, pages="loopback")
    with pytest.raises(ExposedError, match="BRIDGE_TOKENS"):
        refuse_exposed(settings, locked=False)
    refuse_exposed(settings, locked=True)
    assert not settings.shows_pages(by_tls=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_on_loopback_nobody_need_be(host: str) -> None:
    refuse_exposed(ServerSettings(host=host), locked=False)
    assert ServerSettings(host=host).shows_pages(by_tls=False)
    assert not ServerSettings(host=host, pages="never").shows_pages(by_tls=True)


async def test_a_server_does_not_start_open_to_a_network() -> None:
    app = init_app(Parts(answer, SystemClock()))
    assert not app[DOOR].locked
    with pytest.raises(ExposedError):
        async with running(app, ServerSettings(host="0.0.0.0", port=0)):
            raise AssertionError("it listens")


def test_off_loopback_pages_are_shown_by_tls_only() -> None:
    assert not ServerSettings(host="0.0.0.0").shows_pages(by_tls=False)
    assert ServerSettings(host="0.0.0.0").shows_pages(by_tls=True)
    assert not ServerSettings(host="0.0.0.0", pages="never").shows_pages(by_tls=True)
