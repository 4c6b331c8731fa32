"""An emulated Gemini, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google import genai

from transport.gemini.client import make_client
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import EMULATOR_KEY, GeminiEmulator


@pytest.fixture
async def emulator(request: pytest.FixtureRequest) -> AsyncIterator[GeminiEmulator]:
    """An emulator five times as fast as life, or as fast as its parameter says."""
    emulator = GeminiEmulator(speed=getattr(request, "param", 5))
    await emulator.start()
    yield emulator
    await emulator.stop()


@pytest.fixture
def settings(emulator: GeminiEmulator) -> GeminiSettings:
    return GeminiSettings(base_url=emulator.base_url, extraction_timeout_s=0.5)


@pytest.fixture
async def client(emulator: GeminiEmulator, settings: GeminiSettings) -> AsyncIterator[genai.Client]:
    client = make_client(settings, EMULATOR_KEY, emulator.tls)
    yield client
    await client.aio.aclose()
