"""The HTTP server: which routes there are, how calls come in, how it starts and how it drains."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from engine.ports import Clock
from transport.bridge.calls import ActiveCalls
from transport.bridge.dialects import DIALECTS
from transport.bridge.endpoint import Answer, BridgeEndpoint
from transport.door import NUMBERS, Door
from transport.errors import TransportError
from transport.metrics import CONTENT_TYPE, Metrics
from transport.settings import BridgeSettings, ServerSettings
from transport.tokens import BridgeTokens

log = logging.getLogger(__name__)

_MIDDLE_A_FULL = 100  # collections of the middle generation before a full one; Python's own default is 10


@dataclass(frozen=True, slots=True)
class Parts:
    """What the server is put together from.

    `answer` takes a connected call (its line and metadata) and returns when the call is over and all is
    written; `pages` adds the console's routes, if there is a console, `api` those of integrations, `feeds` those of
    calendar programs, `public` those of the booking page; `tokens` are asked of bridges; `metrics` is where things are
    counted.
    """

    answer: Answer
    clock: Clock
    bridge: BridgeSettings = field(default_factory=BridgeSettings)
    pages: Callable[[web.Application], None] | None = None
    api: Callable[[web.Application], None] | None = None
    feeds: Callable[[web.Application], None] | None = None
    public: Callable[[web.Application], None] | None = None
    tokens: BridgeTokens | None = None
    metrics: Metrics = field(default_factory=Metrics)


class ExposedError(TransportError):
    """Raised when a server would answer anybody on a network."""


CALLS: web.AppKey[ActiveCalls] = web.AppKey("calls", ActiveCalls)
DOOR: web.AppKey[Door] = web.AppKey("door", Door)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)


def init_app(parts: Parts) -> web.Application:
    """The application: a path for each bridge dialect, `/healthz`, `/metrics`; and of the console's pages,
    `/v1`, the calendar feeds and the booking page those that `parts` have."""
    numbers = parts.metrics
    most, refused = parts.bridge.max_calls, numbers.refused_at_the_door
    door = Door(parts.tokens, parts.clock, most=most, refused=refused)
    app = web.Application(middlewares=[door.middleware()])
    app[DOOR] = door
    app[CALLS] = ActiveCalls(began=numbers.line_begins, ended=numbers.line_ends)
    app[CLOCK] = parts.clock
    app.on_response_prepare.append(_say_no_versions)
    for path, dialect in DIALECTS.items():
        endpoint = BridgeEndpoint(dialect, parts.answer, parts.clock, parts.bridge)
        app.router.add_get(path, _calls_of(endpoint, refused))
    app.router.add_get("/healthz", _healthz)
    app.router.add_get(NUMBERS, _numbers_of(numbers))
    app.cleanup_ctx.append(lambda _: numbers.watching_lag(parts.clock))
    for add in (parts.pages, parts.api, parts.feeds, parts.public):
        if add is not None:
            add(app)
    return app


def refuse_exposed(settings: ServerSettings, *, locked: bool) -> None:
    """Raises ExposedError for an address off loopback when bridges are asked for no token (`locked` is false)."""
    if not locked and not settings.loopback:
        raise ExposedError(
            f"{settings.host} can be reached from a network, and no token is asked for: set BRIDGE_TOKENS in the "
            "environment, or listen on 127.0.0.1"
        )


def address_at(settings: ServerSettings, port: int) -> str:
    """Where the server is reached that listens on `port`."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


@asynccontextmanager
async def running(
    app: web.Application, settings: ServerSettings, *, share_port: bool = False
) -> AsyncIterator[str]:
    """Serve `app` inside the `async with`; gives its address, "http://host:port". Leaving it drains calls.

    Raises OSError when the address cannot be bound, ExposedError as `refuse_exposed` does.
    """
    refuse_exposed(settings, locked=app[DOOR].locked)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, reuse_port=share_port or None)
        await site.start()
        yield address_at(settings, runner.addresses[0][1])
        await app[CALLS].drain(app[CLOCK], settings.drain_s)
    finally:
        await runner.cleanup()


async def serve(
    app: web.Application,
    settings: ServerSettings,
    *,
    ready: Callable[[str], Awaitable[None]] | None = None,
    share_port: bool = False,
) -> None:
    """Serve `app` until SIGTERM or SIGINT, then drain; a second signal drops the calls.

    `ready` is told the address once it is bound, and no other server can have it.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    current = asyncio.current_task()

    def asked_to_stop() -> None:
        if stop.is_set() and current is not None:
            current.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    try:
        with suppress(asyncio.CancelledError):
            async with running(app, settings, share_port=share_port) as address:
                log.info("listening on %s", address)
                if ready is not None:
                    await ready(address)
                _spare_what_stays()
                await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _say_no_versions(_: web.Request, response: web.StreamResponse) -> None:
    """Which ones we run on is nobody's business."""
    response.headers.popall("Server", None)


def _calls_of(
    endpoint: BridgeEndpoint, refused: Callable[[str], None]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        calls = request.app[CALLS]
        if calls.draining:
            refused("draining")
            return web.json_response({"error": "draining"}, status=503, headers={"Retry-After": "30"})
        return await endpoint.handle(request, calls)

    return handle


def _numbers_of(metrics: Metrics) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    return handle


async def _healthz(request: web.Request) -> web.Response:
    calls = request.app[CALLS]
    status = "draining" if calls.draining else "ok"
    return web.json_response({"status": status, "active_calls": len(calls)})


def _spare_what_stays() -> None:
    """Let the garbage collector pass over all that is loaded: a look at it takes 0.2 s, in which no call is heard.

    What calls leave is still collected, all of it at once more rarely: that too takes longer the more calls there are.
    """
    gc.collect()
    gc.freeze()
    youngest, middle, _ = gc.get_threshold()
    gc.set_threshold(youngest, middle, _MIDDLE_A_FULL)
