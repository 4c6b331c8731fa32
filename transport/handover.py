"""How a call changes hands when its bridge comes back: the connection that has it, here or on another server of the
same store, is asked to let go, and waited for, but not for long."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from engine.call import Call
from engine.faults import where
from engine.ports import Clock, Store
from storage import tenure
from storage.tenure import OpenCall, Tenure
from transport.errors import BridgeError

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_ASK_EVERY_S = 0.1
_PATIENCE_S = 3.0  # with an owner that does not answer: it may be dead
_ALIVE_FOR = timedelta(seconds=1)  # who is still heard from then is not lost


class GoesOnError(BridgeError):
    """Raised when a bridge comes with the id of a call whose own connection is alive."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call of this process, and its right to write for it."""

    tenure: Tenure
    call: Call


class Handover:
    """Between connections that want a call and those that have it. `live`: the calls of this process by their ids."""

    def __init__(self, store: Store, clock: Clock, live: MutableMapping[str, LiveCall]) -> None:
        self._store, self._clock, self._live = store, clock, live

    async def ask(self, bridge_call_id: str, check: Callable[[OpenCall], None]) -> OpenCall | None:
        """The call that a bridge comes back to, once it may be taken; None when it comes with a new one.

        Nobody is asked for it before `check` has let it pass. One whose owner does not answer may be taken too:
        nothing that it still writes will count. Raises GoesOnError, and what `check` raises.
        """
        until, asked = self._clock.monotonic() + _PATIENCE_S, False
        while True:
            now = self._clock.now()
            found = await self._store.run(partial(tenure.of_bridge, bridge_call_id, now=now))
            if found is None:
                return None
            check(found)
            if found.left or self._clock.monotonic() >= until:
                return found
            if asked and not found.asked:
                raise GoesOnError("its call goes on over a connection that is alive", code=1008)
            if not asked:
                await self._store.run(partial(tenure.ask_for, found, now=now))
                asked = True
            await self.look()
            await self._clock.sleep(_ASK_EVERY_S)

    async def watch(self) -> None:
        """Look for ever who wants our calls, or has them."""
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            try:
                await self.look()
            except Exception as error:
                _log.warning("it cannot be told who wants our calls; asked again: %s", where(error))

    async def look(self) -> None:
        """Let go of calls that others want, as far as their lines are dead, and of those that others have."""
        mine = dict(self._live)
        if not mine:
            return
        tenures = [each.tenure for each in mine.values()]
        for call_id, standing in (await self._store.run(lambda: tenure.standings(tenures))).items():
            if standing.taken:
                mine[call_id].call.taken()
            elif standing.wanted_at is not None:
                await self._answer(mine[call_id], standing.wanted_at)

    async def _answer(self, wanted: LiveCall, since: datetime) -> None:
        if wanted.call.ends:
            return  # soon it is over for all
        if not wanted.call.line_alive:
            wanted.call.let_go()
        elif self._clock.now() - since >= _ALIVE_FOR:
            await self._store.run(lambda: tenure.keep_to(wanted.tenure))
