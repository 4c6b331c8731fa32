"""Stands in for Google Calendar on loopback: requests are checked against Google's own discovery document, events are
kept as Google keeps them, and what shall go wrong goes wrong on script."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from aiohttp import web

from transport.simulation.discovery import Discovery

_HOST = "127.0.0.1"
_ID = re.compile("[a-v0-9]{5,1024}")
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_OURS = frozenset(
    {"id", "etag", "kind", "created", "updated", "hangoutLink", "htmlLink", "iCalUID", "sequence"}
)

Event = dict[str, Any]


@dataclass(eq=False)
class Fault:
    """What goes wrong with the next `times` calls of a method ("insert", "update", "delete", "get", "list").

    `status` and `reason` answer for it; without a status the request is only held, until `released`. It happens
    before the request has any effect or `after`: the effect is there then, and the client does not learn of it. With
    `cut_off` the answer is given, and the connection ends in the middle of it. `reached` is set once a request has
    come there.
    """

    method: str
    status: int | None = None
    reason: str = "backendError"
    after: bool = False
    cut_off: bool = False
    times: int = 1
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Refused(Exception):  # noqa: N818 - named for what happened
    """Raised for a request that Google would answer with an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class CalendarEmulator:
    """The production client speaks to it unchanged, given its `base_url` and `credentials`.

    `events` are those of each calendar by id, deleted ones included with the status "cancelled", as Google keeps them.
    `faults` are what shall go wrong, `problems` what was wrong with requests, `calls` the methods called; `mails` who
    was written to, about which event. `pending` is how often an event is read before its conference is made.
    """

    def __init__(
        self, *, calendars: tuple[str, ...] = ("primary",), now: Callable[[], datetime] | None = None
    ) -> None:
        self._discovery = Discovery.shipped("calendar.v3")
        self._now = now or (lambda: datetime.now(UTC))
        self._runner: web.AppRunner | None = None
        self._refresh_token = secrets.token_urlsafe(16)
        self._tokens: set[str] = set()
        self._waiting_for_conference: dict[str, int] = {}
        self.events: dict[str, dict[str, Event]] = {calendar: {} for calendar in calendars}
        self.faults: list[Fault] = []
        self.problems: list[str] = []
        self.calls: list[str] = []
        self.mails: list[tuple[str, str]] = []
        self.pending = 0
        self.page_size = 250
        self.zone = "Europe/Rome"
        self.address = ""

    @property
    def base_url(self) -> str:
        """What the client is pointed at."""
        return f"{self.address}{self._discovery.base}"

    @property
    def credentials(self) -> str:
        """What GOOGLE_CALENDAR_CREDENTIALS may be: those of a user who has agreed."""
        return json.dumps(
            {
                "type": "authorized_user",
                "client_id": "emulated",
                "client_secret": "emulated",
                "refresh_token": self._refresh_token,
                "token_uri": f"{self.address}/token",
            }
        )

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; the address is known from now on."""
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_route("*", f"{self._discovery.base}{{rest:.*}}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, port).start()
        self.address = f"http://{_HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Let go of what is held, and stop listening."""
        for fault in self.faults:
            fault.released.set()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def fail(self, method: str, status: int | None = None, **more: Any) -> Fault:
        """Let the next call of `method` go wrong (see Fault)."""
        fault = Fault(method, status, **more)
        self.faults.append(fault)
        return fault

    def put(self, calendar: str, start: datetime, minutes: int = 60, **more: Any) -> Event:
        """Put something else into a calendar, as its owner does."""
        body = {
            "start": {"dateTime": start.isoformat()},
            "end": {"dateTime": (start + timedelta(minutes=minutes)).isoformat()},
        }
        return self._keep(calendar, secrets.token_hex(12), {**body, **more})

    def confirmed(self, calendar: str = "primary") -> list[Event]:
        """The events that stand in a calendar, by start."""
        standing = [event for event in self.events[calendar].values() if event["status"] != "cancelled"]
        return sorted(standing, key=lambda event: str(event["start"]))

    # --- on the wire ---------------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        known = form.get("grant_type") == "refresh_token" and form.get("refresh_token") == self._refresh_token
        signed = form.get("grant_type") == _JWT_GRANT and str(form.get("assertion", "")).count(".") == 2
        if not known and not signed:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._served(request)
        except Refused as refused:
            return _error(refused.status, refused.reason, str(refused))

    async def _served(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            raise Refused(401, "authError", "Invalid Credentials")
        found = self._discovery.find(request.method, request.rel_url.raw_path)
        if found is None:
            self.problems.append(f"{request.method} {request.rel_url.raw_path}: no such method")
            raise Refused(404, "notFound", "Not Found")
        method, path = found
        body = await _body(request)
        query = {name: request.query.getall(name) for name in request.query}
        wrong = self._discovery.problems(method, path, query, body)
        if wrong:
            self.problems += [f"{method.id}: {each}" for each in wrong]
            raise Refused(400, "invalid", "; ".join(wrong))
        name = method.id.rpartition(".")[2]
        act = self._acts().get(method.id)
        if act is None:
            raise Refused(501, "notImplemented", f"{method.id} is not emulated")
        self.calls.append(name)
        fault = next((each for each in self.faults if each.method == name and each.times > 0), None)
        if fault is not None:
            fault.times -= 1
        if fault is not None and not (fault.after or fault.cut_off):
            await _happen(fault)
        if path["calendarId"] not in self.events:
            raise Refused(404, "notFound", "Not Found")
        if_match = request.headers.get("If-Match")
        one = {name: values[0] for name, values in query.items()}
        answer = act(path, one, body or {}, if_match)
        if fault is not None and fault.after:
            await _happen(fault)
        if fault is not None and fault.cut_off:
            return await _half(request, answer)
        return web.Response(status=204) if answer is None else web.json_response(answer)

    def _acts(self) -> dict[str, Callable[..., Event | None]]:
        return {
            "calendar.events.insert": self._insert,
            "calendar.events.get": self._get,
            "calendar.events.update": self._update,
            "calendar.events.delete": self._delete,
            "calendar.events.list": self._list,
        }

    # --- what the methods do -------------------------------------------------------------------------------------

    def _insert(self, path: Mapping[str, str], query: Mapping[str, str], body: Event, _: str | None) -> Event:
        calendar, name = path["calendarId"], body.get("id") or secrets.token_hex(12)
        if not _ID.fullmatch(name):
            raise Refused(400, "invalid", "Invalid resource id value.")
        if name in self.events[calendar]:
            raise Refused(409, "duplicate", "The requested identifier already exists.")
        event = self._keep(calendar, name, self._accepted(body, query))
        self._write_to(event, query)
        return event

    def _get(self, path: Mapping[str, str], *_: Any) -> Event:
        event = self._known(path)
        left = self._waiting_for_conference.get(event["id"])
        if left is not None:
            self._waiting_for_conference[event["id"]] = left - 1
            if left <= 1:
                del self._waiting_for_conference[event["id"]]
                _make_conference(event)
        return event

    def _update(
        self, path: Mapping[str, str], query: Mapping[str, str], body: Event, if_match: str | None
    ) -> Event:
        before = self._known(path)
        if if_match is not None and if_match != before["etag"]:
            raise Refused(412, "conditionNotMet", "Precondition Failed")
        if body.get("id", before["id"]) != before["id"]:
            raise Refused(400, "invalid", "Invalid resource id value.")
        accepted = self._accepted(body, query)
        if "conferenceData" not in body and query.get("conferenceDataVersion") != "1":
            accepted |= {name: before[name] for name in ("conferenceData",) if name in before}
        event = self._keep(path["calendarId"], before["id"], accepted, before)
        self._write_to(event, query)
        return event

    def _delete(
        self, path: Mapping[str, str], query: Mapping[str, str], _: Event, if_match: str | None
    ) -> None:
        event = self._known(path)
        if event["status"] == "cancelled":
            raise Refused(410, "deleted", "Resource has been deleted")
        if if_match is not None and if_match != event["etag"]:
            raise Refused(412, "conditionNotMet", "Precondition Failed")
        event |= {"status": "cancelled", "etag": _etag()}
        self._write_to(event, query)

    def _list(self, path: Mapping[str, str], query: Mapping[str, str], *_: Any) -> Event:
        since, until = _instant(query.get("timeMin")), _instant(query.get("timeMax"))
        found = [
            event
            for event in self.confirmed(path["calendarId"])
            if (since is None or _end_of(event, "end") > since)
            and (until is None or _end_of(event, "start") < until)
        ]
        begin, most = int(query.get("pageToken", 0)), min(int(query.get("maxResults", 250)), self.page_size)
        page: Event = {"kind": "calendar#events", "timeZone": self.zone, "items": found[begin : begin + most]}
        if begin + most < len(found):
            page["nextPageToken"] = str(begin + most)
        return page

    def _accepted(self, body: Event, query: Mapping[str, str]) -> Event:
        begin, end = _end_of(body, "start"), _end_of(body, "end")
        if end < begin:
            raise Refused(400, "timeRangeEmpty", "The specified time range is empty.")
        for attendee in body.get("attendees", ()):
            if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", attendee.get("email", "")):
                raise Refused(400, "invalid", "Invalid attendee email.")
        kept = {name: value for name, value in body.items() if name not in _OURS}
        if query.get("conferenceDataVersion") != "1":
            kept.pop("conferenceData", None)
        return kept

    def _keep(self, calendar: str, name: str, body: Event, before: Mapping[str, Any] | None = None) -> Event:
        """Keep an event as Google does: with an etag of its own, and the conference that was asked for."""
        now = self._now().isoformat()
        event: Event = {
            "kind": "calendar#event",
            "status": "confirmed",
            "eventType": "default",
            **body,
            "id": name,
            "etag": _etag(),
            "created": before["created"] if before else now,
            "updated": now,
            "iCalUID": f"{name}@google.com",
            "htmlLink": f"https://www.google.com/calendar/event?eid={name}",
            "sequence": before["sequence"] + 1 if before else 0,
        }
        conference = event.get("conferenceData", {})
        if "createRequest" in conference and not conference.get("entryPoints"):
            conference["createRequest"]["status"] = {"statusCode": "pending"}
            if self.pending:
                self._waiting_for_conference[name] = self.pending
            else:
                _make_conference(event)
        elif "entryPoints" in conference:
            event["hangoutLink"] = conference["entryPoints"][0]["uri"]
        self.events[calendar][name] = event
        return event

    def _known(self, path: Mapping[str, str]) -> Event:
        event = self.events[path["calendarId"]].get(path["eventId"])
        if event is None:
            raise Refused(404, "notFound", "Not Found")
        return event

    def _write_to(self, event: Event, query: Mapping[str, str]) -> None:
        if query.get("sendUpdates") in ("all", "externalOnly"):
            self.mails += [(each["email"], event["id"]) for each in event.get("attendees", ())]


async def _happen(fault: Fault) -> None:
    fault.reached.set()
    if fault.status is None:
        await fault.released.wait()
    else:
        raise Refused(fault.status, fault.reason, fault.reason)


async def _half(request: web.Request, answer: Event | None) -> web.StreamResponse:
    """Less of an answer than it says it is; then the connection ends."""
    body = json.dumps(answer).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise Refused(400, "parseError", "Parse Error") from None


def _make_conference(event: Event) -> None:
    """The conference asked for; its address is always the same for the same request, as Google's is."""
    request = event["conferenceData"]["createRequest"]
    letters = "".join(
        chr(ord("a") + byte % 26) for byte in sha256(request["requestId"].encode()).digest()[:10]
    )
    code = f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
    request["status"] = {"statusCode": "success"}
    event["conferenceData"] |= {
        "conferenceId": code,
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "entryPoints": [{"entryPointType": "video", "uri": f"https://meet.google.com/{code}"}],
    }
    event["hangoutLink"] = f"https://meet.google.com/{code}"


def _end_of(event: Event, which: str) -> datetime:
    told = event.get(which) or {}
    if ("dateTime" in told) == ("date" in told):
        raise Refused(400, "invalid", f"{which}: give dateTime or date")
    found = datetime.fromisoformat(told.get("dateTime") or told["date"])
    if found.tzinfo is None and "dateTime" in told and not told.get("timeZone"):
        raise Refused(400, "required", "Missing time zone definition for start time.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise Refused(400, "badRequest", "Bad Request")
    return found


def _etag() -> str:
    return f'"{secrets.token_hex(8)}"'


def _error(status: int, reason: str, message: str) -> web.Response:
    told = {"domain": "global", "reason": reason, "message": message}
    return web.json_response({"error": {"code": status, "message": message, "errors": [told]}}, status=status)
