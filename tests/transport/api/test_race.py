"""Fifty chats and twenty calls want ten slots at the same time, on Postgres: nothing overlaps, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.chat import ChatBusyError, Chats, Message, Standing
from engine.conversation import Conversation
from engine.supervisor import Supervisor
from engine.turns import Speaker, Turn
from engine.understanding.context import CallerKnown
from fsm.stages import Stage
from storage import bookings, calls
from storage.chats import Party
from storage.database import Database
from storage.settings import StorageSettings
from tests.dialogues import shipped_rulebook
from tests.engine.written import START, Hands, Nothing, furnish
from tests.storage.playground import ROME, faults
from tests.storage.postgres import Postgres
from tests.transport.api.desk import Shop, served
from transport.api.settings import ApiSettings

CHATS, CALLS = 50, 20
SLOTS = [f"2026-02-{day}T{hour:02}:00" for day in (11, 12) for hour in (9, 10, 11, 15, 16)]
DAYS = {"11": "mercoledì 11 febbraio", "12": "giovedì 12 febbraio"}


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    settings = StorageSettings(url=postgres.fresh())
    with Database(settings) as opened:
        furnish(opened, SLOTS)
        yield opened


def spoken(slot: str) -> str:
    return f"{DAYS[slot[8:10]]} alle {int(slot[11:13])}"


async def by_chat(shop: Shop, number: int) -> None:
    slot, chat = SLOTS[number % len(SLOTS)], replace(shop, name=f"chat-{number}", clock=Hands())
    await chat.write(f"C: Vorrei prenotare per {spoken(slot)}. Il mio numero è 333 12345{number:02}")
    await chat.write(f"C: la mia email è cliente{number}@example.com")
    contact = f"telefono 333 12345{number:02}, email cliente{number}@example.com"
    await chat.write(f"A: {spoken(slot)}, {contact}. Confermi?")
    await chat.write("C: Sì")


async def by_tools(shop: Shop, number: int) -> None:
    chat = replace(shop, name=f"tools-{number}")
    held = await chat.tool("proposeBooking", start=SLOTS[number % len(SLOTS)])
    if held["ok"]:
        await chat.tool("confirmBooking", phone=f"33312345{number:02}", email=f"tool{number}@example.com")


async def by_call(database: Database, number: int) -> None:
    slot = SLOTS[number % len(SLOTS)]

    def open_call() -> Conversation:
        call = calls.open_call(
            bridge_call_id=f"b{number}", consultant_id=1, direction="inbound", caller_number="+393331234567",
            dialled_number=None, client_id=1, now=START,
        )  # fmt: skip
        return Conversation(call, call, 1, ROME, CallerKnown("client", "inbound", "+393331234567"), 1)

    supervisor = Supervisor(await database.run(open_call), database, shipped_rulebook(), Nothing())
    turns: list[Turn] = []
    lines = (
        f"C: Vorrei prenotare per {spoken(slot)}",
        f"A: {spoken(slot)}, confermi?",
        "C: Sì",
        "A: Un attimo.",
    )
    for index, line in enumerate(lines, start=1):
        began = START + timedelta(seconds=4 * index)
        speaker = Speaker.CALLER if line.startswith("C") else Speaker.ASSISTANT
        turns.append(Turn(index, speaker, line[3:], began, began + timedelta(seconds=3)))
        if speaker is Speaker.ASSISTANT:
            await supervisor.analyse(
                turns, new=(index - 1, index), now=began + timedelta(seconds=3), call_over=False,
                pending_speech=False, unheard=False, still_valid=lambda: True,
            )  # fmt: skip


async def test_ten_slots_are_booked_once_each(database: Database) -> None:
    async with served(database, settings=ApiSettings(burst=10_000)) as shop:
        chats = [by_tools(shop, n) if n % 5 == 4 else by_chat(shop, n) for n in range(CHATS)]
        await asyncio.gather(*chats, *(by_call(database, n) for n in range(CALLS)))
    made = await database.run(bookings.all_in_force)
    assert await database.run(faults) == []
    assert sorted(f"{each.start.astimezone(ROME):%Y-%m-%dT%H:%M}" for each in made) == SLOTS


async def test_one_chat_by_many_servers_at_once_is_read_in_its_order(database: Database) -> None:
    """Each request may be another server's, since nothing is remembered; each message comes three times."""
    rules, clock = shipped_rulebook(), Hands()
    lines = (
        (Speaker.CALLER, "Vorrei prenotare per mercoledì alle 15"),
        (Speaker.CALLER, "Anzi no, giovedì alle 11"),
        (Speaker.ASSISTANT, f"{spoken('2026-02-12T11:00')}, confermi?"),
        (Speaker.CALLER, "Sì, va bene"),
    )
    written = [
        Message(f"m{number}", role, text, clock.at + timedelta(seconds=number))
        for number, (role, text) in enumerate(lines, start=1)
    ]
    clock.at += timedelta(minutes=1)

    async def deliver(message: Message) -> Standing:
        server = Chats(database, clock, lambda: rules, lambda _: Nothing())
        while True:
            try:
                return await server.take(Party("shop", "one", "whatsapp", client_id=1), message)
            except ChatBusyError:  # to be delivered again
                await asyncio.sleep(0.01)

    await asyncio.gather(*(deliver(message) for message in written[:3] * 3))
    last = await asyncio.gather(*(deliver(message) for message in written[3:] * 3))
    made = await database.run(bookings.all_in_force)
    assert [f"{each.start.astimezone(ROME):%Y-%m-%dT%H:%M}" for each in made] == ["2026-02-12T11:00"]
    assert {each.stage for each in last} == {Stage.COMPLETATO}
    assert sorted(each.duplicate for each in last) == [False, True, True]
    assert await database.run(faults) == []
