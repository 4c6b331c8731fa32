"""Tells the model what the supervisor wants said: in quiet, and so that it is said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.model_link import ModelLink, Uptake
from engine.ports import Clock, Command

_POLL_S = 0.05


class Notices:
    """What waits to be told. `quiet`: nobody speaks.

    A command is given to `carry_out` when all was told and `settled` says that nothing is undecided.
    """

    def __init__(
        self,
        link: ModelLink,
        clock: Clock,
        *,
        quiet: Callable[[], bool],
        settled: Callable[[], bool],
        carry_out: Callable[[Command], None],
    ) -> None:
        self._link, self._clock, self._quiet = link, clock, quiet
        self._settled, self._carry_out = settled, carry_out
        self._waiting: list[str] = []
        self._arrived = asyncio.Event()
        self._command: Command | None = None

    def add(self, notices: Sequence[str], *, command: Command | None = None, stays: bool = False) -> None:
        """Tell these, in order, then carry out `command`; with `stays` an earlier one is not carried out."""
        self._waiting.extend(notices)
        if self._waiting:
            self._link.something_to_tell = (
                True  # at once: what it brings up by itself would be taken for the answer
            )
        self._command = command or (None if stays else self._command)
        if self._waiting or self._command:
            self._arrived.set()

    async def run(self) -> None:
        """Tell what comes until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._until_quiet()
            text = "\n".join(self._waiting)
            self._waiting.clear()
            if text:
                await self._tell(text)
            while self._command is not None and not self._waiting:
                if self._link.open and self._settled():
                    self._carry_out(self._command)
                    self._command = None
                else:
                    await self._clock.sleep(_POLL_S)

    async def _tell(self, text: str) -> None:
        """Once more when the model does not take it up, and again in each conversation that follows a lost one."""
        ignored, self._link.something_to_tell = 0, True
        while ignored < 2:
            await self._until_quiet()
            uptake = await self._link.tell(text)
            if uptake is Uptake.SPOKEN:
                break
            ignored += uptake is Uptake.IGNORED
        self._link.something_to_tell = False

    async def _until_quiet(self) -> None:
        while not self._link.open or not self._quiet():
            await self._clock.sleep(_POLL_S)
