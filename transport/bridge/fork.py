"""The mod_audio_fork dialect (drachtio / jambonz family): binary L16 both ways over a WebSocket."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from transport.bridge.connection import Connection, json_object, pressed, whole_samples
from transport.bridge.line import BridgeLine, Pace
from transport.bridge.metadata import CallMetadata, read_metadata

_MARKER = b"\xff\xff"


class ForkConnection(Connection):
    """One WebSocket of mod_audio_fork."""

    protocols: ClassVar[tuple[str, ...]] = ("audio.drachtio.org", "audio.jambonz.org")
    transfers: ClassVar[bool] = True

    @property
    def pace(self) -> Pace:
        """At the rate the module was told to play, as far ahead as it keeps before it plays."""
        return Pace(self.settings.downlink_rate, self.settings.lead_ms, marks=True)

    def describe(self, text: str) -> CallMetadata:
        """The first frame is the metadata."""
        return read_metadata(text, region=self.settings.region)

    def take_text(self, text: str, line: BridgeLine) -> bool:
        """Keys, and marks that were played; what else there is (events of newer builds) is let pass."""
        event = json_object(text)
        if event.get("event") == "dtmf":
            line.key(pressed(event.get("dtmf")))
        mark = event.get("data") if event.get("type") == "mark" else None
        if isinstance(mark, dict) and mark.get("event") == "playout":
            line.marked(str(mark.get("name")))
        return True

    def take_binary(self, data: bytes, line: BridgeLine) -> bool:
        """The caller's audio; an empty frame is the graceful end."""
        line.caller_audio(whole_samples(data))
        return bool(data)

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE; the sample -1 is the bridge's own marker (0xFFFF) and goes out as 0."""
        await self.socket.send_bytes(without_markers(pcm))

    async def kill_audio(self) -> None:
        """Drop what the bridge has not played yet."""
        await self.say({"type": "killAudio"})

    async def send_mark(self, name: str) -> None:
        """The module answers when it has played what it was sent before."""
        await self.say({"type": "mark", "data": {"name": name}})

    async def transfer(self, number: str) -> None:
        """The module passes it on as an event; what hears that does the transfer."""
        await self.say({"type": "transfer", "data": {"number": number}})

    async def disconnect(self) -> None:
        """End the phone call; closing the WebSocket alone would not."""
        # With data, so that the module's event for it has a body, as that of a lost connection has not.
        await self.say({"type": "disconnect", "data": {"reason": "over"}})


def without_markers(pcm: bytes) -> bytes:
    """`pcm` (PCM16 LE) with every sample -1 replaced by 0."""
    at = pcm.find(_MARKER)
    while at >= 0 and at % 2:  # two halves of neighbours
        at = pcm.find(_MARKER, at + 1)
    if at < 0:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2")
    return np.where(samples == -1, 0, samples).astype("<i2").tobytes()
