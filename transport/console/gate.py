"""The gate of the console: one middleware that asks of every route who may use it, and from where."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from storage.errors import StoreUnavailable
from transport.console import forms
from transport.console.access import VIEWER, Viewer, is_own_way, needs_of
from transport.console.form_reading import NUL
from transport.console.page import page
from transport.console.same_origin import is_from_here, names_this_machine

log = logging.getLogger(__name__)

SIGN_IN = "/accedi"

_SAFE = ("GET", "HEAD")


class Entrance(Protocol):
    """How a request is known to be somebody's."""

    async def viewer(self, request: web.Request) -> Viewer | None:
        """Who it is; None when nobody is signed in. Tells `forms` the secret of the session, if there is one."""
        ...

    def add_to(self, app: web.Application) -> None:
        """Add the pages by which one comes in and goes, if there are such."""
        ...


class Gate:
    """The middleware over every route of the console: declared at all, from where, by whom, and with which form."""

    def __init__(self, entrance: Entrance, public_url: str = "") -> None:
        """`public_url`: the address that people use, where that is not the one we listen on."""
        self._entrance, self._public_url = entrance, public_url

    def middleware(self) -> Middleware:
        """What aiohttp asks for each request; it goes by the route that was found, not by the path as written."""

        @web.middleware
        async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            if resource is None or is_own_way(resource.canonical):
                return await handler(request)
            try:
                return await self._ask(request, handler)
            except StoreUnavailable as error:
                needs = needs_of(request.match_info.handler)
                if needs is not None and needs.live:
                    raise  # a stream that has begun cannot turn into a page
                log.error("a page could not be shown: %s", error)
                return page(request, "unavailable.html", {}, status=503)

        return ask

    async def _ask(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not (self._public_url or names_this_machine(request)):
            log.warning(
                "a page was asked for under a name that is not this machine's: see console.public_url"
            )
            raise web.HTTPForbidden
        if NUL in request.path or any(NUL in value for value in request.query.values()):
            raise web.HTTPBadRequest
        needs = needs_of(request.match_info.handler)
        if needs is None:
            log.error("a route declares no roles and is refused: %s", request.match_info.route.resource)
            raise web.HTTPForbidden
        upgrade = "upgrade" in request.headers.get("Connection", "").lower()
        acts = request.method not in _SAFE
        if (acts or needs.live or upgrade) and not is_from_here(request, self._public_url):
            log.warning("a request that no page of ours made was refused")
            raise web.HTTPForbidden
        viewer = await self._entrance.viewer(request)
        if viewer is not None:
            request[VIEWER] = viewer
        elif not needs.anybody:
            return _to_sign_in(request, acts=acts, streams=needs.live or upgrade)
        if viewer is not None and not needs.anybody and needs.roles.isdisjoint(viewer.roles):
            return page(request, "denied.html", {}, status=403)
        if acts and not await forms.is_ours(request, files=needs.files):
            return page(request, "stale.html", {}, status=403)
        return await handler(request)


def _to_sign_in(request: web.Request, *, acts: bool, streams: bool) -> web.StreamResponse:
    if streams:
        raise web.HTTPUnauthorized
    if acts:
        return page(request, "signed_out.html", {}, status=401)
    raise web.HTTPSeeOther(f"{SIGN_IN}?{urlencode({'poi': request.path_qs})}")
