"""Whether a request was made by a page of ours: what another site's page makes a browser send is told apart here."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from transport.loopback import is_loopback


def is_from_here(request: web.Request, public_url: str = "") -> bool:
    """Whether the browser says that a page of ours asks: by `Origin`, or without one by `Sec-Fetch-Site`.

    What says neither is refused. `public_url` is the address people use, where a proxy stands in front; else
    the origin must be the very host and port that was asked.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    if public_url:
        return origin == origin_of(public_url)
    return origin == f"{request.scheme}://{request.host}"


def names_this_machine(request: web.Request) -> bool:
    """Whether it asks for this machine by its own name: another one that was made to lead here is none, and neither
    is that of a proxy."""
    try:
        return is_loopback(request.url.host)
    except ValueError:  # not even a name
        return False


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them in `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
