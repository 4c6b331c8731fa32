"""Twilio Media Streams over real WebSockets: what it carries, and that junk ends its own call only."""

import asyncio
import base64
import json
from typing import Any

import aiohttp
import numpy as np
import pytest

from engine.ports import Dtmf, HungUp, Line
from tests.transport.bridge.desk import Client, Connect, Desk
from transport.audio import mulaw
from transport.bridge.metadata import CallMetadata

PATH = "/bridge/twilio"
CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
PARAMETERS = {
    "direction": "outbound-api",
    "from": "+390612345678",
    "to": "+393331234567",
    "consultantId": "7",
    "scheduledCallId": "s-9",
}
LOUD = np.full(160, 1000, dtype="<i2").tobytes()


def start(call: str = "CA1", **changes: Any) -> dict[str, Any]:
    told = {
        "streamSid": f"MZ-{call}",
        "accountSid": "AC1",
        "callSid": call,
        "tracks": ["inbound"],
        "customParameters": PARAMETERS,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    return {"event": "start", "sequenceNumber": "1", "streamSid": f"MZ-{call}", "start": told | changes}


def media(ulaw: bytes, **changes: Any) -> dict[str, Any]:
    told = {"track": "inbound", "chunk": "1", "payload": base64.b64encode(ulaw).decode()}
    return {"event": "media", "streamSid": "MZ-CA1", "media": told | changes}


async def dial(client: Client, call: str = "CA1", **changes: Any) -> aiohttp.ClientWebSocketResponse:
    ws = await client.ws_connect(PATH, protocols=["audio.twilio.com"], max_msg_size=0)
    await ws.send_json(CONNECTED)
    await ws.send_json(start(call, **changes))
    return ws


async def test_a_call_s_description_audio_and_keys_arrive(connect: Connect, desk: Desk) -> None:
    ws = await dial(await connect())
    for _ in range(50):
        await ws.send_json(media(mulaw.encode(LOUD)))
    await ws.send_json(media(mulaw.encode(LOUD), track="outbound"))
    await ws.send_json({"event": "dtmf", "streamSid": "MZ-CA1", "dtmf": {"digit": "1"}})
    await ws.send_json({"event": "mark", "streamSid": "MZ-CA1", "mark": {"name": "somebody's"}})
    await ws.send_json({"event": "something new"})
    await ws.send_json({"event": "stop", "streamSid": "MZ-CA1", "stop": {"callSid": "CA1"}})
    events = await desk.ended("CA1")
    assert ws.protocol == "audio.twilio.com"
    assert desk.metadata["CA1"] == CallMetadata(
        "CA1", "outbound", "+390612345678", "+393331234567", "s-9", 7, 8000
    )
    heard = np.frombuffer(desk.pcm("CA1"), dtype="<i2")
    assert len(heard) == pytest.approx(16000, abs=50), "what we play ourselves is not heard"
    assert (abs(heard[100:] - 1000) < 40).all()
    assert events[-2:] == [Dtmf("1"), HungUp("hangup")]
    closing = await ws.receive()
    assert (closing.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_the_least_that_can_be_told(connect: Connect, desk: Desk) -> None:
    blank = dict.fromkeys(("direction", "from", "to", "consultantId", "scheduledCallId"), "")
    client = await connect()
    ws = await client.ws_connect(PATH)
    await ws.send_json({"event": "start", "start": {"callSid": "CA1", "streamSid": "MZ1"}})
    other = await dial(client, "CA2", customParameters=blank)
    for each in (ws, other):
        await each.send_json({"event": "stop"})
    for call in ("CA1", "CA2"):
        await desk.ended(call)
        assert desk.metadata[call] == CallMetadata(call, "inbound", None, None, None, None, 8000)


@pytest.mark.parametrize("withheld", ["+266696687", "+7378742833", "anonymous"])
async def test_a_withheld_number_is_none(connect: Connect, desk: Desk, withheld: str) -> None:
    ws = await dial(await connect(), customParameters={"from": withheld})
    await ws.send_json({"event": "stop"})
    await desk.ended("CA1")
    assert desk.metadata["CA1"].caller_number is None


async def test_playing_flushing_and_hanging_up(connect: Connect, desk: Desk) -> None:
    async def script(line: Line, metadata: CallMetadata) -> None:
        line.play(1, np.full(24 * 300, 1000, dtype="<i2").tobytes())
        line.end_turn(1)
        assert await line.drained(1)
        line.play(2, b"\x10\x00" * 24 * 3000)
        await asyncio.sleep(0.3)
        line.flush()
        assert await line.drained(2) is False
        assert 100 <= line.played_ms(2) <= 500
        await line.hang_up()

    desk.script = script
    ws = await dial(await connect())
    kinds, ulaw = [], b""
    async for message in ws:
        command = json.loads(message.data)
        kinds.append(command["event"])
        assert command["streamSid"] == "MZ-CA1"
        if command["event"] == "media":
            ulaw += base64.b64decode(command["media"]["payload"], validate=True)
    assert kinds[-1] == "clear"
    assert kinds.count("mark") == 1
    assert set(kinds[:-1]) == {"media", "mark"}
    turn = np.frombuffer(mulaw.decode(ulaw), dtype="<i2")[: 8 * 500]
    assert (abs(turn[50 : 8 * 300 - 50] - 1000) < 40).all()
    assert not turn[8 * 310 :].any(), "silence follows a turn"
    assert 8 * 700 < len(ulaw) < 8 * 1300
    assert (await desk.ended("CA1"))[-1] == HungUp("ended by us")
    assert ws.close_code == 1000


async def test_a_bridge_that_is_behind_has_played_less(connect: Connect, desk: Desk) -> None:
    played = 0.0

    async def script(line: Line, metadata: CallMetadata) -> None:
        nonlocal played
        line.play(1, b"\x10\x00" * 24 * 200)
        line.end_turn(1)
        await asyncio.sleep(1)
        line.play(2, b"\x10\x00" * 24 * 1000)
        await asyncio.sleep(0.7)
        played = line.played_ms(2)
        await line.hang_up()

    desk.script = script
    ws = await dial(await connect())
    async for message in ws:
        if json.loads(message.data)["event"] == "mark":
            await asyncio.sleep(0.55)  # 200 ms are to be played when the mark is sent
            await ws.send_str(message.data)
    assert played < 500


JUNK: dict[str, tuple[Any, int, str]] = {
    "text that is no JSON": ("Mario Rossi 333", 1007, "a text frame is no JSON"),
    "JSON that is no object": ("[1]", 1007, "no JSON object"),
    "audio in binary": (bytes(160), 1007, "a binary frame (160 bytes), where only text is due"),
    "media without media": ('{"event":"media"}', 1007, "a media event without its media object"),
    "media without payload": ('{"event":"media","media":{}}', 1007, "a media event without payload"),
    "a payload of another type": ('{"event":"media","media":{"payload":5}}', 1007, "without payload"),
    "a payload that is no base64": (json.dumps(media(b"", payload="Mario!")), 1007, "is no base64"),
    "a payload beyond ASCII": (json.dumps(media(b"", payload="è")), 1007, "is no base64"),
    "a mark without an object": ('{"event":"mark"}', 1007, "a mark event without its mark object"),
    "a key that is none": ('{"event":"dtmf","dtmf":{"digit":"12"}}', 1007, "names no key"),
    "keys without an object": ('{"event":"dtmf","dtmf":"1"}', 1007, "a dtmf event without its dtmf object"),
    "a second start": (json.dumps(start()), 1007, "a second start in one stream"),
    "a frame of 10 MB": ("x" * (10 << 20), 1009, "larger than"),
}


@pytest.mark.parametrize(("junk", "code", "complaint"), JUNK.values(), ids=JUNK.keys())
async def test_junk_ends_its_own_call_and_no_other(
    connect: Connect, desk: Desk, caplog: pytest.LogCaptureFixture, junk: Any, code: int, complaint: str
) -> None:
    client = await connect()
    healthy, spoiled = await dial(client, "healthy"), await dial(client, "spoiled")
    await healthy.send_json(media(mulaw.encode(LOUD)))
    sending = spoiled.send_str(junk) if isinstance(junk, str) else spoiled.send_bytes(junk)
    await asyncio.gather(sending, return_exceptions=True)
    (end,) = await desk.ended("spoiled")
    assert isinstance(end, HungUp)
    assert complaint in end.reason
    while not spoiled.closed:
        await spoiled.receive()
    assert spoiled.close_code in (code, 1006 if code == 1009 else code)
    await healthy.send_json(media(mulaw.encode(LOUD)))
    await healthy.send_json({"event": "stop"})
    assert (await desk.ended("healthy"))[-1] == HungUp("hangup")
    assert len(desk.pcm("healthy")) == pytest.approx(2 * 640, abs=60)
    assert "Mario" not in caplog.text


WRONG_BEGINNINGS: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "no JSON": (("ciao 3331234567",), 1007, "no JSON"),
    "media first": ((CONNECTED, media(b"\xff")), 1008, "another event came before start"),
    "binary first": ((bytes(160),), 1008, "audio came before the metadata"),
    "stop first": ((CONNECTED, {"event": "stop"}), 1000, "the stream stopped before it started"),
    "connected only": ((CONNECTED, CONNECTED), 1008, "no metadata within 0.2 s"),
    "start of nothing": (({"event": "start"},), 1007, "bad start: the frame: should be a JSON object"),
    "no call": ((start(callSid=None),), 1007, "callSid"),
    "no stream": ((start(streamSid=""),), 1007, "streamSid"),
    "other audio": ((start(mediaFormat={"encoding": "audio/l16"}),), 1007, "mediaFormat.encoding"),
    "no parameters": ((start(customParameters=[]),), 1007, "customParameters: should be a JSON object"),
    "a bad consultant": (
        (start(customParameters={"consultantId": "Bianchi"}),),
        1007,
        "customParameters.consultantId",
    ),
    "a bad direction": ((start(customParameters={"direction": "up"}),), 1007, "customParameters.direction"),
}


@pytest.mark.parametrize(
    ("frames", "code", "complaint"), WRONG_BEGINNINGS.values(), ids=WRONG_BEGINNINGS.keys()
)
async def test_a_stream_that_begins_wrongly_is_closed(
    connect: Connect,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
    frames: tuple[Any, ...],
    code: int,
    complaint: str,
) -> None:
    ws = await (await connect(metadata_timeout_s=0.2)).ws_connect(PATH)
    for frame in frames:
        if isinstance(frame, bytes):
            await ws.send_bytes(frame)
        else:
            await ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
    while not ws.closed:
        await ws.receive()
    assert ws.close_code == code
    assert desk.metadata == {}
    assert complaint in caplog.text
    assert "3331234567" not in caplog.text
    assert "Bianchi" not in caplog.text
