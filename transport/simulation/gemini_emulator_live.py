"""One connection of an emulated Live conversation: checks every client message, hears and speaks by modem."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Mapping
from typing import Any

import numpy as np
import orjson
from aiohttp import WSMsgType, web
from google.genai import types
from pydantic import ValidationError

from engine.ports import Clock
from transport.simulation.gemini_emulator_call import Calls, EmulatedCall, last_of
from transport.simulation.gemini_emulator_script import Connection, Hearing, Script
from transport.simulation.modem import END_OF_UTTERANCE, Demodulator, modulate
from transport.simulation.receptionist import Receptionist

_HEARS_AT, _SPEAKS_AT = 16000, 24000
_LOUD = 400.0  # RMS of 16 bit samples
_BARGE_IN_MS = 60.0
_TURN_END_MS = 300.0
_WINDOW = _HEARS_AT // 50 * 2  # 20 ms
_CHUNK = _SPEAKS_AT // 5 * 2  # 200 ms
_FASTER = 4  # than real time
_WORDS_A_PIECE = 3


class BrokenRuleError(Exception):
    """Raised when the client does what the real API refuses; `code` is the WebSocket close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class EmulatedConnection:
    """What happens on one socket, of whichever of the `calls` its setup names."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, calls: Calls, *, clock: Clock
    ) -> None:
        self._socket = socket
        self._request = request
        self._calls = calls
        self._clock = clock
        self._call = EmulatedCall("", Script(), 0)
        self._behaviour = Connection()
        self._receptionist = Receptionist("")
        self._ready = False  # set up
        self._over = False
        self._mute = False
        self._generated = False
        self._ears = Demodulator(_HEARS_AT)
        self._loud_ms = self._silent_ms = 0.0
        self._words: list[str] = []
        self._unanswered: list[str] = []
        self._speech: asyncio.Task[None] | None = None
        self._transcript: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._over or self._socket.closed

    async def run(self) -> None:
        """Serve the socket until either side closes it."""
        try:
            async for frame in self._socket:
                if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                await self._take(_parsed(frame.data))
        except BrokenRuleError as error:
            await self._socket.close(code=error.code, message=str(error).encode()[:120])
        finally:
            self._over = True
            tasks = [*self._tasks, *filter(None, [self._speech])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, code: int | None = 1001, reason: str = "going away") -> None:
        """Close the connection from the model's side; without a code it just breaks."""
        self._mute = self._over = True
        if code is not None:
            await self._socket.close(code=code, message=reason.encode())
        elif self._request.transport is not None:
            self._request.transport.abort()

    async def _take(self, message: types.LiveClientMessage) -> None:
        if message.setup:
            await self._set_up(message.setup)
        elif not self._ready:
            raise BrokenRuleError(1007, "setup must be the first message and only the first")
        elif message.realtime_input:
            await self._listen(message.realtime_input)
        elif message.client_content:
            await self._be_told(message.client_content)
        else:
            raise BrokenRuleError(1007, "Request contains an invalid argument.")

    async def _set_up(self, setup: types.LiveClientSetup) -> None:
        if self._ready:
            raise BrokenRuleError(1007, "setup must be the first message and only the first")
        prompt = _text(setup.system_instruction)
        generation = setup.generation_config
        if not (setup.model or "").startswith("models/"):
            raise BrokenRuleError(1008, f"{setup.model} is not found for API version v1beta")
        if not prompt:
            raise BrokenRuleError(1007, "a system instruction is expected")
        if not generation or generation.response_modalities != [types.Modality.AUDIO]:
            raise BrokenRuleError(1007, "response modalities must be AUDIO")
        if setup.input_audio_transcription is None or setup.output_audio_transcription is None:
            raise BrokenRuleError(1007, "transcription of both sides is expected")
        handle = setup.session_resumption.handle if setup.session_resumption else None
        call = self._calls.of_prompt(prompt) if handle is None else self._calls.of_handle(handle)
        if call is None:
            raise BrokenRuleError(1008, "BidiGenerateContent session not found")
        if call.open:
            call.breaches.append("a second connection while the first was open")
            raise BrokenRuleError(1011, "Internal error encountered.")
        self._call = call
        self._behaviour = call.connect(self, handle)
        if not self._behaviour.answers_setup:
            return
        if self._behaviour.refuses is not None:
            raise BrokenRuleError(*self._behaviour.refuses)
        self._ready = True
        self._receptionist = call.receptionist(prompt, handle)
        await self._send({"setupComplete": {"sessionId": "emulated"}})
        await self._send_oddity()
        await self._replay(self._behaviour.replays)

    async def _replay(self, count: int) -> None:
        for piece in last_of(self._call.transcribed, count):
            await self._send({"serverContent": {"inputTranscription": {"text": piece}}})
        for piece in last_of(self._call.written, count):
            await self._send({"serverContent": {"outputTranscription": {"text": piece}}})

    # --- Ears ---

    async def _listen(self, sound: types.LiveClientRealtimeInput) -> None:
        if sound.audio_stream_end:
            for _ in range(int(_TURN_END_MS) // 20):
                await self._hear(bytes(_WINDOW))
            return
        if sound.audio is None:
            raise BrokenRuleError(1007, "the emulator knows no realtime input but audio")
        pcm = sound.audio.data or b""
        if sound.audio.mime_type != f"audio/pcm;rate={_HEARS_AT}":
            raise BrokenRuleError(1007, f"Unsupported audio format: {sound.audio.mime_type}")
        if len(pcm) % 2:
            raise BrokenRuleError(1007, "audio must be whole 16 bit samples")
        for at in range(0, len(pcm), _WINDOW):
            await self._hear(pcm[at : at + _WINDOW])

    async def _hear(self, pcm: bytes) -> None:
        duration_ms = len(pcm) / 2 * 1000 / _HEARS_AT
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        if float(samples @ samples) >= _LOUD**2 * samples.size:
            self._loud_ms += duration_ms
            self._silent_ms = 0.0
        else:
            self._silent_ms += duration_ms
            if self._silent_ms >= _BARGE_IN_MS:
                self._loud_ms = 0.0
        if self._loud_ms >= _BARGE_IN_MS:
            await self._interrupt()
        self._words += self._ears.feed(pcm)
        if self._silent_ms >= _TURN_END_MS and not self._ears.hearing and self._words:
            words = " ".join(word for word in self._words if word != END_OF_UTTERANCE)
            self._words = []
            self._turn_ended(words)

    def _turn_ended(self, words: str) -> None:
        self._call.heard.append(words)
        number = len(self._call.heard)
        if (broken := self._behaviour.breaks) and broken.after_utterance == number:
            self._start(self.close(broken.code, broken.reason))
            return
        self._unanswered.append(words)
        hearing = self._call.script.utterances.get(number, Hearing())
        if not hearing.dropped:
            earlier = None if hearing.overtakes else self._transcript
            self._transcript = self._start(self._transcribe(hearing, words, earlier))
        self._speech = asyncio.create_task(self._answer())
        if self._behaviour.go_away_after == number:
            self._start(self._go_away())

    async def _transcribe(self, hearing: Hearing, words: str, earlier: asyncio.Task[None] | None) -> None:
        delay = (
            self._some(self._call.script.transcript_delay_s) if hearing.delay_s is None else hearing.delay_s
        )
        await self._sleep(delay)
        if earlier:
            await asyncio.wait([earlier])
        for piece in _pieces(words if hearing.text is None else hearing.text) * hearing.times:
            self._call.transcribed.append(piece)
            await self._send({"serverContent": {"inputTranscription": {"text": piece}}})
            await self._sleep(0.02)

    # --- Mouth ---

    async def _be_told(self, content: types.LiveClientContent) -> None:
        text = "\n".join(_text(turn) for turn in content.turns or [])
        self._call.told.append(text)
        if (broken := self._behaviour.breaks) and broken.upon_notice == len(self._call.notices):
            self._start(self.close(broken.code, broken.reason))
            return
        if not content.turn_complete:
            return
        await self._interrupt()
        if self._unanswered:  # Cut off while thinking: it knows the words, but answers the later ones.
            self._receptionist.answer(" ".join(self._unanswered))
            self._unanswered = []
        if text.startswith("[INIZIO CHIAMATA]"):
            answer = self._receptionist.greet()
        elif text.startswith("[RIPRESA CHIAMATA]"):
            answer = self._receptionist.go_on()
        elif text.startswith("[AVVISO"):
            answer = self._receptionist.notice(text)
        else:
            answer = self._receptionist.answer(text)
        self._speech = asyncio.create_task(self._speak(answer))

    async def _interrupt(self) -> None:
        """Stop speaking or thinking; what has been sent stays sent."""
        speech, self._speech = self._speech, None
        if speech is None or speech.done():
            return
        speech.cancel()
        await asyncio.gather(speech, return_exceptions=True)
        if self._unanswered:
            return  # It was only thinking: nothing of it is on the wire.
        await self._interrupted()

    async def _interrupted(self) -> None:
        self._receptionist.interrupted()
        late = _audio(bytes(_CHUNK)) if not self._generated else {}
        await self._send({"serverContent": {**late, "interrupted": True}})
        await self._send({"serverContent": {"turnComplete": True}, **_usage(1)})

    async def _answer(self) -> None:
        await self._sleep(self._some(self._call.script.think_s))
        words, self._unanswered = " ".join(self._unanswered), []
        await self._speak(self._receptionist.answer(words))

    async def _speak(self, text: str) -> None:
        self._call.said.append(text)
        number = len(self._call.said)
        self._generated = False
        self._mute = self._mute or number == self._behaviour.silent_from_turn
        pcm, pieces = modulate(text, _SPEAKS_AT), _pieces(text)
        said, written = 0, 0
        began = self._clock.monotonic()
        await self._send_oddity()
        for at in range(0, len(pcm), _CHUNK):
            if at * 2 >= len(pcm) and await self._goes_wrong_in(number):
                return
            await self._send({"serverContent": _audio(pcm[at : at + _CHUNK])})
            lag = self._call.chance.choice((0, 0, _CHUNK))
            while pieces and (written + len(pieces[0])) * len(pcm) <= (at + _CHUNK - lag) * len(text):
                written += len(pieces[0])
                await self._write(pieces.pop(0))
            said = min(at + _CHUNK, len(pcm))
            await self._sleep(_CHUNK / 2 / _SPEAKS_AT / _FASTER)
        for piece in pieces:
            await self._write(piece)
        self._generated = True
        await self._send({"serverContent": {"generationComplete": True}})
        # The turn is complete when it has been spoken, not when it has been sent.
        await self._sleep(said / 2 / _SPEAKS_AT - (self._clock.monotonic() - began))
        await self._send({"serverContent": {"turnComplete": True}, **_usage(len(text))})
        if self._behaviour.gives_handles:
            await self._send({"sessionResumptionUpdate": {"newHandle": "", "resumable": False}})
            handle = self._call.remember(self._receptionist)
            await self._send({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})

    async def _write(self, piece: str) -> None:
        """A piece of the transcript of its own words."""
        self._call.written.append(piece)
        await self._send({"serverContent": {"outputTranscription": {"text": piece}}})

    async def _goes_wrong_in(self, turn: int) -> bool:
        """Whether its turn of this number comes to no end; asked halfway through."""
        if (broken := self._behaviour.breaks) and broken.in_turn == turn:
            await self.close(broken.code, broken.reason)
            return True
        if self._behaviour.interrupts_turn == turn:
            await self._interrupted()
            return True
        return False

    async def _go_away(self) -> None:
        await self._send({"goAway": {"timeLeft": f"{self._behaviour.go_away_s:g}s"}})
        self._mute = self._mute or self._behaviour.silent_after_go_away
        await self._sleep(self._behaviour.go_away_s)
        await self.close(1011, "Deadline expired before operation could complete.")

    # --- Wire ---

    async def _send(self, message: Mapping[str, Any]) -> None:
        if not self._socket.closed and not self._mute:
            await self._socket.send_bytes(orjson.dumps(message))

    async def _send_oddity(self) -> None:
        if self._call.script.unknown_messages:
            await self._send({"fromTheFuture": {"level": 1}})
            await self._send({"serverContent": {"alsoFromTheFuture": True}})

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def _some(self, between: tuple[float, float]) -> float:
        return self._call.chance.uniform(*between)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _parsed(data: str | bytes) -> types.LiveClientMessage:
    try:
        message = types.LiveClientMessage.model_validate_json(data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BrokenRuleError(
            1007, f'Invalid JSON payload received. Unknown name or value at "{where}"'
        ) from None
    if len(message.model_fields_set) != 1:
        raise BrokenRuleError(1007, "Request contains an invalid argument: exactly one field is expected")
    return message


def _text(content: Any) -> str:
    parts = content.parts or [] if isinstance(content, types.Content) else []
    return "".join(part.text or "" for part in parts)


def _pieces(text: str) -> list[str]:
    """A few words each, with their spaces; joined they are `text`."""
    words = text.split(" ")
    runs = [" ".join(words[at : at + _WORDS_A_PIECE]) for at in range(0, len(words), _WORDS_A_PIECE)]
    return [run if index == 0 else f" {run}" for index, run in enumerate(runs)]


def _audio(pcm: bytes) -> dict[str, Any]:
    data = base64.b64encode(pcm).decode()
    blob = {"mimeType": f"audio/pcm;rate={_SPEAKS_AT}", "data": data}
    return {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}


def _usage(tokens: int) -> dict[str, Any]:
    return {
        "usageMetadata": {
            "promptTokenCount": 100,
            "responseTokenCount": tokens,
            "totalTokenCount": 100 + tokens,
        }
    }
