"""Google's client: which credentials it takes, what it makes of refusals, and what it does not pass on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storage import outbox, privacy
from storage.results import Booking
from tests.storage.playground import NOW, WEDNESDAY_15
from tests.transport.calendar.conftest import CALENDAR, Office
from transport.calendar.google import GoogleCalendar
from transport.calendar.service import CalendarError, Forbidden, Unreachable
from transport.calendar.settings import CalendarSettings
from transport.simulation.calendar_emulator import CalendarEmulator


def service_account(google: CalendarEmulator) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "private_key": pem.decode(),
            "private_key_id": "k",
            "client_email": "vbs@project.iam.gserviceaccount.com",
            "token_uri": f"{google.address}/token",
        }
    )


async def busy(credentials: str, settings: CalendarSettings) -> Any:
    client = GoogleCalendar(credentials, settings)
    try:
        return await client.busy(CALENDAR, NOW, NOW.replace(day=20))
    finally:
        client.close()


async def test_a_service_account_may_act_for_a_user(google: CalendarEmulator) -> None:
    google.put(CALENDAR, WEDNESDAY_15)
    settings = CalendarSettings(base_url=google.base_url, subject="rossi@example.it")
    assert len(await busy(service_account(google), settings)) == 1


async def test_a_bare_token_will_do_as_long_as_it_is_valid(google: CalendarEmulator) -> None:
    settings = CalendarSettings(base_url=google.base_url)
    with pytest.raises(Forbidden, match="gives no token"):  # refused with 401, and it cannot be renewed
        await busy("ya29.expired", settings)
    google._tokens.add("ya29.valid")
    assert await busy("ya29.valid", settings) == []


@pytest.mark.parametrize(
    "wrong",
    ["{", "{}", '{"type": "service_account"}', '{"type": "authorized_user", "client_id": "s3cret"}'],
)
def test_credentials_that_cannot_be_read_are_refused_without_being_shown(wrong: str) -> None:
    with pytest.raises(CalendarError, match="GOOGLE_CALENDAR_CREDENTIALS cannot be read") as refused:
        GoogleCalendar(wrong, CalendarSettings())
    assert "s3cret" not in str(refused.value)


async def test_credentials_that_were_withdrawn_are_a_refusal(google: CalendarEmulator) -> None:
    told = json.loads(google.credentials) | {"refresh_token": "withdrawn"}
    with pytest.raises(Forbidden, match="gives no token"):
        await busy(json.dumps(told), CalendarSettings(base_url=google.base_url))


async def test_nobody_there_is_no_refusal(google: CalendarEmulator) -> None:
    settings, credentials = CalendarSettings(base_url=google.base_url, timeout_s=0.5), google.credentials
    await google.stop()
    with pytest.raises(Unreachable, match="did not answer"):
        await busy(credentials, settings)


async def test_googles_own_sentences_are_not_passed_on(office: Office) -> None:
    office.google.fail("list", 403, reason="Anna <anna@example.it> is unknown")
    with pytest.raises(Forbidden) as refused:
        await office.client().busy(CALENDAR, NOW, NOW.replace(day=20))
    assert "anna" not in str(refused.value).lower()


async def test_a_person_who_is_erased_is_erased_from_the_calendar_too(office: Office) -> None:
    made, worker = office.store.confirm(office.store.hold(), notes="porta i documenti"), office.worker()
    assert isinstance(made, Booking)
    await worker.work_off()
    assert "porta i documenti" in str(office.events())

    def erase() -> None:
        found = privacy.traces(phones=["+393400000001"], now=NOW)
        privacy.erase(found, cancel=False, now=NOW)

    office.store.do(erase)
    await worker.work_off()
    (event,) = office.events()
    assert event["id"] == outbox.event_id(made)
    for trace in ("Anna", "anna@", "+3934", "documenti"):
        assert trace not in str(event), trace
