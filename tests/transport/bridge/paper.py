"""A whole call without sockets: a bridge of any dialect, its connection, the line, the call, and a model with a voice.

All of ours is the real thing; time is counted in samples, so that ten minutes take as long as they are computed.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import aiohttp
from aiohttp import web

from engine.call import Call, CallEnd
from engine.ports import (
    AnalysisResult,
    AssistantWords,
    CallerWords,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelGone,
    Signal,
)
from engine.settings import EngineSettings
from engine.turns import Turn
from tests.virtual_loop import LoopClock
from transport.audio.energy import EnergyDetector
from transport.bridge.connection import Connection
from transport.bridge.dialects import DIALECTS
from transport.bridge.line import BridgeLine
from transport.settings import BridgeSettings
from transport.simulation.caller import Dialled, Playout
from transport.simulation.modem import END_OF_UTTERANCE, MOST_CHARS_PER_S, Demodulator, modulate
from transport.simulation.wire import WIRES, Kill, Sound, Wire

WORDS = """mercoledì undici febbraio alle quindici conferma perché però sì no tre tre uno due ventidue sabato
    chiocciola trattino città più già marzo martedì mezzogiorno venti trenta zero sessantasette""".split()  # noqa: SIM905  # easier to read without quotes
FRAMES_MS = (10, 20, 30, 40)  # a bridge may send any; each utterance has its own
MODEL_CHUNKS = (1920, 4801, 9600, 11520, 48000)  # bytes; odd ones too
FASTER = 4  # than real time, as the model sends


class PaperSocket:
    """The WebSocket between bridge and server: what either writes the other reads at once."""

    def __init__(self, bridge: Callable[[str | bytes], None]) -> None:
        self._bridge = bridge
        self._frames: asyncio.Queue[aiohttp.WSMessage] = asyncio.Queue()
        self.closed = False

    def from_bridge(self, frame: str | bytes) -> None:
        kind = aiohttp.WSMsgType.TEXT if isinstance(frame, str) else aiohttp.WSMsgType.BINARY
        self._frames.put_nowait(aiohttp.WSMessage(kind, frame, None))

    def hang_up(self) -> None:
        self._frames.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.CLOSE, 1000, None))

    async def receive(self) -> aiohttp.WSMessage:
        return await self._frames.get()

    async def send_bytes(self, data: bytes) -> None:
        self._bridge(data)

    async def send_str(self, data: str) -> None:
        self._bridge(data)


class PaperModel:
    """A live model that hears and speaks words, in turns of its own; it is its one session too."""

    def __init__(self, clock: LoopClock, chance: random.Random) -> None:
        self._clock, self._chance = clock, chance
        self._outbox: asyncio.Queue[ModelEvent | ModelGone] = asyncio.Queue()
        self._ear = Demodulator(16000)
        self.heard: list[str] = []
        self.said: list[str] = []
        self.chunks: list[tuple[float, int]] = []  # when each piece of the caller's audio came, and its bytes

    @asynccontextmanager
    async def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AsyncIterator[PaperModel]:
        yield self

    async def send_audio(self, pcm: bytes) -> None:
        raise AssertionError("nothing ever waits")

    def offer_audio(self, pcm: bytes) -> bool:
        self.chunks.append((self._clock.monotonic(), len(pcm)))
        words = self._ear.feed(pcm)
        self.heard += words
        for word in words:
            if word != END_OF_UTTERANCE:
                self._outbox.put_nowait(CallerWords(f"{word} "))
        return True

    async def send_notice(self, text: str) -> None:
        pass

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        while not isinstance(event := await self._outbox.get(), ModelGone):
            hear(event)
        return event

    def leave(self) -> None:
        self._outbox.put_nowait(ModelGone(1000, "over", Loss.FATAL))

    def interrupt(self) -> None:
        """The caller has cut in, as the model sees it."""
        self._outbox.put_nowait(Signal.INTERRUPTED)
        self._outbox.put_nowait(Signal.TURN_COMPLETE)

    async def speak(self, words: Sequence[str]) -> None:
        """One turn, sent faster than it is played; returns when it has been played."""
        self.said += [*words, END_OF_UTTERANCE]
        speech, at, began = modulate(" ".join(words), 24000), 0, self._clock.monotonic()
        self._outbox.put_nowait(AssistantWords(" ".join(words)))
        while at < len(speech):
            piece = speech[at : at + self._chance.choice(MODEL_CHUNKS)]
            self._outbox.put_nowait(ModelAudio(piece))
            at += len(piece)
            if at < len(speech):
                await self._clock.sleep(len(piece) / 48000 / FASTER)
        self._outbox.put_nowait(Signal.GENERATION_COMPLETE)
        await self._clock.sleep(began + len(speech) / 48000 + 0.3 - self._clock.monotonic())
        self._outbox.put_nowait(Signal.TURN_COMPLETE)


class PaperBridge:
    """The bridge's side, and the caller behind it, who hears and speaks words."""

    def __init__(self, wire: Wire, clock: LoopClock, chance: random.Random) -> None:
        self.wire, self._clock, self._chance = wire, clock, chance
        self._playout = Playout(wire.down_rate, wire.prebuffer_ms)
        self._ear = Demodulator(wire.down_rate)
        self._mouth: deque[bytes] = deque()
        self.socket = PaperSocket(self._take)
        self.heard: list[str] = []
        self.said: list[str] = []
        self.kills: list[float] = []
        self.audible_at = 0.0  # when something was last played

    def _take(self, frame: str | bytes) -> None:
        match self.wire.take(frame):
            case Sound(pcm):
                self._playout.put(pcm)
            case Kill():
                self.kills.append(self._clock.monotonic())
                if self.wire.kills:
                    self._playout.kill()

    async def hear(self) -> None:
        """Play what comes, 20 ms at a time."""
        due = self._clock.monotonic()
        while True:
            frame, _ = self._playout.take()
            if frame.strip(b"\0"):
                self.audible_at = self._clock.monotonic()
            self.heard += self._ear.feed(frame)
            due += 0.02
            await self._clock.sleep(due - self._clock.monotonic())

    async def send(self) -> None:
        """Send what is spoken, else silence, in frames of one size an utterance."""
        due, ms = self._clock.monotonic(), 20
        while True:
            if not self._mouth:
                ms = self._chance.choice(FRAMES_MS)
            silence = bytes(self.wire.rate * ms // 1000 * 2)
            self.socket.from_bridge(self.wire.up(self._next(len(silence)) or silence))
            due += ms / 1000
            await self._clock.sleep(due - self._clock.monotonic())

    def _next(self, size: int) -> bytes:
        if not self._mouth:
            return b""
        speech = self._mouth.popleft()
        if speech[size:]:
            self._mouth.appendleft(speech[size:])
        return speech[:size].ljust(size, b"\0")

    async def speak(self, words: Sequence[str]) -> None:
        self.said += [*words, END_OF_UTTERANCE]
        speech = modulate(" ".join(words), self.wire.rate)
        self._mouth.append(speech)
        await self._clock.sleep(len(speech) / 2 / self.wire.rate)


class NoSupervisor:
    """Understands nothing."""

    def read_ahead(self, *_: object, **__: object) -> None:
        pass

    async def analyse(self, turns: Sequence[Turn], **_: object) -> AnalysisResult:
        return AnalysisResult()


@dataclass(frozen=True)
class Talk:
    """What became of a call: what each side said and what the other heard, word by word."""

    end: CallEnd
    caller: tuple[list[str], list[str]]
    assistant: tuple[list[str], list[str]]
    chunks: list[tuple[float, int]]
    line: BridgeLine


@dataclass(frozen=True)
class Rates:
    """A dialect, and the rates of its audio up and down."""

    dialect: str
    up: int
    down: int

    def __str__(self) -> str:
        return f"{self.dialect} {self.up // 1000} up {self.down // 1000} down"

    def wire(self) -> Wire:
        kind = WIRES[self.dialect]
        dialled = Dialled("c-1", "+393401234567", "+390612345678")
        return type("Wire", (kind,), {"down_rate": self.down})(dialled, self.up)

    def bridge_settings(self) -> BridgeSettings:
        return BridgeSettings.model_validate({"downlink_rate": self.down, "stream_downlink_rate": self.down})


EVERY_PAIR = [
    *(
        Rates(name, up, down)
        for name in ("fork", "stream")
        for up in (8000, 16000)
        for down in (8000, 16000, 24000)
    ),
    Rates("twilio", 8000, 8000),
]


@dataclass(frozen=True)
class PaperCall:
    """A call that goes on."""

    clock: LoopClock
    chance: random.Random
    bridge: PaperBridge
    model: PaperModel
    line: BridgeLine
    ended: asyncio.Future[CallEnd]


@asynccontextmanager
async def calling(rates: Rates, *, seed: int = 1) -> AsyncIterator[PaperCall]:
    """A call, hung up by the caller on leaving."""
    clock, chance = LoopClock(), random.Random(seed)
    bridge, model = PaperBridge(rates.wire(), clock, chance), PaperModel(clock, chance)
    settings = rates.bridge_settings()
    request = cast(web.Request, SimpleNamespace(transport=None))
    connection: Connection = DIALECTS[bridge.wire.path](request, clock, settings)
    connection.socket = cast(web.WebSocketResponse, bridge.socket)
    for frame in bridge.wire.hello():
        bridge.socket.from_bridge(frame)
    metadata = await connection.metadata()
    line = BridgeLine(connection, clock, settings, call_id=metadata.call_id, rate=metadata.sample_rate)
    call = Call(
        "c-1",
        line=line,
        model=model,
        prompt="p",
        supervisor=NoSupervisor(),
        detector=EnergyDetector(),
        clock=clock,
        settings=EngineSettings(chars_per_s=MOST_CHARS_PER_S, silent_caller_s=3600.0),
    )

    async def reading() -> None:
        await connection.read(line)
        line.over("hangup")

    work = (line.run_playout(), bridge.hear(), bridge.send(), reading())
    beside = [asyncio.ensure_future(each) for each in work]
    ended = asyncio.ensure_future(call.run())
    try:
        yield PaperCall(clock, chance, bridge, model, line, ended)
        bridge.socket.hang_up()
        await clock.sleep(0.1)
        model.leave()
        await ended
    finally:
        for task in (*beside, ended):
            task.cancel()
        await asyncio.gather(*beside, ended, return_exceptions=True)


async def talk(rates: Rates, seconds: float, *, seed: int = 1) -> Talk:
    """A call of `seconds` in which caller and model speak, pause and speak at once as chance has it."""
    async with calling(rates, seed=seed) as call:
        clock, chance = call.clock, call.chance

        async def speaking(speak: Callable[[Sequence[str]], Awaitable[None]]) -> None:
            while clock.monotonic() < seconds:
                await clock.sleep(chance.uniform(0.3, 4.0))
                await speak(chance.choices(WORDS, k=chance.randint(1, 24)))

        await asyncio.gather(speaking(call.bridge.speak), speaking(call.model.speak))
        await clock.sleep(2)
    bridge, model = call.bridge, call.model
    caller, assistant = (bridge.said, model.heard), (model.said, bridge.heard)
    return Talk(call.ended.result(), caller, assistant, model.chunks, call.line)
