"""What the extractor finds in the caller's turns, asked for while the assistant still speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from engine.extraction.breaker import RestingError
from engine.extraction.grounding import ground
from engine.faults import where
from engine.ports import Extractor, ExtractorError, Mention
from engine.turns import Speaker, Transcript, Turn

_log = logging.getLogger(__name__)

MOST_TURNS = 8
"""How many turns the extractor is shown at most: those asked about and what led up to them."""

_Words = tuple[tuple[int, str], ...]


class ReadingAhead:
    """The extractor of one call. At most one request is under way; its answer counts only for the words it read."""

    def __init__(self, extractor: Extractor, call: str) -> None:
        self._extractor, self._call = extractor, call
        self._request: asyncio.Task[tuple[Mention, ...]] | None = None
        self._reads: _Words = ()  # what the request under way, or the last one, is about
        self._later: tuple[tuple[Turn, ...], tuple[Turn, ...]] | None = None  # to be read after it

    def begin(self, shown: Sequence[Turn], asked: Sequence[Turn]) -> None:
        """Start reading `asked` (turns of the caller) among the turns `shown`, or once the request under way is done.

        Must be called inside a running event loop.
        """
        if _words(asked) == self._reads:
            self._later = None
        elif self._request is not None and not self._request.done():
            self._later = (tuple(shown), tuple(asked))
        else:
            self._start(shown, asked)

    async def found(self, shown: Sequence[Turn], asked: Sequence[Turn]) -> tuple[Mention, ...]:
        """The grounded mentions in `asked`, as they read now; none when the extractor fails. Never raises for it."""
        if not asked:
            return ()
        self._later = None
        if self._request is None or _words(asked) != self._reads:
            await self._cancel()
            self._start(shown, asked)
        assert self._request is not None
        return await asyncio.shield(self._request)

    async def close(self) -> None:
        """The call is over: nothing is waited for any more."""
        self._later = None
        await self._cancel()

    def _start(self, shown: Sequence[Turn], asked: Sequence[Turn]) -> None:
        self._reads = _words(asked)
        self._request = asyncio.create_task(
            self._ask(tuple(shown), tuple(asked)), name=f"extraction of call {self._call}"
        )
        self._request.add_done_callback(self._go_on)

    def _go_on(self, done: asyncio.Task[tuple[Mention, ...]]) -> None:
        """The words have changed while they were read: read them again."""
        if self._later is not None and done is self._request and not done.cancelled():
            later, self._later = self._later, None
            self._start(*later)

    async def _cancel(self) -> None:
        request, self._request, self._reads = self._request, None, ()
        if request is not None and not request.done():
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)

    async def _ask(self, shown: tuple[Turn, ...], asked: tuple[Turn, ...]) -> tuple[Mention, ...]:
        of_others = {turn.number for turn in shown} - {turn.number for turn in asked}
        try:
            answer = await self._extractor.extract(shown)
            grounded = ground([mention for mention in answer if mention.turn not in of_others], asked)
        except RestingError:
            return ()
        except ExtractorError as error:
            _log.warning("call %s: the extraction model did not help, we read alone: %s", self._call, error)
            return ()
        except Exception as error:
            _log.error("call %s: the extractor failed, we read alone: %s", self._call, where(error))
            return ()
        if grounded.dropped:
            _log.info("call %s: dropped %d mentions whose words were not said", self._call, grounded.dropped)
        return grounded.mentions


def to_read(transcript: Transcript, new: Sequence[int]) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """The latest turns, up to MOST_TURNS of them, and which of those are new turns of the caller."""
    said = [turn for turn in transcript if not turn.keyed]
    of_caller = [at for at, turn in enumerate(said) if turn.number in new and turn.speaker is Speaker.CALLER]
    if not of_caller:
        return (), ()
    last = of_caller[-1] + 1
    shown = tuple(said[max(0, last - MOST_TURNS) : last])
    return shown, tuple(
        turn for turn in shown if turn.number in new and turn.speaker is Speaker.CALLER and turn.text.strip()
    )


def _words(turns: Sequence[Turn]) -> _Words:
    return tuple((turn.number, turn.text) for turn in turns)
