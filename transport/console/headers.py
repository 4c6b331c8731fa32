"""The headers on every answer of the console: what its pages may load, and who may frame or keep them."""

from __future__ import annotations

from aiohttp import web

from transport.console.access import is_own_way

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def add_headers(app: web.Application, hsts_days: int = 0) -> None:
    """Put them on every answer but those of the routes that keep their own ways, also on errors and streams.

    `hsts_days`: how long browsers are to insist on TLS; 0 says nothing of it.
    """
    own = dict(HEADERS)
    if hsts_days:
        own["Strict-Transport-Security"] = f"max-age={hsts_days * 86400}"

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        if resource is not None and is_own_way(resource.canonical):
            return
        for name, value in own.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")

    app.on_response_prepare.append(prepare)
