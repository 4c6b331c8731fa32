"""Google Calendar's stand-in refuses what Google's own document does not allow, and keeps events as Google does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from transport.simulation.calendar_emulator import CalendarEmulator
from transport.simulation.discovery import Discovery

TIMES = {"start": {"dateTime": "2026-02-11T14:00:00+00:00"}, "end": {"dateTime": "2026-02-11T15:00:00+00:00"}}
EVENTS = "calendars/primary/events"


class Google:
    """The emulator, and a client that speaks to it in plain HTTP."""

    def __init__(self, emulator: CalendarEmulator, session: aiohttp.ClientSession, token: str) -> None:
        self.emulator, self._session, self._token = emulator, session, token

    async def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        async with self._session.request(
            verb, self.emulator.base_url + path, json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    emulator = CalendarEmulator()
    await emulator.start()
    known = json.loads(emulator.credentials)
    async with aiohttp.ClientSession() as session:
        form = {"grant_type": "refresh_token", "refresh_token": known["refresh_token"]}
        async with session.post(known["token_uri"], data=form) as answer:
            token = (await answer.json())["access_token"]
        yield Google(emulator, session, token)
    await emulator.stop()


@pytest.mark.parametrize(
    ("verb", "path", "body", "says"),
    [
        ("POST", EVENTS, {**TIMES, "sumary": "x"}, "body.sumary: no such field"),
        ("POST", EVENTS, {**TIMES, "attendees": {}}, "body.attendees: must be a list"),
        ("POST", EVENTS, {**TIMES, "attendees": [{"email": 3}]}, "body.attendees[0].email: must be a text"),
        ("POST", EVENTS, {"start": TIMES["start"]}, "body.end: required"),
        ("POST", EVENTS, {**TIMES, "start": {"dateTime": "tomorrow"}}, "body.start.dateTime: no date-time"),
        ("POST", EVENTS, {**TIMES, "locked": "no"}, "body.locked: must be true or false"),
        ("POST", EVENTS, None, "body: a JSON object is required"),
        ("POST", f"{EVENTS}?sendUpdates=some", TIMES, "sendUpdates: must be one of"),
        ("POST", f"{EVENTS}?conferenceDataVersion=2", TIMES, "conferenceDataVersion: out of bounds"),
        ("POST", f"{EVENTS}?sendMails=all", TIMES, "sendMails: no such parameter"),
        ("GET", f"{EVENTS}?maxResults=many", None, "maxResults: must be a whole number"),
        ("GET", f"{EVENTS}?singleEvents=yes", None, "singleEvents: must be true or false"),
        ("GET", f"{EVENTS}?timeMin=now", None, "timeMin: no date-time"),
        ("GET", f"{EVENTS}?q=a&q=b", None, "q: given 2 times"),
        ("DELETE", f"{EVENTS}/abcde", {"x": 1}, "body: this method takes none"),
    ],
)
async def test_what_the_document_does_not_allow_is_refused(
    google: Google, verb: str, path: str, body: Any, says: str
) -> None:
    status, answer = await google.ask(verb, path, body)
    assert status == 400 and says in answer["error"]["message"]
    assert any(says in problem for problem in google.emulator.problems)
    assert google.emulator.confirmed() == []


async def test_no_such_method_and_no_credentials(google: Google) -> None:
    assert (await google.ask("PATCH", EVENTS))[0] == 404
    google._token = "stale"
    assert (await google.ask("GET", EVENTS))[0] == 401


async def test_an_id_is_used_once_and_for_all(google: Google) -> None:
    made = {**TIMES, "id": "abcde"}
    assert (await google.ask("POST", EVENTS, made))[0] == 200
    assert (await google.ask("POST", EVENTS, made))[0] == 409
    assert (await google.ask("DELETE", f"{EVENTS}/abcde"))[0] == 204
    assert (await google.ask("DELETE", f"{EVENTS}/abcde"))[0] == 410
    assert (await google.ask("POST", EVENTS, made))[0] == 409
    assert (await google.ask("GET", f"{EVENTS}/abcde"))[1]["status"] == "cancelled"
    assert (await google.ask("DELETE", f"{EVENTS}/fghij"))[0] == 404
    assert (await google.ask("POST", EVENTS, {**TIMES, "id": "xyz"}))[0] == 400  # neither letters nor length
    assert google.emulator.problems == []


async def test_a_change_may_ask_that_nothing_was_changed_since(google: Google) -> None:
    _, made = await google.ask("POST", EVENTS, {**TIMES, "id": "abcde", "summary": "a"})
    path = f"{EVENTS}/abcde"
    status, changed = await google.ask("PUT", path, {**TIMES, "summary": "b"}, If_Match=made["etag"])
    assert (status, changed["summary"], changed["sequence"]) == (200, "b", 1)
    assert (await google.ask("PUT", path, {**TIMES, "summary": "c"}, If_Match=made["etag"]))[0] == 412


async def test_a_conference_is_made_only_when_asked_for_in_the_right_version(google: Google) -> None:
    wish = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    body = {**TIMES, "conferenceData": wish}
    _, without = await google.ask("POST", EVENTS, body)
    _, with_link = await google.ask("POST", f"{EVENTS}?conferenceDataVersion=1", body)
    assert "hangoutLink" not in without
    assert with_link["hangoutLink"] == with_link["conferenceData"]["entryPoints"][0]["uri"]


def test_every_method_of_the_document_is_found_by_its_path() -> None:
    known = Discovery.shipped("calendar.v3")
    found = known.find("POST", "/calendar/v3/calendars/a%40b.it/events/abc/move")
    assert found is not None
    assert (found[0].id, found[1]) == ("calendar.events.move", {"calendarId": "a@b.it", "eventId": "abc"})
    assert known.find("POST", "/calendar/v3/calendars/a/events/quickAdd") is not None
    assert known.find("POST", "/drive/v3/files") is None
