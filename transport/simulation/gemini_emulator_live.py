"""One emulated Live conversation: checks every client message, hears and speaks through the modem."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import numpy as np
import orjson
from aiohttp import WSMsgType, web
from google.genai import types
from pydantic import ValidationError

from engine.ports import Clock
from transport.simulation.gemini_emulator_script import Hearing, Script
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


class EmulatedCall:
    """What happens on one socket. `prompt`, `heard`, `told` and `said` are for tests to look at."""

    def __init__(
        self, socket: web.WebSocketResponse, script_for: Callable[[str], Script], *, clock: Clock
    ) -> None:
        self._socket = socket
        self._script_for = script_for
        self._clock = clock
        self.prompt: str | None = None
        self.heard: list[str] = []
        self.told: list[str] = []
        self.said: list[str] = []
        self._script = Script()
        self._chance = random.Random()
        self._receptionist = Receptionist("")
        self._generated = False
        self._ears = Demodulator(_HEARS_AT)
        self._loud_ms = self._silent_ms = 0.0
        self._words: list[str] = []
        self._unanswered: list[str] = []
        self._speech: asyncio.Task[None] | None = None
        self._transcript: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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
            tasks = [*self._tasks, *filter(None, [self._speech])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, code: int = 1001, reason: str = "going away") -> None:
        """Close the connection from the model's side."""
        await self._socket.close(code=code, message=reason.encode())

    async def _take(self, message: types.LiveClientMessage) -> None:
        if message.setup:
            await self._set_up(message.setup)
        elif self.prompt is None:
            raise BrokenRuleError(1007, "setup must be the first message and only the first")
        elif message.realtime_input:
            await self._listen(message.realtime_input)
        elif message.client_content:
            await self._be_told(message.client_content)
        else:
            raise BrokenRuleError(1007, "Request contains an invalid argument.")

    async def _set_up(self, setup: types.LiveClientSetup) -> None:
        if self.prompt is not None:
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
        self.prompt = prompt
        self._script = self._script_for(prompt)
        self._chance = random.Random(self._script.seed)
        self._receptionist = Receptionist(prompt, self._script.misbehaviour)
        await self._send({"setupComplete": {"sessionId": "emulated"}})
        await self._send_oddity()

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
        self.heard.append(words)
        self._unanswered.append(words)
        number = len(self.heard)
        hearing = self._script.utterances.get(number, Hearing())
        if not hearing.dropped:
            earlier = None if hearing.overtakes else self._transcript
            self._transcript = self._start(self._transcribe(hearing, words, earlier))
        self._speech = asyncio.create_task(self._answer())
        if self._script.go_away_after == number:
            self._start(self._go_away())

    async def _transcribe(self, hearing: Hearing, words: str, earlier: asyncio.Task[None] | None) -> None:
        delay = self._some(self._script.transcript_delay_s) if hearing.delay_s is None else hearing.delay_s
        await self._sleep(delay)
        if earlier:
            await asyncio.wait([earlier])
        for piece in _pieces(words if hearing.text is None else hearing.text):
            await self._send({"serverContent": {"inputTranscription": {"text": piece}}})
            await self._sleep(0.02)

    # --- Mouth ---

    async def _be_told(self, content: types.LiveClientContent) -> None:
        text = "\n".join(_text(turn) for turn in content.turns or [])
        self.told.append(text)
        if not content.turn_complete:
            return
        await self._interrupt()
        if self._unanswered:  # Cut off while thinking: it knows the words, but answers the later ones.
            self._receptionist.answer(" ".join(self._unanswered))
            self._unanswered = []
        if text.startswith("[INIZIO CHIAMATA]"):
            answer = self._receptionist.greet()
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
        self._receptionist.interrupted()
        late = _audio(bytes(_CHUNK)) if not self._generated else {}
        await self._send({"serverContent": {**late, "interrupted": True}})
        await self._send({"serverContent": {"turnComplete": True}, **_usage(1)})

    async def _answer(self) -> None:
        await self._sleep(self._some(self._script.think_s))
        words, self._unanswered = " ".join(self._unanswered), []
        await self._speak(self._receptionist.answer(words))

    async def _speak(self, text: str) -> None:
        self.said.append(text)
        self._generated = False
        pcm, pieces = modulate(text, _SPEAKS_AT), _pieces(text)
        said, written = 0, 0
        began = self._clock.monotonic()
        await self._send_oddity()
        for at in range(0, len(pcm), _CHUNK):
            await self._send({"serverContent": _audio(pcm[at : at + _CHUNK])})
            lag = self._chance.choice((0, 0, _CHUNK))
            while pieces and (written + len(pieces[0])) * len(pcm) <= (at + _CHUNK - lag) * len(text):
                written += len(pieces[0])
                await self._send({"serverContent": {"outputTranscription": {"text": pieces.pop(0)}}})
            said = min(at + _CHUNK, len(pcm))
            await self._sleep(_CHUNK / 2 / _SPEAKS_AT / _FASTER)
        for piece in pieces:
            await self._send({"serverContent": {"outputTranscription": {"text": piece}}})
        self._generated = True
        await self._send({"serverContent": {"generationComplete": True}})
        # The turn is complete when it has been spoken, not when it has been sent.
        await self._sleep(said / 2 / _SPEAKS_AT - (self._clock.monotonic() - began))
        await self._send({"serverContent": {"turnComplete": True}, **_usage(len(text))})
        handle = {"newHandle": f"handle-{len(self.said)}", "resumable": True}
        await self._send({"sessionResumptionUpdate": handle})

    async def _go_away(self) -> None:
        await self._send({"goAway": {"timeLeft": "1s"}})
        await self._sleep(1.0)
        await self.close(1011, "Deadline expired before operation could complete.")

    # --- Wire ---

    async def _send(self, message: Mapping[str, Any]) -> None:
        if not self._socket.closed:
            await self._socket.send_bytes(orjson.dumps(message))

    async def _send_oddity(self) -> None:
        if self._script.unknown_messages:
            await self._send({"fromTheFuture": {"level": 1}})
            await self._send({"serverContent": {"alsoFromTheFuture": True}})

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def _some(self, between: tuple[float, float]) -> float:
        return self._chance.uniform(*between)

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
