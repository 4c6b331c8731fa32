"""The rules in force: an edit of the files that can be used serves the calls that begin after it, one that cannot
changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from engine.faults import where
from engine.ports import Clock, Store
from engine.rulebook import Rulebook
from rules.errors import RulesError
from rules.ruleset import RuleSet, load, of_texts, rule_files
from storage import rulesets

_log = logging.getLogger(__name__)

Signature = frozenset[tuple[str, int, int, int]]


class Shelf:
    """Holds the rulebook that a call takes when it begins, and keeps every version that was in force in the store."""

    def __init__(self, directory: Path, store: Store, now: Callable[[], datetime]) -> None:
        """`directory` of the rule files; `now` gives the current instant, aware UTC. `open` must come first."""
        self._directory, self._store, self._now = directory, store, now
        self._seen: Signature = frozenset()
        self._rulebook: Rulebook | None = None
        self._refused: RulesError | None = None

    async def open(self) -> Rulebook:
        """Read the rules for the first time. Raises RulesError for rules that cannot be used, StorageError when
        they cannot be kept."""
        self._seen = _signature(self._directory)
        return await self._put_in_force(load(self._directory))

    def current(self) -> Rulebook:
        """The rulebook in force. A call that has it keeps it."""
        if self._rulebook is None:
            raise RuntimeError("the shelf was not opened")
        return self._rulebook

    async def version(self, version: str | None) -> Rulebook:
        """The rulebook of a call that began with `version`, on another server perhaps; else the one in force.

        None: nothing was decided in the call yet, so that any will do.
        """
        current = self.current()
        if version is None or version == current.version:
            return current
        files = await self._store.run(lambda: rulesets.texts(version))
        if files is not None:
            try:
                return await asyncio.to_thread(lambda: Rulebook.of(of_texts(files, self._directory)))
            except RulesError:
                _log.warning(
                    "rules %s cannot be used any more; their call goes on by those in force", version[:12]
                )
        return current

    @property
    def refused(self) -> RulesError | None:
        """Why what stands in the files now is not in force; None when it is."""
        return self._refused

    async def watch(self, clock: Clock, every: float) -> None:
        """Look at the files every `every` seconds, for ever. They are asked rather than waited for, since not
        every file system tells of changes."""
        last = self._seen
        while True:
            await clock.sleep(every)
            seen = _signature(self._directory)
            # Only once nobody is writing any more.
            if seen == last != self._seen:
                await self.renew(seen)
            last = seen

    async def renew(self, seen: Signature | None = None) -> None:
        """Read the files again. Never raises: what cannot be used is told in the log and in `refused`."""
        try:
            ruleset = await asyncio.to_thread(load, self._directory)
            if ruleset.version != self.current().version:
                await self._put_in_force(ruleset)
        except RulesError as error:
            self._refused = error
            _log.error("the edited rules in %s are refused, those in force stay:\n%s", self._directory, error)
        except Exception as error:  # tried again at the next look
            _log.error("the edited rules in %s are not in force yet: %s", self._directory, where(error))
            return
        else:
            self._refused = None
        self._seen = _signature(self._directory) if seen is None else seen

    async def _put_in_force(self, ruleset: RuleSet) -> Rulebook:
        """Kept before it is used, so that no call ever went by rules that nobody can read any more."""
        rulebook = await asyncio.to_thread(Rulebook.of, ruleset)
        now, author = self._now(), _author(self._directory)
        await self._store.run(
            lambda: rulesets.put_in_force(ruleset.version, ruleset.files, now=now, author=author)
        )
        self._rulebook = rulebook
        _log.info("rules %s are in force for calls that begin from now on", ruleset.version[:12])
        return rulebook


def _signature(directory: Path) -> Signature:
    """What changes whenever a rule file does; a file that goes in between is left out."""
    found = set()
    for path in rule_files(directory):
        try:
            about = path.stat()
        except OSError:
            continue
        found.add((path.name, about.st_mtime_ns, about.st_size, about.st_ino))
    return frozenset(found)


def _author(directory: Path) -> str | None:
    """Who owns the file changed last; None where the system cannot tell."""
    try:
        return max(rule_files(directory), key=lambda path: path.stat().st_mtime_ns).owner()
    except (OSError, KeyError, ValueError, NotImplementedError):
        return None
