"""The simulated bridges' dialects: what they write, and which breaches of ours they notice."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from transport.simulation.caller import Dialled
from transport.simulation.wire import WIRES, BreachError, HangUp, Kill, Mark, Sound, StreamWire, TwilioWire

MARIO = Dialled("c-1", "+393331234567", "+390612345678", "outbound", "s-1", 7)
RAW = base64.b64encode(b"\x01\x00" * 4).decode()


def stream_audio(**changes: Any) -> str:
    data = {"audioDataType": "raw", "sampleRate": 24000, "audioData": RAW} | changes
    return json.dumps({"type": "streamAudio", "data": data})


def twilio(event: str, **rest: Any) -> str:
    return json.dumps({"event": event, "streamSid": "MZ-c-1"} | rest)


@pytest.mark.parametrize(
    ("dialect", "frame", "meant"),
    [
        ("fork", b"\x01\x00", Sound(b"\x01\x00")),
        ("fork", '{"type":"disconnect"}', HangUp()),
        ("stream", stream_audio(), Sound(b"\x01\x00" * 4)),
        ("stream", '{"type":"killAudio"}', Kill()),
        ("twilio", twilio("media", media={"payload": "/w=="}), Sound(b"\0\0")),
        ("twilio", twilio("clear"), Kill()),
        ("twilio", twilio("mark", mark={"name": "m"}), Mark("m")),
    ],
)
def test_what_is_meant(dialect: str, frame: str | bytes, meant: object) -> None:
    wire = WIRES[dialect]
    assert wire(MARIO, wire.usual_rate).take(frame) == meant


@pytest.mark.parametrize(
    ("dialect", "frame", "breach"),
    [
        ("fork", b"\x01", "no whole samples"),
        ("fork", stream_audio(), "unknown command 'streamAudio'"),
        ("stream", b"\x01\x00", "in binary"),
        ("stream", stream_audio(sampleRate=8000), "not raw at 24000"),
        ("stream", stream_audio(audioData="!"), "no command"),
        ("stream", stream_audio(audioData="AQ=="), "no whole samples"),
        ("stream", '{"type":"disconnect"}', "unknown command 'disconnect'"),
        ("twilio", b"\xff", "in binary"),
        ("twilio", '{"event":"media","media":{"payload":"/w=="}}', "no command"),
        ("twilio", '{"event":"clear","streamSid":"MZ-other"}', "another stream"),
        ("twilio", twilio("media"), "no command"),
        ("twilio", twilio("hangup"), "unknown event 'hangup'"),
    ],
)
def test_breaches_are_noticed(dialect: str, frame: str | bytes, breach: str) -> None:
    wire = WIRES[dialect]
    with pytest.raises(BreachError, match=breach):
        wire(MARIO, wire.usual_rate).take(frame)


def test_mod_audio_stream_says_its_rate_only_when_the_dialplan_does() -> None:
    (usual,), (narrow,) = StreamWire(MARIO, 16000).hello(), StreamWire(MARIO, 8000).hello()
    assert json.loads(usual)["customerData"] == {"scheduledCallId": "s-1", "consultantId": 7}
    assert "sampleRate" not in json.loads(usual) and "callSid" not in json.loads(usual)
    assert json.loads(narrow)["sampleRate"] == 8000


def test_twilio_connects_starts_speaks_and_stops() -> None:
    wire = TwilioWire(MARIO, 8000)
    connected, start = map(json.loads, wire.hello())
    assert (connected["event"], start["event"]) == ("connected", "start")
    assert start["start"]["customParameters"]["direction"] == "outbound-api"
    media = json.loads(wire.up(np.zeros(160, dtype="<i2").tobytes()))
    assert base64.b64decode(media["media"]["payload"]) == b"\xff" * 160
    assert json.loads(wire.marked("m", "cleared"))["mark"] == {"name": "m"}
    assert json.loads(wire.goodbye())["event"] == "stop"
