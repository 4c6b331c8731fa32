"""Tells the model what the supervisor wants said: in quiet, and so that it is said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.model_link import ModelLink, Uptake
from engine.ports import Clock

_POLL_S = 0.05


class Notices:
    """What waits to be told. `quiet`: nobody speaks; `hung_up` is called when the call is to end and all was told."""

    def __init__(
        self, link: ModelLink, clock: Clock, *, quiet: Callable[[], bool], hung_up: Callable[[], None]
    ) -> None:
        self._link, self._clock, self._quiet, self._hung_up = link, clock, quiet, hung_up
        self._waiting: list[str] = []
        self._arrived = asyncio.Event()
        self._hang_up = False

    def add(self, notices: Sequence[str], *, hang_up: bool = False) -> None:
        """Tell these, in order; with `hang_up` the call is to end once they were told."""
        self._waiting.extend(notices)
        self._hang_up = self._hang_up or hang_up
        if self._waiting or self._hang_up:
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
            if self._hang_up and not self._waiting:
                await self._until_quiet()
                self._hung_up()

    async def _tell(self, text: str) -> None:
        """Once more when the model does not take it up, and again in each conversation that follows a lost one."""
        ignored = 0
        while ignored < 2:
            await self._until_quiet()
            uptake = await self._link.tell(text)
            if uptake is Uptake.SPOKEN:
                return
            ignored += uptake is Uptake.IGNORED

    async def _until_quiet(self) -> None:
        while not self._link.open or not self._quiet():
            await self._clock.sleep(_POLL_S)
