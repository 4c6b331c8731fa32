"""Mentions from the model: found, refused when not grounded, replaced when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from google import genai

from engine.extraction.fallback import FallbackExtractor
from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Speaker, Turn
from transport.gemini.client import make_client
from transport.gemini.extractor import GeminiExtractor, written
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import GeminiEmulator

INSTRUCTION = Path("rules/it/extraction.md").read_text(encoding="utf-8")
TURNS = [
    Turn(3, Speaker.CALLER, "Mercoledì 11 alle 15,\n va bene?", None, None),
    Turn(4, Speaker.ASSISTANT, "Certo. Mi lasci un numero?", None, None),
    Turn(5, Speaker.CALLER, "333 123 4567, mario@gmail.com", None, None),
]


@pytest.fixture
def extractor(client: genai.Client, settings: GeminiSettings) -> GeminiExtractor:
    return GeminiExtractor(client, settings, INSTRUCTION)


def test_turns_are_written_one_a_line() -> None:
    assert written(TURNS).splitlines()[0] == "3 caller: Mercoledì 11 alle 15, va bene?"


async def test_the_model_points_at_words(extractor: GeminiExtractor) -> None:
    assert set(await extractor.extract(TURNS)) == {
        Mention(MentionKind.DATE, 3, "Mercoledì 11"),
        Mention(MentionKind.TIME, 3, "alle 15"),
        Mention(MentionKind.PHONE, 5, "333 123 4567"),
        Mention(MentionKind.EMAIL, 5, "mario@gmail.com"),
    }


async def test_nothing_is_asked_about_nothing(extractor: GeminiExtractor, emulator: GeminiEmulator) -> None:
    emulator.extraction.status = 503
    assert await extractor.extract([]) == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"delay_s": 30.0}, "within 0.5 s"),
        ({"status": 503}, "503"),
        ({"answer": "Ecco i dati richiesti:"}, "form"),
        ({"answer": '[{"kind": "birthday", "turn": 3, "verbatim": "x"}]'}, "form"),
        ({"answer": ""}, "form"),
    ],
    ids=["late", "overloaded", "prose", "unknown kind", "empty"],
)
async def test_failures_are_extractor_errors(
    extractor: GeminiExtractor, emulator: GeminiEmulator, fault: dict[str, object], message: str
) -> None:
    for name, value in fault.items():
        setattr(emulator.extraction, name, value)
    with pytest.raises(ExtractorError, match=message):
        await extractor.extract(TURNS)


async def test_a_wrong_key_is_an_extractor_error(settings: GeminiSettings, emulator: GeminiEmulator) -> None:
    client = make_client(settings, "wrong", emulator.tls)
    with pytest.raises(ExtractorError, match="400"):
        await GeminiExtractor(client, settings, INSTRUCTION).extract(TURNS)
    await client.aio.aclose()


async def test_errors_do_not_repeat_what_was_said(
    extractor: GeminiExtractor, emulator: GeminiEmulator
) -> None:
    emulator.extraction.answer = '[{"kind": "phone", "turn": "tre", "verbatim": "333 123 4567"}]'
    with pytest.raises(ExtractorError) as caught:
        await extractor.extract(TURNS)
    assert "333" not in str(caught.value)


class Nobody:
    async def extract(self, turns: object) -> tuple[Mention, ...]:
        return (Mention(MentionKind.TIME, 3, "alle 15"),)


async def test_ungrounded_mentions_are_dropped(extractor: GeminiExtractor, emulator: GeminiEmulator) -> None:
    emulator.extraction.answer = lambda _: [
        {"kind": "date", "turn": 3, "verbatim": "mercoledì 12"},
        {"kind": "date", "turn": 5, "verbatim": "mercoledì 11"},
        {"kind": "date", "turn": 3, "verbatim": "MERCOLEDI 11"},
        {"kind": "time", "turn": 3, "verbatim": "15"},
    ]
    found = await FallbackExtractor(extractor, Nobody()).extract(TURNS)
    assert found == (Mention(MentionKind.TIME, 3, "alle 15"), Mention(MentionKind.DATE, 3, "Mercoledì 11"))


async def test_the_local_extractor_stands_in(extractor: GeminiExtractor, emulator: GeminiEmulator) -> None:
    emulator.extraction.status = 503
    found = await FallbackExtractor(extractor, Nobody()).extract(TURNS)
    assert found == (Mention(MentionKind.TIME, 3, "alle 15"),)
