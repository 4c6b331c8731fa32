"""Keys, scopes and rates; and that whatever goes wrong is told as a problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage import api_keys
from storage.database import Database
from storage.errors import StoreUnavailable
from tests.transport.api.desk import Shop, key_of, served
from transport.api.settings import ApiSettings

BOOKING = "/v1/conversations/c-1/booking"
MESSAGES = "/v1/conversations/c-1/messages"


def problem(answer: Any) -> str:
    assert set(answer) <= {"type", "title", "status", "detail", "errors"}
    return str(answer["type"]).rsplit(":", 1)[1]


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer x", "Basic dTpw", "Bearer vbs_000000000000_" + "a" * 43, "vbs"]
)
async def test_without_a_key_in_force_nobody_comes_in(shop: Shop, shown: str) -> None:
    async with shop.web.get(BOOKING, headers={"Authorization": shown} if shown else {}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.content_type == "application/problem+json"
        assert problem(await answer.json(content_type=None)) == "unauthorized"


async def test_a_key_does_what_its_scopes_say(shop: Shop, database: Database) -> None:
    reads = replace(shop, key=await key_of(database, shop.clock, "shop", ["conversations:read"]))
    assert (await reads.ask("GET", BOOKING))[0] == 200
    status, answer = await reads.ask("POST", MESSAGES, json={})
    assert (status, problem(answer)) == (403, "insufficient-scope")
    writes = replace(shop, key=await key_of(database, shop.clock, "shop", ["conversations:write"]))
    assert (await writes.ask("GET", BOOKING))[0] == 403


async def test_a_key_that_is_revoked_is_refused_at_once(shop: Shop, database: Database) -> None:
    assert (await shop.ask("GET", BOOKING))[0] == 200
    (key,) = await database.run(api_keys.keys)
    await database.run(lambda: api_keys.revoke(key.id, now=shop.clock.now()))
    assert (await shop.ask("GET", BOOKING))[0] == 401


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(database: Database) -> None:
    async with served(database, settings=ApiSettings(requests_per_minute=30, burst=3)) as shop:
        assert [(await shop.ask("GET", BOOKING))[0] for _ in range(4)] == [200, 200, 200, 429]
        headers = {"Authorization": f"Bearer {shop.key}"}
        async with shop.web.get(BOOKING, headers=headers) as answer:
            assert answer.headers["Retry-After"] == "2"
            assert problem(await answer.json(content_type=None)) == "too-many-requests"
        other = replace(shop, key=await key_of(database, shop.clock, "other", api_keys.SCOPES))
        assert (await other.ask("GET", BOOKING))[0] == 200
        await shop.clock.sleep(2)
        assert [(await shop.ask("GET", BOOKING))[0] for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "name"),
    [
        ("GET", "/v1/nothing", {}, 404, "not-found"),
        ("GET", "/v1/conversations/a%20b/booking", {}, 404, "not-found"),
        ("DELETE", BOOKING, {}, 405, "method-not-allowed"),
        ("POST", MESSAGES, {"data": b"{}"}, 415, "not-json"),
        (
            "POST",
            MESSAGES,
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
            422,
            "invalid-body",
        ),
        ("POST", MESSAGES, {"json": []}, 422, "invalid-body"),
        ("POST", MESSAGES, {"json": {"text": "x" * 70000}}, 413, "body-too-large"),
    ],
)
async def test_what_goes_wrong_is_told_as_a_problem(
    shop: Shop, method: str, path: str, given: dict[str, Any], status: int, name: str
) -> None:
    told, answer = await shop.ask(method, path, **given)
    assert (told, answer["status"], problem(answer)) == (status, status, name)
    assert "xxx" not in str(answer)


async def test_what_fails_inside_is_told_without_saying_what(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(error: Exception) -> Any:
        def known_by(_: str) -> None:
            raise error

        return known_by

    with monkeypatch.context() as patch:
        patch.setattr(api_keys, "known_by", raising(ValueError("secret words")))
        status, answer = await shop.ask("GET", BOOKING)
    assert (status, problem(answer)) == (500, "internal")
    assert "secret" not in str(answer) and "secret" not in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr(api_keys, "known_by", raising(StoreUnavailable("away")))
        status, answer = await shop.ask("GET", BOOKING)
    assert (status, problem(answer)) == (503, "store-unavailable")
