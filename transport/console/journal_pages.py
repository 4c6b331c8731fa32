"""The journal for auditors: /registro searches it, verifies its chains and gives it away whole."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from fsm.stages import Event
from storage import audit, chats, console_jobs
from storage.database import Database
from storage.errors import StorageError, StoreUnavailable
from storage.export import export
from storage.journal import JournalEntry
from storage.journal_search import EntryFilter, Place, place_of, search
from transport.console import wording
from transport.console.access import VIEWER, Role, requires
from transport.console.agenda_days import begin
from transport.console.agenda_forms import a_day
from transport.console.live import Live, OneJob
from transport.console.long_work import LongWork, Tell
from transport.console.page import page

VERIFY = "verifica"
_FIELDS = ("dal", "al", "chiamata", "evento", "regola", "esito", "guardia")
_PLACE = re.compile(r"(\d{1,16})-([A-Za-z0-9_]{1,64})-(\d{1,9})", re.ASCII)
_MOST_FINDINGS = 20
_LONGEST = 80


class JournalPages:
    """The routes under /registro. `now` gives the current instant, aware UTC; `page_size` is in entries."""

    def __init__(
        self, database: Database, live: Live, long_work: LongWork, now: Callable[[], datetime], page_size: int
    ) -> None:
        self._database, self._live, self._long_work = database, live, long_work
        self._now, self._page_size = now, page_size
        self._exporting = asyncio.Lock()

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/registro", self.entries)
        app.router.add_post("/registro/verifica", self.verify)
        app.router.add_get("/registro/verifica/{job}/diretta", self.watch)
        app.router.add_post("/registro/esporta", self.export)

    @requires(Role.REVISORE)
    async def entries(self, request: web.Request) -> web.Response:
        """What was searched for, newest first, and how the journal stands."""
        given = {name: request.query.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
        which, problems = _which(given)
        before, now = _place(request.query.get("prima", "")), self._now()

        def read() -> tuple[list[JournalEntry], Any, Any]:
            found = [] if problems else search(which, self._page_size + 1, before)
            return (
                found,
                console_jobs.latest(VERIFY, now=now),
                console_jobs.latest(VERIFY, now=now, finished=True),
            )

        found, job, verified = await self._database.run(read)
        shown = found[: self._page_size]
        older = _address(given, place_of(shown[-1])) if len(found) > len(shown) else None
        context = {
            "entries": [_shown(entry) for entry in shown],
            "given": given,
            "problems": problems,
            "events": {str(event): wording.plain(event) for event in Event},
            "older": older,
            "newest": None if before is None else _address(given),
            "any": any(given.values()),
            "job": job,
            "verified": verified,
            "zone": wording.ZONE,
        }
        return page(request, "journal.html", context)

    @requires(Role.REVISORE)
    async def verify(self, request: web.Request) -> web.Response:
        """Begin to verify the whole journal; the page shows how far it is."""
        settings, trusted = self._database.settings, {self._database.secret.public_key}

        def work(tell: Tell) -> Mapping[str, Any]:
            total = audit.count(settings)
            tell(0, total)
            report = audit.verify(settings, trusted, seen=lambda seen: tell(seen, total))
            tell(report.tally.entries, max(total, report.tally.entries))
            return {
                "entries": report.tally.entries,
                "chains": report.tally.chains,
                "checkpoints": report.checkpoints,
                "uncovered": report.tally.uncovered,
                "faults": report.faults,
                "findings": [str(each) for each in report.findings[:_MOST_FINDINGS]],
                "last_checkpoint": report.last_checkpoint,
            }

        await self._long_work.start(VERIFY, request[VIEWER].name, work)
        raise web.HTTPSeeOther("/registro#verifica")

    @requires(Role.REVISORE, live=True)
    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Tells how far a verification is, until it has ended."""
        return await self._live.stream(request, OneJob(request.match_info["job"]))

    @requires(Role.REVISORE)
    async def export(self, request: web.Request) -> web.StreamResponse:
        """The journal, or the part since a day, or one call, as a ZIP with its own verifier."""
        given = {name: str(value).strip() for name, value in (await request.post()).items()}
        problems: dict[str, str] = {}
        since = _day(given.get("dal", ""), "dal", problems)
        call_id = given.get("chiamata") or None
        if problems:
            raise web.HTTPSeeOther("/registro")
        folder = Path(tempfile.mkdtemp(prefix="registro-"))
        try:
            async with (
                self._exporting
            ):  # to be packed, one at a time; one who downloads slowly keeps nobody waiting
                packed = await asyncio.to_thread(
                    self._pack, folder, given.get("formato") != "jsonl", call_id, since
                )
            return await _sent(request, packed, self._now())
        except StoreUnavailable:
            raise
        except StorageError as error:
            raise web.HTTPConflict(text=str(error)) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)

    def _pack(self, folder: Path, as_csv: bool, call_id: str | None, since: date | None) -> Path:
        export(
            self._database.settings,
            folder / "registro",
            form="csv" if as_csv else "jsonl",
            public_key=self._database.secret.public_key,
            call_id=call_id,
            since=None if since is None else begin(since, wording.ZONE),
        )
        return Path(shutil.make_archive(str(folder / "registro"), "zip", folder, "registro"))


async def _sent(request: web.Request, packed: Path, now: datetime) -> web.StreamResponse:
    """Sent here and now, since the file goes when this returns."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="registro-{now.astimezone(wording.ZONE):%Y-%m-%d}.zip"',
        }
    )
    file = await asyncio.to_thread(packed.open, "rb")
    try:
        response.content_length = os.fstat(file.fileno()).st_size
        await response.prepare(request)
        while piece := await asyncio.to_thread(file.read, 1 << 18):
            await response.write(piece)
        await response.write_eof()
    finally:
        file.close()
    return response


def _which(given: Mapping[str, str]) -> tuple[EntryFilter, dict[str, str]]:
    problems: dict[str, str] = {}
    since, until = _day(given["dal"], "dal", problems), _day(given["al"], "al", problems)
    found = EntryFilter(
        since=None if since is None else begin(since, wording.ZONE),
        until=None if until is None else begin(until + timedelta(days=1), wording.ZONE),
        call_id=given["chiamata"] or None,
        event=given["evento"] if given["evento"] in list(Event) else None,
        rule=given["regola"] or None,
        outcome=given["esito"] if given["esito"] in wording.OUTCOMES else None,
        guard=given["guardia"] if given["guardia"] in wording.GUARDS else None,
    )
    return found, problems


def _day(written: str, field: str, problems: dict[str, str]) -> date | None:
    found = a_day(written)
    if written and found is None:
        problems[field] = wording.TEXTS["journal"]["no_day"]
    return found


def _place(written: str) -> Place | None:
    found = _PLACE.fullmatch(written)
    return None if found is None else Place(int(found[1]), found[2], int(found[3]))


def _address(given: Mapping[str, str], before: Place | None = None) -> str:
    told = {name: value for name, value in given.items() if value}
    if before is not None:
        told["prima"] = f"{before.millis}-{before.call_id}-{before.sequence}"
    return f"/registro?{urlencode(told)}" if told else "/registro"


def _shown(entry: JournalEntry) -> dict[str, Any]:
    told = entry.entry
    outcome = told.get("outcome")
    return {
        "call": entry.call_id,
        "of_chat": entry.call_id.startswith(chats.PREFIX),
        "sequence": entry.sequence,
        "recorded_at": entry.recorded_at,
        "event": told.get("event"),
        "source": told.get("from"),
        "target": told.get("to"),
        "rule": told.get("rule"),
        "why": told.get("why"),
        "guard": told.get("guard"),
        "refusal": wording.refusal(told["guard"]) if told.get("guard") else None,
        "outcome": wording.outcome(outcome) if isinstance(outcome, str) else "",
        "notices": [wording.notice(str(name)) for name in told.get("notices") or ()],
        "hash": entry.hash,
    }
