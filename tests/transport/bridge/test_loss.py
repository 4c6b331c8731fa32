"""What each dialect's bridge does who is done, and what is a connection that was lost."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from engine.ports import HungUp
from tests.transport.bridge.desk import Connect, Desk

Socket = aiohttp.ClientWebSocketResponse

METADATA = {"callId": "call-1", "sampleRate": 16000}
START = {
    "event": "start",
    "streamSid": "MZ-1",
    "start": {"streamSid": "MZ-1", "callSid": "call-1", "mediaFormat": {"sampleRate": 8000}},
}
STOP = {"event": "stop", "streamSid": "MZ-1", "stop": {"callSid": "call-1"}}
FIRST: dict[str, Any] = {"fork": METADATA, "stream": METADATA, "twilio": START}


async def empty_frame(ws: Socket) -> None:
    await ws.send_bytes(b"")


async def stop(ws: Socket) -> None:
    await ws.send_json(STOP)


def closes(code: int) -> Callable[[Socket], Awaitable[object]]:
    async def close(ws: Socket) -> None:
        await ws.close(code=code)

    return close


async def falls_silent_for_good(ws: Socket) -> None:
    """The connection ends in an orderly way, but without a closing frame."""
    ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


async def is_reset(ws: Socket) -> None:
    """The connection ends at once, as that of a process that was killed."""
    tcp = ws.get_extra_info("socket")
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ws._conn is not None and ws._conn.transport is not None
    ws._conn.transport.abort()


@pytest.mark.parametrize(
    ("dialect", "end", "lost"),
    [
        ("fork", empty_frame, False),
        ("twilio", stop, False),
        *((dialect, closes(1000), False) for dialect in FIRST),
        *((dialect, closes(code), True) for dialect in FIRST for code in (1001, 1011)),
        *((dialect, falls_silent_for_good, True) for dialect in FIRST),
        *((dialect, is_reset, True) for dialect in FIRST),
    ],
)
async def test_how_a_bridge_ends(
    connect: Connect, desk: Desk, dialect: str, end: Callable[[Socket], Awaitable[object]], lost: bool
) -> None:
    client = await connect()
    ws = await client.ws_connect(f"/bridge/{dialect}", max_msg_size=0)
    await ws.send_str(json.dumps(FIRST[dialect]))
    if dialect == "fork":
        await ws.send_bytes(bytes(640))
    await end(ws)
    events = await desk.ended("call-1")
    assert events[-1] == HungUp("connection lost" if lost else "hangup", lost)


async def test_a_closing_frame_without_a_code_is_an_end(connect: Connect, desk: Desk) -> None:
    client = await connect()
    ws = await client.ws_connect("/bridge/fork", max_msg_size=0)
    await ws.send_str(json.dumps(METADATA))
    await ws._writer.send_frame(b"", aiohttp.WSMsgType.CLOSE)
    assert (await desk.ended("call-1"))[-1] == HungUp("hangup")


async def test_a_broken_dialect_is_the_end_and_no_loss(connect: Connect, desk: Desk) -> None:
    client = await connect()
    ws = await client.ws_connect("/bridge/fork", max_msg_size=0)
    await ws.send_str(json.dumps(METADATA))
    await ws.send_bytes(b"\0")
    end = (await desk.ended("call-1"))[-1]
    assert isinstance(end, HungUp) and end.reason.startswith("bridge error") and not end.lost


async def test_what_is_silent_too_long_is_the_end_and_no_loss(connect: Connect, desk: Desk) -> None:
    client = await connect(idle_timeout_s=0.2)
    ws = await client.ws_connect("/bridge/fork", max_msg_size=0)
    await ws.send_str(json.dumps(METADATA))
    assert (await desk.ended("call-1"))[-1] == HungUp("bridge error: nothing came for 0.2 s")
