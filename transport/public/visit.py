"""One visitor's browser: a secret in a cookie, by which its hold is found and its forms are known."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from aiohttp import web

from transport.console import cookies

FIELD = "modulo"
_COOKIE = "prenota"
_KEPT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Visit:
    """What one browser shares with us. `fresh`: it does not have the secret yet."""

    secret: str
    fresh: bool

    @staticmethod
    def of(request: web.Request) -> Visit:
        """The visit of a request; a new one where the browser brings none."""
        kept = cookies.read_secret(request, _COOKIE)
        return Visit(kept or secrets.token_urlsafe(32), fresh=kept is None)

    @property
    def conversation(self) -> str:
        """The name of the visit in the store, from which the secret cannot be told."""
        return f"page:{self._digest('conversation')}"

    @property
    def token(self) -> str:
        """What each form that acts must hold: only a page that this browser was shown has it."""
        return self._digest("form")

    def is_ours(self, given: object) -> bool:
        """Whether a form's token is of this browser."""
        told = given if isinstance(given, str) and given.isascii() else ""
        return not self.fresh and hmac.compare_digest(told, self.token)

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give the browser the secret, if it has none yet."""
        if self.fresh:
            cookies.put(request, response, _COOKIE, self.secret, max_age=_KEPT_S)

    def _digest(self, of: str) -> str:
        return hmac.new(self.secret.encode(), of.encode(), hashlib.sha256).hexdigest()
