"""The console's cookies: kept from scripts and from other sites, and never sent in the clear where TLS is used."""

from __future__ import annotations

import re

from aiohttp import web

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
SECURE: web.AppKey[bool] = web.AppKey("secure cookies", bool)


def read(request: web.Request, name: str) -> str | None:
    """The value of our cookie `name`, if the browser sent one."""
    return request.cookies.get(_full(request, name))


def read_secret(request: web.Request, name: str) -> str | None:
    """The same for a secret of 32 bytes as `secrets.token_urlsafe` writes them; None for what cannot be one."""
    kept = read(request, name)
    return kept if kept is not None and _SECRET.fullmatch(kept) else None


def put(
    request: web.Request,
    response: web.StreamResponse,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
) -> None:
    """Have the browser keep it until it is closed, or with `max_age` for so many seconds."""
    response.set_cookie(
        _full(request, name),
        value,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.app[SECURE],
        max_age=max_age,
    )


def drop(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Have the browser forget it."""
    response.del_cookie(
        _full(request, name), path="/", httponly=True, samesite="Lax", secure=request.app[SECURE]
    )


def _full(request: web.Request, name: str) -> str:
    """With __Host- no other host, and nothing without TLS, can set it in our place."""
    return f"__Host-{name}" if request.app[SECURE] else name
