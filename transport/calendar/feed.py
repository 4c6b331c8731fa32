"""The secret addresses at which consultants' calendar programs fetch their bookings: /ics/<secret>.ics."""

from __future__ import annotations

import hashlib

from aiohttp import web

from engine.ports import Clock
from storage import calendars
from storage.database import Database
from transport.calendar.ics import CONTENT_TYPE, feed_ics

PREFIX = "/ics/"
_LONGEST = 100
_HEADERS = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}


def add_feeds(app: web.Application, database: Database, clock: Clock) -> None:
    """Add the route to `app`. A secret that opens nothing is answered as an address that does not exist."""

    async def serve(request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if len(token) > _LONGEST:
            raise web.HTTPNotFound
        now = clock.now()
        found = await database.run(lambda: calendars.feed(token, now=now))
        if found is None:
            raise web.HTTPNotFound
        consultant, bookings = found
        written = feed_ics(consultant, bookings, now=now)
        etag = hashlib.sha256(written).hexdigest()[:32]
        wanted = request.if_none_match or ()
        if any(each.value in (etag, "*") for each in wanted):
            return web.Response(status=304, headers={**_HEADERS, "ETag": f'"{etag}"'})
        response = web.Response(body=written, headers={**_HEADERS, "Content-Type": CONTENT_TYPE})
        response.etag = etag
        return response

    app.router.add_get(PREFIX + "{token}.ics", serve)
