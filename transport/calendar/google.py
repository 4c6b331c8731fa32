"""Google Calendar through google-api-python-client: blocking, so each request runs on a thread of its own pool."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import google.auth.exceptions
import google.oauth2.credentials
import google.oauth2.service_account
import httplib2
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from storage.busy import Busy
from transport.calendar.service import (
    AlreadyThere,
    CalendarError,
    Event,
    Forbidden,
    Kept,
    NotThere,
    Unreachable,
)
from transport.calendar.settings import CalendarSettings

T = TypeVar("T")

_SCOPES = ("https://www.googleapis.com/auth/calendar.events",)
_TOKEN_URI = "https://oauth2.googleapis.com/token"
_FIELDS = (
    "nextPageToken,timeZone,items(id,status,transparency,eventType,start,end,attendees(self,responseStatus))"
)
_MOST_EVENTS = 2500

# 403s that only mean "not so fast".
_LIMITS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "calendarUsageLimitsExceeded"}
)
# What is to be done, where Google's word for a refusal does not say it.
_ADVICE = {
    "forbidden": "share the calendar with the account of the credentials, with the right to change events",
    "insufficientPermissions": "the credentials lack the scope calendar.events",
    "forbiddenForServiceAccounts": "a service account may not invite: set calendar.subject, or calendar.invite = false",
    "authError": "the credentials are not valid (any more)",
    "accessNotConfigured": "turn the Google Calendar API on for the project of the credentials",
    "notFound": "there is no such calendar, or it is not shared with the account of the credentials",
    "requiredAccessLevel": "share the calendar with the account of the credentials, with the right to change events",
}
_NO_ADVICE = "nothing is known to help"
_FREE_KINDS = frozenset({"workingLocation", "birthday"})


class GoogleCalendar:
    """Implements transport.calendar.service.CalendarService."""

    def __init__(self, credentials: str, settings: CalendarSettings) -> None:
        """`credentials`: the JSON of a service account or of an authorized user, or an OAuth token.

        Raises CalendarError when they cannot be read.
        """
        self._credentials = _read_credentials(credentials, settings.subject)
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.at_once, thread_name_prefix="calendar")
        self._own = threading.local()

    def close(self) -> None:
        """End the threads, once what they do is done."""
        self._pool.shutdown(cancel_futures=True)

    async def create(self, calendar: str, event: Event, *, quietly: bool = False) -> Kept:
        """Make the event (transport.calendar.service)."""
        body = _body(event)
        if event.meet:
            # The same request is always the same conference.
            request = {"requestId": event.id, "conferenceSolutionKey": {"type": "hangoutsMeet"}}
            body["conferenceData"] = {"createRequest": request}

        def insert(events: Any) -> Kept:
            return _kept(
                events.insert(
                    calendarId=calendar, body=body, conferenceDataVersion=1, sendUpdates=self._mails(quietly)
                ).execute()
            )

        return await self._ask(insert, {409: AlreadyThere})

    async def update(self, calendar: str, event: Event) -> Kept:
        """Bring the event to what it shall say (transport.calendar.service)."""

        def update(events: Any) -> Kept:
            found = events.get(calendarId=calendar, eventId=event.id).execute()
            wanted = _merged(found, event)
            if _same(found, wanted):
                return _kept(found)
            request = events.update(
                calendarId=calendar,
                eventId=event.id,
                body=wanted,
                conferenceDataVersion=1,
                sendUpdates=self._mails(False),
            )
            # Fails where the event has been changed since: a request that was held up must not undo that.
            request.headers["If-Match"] = found["etag"]
            return _kept(request.execute())

        return await self._ask(update, {404: NotThere, 410: NotThere})

    async def delete(self, calendar: str, event_id: str, *, quietly: bool = False) -> None:
        """Delete the event (transport.calendar.service)."""

        def delete(events: Any) -> None:
            try:
                events.delete(
                    calendarId=calendar, eventId=event_id, sendUpdates=self._mails(quietly)
                ).execute()
            except HttpError as error:
                if error.status_code != 410:
                    raise

        await self._ask(delete, {404: NotThere})

    async def busy(self, calendar: str, since: datetime, until: datetime) -> Sequence[Busy]:
        """What takes the owner's time (transport.calendar.service)."""

        def read(events: Any) -> list[Busy]:
            found: list[Busy] = []
            request = events.list(
                calendarId=calendar,
                timeMin=since.astimezone(UTC).isoformat(),
                timeMax=until.astimezone(UTC).isoformat(),
                singleEvents=True,
                maxResults=_MOST_EVENTS,
                fields=_FIELDS,
            )
            while request is not None:
                page = request.execute()
                zone = ZoneInfo(page.get("timeZone", "UTC"))
                found += [busy for item in page.get("items", ()) if (busy := _busy(item, zone)) is not None]
                request = events.list_next(request, page)
            return found

        return await self._ask(read, {})

    def _mails(self, quietly: bool) -> str:
        return "all" if self._settings.invite and not quietly else "none"

    async def _ask(self, what: Callable[[Any], T], meaning: Mapping[int, type[CalendarError]]) -> T:
        """The answer to requests made by `what` on a thread of the pool; `meaning`: of statuses that are answers."""

        def on_thread() -> T:
            try:
                return what(self._events())
            except HttpError as error:
                raise _error_of(error, meaning) from error
            except google.auth.exceptions.RefreshError as error:
                kind = Unreachable if error.retryable else Forbidden
                raise kind("Google gives no token for these credentials") from error
            except (  # HTTPException: the answer broke off in the middle
                OSError,
                HTTPException,
                httplib2.HttpLib2Error,
                google.auth.exceptions.TransportError,
            ) as error:
                self._forget_connection()
                raise Unreachable(f"Google Calendar did not answer: {type(error).__name__}") from error

        return await asyncio.get_running_loop().run_in_executor(self._pool, on_thread)

    def _events(self) -> Any:
        """This thread's own client: its connection is not to be shared."""
        if not hasattr(self._own, "events"):
            http = AuthorizedHttp(self._credentials, http=httplib2.Http(timeout=self._settings.timeout_s))
            options = {"api_endpoint": self._settings.base_url} if self._settings.base_url else None
            service = build(
                "calendar",
                "v3",
                http=http,
                static_discovery=True,
                cache_discovery=False,
                client_options=options,
            )
            self._own.events = service.events()
        return self._own.events

    def _forget_connection(self) -> None:
        """Have this thread's next request begin another: on one that broke it would fail too."""
        events = self._own.__dict__.pop("events", None)
        if events is not None:
            events.close()


def _read_credentials(told: str, subject: str) -> Any:
    told = told.strip()
    if not told.startswith("{"):
        return google.oauth2.credentials.Credentials(told)  # type: ignore[no-untyped-call]  # theirs has no types
    try:
        info = json.loads(told)
        if info.get("type") == "service_account":
            made = google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=_SCOPES)  # type: ignore[no-untyped-call]  # theirs has no types
            return made.with_subject(subject) if subject else made
        return google.oauth2.credentials.Credentials(  # type: ignore[no-untyped-call]  # theirs has no types
            None,
            refresh_token=info["refresh_token"],
            token_uri=info.get("token_uri", _TOKEN_URI),
            client_id=info["client_id"],
            client_secret=info["client_secret"],
            scopes=_SCOPES,
        )
    except (ValueError, KeyError, google.auth.exceptions.GoogleAuthError) as error:
        raise CalendarError(
            "GOOGLE_CALENDAR_CREDENTIALS cannot be read: it must be the JSON of a service account or of an authorized "
            f"user, or an OAuth token ({type(error).__name__})"
        ) from error


# --- Errors -----------------------------------------------------------------------------------------------


def _error_of(error: HttpError, meaning: Mapping[int, type[CalendarError]]) -> CalendarError:
    status, reason = int(error.status_code), _reason(error)
    told = f"Google Calendar answered {status} {reason}"
    if status in meaning:
        return meaning[status](told)
    if status >= 500 or status in (408, 412, 429) or (status == 403 and reason in _LIMITS):
        return Unreachable(told)
    return Forbidden(f"{told}: {_ADVICE.get(reason, _NO_ADVICE)}")


def _reason(error: HttpError) -> str:
    """Google's one word for what is wrong; its sentences may hold an address."""
    try:
        word = json.loads(error.content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return ""
    return word if isinstance(word, str) and re.fullmatch("[A-Za-z]{1,60}", word) else ""


# --- Events -----------------------------------------------------------------------------------------------


def _body(event: Event) -> dict[str, Any]:
    """An event in Google's words. Whom we have invited is noted, so that others who are invited are left alone."""
    return {
        "id": event.id,
        "status": "confirmed",
        "summary": event.title,
        "description": event.description,
        "start": {"dateTime": event.start.astimezone(UTC).isoformat(), "timeZone": event.zone},
        "end": {"dateTime": event.end.astimezone(UTC).isoformat(), "timeZone": event.zone},
        "attendees": [{"email": event.invited}] if event.invited else [],
        "extendedProperties": {"private": {"invited": event.invited or ""}},
    }


def _merged(found: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """The event as it stands, with what is ours to say; what its owner has added stays."""
    wanted = {**found, **_body(event)}
    private = found.get("extendedProperties", {}).get("private", {})
    ours = {_folded(private.get("invited")), _folded(event.invited)}
    others = [each for each in found.get("attendees", ()) if _folded(each.get("email")) not in ours]
    mine = [
        each for each in found.get("attendees", ()) if _folded(each.get("email")) == _folded(event.invited)
    ]
    if event.invited:
        others += mine or [{"email": event.invited}]
    wanted["attendees"] = others
    shared = found.get("extendedProperties", {})
    wanted["extendedProperties"] = {**shared, "private": {**private, "invited": event.invited or ""}}
    return wanted


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return _told(found) == _told(wanted)


def _told(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an event says, of what is ours to say."""
    return (
        event.get("status"),
        event.get("summary"),
        event.get("description", ""),
        _instant(event.get("start", {}), ZoneInfo("UTC")),
        _instant(event.get("end", {}), ZoneInfo("UTC")),
        sorted(_folded(each.get("email")) for each in event.get("attendees", ())),
        event.get("extendedProperties", {}).get("private", {}).get("invited"),
    )


def _kept(answer: Mapping[str, Any]) -> Kept:
    conference = answer.get("conferenceData", {})
    entries = conference.get("entryPoints", ())
    video = next((each["uri"] for each in entries if each.get("entryPointType") == "video"), None)
    status = conference.get("createRequest", {}).get("status", {}).get("statusCode")
    return Kept(video or answer.get("hangoutLink"), meet_pending=status == "pending")


def _busy(item: Mapping[str, Any], zone: ZoneInfo) -> Busy | None:
    """When an event takes its owner's time; None where it does not."""
    declined = any(
        each.get("self") and each.get("responseStatus") == "declined" for each in item.get("attendees", ())
    )
    free = item.get("transparency") == "transparent" or item.get("eventType") in _FREE_KINDS
    start, end = _instant(item.get("start", {}), zone), _instant(item.get("end", {}), zone)
    if item.get("status") == "cancelled" or free or declined or start is None or end is None:
        return None
    return Busy(item["id"], start, end)


def _instant(told: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    """An end of an event; of one that lasts whole days, midnight in the calendar's zone."""
    text = told.get("dateTime") or told.get("date")
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(told["timeZone"]) if told.get("timeZone") else zone)
    return found.astimezone(UTC)


def _folded(email: str | None) -> str:
    return (email or "").lower()
