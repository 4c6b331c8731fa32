"""What is counted, under which few words, and who may read it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from engine.call import CallEnd
from engine.ports import ExtractorError, Line, Mention
from engine.turns import Turn
from storage.results import Refusal
from tests.clocks import VirtualClock
from tests.lines import events_of
from transport.bridge.metadata import CallMetadata
from transport.clock import SystemClock
from transport.metrics import Metrics
from transport.server import CALLS, Parts, init_app, running
from transport.settings import BridgeSettings, ServerSettings
from transport.tokens import BridgeTokens

TOKEN = "a-token-of-24-characters"


def numbers(page: bytes) -> dict[str, float]:
    lines = [line for line in page.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def step(source: str, target: str, event: str, **others: Any) -> Any:
    entry = {"source": source, "target": target, "event": event, "task": "prenota", "guard": None} | others
    return SimpleNamespace(entry=SimpleNamespace(**entry), refusal=others.get("refusal"))


def told(*steps: Any) -> Any:
    return SimpleNamespace(analysis=SimpleNamespace(steps=steps))


def test_stages_bookings_and_refusals() -> None:
    metrics = Metrics()
    metrics.analysed(
        told(
            step("nessun_intento", "raccolta_dati", "interesse"),
            step("raccolta_dati", "raccolta_dati", "completa", guard="slot_held", refusal=Refusal.NOT_YOURS),
        )
    )
    metrics.analysed(told(step("confermato", "completato", "successo")))
    found = numbers(metrics.page())
    assert found['vbs_stages_total{stage="raccolta_dati"}'] == 1
    assert found['vbs_stages_total{stage="completato"}'] == 1
    assert found['vbs_bookings_total{task="prenota"}'] == 1
    assert found['vbs_refusals_total{by="guard",reason="slot_held"}'] == 1
    assert found['vbs_refusals_total{by="store",reason="not_found"}'] == 1, "as it is told outside"


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("hangup", "hangup"),
        ("bridge error: nothing came for 60 s", "bridge_error"),
        ("model unreachable", "model_unreachable"),
        ("longer than 3600 s", "too_long"),
        ("the caller has not spoken for 300 s", "silent_caller"),
        ("Ada +39 340 1234567", "other"),
    ],
)
def test_ends_are_counted_under_fixed_words(reason: str, end: str) -> None:
    metrics = Metrics()
    metrics.call_ends(CallEnd(reason, dropped_ms=1500, barge_ins=2, rotations={"go_away": 3}))
    found = numbers(metrics.page())
    assert found[f'vbs_calls_total{{end="{end}"}}'] == 1
    assert found['vbs_caller_audio_dropped_seconds_total{at="model"}'] == 1.5
    assert found["vbs_barge_ins_total"] == 2
    assert found['vbs_session_rotations_total{reason="go_away"}'] == 3
    assert b"Ada" not in metrics.page()


class Slow:
    """An extractor that takes a quarter of a second."""

    def __init__(self, clock: VirtualClock, error: Exception | None = None) -> None:
        self.clock, self.error = clock, error

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        await self.clock.sleep(0.25)
        if self.error is not None:
            raise self.error
        return ()


@pytest.mark.parametrize(("error", "outcome"), [(None, "answered"), (ExtractorError("late"), "failed")])
async def test_the_extractor_is_timed(error: Exception | None, outcome: str) -> None:
    clock, metrics = VirtualClock(), Metrics()
    asked = asyncio.create_task(metrics.timed(Slow(clock, error), clock).extract(()))
    await clock.advance(1)
    assert (await asyncio.gather(asked, return_exceptions=True))[0] == (error or ())
    assert numbers(metrics.page())[f'vbs_extractor_seconds_sum{{outcome="{outcome}"}}'] == pytest.approx(0.25)


async def test_an_extraction_given_up_is_not_timed() -> None:
    clock, metrics = VirtualClock(), Metrics()
    asked = asyncio.create_task(metrics.timed(Slow(clock), clock).extract(()))
    await clock.advance(0.1)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert not [name for name in numbers(metrics.page()) if name.startswith("vbs_extractor_seconds_count")]


async def test_lag_is_what_comes_on_top() -> None:
    clock, metrics = VirtualClock(), Metrics()
    async with metrics.watching_lag(clock):
        await clock.advance(0.05)
        clock.stall(0.35)
        await clock.advance(0.01)
    found = numbers(metrics.page())
    assert (found["vbs_loop_lag_seconds_count"], found["vbs_loop_lag_seconds_sum"]) == (1, pytest.approx(0.3))


async def test_calls_and_refusals_over_a_real_socket() -> None:
    async def answer(line: Line, metadata: CallMetadata) -> None:
        async for _ in events_of(line):
            pass

    bridge = BridgeSettings(max_calls=1, close_timeout_s=0.5)
    app = init_app(Parts(answer, SystemClock(), bridge, tokens=BridgeTokens(TOKEN)))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        running(app, ServerSettings(port=0, drain_s=0)) as address,
        aiohttp.ClientSession() as session,
    ):

        async def fetched() -> dict[str, float]:
            async with session.get(f"{address}/metrics", headers=bearer) as response:
                assert response.content_type == "text/plain"
                return numbers(await response.read())

        async def active(number: int) -> None:
            async with asyncio.timeout(5):
                while True:
                    if (await fetched())["vbs_calls_active"] == number:
                        return
                    await asyncio.sleep(0.01)

        async with session.get(f"{address}/metrics") as refused:
            assert refused.status == 401
        async with session.ws_connect(f"{address}/bridge/fork", headers=bearer) as ws:
            await ws.send_str(json.dumps({"sampleRate": 16000, "callId": "c-1", "from": "+393401234567"}))
            await active(1)
            async with session.get(f"{address}/bridge/fork", headers=bearer) as full:
                assert full.status == 503
        await active(0)
        app[CALLS].draining = True
        async with session.get(f"{address}/bridge/fork", headers=bearer) as draining:
            assert (draining.status, draining.headers["Retry-After"]) == (503, "30")
        found = await fetched()
        assert found['vbs_refusals_total{by="door",reason="draining"}'] == 1
        assert found['vbs_refusals_total{by="door",reason="no_token"}'] == 1
        assert found['vbs_refusals_total{by="door",reason="too_many_calls"}'] == 1
