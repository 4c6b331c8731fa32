"""Conversations that are taken up again, begun in the middle of a call, refused or broken, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from google import genai

from engine.ports import (
    AssistantWords,
    CallerWords,
    GoAway,
    LiveModelError,
    Loss,
    ModelAudio,
    ModelEvent,
    ResumptionHandle,
    Signal,
)
from tests.transport.gemini.test_live import PROMPT, Conversation, spoken, words
from transport.gemini.client import make_client
from transport.gemini.live import GeminiLive
from transport.gemini.settings import GeminiSettings
from transport.simulation.gemini_emulator import EMULATOR_KEY, GeminiEmulator
from transport.simulation.gemini_emulator_script import Break, Connection, Script

RECAP = """[AVVISO DEL SISTEMA]
La chiamata è già in corso: non salutare di nuovo.
Dati raccolti: mercoledì 11 febbraio alle 15. Manca solo il sì a: mercoledì 11 febbraio alle 15."""


@asynccontextmanager
async def misbehaving(
    connections: Mapping[int, Connection],
) -> AsyncIterator[tuple[GeminiLive, GeminiEmulator]]:
    emulator = GeminiEmulator(speed=5, script_for=lambda _: Script(connections=connections))
    await emulator.start()
    settings = GeminiSettings(base_url=emulator.base_url, open_timeout_s=0.5)
    client = make_client(settings, EMULATOR_KEY, emulator.tls)
    try:
        yield GeminiLive(client, settings), emulator
    finally:
        await client.aio.aclose()
        await emulator.stop()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110  # the emulator rings no bell
            await asyncio.sleep(0.01)


def handles(events: list[ModelEvent]) -> list[str]:
    return [each.handle for each in events if isinstance(each, ResumptionHandle)]


async def handle_of(talk: Conversation) -> str:
    """The first handle that comes."""
    return handles(await talk.until(lambda events: bool(handles(events))))[0]


async def test_it_goes_on_with_what_it_remembers_and_does_not_greet(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    model = GeminiLive(client, settings)
    async with model.open(PROMPT) as session:
        talk = Conversation(session)
        await handle_of(talk)
        await talk.say("Mercoledì alle 15 va benissimo")
        handle = await handle_of(talk)
    await talk.gone()
    async with model.open(PROMPT, resume=handle) as session:
        talk = Conversation(session)
        await asyncio.sleep(0.2)
        assert talk.events == [], "it waits for the caller"
        await talk.say("Può ripetere?")
        answer = await talk.until(lambda events: bool(handles(events)))
        assert "Mercoledì 11 febbraio alle 15. Confermi?" in words(answer, AssistantWords)
        assert handles(answer) != [handle]
    assert len(emulator.calls) == 1
    assert emulator.calls[0].resumed == [False, True]
    assert emulator.calls[0].told == ["[INIZIO CHIAMATA]"]
    assert emulator.calls[0].breaches == []


async def test_a_new_conversation_in_the_middle_of_a_call_is_told_of_it(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    model = GeminiLive(client, settings)
    async with model.open(PROMPT) as session:
        await Conversation(session).turn()
    async with model.open(PROMPT, seed=RECAP) as session:
        talk = Conversation(session)
        said = words(await talk.turn(), AssistantWords)
    assert said == "Scusami per l'interruzione. Mercoledì 11 febbraio alle 15. Confermi?"
    assert len(emulator.calls) == 1
    assert emulator.calls[0].told == ["[INIZIO CHIAMATA]", "[RIPRESA CHIAMATA]"]


async def test_two_connections_of_one_conversation_are_refused(
    client: genai.Client, settings: GeminiSettings, emulator: GeminiEmulator
) -> None:
    model = GeminiLive(client, settings)
    async with model.open(PROMPT) as session:
        handle = await handle_of(Conversation(session))
        with pytest.raises(LiveModelError, match="1011") as refused:
            async with model.open(PROMPT, resume=handle):
                pass
    assert refused.value.loss is Loss.SERVER
    assert emulator.calls[0].breaches


async def test_a_handle_that_nobody_gave_is_refused(client: genai.Client, settings: GeminiSettings) -> None:
    with pytest.raises(LiveModelError, match=r"open: 1008$") as refused:
        async with GeminiLive(client, settings).open(PROMPT, resume="handle-from-last-week"):
            pass
    assert refused.value.loss is Loss.FATAL


@pytest.mark.parametrize(
    ("code", "told", "loss"),
    [
        (None, 1006, Loss.NETWORK),
        (1001, 1001, Loss.NETWORK),
        (1007, 1007, Loss.REFUSED),
        (1008, 1008, Loss.FATAL),
        (1011, 1011, Loss.SERVER),
    ],
)
async def test_a_turn_that_breaks_off_tells_why(code: int | None, told: int, loss: Loss) -> None:
    broken = Connection(breaks=Break(code, "as written", in_turn=1))
    async with misbehaving({1: broken}) as (model, _), model.open(PROMPT) as session:
        talk = Conversation(session)
        gone = await talk.gone()
        assert (gone.code, gone.loss) == (told, loss)
        assert any(isinstance(each, ModelAudio) for each in talk.events)
        assert Signal.GENERATION_COMPLETE not in talk.events
        with pytest.raises(LiveModelError):
            await session.send_notice("c'è nessuno?")


@pytest.mark.parametrize(("code", "loss"), [(1007, Loss.REFUSED), (1008, Loss.FATAL), (1011, Loss.SERVER)])
async def test_a_setup_that_is_refused_tells_why(code: int, loss: Loss) -> None:
    async with misbehaving({1: Connection(refuses=(code, "as written"))}) as (model, _):
        with pytest.raises(LiveModelError, match=rf"open: {code}$") as refused:
            async with model.open(PROMPT):
                pass
        assert refused.value.loss is loss


async def test_a_setup_that_is_never_answered_ends_by_itself_or_when_it_is_left() -> None:
    silent = Connection(answers_setup=False)
    async with misbehaving({1: silent, 2: silent}) as (model, emulator):
        with pytest.raises(LiveModelError) as late:
            async with model.open(PROMPT):
                pass
        assert late.value.loss is Loss.NETWORK

        async def opening() -> None:
            async with model.open(PROMPT):
                pass

        left = asyncio.create_task(opening())
        await until(lambda: emulator.calls[0].connections == 2)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert not emulator.calls[0].open, "its connection is closed"


def with_audio_after(events: list[ModelEvent], signal: ModelEvent) -> bool:
    return any(isinstance(each, ModelAudio) for each in events[events.index(signal) :])


SCRIPTED: dict[str, tuple[Connection, Callable[[list[ModelEvent]], bool]]] = {
    "an interruption by nobody": (
        Connection(interrupts_turn=2),
        lambda events: Signal.INTERRUPTED in events and not with_audio_after(events, Signal.INTERRUPTED),
    ),
    "a word that it will close": (
        Connection(go_away_after=1, go_away_s=50),
        lambda events: GoAway(50.0) in events and Signal.TURN_COMPLETE in events,
    ),
    "no handles": (
        Connection(gives_handles=False),
        lambda events: Signal.TURN_COMPLETE in events and not handles(events),
    ),
}


@pytest.mark.parametrize(("connection", "comes"), SCRIPTED.values(), ids=SCRIPTED)
async def test_what_the_script_says_comes(
    connection: Connection, comes: Callable[[list[ModelEvent]], bool]
) -> None:
    async with misbehaving({1: connection}) as (model, _), model.open(PROMPT) as session:
        talk = Conversation(session)
        await talk.turn()
        await talk.say("Vorrei prenotare")
        await talk.until(comes)


@pytest.mark.parametrize(
    "connection", [Connection(silent_from_turn=2), Connection(go_away_after=1, silent_after_go_away=True)]
)
async def test_a_connection_that_falls_silent_stays_open(connection: Connection) -> None:
    async with misbehaving({1: connection}) as (model, emulator), model.open(PROMPT) as session:
        talk = Conversation(session)
        await talk.turn()
        await talk.say("Vorrei prenotare")
        await until(lambda: bool(emulator.calls[0].heard))
        await asyncio.sleep(0.15)
        assert not [each for each in talk.events if isinstance(each, (ModelAudio, AssistantWords))]
        await session.send_audio(bytes(1280))
        assert emulator.calls[0].open


async def test_the_last_pieces_may_come_once_more() -> None:
    async with misbehaving({2: Connection(replays=2)}) as (model, _):
        async with model.open(PROMPT) as session:
            talk = Conversation(session)
            await talk.turn()
            await talk.say("uno due tre quattro cinque sei sette")
            heard = await talk.until(
                lambda events: words(events, CallerWords).endswith("sette") and bool(handles(events))
            )
            handle = handles(heard)[-1]
        await talk.gone()
        async with model.open(PROMPT, resume=handle) as session:
            talk = Conversation(session)
            again = await talk.until(lambda events: bool(words(events, AssistantWords)))
            assert words(again, CallerWords) == " quattro cinque sei sette"
            assert spoken(again) == []
