"""Bridges that send junk, next to a call that goes well: each loses its own call, with a clear line in the log."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from storage.calls import list_calls
from tests.calls.lineup import OUR_NUMBER, WEDNESDAY_15, LineUp, Part, booker, line_up
from transport.settings import BridgeSettings
from transport.simulation.caller import Dialled
from transport.simulation.wire import WIRES

SECRET = "Mario Rossi 333 1234567"
SILENCE = bytes(640)


@dataclass(frozen=True, slots=True)
class Junk:
    """What a bridge sends after its metadata (or instead of them), and what becomes of it."""

    frames: tuple[str | bytes, ...]
    complaint: str
    described: bool = True
    dialect: str = "fork"


JUNK = {
    "no-json": Junk((SILENCE, SECRET), "a text frame is no JSON"),
    "odd-audio": Junk((SILENCE, bytes(641)), "audio frame of odd length (641 bytes)"),
    "too-big": Junk((SILENCE, bytes(10 << 20)), "a frame is larger than 1048576 bytes"),
    "silent": Junk((), "nothing came for 4 s"),
    "stream-odd": Junk((SILENCE, bytes(3)), "audio frame of odd length (3 bytes)", dialect="stream"),
    "twilio-binary": Junk((SILENCE,), "a binary frame (640 bytes), where only text is due", dialect="twilio"),
    "twilio-payload": Junk(
        (f'{{"event":"media","media":{{"payload":"{SECRET}"}}}}',),
        "the payload of a media event is no base64",
        dialect="twilio",
    ),
    "mute": Junk((), "no metadata within 2 s", described=False),
    "blunt": Junk((SECRET,), "the metadata frame is no JSON", described=False),
    "huge-hello": Junk((bytes(10 << 20),), "a frame is larger than 1048576 bytes", described=False),
}


async def send_junk(lines: LineUp, name: str, junk: Junk) -> int | None:
    """Play one broken bridge until the server closes its connection; the close code."""
    wire = WIRES[junk.dialect]
    dialled = Dialled(name, "+393401234567", OUR_NUMBER, consultant_id=1)
    hello = wire(dialled, wire.usual_rate).hello() if junk.described else []
    async with lines.session.ws_connect(lines.url + wire.path, max_msg_size=0) as socket:
        try:
            for frame in (*hello, *junk.frames):
                await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        except (ConnectionError, aiohttp.ClientError):
            pass  # closed while we were still sending
        async for _ in socket:
            pass
        return socket.close_code


async def test_junk_ends_its_own_call_and_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bridge = BridgeSettings(idle_timeout_s=4.0, metadata_timeout_s=2.0)
    async with line_up(tmp_path, settings={"bridge": bridge}) as lines:
        healthy = asyncio.create_task(lines.play([Part(booker("Ada"))]))
        while not lines.emulator.calls:  # the call goes on by now
            await lines.clock.sleep(0.1)
        codes = await asyncio.gather(*(send_junk(lines, name, junk) for name, junk in JUNK.items()))
        call = (await healthy)["Ada"]
        assert call.booked == [WEDNESDAY_15], call.story
        assert call.caller is not None and call.caller.problems == [], call.story
        assert await lines.in_force() == {("Ada", WEDNESDAY_15)}
        for name, junk in JUNK.items():
            if junk.described:
                spoilt = await lines.ended(name)
                assert spoilt.detail.call.end_reason == f"bridge error: {junk.complaint}", spoilt.story
                assert spoilt.detail.call.stage == "nessun_intento", spoilt.story
                assert spoilt.booked == [] and spoilt.holds == [], spoilt.story
        assert len(await lines.database.run(list_calls)) == 1 + sum(junk.described for junk in JUNK.values())
        async with lines.session.get(f"{lines.url}/healthz") as answer:
            assert await answer.json() == {"status": "ok", "active_calls": 0}
    assert all(code in (1006, 1007, 1008, 1009) for code in codes), dict(zip(JUNK, codes, strict=True))
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    for name, junk in JUNK.items():
        lines_of = [line for line in warned if junk.complaint in line]
        if junk.described:
            assert [line for line in lines_of if name in line], f"{name}: {warned}"
        else:
            assert lines_of, f"{name}: {warned}"
    assert len(warned) == len(JUNK), warned
    assert "Rossi" not in caplog.text and "1234567" not in caplog.text
