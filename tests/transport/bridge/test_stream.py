"""mod_audio_stream over real WebSockets: what it carries, and that junk ends its own call only."""

import asyncio
import base64
import json
from typing import Any

import aiohttp
import numpy as np
import pytest

from engine.ports import Dtmf, HungUp, Line
from tests.transport.bridge.desk import Client, Connect, Desk
from transport.bridge.metadata import CallMetadata

PATH = "/bridge/stream"
METADATA = {"callId": "call-1", "from": "+393331234567"}
FRAME = b"\x10\x00" * 320


async def dial(client: Client, **changes: Any) -> aiohttp.ClientWebSocketResponse:
    ws = await client.ws_connect(PATH, max_msg_size=0)
    await ws.send_str(json.dumps(METADATA | changes))
    return ws


async def test_metadata_audio_and_keys_arrive(connect: Connect, desk: Desk) -> None:
    ws = await dial(await connect())
    for size in (640, 960, 1280, 2, 0):
        await ws.send_bytes(b"\x10\x00" * (size // 2))
    await ws.send_str('{"event":"dtmf","dtmf":"#"}')
    await ws.send_str('{"event":"something new"}')
    await ws.close()
    events = await desk.ended("call-1")
    assert ws.protocol is None
    assert desk.metadata["call-1"] == CallMetadata(
        "call-1", "inbound", "+393331234567", None, None, None, 16000
    )
    assert desk.pcm("call-1") == b"\x10\x00" * (1440 + 1)
    assert events[-2:] == [Dtmf("#"), HungUp("hangup")]


@pytest.mark.parametrize(
    ("settings", "told"), [({"stream_uplink_rate": 8000}, {}), ({}, {"sampleRate": 8000})]
)
async def test_the_rate_is_told_or_set(
    connect: Connect, desk: Desk, settings: dict[str, Any], told: dict[str, Any]
) -> None:
    ws = await dial(await connect(**settings), **told)
    for _ in range(50):
        await ws.send_bytes(bytes(320))
    await ws.close()
    await desk.ended("call-1")
    assert desk.metadata["call-1"].sample_rate == 8000
    assert len(desk.pcm("call-1")) == pytest.approx(32000, abs=100)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_playing_flushing_and_hanging_up(connect: Connect, desk: Desk, rate: int) -> None:
    async def script(line: Line, metadata: CallMetadata) -> None:
        line.play(1, b"\x10\x00" * 24 * 300)
        line.end_turn(1)
        assert await line.drained(1)
        line.play(2, b"\x10\x00" * 24 * 3000)
        await asyncio.sleep(0.3)
        line.flush()
        assert await line.drained(2) is False
        await line.hang_up()

    desk.script = script
    ws = await dial(await connect(stream_downlink_rate=rate))
    began = asyncio.get_running_loop().time()
    kinds, pcm, furthest_ahead = [], b"", 0.0
    async for message in ws:
        command = json.loads(message.data)
        kinds.append(command["type"])
        if command["type"] == "streamAudio":
            data = command["data"]
            assert (data["audioDataType"], data["sampleRate"]) == ("raw", rate)
            pcm += base64.b64decode(data["audioData"], validate=True)
            elapsed = asyncio.get_running_loop().time() - began
            furthest_ahead = max(furthest_ahead, len(pcm) / 2 / rate - elapsed)
    assert kinds[-1] == "killAudio", "the close of the socket is its only hang-up"
    assert set(kinds[:-1]) == {"streamAudio"}
    played = np.frombuffer(pcm, dtype="<i2")[: rate * 300 // 1000]
    assert (abs(played[50:-50] - 16) <= 1).all()
    assert 0.6 < len(pcm) / 2 / rate < 1.1
    assert furthest_ahead < 0.4, "100 ms of lead, 200 of silence after a turn, and a frame"
    assert (await desk.ended("call-1"))[-1] == HungUp("ended by us")
    assert ws.close_code == 1000


JUNK: dict[str, tuple[Any, int, str]] = {
    "text that is no JSON": ("Mario Rossi 333", 1007, "a text frame is no JSON"),
    "JSON that is no object": ("[1]", 1007, "no JSON object"),
    "a key that is none": ('{"event":"dtmf","dtmf":{}}', 1007, "names no key"),
    "audio of odd length": (bytes(641), 1007, "odd length (641 bytes)"),
    "a frame of 10 MB": (bytes(10 << 20), 1009, "larger than"),
}


@pytest.mark.parametrize(("junk", "code", "complaint"), JUNK.values(), ids=JUNK.keys())
async def test_junk_ends_its_own_call_and_no_other(
    connect: Connect, desk: Desk, caplog: pytest.LogCaptureFixture, junk: Any, code: int, complaint: str
) -> None:
    client = await connect()
    healthy, spoiled = await dial(client, callId="healthy"), await dial(client, callId="spoiled")
    await healthy.send_bytes(FRAME)
    sending = spoiled.send_str(junk) if isinstance(junk, str) else spoiled.send_bytes(junk)
    await asyncio.gather(sending, return_exceptions=True)
    (end,) = await desk.ended("spoiled")
    assert isinstance(end, HungUp)
    assert complaint in end.reason
    while not spoiled.closed:
        await spoiled.receive()
    assert spoiled.close_code in (code, 1006 if code == 1009 else code)
    await healthy.send_bytes(FRAME)
    await healthy.close()
    assert (await desk.ended("healthy"))[-1] == HungUp("hangup")
    assert desk.pcm("healthy") == FRAME * 2
    assert "Mario" not in caplog.text


NO_METADATA: dict[str, tuple[str | bytes | None, int, str]] = {
    "no JSON": ("ciao 3331234567", 1007, "no JSON"),
    "no object": ("[]", 1007, "bad metadata: the frame: should be a JSON object"),
    "no call id": ("{}", 1007, "callId (or callSid): Field required"),
    "two channels": (json.dumps(METADATA | {"mixType": "stereo"}), 1007, "mixType"),
    "audio first": (FRAME, 1008, "before the metadata"),
    "nothing": (None, 1008, "no metadata within 0.2 s"),
}


@pytest.mark.parametrize(("first", "code", "complaint"), NO_METADATA.values(), ids=NO_METADATA.keys())
async def test_a_connection_that_describes_no_call_is_closed(
    connect: Connect,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
    first: str | bytes | None,
    code: int,
    complaint: str,
) -> None:
    ws = await (await connect(metadata_timeout_s=0.2)).ws_connect(PATH)
    if isinstance(first, str):
        await ws.send_str(first)
    elif first is not None:
        await ws.send_bytes(first)
    while not ws.closed:
        await ws.receive()
    assert ws.close_code == code
    assert desk.metadata == {}
    assert complaint in caplog.text
    assert "3331234567" not in caplog.text
