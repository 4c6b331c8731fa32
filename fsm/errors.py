"""What can go wrong with the machine. A refused event is no error: see `fsm.booking.Refused`."""

from __future__ import annotations


class FsmError(Exception):
    """Base of every error of this package."""


class BadStateError(FsmError):
    """Raised when a stored stage or task is none the machine knows, or the two do not go together."""


class UnknownEventError(FsmError):
    """Raised when something is fired that is no event of the machine."""
