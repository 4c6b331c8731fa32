"""The tools: declared as Gemini and OpenAI take them, and called by a model that may be stale, repeat itself or lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema_rs
import pytest
from google.genai.types import FunctionDeclaration

from storage import availability, bookings, busy, chats, journal, people
from storage.busy import Busy
from storage.database import Database
from storage.models import BookingStatus, Consultant, Consultation
from tests.engine.written import START, Hands
from tests.storage.playground import rome
from tests.transport.api.desk import Shop, served
from transport.api import tool_texts
from transport.api.tools import TOOLS

WEDNESDAY = "2026-02-11T15:00"
THURSDAY = "2026-02-12T11:00"
CLIENT = {"clientId": 1}
CONTACT = {"phone": "333 123 45 67", "email": "Lia.Bianchi@Example.com", "name": "Lia Bianchi"}


async def in_force(shop_database: Database) -> list[str]:
    found = await shop_database.run(bookings.all_in_force)
    return sorted(f"{one.start:%Y-%m-%dT%H:%MZ}" for one in found)


async def test_the_declarations_are_what_chat_models_take(shop: Shop) -> None:
    status, declared = await shop.ask("GET", "/v1/tools")
    assert status == 200
    taken = [FunctionDeclaration.model_validate(each) for each in declared["gemini"]]
    assert [each.name for each in taken] == list(TOOLS)
    for each in taken:
        assert each.description
        for known in (each.parameters.properties or {}).values() if each.parameters else ():
            assert known.description
    propose = next(each for each in taken if each.name == "proposeBooking")
    assert propose.parameters is not None and propose.parameters.required == ["start"]
    assert [each["function"]["name"] for each in declared["openai"]] == list(TOOLS)
    for each in declared["openai"]:
        assert each["type"] == "function"
        schema = each["function"]["parameters"]
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
        assert schema["additionalProperties"] is False
    checks = jsonschema_rs.validator_for(declared["openai"][1]["function"]["parameters"])
    assert checks.is_valid({"start": WEDNESDAY})
    assert not checks.is_valid({}) and not checks.is_valid({"start": "mercoledì"})


def test_every_argument_is_described_and_every_code_has_a_sentence() -> None:
    for model in TOOLS.values():
        fields = [field.alias or name for name, field in model.model_fields.items()]
        assert {*fields} <= {*tool_texts.FIELDS}
    assert {*tool_texts.DESCRIPTIONS} == {*TOOLS}


async def test_a_client_books_through_the_tools(shop: Shop, database: Database) -> None:
    free = await shop.tool("getAvailableSlots", CLIENT)
    assert [each["localStart"] for each in free["slots"]] == [
        "2026-02-11T10:00", WEDNESDAY, THURSDAY, "2026-02-12T15:00",
    ]  # fmt: skip
    assert free["message"].startswith("Sono liberi: mercoledì 11 febbraio alle 10, ")
    held = await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
    assert (held["ok"], held["hold"]["expiresAt"]) == (True, "2026-02-09T08:45:00Z")
    assert (
        held["message"] == "Mercoledì 11 febbraio alle 15 è libero e resta tenuto fino alle 09:45: confermi?"
    )
    standing = await shop.booking()
    assert (standing["hasPendingBooking"], standing["toolMode"], standing["stage"]) == (
        True, "sticky", "dati_completi",
    )  # fmt: skip
    assert await in_force(database) == []
    made = await shop.tool("confirmBooking", CLIENT)
    assert made["message"] == "L'appuntamento è prenotato: mercoledì 11 febbraio alle 15."
    assert (made["booking"]["kind"], made["booking"]["localStart"]) == ("consultation", WEDNESDAY)
    assert (await shop.booking())["booking"] == made["booking"]
    mine = await shop.tool("getMyBookings", CLIENT)
    assert mine["bookings"] == [made["booking"]]


async def test_a_double_confirm_is_one_booking(shop: Shop, database: Database) -> None:
    held = await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
    answers = [await shop.tool("confirmBooking", CLIENT, token=held["hold"]["token"]) for _ in range(2)]
    answers += [await shop.tool("confirmBooking", CLIENT) for _ in range(2)]
    assert answers == [answers[0]] * 4 and answers[0]["ok"]
    assert await in_force(database) == ["2026-02-11T14:00Z"]
    await shop.clock.sleep(3600)
    late = await shop.tool("confirmBooking", CLIENT)
    assert (late["ok"], late["code"]) == (False, "NOT_FOUND")


async def test_a_stale_token_books_nothing(shop: Shop, database: Database) -> None:
    first = await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
    second = await shop.tool("proposeBooking", CLIENT, start=THURSDAY)
    replaced = await shop.tool("confirmBooking", CLIENT, token=first["hold"]["token"])
    assert (replaced["code"], replaced["booking"]) == ("NOT_FOUND", None)
    await shop.clock.sleep(901)
    expired = await shop.tool("confirmBooking", CLIENT, token=second["hold"]["token"])
    assert (expired["code"], expired["message"]) == (
        "HOLD_EXPIRED",
        tool_texts.SENTENCES[None, "HOLD_EXPIRED"],
    )
    assert await in_force(database) == []


async def test_a_token_of_another_client_or_conversation_is_refused(shop: Shop, database: Database) -> None:
    other = await database.run(lambda: people.add_client("Bruno", "+393400000002", consultant_id=1))
    held = await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
    token = held["hold"]["token"]
    thieves: dict[str, dict[str, Any]] = {"bruno": {"clientId": other}, "lead": {}, "anna-elsewhere": CLIENT}
    for name, who in thieves.items():
        contact = {} if who else CONTACT
        answer = await replace(shop, name=name).tool("confirmBooking", who, token=token, **contact)
        assert (answer["ok"], answer["code"]) == (False, "NOT_FOUND")
    status, problem = await shop.ask(
        "POST", "/v1/tools/confirmBooking", json={"conversation": shop.name, "clientId": other}
    )
    assert (status, problem["type"].rsplit(":", 1)[1]) == (409, "other-client")
    assert await in_force(database) == []
    assert (await shop.tool("confirmBooking", CLIENT, token=token))["ok"]


async def test_a_lead_leaves_phone_and_email(shop: Shop, database: Database) -> None:
    whatsapp = {"source": "instagram"}
    await shop.tool("proposeBooking", whatsapp, start=WEDNESDAY)
    asked = await shop.tool("confirmBooking")
    assert (asked["code"], asked["message"]) == (
        "DETAILS_MISSING", "Per prenotare mancano ancora: il telefono e l'email.",
    )  # fmt: skip
    assert (await shop.tool("confirmBooking", **{**CONTACT, "phone": "333"}))["code"] == "INVALID_PHONE"
    assert (await shop.tool("confirmBooking", **{**CONTACT, "email": "lia@"}))["code"] == "INVALID_EMAIL"
    assert await in_force(database) == []
    made = await shop.tool("confirmBooking", **CONTACT, notes="successione")
    assert made["booking"]["kind"] == "appointment"
    (booked,) = await database.run(bookings.all_in_force)
    assert (booked.phone, booked.email, booked.name, booked.notes) == (
        "+393331234567", "lia.bianchi@example.com", "Lia Bianchi", "successione",
    )  # fmt: skip
    again = await shop.tool("confirmBooking")
    assert again["booking"] == made["booking"]
    assert (await shop.tool("getMyBookings"))["bookings"] == [made["booking"]]
    stranger = replace(shop, name="c-9")
    assert (await stranger.tool("getMyBookings"))["code"] == "NO_BOOKINGS"
    assert (await stranger.tool("cancelBooking", bookingId=made["booking"]["id"]))["code"] == "NOT_FOUND"
    assert len(await in_force(database)) == 1


@pytest.mark.parametrize(
    ("start", "minutes", "code"),
    [
        (WEDNESDAY, None, "SLOT_TAKEN"),
        ("2026-02-11T21:00", None, "OUTSIDE_HOURS"),
        ("2026-02-11T10:00", 45, "OUTSIDE_HOURS"),
        ("2026-02-08T15:00", None, "PAST"),
        ("2026-02-30T15:00", None, "OUTSIDE_HOURS"),
        ("2026-03-29T02:30", None, "OUTSIDE_HOURS"),
        ("0001-01-01T00:00", None, "PAST"),
        ("9999-12-31T23:59", None, "OUTSIDE_HOURS"),
    ],
)
async def test_what_cannot_be_had_comes_with_what_can(
    shop: Shop, start: str, minutes: int | None, code: str
) -> None:
    await replace(shop, name="c-2").tool("proposeBooking", start=WEDNESDAY)
    more = {} if minutes is None else {"minutes": minutes}
    answer = await shop.tool("proposeBooking", CLIENT, start=start, **more)
    if start == "0001-01-01T00:00":
        assert answer["code"] in ("PAST", "OUTSIDE_HOURS")
    else:
        assert answer["code"] == code
    assert answer["hold"] is None
    assert WEDNESDAY not in [each["localStart"] for each in answer["slots"]]
    assert len(answer["slots"]) == 3 or start.startswith("9999")


@pytest.mark.parametrize("days", [("0001-01-01", "9999-12-31"), ("9999-12-31", None), (None, "0001-01-01")])
async def test_days_out_of_reach_have_no_slots(shop: Shop, days: tuple[str | None, str | None]) -> None:
    given = {name: day for name, day in zip(("fromDate", "toDate"), days, strict=True) if day}
    answer = await shop.tool("getAvailableSlots", **given)
    assert (answer["ok"], answer["code"]) == (True, "NO_SLOTS")


async def test_for_half_an_hour_cancel_and_move_mean_the_booking_just_made(
    shop: Shop, database: Database
) -> None:
    await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
    made = (await shop.tool("confirmBooking", CLIENT))["booking"]
    await shop.clock.sleep(29 * 60)
    moved = await shop.tool("rescheduleBooking", CLIENT, start=THURSDAY)
    assert (moved["booking"]["id"], moved["booking"]["localStart"]) == (made["id"], THURSDAY)
    assert moved["message"] == "L'appuntamento è spostato a giovedì 12 febbraio alle 11."
    refused = await shop.tool("rescheduleBooking", CLIENT, start="2026-02-11T21:00")
    assert refused["code"] == "OUTSIDE_HOURS"
    await shop.clock.sleep(2 * 60)
    for answer in (
        await shop.tool("cancelBooking", CLIENT),
        await shop.tool("rescheduleBooking", CLIENT, start=WEDNESDAY),
    ):
        assert (answer["code"], [each["id"] for each in answer["bookings"]]) == (
            "WHICH_BOOKING",
            [made["id"]],
        )
        assert answer["message"] == "Quale appuntamento? In programma: giovedì 12 febbraio alle 11."
    assert await in_force(database) == ["2026-02-12T10:00Z"]
    gone = [await shop.tool("cancelBooking", CLIENT, bookingId=made["id"]) for _ in range(2)]
    assert (
        gone[0] == gone[1]
        and gone[0]["message"] == "L'appuntamento di giovedì 12 febbraio alle 11 è annullato."
    )
    assert await in_force(database) == []


async def test_another_client_s_booking_is_as_one_that_does_not_exist(shop: Shop, database: Database) -> None:
    other = await database.run(lambda: people.add_client("Bruno", "+393400000002", consultant_id=1))
    bruno = replace(shop, name="bruno")
    await bruno.tool("proposeBooking", {"clientId": other}, start=WEDNESDAY)
    made = (await bruno.tool("confirmBooking", {"clientId": other}))["booking"]
    for booking in (made["id"], "nothing"):
        assert (await shop.tool("cancelBooking", CLIENT, bookingId=booking))["code"] == "NOT_FOUND"
        moved = await shop.tool("rescheduleBooking", CLIENT, bookingId=booking, start=THURSDAY)
        assert moved["code"] == "NOT_FOUND"
    assert await in_force(database) == ["2026-02-11T14:00Z"]


async def test_of_messages_and_tools_one_acts_in_a_conversation(shop: Shop) -> None:
    await shop.write("C: Vorrei prenotare per mercoledì alle 15", clientId=1)
    assert (await shop.tool("getAvailableSlots", CLIENT))["ok"]
    body = {"conversation": shop.name, "arguments": {"start": WEDNESDAY}}
    status, problem = await shop.ask("POST", "/v1/tools/proposeBooking", json=body)
    assert (status, problem["type"].rsplit(":", 1)[1]) == (409, "other-leader")
    tools = replace(shop, name="c-2")
    await tools.tool("proposeBooking", CLIENT, start=THURSDAY)
    message = {"messageId": "m1", "role": "caller", "text": "Ciao"}
    status, problem = await tools.ask("POST", "/v1/conversations/c-2/messages", json=message)
    assert (status, problem["type"].rsplit(":", 1)[1]) == (409, "other-leader")


class Filling:
    """Elsewhere somebody has just put something into the consultant's calendar."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, consultant_id: int) -> None:
        """Nothing takes time here."""

    async def fresh(self, consultant_id: int) -> None:
        taken = Busy("event", rome("2026-02-11T14:30"), rome("2026-02-11T15:30"))

        def work() -> None:
            Consultant.update(calendar="marco").where(Consultant.id == consultant_id).execute()
            busy.remember(consultant_id, "marco", [taken], read_at=START)

        await self.database.run(work)


async def test_what_else_is_in_the_calendar_is_looked_at_first(database: Database) -> None:
    async with served(database, elsewhere=Filling(database)) as shop:
        assert WEDNESDAY not in [
            each["localStart"] for each in (await shop.tool("getAvailableSlots"))["slots"]
        ]
        assert (await shop.tool("proposeBooking", start=WEDNESDAY))["code"] == "SLOT_TAKEN"


async def test_what_the_tools_did_is_in_the_journal(shop: Shop, database: Database) -> None:
    await shop.tool("proposeBooking", start=WEDNESDAY)
    await shop.tool("confirmBooking", **CONTACT)
    found = await database.run(lambda: chats.find_chat("shop", shop.name))
    assert found is not None
    told = await database.run(lambda: journal.entries(found.id))
    assert [(each.entry["why"], each.entry["outcome"]) for each in told] == [
        ("Chiesto con lo strumento proposeBooking.", "ok"),
        ("Chiesto con lo strumento confirmBooking.", "ok"),
    ]
    assert "3331234567" not in str([each.entry for each in told])


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("proposeBooking", {}),
        ("proposeBooking", {"start": "domani"}),
        ("proposeBooking", {"start": WEDNESDAY, "minutes": "60"}),
        ("proposeBooking", {"start": WEDNESDAY, "clientId": 2}),
        ("getAvailableSlots", {"fromDate": "11/02/2026"}),
        ("getMyBookings", {"client": 1}),
        ("cancelBooking", {"bookingId": "a\0b"}),
        ("confirmBooking", {"notes": "a\0b"}),
    ],
)
async def test_arguments_that_do_not_fit_are_told_where(
    shop: Shop, tool: str, arguments: dict[str, Any]
) -> None:
    body = {"conversation": shop.name, "arguments": arguments}
    status, problem = await shop.ask("POST", f"/v1/tools/{tool}", json=body)
    assert (status, problem["type"].rsplit(":", 1)[1]) == (422, "invalid-body")
    assert problem["errors"][0]["pointer"].startswith("/arguments/")
    assert (await shop.ask("POST", "/v1/tools/deleteEverything", json=body))[0] == 404


async def test_a_booking_of_the_last_client_s_visit_is_not_confirmed_again_days_later(
    database: Database,
) -> None:
    clock = Hands()
    async with served(database, clock) as shop:
        await shop.tool("proposeBooking", CLIENT, start=WEDNESDAY)
        await shop.tool("confirmBooking", CLIENT)
    clock.at += timedelta(days=1)
    async with served(database, clock) as shop:
        assert (await shop.booking())["stage"] == "completato"
        assert (await shop.tool("confirmBooking", CLIENT))["code"] == "NOT_FOUND"
        await shop.tool("proposeBooking", CLIENT, start=THURSDAY)
        assert (await shop.tool("confirmBooking", CLIENT))["ok"]
    assert await in_force(database) == ["2026-02-11T14:00Z", "2026-02-12T10:00Z"]
    free = await database.run(
        lambda: availability.available_starts(
            1, rome("2026-02-11T00:00"), rome("2026-02-13T00:00"), 60, now=clock.at
        )
    )
    assert len(free) == 2
    statuses = await database.run(lambda: {row.status for row in Consultation.select()})
    assert statuses == {BookingStatus.CONFIRMED}
