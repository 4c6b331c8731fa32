"""A caller cuts in: the bridge is told to be quiet at once, whether the model has already said all or not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.transport.bridge.paper import WORDS, Rates, calling
from tests.virtual_loop import run_virtually

WITHIN_S = 0.020
LONG_TURN = WORDS[:12] * 5  # about four seconds, sent within one
CALLS = [Rates("fork", 16000, 24000), Rates("fork", 16000, 8000), Rates("twilio", 8000, 8000)]
STREAM = Rates("stream", 16000, 24000)


async def interrupted(rates: Rates, after_s: float) -> tuple[float, float, list[str]]:
    """Seconds from "interrupted" to the bridge's flush and to its silence; the words heard of the next turn."""
    async with calling(rates) as call:
        turn = asyncio.ensure_future(call.model.speak(LONG_TURN))
        await call.clock.sleep(after_s)
        told = call.clock.monotonic()
        turn.cancel()
        with suppress(asyncio.CancelledError):
            await turn
        call.model.interrupt()
        await call.clock.sleep(2)
        (kill,), silent = call.bridge.kills, call.bridge.audible_at
        call.bridge.heard.clear()
        await call.model.speak(WORDS[:5])
        await call.clock.sleep(1)
        return kill - told, silent - told, list(call.bridge.heard)


@pytest.mark.parametrize("rates", CALLS, ids=str)
@pytest.mark.parametrize("after_s", [0.4137, 2.5], ids=["while it is generated", "when all of it was"])
def test_the_bridge_is_flushed_within_20_ms_and_the_next_turn_is_whole(rates: Rates, after_s: float) -> None:
    flushed, silent, heard = run_virtually(interrupted(rates, after_s))
    assert 0 <= flushed <= WITHIN_S
    assert silent <= flushed + WITHIN_S
    assert heard[-6:-1] == WORDS[:5]


@pytest.mark.parametrize("after_s", [0.4137, 2.5], ids=["while it is generated", "when all of it was"])
def test_where_nobody_flushes_we_stop_sending_at_once(after_s: float) -> None:
    flushed, silent, heard = run_virtually(interrupted(STREAM, after_s))
    assert 0 <= flushed <= WITHIN_S, "some builds heed it"
    assert silent <= STREAM.bridge_settings().stream_lead_ms / 1000 + 2 * WITHIN_S
    assert heard[-6:-1] == WORDS[:5]
