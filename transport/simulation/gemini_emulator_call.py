"""One phone call as the emulator knows it, over all its connections: what was said, and what can be taken up again."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from transport.simulation.gemini_emulator_script import Connection, Script
from transport.simulation.receptionist import Receptionist


class Open(Protocol):
    """A connection, as far as the call is concerned."""

    @property
    def closed(self) -> bool:
        """Whether it is over."""


@dataclass(slots=True)
class EmulatedCall:
    """`prompt` is that of its first connection. `heard`, `told`, `said` and `breaches` are for tests to look at.

    `breaches` are things that the real API punishes, or may: a second connection while one is open.
    """

    prompt: str
    script: Script
    number: int
    heard: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)
    """Of each connection whether it took the conversation up again."""

    chance: random.Random = field(default_factory=random.Random)
    transcribed: list[str] = field(default_factory=list)
    """Pieces of transcript that were sent, the caller's and (next) the assistant's."""

    written: list[str] = field(default_factory=list)
    _current: Open | None = None
    _memories: dict[str, Receptionist] = field(default_factory=dict)

    @property
    def notices(self) -> list[str]:
        """All that it was told, but for how to begin or go on."""
        return [text for text in self.told if text.startswith("[AVVISO")]

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self.resumed)

    @property
    def open(self) -> bool:
        """Whether its last connection is."""
        return self._current is not None and not self._current.closed

    def connect(self, connection: Open, handle: str | None) -> Connection:
        """Another connection of this call; how it shall behave."""
        self._current = connection
        self.resumed.append(handle is not None)
        return self.script.connections.get(self.connections, Connection())

    def remember(self, receptionist: Receptionist) -> str:
        """A handle to take the conversation up again with, as it stands now."""
        handle = f"handle-{self.number}-{len(self._memories) + 1}"
        self._memories[handle] = copy.deepcopy(receptionist)
        return handle

    def knows(self, handle: str) -> bool:
        """Whether it has given this handle."""
        return handle in self._memories

    def receptionist(self, prompt: str, handle: str | None) -> Receptionist:
        """Who answers: whoever the handle remembers, or somebody new."""
        if handle is not None:
            return copy.deepcopy(self._memories[handle])
        return Receptionist(prompt, self.script.misbehaviour)


class Calls:
    """All calls of an emulator. `script_for` is asked once a call, with its prompt."""

    def __init__(self, script_for: Callable[[str], Script]) -> None:
        self._script_for = script_for
        self.all: list[EmulatedCall] = []

    def of_handle(self, handle: str) -> EmulatedCall | None:
        """The call that a handle was given for."""
        return next((call for call in self.all if call.knows(handle)), None)

    def of_prompt(self, prompt: str) -> EmulatedCall:
        """The call that goes on with this prompt, or a new one.

        A prompt with something added is that of the call it was added to; the same prompt once more is that of
        a call in which nothing was said yet.
        """
        for call in reversed(self.all):
            added = prompt != call.prompt and prompt.startswith(call.prompt)
            if added or (prompt == call.prompt and not call.said and not call.open):
                return call
        script = self._script_for(prompt)
        call = EmulatedCall(prompt, script, len(self.all) + 1, chance=random.Random(script.seed))
        self.all.append(call)
        return call


def last_of(pieces: Sequence[str], count: int) -> Sequence[str]:
    """The last `count` of `pieces`."""
    return pieces[len(pieces) - count :] if count else ()
