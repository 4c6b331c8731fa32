"""What a bridge shows at the door: a token of ours, or a short-lived signature made with one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from transport.errors import TransportError

LEAST_CHARS = 16
_SIGNED = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


class TokensError(TransportError):
    """Raised when tokens are set that cannot be used; never repeats them."""


class BridgeTokens:
    """The tokens in force, in the order they were written; any of them opens the door, the first one signs."""

    def __init__(self, written: str) -> None:
        """`written`: tokens with commas or blanks between. Raises TokensError without any, or for a weak one."""
        tokens = [token for token in re.split(r"[\s,]+", written) if token]
        if not tokens:
            raise TokensError(
                "BRIDGE_TOKENS holds no token: unset it, or write one or more with commas between"
            )
        for place, token in enumerate(tokens, 1):
            if len(token) < LEAST_CHARS or not token.isascii():
                raise TokensError(
                    f"BRIDGE_TOKENS: token {place} of {len(tokens)} should be {LEAST_CHARS} ASCII characters or "
                    "more: make one with  openssl rand -hex 24"
                )
        self._tokens = [token.encode() for token in tokens]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._tokens)} tokens)"

    def sign(self, until: datetime) -> str:
        """What `?token=` may be until the instant `until`."""
        expiry = str(int(until.timestamp()))
        return f"{expiry}.{_signature(self._tokens[0], expiry)}"

    def admit(self, headers: Mapping[str, str], query: Mapping[str, str], now: datetime) -> bool:
        """Whether a request may come in: `Authorization` (Bearer, or Basic with the token as the password)
        or, without that, a signed `token` in the query. `headers` must not mind upper and lower case."""
        given = headers.get("Authorization")
        if given is None:
            return self._signed(query.get("token", ""), now)
        scheme, _, rest = given.strip().partition(" ")
        match scheme.lower():
            case "bearer":
                return self._known(rest.strip().encode("utf-8", "surrogateescape"))
            case "basic":
                return self._known(_password(rest.strip()))
        return False

    def _known(self, given: bytes) -> bool:
        """Looks at all tokens, whatever is found: the time taken tells nothing."""
        found = False
        for token in self._tokens:
            found |= hmac.compare_digest(given, token)
        return found

    def _signed(self, given: str, now: datetime) -> bool:
        match = _SIGNED.fullmatch(given)
        if match is None or int(match[1]) <= now.timestamp():
            return False
        found = False
        for token in self._tokens:
            found |= hmac.compare_digest(match[2], _signature(token, match[1]))
        return found


def _signature(token: bytes, expiry: str) -> str:
    return hmac.new(token, f"bridge until {expiry}".encode(), hashlib.sha256).hexdigest()


def _password(encoded: str) -> bytes:
    """Of Basic credentials; empty for what is none."""
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
