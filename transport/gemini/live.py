"""Live conversations with Gemini, as the engine's LiveModel: sound and notices up, events down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State

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
from transport.gemini.fast import CapturedConnection, audio_frame, capturing, events_in
from transport.gemini.losses import NO_CLOSE, close_code, loss_of, reason_of
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
        self._warned = False

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
                with capturing() as caught:
                    sdk = await connecting.__aenter__()
        except (errors.APIError, OSError, WebSocketException, TimeoutError, ValueError, TypeError) as error:
            raise LiveModelError(f"Gemini Live did not open: {reason_of(error)}", loss_of(error)) from error
        session = GeminiLiveSession(sdk, self._usable(caught))
        try:
            if resume is None:
                await session.send_notice(CALL_GOES_ON if seed else CALL_BEGINS)
            yield session
        finally:
            await connecting.__aexit__(None, None, None)

    def _usable(self, caught: list[CapturedConnection]) -> CapturedConnection | None:
        """The connection of a conversation that has just been opened, if it shows itself."""
        if caught and caught[-1].state is State.OPEN:
            return caught[-1]
        if not self._warned:
            self._warned = True
            logger.warning(
                "the connection to Gemini cannot be reached beside the SDK: calls go on, but each takes more of"
                " the processor; google-genai or websockets may have changed"
            )
        return None

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
    """One open conversation. Sound and words go over `connection` by hand, where there is one; all else by the SDK."""

    def __init__(self, sdk: AsyncSession, connection: CapturedConnection | None) -> None:
        self._sdk = sdk
        self._connection = connection

    def offer_audio(self, pcm: bytes) -> bool:
        """Send PCM16 LE mono at 16 kHz, any length, if that needs no waiting; whether it was sent."""
        return self._connection is not None and self._connection.send_now(audio_frame(pcm))

    async def send_audio(self, pcm: bytes) -> None:
        """PCM16 LE mono at 16 kHz, any length. Waits while Gemini takes no more. Raises LiveModelError."""
        try:
            if self._connection is not None:
                await self._connection.send(audio_frame(pcm), text=True)
            else:
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

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        """Tell `hear` what the model says until it is gone (engine.ports.LiveSession)."""
        try:
            if self._connection is not None:
                await self._hear_by_hand(self._connection, hear)
            while True:
                await self._hear_by_sdk(hear)
        except errors.APIError as error:
            return ModelGone(error.code or NO_CLOSE, reason_of(error), loss_of(error))
        except ConnectionClosed as error:
            return ModelGone(close_code(error), reason_of(error), loss_of(error))
        except (OSError, WebSocketException) as error:
            return ModelGone(NO_CLOSE, reason_of(error), loss_of(error))

    async def _hear_by_hand(self, connection: CapturedConnection, hear: Callable[[ModelEvent], None]) -> None:
        """Sound and words the moment they come, all else by the SDK. Does not return."""
        failed: list[Exception] = []

        def take(frame: bytes) -> bool:
            if (events := events_in(frame)) is None:
                return False
            try:
                for event in events:
                    hear(event)
            except Exception as error:
                failed.append(error)
                connection.transport.abort()
            return True

        connection.hear(take)
        try:
            while True:
                frame = await connection.recv(decode=False)
                if not take(frame):
                    connection.give_back(frame)
                    await self._hear_by_sdk(hear)
        except ConnectionClosed:
            if failed:
                raise failed[0] from None
            raise

    async def _hear_by_sdk(self, hear: Callable[[ModelEvent], None]) -> None:
        """The next message, read by the SDK."""
        if (message := await self._message()) is not None:
            for event in read_message(message):
                hear(event)

    async def _message(self) -> types.LiveServerMessage | None:
        """The next message as the SDK reads it; None for one that it does not know."""
        try:
            # It ends with each turn, so it is asked for one message at a time.
            reading = cast("AsyncGenerator[types.LiveServerMessage]", self._sdk.receive())
            async with aclosing(reading) as messages:
                return await anext(messages)
        except (TypeError, ValueError) as error:
            logger.warning("Gemini sent a message we do not know; skipped (%s)", type(error).__name__)
            return None


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
