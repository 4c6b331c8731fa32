"""The keys a caller presses, brought together into turns: a run of digits that `#`, a pause or speech ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.turns import Speaker, Turn

END, CLEAR = "#", "*"
DIGITS = frozenset("0123456789")
_MOST_DIGITS = 20  # no number is as long, so what is cut off here cannot make one


class Keypad:
    """The run of keys that one call's caller is pressing. `numbers` gives turn numbers.

    A turn's text is its digits, behind a `*` when that cleared what had been keyed before them.
    """

    def __init__(self, numbers: Iterator[int], *, pause_s: float = 3.0) -> None:
        self._numbers = numbers
        self._pause = timedelta(seconds=pause_s)
        self._text = ""
        self._began_at: datetime | None = None
        self._pressed_at: datetime | None = None

    @property
    def began_at(self) -> datetime | None:
        """When the run that goes on began; None while none does."""
        return self._began_at

    def press(self, key: str, now: datetime) -> Turn | None:
        """A key was pressed: 0 to 9, `*` or `#`; others are let pass. The turn that it ended, if any."""
        if key == END:
            return self.end()
        if key != CLEAR and key not in DIGITS:
            return None
        self._began_at, self._pressed_at = self._began_at or now, now
        if key == CLEAR:
            self._text = CLEAR
        elif len(self._text) < _MOST_DIGITS:
            self._text += key
        return None

    def settle(self, now: datetime) -> Turn | None:
        """The turn that the pause since the last key has ended, if any."""
        if self._pressed_at is None or now - self._pressed_at < self._pause:
            return None
        return self.end()

    def end(self) -> Turn | None:
        """The run is over; its turn, if there was one."""
        if self._began_at is None:
            return None
        turn = Turn(
            next(self._numbers), Speaker.CALLER, self._text, self._began_at, self._pressed_at, keyed=True
        )
        self._text, self._began_at, self._pressed_at = "", None, None
        return turn
