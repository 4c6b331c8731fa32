"""Who may come in: the bearer of a key in force, within its scopes, not too often."""

from __future__ import annotations

from aiohttp import web

from engine.ports import Clock
from storage import api_keys
from storage.api_keys import Key
from storage.database import Database
from transport.api.problems import Problem, busy
from transport.api.settings import ApiSettings
from transport.rates import Rates


class Entrance:
    """Asks each request for its key. A key that was revoked is refused at its next request, on every server."""

    def __init__(self, database: Database, clock: Clock, settings: ApiSettings) -> None:
        self._database = database
        self._rates = Rates(clock, per_minute=settings.requests_per_minute, burst=settings.burst)

    async def admit(self, request: web.Request, scope: str) -> Key:
        """The key of a request. Raises Problem: 401 without a right one, 403 out of its scopes, 429 too often."""
        scheme, _, written = request.headers.get("Authorization", "").strip().partition(" ")
        key = None
        if scheme.lower() == "bearer" and api_keys.could_be(written.strip()):
            key = await self._database.run(lambda: api_keys.known_by(written.strip()))
        if key is None:
            raise Problem(
                401,
                "unauthorized",
                "Show a key in force: Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if (wait := self._rates.take(key.id)) > 0:
            raise busy(wait, 429, "too-many-requests", "This key asks too often.")
        if scope not in key.scopes:
            raise Problem(403, "insufficient-scope", f"This key has not the scope {scope}.")
        return key
