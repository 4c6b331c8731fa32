"""The token in every form that acts: only a page that this browser was shown can hold it.

It is made from a secret that the browser keeps in a cookie scripts cannot read: the session's where somebody is
signed in, else one of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web

from transport.console import cookies
from transport.console.form_reading import can_be_read

FIELD = "modulo"
HEADER = "X-Form-Token"

_COOKIE = "modulo"
_SECRET: web.RequestKey[str] = web.RequestKey("form secret", str)
_FRESH: web.RequestKey[bool] = web.RequestKey("form secret is new", bool)


def bind(request: web.Request, secret: str) -> None:
    """Have the request's forms hang on a session: `secret` is what only its browser knows."""
    request[_SECRET] = secret


def token(request: web.Request) -> str:
    """What the field `FIELD` of each form must hold, or the header `HEADER` of a script's request."""
    return hmac.new(_secret(request).encode(), b"form", hashlib.sha256).hexdigest()


async def is_ours(request: web.Request, *, files: bool = False) -> bool:
    """Whether a request that acts bears the token of its own browser, in a form that can be read."""
    if not await can_be_read(request, files=files):
        return False
    fields = await request.post()
    given = request.headers.get(HEADER) or fields.get(FIELD)
    if not isinstance(given, str) or not given.isascii():
        return False
    return hmac.compare_digest(given, token(request))


def remember(request: web.Request, response: web.StreamResponse) -> None:
    """Give the browser the secret that the forms of this page were made with, if it has none yet."""
    if request.get(_FRESH):
        cookies.put(request, response, _COOKIE, _secret(request))


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """Have the browser forget its own secret: from now on its forms hang on a session."""
    cookies.drop(request, response, _COOKIE)


def _secret(request: web.Request) -> str:
    if _SECRET not in request:
        kept = cookies.read_secret(request, _COOKIE)
        request[_SECRET] = kept or secrets.token_urlsafe(32)
        request[_FRESH] = kept is None
    return request[_SECRET]
