"""The console put together: its gate, its templates, and the routes of all its pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from rules.errors import RulesError
from storage.database import Database
from transport.console import cookies, wording
from transport.console.access import VIEWER, signed_in
from transport.console.agenda_pages import AgendaPages
from transport.console.calendar_pages import CalendarPages
from transport.console.call_pages import CallPages
from transport.console.figures_page import FiguresPage
from transport.console.gate import Entrance, Gate
from transport.console.headers import add_headers
from transport.console.journal_pages import JournalPages
from transport.console.live import Live
from transport.console.long_work import LongWork
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
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    page_size: int = PAGE_SIZE,
    look_s: float = 1.0,
) -> None:
    """Add the pages to `app`; they read the open `database` and show instants in each consultant's zone.

    `entrance` tells who asks. `refused_rules` tells why an edit of the rules is not in force, if one was refused.
    `now` gives the current instant, aware UTC; `look_s` is how often pages that somebody watches are looked after.
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
        kind=wording.kind,
        choices=wording.CHOICES,
        slot=wording.slot,
        w=wording,
        sections_of=sections_of,
        t=wording.MARKUP,
    )
    live = Live(database, look_s)
    live.add_to(app)
    app.router.add_get("/", _to_first_page)
    CallPages(database, live, now, page_size).add_to(app)
    CalendarPages(database).add_to(app)
    AgendaPages(database, now).add_to(app)
    FiguresPage(database, now).add_to(app)
    long_work = LongWork(database, now)
    long_work.add_to(app)
    JournalPages(database, live, long_work, now, page_size).add_to(app)
    RulesPages(database, refused_rules, live, long_work, now).add_to(app)
    Static(_HERE / "static").add_to(app)


@signed_in
async def _to_first_page(request: web.Request) -> web.Response:
    raise web.HTTPFound(sections_of(request[VIEWER])[0].path)
