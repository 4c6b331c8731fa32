"""The bridge's side of each dialect: how a simulated one writes, and how it reads what it is sent."""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from transport.audio import mulaw

if TYPE_CHECKING:
    from transport.simulation.caller import Dialled

SUBPROTOCOL = "audio.jambonz.org"


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio to play: PCM16 LE mono at the wire's `down_rate`."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Kill:
    """Drop what is not yet played, if this kind of bridge heeds it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Report when what was sent so far has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearMarks:
    """Forget all marks."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the phone call."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the phone call to another number."""

    number: str


Command = Sound | Kill | Mark | ClearMarks | HangUp | Transfer


class BreachError(Exception):
    """Raised when a frame breaks the dialect."""


class Wire(ABC):
    """One call in one dialect. `rate` (Hz) is of the caller's audio."""

    path: ClassVar[str]
    protocols: ClassVar[tuple[str, ...]] = ()
    usual_rate: ClassVar[int] = 16000
    down_rate: ClassVar[int] = 24000
    prebuffer_ms: ClassVar[int] = 0
    """Audio kept before playing begins; a shorter rest stays stuck."""
    kills: ClassVar[bool] = True
    """Whether it drops its audio when told to."""

    def __init__(self, dialled: Dialled, rate: int) -> None:
        self.dialled = dialled
        self.rate = rate

    @abstractmethod
    def hello(self) -> list[str]:
        """The frames that describe the call."""

    def up(self, pcm: bytes) -> str | bytes:
        """The frame that carries the caller's `pcm` (PCM16 LE at `rate`)."""
        return pcm

    def marked(self, name: str, event: str) -> str:
        """The report that a mark was passed ("playout") or "cleared"."""
        return json.dumps({"type": "mark", "data": {"name": name, "event": event}})

    def pressed(self, key: str) -> str:
        """The frame that tells of a key."""
        return json.dumps({"event": "dtmf", "dtmf": key})

    def goodbye(self) -> str | None:
        """The last frame when the caller hangs up."""
        return None

    def take(self, frame: str | bytes) -> Command:
        """What a frame of the server asks for. Raises BreachError."""
        if isinstance(frame, bytes):
            return self.take_binary(frame)
        try:
            return self.take_text(json.loads(frame))
        except (ValueError, KeyError, TypeError):
            raise BreachError("a text frame that is no command") from None

    def take_binary(self, data: bytes) -> Command:
        """What a binary frame asks for."""
        raise BreachError(f"{len(data)} bytes in binary, which this dialect does not take")

    @abstractmethod
    def take_text(self, told: Mapping[str, Any]) -> Command:
        """What a text frame asks for; what it lacks raises as it comes."""


class ForkWire(Wire):
    """mod_audio_fork, as jambonz builds it."""

    path = "/bridge/fork"
    protocols = (SUBPROTOCOL,)
    prebuffer_ms = 160

    def hello(self) -> list[str]:
        """The metadata, as jambonz sends them."""
        return [self.dialled.metadata(self.rate)]

    def take_binary(self, data: bytes) -> Command:
        """Audio; the module finds its own marks in it by their value."""
        samples = _samples(data)
        if -1 in memoryview(samples).cast("h"):
            raise BreachError("a sample of -1, which the module takes for a mark")
        return Sound(samples)

    def take_text(self, told: Mapping[str, Any]) -> Command:
        """The module's commands."""
        kind = told["type"]
        if kind == "mark":
            return Mark(str(told["data"]["name"]))
        if kind == "transfer":
            return Transfer(str(told["data"]["number"]))
        commands: dict[str, Command] = {
            "killAudio": Kill(),
            "clearMarks": ClearMarks(),
            "disconnect": HangUp(),
        }
        if kind not in commands:
            raise BreachError(f"an unknown command {kind!r}")
        return commands[kind]


class StreamWire(Wire):
    """mod_audio_stream, of the kind that does not heed killAudio."""

    path = "/bridge/stream"
    kills = False

    def hello(self) -> list[str]:
        """The metadata, as a dialplan writes them: the rate only where it is not the server's default."""
        told = json.loads(self.dialled.metadata(self.rate))
        kept = {"callId", "direction", "from", "to", "customerData"}
        if self.rate != self.usual_rate:
            kept.add("sampleRate")
        return [json.dumps({name: value for name, value in told.items() if name in kept})]

    def take_text(self, told: Mapping[str, Any]) -> Command:
        """Audio in base64, and killAudio."""
        if told["type"] == "killAudio":
            return Kill()
        if told["type"] != "streamAudio":
            raise BreachError(f"an unknown command {told['type']!r}")
        data = told["data"]
        if (data["audioDataType"], data["sampleRate"]) != ("raw", self.down_rate):
            raise BreachError(f"audio that is not raw at {self.down_rate} Hz")
        return Sound(_samples(base64.b64decode(data["audioData"], validate=True)))


class TwilioWire(Wire):
    """Twilio Media Streams, both ways."""

    path = "/bridge/twilio"
    usual_rate = 8000
    down_rate = 8000

    @property
    def _stream(self) -> str:
        return f"MZ-{self.dialled.call_id}"

    def hello(self) -> list[str]:
        """`connected` and `start`, with what a webhook would write into the TwiML."""
        dialled = self.dialled
        parameters = {
            "direction": {"inbound": "inbound", "outbound": "outbound-api"}[dialled.direction],
            "from": dialled.caller,
            "to": dialled.callee,
            "scheduledCallId": dialled.scheduled_call,
            "consultantId": str(dialled.consultant_id or ""),
        }
        start = {
            "accountSid": "AC-simulated",
            "streamSid": self._stream,
            "callSid": dialled.call_id,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": self.rate, "channels": 1},
        }
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            json.dumps({"event": "start", "streamSid": self._stream, "start": start}),
        ]

    def up(self, pcm: bytes) -> str:
        """μ-law in base64."""
        payload = base64.b64encode(mulaw.encode(pcm)).decode()
        media = {"track": "inbound", "payload": payload}
        return json.dumps({"event": "media", "streamSid": self._stream, "media": media})

    def marked(self, name: str, event: str) -> str:
        """Twilio echoes a mark alike, whether it was passed or cleared."""
        return json.dumps({"event": "mark", "streamSid": self._stream, "mark": {"name": name}})

    def pressed(self, key: str) -> str:
        """A key, on its track."""
        dtmf = {"track": "inbound_track", "digit": key}
        return json.dumps({"event": "dtmf", "streamSid": self._stream, "dtmf": dtmf})

    def goodbye(self) -> str:
        """`stop`."""
        stop = {"callSid": self.dialled.call_id}
        return json.dumps({"event": "stop", "streamSid": self._stream, "stop": stop})

    def take_text(self, told: Mapping[str, Any]) -> Command:
        """Audio, clear and marks of this stream."""
        kind = told["event"]
        if told["streamSid"] != self._stream:
            raise BreachError("a message for another stream")
        if kind == "media":
            return Sound(mulaw.decode(base64.b64decode(told["media"]["payload"], validate=True)))
        if kind == "mark":
            return Mark(str(told["mark"]["name"]))
        if kind != "clear":
            raise BreachError(f"an unknown event {kind!r}")
        return Kill()


WIRES: Mapping[str, type[Wire]] = {"fork": ForkWire, "stream": StreamWire, "twilio": TwilioWire}


def _samples(pcm: bytes) -> bytes:
    if len(pcm) % 2:
        raise BreachError(f"{len(pcm)} bytes of audio are no whole samples")
    return pcm
