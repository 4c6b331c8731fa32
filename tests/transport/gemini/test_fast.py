"""Audio by hand: the same events as by the SDK, over the same socket, and without it where it cannot be had."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.genai.live import AsyncSession
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection

from engine.ports import AssistantWords, CallerWords, ModelAudio, ModelEvent, Signal
from tests.transport.gemini.test_live import PROMPT, Conversation, spoken, words
from transport.gemini.fast import CapturedConnection, audio_frame, events_in
from transport.gemini.live import GeminiLive, read_message
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import GeminiEmulator

PCM = bytes(range(240)) * 2


def sound(data: Any, mime: Any = "audio/pcm;rate=24000", **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime, "data": data, **more}}


def said(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"role": "model", "parts": list(parts)}, **more}}


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


class OneFrame:
    """A socket that has one frame to be read."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame

    async def recv(self, decode: bool | None = None) -> bytes:
        return self.frame


def by_the_sdk(client: genai.Client, frame: bytes) -> list[ModelEvent]:
    async def read() -> list[ModelEvent]:
        session = AsyncSession(client._api_client, OneFrame(frame))  # type: ignore[arg-type]  # as much as it needs
        return list(read_message(await anext(session.receive())))

    return asyncio.run(read())


@pytest.fixture(scope="module")
def offline() -> genai.Client:
    return genai.Client(api_key="none")


SOUNDS = {
    "one": said(sound(encoded(PCM))),
    "two in a message": said(sound(encoded(PCM)), sound(encoded(PCM[:2]))),
    "without a role": {"serverContent": {"modelTurn": {"parts": [sound(encoded(PCM))]}}},
    "of another rate": said(sound(encoded(PCM), "audio/pcm;rate=16000")),
    "odd bytes": said(sound(encoded(PCM[:3]))),
    "no parts": said(),
}


@pytest.mark.parametrize("message", SOUNDS.values(), ids=SOUNDS)
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_read_by_hand_is_what_the_sdk_reads(
    offline: genai.Client, message: dict[str, Any], indent: int | None
) -> None:
    frame = json.dumps(message, indent=indent).encode()
    assert events_in(frame) == by_the_sdk(offline, frame)


@given(pieces=st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=3))
def test_any_sound_is_read_alike(pieces: list[bytes]) -> None:
    frame = json.dumps(said(*(sound(encoded(each)) for each in pieces))).encode()
    assert events_in(frame) == [ModelAudio(each) for each in pieces]
    assert events_in(frame) == by_the_sdk(genai.Client(api_key="none"), frame)


@given(text=st.text(max_size=60), kind=st.sampled_from(["inputTranscription", "outputTranscription"]))
def test_any_words_are_read_alike(text: str, kind: str) -> None:
    frame = json.dumps({"serverContent": {kind: {"text": text}}}).encode()
    assert events_in(frame) == by_the_sdk(genai.Client(api_key="none"), frame)


LEFT = {
    "with an interruption": said(sound(encoded(PCM)), interrupted=True),
    "with a transcript": said(sound(encoded(PCM)), outputTranscription={"text": "alle 15"}),
    "with the end of the turn": said(sound(encoded(PCM)), turnComplete=True),
    "with usage": {**said(sound(encoded(PCM))), "usageMetadata": {"totalTokenCount": 1}},
    "text beside it": said(sound(encoded(PCM)), {"text": "pensa"}),
    "a thought": said({**sound(encoded(PCM)), "thought": True}),
    "a picture": said(sound(encoded(PCM), "image/png")),
    "a name of the blob": said(sound(encoded(PCM), displayName="x")),
    "no type": said({"inlineData": {"data": encoded(PCM)}}),
    "no data": said(sound("")),
    "null data": said(sound(None)),
    "the alphabet of addresses": said(sound("__-_")),
    "not base64": said(sound("@@@@")),
    "an unknown key in the turn": {"serverContent": {"modelTurn": {"parts": [], "new": 1}}},
    "words that end": {"serverContent": {"inputTranscription": {"text": "sì", "finished": True}}},
    "words of a language": {"serverContent": {"outputTranscription": {"text": "sì", "languageCode": "it"}}},
    "words without a text": {"serverContent": {"outputTranscription": {}}},
    "words that are a number": {"serverContent": {"outputTranscription": {"text": 15}}},
    "both sides' words": {
        "serverContent": {"inputTranscription": {"text": "sì"}, "outputTranscription": {"text": "no"}}
    },
    "only an interruption": {"serverContent": {"interrupted": True}},
    "another message": {"goAway": {"timeLeft": "1s"}},
    "a list": [],
    "a word": "ciao",
    "null content": {"serverContent": None},
}


@pytest.mark.parametrize("message", LEFT.values(), ids=LEFT)
def test_everything_else_is_left_to_the_sdk(message: Any) -> None:
    assert events_in(json.dumps(message).encode()) is None


def test_what_is_no_json_is_left_to_the_sdk() -> None:
    assert events_in(b"{") is None
    assert events_in(b"\xff\xfe") is None


@given(pcm=st.binary(max_size=2000))
def test_a_frame_written_by_hand_is_what_the_server_would_read(pcm: bytes) -> None:
    message = types.LiveClientMessage.model_validate_json(audio_frame(pcm))
    assert message.realtime_input is not None and message.realtime_input.audio is not None
    assert (message.realtime_input.audio.data or b"") == pcm
    assert message.realtime_input.audio.mime_type == "audio/pcm;rate=16000"


async def test_the_connection_is_the_one_that_the_sdk_reads(
    client: genai.Client, settings: GeminiSettings
) -> None:
    async with GeminiLive(client, settings).open(PROMPT) as session:
        assert isinstance(session._connection, CapturedConnection)
        assert session._sdk._ws is session._connection


async def test_each_of_many_conversations_has_its_own(client: genai.Client, settings: GeminiSettings) -> None:
    model = GeminiLive(client, settings)

    async def one() -> int:
        async with model.open(PROMPT) as session:
            await asyncio.sleep(0.05)
            assert session._sdk._ws is session._connection
            return id(session._connection)

    assert len(set(await asyncio.gather(*(one() for _ in range(5))))) == 5


async def test_without_its_connection_all_goes_by_the_sdk_with_one_warning(
    client: genai.Client,
    settings: GeminiSettings,
    emulator: GeminiEmulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("__init__", "recv", "data_received"):
        monkeypatch.setattr(CapturedConnection, name, getattr(ClientConnection, name))
    model = GeminiLive(client, settings)
    with caplog.at_level(logging.WARNING, "transport.gemini"):
        for _ in range(2):
            async with model.open(PROMPT) as session:
                assert session._connection is None
                talk = Conversation(session)
                greeting = await talk.turn()
                assert "assistente virtuale" in words(greeting, AssistantWords)
                assert " ".join(spoken(greeting)).startswith("Ciao Marco")
                await talk.say("Mercoledì alle 15 va benissimo")
                answer = await talk.until(
                    lambda events: Signal.TURN_COMPLETE in events and bool(words(events, CallerWords))
                )
                assert "Confermi?" in words(answer, AssistantWords)
            await talk.gone()
    assert [record.message for record in caplog.records if "beside the SDK" in record.message] == [
        caplog.records[0].message
    ]
    assert emulator.calls[0].heard == ["Mercoledì alle 15 va benissimo"]


@pytest.mark.parametrize("by_hand", [True, False])
async def test_an_error_of_who_hears_ends_the_session(
    client: genai.Client, settings: GeminiSettings, by_hand: bool
) -> None:
    def hear(event: ModelEvent) -> None:
        if isinstance(event, ModelAudio):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(10), GeminiLive(client, settings).open(PROMPT) as session:
            if not by_hand:
                session._connection = None
            await session.hold(hear)
