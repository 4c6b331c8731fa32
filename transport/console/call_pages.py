"""The pages that show calls: the list at /chiamate and each call at /chiamate/{id}, both live while calls go on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from engine.ports import Mention
from engine.understanding.acts import Phrases
from rules.errors import RulesError
from rules.ruleset import of_texts
from storage import people, pointed, rulesets
from storage.call_list import CallSummary, callbacks_due, is_call, list_calls
from storage.calls import CallDetail, call_back_done, call_detail
from storage.database import Database
from storage.errors import StorageError, StoreUnavailable
from storage.journal import JournalEntry
from transport.console import machine_drawing, wording
from transport.console.access import VIEWER, Role, requires
from transport.console.call_filters import Asked, read_filters
from transport.console.highlights import Reader
from transport.console.live import Live, OneCall, TheList
from transport.console.machine_drawing import Step
from transport.console.page import page
from transport.console.transcript import barge_ins, shown_turns

_MENTION = TypeAdapter(Mention)
_MOST_VERSIONS = 8  # of the rules, whose phrases are kept ready


class CallPages:
    """The routes under /chiamate. `now` gives the current instant, aware UTC; `page_size` is in calls."""

    def __init__(self, database: Database, live: Live, now: Callable[[], datetime], page_size: int) -> None:
        self._database, self._live, self._now, self._page_size = database, live, now, page_size
        self._readers: dict[str | None, Reader] = {None: Reader()}

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/chiamate", self.calls)
        app.router.add_get("/chiamate/diretta", self.watch_list)
        app.router.add_get("/chiamate/{id}", self.call)
        app.router.add_get("/chiamate/{id}/diretta", self.watch_call)
        app.router.add_post("/chiamate/{id}/richiamata", self.called_back)

    @requires(Role.CONSULENTE, Role.REVISORE)
    async def calls(self, request: web.Request) -> web.Response:
        """The list, newest first, of what the form asks for."""
        before, own = request.query.get("prima"), request[VIEWER].own_only
        asked = read_filters(request.query, own)
        try:
            found, consultants, due = await self._database.run(lambda: self._read_list(asked, before, own))
        except StoreUnavailable:
            raise
        except StorageError:
            if before is None:
                raise
            raise web.HTTPSeeOther(asked.address()) from None
        shown = found[: self._page_size]
        older = asked.address(shown[-1].id) if len(found) > len(shown) else None
        context = {
            "calls": shown,
            "asked": asked,
            "consultants": consultants,
            "due": due,
            "older": older,
            "first_page": before is None,
        }
        return page(request, "calls.html", context)

    @requires(Role.CONSULENTE, Role.REVISORE)
    async def call(self, request: web.Request) -> web.Response:
        """One call: words, transitions, and the machine with the way it took."""
        own, call_id = request[VIEWER].own_only, request.match_info["id"]
        detail = await self._database.run(lambda: call_detail(call_id, consultant=own))
        if detail is None:
            return page(request, "missing.html", {"what": wording.TEXTS["call"]["this"]}, status=404)
        mentions, reader = await self._reader(detail)
        turns = shown_turns(detail, reader, mentions)
        places = {shown.turn.number: shown.place for shown in turns}
        entries = [_entry(entry, places) for entry in detail.journal]
        steps = list(_steps(detail))
        context = {
            "call": detail.call,
            "acts": request[VIEWER].may_act_for(detail.call.consultant_id),
            "turns": turns,
            "entries": entries,
            "cut_off": barge_ins(turns),
            "notices": [(notice, entry["place"]) for entry in entries for notice in entry["notices"]],
            "drawing": machine_drawing.drawing(steps),
            "steps": [step for step in steps if not step.refused],
            "agenda": _in_agenda(detail.call),
        }
        return page(request, "call.html", context)

    @requires(Role.CONSULENTE)  # a revisore looks, and changes nothing
    async def called_back(self, request: web.Request) -> web.Response:
        """Somebody says that a call was returned."""
        viewer, call_id, now = request[VIEWER], request.match_info["id"], self._now()
        own = None if viewer.may() else viewer.consultant_id
        await self._database.run(lambda: call_back_done(call_id, by=viewer.name, now=now, consultant_id=own))
        raise web.HTTPSeeOther(f"/chiamate/{call_id}")

    @requires(Role.CONSULENTE, Role.REVISORE, live=True)
    async def watch_list(self, request: web.Request) -> web.StreamResponse:
        """Tells when the list is another."""
        return await self._live.stream(request, TheList(request[VIEWER].own_only))

    @requires(Role.CONSULENTE, Role.REVISORE, live=True)
    async def watch_call(self, request: web.Request) -> web.StreamResponse:
        """Tells when a call is another, until it is over."""
        own, call_id = request[VIEWER].own_only, request.match_info["id"]
        if not await self._database.run(lambda: is_call(call_id, consultant=own)):
            raise web.HTTPNotFound
        return await self._live.stream(request, OneCall(call_id))

    def _read_list(
        self, asked: Asked, before: str | None, own: int | None
    ) -> tuple[list[CallSummary], list[people.ConsultantRecord], int]:
        consultants = people.consultants() if own is None else []
        found = [] if asked.problems else list_calls(self._page_size + 1, before, asked.which)
        return found, consultants, callbacks_due(own)

    async def _reader(self, detail: CallDetail) -> tuple[Mapping[int, list[Mention]], Reader]:
        """What the small model pointed at, by turn, and who reads with the phrases that the call went by."""
        call_id = detail.call.id
        found, version = await self._database.run(
            lambda: (pointed.found_words(call_id), pointed.rules_of(call_id))
        )
        by_turn = defaultdict(list)
        for told in found:
            try:
                mention = _MENTION.validate_python(told)
            except ValidationError:
                continue
            by_turn[mention.turn].append(mention)
        if version not in self._readers:
            reader = await self._reader_of(str(version))
            if len(self._readers) > _MOST_VERSIONS:
                self._readers = {None: Reader()}
            self._readers[version] = reader
        return by_turn, self._readers[version]

    async def _reader_of(self, version: str) -> Reader:
        files = await self._database.run(lambda: rulesets.texts(version))
        if files is None:
            return Reader()
        try:
            ruleset = await asyncio.to_thread(of_texts, files, Path(version[:12]))
        except RulesError:  # written for another version of the program
            return Reader()
        return Reader(Phrases.of(ruleset.acts))


def _steps(detail: CallDetail) -> list[Step]:
    return [
        Step(str(told["event"]), str(told["from"]), str(told["to"]), bool(told.get("guard")))
        for told in (entry.entry for entry in detail.journal)
        if told.get("event") and told.get("from") and told.get("to")
    ]


def _in_agenda(call: CallSummary) -> str | None:
    """Where in the agenda the call's booking stands."""
    if call.booking is None:
        return None
    day = call.booking.start.astimezone(call.zone).date()
    query = urlencode({"consulente": call.booking.consultant_id, "giorno": day.isoformat()})
    return f"/agenda?{query}#{call.booking.kind}-{call.booking.id}"


def _entry(entry: JournalEntry, places: Mapping[int, int]) -> dict[str, Any]:
    """What the page shows of a journal entry; absent fields are None. `places`: of the turns, by number."""
    told = entry.entry
    guard = told.get("guard")
    return {
        "recorded_at": entry.recorded_at,
        "event": told.get("event"),
        "source": told.get("from"),
        "target": told.get("to"),
        "rule": told.get("rule"),
        "why": told.get("why"),
        "refusal": wording.refusal(guard) if guard else None,
        "outcome": _outcome(told.get("outcome")),
        "old_calendar": wording.old_calendar(told.get("busy_as_of")),
        "notices": [wording.notice(str(name)) for name in told.get("notices") or ()],
        "command": wording.command(str(told["command"])) if told.get("command") else None,
        "place": places.get(told.get("turn", 0)),
    }


def _outcome(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {part}" for key, part in value.items() if part not in (None, ""))
    return wording.outcome(value)
