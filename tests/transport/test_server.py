"""Start, SIGTERM, and one call over a real socket through line, playout, detector and call."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import numpy as np

from engine.call import Call, CallEnd
from engine.ports import (
    AnalysisResult,
    AssistantWords,
    CallerWords,
    Line,
    ModelAudio,
    ModelEvent,
    ModelGone,
    Signal,
)
from engine.settings import EngineSettings
from engine.turns import Turn
from transport.audio.energy import EnergyDetector
from transport.bridge.metadata import CallMetadata
from transport.clock import SystemClock
from transport.server import Parts, init_app, running, serve
from transport.settings import ServerSettings

LOUD = np.random.default_rng(2).normal(0, 4000, 320).astype("<i2").tobytes()
QUIET = bytes(640)


class Model:
    def __init__(self) -> None:
        self.outbox: asyncio.Queue[ModelEvent | ModelGone] = asyncio.Queue()
        self.heard = bytearray()

    @asynccontextmanager
    async def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AsyncIterator["Model"]:
        yield self

    async def send_audio(self, pcm: bytes) -> None:
        raise AssertionError("nothing ever waits")

    def offer_audio(self, pcm: bytes) -> bool:
        self.heard += pcm
        return True

    async def send_notice(self, text: str) -> None:
        raise AssertionError("no notice was asked for")

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        while not isinstance(event := await self.outbox.get(), ModelGone):
            hear(event)
        return event


class Supervisor:
    def __init__(self) -> None:
        self.last: tuple[Turn, ...] = ()

    async def analyse(
        self,
        turns: Sequence[Turn],
        *,
        new: Sequence[int],
        now: object,
        call_over: bool,
        pending_speech: bool,
        unheard: bool,
        still_valid: Callable[[], bool],
    ) -> AnalysisResult:
        self.last = tuple(turns)
        return AnalysisResult()


async def test_a_call_through_the_whole_voice_path() -> None:
    model, supervisor, ends = Model(), Supervisor(), asyncio.Queue[CallEnd]()
    clock = SystemClock()

    async def answer(line: Line, metadata: CallMetadata) -> None:
        call = Call(
            metadata.call_id,
            line=line,
            model=model,
            prompt="",
            supervisor=supervisor,
            detector=EnergyDetector(),
            clock=clock,
            settings=EngineSettings(),
        )
        ends.put_nowait(await call.run())

    app = init_app(Parts(answer, clock))
    async with (
        running(app, ServerSettings(port=0, drain_s=0)) as address,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{address}/bridge/fork", protocols=["audio.drachtio.org"]) as ws,
    ):
        await ws.send_str(json.dumps({"sampleRate": 16000, "callId": "c-1"}))

        async def sends(frame: bytes, seconds: float) -> None:
            for _ in range(round(seconds / 0.02)):
                await ws.send_bytes(frame)
                await asyncio.sleep(0.02)

        def speaks(text: str, ms: int) -> None:
            model.outbox.put_nowait(ModelAudio(b"\x10\x00" * 24 * ms))
            model.outbox.put_nowait(AssistantWords(text))
            model.outbox.put_nowait(Signal.GENERATION_COMPLETE)
            model.outbox.put_nowait(Signal.TURN_COMPLETE)

        await sends(QUIET, 0.2)
        speaks("Che giorno preferisce?", 400)
        await sends(QUIET, 0.7)
        await sends(LOUD, 0.3)
        await sends(QUIET, 0.6)
        speaks("Mercoledì undici alle quindici, conferma?", 3000)
        model.outbox.put_nowait(CallerWords("mercoledì", finished=True))
        await sends(QUIET, 0.7)
        await sends(LOUD, 0.2)
        model.outbox.put_nowait(Signal.INTERRUPTED)
        before = asyncio.get_running_loop().time()
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] != "mark":
                assert json.loads(message.data) == {"type": "killAudio"}
                break
        assert asyncio.get_running_loop().time() - before < 0.1
        await sends(QUIET, 0.5)
        model.outbox.put_nowait(CallerWords("no, giovedì", finished=True))
        await ws.send_bytes(b"")
        end = await asyncio.wait_for(ends.get(), 5)

    assert end == CallEnd("hangup", barge_ins=1)
    assert [turn.text for turn in supervisor.last] == [
        "Che giorno preferisce?",
        "mercoledì",
        "Mercoledì undici alle quindici, conferma?",
        "no, giovedì",
    ]
    question, day, readback, correction = supervisor.last
    assert question.heard is None
    assert readback.heard in ("", "Mercoledì", "Mercoledì undici")
    assert (
        question.ended_at and day.began_at and readback.began_at and correction.began_at and readback.ended_at
    )
    assert question.ended_at < day.began_at < readback.began_at < correction.began_at < readback.ended_at
    assert LOUD in bytes(model.heard)


async def test_sigterm_stops_the_server() -> None:
    async def answer(line: Line, metadata: CallMetadata) -> None:
        raise AssertionError("nobody calls")

    app, ready = init_app(Parts(answer, SystemClock())), asyncio.Queue[str]()
    serving = asyncio.create_task(serve(app, ServerSettings(port=0, drain_s=1), ready=ready.put))
    address = await asyncio.wait_for(ready.get(), 5)
    assert address.startswith("http://127.0.0.1:")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 5)
