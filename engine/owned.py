"""The store as one call may use it: only for as long as the call is this connection's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.ports import Store
from storage import tenure
from storage.errors import CallTaken
from storage.tenure import Tenure

T = TypeVar("T")


class OwnedStore:
    """An `engine.ports.Store` for the holder of a tenure. `taken` is called when it is somebody else's by now."""

    def __init__(self, store: Store, held: Tenure, taken: Callable[[], None]) -> None:
        self._store, self._held, self._taken = store, held, taken

    async def run(self, work: Callable[[], T], *, still_valid: Callable[[], bool] | None = None) -> T:
        """As `Store.run`. Raises CallTaken, with nothing written, when the call has been taken."""

        def owned() -> T:
            tenure.hold_fast(self._held)
            return work()

        try:
            return await self._store.run(owned, still_valid=still_valid)
        except CallTaken:
            self._taken()
            raise
