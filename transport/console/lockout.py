"""By what failed sign-ins are counted, so that guessing is slow and nobody can shut a user out for good.

A try counts against the name and against the place it comes from. A browser in which the user has signed in
before is known by a signed cookie and counts against itself alone: whoever hammers at a name from elsewhere
makes others wait, and not the user at their own desk.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass

from aiohttp import web

from storage.secret import Secret
from storage.tries import Subject
from storage.users import folded
from transport.console import cookies
from transport.console.address import neighbourhood
from transport.console.settings import ConsoleSettings

_COOKIE = "noto"
_KEPT_S = 365 * 86400
_SALT = b"console"
_NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PLACE_TIMES = 4  # many people share an address


@dataclass(frozen=True, slots=True)
class Counted:
    """What one try counts against: `own` is forgiven when it succeeds, of `shared` only this try is taken back."""

    own: tuple[Subject, ...]
    shared: tuple[Subject, ...] = ()

    @property
    def all(self) -> tuple[Subject, ...]:
        """Everything."""
        return self.own + self.shared


class Lockout:
    """`secret` is the one that the servers of a database share."""

    def __init__(self, secret: Secret, settings: ConsoleSettings) -> None:
        self._secret, self._settings = secret, settings

    def sign_in(self, request: web.Request, name: str, user_id: int | None, address: str) -> Counted:
        """What a try to sign in as `name` counts against; `user_id` is whose name that is, if it is anybody's."""
        nonce = None if user_id is None else self._known(request, user_id)
        if nonce is not None:
            return Counted((self._subject("browser", nonce),))
        place = self._subject("place", neighbourhood(address), _PLACE_TIMES)
        return Counted((self._subject("user", folded(name)),), (place,))

    def change(self, user_id: int) -> Counted:
        """What a try to change one's password counts against."""
        return Counted((self._subject("change", str(user_id)),))

    def of_user(self, name: str) -> list[str]:
        """The digests by which tries as `name` are counted."""
        return [self._subject("user", folded(name)).digest]

    def know(self, request: web.Request, response: web.StreamResponse, user_id: int) -> None:
        """Let the browser be known as one in which the user has signed in."""
        nonce = self._known(request, user_id) or secrets.token_hex(16)
        value = f"{user_id}.{nonce}.{self._signature(user_id, nonce)}"
        cookies.put(request, response, _COOKIE, value, max_age=_KEPT_S)

    def _known(self, request: web.Request, user_id: int) -> str | None:
        """What the browser is known by, when the user has signed in there before."""
        whose, _, rest = (cookies.read(request, _COOKIE) or "").partition(".")
        nonce, _, signature = rest.partition(".")
        if whose != str(user_id) or not _NONCE.fullmatch(nonce) or not signature.isascii():
            return None
        return nonce if hmac.compare_digest(signature, self._signature(user_id, nonce)) else None

    def _signature(self, user_id: int, nonce: str) -> str:
        return self._secret.digest(_SALT, "known browser", f"{user_id}.{nonce}")

    def _subject(self, kind: str, value: str, times: int = 1) -> Subject:
        return Subject(
            self._secret.digest(_SALT, f"tries of {kind}", value), self._settings.free_tries * times
        )
