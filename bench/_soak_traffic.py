"""Calls that come and go for the soak: hung up, lost, taken up again, and cut off from their model in every way.

Run by bench.calls_soak: `_calls_traffic`'s world, told on standard input where to call and for how long.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import trustme
import uvloop

from bench._calls_traffic import Bridge, World
from bench._calls_wire import CLOSE, TEXT, frame

SECONDS = (3.0, 45.0)  # of a call
_HANG_UP = frame(CLOSE, (1000).to_bytes(2), masked=True)


class Soak:
    """So many callers, one call after the other each, until told to stop."""

    def __init__(self, world: World, port: int) -> None:
        self._world, self._port = world, port
        self._chance = random.Random(1)
        self.ended: Counter[str] = Counter()
        self._ends: dict[str, Callable[[Bridge], Awaitable[None]]] = {
            "hung up": self._hang_up,
            "lost": self._lose,
            "taken up again": self._take_up_again,
            "junk": self._junk,
            "model lost": self._lose_model,
            "model closed": self._close_model,
        }

    async def caller(self, stop: asyncio.Event) -> None:
        """Call again and again."""
        while not stop.is_set():
            bridge = await self._world.call("127.0.0.1", self._port)
            await asyncio.sleep(self._chance.uniform(*SECONDS))
            how = self._chance.choice(list(self._ends))
            await self._ends[how](bridge)
            self.ended[how] += 1
            await asyncio.sleep(self._chance.uniform(0.1, 3.0))

    async def _hang_up(self, bridge: Bridge) -> None:
        if not bridge.wire.transport.is_closing():
            bridge.wire.transport.write(_HANG_UP)
            await asyncio.sleep(0.2)
            bridge.wire.transport.close()

    async def _lose(self, bridge: Bridge) -> None:
        bridge.wire.transport.abort()

    async def _take_up_again(self, bridge: Bridge) -> None:
        bridge.wire.transport.abort()
        await asyncio.sleep(self._chance.uniform(0.1, 5.0))
        again = await self._world.call("127.0.0.1", self._port, bridge.call_id)
        await asyncio.sleep(self._chance.uniform(*SECONDS))
        await self._hang_up(again)

    async def _junk(self, bridge: Bridge) -> None:
        if not bridge.wire.transport.is_closing():
            bridge.wire.transport.write(frame(TEXT, b"no json", masked=True))
            await asyncio.sleep(1.0)
        bridge.wire.transport.abort()

    async def _lose_model(self, bridge: Bridge) -> None:
        self._a_model(lambda wire: wire.transport.abort())
        await asyncio.sleep(self._chance.uniform(0.0, 20.0))
        await self._hang_up(bridge)

    async def _close_model(self, bridge: Bridge) -> None:
        code = self._chance.choice((1000, 1007, 1008, 1011))
        self._a_model(lambda wire: wire.transport.write(frame(CLOSE, code.to_bytes(2))))
        await asyncio.sleep(self._chance.uniform(0.0, 20.0))
        await self._hang_up(bridge)

    def _a_model(self, end: Callable[..., None]) -> None:
        """End any conversation that goes on."""
        open_ones = [each.wire for each in self._world.models if not each.wire.transport.is_closing()]
        if open_ones:
            end(self._chance.choice(open_ones))


async def main() -> None:
    """Listen as Gemini; then waves of callers, each as long as a line of standard input says."""
    asked = json.loads(await asyncio.to_thread(sys.stdin.readline))
    world, loop = World(paced=True), asyncio.get_running_loop()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(asked["ca"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    gemini = await loop.create_server(world.answering, "127.0.0.1", 0, ssl=tls)
    print(f"https://127.0.0.1:{gemini.sockets[0].getsockname()[1]}", flush=True)
    running = asyncio.create_task(world.run())
    while line := await asyncio.to_thread(sys.stdin.readline):
        wave = json.loads(line)
        soak, stop = Soak(world, int(wave["url"].rpartition(":")[2])), asyncio.Event()
        callers = [asyncio.create_task(soak.caller(stop)) for _ in range(wave["callers"])]
        await asyncio.sleep(wave["seconds"])
        stop.set()
        await asyncio.gather(*callers)
        print(json.dumps({"calls": len(world.bridges), **soak.ended}), flush=True)
    running.cancel()


if __name__ == "__main__":
    uvloop.run(main())
