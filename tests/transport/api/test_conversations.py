"""Chats over HTTP: a lead's booking over two days and a restart, and where it stands in between."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from storage import bookings
from storage.database import Database
from tests.engine.test_chat import LEAD
from tests.engine.written import Hands
from tests.transport.api.desk import Shop, key_of, served


async def test_a_lead_books_in_six_messages_over_two_days_and_a_restart(database: Database) -> None:
    clock = Hands()
    async with served(database, clock) as shop:
        first = await shop.write(LEAD[0], source="whatsapp")
        assert (first["stage"], first["task"], first["missing"]) == (
            "raccolta_dati", "prenota", ["email", "phone"],
        )  # fmt: skip
        assert first["details"]["date"] == "2026-02-11" and first["details"]["time"] == "15:00"
        assert (await shop.booking())["toolMode"] == "auto"
        await shop.write(LEAD[1])
        held = await shop.write(LEAD[2])
        assert held["toRestate"] == ["phone", "email"]
        assert "mercoledì 11 febbraio alle 15" in held["notices"][0]
        standing = await shop.booking()
        assert (standing["hasPendingBooking"], standing["toolMode"], standing["context"]) == (
            True, "sticky", "Context: hasPendingBooking=true",
        )  # fmt: skip
        assert standing["expiresAt"] == "2026-02-09T08:45:15Z"
        assert standing["pending"] == {
            "start": "2026-02-11T14:00:00Z", "localStart": "2026-02-11T15:00", "minutes": 60,
        }  # fmt: skip
        assert (await shop.write(LEAD[3]))["toRestate"] == []
    clock.at += timedelta(days=1)
    async with served(database, clock) as again:
        again.sent = 4
        later = await again.booking()  # the slot was held for a quarter of an hour
        assert (later["hasPendingBooking"], later["toolMode"], later["expiresAt"]) == (False, "auto", None)
        booked = await again.write(LEAD[4])
        assert booked["stage"] == "completato"
        assert booked["booking"]["localStart"] == "2026-02-11T15:00"
        assert "prenotato" in booked["notices"][0]
        last = await again.write(LEAD[5])
        assert (last["hasPendingBooking"], last["notices"]) == (False, [])
        assert (await again.booking())["booking"] == booked["booking"]
    (made,) = await database.run(bookings.all_in_force)
    assert (made.phone, made.email) == ("+393331234567", "lia.bianchi@example.com")


async def test_a_message_delivered_twice_is_answered_as_before(shop: Shop) -> None:
    first = await shop.write(LEAD[0])
    shop.sent = 0
    again = await shop.write(LEAD[0])
    assert again.pop("duplicate") and not first.pop("duplicate")
    assert again == first


async def test_a_conversation_nobody_has_written_in_has_no_booking(shop: Shop) -> None:
    assert await shop.booking() == {
        "conversation": "c-1", "stage": "nessun_intento", "task": "nessuno", "hasPendingBooking": False,
        "expiresAt": None, "pending": None, "booking": None, "toolMode": "auto",
        "context": "Context: hasPendingBooking=false",
    }  # fmt: skip


async def test_a_cancellation_that_waits_for_its_yes_stays_in_the_flow(shop: Shop) -> None:
    for line in ("C: Vorrei prenotare per mercoledì alle 15", "A: Mercoledì 11 febbraio alle 15, confermi?"):
        await shop.write(line, clientId=1)
    await shop.write("C: Sì")
    await shop.write("C: Anzi, devo disdire")
    await shop.write("A: Annullo mercoledì 11 febbraio alle 15, confermi?")
    standing = await shop.booking()
    assert (standing["hasPendingBooking"], standing["expiresAt"]) == (True, None)
    assert (await shop.write("C: Va bene"))["booking"] is None


@pytest.mark.parametrize(
    ("given", "status", "problem"),
    [
        ({"clientId": 7}, 422, "unknown-client"),
        ({"consultantId": 7}, 422, "unknown-consultant"),
        ({"at": "2027-01-01T00:00:00Z"}, 422, "implausible-time"),
        ({"at": "2020-01-01T00:00:00Z"}, 422, "implausible-time"),
        ({"at": "2026-02-09T08:30:00"}, 422, "invalid-body"),
        ({"at": "yesterday"}, 422, "invalid-body"),
        ({"role": "system"}, 422, "invalid-body"),
        ({"source": "voice_call"}, 422, "invalid-body"),
        ({"text": ""}, 422, "invalid-body"),
        ({"text": "x" * 4001}, 422, "invalid-body"),
        ({"clientId": "1"}, 422, "invalid-body"),
        ({"clientId": 2**40}, 422, "invalid-body"),
        ({"messageId": ""}, 422, "invalid-body"),
        ({"unknown": 1}, 422, "invalid-body"),
        ({"message_id": "m2"}, 422, "invalid-body"),
        ({"messageId": "a\0b"}, 422, "invalid-body"),
        ({"text": "a\0b"}, 422, "invalid-body"),
        ({"a/b~c": 1}, 422, "invalid-body"),
    ],
)
async def test_what_cannot_be_taken(shop: Shop, given: dict[str, object], status: int, problem: str) -> None:
    body = {"messageId": "m1", "role": "caller", "text": "Ciao", **given}
    told, answer = await shop.ask("POST", "/v1/conversations/c-1/messages", json=body)
    assert (told, answer["status"]) == (status, status)
    assert answer["type"] == f"urn:voice-booking-supervisor:problem:{problem}"
    if problem == "invalid-body":
        escaped = next(iter(given)).replace("~", "~0").replace("/", "~1")
        assert [each["pointer"] for each in answer["errors"]] == [f"/{escaped}"]


async def test_a_conversation_stays_who_it_is(shop: Shop) -> None:
    await shop.write("C: Ciao", source="whatsapp", clientId=1)
    body = {"messageId": "m9", "role": "caller", "text": "Ciao", "source": "instagram"}
    status, answer = await shop.ask("POST", "/v1/conversations/c-1/messages", json=body)
    assert (status, answer["type"].rsplit(":", 1)[1]) == (409, "other-source")


async def test_each_integration_has_conversations_of_its_own(shop: Shop, database: Database) -> None:
    await shop.write(LEAD[0])
    key = await key_of(database, shop.clock, "other", ["conversations:read"])
    assert (await replace(shop, key=key).booking())["stage"] == "nessun_intento"
    renewed = await key_of(database, shop.clock, "shop", ["conversations:read"])
    assert (await replace(shop, key=renewed).booking())["stage"] == "raccolta_dati"


async def test_who_wants_a_person_is_told_that_one_will_get_in_touch(shop: Shop) -> None:
    asked = await shop.write("C: Vorrei parlare con una persona, non con un robot")
    assert asked["callbackRequested"] and asked["notices"]
    assert not (await replace(shop, name="c-2", sent=0).write("C: Ciao"))["callbackRequested"]


async def test_nothing_personal_is_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    named = replace(shop, name="+393331234567")
    for line in LEAD:
        await named.write(line)
    said = " ".join(record.getMessage() for record in caplog.records if record.name != "aiohttp.access")
    for secret in ("3331234567", "333 1234567", "lia.bianchi", "mercoledì", shop.key):
        assert secret not in said
