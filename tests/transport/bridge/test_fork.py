"""mod_audio_fork over real WebSockets: what it carries, and that junk ends its own call only."""

import asyncio
import json
import logging
from typing import Any

import aiohttp
import numpy as np
import pytest

from engine.ports import Dtmf, HungUp, Line
from tests.transport.bridge.desk import Client, Connect, Desk
from transport.bridge.fork import without_markers
from transport.bridge.metadata import CallMetadata
from transport.clock import SystemClock
from transport.server import CALLS
from transport.switchboard import UnknownConsultantError

METADATA = {
    "sampleRate": 16000,
    "callSid": "call-1",
    "direction": "inbound",
    "from": "+393331234567",
    "to": "+390612345678",
    "customerData": {"consultantId": 7, "scheduledCallId": "s-9"},
}
FRAME = b"\x10\x00" * 320


async def dial(client: Client, **changes: Any) -> aiohttp.ClientWebSocketResponse:
    ws = await client.ws_connect(protocols=["audio.jambonz.org"], max_msg_size=0)
    await ws.send_str(json.dumps(METADATA | changes))
    return ws


@pytest.mark.parametrize("protocol", ["audio.drachtio.org", "audio.jambonz.org"])
async def test_the_protocol_asked_for_is_echoed(connect: Connect, protocol: str) -> None:
    client = await connect()
    ws = await client.ws_connect(protocols=[protocol])
    assert ws.protocol == protocol


async def test_metadata_audio_and_keys_arrive(connect: Connect, desk: Desk) -> None:
    ws = await dial(await connect())
    for size in (640, 960, 1280, 2):
        await ws.send_bytes(b"\x10\x00" * (size // 2))
    await ws.send_str('{"event":"dtmf","dtmf":"5"}')
    await ws.send_str('{"type":"mark","data":{"name":"A","event":"playout"}}')
    await ws.send_bytes(b"")
    events = await desk.ended("call-1")
    assert desk.metadata["call-1"] == CallMetadata(
        "call-1", "inbound", "+393331234567", "+390612345678", "s-9", 7, 16000
    )
    assert len(desk.pcm("call-1")) == 640 + 960 + 1280 + 2
    assert events[-2:] == [Dtmf("5"), HungUp("hangup")]
    assert sum(isinstance(event, HungUp) for event in events) == 1
    closing = await ws.receive()
    assert (closing.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_8_khz_is_brought_to_16(connect: Connect, desk: Desk) -> None:
    ws = await dial(await connect(), sampleRate=8000)
    for _ in range(50):
        await ws.send_bytes(bytes(320))
    await ws.close()
    await desk.ended("call-1")
    assert len(desk.pcm("call-1")) == pytest.approx(32000, abs=100)


async def test_playing_flushing_and_hanging_up(connect: Connect, desk: Desk) -> None:
    async def script(line: Line, metadata: CallMetadata) -> None:
        line.play(1, b"\xff\xff" * 24 * 300)
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
    audio, commands = b"", []
    async for message in ws:
        if message.type is aiohttp.WSMsgType.BINARY:
            audio += message.data
        else:
            commands.append(json.loads(message.data))
    mark = {"type": "mark", "data": {"name": "1"}}
    assert commands == [mark, {"type": "killAudio"}, {"type": "disconnect", "data": {"reason": "over"}}]
    first = audio[: 48 * 500]
    assert first[: 48 * 300] == bytes(48 * 300), "-1 goes out as 0"
    assert first[48 * 300 :] == bytes(48 * 200), "silence follows a turn"
    assert 48 * 700 < len(audio) < 48 * 1300
    assert (await desk.ended("call-1"))[-1] == HungUp("ended by us")
    assert ws.close_code == 1000


LATE_MARKS: dict[str, tuple[dict[str, Any], ...]] = {
    "passed": ({"type": "mark", "data": {"name": "1", "event": "playout"}},),
    "cleared, of others, without data": (
        {"type": "mark", "data": {"name": "1", "event": "cleared"}},
        {"type": "mark", "data": {"name": "A", "event": "playout"}},
        {"type": "mark"},
    ),
}


@pytest.mark.parametrize("answer", LATE_MARKS)
async def test_a_bridge_that_is_behind_has_played_less(connect: Connect, desk: Desk, answer: str) -> None:
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
        if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] == "mark":
            await asyncio.sleep(0.55)  # 200 ms are to be played when the mark is sent
            for mark in LATE_MARKS[answer]:
                await ws.send_str(json.dumps(mark))
    assert (played < 500) is (answer == "passed"), played


async def test_a_call_is_handed_over_without_being_ended(connect: Connect, desk: Desk) -> None:
    async def hand_over(line: Line, _: Any) -> None:
        assert line.transfers
        await line.transfer("+390612345678")

    desk.script = hand_over
    ws = await (await connect()).ws_connect()
    await ws.send_str(json.dumps(METADATA))
    commands = [json.loads(message.data) async for message in ws]
    assert commands == [{"type": "transfer", "data": {"number": "+390612345678"}}]
    assert await desk.ended("call-1") == [HungUp("transferred by us")]


def test_only_the_marker_is_remapped() -> None:
    samples = np.array([-1, 0, 1, -2, 255, -256, -1], dtype="<i2")
    assert np.frombuffer(without_markers(samples.tobytes()), dtype="<i2").tolist() == [
        0,
        0,
        1,
        -2,
        255,
        -256,
        0,
    ]


# --- junk ---

SPOILED: dict[str, tuple[dict[str, Any], Any, int, str]] = {
    "text that is no JSON": ({}, "Mario Rossi 333", 1007, "a text frame is no JSON"),
    "JSON that is no object": ({}, "[1]", 1007, "no JSON object"),
    "a key that is none": ({}, '{"event":"dtmf","dtmf":"xx"}', 1007, "names no key"),
    "audio of odd length": ({}, b"\x00" * 641, 1007, "odd length (641 bytes)"),
    "a frame of 10 MB": ({}, bytes(10 << 20), 1009, "larger than"),
    "nothing at all": ({"idle_timeout_s": 0.3}, None, 1008, "nothing came for 0.3 s"),
}


@pytest.mark.parametrize(("settings", "junk", "code", "complaint"), SPOILED.values(), ids=SPOILED.keys())
async def test_junk_ends_its_own_call_and_no_other(
    connect: Connect,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    junk: Any,
    code: int,
    complaint: str,
) -> None:
    caplog.set_level(logging.INFO)
    client = await connect(**settings)
    healthy = await dial(client, callSid="healthy")
    spoiled = await dial(client, callSid="spoiled")

    async def talk() -> None:
        for _ in range(30):
            await healthy.send_bytes(FRAME)
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(talk())
    if isinstance(junk, str):
        await spoiled.send_str(junk)
    elif junk is not None:
        with_error = asyncio.gather(spoiled.send_bytes(junk), return_exceptions=True)
        await with_error
    (end,) = await desk.ended("spoiled")
    assert isinstance(end, HungUp)
    assert end.reason.startswith("bridge error: ")
    assert complaint in end.reason
    while not spoiled.closed:
        await spoiled.receive()
    assert spoiled.close_code in (code, 1006 if code == 1009 else code)
    await talking
    await healthy.send_bytes(b"")
    assert (await desk.ended("healthy"))[-1] == HungUp("hangup")
    assert desk.pcm("healthy") == FRAME * 30
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "spoiled" in line.getMessage()
    assert complaint in line.getMessage()
    assert "Mario" not in caplog.text


async def test_a_call_for_nobody_we_know_is_refused_as_the_bridge_s_fault(
    connect: Connect, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(line: Line, metadata: CallMetadata) -> None:
        raise UnknownConsultantError("there is no consultant 7")

    desk.script = refuse
    client = await connect()
    ws = await dial(client)
    while not ws.closed:
        await ws.receive()
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "call call-1: refused: there is no consultant 7"


NO_METADATA: dict[str, tuple[str | bytes | None, int, str]] = {
    "no JSON": ("ciao 3331234567", 1007, "no JSON"),
    "no object": ("[]", 1007, "bad metadata: the frame: should be a JSON object"),
    "no call id": (json.dumps({"sampleRate": 8000}), 1007, "callId (or callSid): Field required"),
    "a bad call id": (json.dumps({"sampleRate": 8000, "callId": "a b"}), 1007, "callId (or callSid): String"),
    "no customer object": (
        json.dumps(METADATA | {"customerData": 5}),
        1007,
        "customerData: should be a JSON object",
    ),
    "a bad rate": (json.dumps({"sampleRate": 44100, "callId": "x"}), 1007, "sampleRate"),
    "a bad direction": (json.dumps(METADATA | {"direction": "sideways"}), 1007, "direction"),
    "both sides mixed": (
        json.dumps(METADATA | {"mixType": "mixed"}),
        1007,
        "mixType: Input should be 'mono'",
    ),
    "a bad consultant": (
        json.dumps(METADATA | {"customerData": {"consultantId": "Bianchi"}}),
        1007,
        "consultantId",
    ),
    "a consultant beyond all numbers": (
        json.dumps(METADATA | {"customerData": {"consultantId": 2**31}}),
        1007,
        "consultantId",
    ),
    "an id that no database holds": (
        json.dumps(METADATA | {"customerData": {"scheduledCallId": "a\0b"}}),
        1007,
        "scheduledCallId",
    ),
    "audio first": (FRAME, 1008, "before the metadata"),
    "nothing": (None, 1008, "no metadata within 0.2 s"),
    "10 MB": (bytes(10 << 20), 1009, "larger than"),
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
    client = await connect(metadata_timeout_s=0.2)
    ws = await client.ws_connect(protocols=["audio.jambonz.org"])
    if isinstance(first, str):
        await ws.send_str(first)
    elif first is not None:
        await asyncio.gather(ws.send_bytes(first), return_exceptions=True)
    while not ws.closed:
        await ws.receive()
    assert ws.close_code in (code, 1006 if code == 1009 else code)
    assert desk.metadata == {}
    assert complaint in caplog.text
    assert "3331234567" not in caplog.text
    assert "Bianchi" not in caplog.text


async def test_a_bridge_that_vanishes_hangs_up(connect: Connect, desk: Desk) -> None:
    client = await connect()
    ws = await dial(client)
    await ws.send_bytes(FRAME)
    response_transport = ws._response.connection.transport  # type: ignore[union-attr]  # it is connected
    response_transport.abort()
    assert isinstance((await desk.ended("call-1"))[-1], HungUp)


async def test_an_error_of_ours_ends_the_call_at_the_bridge(connect: Connect, desk: Desk) -> None:
    async def script(line: Line, metadata: CallMetadata) -> None:
        raise LookupError("no such consultant")

    desk.script = script
    ws = await dial(await connect())
    message = await ws.receive()
    assert json.loads(message.data) == {"type": "disconnect", "data": {"reason": "over"}}
    assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE


async def health(client: Client) -> Any:
    return await (await client.session.get(f"{client.address}/healthz")).json()


async def test_health_and_draining(connect: Connect, desk: Desk) -> None:
    client = await connect()
    ws = await dial(client)
    await ws.send_bytes(FRAME)
    await asyncio.sleep(0.05)
    assert await health(client) == {"status": "ok", "active_calls": 1}
    await client.app[CALLS].drain(SystemClock(), 0.1)
    assert (await desk.ended("call-1"))[-1] == HungUp("ended by us")
    assert await health(client) == {"status": "draining", "active_calls": 0}
    refused = await client.session.get(f"{client.address}/bridge/fork")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
