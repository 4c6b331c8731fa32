"""A circuit breaker: an extractor that keeps failing is left alone for a while, by all calls together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from engine.ports import Clock, Extractor, ExtractorError, Mention
from engine.turns import Turn

_log = logging.getLogger(__name__)


class RestingError(ExtractorError):
    """The extractor has failed too often in a row and is not asked for the time being."""


class Breaker:
    """After `failures` in a row what it guards rests `rest_s` seconds; then one request tries it.

    Make one for the process and let it guard the extractor of every call: they share the count and the rest.
    Requests that were under way when the rest began change nothing any more, and a cancelled one counts neither way.
    """

    def __init__(self, clock: Clock, *, failures: int, rest_s: float) -> None:
        self._clock = clock
        self._most, self._rest_s = failures, rest_s
        self._failed = 0  # in a row
        self._resting_until: float | None = None  # of the monotonic clock
        self._trial: object | None = None  # the one request that is let through after a rest
        self._spell = 0  # counts the changes between working and resting

    def guard(self, extractor: Extractor) -> Guarded:
        """`extractor`, asked only while it does not rest."""
        return Guarded(extractor, self)

    async def ask(self, extractor: Extractor, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`. Raises RestingError without asking, or whatever error the extractor raises."""
        request = self._admit()
        spell = self._spell
        try:
            found = await extractor.extract(turns)
        except asyncio.CancelledError:
            if self._trial is request:
                self._trial = None
            raise
        except Exception:
            if spell == self._spell:
                self._on_failure()
            raise
        if spell == self._spell:
            self._on_success()
        return found

    def _admit(self) -> object:
        request = object()
        if self._resting_until is not None:
            if self._trial is not None or self._clock.monotonic() < self._resting_until:
                raise RestingError("it rests after failing several times in a row")
            self._trial = request
        return request

    def _on_failure(self) -> None:
        self._failed += 1
        if self._trial is None and self._failed < self._most:
            return
        if self._resting_until is None:
            _log.warning(
                "the extraction model failed %d times in a row: it rests, and is tried every %g s from now on",
                self._failed,
                self._rest_s,
            )
        self._resting_until, self._trial = self._clock.monotonic() + self._rest_s, None
        self._spell += 1

    def _on_success(self) -> None:
        self._failed = 0
        if self._resting_until is not None:
            _log.warning("the extraction model answers again")
            self._resting_until, self._trial = None, None
            self._spell += 1


@dataclass(frozen=True, slots=True)
class Guarded:
    """An extractor behind the breaker of its process."""

    extractor: Extractor
    breaker: Breaker

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`. Raises RestingError without asking, or whatever error the extractor raises."""
        return await self.breaker.ask(self.extractor, turns)
