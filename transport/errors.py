"""What can go wrong at the edges, as one family of exceptions."""

from __future__ import annotations


class TransportError(Exception):
    """Base of every error raised by transport."""


class BridgeError(TransportError):
    """Raised when a bridge breaks its dialect.

    `code` is the WebSocket close code its connection is ended with; the message names what was wrong and
    never holds personal data.
    """

    def __init__(self, message: str, *, code: int = 1007) -> None:
        super().__init__(message)
        self.code = code


class MetadataError(BridgeError):
    """Raised when the first frame of a bridge does not describe a call."""
