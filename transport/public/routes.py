"""Adds the public booking page to the application."""

from __future__ import annotations

from pathlib import Path

import jinja2
from aiohttp import web

from engine.ports import Clock, Elsewhere
from storage.database import Database
from transport.console import cookies
from transport.console.static_files import Static
from transport.public.pages import ROOT, PublicPages
from transport.public.settings import PublicSettings

_HERE = Path(__file__).parent


def add_public(
    app: web.Application,
    database: Database,
    clock: Clock,
    settings: PublicSettings,
    *,
    public_url: str = "",
    proxies: frozenset[str] = frozenset(),
    elsewhere: Elsewhere | None = None,
) -> None:
    """Add the pages of the consultants that the settings name; nothing where they name none.

    `elsewhere` looks after what else takes consultants' time.
    """
    if not settings.shown:
        return
    if cookies.SECURE not in app:  # as the console has it, where it is served
        app[cookies.SECURE] = bool(public_url)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages = PublicPages(
        database, clock, settings, environment, public_url=public_url, proxies=proxies, elsewhere=elsewhere
    )
    pages.add_to(app)
    Static(_HERE / "static", f"{ROOT}/file").add_to(app)
