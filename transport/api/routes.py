"""Adds the interface for integrations to the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import orjson
from aiohttp import web

from engine.chat import Chats
from engine.ports import Clock, Elsewhere
from storage.database import Database
from transport.api.conversations import Conversations
from transport.api.entrance import Entrance
from transport.api.openapi import document
from transport.api.operations import Operation, add_to
from transport.api.problems import as_problems
from transport.api.settings import ApiSettings
from transport.api.tools import Tools

DOCUMENT = "/v1/openapi.json"


def operations(
    database: Database, chats: Chats, clock: Clock, elsewhere: Elsewhere | None
) -> Sequence[Operation]:
    """All that can be asked."""
    tools = Tools(database, clock, elsewhere)
    return [*Conversations(chats, clock).operations(), *tools.operations()]


def add_api(
    app: web.Application,
    database: Database,
    clock: Clock,
    chats: Chats,
    settings: ApiSettings,
    *,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Add /v1. Without a key in the store nobody comes in.

    `elsewhere` looks after what else takes consultants' time.
    """
    entrance = Entrance(database, clock, settings)
    app.middlewares.insert(0, as_problems())
    known = operations(database, chats, clock, elsewhere)
    for operation in known:
        add_to(app, operation, entrance, settings.max_body_bytes)
    app.router.add_get(DOCUMENT, _answering(orjson.dumps(document(known))))


def _answering(body: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """It says nothing that the sources do not, so no key is asked for it."""

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    return handle
