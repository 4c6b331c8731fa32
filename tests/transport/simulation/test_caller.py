"""The simulated caller against a tiny server that plays the assistant's part by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from transport.simulation.caller import CallRecord, Dialled, Playout, SimulatedCaller
from transport.simulation.clock import ScaledClock
from transport.simulation.modem import END_OF_UTTERANCE, Demodulator, modulate
from transport.simulation.persona import Interruption, Persona, Reaction, Reply
from transport.simulation.wire import SUBPROTOCOL

SPEED = 4
TAIL = bytes(24000 // 5 * 2)
MARIO = Dialled("c-1", "+393331234567", "+390612345678")


class Desk:
    """The server's side of one call."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self.ws = ws
        self.marks: list[tuple[str, str]] = []
        self.frames: list[int] = []
        self._ear = Demodulator(16000)
        self._words: list[str] = []

    def say(self, text: str) -> Awaitable[None]:
        return self.ws.send_bytes(modulate(text, 24000) + TAIL)

    async def hear(self) -> str:
        """The caller's next utterance; empty when the caller is gone."""
        async for message in self.ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                mark = json.loads(message.data)["data"]
                self.marks.append((mark["name"], mark["event"]))
                continue
            self.frames.append(len(message.data))
            for word in self._ear.feed(message.data):
                if word == END_OF_UTTERANCE:
                    text, self._words = " ".join(self._words), []
                    return text
                self._words.append(word)
        return ""


Script = Callable[[Desk, dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def desk(script: Script) -> AsyncIterator[str]:
    """A bridge path whose calls are answered by `script`."""

    async def answer(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await ws.prepare(request)
        assert ws.ws_protocol == SUBPROTOCOL
        await script(Desk(ws), json.loads(await ws.receive_str()))
        await ws.close()
        return ws

    app = web.Application()
    app.router.add_get("/bridge/fork", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/bridge/fork"))


async def call(script: Script, persona: Persona, *, dialled: Dialled = MARIO, **options: Any) -> CallRecord:
    clock = ScaledClock(SPEED)
    async with desk(script) as url, aiohttp.ClientSession() as session:
        return await SimulatedCaller(url, dialled, persona, clock, **options).run(session)


async def test_a_conversation_with_metadata_first_and_the_goodbye_last() -> None:
    heard: list[str] = []
    told: dict[str, Any] = {}

    async def script(desk: Desk, metadata: dict[str, Any]) -> None:
        told.update(metadata)
        for line in ("Buongiorno, come posso aiutarla?", "Mercoledì alle 15. Confermi?", "Ho confermato!"):
            await desk.say(line)
            heard.append(await desk.hear())
        assert await desk.hear() == ""
        assert set(desk.frames) == {640}

    persona = Persona("Mario", (Reaction("aiutar", Reply("Vorrei un appuntamento, martedì.")),))
    record = await call(script, persona)
    assert heard == ["Vorrei un appuntamento, martedì.", "Sì, confermo.", "Grazie mille, arrivederci."]
    assert (told["from"], told["to"], told["callId"]) == ("+393331234567", "+390612345678", "c-1")
    assert (told["sampleRate"], told["direction"]) == (16000, "inbound")
    assert record.ended_by == "caller"
    assert record.problems == []
    assert record.words("assistant").splitlines()[1] == "Mercoledì alle 15. Confermi?"


async def test_a_phone_line_at_8_khz() -> None:
    async def script(desk: Desk, metadata: dict[str, Any]) -> None:
        assert metadata["sampleRate"] == 8000
        async for message in desk.ws:
            desk.frames.append(len(message.data))
            if len(desk.frames) == 10:
                break
        assert set(desk.frames) == {320}

    record = await call(script, Persona("Mario"), rate=8000)
    assert record.ended_by == "server"


async def test_hanging_up_right_after_the_yes() -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        await desk.say("Mercoledì alle 15. Confermi?")
        assert await desk.hear() == "Sì."
        assert await desk.hear() == ""

    persona = Persona("Mario", (Reaction("confermi", Reply("Sì.", hang_up=True)),))
    assert (await call(script, persona)).ended_by == "caller"


async def test_a_second_thought_after_a_pause() -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        await desk.say("Mercoledì alle 15. Confermi?")
        assert [await desk.hear(), await desk.hear()] == ["Sì.", "Anzi no, aspetti."]

    reply = Reply("Sì.", adds="Anzi no, aspetti.", pause_ms=300)
    record = await call(script, Persona("Mario", (Reaction("confermi", reply),)))
    assert record.words("caller") == "Sì.\nAnzi no, aspetti."


async def test_an_interruption_is_heard_while_the_assistant_speaks_and_a_kill_drops_the_rest() -> None:
    long = "Mercoledì ho orari liberi alle nove, alle dieci, alle undici e nel pomeriggio alle quindici."

    async def script(desk: Desk, _: dict[str, Any]) -> None:
        await desk.say(long)
        await desk.ws.send_json({"type": "mark", "data": {"name": "end"}})
        assert await desk.hear() == "Aspetti un momento!"
        await desk.ws.send_json({"type": "killAudio"})
        await desk.say("Mi dica.")
        assert await desk.hear() == "Giovedì alle 11."
        assert ("end", "cleared") in desk.marks

    persona = Persona(
        "Mario",
        (Reaction("mi dica", Reply("Giovedì alle 11.")),),
        (Interruption(Reply("Aspetti un momento!"), hears="mercoledì"),),
    )
    record = await call(script, persona)
    assert record.kills == 1
    assert "quindici" not in record.words("assistant")


async def test_marks_are_answered_when_played_past() -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        await desk.say("Confermi?")
        await desk.ws.send_json({"type": "mark", "data": {"name": "m1"}})
        await desk.hear()
        assert desk.marks == [("m1", "playout")]

    assert (await call(script, Persona("Mario"))).problems == []


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"\x00", "whole samples"),
        (b"\xff\xff" * 4, "sample of -1"),
        ("no json", "no command"),
        ('{"type":"x"}', "'x'"),
    ],
)
async def test_breaches_of_the_format_are_recorded(frame: bytes | str, problem: str) -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        await (desk.ws.send_bytes(frame) if isinstance(frame, bytes) else desk.ws.send_str(frame))
        await desk.ws.send_json({"type": "disconnect"})
        await desk.hear()

    record = await call(script, Persona("Mario"))
    assert len(record.problems) == 1
    assert problem in record.problems[0]
    assert record.ended_by == "server"


async def test_who_is_not_answered_asks_and_leaves() -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        assert [await desk.hear() for _ in range(4)] == ["Pronto?", "Pronto?", "Pronto?", ""]

    assert (await call(script, Persona("Mario"), patience_s=0.6)).ended_by == "caller"


async def test_a_call_without_end_is_given_up() -> None:
    async def script(desk: Desk, _: dict[str, Any]) -> None:
        assert await desk.hear() == ""

    assert (await call(script, Persona("Mario"), timeout_s=0.5)).ended_by == "timeout"


async def test_an_outbound_call_names_what_it_was_scheduled_as() -> None:
    told: dict[str, Any] = {}

    async def script(desk: Desk, metadata: dict[str, Any]) -> None:
        told.update(metadata)

    await call(
        script, Persona("D"), dialled=Dialled("c", "+3906", "+39333", "outbound", scheduled_call="s-1")
    )
    assert told["direction"] == "outbound"
    assert told["customerData"] == {"scheduledCallId": "s-1"}


def test_the_module_waits_for_160_ms_and_a_short_rest_stays_stuck() -> None:
    playout = Playout()
    playout.put(b"\1\0" * (24 * 159))
    assert not any(playout.take()[0])
    playout.put(b"\1\0" * 24)
    assert any(playout.take()[0])
    while any(playout.take()[0]):
        pass
    playout.put(b"\1\0" * 24)
    assert not any(playout.take()[0])
