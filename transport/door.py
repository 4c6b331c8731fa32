"""The door of the server: who may come in, and how many calls at once; asked before a connection is upgraded."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from engine.ports import Clock
from transport.console.same_origin import names_this_machine
from transport.loopback import is_loopback
from transport.tokens import BridgeTokens

log = logging.getLogger(__name__)

BRIDGES = "/bridge/"
NUMBERS = "/metrics"
_RETRY_AFTER_S = "5"
_NOBODY_ELSES = ".internal"  # no public DNS can give such a name, as host.docker.internal


class Door:
    """An aiohttp middleware over every route of a bridge, whatever its dialect, and over the numbers.

    Without `tokens` everybody may come in; `most` is the number of calls at once. A call counts from its
    handshake until all of it is written. `refused` is told the reason of each refusal, one of a few words.
    """

    def __init__(
        self, tokens: BridgeTokens | None, clock: Clock, *, most: int, refused: Callable[[str], None]
    ) -> None:
        self._tokens, self._clock, self._most, self._refused = tokens, clock, most, refused
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
            path = "" if resource is None else resource.canonical
            if path.startswith(BRIDGES):
                return self._stranger(request) or self._full() or await self._let_in(request, handler)
            if path == NUMBERS:
                return self._stranger(request, reads=True) or await handler(request)
            return await handler(request)

        return ask

    def _stranger(self, request: web.Request, *, reads: bool = False) -> web.Response | None:
        if self._tokens is None and _is_another_sites(request, reads=reads):
            self._refused("other_site")
            log.warning("a request was refused: a page of another site made it")
            return web.json_response({"error": "asked by a page of another site"}, status=403)
        if self._tokens is not None and not self._tokens.admit(
            request.headers, request.query, self._clock.now()
        ):
            self._refused("no_token")
            log.warning("a request was refused: it showed no valid token")
            asked = {"WWW-Authenticate": 'Basic realm="bridge"'}
            return web.json_response({"error": "no valid token"}, status=401, headers=asked)
        return None

    def _full(self) -> web.Response | None:
        if self._inside >= self._most:
            self._refused("too_many_calls")
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


def _is_another_sites(request: web.Request, *, reads: bool) -> bool:
    """Whether a browser asks for a page that is none of this machine's: on loopback any page could, and where no token
    is asked for it would make calls.

    Some bridges name an origin too: the host that they connect to. That counts only where the host is this machine by
    its own name, since a site may have its name lead here. A page of such a site that only `reads` names no origin.
    """
    origin = request.headers.get("Origin")
    try:
        host = request.url.host or ""
        ours = names_this_machine(request) or host.endswith(_NOBODY_ELSES)
        if origin is None:
            return reads and not ours
        named = URL(origin).host if "://" in origin else origin.partition(":")[0]
        return not (is_loopback(named) or (ours and named == host))
    except ValueError:
        return True
