"""The door of the server: who may come in, and how many calls at once; asked before a connection is upgraded."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from engine.ports import Clock
from transport.tokens import BridgeTokens

log = logging.getLogger(__name__)

BRIDGES = "/bridge/"
_RETRY_AFTER_S = "5"


class Door:
    """An aiohttp middleware over every route of a bridge, whatever its dialect.

    Without `tokens` everybody may come in; `most` is the number of calls at once. A call counts from its
    handshake until all of it is written.
    """

    def __init__(self, tokens: BridgeTokens | None, clock: Clock, *, most: int) -> None:
        self._tokens, self._clock, self._most = tokens, clock, most
        self._inside = 0

    @property
    def locked(self) -> bool:
        """Whether a token is asked for."""
        return self._tokens is not None

    def middleware(self) -> Middleware:
        """What aiohttp asks for each request; it goes by the route that was found, not by the path as written."""

        @web.middleware
        async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            if resource is None or not resource.canonical.startswith(BRIDGES):
                return await handler(request)
            return self._refusal(request) or await self._let_in(request, handler)

        return ask

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._tokens is not None and not self._tokens.admit(
            request.headers, request.query, self._clock.now()
        ):
            log.warning("a bridge was refused: it showed no valid token")
            asked = {"WWW-Authenticate": 'Basic realm="bridge"'}
            return web.json_response({"error": "no valid token"}, status=401, headers=asked)
        if self._inside >= self._most:
            log.warning("a call was refused: %d go on already", self._inside)
            return web.json_response(
                {"error": "too many calls"}, status=503, headers={"Retry-After": _RETRY_AFTER_S}
            )
        return None

    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._inside += 1
        try:
            return await handler(request)
        finally:
            self._inside -= 1
