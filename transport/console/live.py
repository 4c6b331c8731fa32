"""Pages that follow what happens: a server looks at the store once a second, and only while somebody is watching.

It looks once for all who watch, however many; and since it asks the store, it sees calls on other servers too. A
page is only told that something has changed, and then asks for itself again: so what it may show is decided as ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp_sse import sse_response

from engine.faults import where
from storage import console_jobs
from storage.call_signs import CallSign, sign_of_list, signs_of
from storage.database import Database

log = logging.getLogger(__name__)

CHANGED, OVER = "cambiata", "finita"

_MOST_VIEWERS = 200  # of one server; who comes after them reloads by hand
_PING_S = 15.0


@dataclass(frozen=True, slots=True)
class OneCall:
    """What is watched: one call, by its id."""

    id: str


@dataclass(frozen=True, slots=True)
class TheList:
    """What is watched: the list of calls, of one consultant or all."""

    consultant_id: int | None


@dataclass(frozen=True, slots=True)
class OneJob:
    """What is watched: long work that somebody asked for, by its id."""

    id: str


Watched = OneCall | TheList | OneJob


@dataclass(eq=False, slots=True)
class _Viewer:
    """Somebody who watches; `seen` is the sign of what their page shows, as far as we know."""

    watched: Watched
    seen: Hashable
    told: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False


class Live:
    """Tells viewers of changes over Server-Sent Events."""

    def __init__(self, database: Database, look_s: float) -> None:
        """`look_s`: seconds between two looks at the store."""
        self._database, self._look_s = database, look_s
        self._viewers: set[_Viewer] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closing = False

    def add_to(self, app: web.Application) -> None:
        """Have every stream end when the server stops."""
        app.on_shutdown.append(self._shut)

    async def stream(self, request: web.Request, watched: Watched) -> web.StreamResponse:
        """Answer with events until the viewer leaves, the call is over, or the server stops.

        `CHANGED` says that the page should be asked for again, `OVER` that this was the last time.
        """
        if len(self._viewers) >= _MOST_VIEWERS or self._closing:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
        # What may have changed between the page and now is told at once: the page says no sign of its own.
        viewer = _Viewer(watched, seen=None)
        self._viewers.add(viewer)
        try:
            self._look_from_now_on()
            async with sse_response(request, ping_interval=_PING_S) as events:
                while not self._closing and not _left(request):
                    if not await self._something(viewer):
                        continue
                    viewer.told.clear()
                    over = viewer.over
                    await events.send("", event=OVER if over else CHANGED)
                    if over:
                        break
            return events
        except ConnectionError:
            raise asyncio.CancelledError from None  # left while being told: nobody to answer
        finally:
            self._viewers.discard(viewer)

    async def _something(self, viewer: _Viewer) -> bool:
        """Wait a moment for something to tell."""
        try:
            await asyncio.wait_for(viewer.told.wait(), self._look_s)
        except TimeoutError:
            return False
        return not self._closing

    def _look_from_now_on(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="live pages")

    async def _look(self) -> None:
        while self._viewers and not self._closing:
            try:
                await self._look_once()
            except Exception as error:  # the store is away: pages stay as they are until it is back
                log.warning("the watched pages cannot be looked after: %s", where(error))
            await asyncio.sleep(self._look_s)

    async def _look_once(self) -> None:
        watched = {viewer.watched for viewer in self._viewers}
        calls = {each.id for each in watched if isinstance(each, OneCall)}
        jobs = {each.id for each in watched if isinstance(each, OneJob)}
        lists = {each for each in watched if isinstance(each, TheList)}

        def read() -> dict[Watched, Hashable]:
            found: dict[Watched, Hashable] = {OneCall(name): sign for name, sign in signs_of(calls).items()}
            found |= {OneJob(name): sign for name, sign in console_jobs.signs(jobs).items()}
            return found | {each: sign_of_list(each.consultant_id) for each in lists}

        signs = await self._database.run(read)
        for viewer in self._viewers:
            sign = signs.get(viewer.watched)
            if sign is not None and sign != viewer.seen:
                viewer.over = _is_over(sign)
                viewer.seen = sign
                viewer.told.set()

    async def _shut(self, _: web.Application) -> None:
        self._closing = True
        for viewer in self._viewers:
            viewer.told.set()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)


def _is_over(sign: Hashable) -> bool:
    """A call and a piece of work come to an end, the list never does."""
    if isinstance(sign, CallSign):
        return sign.over
    return isinstance(sign, tuple) and bool(sign[-1])


def _left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
