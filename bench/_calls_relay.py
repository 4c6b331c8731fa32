"""The least that a voice relay can be: aiohttp, no understanding, no pacing. What the load bench sets us beside.

Run by bench.calls. Speaks the same wires: mod_audio_fork's with the bridge, Gemini Live's over TLS with the model.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys

import aiohttp
import orjson
import uvloop
from aiohttp import web

from transport.clock import SystemClock
from transport.metrics import Metrics

_CHUNK = 1280  # 40 ms, as we send
_BEFORE, _AFTER = b'{"realtime_input":{"audio":{"mime_type":"audio/pcm;rate=16000","data":"', b'"}}}'
_LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_SETUP = orjson.dumps({"setup": {"model": "models/any"}}).decode()


async def relay(request: web.Request) -> web.WebSocketResponse:
    """One call: what either side sends goes to the other as it comes."""
    bridge = web.WebSocketResponse(protocols=("audio.jambonz.org",), compress=False)
    await bridge.prepare(request)
    await bridge.receive()  # the metadata
    session: aiohttp.ClientSession = request.app[SESSION]
    async with session.ws_connect(
        request.app[MODEL] + _LIVE, ssl=request.app[TLS], max_msg_size=16 << 20
    ) as model:
        await model.send_str(_SETUP)

        async def down() -> None:
            async for message in model:
                content = orjson.loads(message.data).get("serverContent") or {}
                for part in (content.get("modelTurn") or {}).get("parts") or ():
                    await bridge.send_bytes(base64.b64decode(part["inlineData"]["data"]))

        task, partial = asyncio.create_task(down()), b""
        async for message in bridge:
            partial += message.data
            if len(partial) >= _CHUNK:
                await model.send_str((_BEFORE + base64.b64encode(partial) + _AFTER).decode())
                partial = b""
        task.cancel()
    return bridge


async def numbers(request: web.Request) -> web.Response:
    """Loop lag, measured as ours is."""
    return web.Response(body=request.app[METRICS].page())


SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)
MODEL: web.AppKey[str] = web.AppKey("model", str)
TLS: web.AppKey[ssl.SSLContext] = web.AppKey("tls", ssl.SSLContext)
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)


async def main(model: str, ca: str) -> None:
    """Serve until killed; prints the port."""
    app, metrics = web.Application(), Metrics()
    app[MODEL], app[TLS], app[METRICS] = model, ssl.create_default_context(cafile=ca), metrics
    app.router.add_get("/bridge/fork", relay)
    app.router.add_get("/metrics", numbers)
    runner = web.AppRunner(app, access_log=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        app[SESSION] = session
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with metrics.watching_lag(SystemClock()):
            print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
