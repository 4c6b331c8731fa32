"""The pages that show calls: the list at /chiamate and each call at /chiamate/{id}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from rules.errors import RulesError
from storage.call_list import CallFilter, list_calls
from storage.calls import CallDetail, StoredTurn, call_detail
from storage.database import Database
from storage.errors import StorageError
from storage.journal import JournalEntry
from transport.console import cookies, wording
from transport.console.access import VIEWER, Role, requires, signed_in
from transport.console.gate import Entrance, Gate
from transport.console.headers import add_headers
from transport.console.page import page
from transport.console.rules_pages import RulesPages
from transport.console.sections import sections_of
from transport.console.settings import ConsoleSettings
from transport.console.static_files import Static

PAGE_SIZE = 25

_HERE = Path(__file__).parent


def add_console(
    app: web.Application,
    database: Database,
    entrance: Entrance,
    refused_rules: Callable[[], RulesError | None] = lambda: None,
    *,
    settings: ConsoleSettings | None = None,
    page_size: int = PAGE_SIZE,
) -> None:
    """Add the pages to `app`; they read the open `database` and show instants in each consultant's zone.

    `entrance` tells who asks. `refused_rules` tells why an edit of the rules is not in force, if one was refused.
    """
    settings = settings or ConsoleSettings()
    app[cookies.SECURE] = bool(settings.public_url)
    app.middlewares.append(Gate(entrance, settings.public_url).middleware())
    add_headers(app, settings.hsts_days if settings.public_url else 0)
    entrance.add_to(app)
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        badges=wording.badges,
        day_and_time=wording.day_and_time,
        clock_time=wording.clock_time,
        length=wording.length,
        plain=wording.plain,
        browser=wording.browser,
        sections_of=sections_of,
        t=wording.MARKUP,
    )
    pages = _Pages(database, page_size)
    app.router.add_get("/", _to_first_page)
    app.router.add_get("/chiamate", pages.calls)
    app.router.add_get("/chiamate/{id}", pages.call)
    RulesPages(database, refused_rules).add_to(app)
    Static(_HERE / "static").add_to(app)


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn on the page, the `place`-th from 1: what was `heard`, and the rest that was `cut` off."""

    place: int
    turn: StoredTurn
    who: str
    heard: str
    cut: str


class _Pages:
    def __init__(self, database: Database, page_size: int) -> None:
        self._database = database
        self._page_size = page_size

    @requires(Role.CONSULENTE, Role.REVISORE)
    async def calls(self, request: web.Request) -> web.Response:
        before, own = request.query.get("prima"), request[VIEWER].own_only
        try:
            found = await self._database.run(
                lambda: list_calls(self._page_size + 1, before, CallFilter(consultant_id=own))
            )
        except StorageError:
            if before is None:
                raise
            raise web.HTTPSeeOther("/chiamate") from None
        shown = found[: self._page_size]
        older = shown[-1].id if len(found) > len(shown) else None
        return page(request, "calls.html", {"calls": shown, "older": older, "first_page": before is None})

    @requires(Role.CONSULENTE, Role.REVISORE)
    async def call(self, request: web.Request) -> web.Response:
        own = request[VIEWER].own_only
        detail = await self._database.run(lambda: call_detail(request.match_info["id"], consultant=own))
        if detail is None:
            return page(request, "missing.html", {"what": "Questa chiamata"}, status=404)
        turns = _in_spoken_order(detail)
        places = {shown.turn.number: shown.place for shown in turns}
        shown = {
            "call": detail.call,
            "turns": turns,
            "entries": [_entry(entry, places) for entry in detail.journal],
        }
        return page(request, "call.html", shown)


@signed_in
async def _to_first_page(request: web.Request) -> web.Response:
    raise web.HTTPFound(sections_of(request[VIEWER])[0].path)


def _in_spoken_order(detail: CallDetail) -> list[ShownTurn]:
    """The turns as they were spoken; one that cannot be placed stays behind all that were known before it."""
    keyed, latest = [], detail.call.started_at
    for turn in detail.turns:
        latest = max(latest, turn.began_at or latest)
        keyed.append((turn.began_at or latest, turn.number, turn))
    ordered = sorted(keyed, key=lambda each: each[:2])
    return [_shown(place, turn) for place, (_, _, turn) in enumerate(ordered, 1)]


def _shown(place: int, turn: StoredTurn) -> ShownTurn:
    heard = turn.text if turn.heard is None else turn.heard
    return ShownTurn(place, turn, wording.speaker(turn.speaker), heard, turn.text[len(heard) :].strip())


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
        "notices": [wording.notice(str(name)) for name in told.get("notices") or ()],
        "place": places.get(told.get("turn", 0)),
    }


def _outcome(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {part}" for key, part in value.items() if part not in (None, ""))
    return wording.outcome(value)
