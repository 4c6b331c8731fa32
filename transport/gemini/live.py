"""Live conversations with Gemini, as the engine's LiveModel: sound and notices up, events down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession
from websockets.exceptions import ConnectionClosed, WebSocketException

from engine.ports import (
    AssistantWords,
    CallerWords,
    GoAway,
    LiveModelError,
    ModelAudio,
    ModelEvent,
    ModelGone,
    ResumptionHandle,
    Signal,
)
from transport.gemini.losses import NO_CLOSE, loss_of, reason_of
from transport.gemini.settings import GeminiSettings

logger = logging.getLogger(__name__)

CALL_BEGINS = "[INIZIO CHIAMATA]"
"""The first thing the model is told: the caller is on the line, and the model speaks first."""

CALL_GOES_ON = "[RIPRESA CHIAMATA]"
"""The first thing a new conversation in the middle of a call is told: the model goes on speaking."""

_UPLINK_MIME = "audio/pcm;rate=16000"


class GeminiLive:
    """Opens conversations over one shared client."""

    def __init__(self, client: genai.Client, settings: GeminiSettings) -> None:
        self._client = client
        self._settings = settings

    @asynccontextmanager
    async def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AsyncIterator[GeminiLiveSession]:
        """A conversation, as `engine.ports.LiveModel` describes it. The seed is told with the prompt.

        Raises LiveModelError when the model cannot be reached or refuses.
        """
        config = self._config(f"{prompt}\n\n{seed}" if seed else prompt, resume)
        connecting = self._client.aio.live.connect(model=self._settings.model, config=config)
        try:
            async with asyncio.timeout(self._settings.open_timeout_s):
                sdk = await connecting.__aenter__()
        except (errors.APIError, OSError, WebSocketException, TimeoutError, ValueError, TypeError) as error:
            raise LiveModelError(f"Gemini Live did not open: {reason_of(error)}", loss_of(error)) from error
        session = GeminiLiveSession(sdk)
        try:
            if resume is None:
                await session.send_notice(CALL_GOES_ON if seed else CALL_BEGINS)
            yield session
        finally:
            await connecting.__aexit__(None, None, None)

    def _config(self, prompt: str, resume: str | None) -> types.LiveConnectConfig:
        voice = types.PrebuiltVoiceConfig(voice_name=self._settings.voice)
        return types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            system_instruction=types.Content(parts=[types.Part(text=prompt)]),
            speech_config=types.SpeechConfig(
                language_code=self._settings.language,
                voice_config=types.VoiceConfig(prebuilt_voice_config=voice),
            ),
            input_audio_transcription=types.AudioTranscriptionConfig(),
            output_audio_transcription=types.AudioTranscriptionConfig(),
            session_resumption=types.SessionResumptionConfig(handle=resume),
            context_window_compression=types.ContextWindowCompressionConfig(
                sliding_window=types.SlidingWindow()
            ),
        )


class GeminiLiveSession:
    """One open conversation."""

    def __init__(self, sdk: AsyncSession) -> None:
        self._sdk = sdk

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at 16 kHz, any length. Waits while Gemini takes no more. Raises LiveModelError."""
        try:
            await self._sdk.send_realtime_input(audio=types.Blob(data=pcm, mime_type=_UPLINK_MIME))
        except (ConnectionClosed, OSError) as error:
            raise LiveModelError(f"Gemini is gone: {reason_of(error)}", loss_of(error)) from error

    async def send_notice(self, text: str) -> None:
        """Tell the model something it shall act on now, in its own voice. It answers at once. Raises LiveModelError."""
        try:
            await self._sdk.send_client_content(
                turns=types.Content(role="user", parts=[types.Part(text=text)]), turn_complete=True
            )
        except (ConnectionClosed, OSError) as error:
            raise LiveModelError(f"Gemini is gone: {reason_of(error)}", loss_of(error)) from error

    async def events(self) -> AsyncIterator[ModelEvent]:
        """What the model says, ending with exactly one ModelGone."""
        try:
            async for message in self._messages():
                for event in read_message(message):
                    yield event
        except errors.APIError as error:
            yield ModelGone(error.code or NO_CLOSE, reason_of(error), loss_of(error))
        except (OSError, WebSocketException) as error:
            yield ModelGone(NO_CLOSE, reason_of(error), loss_of(error))

    async def _messages(self) -> AsyncIterator[types.LiveServerMessage]:
        """All messages of the connection, across turns, without those the SDK does not know."""
        while True:
            try:
                async for message in self._sdk.receive():
                    yield message
            except (TypeError, ValueError) as error:
                logger.warning("Gemini sent a message we do not know; skipped (%s)", type(error).__name__)


def read_message(message: types.LiveServerMessage) -> Iterator[ModelEvent]:
    """The events of one message: an interruption first, whose own audio is dropped; the turn's end last."""
    if content := message.server_content:
        if content.interrupted:
            yield Signal.INTERRUPTED
        if (said := content.input_transcription) and (said.text or said.finished):
            yield CallerWords(said.text or "", finished=bool(said.finished))
        if (spoken := content.output_transcription) and spoken.text:
            yield AssistantWords(spoken.text)
        if content.model_turn and not content.interrupted:
            for part in content.model_turn.parts or ():
                if (
                    (sound := part.inline_data)
                    and sound.data
                    and (sound.mime_type or "").startswith("audio/")
                ):
                    yield ModelAudio(sound.data)
        if content.generation_complete:
            yield Signal.GENERATION_COMPLETE
        if content.turn_complete:
            yield Signal.TURN_COMPLETE
    if (update := message.session_resumption_update) and update.resumable and update.new_handle:
        yield ResumptionHandle(update.new_handle)
    if message.go_away:
        yield GoAway(_seconds(message.go_away.time_left))


def _seconds(duration: str | None) -> float:
    """ "9.5s" as 9.5; 0 for what is no duration."""
    try:
        return max(0.0, float((duration or "0s").removesuffix("s")))
    except ValueError:
        return 0.0
