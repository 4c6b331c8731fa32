"""Whether the whole journal is as it was written: every chain, every checkpoint, and each against the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from storage import chain, checkpoints
from storage.chain import Claim, Finding, Row
from storage.checkpoints import Signed
from storage.errors import StorageError
from storage.settings import StorageSettings
from storage.snapshot import Rows, snapshot

_MOST_KEPT = 1000
_TOLD_EVERY = 1000
_HEAD = "checkpoint, call_id, sequence, hash"


@dataclass(slots=True)
class Report:
    """What an audit found. `first` is the first fault in order of calls, or of checkpoints when all chains are whole;
    `last_checkpoint` is "number:hash", to be noted outside and asked for later."""

    tally: chain.Tally = field(default_factory=chain.Tally)
    findings: list[Finding] = field(default_factory=list)
    faults: int = 0
    checkpoints: int = 0
    last_checkpoint: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return self.faults == 0

    def _add(self, finding: Finding) -> None:
        self.faults += 1
        if len(self.findings) < _MOST_KEPT:
            self.findings.append(finding)


def count(settings: StorageSettings) -> int:
    """How many entries there are."""
    with snapshot(settings) as rows:
        return int(next(rows("SELECT count(*) FROM transitions"))[0])


def verify(
    settings: StorageSettings,
    trusted: Collection[str],
    *,
    call_id: str | None = None,
    anchor: str | None = None,
    seen: Callable[[int], None] | None = None,
) -> Report:
    """Read everything once, in one snapshot; with `call_id` only that chain, against all checkpoints.

    `trusted`: the public keys that may have signed. `anchor`: a `last_checkpoint` noted before, which must still be
    there. `seen` is told how many entries have been looked at, now and then. Raises StorageError for an anchor that
    is none, StoreUnavailable when the database cannot be read.
    """
    report, watch = Report(), _Anchor.read(anchor)
    with snapshot(settings) as rows:
        entries = _told(read_entries(rows, settings, call_id), seen)
        for found in chain.audit(entries, _claims(rows, settings, call_id), report.tally):
            report._add(found)
        signed = watch.watching(_counted(read_checkpoints(rows), report))
        for found in checkpoints.audit(signed, read_heads(rows, settings), trusted):
            report._add(found)
    if call_id is not None and not report.tally.chains and report.whole:
        raise StorageError(f"the journal has no entries of a call {call_id}")
    if watch.number and not watch.found:
        report._add(Finding(None, watch.number, "it is not the one that was noted"))
    return report


def read_entries(rows: Rows, settings: StorageSettings, call_id: str | None = None) -> Iterator[Row]:
    """The entries by call and sequence; of one call, when it is named."""
    where, parameters = ("", ()) if call_id is None else (" WHERE call_id = ?", (call_id,))
    order = f" ORDER BY {_by_bytes(settings)}, sequence"
    return map(
        Row._make,
        rows(
            f"SELECT call_id, sequence, body, previous_hash, hash FROM transitions{where}{order}", *parameters
        ),
    )


def read_checkpoints(rows: Rows) -> Iterator[Signed]:
    """The checkpoints in order."""
    found = rows("SELECT number, body, hash, signature FROM journal_checkpoints ORDER BY number")
    return (Signed(*row) for row in found)


def read_heads(rows: Rows, settings: StorageSettings) -> Iterator[tuple[int, str, int, str]]:
    """What the checkpoints say of chains, by checkpoint and call: (checkpoint, call, sequence, hash)."""
    order = f" ORDER BY checkpoint, {_by_bytes(settings)}"
    return (
        (row[0], row[1], row[2], row[3])
        for row in rows(f"SELECT {_HEAD} FROM journal_checkpoint_heads{order}")
    )


def _claims(rows: Rows, settings: StorageSettings, call_id: str | None) -> Iterator[Claim]:
    where, parameters = ("", ()) if call_id is None else (" WHERE call_id = ?", (call_id,))
    order = f" ORDER BY {_by_bytes(settings)}, sequence, checkpoint"
    found = rows(f"SELECT {_HEAD} FROM journal_checkpoint_heads{where}{order}", *parameters)
    return (Claim(call, sequence, head, checkpoint) for checkpoint, call, sequence, head in found)


def _by_bytes(settings: StorageSettings) -> str:
    """Calls in the order of their bytes, as they are compared here."""
    return "call_id" if settings.url.startswith("sqlite:") else 'call_id COLLATE "C"'


def _told(entries: Iterator[Row], seen: Callable[[int], None] | None) -> Iterator[Row]:
    for number, entry in enumerate(entries, start=1):
        if seen is not None and number % _TOLD_EVERY == 0:
            seen(number)
        yield entry


def _counted(signed: Iterator[Signed], report: Report) -> Iterator[Signed]:
    for each in signed:
        report.checkpoints += 1
        report.last_checkpoint = f"{each.number}:{each.hash}"
        yield each


@dataclass(slots=True)
class _Anchor:
    """A checkpoint noted outside, which must come by unchanged."""

    number: int = 0
    hash: str = ""
    found: bool = False

    @staticmethod
    def read(text: str | None) -> _Anchor:
        if text is None:
            return _Anchor()
        number, _, known = text.partition(":")
        if not re.fullmatch(r"[1-9][0-9]*:[0-9a-f]{64}", text):
            raise StorageError(f"{text!r} is no checkpoint as `journal verify` prints it: NUMBER:HASH")
        return _Anchor(int(number), known)

    def watching(self, signed: Iterator[Signed]) -> Iterator[Signed]:
        for each in signed:
            self.found |= (each.number, each.hash) == (self.number, self.hash)
            yield each
