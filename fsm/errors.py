"""What can go wrong with the machine. A refused event is no error: see `fsm.booking.Refused`."""

from __future__ import annotations


class FsmError(Exception):
    """Base of every error of this package."""


class UnknownStageError(FsmError):
    """Raised when a stored stage or task is none that the machine knows."""
