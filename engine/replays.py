"""Tells which pieces of a transcript a new connection to the model merely repeats from the one before."""

from __future__ import annotations

from collections.abc import Iterable

_KEPT_WORDS = 200


class Replays:
    """One side's transcript over all connections of a call.

    A connection that takes a conversation up again may begin with words told before. A piece counts as
    repeated when it and all pieces before it in this connection run along the words known at its beginning;
    from the first that does not, or once `over` says so, none does. Short words run along easily: that a piece
    is repeated is a suspicion, and what to make of it is for the caller of this to know. `told` is what earlier
    connections, of another process, have told already.
    """

    def __init__(self, told: Iterable[str] = ()) -> None:
        self._known = [word for text in told for word in text.split()]
        self._before: list[str] = []
        self._next: set[int] = set()
        self._possible = False
        self.begin()

    def begin(self) -> None:
        """Another connection follows."""
        self._before = self._known[-_KEPT_WORDS:]
        self._next = set(range(len(self._before)))
        self._possible = bool(self._before)

    def over(self) -> None:
        """What comes from now on is new."""
        self._possible = False

    def repeats(self, text: str) -> bool:
        """Whether `text`, a piece that has just come, may be a repetition."""
        words = text.split()
        if self._possible and words:
            ends = {at + len(words) for at in self._next if self._before[at : at + len(words)] == words}
            self._possible = bool(ends)
            self._next = ends
        if not self._possible:
            self._known += words
            del self._known[:-_KEPT_WORDS]
        return self._possible and bool(words)
