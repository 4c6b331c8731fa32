"""A server of ours, and somebody who answers its calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.transport.bridge.desk import Client, Connect, Desk
from transport.clock import SystemClock
from transport.server import Parts, init_app, running
from transport.settings import BridgeSettings, ServerSettings


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def connect(desk: Desk) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(**settings: Any) -> Client:
            bridge = BridgeSettings(close_timeout_s=0.5, **settings)
            app = init_app(Parts(desk.answer, SystemClock(), bridge))
            address = await stack.enter_async_context(running(app, ServerSettings(port=0, drain_s=0)))
            return Client(app, session, address)

        yield start
