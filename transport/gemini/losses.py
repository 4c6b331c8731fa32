"""What an end of a conversation, as Gemini or the network tells it, means for the next try."""

from __future__ import annotations

import re
import ssl

from google.genai import errors
from websockets.exceptions import ConnectionClosed, InvalidStatus

from engine.ports import Loss

NO_CLOSE = 1006
"""The code of a connection that broke without being closed."""

_BY_CLOSE_CODE = {
    1007: Loss.REFUSED,  # a bad argument, or the context is exhausted
    1008: Loss.FATAL,  # policy: unknown model, no access
    1011: Loss.SERVER,
    1012: Loss.SERVER,
    1013: Loss.SERVER,
}
_TOO_MANY = 429
_STATUS = re.compile("[A-Z_]{1,40}")  # one of Google's own words, as INVALID_ARGUMENT


def loss_of_code(code: int) -> Loss:
    """What a WebSocket close code means."""
    return _BY_CLOSE_CODE.get(code, Loss.NETWORK)


def loss_of(error: BaseException) -> Loss:
    """What an error in opening or holding a conversation means."""
    if isinstance(error, errors.APIError):
        return loss_of_code(error.code or NO_CLOSE)
    if isinstance(error, ConnectionClosed):
        return loss_of_code(close_code(error))
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return Loss.SERVER if status == _TOO_MANY or status >= 500 else Loss.FATAL
    if isinstance(error, (ssl.SSLCertVerificationError, ValueError, TypeError)):
        return Loss.FATAL
    return Loss.NETWORK


def close_code(error: ConnectionClosed) -> int:
    """The code that the other side closed the connection with."""
    return error.rcvd.code if error.rcvd else NO_CLOSE


def reason_of(error: BaseException) -> str:
    """In a few words, for the log: codes, and no sentence of the other side, which may quote what it was told."""
    if isinstance(error, errors.APIError):
        status = error.status if isinstance(error.status, str) and _STATUS.fullmatch(error.status) else ""
        return f"{error.code} {status}".strip()
    if isinstance(error, ConnectionClosed):
        return f"closed with {close_code(error)}"
    if isinstance(error, InvalidStatus):
        return f"answered with {error.response.status_code}"
    return type(error).__name__
