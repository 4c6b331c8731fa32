"""The production client against the emulator, over TLS and real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from google import genai
from google.genai import types

from engine.ports import (
    AssistantWords,
    CallerWords,
    GoAway,
    LiveModelError,
    ModelAudio,
    ModelEvent,
    ModelGone,
    Signal,
)
from transport.gemini.client import GeminiKeyError, make_client
from transport.gemini.live import GeminiLive, GeminiLiveSession, read_message
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import EMULATOR_KEY, GeminiEmulator
from transport.simulation.gemini_emulator_script import Connection, Hearing, Script
from transport.simulation.modem import END_OF_UTTERANCE, SPOILT_WORD, Demodulator, modulate

PROMPT = (
    Path("rules/it/prompt.md")
    .read_text(encoding="utf-8")
    .format(
        consultant="Studio Rossi",
        today="lunedì 9 febbraio 2026",
        caller="Marco Bianchi, cliente registrato; ha chiamato",
        required="giorno e ora",
        bookings="nessuno",
        slots="- mercoledì 11 febbraio alle 10\n- mercoledì 11 febbraio alle 15",
    )
)
CONFIRMED = "[AVVISO DEL SISTEMA]\nL'appuntamento è prenotato: mercoledì 11 febbraio alle 15. Dillo ora."

SLOWLY = pytest.mark.parametrize("emulator", [0.5], indirect=True, ids=["slow"])
"""So that there is time to interrupt."""


class Conversation:
    """Both ends of one session: what arrived, and what the model's sound says."""

    def __init__(self, session: GeminiLiveSession) -> None:
        self.session = session
        self.events: list[ModelEvent] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> ModelGone:
        def hear(event: ModelEvent) -> None:
            self.events.append(event)
            self._news.set()

        return await self.session.hold(hear)

    async def until(self, done: Callable[[list[ModelEvent]], bool]) -> list[ModelEvent]:
        async with asyncio.timeout(10):
            while not done(self.events):
                self._news.clear()
                await self._news.wait()
        seen, self.events = self.events, []
        return seen

    async def turn(self) -> list[ModelEvent]:
        return await self.until(lambda events: Signal.TURN_COMPLETE in events)

    async def say(self, text: str) -> None:
        sound = modulate(text, 16000) + bytes(16000)
        for at in range(0, len(sound), 1280):
            await self.session.send_audio(sound[at : at + 1280])
            await asyncio.sleep(0.001)  # The uplink is bounded.

    async def gone(self) -> ModelGone:
        async with asyncio.timeout(10):
            return await self._reader


@asynccontextmanager
async def conversation(client: genai.Client, settings: GeminiSettings) -> AsyncIterator[Conversation]:
    async with GeminiLive(client, settings).open(PROMPT) as session:
        talk = Conversation(session)
        yield talk
    await talk.gone()


def spoken(events: list[ModelEvent]) -> list[str]:
    ear = Demodulator(24000)
    return [word for event in events if isinstance(event, ModelAudio) for word in ear.feed(event.pcm)]


def words(events: list[ModelEvent], kind: type[AssistantWords] | type[CallerWords]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


async def test_a_whole_exchange(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    async with conversation(client, settings) as talk:
        greeting = await talk.turn()
        text = "Ciao Marco, sono l'assistente virtuale di Studio Rossi. Come posso aiutarti?"
        assert words(greeting, AssistantWords) == text
        assert spoken(greeting) == [*text.split(), END_OF_UTTERANCE]
        assert greeting.index(Signal.GENERATION_COMPLETE) < greeting.index(Signal.TURN_COMPLETE)

        await talk.say("Mercoledì alle 15 va benissimo")
        readback = await talk.until(
            lambda events: Signal.TURN_COMPLETE in events and words(events, CallerWords).endswith("benissimo")
        )
        assert words(readback, CallerWords) == "Mercoledì alle 15 va benissimo"
        assert words(readback, AssistantWords) == "Mercoledì 11 febbraio alle 15. Confermi?"

        await talk.session.send_notice(CONFIRMED)
        confirmation = await talk.turn()
        assert "confermato per mercoledì 11 febbraio alle 15" in words(confirmation, AssistantWords)
    assert emulator.calls[0].prompt == PROMPT
    assert emulator.calls[0].told == ["[INIZIO CHIAMATA]", CONFIRMED]
    assert emulator.calls[0].heard == ["Mercoledì alle 15 va benissimo"]


@SLOWLY
async def test_barge_in(client: genai.Client, settings: GeminiSettings) -> None:
    async with conversation(client, settings) as talk:
        first = await talk.until(lambda events: any(isinstance(event, ModelAudio) for event in events))
        await talk.say("Scusi, vorrei prenotare")
        cut = first + await talk.turn()
        at = cut.index(Signal.INTERRUPTED)
        assert not [event for event in cut[at:] if isinstance(event, ModelAudio)]
        assert Signal.GENERATION_COMPLETE not in cut
        assert END_OF_UTTERANCE not in spoken(cut), "what was sent before stays cut off"
        answer = await talk.turn()
        assert "Ho liberi" in words(answer, AssistantWords)


@SLOWLY
async def test_barge_in_after_all_was_sent_but_not_yet_spoken(
    client: genai.Client, settings: GeminiSettings
) -> None:
    async with conversation(client, settings) as talk:
        first = await talk.until(lambda events: Signal.GENERATION_COMPLETE in events)
        assert END_OF_UTTERANCE in spoken(first), "audio comes faster than it is spoken"
        assert Signal.TURN_COMPLETE not in first
        await talk.say("Scusi, vorrei prenotare")
        cut = await talk.turn()
        assert cut.index(Signal.INTERRUPTED) < cut.index(Signal.TURN_COMPLETE)


@SLOWLY
async def test_a_notice_cuts_off_what_is_being_said(client: genai.Client, settings: GeminiSettings) -> None:
    async with conversation(client, settings) as talk:
        await talk.until(lambda events: any(isinstance(event, ModelAudio) for event in events))
        await talk.session.send_notice(CONFIRMED)
        cut = await talk.turn()
        assert Signal.INTERRUPTED in cut
        assert "confermato" in words(await talk.turn(), AssistantWords)


async def test_an_emulator_that_stops_is_a_model_that_is_gone(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    async with GeminiLive(client, settings).open(PROMPT) as session:
        talk = Conversation(session)
        await talk.turn()
        await emulator.stop()
        assert (await talk.gone()).code == 1001
        with pytest.raises(LiveModelError):
            await session.send_notice(CONFIRMED)
        with pytest.raises(LiveModelError):
            await session.send_audio(bytes(640))
    with pytest.raises(LiveModelError):
        async with GeminiLive(client, settings).open(PROMPT):
            pass


async def test_a_lost_uplink_frame_is_a_wrong_word(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    async with conversation(client, settings) as talk:
        await talk.turn()
        sound = modulate("vorrei prenotare per mercoledì alle 15", 16000) + bytes(16000)
        await talk.session.send_audio(sound[:6400] + sound[7040:])
        events = await talk.until(lambda events: bool(words(events, CallerWords)))
        await talk.turn()
        del events
    assert SPOILT_WORD in emulator.calls[0].heard[0]


async def test_transcripts_late_dropped_garbled_and_out_of_order(
    client: genai.Client, settings: GeminiSettings
) -> None:
    hearings = {
        1: Hearing(delay_s=3.0),
        2: Hearing(overtakes=True),
        3: Hearing(dropped=True),
        4: Hearing(text="grazie mille", overtakes=True),
    }
    emulator = GeminiEmulator(speed=5, script_for=lambda _: Script(utterances=hearings))
    await emulator.start()
    settings = settings.model_copy(update={"base_url": emulator.base_url})
    client = make_client(settings, EMULATOR_KEY, emulator.tls)
    try:
        async with conversation(client, settings) as talk:
            await talk.turn()
            for text in ("uno", "due", "tre", "quattro"):
                await talk.say(text)
            heard = await talk.until(
                lambda events: len(words(events, CallerWords)) >= len("unoduegrazie mille")
            )
            assert words(heard, CallerWords) == "duegrazie milleuno"
        assert emulator.calls[0].heard == ["uno", "due", "tre", "quattro"]
    finally:
        await client.aio.aclose()
        await emulator.stop()


async def test_messages_from_the_future_are_skipped(
    client: genai.Client, settings: GeminiSettings, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = GeminiEmulator(
        speed=5,
        script_for=lambda _: Script(unknown_messages=True, connections={1: Connection(go_away_after=1)}),
    )
    await emulator.start()
    settings = settings.model_copy(update={"base_url": emulator.base_url})
    client = make_client(settings, EMULATOR_KEY, emulator.tls)
    try:
        with caplog.at_level(logging.WARNING, "transport.gemini"):
            async with conversation(client, settings) as talk:
                greeting = await talk.turn()
                assert "assistente virtuale" in words(greeting, AssistantWords)
                await talk.say("Mercoledì alle 15")
                gone = await talk.gone()
                assert gone.code == 1011
                assert gone.reason == "closed with 1011"
                assert GoAway(1.0) in talk.events
        assert "a message we do not know" in caplog.text
    finally:
        await client.aio.aclose()
        await emulator.stop()


async def test_a_wrong_key_is_refused(settings: GeminiSettings, emulator: GeminiEmulator) -> None:
    client = make_client(settings, "wrong", emulator.tls)
    with pytest.raises(LiveModelError, match=r"closed with 1007$"):
        async with GeminiLive(client, settings).open(PROMPT):
            pass
    await client.aio.aclose()


def test_no_key_says_what_to_do(settings: GeminiSettings) -> None:
    with pytest.raises(GeminiKeyError, match="GEMINI_API_KEY"):
        make_client(settings, " ")


async def test_certificates_are_checked(
    settings: GeminiSettings, monkeypatch: pytest.MonkeyPatch, emulator: GeminiEmulator, tmp_path: Path
) -> None:
    """Without a context of ours SSL_CERT_FILE decides whom the client trusts."""
    stranger = GeminiEmulator()
    for authority, opens in ((emulator, True), (stranger, False)):
        file = tmp_path / f"{opens}.pem"
        file.write_bytes(authority.ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        client = make_client(settings, EMULATOR_KEY)
        if opens:
            async with GeminiLive(client, settings).open(PROMPT):
                pass
        else:
            with pytest.raises(LiveModelError, match="SSLCertVerificationError"):
                async with GeminiLive(client, settings).open(PROMPT):
                    pass
        await client.aio.aclose()


BROKEN = [
    (
        '{"realtime_input": {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=8000"}}}',
        1007,
        "Unsupported",
    ),
    ('{"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=16000"}}}', 1007, "16 bit"),
    ('{"realtime_input": {"sound": "AAAA"}}', 1007, "realtime_input.sound|realtimeInput.sound"),
    ('{"topLevelFromUs": 1}', 1007, "topLevelFromUs"),
    ('{"setup": {"model": "models/x"}}', 1007, "only the first"),
    ("no json", 1007, "Invalid JSON"),
]


@pytest.mark.parametrize(("message", "code", "reason"), BROKEN)
async def test_the_emulator_refuses_what_the_real_one_would(
    client: genai.Client, settings: GeminiSettings, message: str, code: int, reason: str
) -> None:
    async with GeminiLive(client, settings).open(PROMPT) as session:
        talk = Conversation(session)
        await session._sdk._ws.send(message)
        gone = await talk.gone()
        assert gone.code == code
        told = session._sdk._ws.close_reason
        assert any(part in told for part in reason.split("|")), told


@pytest.mark.parametrize(
    "config",
    [
        types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO]),
        types.LiveConnectConfig(response_modalities=[types.Modality.TEXT], system_instruction=PROMPT),
        types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO], system_instruction=PROMPT),
    ],
    ids=["no prompt", "text", "no transcription"],
)
async def test_the_emulator_refuses_an_incomplete_setup(
    client: genai.Client, config: types.LiveConnectConfig
) -> None:
    with pytest.raises(genai.errors.APIError, match="1007"):
        async with client.aio.live.connect(model="gemini-3.8-live", config=config):
            pass


def test_an_interruption_comes_first_and_drops_the_audio_it_came_with() -> None:
    sound = types.Content(
        parts=[types.Part(inline_data=types.Blob(data=b"\0\0", mime_type="audio/pcm;rate=24000"))]
    )
    content = types.LiveServerContent(
        interrupted=True,
        model_turn=sound,
        input_transcription=types.Transcription(text=" no", finished=True),
        output_transcription=types.Transcription(text="alle 15"),
        turn_complete=True,
    )
    assert list(read_message(types.LiveServerMessage(server_content=content))) == [
        Signal.INTERRUPTED,
        CallerWords(" no", finished=True),
        AssistantWords("alle 15"),
        Signal.TURN_COMPLETE,
    ]


@pytest.mark.parametrize("version", ["v1", "v1alpha", "v1beta"])
async def test_the_emulator_speaks_every_version_of_the_api(emulator: GeminiEmulator, version: str) -> None:
    settings = GeminiSettings(base_url=emulator.base_url, api_version=version)
    client = make_client(settings, EMULATOR_KEY, emulator.tls)
    async with GeminiLive(client, settings).open(PROMPT) as session:
        await session.send_audio(bytes(640))
    await client.aio.aclose()
    asked = f"{emulator.base_url}/{version}/models/any:generateContent"
    async with ClientSession() as web, web.post(asked, ssl=emulator.tls, json={}) as response:
        assert response.status == 400  # refused for its missing key, not unknown
