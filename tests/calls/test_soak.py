"""Calls that end in every way, wave after wave: no task, socket or object of theirs is left behind.

The long version is `make bench ARGS=calls_soak`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.calls.lineup import LineUp, Part, booker, furnish, line_up
from transport.simulation.caller import Dialled
from transport.simulation.gemini_emulator_script import Break, Connection, Script
from transport.simulation.wire import WIRES, Wire

FRAME_S = 0.04
TALK_S = 3.0  # of the clock: the assistant greets
WAVES = 3
OF_A_CALL = {  # what there is one or a few of in a call, by name, so that none needs to be imported
    "ActiveCalls", "AssistantSpeech", "BridgeLine", "Call", "CallerSpeech", "ClientConnection", "EnergyDetector",
    "ForkConnection", "GeminiLiveSession", "ModelLink", "Notices", "Playout", "Resampler", "StreamConnection",
    "Supervisor", "TwilioConnection", "Uplink", "WebSocketResponse",
}  # fmt: skip

Socket = aiohttp.ClientWebSocketResponse


class Bridge:
    """A bridge that sends silence until its call ends in one way or another."""

    def __init__(self, lines: LineUp, dialled: Dialled, dialect: str) -> None:
        self.lines, self.dialled = lines, dialled
        self.kind: type[Wire] = WIRES[dialect]

    async def connect(self) -> Socket:
        wire = self.kind(self.dialled, self.kind.usual_rate)
        socket = await self.lines.session.ws_connect(self.lines.url + wire.path, protocols=wire.protocols)
        for frame in wire.hello():
            await socket.send_str(frame)
        silence, until = wire.up(bytes(int(wire.rate * FRAME_S) * 2)), self.lines.clock.monotonic() + TALK_S
        while self.lines.clock.monotonic() < until:
            await (socket.send_str(silence) if isinstance(silence, str) else socket.send_bytes(silence))
            await self.lines.clock.sleep(FRAME_S)
        return socket

    async def hangs_up(self) -> None:
        await (await self.connect()).close()

    async def is_lost(self) -> None:
        await cut(await self.connect())

    async def comes_back(self) -> None:
        await cut(await self.connect())
        await self.lines.clock.sleep(1)
        await (await self.connect()).close()

    async def sends_junk(self) -> None:
        socket = await self.connect()
        await socket.send_str("no json")
        await rest(socket)


async def cut(socket: Socket) -> None:
    """End the connection without a word."""
    connection = socket._response.connection  # aiohttp has no public way
    assert connection is not None and connection.transport is not None
    connection.transport.abort()
    await rest(socket)


async def rest(socket: Socket) -> None:
    """Read until the connection has ended."""
    async for _ in socket:
        pass
    await socket.close()


BROKEN = Script(connections={1: Connection(breaks=Break(None, in_turn=1))})
CLOSED = Script(connections={1: Connection(breaks=Break(1011, "internal error", in_turn=1))})
WELL = Script()

# Who calls, through which dialect, how the call ends, and what becomes of its model before that.
CALLERS: dict[str, tuple[str, Callable[[Bridge], Awaitable[None]], Script]] = {
    "Ada": ("fork", Bridge.hangs_up, WELL),
    "Bea": ("stream", Bridge.hangs_up, BROKEN),
    "Cleo": ("twilio", Bridge.hangs_up, CLOSED),
    "Dora": ("fork", Bridge.is_lost, WELL),
    "Elsa": ("twilio", Bridge.is_lost, BROKEN),
    "Fina": ("fork", Bridge.comes_back, WELL),
    "Gina": ("twilio", Bridge.comes_back, CLOSED),
    "Ines": ("fork", Bridge.sends_junk, WELL),
    "Lea": ("stream", Bridge.sends_junk, BROKEN),
}


async def held(lines: LineUp) -> tuple[Counter[str], int, Counter[str], int]:
    """Tasks by name, files and sockets, what belongs to calls, all objects; once all calls are over."""
    async with asyncio.timeout(20):
        while True:
            async with lines.session.get(f"{lines.url}/healthz") as answer:
                if not (await answer.json())["active_calls"]:
                    break
            await lines.clock.sleep(0.2)
    await lines.clock.sleep(1)
    lines.emulator.calls.clear()  # which it keeps for tests to look at
    gc.collect()
    objects = gc.get_objects()
    kinds = Counter(type(each).__name__ for each in objects)
    tasks = Counter(task.get_name().split("-")[0] for task in asyncio.all_tasks())
    ours = Counter({kind: count for kind, count in kinds.items() if kind in OF_A_CALL})
    return tasks, len(os.listdir("/proc/self/fd")), ours, len(objects)  # noqa: PTH208  # no file of anybody's


@pytest.fixture
def unlogged() -> Iterator[None]:
    """pytest keeps what is logged, with errors, and with these the calls they were raised in."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    seen: list[tuple[Counter[str], int, Counter[str], int]] = []
    async with line_up(tmp_path, speed=2.5) as lines:
        lines.scripts.update({name: script for name, (_, _, script) in CALLERS.items()})
        parts = [Part(booker(name)) for name in CALLERS]
        known = await lines.database.run(lambda: [furnish(part, at) for at, part in enumerate(parts)])
        for wave in range(WAVES):
            calls = [
                end(Bridge(lines, replace(dialled, call_id=f"{dialled.call_id}-{wave}"), dialect))
                for dialled, (dialect, end, _) in zip(known, CALLERS.values(), strict=True)
            ]
            await asyncio.gather(*calls)
            seen.append(await held(lines))
    first, last = seen[0], seen[-1]
    assert last[0] == first[0], "tasks"
    assert last[1] <= first[1], "sockets"
    assert last[2] <= first[2], f"of calls: {last[2] - first[2]}"
    growth = last[3] - seen[-2][3]
    assert growth < 100 * len(CALLERS), f"{growth} objects more with the last wave"
