"""Mentions from the model: found as they are written on the wire; an odd or late answer is an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from google import genai

from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Speaker, Turn
from tests.clocks import VirtualClock
from transport.clock import SystemClock
from transport.gemini.client import make_client
from transport.gemini.extractor import _FORM, MOST_CHARACTERS, FoundMention, GeminiExtractor, written
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
    return GeminiExtractor(client, settings, INSTRUCTION, SystemClock())


def test_turns_are_written_one_a_line() -> None:
    assert written(TURNS).splitlines()[0] == "3 caller: Mercoledì 11 alle 15, va bene?"


async def test_the_model_points_at_words(extractor: GeminiExtractor) -> None:
    assert set(await extractor.extract(TURNS)) == {
        Mention(MentionKind.DATE, 3, "Mercoledì 11"),
        Mention(MentionKind.TIME, 3, "alle 15"),
        Mention(MentionKind.PHONE, 5, "333 123 4567"),
        Mention(MentionKind.EMAIL, 5, "mario@gmail.com"),
    }


def test_what_the_model_is_asked_for_is_what_is_read() -> None:
    read = FoundMention.model_json_schema()
    asked = _FORM.items
    assert asked is not None and asked.properties is not None
    assert list(asked.properties) == asked.property_ordering == asked.required == read["required"]
    types = {name: field.type.value.lower() for name, field in asked.properties.items() if field.type}
    assert types == {"kind": "string", "turn": "integer", "verbatim": "string"}
    assert {name: read["properties"][name]["type"] for name in ("turn", "verbatim")} == {
        "turn": "integer",
        "verbatim": "string",
    }
    assert asked.properties["kind"].enum == read["$defs"]["MentionKind"]["enum"]


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
        await GeminiExtractor(client, settings, INSTRUCTION, SystemClock()).extract(TURNS)
    await client.aio.aclose()


async def test_errors_do_not_repeat_what_was_said(
    extractor: GeminiExtractor, emulator: GeminiEmulator
) -> None:
    emulator.extraction.answer = '[{"kind": "phone", "turn": "tre", "verbatim": "333 123 4567"}]'
    with pytest.raises(ExtractorError) as caught:
        await extractor.extract(TURNS)
    assert "333" not in str(caught.value)


async def test_the_limit_is_of_the_clock_it_was_given(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    emulator.extraction.delay_s = 30.0
    clock = VirtualClock()
    asking = asyncio.create_task(GeminiExtractor(client, settings, INSTRUCTION, clock).extract(TURNS))
    await clock.advance(settings.extraction_timeout_s - 0.1)
    assert not asking.done()
    await clock.advance(0.2)
    with pytest.raises(ExtractorError, match=r"within 0.5 s"):
        await asking


async def test_a_long_call_is_sent_as_its_end_alone() -> None:
    turns = [Turn(number, Speaker.CALLER, "parola " * 200, None, None) for number in range(1, 9)]
    text = written([*turns, Turn(9, Speaker.CALLER, "mercoledì alle 15", None, None)])
    assert len(text) <= MOST_CHARACTERS
    assert text.endswith("9 caller: mercoledì alle 15")
    endless = written([Turn(1, Speaker.CALLER, "a" * 100_000 + " alle 15", None, None)])
    assert len(endless) <= MOST_CHARACTERS
    assert endless.startswith("1 caller: aaa")
    assert endless.endswith(" alle 15")


def test_of_a_turn_cut_off_only_what_was_heard_is_sent() -> None:
    turn = Turn(2, Speaker.ASSISTANT, "Mercoledì alle 15, confermi?", None, None, heard="Mercoledì")
    assert written([turn]) == "2 assistant: Mercoledì"
