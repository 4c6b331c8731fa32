"""The pages that show the rules: what is in force at /regole, and each change at /regole/{number}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from aiohttp import web

from rules.errors import RulesError
from rules.ruleset import DECISIONS
from storage import rulesets
from storage.database import Database
from storage.rulesets import RuleChangeRecord
from transport.console.access import Role, requires
from transport.console.page import page
from transport.console.rule_texts import differences, shown_rules
from transport.console.wording import TEXTS

_PAGE_SIZE = 50
_ZONE = ZoneInfo("Europe/Rome")


class RulesPages:
    """`refused` tells why what stands in the files now is not in force, or None when it is."""

    def __init__(self, database: Database, refused: Callable[[], RulesError | None]) -> None:
        self._database, self._refused = database, refused

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/regole", self.overview)
        app.router.add_get(r"/regole/{number:\d{1,9}}", self.change)

    @requires(Role.ANALISTA)
    async def overview(self, request: web.Request) -> web.Response:
        """What is in force, what was before, and an edit that was refused."""
        before = request.query.get("prima", "")
        number = int(before) if before.isdecimal() and len(before) < 10 else None
        found = await self._database.run(lambda: rulesets.changes(_PAGE_SIZE + 1, number))
        newest = found if number is None else await self._database.run(lambda: rulesets.changes(1))
        files: Mapping[str, str] = await self._texts(newest[0].version) if newest else {}
        shown = {
            "now": newest[0] if newest else None,
            "rules": shown_rules(files.get(DECISIONS, "")),
            "files": files,
            "changes": found[:_PAGE_SIZE],
            "older": found[_PAGE_SIZE - 1].number if len(found) > _PAGE_SIZE else None,
            "refused": str(self._refused() or "").splitlines(),
            "zone": _ZONE,
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
            "zone": _ZONE,
        }
        return page(request, "rule_change.html", shown)

    async def _before(self, change: RuleChangeRecord) -> RuleChangeRecord | None:
        earlier = await self._database.run(lambda: rulesets.changes(1, change.number))
        return earlier[0] if earlier else None

    async def _texts(self, version: str) -> Mapping[str, str]:
        found = await self._database.run(lambda: rulesets.texts(version))
        return found or {}
