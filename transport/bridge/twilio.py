"""The dialect of Twilio Media Streams: JSON both ways, with μ-law at 8 kHz in base64."""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

from transport.audio import mulaw
from transport.bridge.connection import Connection, json_object, pressed
from transport.bridge.line import BridgeLine, Pace
from transport.bridge.metadata import TWILIO_RATE, CallMetadata, read_twilio_start
from transport.errors import BridgeError, MetadataError


class TwilioConnection(Connection):
    """One WebSocket of a bidirectional stream (`<Connect><Stream>`)."""

    protocols: ClassVar[tuple[str, ...]] = ("audio.twilio.com",)
    _stream_sid = ""

    @property
    def pace(self) -> Pace:
        """At 8 kHz; `clear` stops what it has."""
        return Pace(TWILIO_RATE, self.settings.lead_ms, marks=True)

    def describe(self, text: str) -> CallMetadata | None:
        """The frame `start`; only `connected` may come before it."""
        event = json_object(text)
        kind = event.get("event")
        if kind == "connected":
            return None
        if kind == "stop":
            raise MetadataError("the stream stopped before it started", code=1000)
        if kind != "start":
            raise MetadataError("another event came before start", code=1008)
        start = event.get("start")
        metadata, self._stream_sid = read_twilio_start(start, region=self.settings.region)
        return metadata

    def take_text(self, text: str, line: BridgeLine) -> bool:
        """Audio, keys, marks and the end; events of later versions are let pass."""
        event = json_object(text)
        match event.get("event"):
            case "media":
                media = _part(event, "media")
                if media.get("track", "inbound") == "inbound":
                    line.caller_audio(mulaw.decode(_payload(media)))
            case "dtmf":
                line.key(pressed(_part(event, "dtmf").get("digit")))
            case "mark":
                line.marked(str(_part(event, "mark").get("name")))
            case "start":
                raise BridgeError("a second start in one stream")
            case "stop":
                return False
        return True

    def take_binary(self, data: bytes, line: BridgeLine) -> bool:
        """There is none in this dialect."""
        raise BridgeError(f"a binary frame ({len(data)} bytes), where only text is due")

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE, as μ-law in base64."""
        payload = b64encode(mulaw.encode(pcm)).decode()
        await self.say({"event": "media", "streamSid": self._stream_sid, "media": {"payload": payload}})

    async def kill_audio(self) -> None:
        """Drop what Twilio has not played yet."""
        await self.say({"event": "clear", "streamSid": self._stream_sid})

    async def send_mark(self, name: str) -> None:
        """Twilio echoes the name when it has played what it was sent before, or dropped it."""
        await self.say({"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}})

    async def disconnect(self) -> None:
        """Nothing to say: when the WebSocket closes, Twilio goes on in the TwiML, which ends the call."""


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    if not isinstance(part, dict):
        raise BridgeError(f"a {name} event without its {name} object")
    return part


def _payload(media: Mapping[str, Any]) -> bytes:
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise BridgeError("a media event without payload")
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError:  # binascii.Error is one; a string beyond ASCII raises ValueError itself
        raise BridgeError("the payload of a media event is no base64") from None
