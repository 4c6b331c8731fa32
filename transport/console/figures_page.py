"""The figures at /cruscotto: calls, bookings, where callers drop out, what was refused, how soon they were answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from aiohttp import web

from storage import people
from storage.database import Database
from storage.figures import WAY, Figures, assembled, parts
from transport.console import charts, wording
from transport.console.access import VIEWER, Role, requires
from transport.console.page import page

PERIODS = (7, 30, 90)

#: Notices that make the assistant ask for the same once more.
ASKS_AGAIN = frozenset({
    "discordanza", "manca_un_dato", "giorno_discorde", "data_passata", "data_ambigua", "data_impossibile",
    "ora_ambigua", "telefono_incompleto", "telefono_discorde", "email_dubbia", "email_discorde", "non_sentito",
    "quale_appuntamento",
})  # fmt: skip

_ROLES = (Role.ANALISTA, Role.REVISORE, Role.CONSULENTE)


class FiguresPage:
    """The route /cruscotto. `now` gives the current instant, aware UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/cruscotto", self.overview)

    @requires(*_ROLES)
    async def overview(self, request: web.Request) -> web.Response:
        """The figures of the last days, today's included; a consultant's are of their own calls."""
        viewer, now = request[VIEWER], self._now()
        asked = request.query.get("giorni", "")
        period = next((days for days in PERIODS if str(days) == asked), 30)
        last = now.astimezone(wording.ZONE).date()
        first = last - timedelta(days=period - 1)
        own = None if viewer.may(Role.ANALISTA, Role.REVISORE) else viewer.consultant_id

        read = parts(first, last, wording.ZONE, consultant_id=own)
        found = assembled(
            await asyncio.gather(*(self._database.run(part) for part in read)), first, last, wording.ZONE
        )
        known = None if own is None else await self._database.run(lambda: people.consultant(own))
        context = {
            "period": period,
            "periods": PERIODS,
            "found": found,
            "name": known.name if known else None,
            "first": first,
            "last": last,
            "cards": _cards(found),
            "days": _days(found),
            "tables": _tables(found),
        }
        return page(request, "figures.html", context)


def _cards(found: Figures) -> list[tuple[str, str]]:
    """The figures that are one number each: what, and how much."""
    text = wording.TEXTS["figures"]
    booked = found.outcomes.get("creato", 0) + found.outcomes.get("spostato", 0)
    wished = found.reached["raccolta_dati"]
    asked_again = sum(count for name, count in found.notices.items() if name in ASKS_AGAIN)
    return [
        (text["calls"], str(found.calls)),
        (text["booked"], str(booked)),
        (text["completed"], _share(found.reached["completato"], wished)),
        (text["corrections"], _each(found.events.get("correzione", 0), booked)),
        (text["asked_again"], _each(asked_again, booked)),
        (text["answer_median"], _seconds(found.answers_s, 0.5)),
        (text["answer_slow"], _seconds(found.answers_s, 0.9)),
    ]


def _days(found: Figures) -> dict[str, Any]:
    text = wording.TEXTS["figures"]
    words = text["days_words"].format(calls=found.calls, done=found.done, days=len(found.days))
    return {"chart": charts.days_chart(found.days, text["days"], words), "rows": found.days}


def _tables(found: Figures) -> list[dict[str, Any]]:
    """What is drawn as bars, each with its rows for the table."""
    text = wording.TEXTS["figures"]
    way = [(wording.plain(stage), found.reached[stage]) for stage in WAY]
    lost = [
        (wording.plain(stage), found.reached[stage] - found.reached[after]) for stage, after in pairwise(WAY)
    ]
    outcomes = {
        wording.CHOICES["outcome"].get(name or "nessuno", str(name)): count
        for name, count in found.outcomes.items()
    }
    refused = {wording.refusal(name): count for name, count in found.guards.items()}
    store = {wording.refusal_short(name): count for name, count in found.refusals.items()}
    notices = {wording.notice(name): count for name, count in found.notices.items()}
    told = [
        ("imbuto", text["way"], way),
        ("persi", text["lost"], lost),
        ("esiti", text["outcomes"], _sorted(outcomes)),
        ("rifiuti", text["refused"], _sorted(refused)),
        ("agenda", text["store_refused"], _sorted(store)),
        ("avvisi", text["notices"], _sorted(notices)),
    ]
    return [
        {
            "name": name,
            "title": title,
            "rows": rows,
            "chart": charts.bars_chart(
                name, rows, title, "; ".join(f"{label}: {count}" for label, count in rows)
            ),
        }
        for name, title, rows in told
    ]


def _sorted(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _share(part: int, whole: int) -> str:
    return "—" if not whole else f"{100 * part / whole:.0f} %"


def _each(count: int, of: int) -> str:
    return "—" if not of else f"{count / of:.1f}".replace(".", ",")


def _seconds(answers: tuple[float, ...], part: float) -> str:
    if not answers:
        return "—"
    return f"{answers[min(len(answers) - 1, int(len(answers) * part))]:.1f} s".replace(".", ",")
