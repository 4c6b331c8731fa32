"""The interface over an open store, at a time that tests set, asked as an integration would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from engine.chat import Chats
from engine.ports import Elsewhere
from storage import api_keys
from storage.database import Database
from tests.dialogues import shipped_rulebook
from tests.engine.written import Hands, Nothing
from transport.api.routes import add_api
from transport.api.settings import ApiSettings

Web = TestClient[web.Request, web.Application]


@dataclass
class Shop:
    """An integration: it shows `key` with every request."""

    web: Web
    clock: Hands
    key: str
    name: str = "c-1"
    sent: int = 0

    async def ask(self, method: str, path: str, **given: Any) -> tuple[int, Any]:
        """Status and body."""
        headers = {"Authorization": f"Bearer {self.key}", **given.pop("headers", {})}
        async with self.web.request(method, path, headers=headers, **given) as answer:
            return answer.status, await answer.json(content_type=None)

    async def write(self, line: str, **given: Any) -> Any:
        """One message of this conversation, a few seconds after the last; what is answered."""
        self.clock.at = self.clock.at.replace(microsecond=0)
        await self.clock.sleep(5)
        self.sent += 1
        who, text = line.split(": ", 1)
        body = {
            "messageId": f"m{self.sent}",
            "role": {"C": "caller", "A": "assistant"}[who],
            "text": text,
            "at": self.clock.at.isoformat(),
            **given,
        }
        status, answer = await self.ask("POST", f"/v1/conversations/{self.name}/messages", json=body)
        assert status == 200, answer
        return answer

    async def booking(self) -> Any:
        status, answer = await self.ask("GET", f"/v1/conversations/{self.name}/booking")
        assert status == 200, answer
        return answer

    async def tool(self, tool: str, more: dict[str, Any] | None = None, /, **arguments: Any) -> Any:
        """What a tool answers, called as a chat model's arguments have it."""
        body = {"conversation": self.name, "arguments": arguments, **(more or {})}
        status, answer = await self.ask("POST", f"/v1/tools/{tool}", json=body)
        assert status == 200, answer
        return answer


async def key_of(database: Database, clock: Hands, integration: str, scopes: Sequence[str]) -> str:
    return await database.run(lambda: api_keys.add(integration, scopes, now=clock.now()))


@asynccontextmanager
async def served(
    database: Database,
    clock: Hands | None = None,
    settings: ApiSettings | None = None,
    elsewhere: Elsewhere | None = None,
) -> AsyncIterator[Shop]:
    """A server over an open store; leaving it and entering again is a restart."""
    clock = clock or Hands()
    rules = shipped_rulebook()
    app = web.Application()
    chats = Chats(database, clock, lambda: rules, lambda _: Nothing(), elsewhere=elsewhere)
    add_api(app, database, clock, chats, settings or ApiSettings(), elsewhere=elsewhere)
    async with TestClient(TestServer(app)) as client:
        key = await key_of(database, clock, "shop", api_keys.SCOPES)
        yield Shop(client, clock, key)
