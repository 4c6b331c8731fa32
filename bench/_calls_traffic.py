"""The world around a server in the load bench: bridges on one side, Gemini Live on the other, both always speaking.

Run by bench.calls, which tells it on standard input what to do. Every 20 ms of audio carries a stamp, so that it is
known when it came out again, and whether whole. Stamps and sound are made beforehand; nothing is recognised.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import struct
import sys
import time
import urllib.request
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import trustme
import uvloop

from bench._calls_wire import BINARY, TEXT, Answering, Dialling, frame
from transport.settings import BridgeSettings

UP, DOWN = 640, 960  # bytes of 20 ms at 16 and at 24 kHz
CYCLE = 450  # frames of 20 ms: 9 s of a conversation, again and again
LOUD = (range(150), range(200, 340))  # of a cycle: when the caller speaks
TURN_CHUNKS, FASTER, TURN_COMPLETE = (
    200,
    1.25,
    205,
)  # what the model says in a cycle, in chunks and ticks of 40 ms
SAID = {90: "Sì, buongiorno, vorrei prenotare una consulenza.", 185: "Mercoledì 11 alle 15, se c'è posto."}
ANSWERS = [
    "Allora guardi, ",
    "per mercoledì ",
    "ho ancora due posti liberi, ",
    "alle 10 ",
    "e alle 15: ",
    "quale preferisce? ",
]
STAMP = struct.Struct("<6h")
MAGIC = (181, 77)
RING = 1 << 12

SOUNDS = 8
_noise = np.random.default_rng(1)


def sound(size: int, rms: float) -> bytes:
    """Noise, without the sample that a bridge takes for its mark."""
    samples = _noise.normal(0, rms, (size - STAMP.size) // 2).astype("<i2")
    samples[samples == -1] = 1
    return samples.tobytes()


CALLER = [sound(UP, 3000) for _ in range(SOUNDS)]
LINE_NOISE = sound(UP, 20)
ASSISTANT = [sound(DOWN, 3000) for _ in range(SOUNDS)]
_FRAME_HEAD = frame(BINARY, bytes(UP), masked=True)[:-UP]
_AUDIO_BEFORE = (
    b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":'
    b'{"mimeType":"audio/pcm;rate=24000","data":"'
)
_AUDIO_AFTER = b'"}}]}}}'
_NO_MENTIONS = json.dumps(
    {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "[]"}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }
).encode()


def stamped(who: int, number: int, body: bytes) -> bytes:
    """20 ms of sound that say whose they are and the how manieth."""
    return STAMP.pack(*MAGIC, who, number >> 16, number >> 8 & 255, number & 255) + body


def caller_sound(number: int) -> bytes:
    """What the caller's frame `number` sounds like."""
    at = number % CYCLE
    return CALLER[number % SOUNDS] if any(at in loud for loud in LOUD) else LINE_NOISE


class Counts:
    """What was measured."""

    def __init__(self) -> None:
        self.up, self.down, self.late = array("d"), array("d"), array("d")
        self.frames = self.lost = self.spoilt = self.silence = 0


class Way:
    """One direction of one call: when each frame was sent, and which was the last that came."""

    def __init__(self, world: World) -> None:
        self.sent_at = [0.0] * RING
        self.number = 0
        self._last: int | None = None
        self._world = world

    def sent(self, now: float) -> None:
        """The frame `number` goes out."""
        self.sent_at[self.number % RING] = now
        self.number += 1

    def came(self, number: int, body: bytes, expected: bytes) -> None:
        """A frame came out at the other end."""
        counts, last = self._world.counts, self._last
        counts.frames += 1
        if last is not None and number != last + 1:
            counts.lost += max(1, number - last - 1)
        self._last = number
        if body != expected:
            counts.spoilt += 1


class Model:
    """One Live conversation, as Gemini."""

    def __init__(self, world: World, wire: Answering, number: int) -> None:
        self.world, self.wire, self.number = world, wire, number
        self.way = Way(world)
        self.speaks = False
        self.tick = 0
        self.chunks = 0
        self.turn_first = 0  # number of the first frame of this turn
        self.ready_at = 0.0  # when as much had been sent as playing begins with
        self._piece = 0
        self._phase = 0
        wire.take = self.take

    def take(self, opcode: int, payload: bytes) -> None:
        """A client's message: setup, a notice, or sound."""
        at = payload.find(b'"data"')
        if at < 0:
            if b'"setup"' in payload[:20]:
                self.say({"setupComplete": {}})
                self._phase = self.number % self.world.PHASES
                self.world.phases[self._phase].append(self)
            return
        now = time.perf_counter()
        begin = payload.index(b'"', at + 6) + 1
        encoded = payload[begin : payload.index(b'"', begin)]
        if b"-" in encoded or b"_" in encoded:
            encoded = encoded.translate(_STANDARD)
        self.hear(base64.b64decode(encoded), now)

    def hear(self, pcm: bytes, now: float) -> None:
        """Sound of the caller."""
        sent = 0.0
        for at in range(0, len(pcm), UP):
            a, b, who, high, middle, low = STAMP.unpack_from(pcm, at)
            if (a, b) != MAGIC:
                self.world.counts.silence += 1
                continue
            way, number = self.world.bridges[who].way, high << 16 | middle << 8 | low
            way.came(number, pcm[at + STAMP.size : at + UP], caller_sound(number))
            sent = way.sent_at[number % RING]
        if sent:
            self.world.counts.up.append(now - sent)  # of the frame that completes the chunk

    def say(self, message: dict[str, object]) -> None:
        """Send a message that is not sound."""
        if not self.wire.transport.is_closing():
            self.wire.transport.write(frame(BINARY, json.dumps(message).encode()))

    def step(self, now: float) -> None:
        """40 ms have passed."""
        if self.wire.transport.is_closing():
            self.world.phases[self._phase].remove(self)
            return
        tick = self.tick % (CYCLE // 2)
        if tick == 0:
            self.chunks, self.turn_first = 0, self.way.number
        self.tick += 1
        if self.world.words and tick in SAID:
            self.say({"serverContent": {"inputTranscription": {"text": SAID[tick]}}})
        if tick == TURN_COMPLETE:
            self.say({"serverContent": {"turnComplete": True}})
        while self.chunks < min(TURN_CHUNKS, int((tick + 1) * FASTER)):
            self.speak(now)
            if self.chunks == TURN_CHUNKS:
                self.say({"serverContent": {"generationComplete": True}})

    def speak(self, now: float) -> None:
        """Send 40 ms of sound, and some words now and then."""
        pcm = b""
        for _ in range(2):
            number = self.way.number
            pcm += stamped(self.number, number, ASSISTANT[number % SOUNDS])
            self.way.sent(now)
        self.chunks += 1
        if self.chunks * 40 == self.world.lead_ms:
            self.ready_at = now
        self.wire.transport.write(frame(BINARY, _AUDIO_BEFORE + base64.b64encode(pcm) + _AUDIO_AFTER))
        if self.world.words and self.chunks % 12 == 0:
            word = ANSWERS[self._piece % len(ANSWERS)]
            self._piece += 1
            self.say({"serverContent": {"outputTranscription": {"text": word}}})

    def due(self, number: int) -> float:
        """When frame `number` of this turn goes out at best."""
        world, at = self.world, number - self.turn_first
        if not world.paced:
            return self.way.sent_at[number % RING]
        behind = at * 20 - world.lead_ms
        return self.ready_at + max(0, behind // world.frame_ms * world.frame_ms) / 1000


class Bridge:
    """One phone call, as mod_audio_fork."""

    def __init__(self, world: World, number: int, call_id: str | None = None) -> None:
        self.world, self.number = world, number
        self.call_id = call_id or f"bench-{os.getpid()}-{number}"
        self.way = Way(world)
        self._phase = number % world.PHASES
        self.wire = Dialling("/bridge/fork", "audio.jambonz.org", self.begin)
        self.wire.take = self.take
        self.wire.gone = self.gone

    def begin(self) -> None:
        """Describe the call and speak."""
        told = {
            "callId": self.call_id, "sampleRate": 16000, "direction": "inbound",
            "from": f"+3934055{self.number:05d}", "to": "+390612345678", "customerData": {"consultantId": 1},
        }  # fmt: skip
        self.wire.transport.write(frame(TEXT, json.dumps(told).encode(), masked=True))
        self.world.phases[self._phase].append(self)

    def gone(self) -> None:
        """The connection has ended."""
        if self in self.world.phases[self._phase]:
            self.world.phases[self._phase].remove(self)
            self.world.ended += 1

    def step(self, now: float) -> None:
        """20 ms have passed."""
        number = self.way.number
        self.wire.transport.write(_FRAME_HEAD + stamped(self.number, number, caller_sound(number)))
        self.way.sent(now)

    def take(self, opcode: int, payload: bytes) -> None:
        """A message of the server."""
        if opcode != BINARY:
            return
        now, counts = time.perf_counter(), self.world.counts
        for at in range(0, len(payload), DOWN):
            a, b, who, high, middle, low = STAMP.unpack_from(payload, at)
            if (a, b) != MAGIC:
                continue  # the silence after a turn
            model, number = self.world.models[who], high << 16 | middle << 8 | low
            model.way.came(number, payload[at + STAMP.size : at + DOWN], ASSISTANT[number % SOUNDS])
            counts.down.append(now - model.due(number))


_STANDARD = bytes.maketrans(b"-_", b"+/")


class World:
    """Everybody who calls and is called."""

    PHASES = 20

    def __init__(self, *, paced: bool, words: bool = True) -> None:
        bridge = BridgeSettings()
        self.words = words
        self.paced, self.lead_ms, self.frame_ms = paced, bridge.lead_ms, bridge.frame_ms
        self.counts = Counts()
        self.phases: list[list[Bridge | Model]] = [[] for _ in range(self.PHASES)]
        self.bridges: list[Bridge] = []
        self.models: list[Model] = []
        self.ended = 0

    def answering(self) -> Answering:
        """A connection to Gemini."""

        def opened(wire: Answering) -> None:
            self.models.append(Model(self, wire, len(self.models)))

        return Answering(opened, _NO_MENTIONS)

    async def run(self) -> None:
        """Keep time: a twentieth of all takes its step each millisecond; the models with every other round."""
        start, tick = time.perf_counter(), 0
        while True:
            tick += 1
            due = start + tick / 1000
            left = due - time.perf_counter()
            if left > 0:
                await asyncio.sleep(left)
            elif tick % 5 == 0:
                await asyncio.sleep(0)
            now = time.perf_counter()
            self.counts.late.append(now - due)
            phase, round_ = tick % self.PHASES, tick // self.PHASES
            for each in tuple(self.phases[phase]):
                if isinstance(each, Bridge) or round_ % 2 == each.number % 2:
                    each.step(now)

    async def dial(self, host: str, port: int, calls: int, apart_s: float) -> None:
        """Begin `calls` calls, one after the other."""
        for _ in range(calls):
            await self.call(host, port)
            await asyncio.sleep(apart_s)

    async def call(self, host: str, port: int, call_id: str | None = None) -> Bridge:
        """Begin one call, or take up again the one that `call_id` names."""
        bridge = Bridge(self, len(self.bridges), call_id)
        self.bridges.append(bridge)
        await asyncio.get_running_loop().create_connection(lambda: bridge.wire, host, port)
        return bridge


# --- Numbers ----------------------------------------------------------------------------------------------


def cpu_s(pid: int, *, loop_only: bool = False) -> float:
    """CPU time of a process, or of the thread with its event loop, so far."""
    stat = Path(f"/proc/{pid}/task/{pid}/stat" if loop_only else f"/proc/{pid}/stat")
    fields = stat.read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: array[float], share: float) -> float:
    """In milliseconds; nan of nothing."""
    return float(np.quantile(np.frombuffer(values), share) * 1000) if values else float("nan")


def lags(url: str) -> dict[float, float]:
    """Loop lag so far: how many looks found at most so many seconds."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as page:
        lines: Iterator[str] = (line.decode() for line in page)
        found = [line.split() for line in lines if line.startswith("vbs_loop_lag_seconds_bucket")]
    return {float(name.split('"')[1]): float(value) for name, value in found}


def lag_ms(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """The upper bound of the bucket in which that share of the looks lies, in milliseconds."""
    all_of_them = after[float("inf")] - before[float("inf")]
    enough = (bound for bound, count in sorted(after.items()) if count - before[bound] >= share * all_of_them)
    return next(enough) * 1000


async def main() -> None:
    """Listen as Gemini; then do what is asked for, once."""
    asked = json.loads(await asyncio.to_thread(sys.stdin.readline))
    world, loop = World(paced=asked["paced"], words=asked["words"]), asyncio.get_running_loop()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(asked["ca"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    gemini = await loop.create_server(world.answering, "127.0.0.1", 0, ssl=tls, backlog=512)
    print(f"https://127.0.0.1:{gemini.sockets[0].getsockname()[1]}", flush=True)

    asked |= json.loads(await asyncio.to_thread(sys.stdin.readline))
    url, pid, calls = asked["url"], asked["pid"], asked["calls"]
    running = asyncio.create_task(world.run())
    await world.dial("127.0.0.1", int(url.rpartition(":")[2]), calls, asked["apart_s"])
    await asyncio.sleep(asked["warm_s"])
    lag = await asyncio.to_thread(lags, url)
    began, own = time.perf_counter(), time.process_time()
    used, in_loop = cpu_s(pid), cpu_s(pid, loop_only=True)
    world.counts = Counts()
    await asyncio.sleep(asked["seconds"])
    counts, world.counts = world.counts, Counts()
    seconds = time.perf_counter() - began
    found = {
        "cpu": (cpu_s(pid) - used) / seconds,
        "loop_cpu": (cpu_s(pid, loop_only=True) - in_loop) / seconds,
        "generator_cpu": (time.process_time() - own) / seconds,
        "calls": sum(not bridge.wire.transport.is_closing() for bridge in world.bridges),
        "frames": counts.frames,
        "lost": counts.lost,
        "spoilt": counts.spoilt,
        "silence": counts.silence,
    }
    for name, values in (("up", counts.up), ("down", counts.down), ("generator_late", counts.late)):
        found[name] = [quantile(values, 0.5), quantile(values, 0.99)]
    found["lag_p99"] = lag_ms(lag, await asyncio.to_thread(lags, url), 0.99)
    print(json.dumps(found), flush=True)
    running.cancel()
    for each in world.bridges:
        each.wire.transport.abort()


if __name__ == "__main__":
    uvloop.run(main())
