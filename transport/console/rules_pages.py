"""The pages that show the rules: what is in force at /regole, and each change at /regole/{number}."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from rules.errors import RulesError
from rules.ruleset import DECISIONS, EXTRACTION, LIMITS, MESSAGES, PHRASES, PROMPT
from storage import console_jobs, recorded, rulesets
from storage.database import Database
from storage.figures import rules_fired
from storage.rulesets import RuleChangeRecord
from transport.console.access import VIEWER, Role, requires
from transport.console.live import Live, OneJob
from transport.console.long_work import LongWork
from transport.console.page import page
from transport.console.rule_texts import differences, shown_rules
from transport.console.rules_trial import MOST_CALLS, checked, trial
from transport.console.wording import TEXTS, ZONE

_PAGE_SIZE = 50
_COVERED = timedelta(days=30)
_TRIAL = "prova"
RULE_FILES = (DECISIONS, PHRASES, MESSAGES, LIMITS, PROMPT, EXTRACTION)


class RulesPages:
    """`refused` tells why what stands in the files now is not in force, or None when it is."""

    def __init__(
        self,
        database: Database,
        refused: Callable[[], RulesError | None],
        live: Live,
        long_work: LongWork,
        now: Callable[[], datetime],
    ) -> None:
        """`now` gives the current instant, aware UTC."""
        self._database, self._refused, self._now = database, refused, now
        self._live, self._long_work = live, long_work
        self._findings: dict[str, list[str]] = {}  # of the version looked at last

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/regole", self.overview)
        app.router.add_get("/regole/prova", self.trial)
        app.router.add_post("/regole/prova", self.try_edit)
        app.router.add_get("/regole/prova/{job}/diretta", self.watch)
        app.router.add_get(r"/regole/{number:\d{1,9}}", self.change)

    @requires(Role.ANALISTA)
    async def overview(self, request: web.Request) -> web.Response:
        """What is in force, what was before, and an edit that was refused."""
        before = request.query.get("prima", "")
        number = int(before) if before.isdecimal() and len(before) < 10 else None
        found = await self._database.run(lambda: rulesets.changes(_PAGE_SIZE + 1, number))
        newest = found if number is None else await self._database.run(lambda: rulesets.changes(1))
        files: Mapping[str, str] = await self._texts(newest[0].version) if newest else {}
        since = self._now() - _COVERED
        shown = {
            "fired": await self._database.run(lambda: rules_fired(since)),
            "findings": await self._found(newest[0].version, files) if newest else [],
            "now": newest[0] if newest else None,
            "rules": shown_rules(files.get(DECISIONS, "")),
            "files": files,
            "changes": found[:_PAGE_SIZE],
            "older": found[_PAGE_SIZE - 1].number if len(found) > _PAGE_SIZE else None,
            "refused": str(self._refused() or "").splitlines(),
            "zone": ZONE,
        }
        return page(request, "rules.html", shown)

    @requires(Role.ANALISTA)
    async def change(self, request: web.Request) -> web.Response:
        """One change: what it changed, and its texts whole."""
        number = int(request.match_info["number"])
        this = await self._database.run(lambda: rulesets.change(number))
        if this is None:
            return page(request, "missing.html", {"what": TEXTS["rules"]["this_version"]}, status=404)
        before = await self._before(this)
        files = await self._texts(this.version)
        shown = {
            "change": this,
            "before": before,
            "changed": differences(await self._texts(before.version), files) if before else [],
            "rules": shown_rules(files.get(DECISIONS, "")),
            "files": files,
            "zone": ZONE,
        }
        return page(request, "rule_change.html", shown)

    @requires(Role.ANALISTA)
    async def trial(self, request: web.Request) -> web.Response:
        """What the last edit that was tried would change, and the form to try another."""
        return await self._trial(request)

    @requires(Role.ANALISTA, files=True)
    async def try_edit(self, request: web.Request) -> web.Response:
        """Check the files that were given, and decide the last calls again under them if they can be used."""
        newest = await self._database.run(lambda: rulesets.changes(1))
        files = dict(await self._texts(newest[0].version)) if newest else {}
        edited, unread = _edited(await request.post(), files)
        problems = [*unread, *([] if edited or unread else [TEXTS["trial"]["nothing"]])]
        ruleset = None
        if not problems:
            ruleset, found = await asyncio.to_thread(checked, files | edited)
            problems = [str(each) for each in found if not each.warning]
        if ruleset is None:
            return await self._trial(request, problems, status=400)
        since = self._now() - _COVERED
        ids = await self._database.run(lambda: recorded.ended_calls(since))
        work = trial(self._database, ruleset, ids[-MOST_CALLS:])
        if not await self._long_work.start(_TRIAL, request[VIEWER].name, work):
            return await self._trial(request, [TEXTS["trial"]["busy"]], status=409)
        raise web.HTTPSeeOther("/regole/prova#esito")

    @requires(Role.ANALISTA, live=True)
    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Tells how far a trial is, until it has ended."""
        return await self._live.stream(request, OneJob(request.match_info["job"]))

    async def _trial(
        self, request: web.Request, problems: Sequence[str] = (), status: int = 200
    ) -> web.Response:
        now = self._now()
        job = await self._database.run(lambda: console_jobs.latest(_TRIAL, now=now))
        shown = {
            "job": job,
            "problems": problems,
            "names": RULE_FILES,
            "zone": ZONE,
            "sees_calls": request[VIEWER].may(Role.REVISORE),
        }
        return page(request, "rules_trial.html", shown, status=status)

    async def _found(self, version: str, files: Mapping[str, str]) -> list[str]:
        """What the check has to say of a version."""
        if version not in self._findings:
            _, problems = await asyncio.to_thread(checked, files)
            self._findings = {version: [str(each) for each in problems]}
        return self._findings[version]

    async def _before(self, change: RuleChangeRecord) -> RuleChangeRecord | None:
        earlier = await self._database.run(lambda: rulesets.changes(1, change.number))
        return earlier[0] if earlier else None

    async def _texts(self, version: str) -> Mapping[str, str]:
        found = await self._database.run(lambda: rulesets.texts(version))
        return found or {}


def _edited(form: Mapping[str, Any], known: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The texts of the files that were given, by name, where they differ from those in force; and what is no text."""
    edited: dict[str, str] = {}
    unread: list[str] = []
    for name in RULE_FILES:
        given = form.get(name)
        if not isinstance(given, web.FileField):
            continue
        try:
            text = given.file.read().decode("utf-8")
        except UnicodeDecodeError:
            unread.append(TEXTS["trial"]["no_text"].format(file=name))
            continue
        if text != known.get(name):
            edited[name] = text
    return edited, unread
