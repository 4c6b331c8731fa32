"""Chats: the rules of a yes over days and restarts, messages delivered twice, out of order, or to two servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.chat import ChatBusyError, Message, Standing
from engine.ports import Mention
from engine.turns import Turn
from fsm.stages import Stage, Task
from storage import chats, conversations, journal, seed
from storage.chats import ChatRefused, Party
from storage.results import BookingKind
from tests.engine.test_conversations import CONVERSATIONS, READBACKS, answered
from tests.engine.written import Desk, desk
from tests.storage.playground import rome

READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"
CLIENT = ("C: Vorrei prenotare per mercoledì alle 15", READBACK, "C: Sì")
LEAD = (
    "C: Buongiorno, vorrei un appuntamento per mercoledì alle 15",
    "A: Volentieri! Mi lascia un telefono e un'email?",
    "C: 333 1234567, lia.bianchi@example.com",
    "A: Mercoledì 11 febbraio alle 15, telefono 333 1234567, email lia.bianchi@example.com. Confermi?",
    "C: Sì, confermo",
    "A: Perfetto, è prenotato: mercoledì 11 febbraio alle 15.",
)


@pytest.fixture
def lead() -> Iterator[Desk]:
    with desk() as chat:
        yield chat


@pytest.fixture
def client() -> Iterator[Desk]:
    with desk(client=True) as chat:
        yield chat


async def say(chat: Desk, *lines: str) -> Standing:
    for line in lines:
        standing = await chat.write(line)
    return standing


def events(chat: Desk) -> list[str]:
    """Of the journal of the one chat there is."""
    found = chat.database.run_blocking(lambda: chats.find_chat("shop", chat.name))
    assert found is not None
    told = chat.database.run_blocking(lambda: journal.entries(found.id))
    return [entry.entry["event"] for entry in told if entry.entry["event"]]


async def test_a_lead_books_in_six_messages_over_two_days(lead: Desk) -> None:
    """Nothing is remembered between messages, so there is a restart between any two."""
    asked = await say(lead, *LEAD[:3])
    assert (asked.stage, asked.missing, asked.to_restate) == (Stage.DATI_COMPLETI, (), ("phone", "email"))
    assert asked.hold is not None and asked.pending
    assert "mercoledì 11 febbraio alle 15" in asked.notices[0]
    restated = await say(lead, LEAD[3])
    assert (restated.to_restate, restated.notices) == ((), ())

    lead.clock.at += timedelta(days=1)
    assert lead.bookings() == []
    done = await say(lead, *LEAD[4:])
    assert lead.bookings() == ["2026-02-11T15:00"]
    assert done.booking is not None
    assert (done.booking.phone, done.booking.email) == ("+393331234567", "lia.bianchi@example.com")
    assert (done.stage, done.notices, done.pending) == (Stage.COMPLETATO, (), False)
    assert events(lead) == ["interesse", "completa", "conferma", "successo"]
    sources = lead.database._on_worker(
        lambda: lead.database._peewee.execute_sql("SELECT source FROM appointment_bookings").fetchall()
    )
    assert sources == [("whatsapp",)]


async def test_what_is_missing_is_said(lead: Desk) -> None:
    first = await say(lead, LEAD[0])
    assert (first.stage, first.task, first.missing) == (
        Stage.RACCOLTA_DATI, Task.PRENOTA, ("email", "phone"),
    )  # fmt: skip
    assert not first.pending and first.hold is None


async def test_relative_words_count_from_the_message_that_says_them(client: Desk) -> None:
    """It was written on Monday and is delivered on Tuesday."""
    written = client.clock.at
    client.clock.at += timedelta(days=1)
    standing = await client.take(client.message("C: Vorrei prenotare dopodomani alle 15", at=written))
    assert str(standing.details.date) == "2026-02-11"


@pytest.mark.parametrize(
    "lines",
    [
        ("C: Vorrei prenotare per mercoledì alle 15", "C: Sì"),
        (*CLIENT[:2], "C: Sì, ma non so"),
        (*CLIENT[:2], "C: Sì, anzi no, meglio giovedì"),
        (CLIENT[0], "A: Giovedì 12 febbraio alle 15, confermi?", "C: Sì"),
        (CLIENT[0], "A: Mercoledì o giovedì?", "C: Sì"),
        (*CLIENT[:2], "A: Preferisce in sede o online?", "C: Sì"),
        (*CLIENT[:2], "C: ok nn posso"),
        (*CLIENT[:2], "C: nn va bene"),
        (*CLIENT[:2], "C: nn confermo"),
        (*CLIENT[:2], "C: ok nn mi interessa"),
        (*CLIENT[:2], "C: sì 👎"),
        (*CLIENT[:2], "C: ok gio"),
        (*CLIENT[:2], "C: ~sì~"),
        (*CLIENT[:2], "C: sì xò nn so"),
    ],
)
async def test_what_is_no_yes_on_the_phone_is_none_here(client: Desk, lines: Sequence[str]) -> None:
    await say(client, *lines)
    assert client.bookings() == []


async def test_a_yes_written_before_the_readback_is_none(client: Desk) -> None:
    await say(client, CLIENT[0])
    before = client.clock.at
    await say(client, READBACK)
    await client.take(client.message("C: Sì", at=before))
    assert client.bookings() == []
    assert (await say(client, "C: Sì")).booking is not None


async def test_a_message_from_the_future_is_one_of_now(client: Desk) -> None:
    await say(client, CLIENT[0])
    await client.write(READBACK, at=client.clock.at + timedelta(minutes=2))
    assert (await say(client, "C: Sì")).booking is not None


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(3)), again=st.lists(st.integers(0, 2), max_size=4), spread=st.booleans())
def test_twice_and_in_any_order_is_as_once_and_in_order(
    order: list[int], again: list[int], spread: bool
) -> None:
    """Whatever was written when, the last word counts: it was Thursday, and nobody has said yes to Wednesday."""
    lines = (
        "C: Vorrei prenotare per mercoledì alle 15",
        "C: Anzi, meglio giovedì alle 11",
        "A: Giovedì 12 febbraio alle 11, confermi?",
    )

    async def deliver(chat: Desk) -> Standing:
        written = []
        for line in lines:
            chat.clock.at += timedelta(seconds=10)
            written.append(chat.message(line))
        if spread:
            chat.clock.at += timedelta(hours=20)
        for number in (*order, *again):
            chat.clock.at += timedelta(seconds=1)
            standing = await chat.take(written[number])
        return standing

    with desk(client=True) as chat:
        standing = asyncio.run(deliver(chat))
        assert (str(standing.details.date), str(standing.details.time)) == ("2026-02-12", "11:00:00")
        assert standing.stage is Stage.DATI_COMPLETI
        assert standing.hold is not None and standing.hold.start == rome("2026-02-12T11:00")
        done = asyncio.run(say(chat, "C: Sì, grazie"))
        assert done.booking is not None
        assert chat.bookings() == ["2026-02-12T11:00"]


async def test_a_correction_overtaken_by_the_yes_to_another_day_is_read_first(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    client.clock.at += timedelta(seconds=5)
    late = client.message("C: Aspetta, meglio giovedì alle 11")
    client.clock.at += timedelta(seconds=5)
    question = client.message("C: C'è un parcheggio?")
    client.clock.at += timedelta(seconds=5)
    await client.take(question)
    await client.take(late)
    standing = await say(client, "C: Sì")
    assert client.bookings() == []
    assert str(standing.details.date) == "2026-02-12"


async def test_delivered_again_a_message_is_answered_as_before_and_changes_nothing(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    yes = client.message("C: Sì", at=client.clock.at + timedelta(seconds=5))
    client.clock.at += timedelta(seconds=5)
    first = await client.take(yes)
    kept = events(client)
    client.clock.at += timedelta(hours=3)
    again = await client.take(yes)
    assert again.duplicate and not first.duplicate
    assert again.notices == first.notices != ()
    assert again.booking == first.booking
    assert events(client) == kept


async def test_what_was_written_before_a_booking_and_comes_after_it_is_passed_over(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    client.clock.at += timedelta(seconds=5)
    late = client.message("C: Anzi, meglio giovedì alle 11")
    assert (await say(client, "C: Sì")).booking is not None
    standing = await client.take(late)
    assert not standing.read
    assert client.bookings() == ["2026-02-11T15:00"]
    assert standing.stage is Stage.COMPLETATO


async def test_a_booking_is_moved_and_cancelled_in_the_same_chat(client: Desk) -> None:
    await say(client, *CLIENT)
    client.clock.at += timedelta(hours=5)
    await say(client, "C: Devo spostare l'appuntamento a giovedì alle 11")
    await say(client, "A: Sposto a giovedì 12 febbraio alle 11, confermi?", "C: Sì")
    assert client.bookings() == ["2026-02-12T11:00"]
    asked = await say(
        client, "C: Mi dispiace, devo disdire", "A: Annullo giovedì 12 febbraio alle 11, confermi?"
    )
    assert asked.pending and asked.hold is None
    assert (await say(client, "C: Sì")).booking is None
    assert client.bookings() == []


async def test_once_the_appointment_has_been_another_conversation_begins(client: Desk) -> None:
    await say(client, *CLIENT)
    client.clock.at += timedelta(hours=2)
    assert (await say(client, "C: Sì")).stage is Stage.COMPLETATO
    client.clock.at += timedelta(days=3)
    client.database.run_blocking(lambda: seed.publish_starts(1, [rome("2026-02-13T10:00")]))
    assert (await say(client, "C: Sì")).stage is Stage.NESSUN_INTENTO
    await say(
        client, "C: Vorrei un appuntamento venerdì alle 10", "A: Venerdì 13 febbraio alle 10, confermi?"
    )
    assert (await say(client, "C: Sì")).booking is not None
    assert client.bookings() == ["2026-02-11T15:00", "2026-02-13T10:00"]


async def test_a_lead_who_turns_out_to_be_a_client_goes_on_as_one(lead: Desk) -> None:
    await say(lead, "C: Vorrei prenotare per mercoledì alle 15")
    lead.client = 1
    await say(lead, READBACK)
    done = await say(lead, "C: Sì")
    assert done.booking is not None and done.booking.kind is BookingKind.CONSULTATION


@pytest.mark.parametrize(
    ("party", "what"),
    [
        (Party("shop", "a", client_id=7), "unknown_client"),
        (Party("shop", "a", consultant_id=7), "unknown_consultant"),
        (Party("shop", "whatsapp-39333", client_id=2), "other_client"),
        (Party("shop", "whatsapp-39333", source="instagram"), "other_source"),
        (Party("shop", "whatsapp-39333", consultant_id=7), "other_consultant"),
    ],
)
async def test_a_conversation_stays_what_it_was(client: Desk, party: Party, what: str) -> None:
    await say(client, CLIENT[0])
    with pytest.raises(ChatRefused) as refused:
        await client.chats.take(party, client.message("C: Ciao"))
    assert refused.value.what == what


async def test_what_another_integration_calls_the_same_is_another_conversation(client: Desk) -> None:
    await say(client, CLIENT[0])
    assert await client.chats.standing("other", client.name) is None
    await client.chats.take(Party("other", client.name), client.message("C: Ciao"))
    standing = await client.chats.standing("other", client.name)
    assert standing is not None and standing.stage is Stage.NESSUN_INTENTO


async def test_small_talk_does_not_run_the_counters_down_twice_as_fast(client: Desk) -> None:
    """Three exchanges without a yes are waited for, as on the phone; the fourth lets the slot go."""
    await say(client, *CLIENT[:2])
    for _ in range(3):
        standing = await say(client, "C: E il parcheggio com'è?", READBACK)
    assert standing.stage is Stage.DATI_COMPLETI
    assert (await say(client, "C: E il parcheggio com'è?")).stage is Stage.RACCOLTA_DATI


class Interrupting:
    """An extraction model during whose work another message comes, as through another server."""

    def __init__(self, chat: Desk, line: str) -> None:
        self.chat, self.line, self.others = chat, line, 1

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        if self.others:
            self.others -= 1
            self.chat.clock.at += timedelta(seconds=1)
            message = self.chat.message(self.line)
            await self.chat.database.run(lambda: self._keep(message))
        return ()

    def _keep(self, message: Message) -> None:
        now = self.chat.clock.at
        chat = chats.open_chat(self.chat.party, chats.SUPERVISOR, now=now)
        chats.add_message(chat.id, message.id, role=message.role, text=message.text, at=now, now=now)


async def test_what_comes_while_a_yes_is_read_is_read_with_it(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    client.extractor = Interrupting(client, "C: Anzi no, aspetta")
    await client.write("C: Sì")
    assert client.bookings() == []
    assert client.extractor.others == 0


async def test_messages_that_never_stop_are_kept_and_read_later(client: Desk) -> None:
    await say(client, CLIENT[0])
    endless = Interrupting(client, "C: ehi")
    endless.others = 40
    client.extractor = endless
    with pytest.raises(ChatBusyError):
        await client.write("C: Eccomi")
    endless.others = 0
    standing = await say(client, READBACK, "C: Sì")
    assert standing.booking is not None


class Broken:
    """Rules that cannot decide."""

    def decide(self, *_: object) -> None:
        raise RuntimeError("broken")


async def test_an_analysis_that_fails_books_nothing_and_the_chat_goes_on(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    whole, client.rulebook = client.rulebook, replace(client.rulebook, decider=Broken())  # type: ignore[arg-type]  # only what is asked of it
    failed = await say(client, "C: Sì")
    assert not failed.read and client.bookings() == []
    client.rulebook = whole
    found = client.database.run_blocking(lambda: chats.find_chat("shop", client.name))
    assert found is not None
    told = client.database.run_blocking(lambda: journal.entries(found.id))
    assert told[-1].entry["outcome"] == "errore_interno"
    assert (await say(client, "C: Sì, confermo")).booking is not None


async def test_two_servers_read_one_chat_and_book_once(client: Desk) -> None:
    await say(client, *CLIENT[:2])
    client.clock.at += timedelta(seconds=5)
    yes = [client.message("C: Sì"), client.message("C: Va bene")]
    standings = await asyncio.gather(*(client.take(random.choice(yes)) for _ in range(6)))
    assert client.bookings() == ["2026-02-11T15:00"]
    assert all(standing.booking is not None for standing in standings)


async def test_the_journal_of_a_chat_is_a_chain_like_a_call_s(lead: Desk) -> None:
    await say(lead, *LEAD)
    found = lead.database.run_blocking(lambda: chats.find_chat("shop", lead.name))
    assert found is not None
    assert lead.database.run_blocking(lambda: journal.broken_at(found.id)) is None
    bodies = str([entry.entry for entry in lead.database.run_blocking(lambda: journal.entries(found.id))])
    assert "3331234567" not in bodies and "lia.bianchi" not in bodies


async def test_the_state_of_a_chat_is_kept_by_its_conversation(client: Desk) -> None:
    await say(client, CLIENT[0])
    found = client.database.run_blocking(lambda: chats.find_chat("shop", client.name))
    assert found is not None
    stored = client.database.run_blocking(lambda: conversations.state_of(found.id))
    assert stored is not None and stored.stage == "dati_completi"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=CONVERSATIONS, again=st.lists(st.integers(0, 13), max_size=6))
def test_every_booking_of_a_chat_was_restated_and_answered_with_a_yes(
    lines: list[str], again: list[int]
) -> None:
    """Whatever is written, and whatever is delivered again in between."""
    lines = [line.partition(" | ")[0] for line in lines]  # nobody cuts a message off

    async def converse(chat: Desk) -> None:
        written = []
        for place, line in enumerate(lines):
            chat.clock.at += timedelta(seconds=5)
            written.append(chat.message(line))
            await chat.take(written[-1])
            for number in again:
                if number < place and number % 3 == place % 3:
                    await chat.take(written[number])

    with desk(client=True, free=tuple(READBACKS)) as chat:
        asyncio.run(converse(chat))
        assert set(chat.bookings()) <= answered(lines)
        assert len(chat.bookings()) <= 1


async def test_other_words_under_a_known_id_are_refused_instead_of_lost(client: Desk) -> None:
    await client.write("C: Vorrei venire mercoledì alle 15", id="x1")
    await client.write("A: Mercoledì 11 febbraio alle 15, confermi?", id="x2")
    with pytest.raises(ChatRefused) as refused:
        await client.write("C: No, meglio giovedì", id="x1")
    assert refused.value.what == "other_message"
    assert client.bookings() == []


async def test_a_message_from_before_the_conversation_began_anew_brings_nothing_back(client: Desk) -> None:
    await say(client, *CLIENT)
    booked_at = client.clock.at
    await client.write("C: Grazie, buona giornata")
    client.clock.at += timedelta(days=5)
    await client.write("C: Buongiorno")
    late = await client.take(client.message("C: a presto", at=booked_at + timedelta(seconds=1)))
    assert late.stage is Stage.NESSUN_INTENTO
    assert client.bookings() == ["2026-02-11T15:00"]
