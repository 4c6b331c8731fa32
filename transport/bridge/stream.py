"""The mod_audio_stream dialect: binary L16 up, `streamAudio` JSON with base64 down."""

from __future__ import annotations

from base64 import b64encode

from transport.bridge.connection import Connection, json_object, pressed, whole_samples
from transport.bridge.line import BridgeLine, Pace
from transport.bridge.metadata import CallMetadata, read_metadata


class StreamConnection(Connection):
    """One WebSocket of mod_audio_stream.

    Not every build heeds killAudio, and some stall when much is sent at once: so little is kept in flight,
    and nobody counts on what was sent being dropped.
    """

    @property
    def pace(self) -> Pace:
        """At the rate each message names, hardly ahead."""
        return Pace(self.settings.stream_downlink_rate, self.settings.stream_lead_ms, kills=False)

    def describe(self, text: str) -> CallMetadata:
        """The first frame is the metadata; the module does not add its sample rate to them."""
        settings = self.settings
        return read_metadata(text, region=settings.region, sample_rate=settings.stream_uplink_rate)

    def take_text(self, text: str, line: BridgeLine) -> bool:
        """Keys, as the dialplan sends them with `send_text`; other events are let pass."""
        event = json_object(text)
        if event.get("event") == "dtmf":
            line.key(pressed(event.get("dtmf")))
        return True

    def take_binary(self, data: bytes, line: BridgeLine) -> bool:
        """The caller's audio."""
        line.caller_audio(whole_samples(data))
        return True

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE, as raw audio in base64."""
        data = {
            "audioDataType": "raw",
            "sampleRate": self.pace.rate,
            "audioData": b64encode(pcm).decode(),
        }
        await self.say({"type": "streamAudio", "data": data})

    async def kill_audio(self) -> None:
        """Ask to drop what has not been played yet; builds that do not know the command ignore it."""
        await self.say({"type": "killAudio"})

    async def disconnect(self) -> None:
        """The dialect has no word for it: the close of the WebSocket, which follows, is all there is."""
