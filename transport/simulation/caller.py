"""A simulated caller behind a simulated bridge of any dialect, with sound for a voice."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import aiohttp

from engine.ports import Clock
from transport.simulation.modem import END_OF_UTTERANCE, SPOILT_WORD, Demodulator, modulate
from transport.simulation.persona import Conversation, Persona, Reply
from transport.simulation.wire import (
    WIRES,
    BreachError,
    ClearMarks,
    HangUp,
    Kill,
    Mark,
    Sound,
    Transfer,
    Wire,
)

_FRAME_S = 0.02
_SLIP_S = 0.1  # how far a frame may be late before the frames after it are late too
_KEY_S = 0.15  # from one key to the next
_AUDIBLE = 300  # of 32768
_CLOSE_TIMEOUT_S = 3.0
_DIAL_EVERY_S = 0.5  # while nobody answers the bridge that comes back

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dialled:
    """One call as its bridge describes it: who calls whom. Numbers are E.164; empty: withheld."""

    call_id: str
    caller: str
    callee: str
    direction: Literal["inbound", "outbound"] = "inbound"
    scheduled_call: str = ""
    consultant_id: int | None = None

    def metadata(self, rate: int) -> str:
        """The first text frame, as jambonz sends it."""
        customer = {"scheduledCallId": self.scheduled_call, "consultantId": self.consultant_id}
        return json.dumps(
            {
                "sampleRate": rate,
                "mixType": "mono",
                "callSid": self.call_id,
                "callId": self.call_id,
                "direction": self.direction,
                "from": self.caller,
                "to": self.callee,
                "customerData": {key: value for key, value in customer.items() if value},
            }
        )


@dataclass(slots=True)
class Said:
    """One stretch of speech as the caller knows it. `at` is when its first word was heard or said."""

    speaker: Literal["caller", "assistant"]
    text: str
    at: datetime


@dataclass(slots=True)
class CallRecord:
    """What a simulated call came to.

    `ended_by` is "caller", "server", "timeout", or "connection" when that broke for good; empty before. `speaking`
    is the caller, now. `problems` are breaches of the wire format.
    `transferred_to`: the number that the call was handed to; `heard_s`: how long there was any sound.
    """

    call_id: str
    said: list[Said] = field(default_factory=list)
    ended_by: str = ""
    speaking: bool = False
    close_code: int | None = None
    kills: int = 0
    reconnections: int = 0
    transferred_to: str = ""
    heard_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def words(self, speaker: Literal["caller", "assistant"]) -> str:
        """All that `speaker` said, one line a stretch."""
        return "\n".join(said.text for said in self.said if said.speaker == speaker)


@dataclass(frozen=True, slots=True)
class Break:
    """The bridge's connection breaks, once, as soon as `when` the call so far is so; the phone call goes on.

    `away_s` later the bridge connects again, at `url` (empty: where it was); None: never. `half_open`: nobody
    is told, the old connection only falls silent. Else it ends, without a closing frame.
    """

    when: Callable[[CallRecord], bool]
    away_s: float | None = 1.0
    url: str = ""
    half_open: bool = False


class Playout:
    """The bridge's own play buffer: L16 at `rate` Hz in, 20 ms frames out.

    Like the real mod_audio_fork it waits until `prebuffer_ms` are there before it begins, and again after it
    ran dry: a shorter rest stays stuck.
    """

    def __init__(self, rate: int = 24000, prebuffer_ms: int = 160) -> None:
        self._frame = int(rate * _FRAME_S) * 2
        self._prebuffer = rate * prebuffer_ms // 1000 * 2
        self._sound = bytearray()
        self._taken = 0  # bytes played since the beginning
        self._marks: deque[tuple[int, str]] = deque()
        self._playing = False

    def put(self, pcm: bytes) -> None:
        """Queue audio."""
        self._sound += pcm

    def mark(self, name: str) -> None:
        """Remember `name` at the end of what is queued."""
        self._marks.append((self._taken + len(self._sound), name))

    def clear_marks(self) -> list[str]:
        """Forget all marks; their names."""
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def kill(self) -> list[str]:
        """Drop what is not yet played; the names of the marks that went with it."""
        self._taken += len(self._sound)
        self._sound.clear()
        self._playing = False
        return self.clear_marks()

    def take(self) -> tuple[bytes, list[str]]:
        """The next 20 ms (silence when there is nothing to play) and the marks passed with it."""
        if not self._playing and len(self._sound) < self._prebuffer:
            return bytes(self._frame), []
        frame = bytes(self._sound[: self._frame])
        del self._sound[: self._frame]
        self._taken += len(frame)
        self._playing = bool(self._sound)
        passed = []
        while self._marks and self._marks[0][0] <= self._taken:
            passed.append(self._marks.popleft()[1])
        return frame.ljust(self._frame, b"\0"), passed


class SimulatedCaller:
    """One call of one persona. `run` plays it; `record` can be watched meanwhile.

    `url` is the bridge path of the server (ws://…/bridge/fork), `dialect` one of `WIRES`, `rate` the uplink's
    8000 or 16000 Hz (None: what is usual for the dialect), `reply_pause_ms` how long the assistant must be
    silent before the caller answers, `patience_s` how long nobody speaks before the caller asks "Pronto?"
    (twice, then once more and hangs up). `breaks` of the connection happen in order; one that the server's side
    brings about is come back from at `back_at` (empty: it is the end). Times are of `clock`.
    """

    def __init__(
        self,
        url: str,
        dialled: Dialled,
        persona: Persona,
        clock: Clock,
        *,
        dialect: str = "fork",
        rate: int | None = None,
        reply_pause_ms: int = 500,
        patience_s: float = 9.0,
        timeout_s: float = 75.0,
        breaks: Sequence[Break] = (),
        back_at: str = "",
    ) -> None:
        self._url = url
        self._breaks = deque(breaks)
        self._back_at = back_at
        self._dialect = dialect
        self._next_url: str | None = None  # where to go on when this connection ends
        self._away_s: float | None = None
        self._dialled = dialled
        self._conversation = Conversation(persona)
        self._clock = clock
        self._rate = rate or WIRES[dialect].usual_rate
        self._wire: Wire = WIRES[dialect](dialled, self._rate)
        self._reply_pause_s = reply_pause_ms / 1000
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._playout = Playout(self._wire.down_rate, self._wire.prebuffer_ms)
        self._ear = Demodulator(self._wire.down_rate)
        self._mouth: deque[bytes] = deque()  # frames still to be spoken
        self._keys: deque[str] = deque()  # still to be pressed
        self._key_at = 0.0  # when the next one may be
        self._hang_up_after = False
        self._deaf = False  # to the rest of an utterance that was talked over
        self._hearing: list[str] = []  # words of the assistant's running turn
        self._heard_as = Said("assistant", "", clock.now())
        self._turn_began = 0.0
        self._utterance_over = False
        self._last_sound = 0.0
        self._quiet_since = 0.0
        self._calls_for_attention = 0
        self._began = clock.monotonic()
        self.record = CallRecord(dialled.call_id)

    async def run(self, session: aiohttp.ClientSession) -> CallRecord:
        """Play the call to its end. Raises aiohttp.ClientError when the server does not take it."""
        self._began = self._clock.monotonic()
        async with AsyncExitStack() as left_open:
            await self._over(await self._connected(session, self._url), left_open)
            while self._next_url is not None:
                await self._clock.sleep(self._away_s or 0.0)
                ws = await self._come_back(session, self._next_url)
                self._start_afresh()
                await self._over(ws, left_open)
        return self.record

    async def _connected(self, session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
        return await session.ws_connect(
            url,
            protocols=self._wire.protocols,
            max_msg_size=0,
            compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
        )

    async def _come_back(self, session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
        """As a dialplan that tries again and again."""
        while True:
            try:
                return await self._connected(session, url)
            except (aiohttp.ClientError, OSError):
                if self._clock.monotonic() - self._began > self._timeout_s:
                    raise
                await self._clock.sleep(_DIAL_EVERY_S)

    def _start_afresh(self) -> None:
        """A bridge that connects again knows nothing of before; what the caller said meanwhile is lost."""
        self._next_url = self._away_s = None
        self._wire = WIRES[self._dialect](self._dialled, self._rate)
        self._playout = Playout(self._wire.down_rate, self._wire.prebuffer_ms)
        self._ear = Demodulator(self._wire.down_rate)
        self._mouth.clear()
        self._hearing.clear()
        self._deaf = self._utterance_over = self._hang_up_after = False
        self.record.reconnections += 1

    async def _over(self, ws: aiohttp.ClientWebSocketResponse, left_open: AsyncExitStack) -> None:
        """Play the call over one connection until that ends."""
        for frame in self._wire.hello():
            await ws.send_str(frame)
        listening = asyncio.create_task(self._listen(ws))
        broken: Break | None = None
        try:
            broken = await self._speak(ws)
            if (
                broken is None and not self.record.ended_by
            ):  # the server's side has ended: how, is heard there
                await asyncio.wait((listening,), timeout=_CLOSE_TIMEOUT_S)
        finally:
            if broken is None:
                with suppress(ConnectionError, aiohttp.ClientError):
                    if (goodbye := self._wire.goodbye()) is not None and not ws.closed:
                        await ws.send_str(goodbye)
                    await ws.close()
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        if broken is None:
            self.record.close_code = ws.close_code
        elif broken.half_open:
            left_open.push_async_callback(ws.close)
        else:
            ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            await ws.close()

    # --- what the bridge does --------------------------------------------------------------------

    async def _listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            message = await ws.receive()
            if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                break
            try:
                await self._obey(ws, message.data)
            except BreachError as breach:
                self.record.problems.append(str(breach))
        if self.record.ended_by or self._next_url is not None:
            return
        if self._back_at and message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
            self._next_url, self._away_s = self._back_at, _DIAL_EVERY_S  # it ended without a closing frame
        else:
            self._end("server")

    async def _obey(self, ws: aiohttp.ClientWebSocketResponse, frame: str | bytes) -> None:
        match self._wire.take(frame):
            case Sound(pcm):
                self._playout.put(pcm)
            case Kill():
                self.record.kills += 1
                if self._wire.kills:
                    await self._report_marks(ws, self._playout.kill(), "cleared")
            case Mark(name):
                self._playout.mark(name)
            case ClearMarks():
                await self._report_marks(ws, self._playout.clear_marks(), "cleared")
            case HangUp():
                self._end("server")
            case Transfer(number):
                self.record.transferred_to = number
                self._end("server")

    async def _report_marks(self, ws: aiohttp.ClientWebSocketResponse, names: list[str], event: str) -> None:
        for name in names:
            await ws.send_str(self._wire.marked(name, event))

    # --- what the caller does --------------------------------------------------------------------

    async def _speak(self, ws: aiohttp.ClientWebSocketResponse) -> Break | None:
        """One frame up and one frame down every 20 ms, until somebody ends the call, or its connection breaks."""
        due = self._last_sound = self._quiet_since = self._clock.monotonic()
        silence = bytes(int(self._rate * _FRAME_S) * 2)
        with suppress(ConnectionError, aiohttp.ClientError):
            while not self.record.ended_by and not ws.closed:
                frame_up = self._wire.up(self._mouth.popleft() if self._mouth else silence)
                await (ws.send_str(frame_up) if isinstance(frame_up, str) else ws.send_bytes(frame_up))
                await self._press(ws)
                frame, marks = self._playout.take()
                await self._report_marks(ws, marks, "playout")
                now = self._clock.monotonic()
                self._hear(frame, now)
                self._react(now)
                self.record.speaking = bool(self._mouth)
                if self._breaks and self._breaks[0].when(self.record):
                    return self._break(self._breaks.popleft())
                if self._hang_up_after and not self._mouth and not self._keys:
                    self._end("caller")
                elif now - self._began > self._timeout_s:
                    self._end("timeout")
                # A stall of this process is none of the network's: after one the line goes on where it stood.
                due = max(due + _FRAME_S, self._clock.monotonic() - _SLIP_S)
                await self._clock.sleep(due - self._clock.monotonic())
        return None

    def _break(self, broken: Break) -> Break:
        if broken.away_s is None:
            self._end("connection")
        else:
            self._next_url, self._away_s = broken.url or self._url, broken.away_s
        return broken

    async def _press(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """The next key, once everything was said and the one before is let go."""
        now = self._clock.monotonic()
        if self._keys and not self._mouth and now >= self._key_at:
            self._key_at = now + _KEY_S
            await ws.send_str(self._wire.pressed(self._keys.popleft()))

    def _hear(self, frame: bytes, now: float) -> None:
        if _audible(frame):
            self.record.heard_s += _FRAME_S
            if not self._hearing and now - self._last_sound > self._reply_pause_s:
                self._turn_began = now
            self._last_sound = self._quiet_since = now
        for word in self._ear.feed(frame):
            if word == END_OF_UTTERANCE:
                self._utterance_over = not self._deaf
                self._deaf = False
            if word == END_OF_UTTERANCE or self._deaf:
                continue
            if not self._hearing:
                self.record.said.append(Said("assistant", "", self._clock.now()))
                self._heard_as = self.record.said[-1]
            self._utterance_over = False
            self._hearing.append(word)
            self._heard_as.text = " ".join(self._hearing)

    def _react(self, now: float) -> None:
        if self._mouth or self._keys:
            self._quiet_since = now
            return
        if self._hang_up_after:
            return
        heard = " ".join(self._hearing)
        silent_for = now - self._last_sound
        if heard and silent_for < self._reply_pause_s:
            burst = self._conversation.interrupts(heard, (now - self._turn_began) * 1000)
            if burst is not None:
                self._deaf = True
                self._say(burst)
        elif self._utterance_over and not heard.replace(SPOILT_WORD, "").strip():
            self._hearing.clear()  # only the stump of something that was cut off
            self._utterance_over = False
        elif heard and self._utterance_over:
            self._say(self._conversation.reply(heard))
        elif now - self._quiet_since > self._patience_s:
            self._calls_for_attention += 1
            self._say(Reply("Pronto?", hang_up=self._calls_for_attention > 2))

    def _say(self, reply: Reply) -> None:
        self._hearing.clear()
        self._utterance_over = False
        for text, pause_ms in ((reply.says, 0), (reply.adds, reply.pause_ms)):
            if text:
                self._mouth.extend(
                    _frames(bytes(self._rate * pause_ms // 1000 * 2) + modulate(text, self._rate), self._rate)
                )
                self.record.said.append(Said("caller", text, self._clock.now()))
        self._keys.extend(reply.keys)
        self._hang_up_after = reply.hang_up

    def _end(self, by: str) -> None:
        if not self.record.ended_by:
            self.record.ended_by = by
            log.debug("call %s: ended by %s", self._dialled.call_id, by)


def _frames(pcm: bytes, rate: int) -> list[bytes]:
    size = int(rate * _FRAME_S) * 2
    return [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]


def _audible(frame: bytes) -> bool:
    return bool(frame.strip(b"\0")) and max(map(abs, memoryview(frame).cast("h"))) >= _AUDIBLE
