"""What makes the entries of one call a chain, and where a chain is broken. Pure: rows in, findings out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import orjson

FIRST_PREVIOUS = "0" * 64


class Row(NamedTuple):
    """An entry as it is stored."""

    call_id: str
    sequence: int
    body: str
    previous_hash: str
    hash: str


class Claim(NamedTuple):
    """What a checkpoint says of a chain: that its entry `sequence` has this hash."""

    call_id: str
    sequence: int
    hash: str
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong in one chain; `sequence` counts from 1. With `call_id` None it is about the
    checkpoint of that number."""

    call_id: str | None
    sequence: int
    what: str

    def __str__(self) -> str:
        place = (
            f"checkpoint {self.sequence}"
            if self.call_id is None
            else f"call {self.call_id}, entry {self.sequence}"
        )
        return f"{place}: {self.what}"


@dataclass(slots=True)
class Tally:
    """How much has been looked at; `uncovered` entries stand behind the last checkpoint of their chain."""

    chains: int = 0
    entries: int = 0
    uncovered: int = 0


def canonical(content: Any) -> bytes:
    """JSON with sorted keys, without spaces, in UTF-8. Raises TypeError for what is not plain JSON."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(body: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def audit(rows: Iterable[Row], claims: Iterable[Claim], tally: Tally) -> Iterator[Finding]:
    """The first fault of each chain. Rows and claims both come ordered by call, then sequence; `tally` counts along.

    Memory is that of one call's claims, however many rows there are.
    """
    claimed = groupby(claims, key=lambda claim: claim.call_id)
    waiting = next(claimed, None)
    for call_id, chain in groupby(rows, key=lambda row: row.call_id):
        while waiting is not None and waiting[0] < call_id:
            yield _missing(list(waiting[1]))
            waiting = next(claimed, None)
        about: Sequence[Claim] = ()
        if waiting is not None and waiting[0] == call_id:
            about = list(waiting[1])
            waiting = next(claimed, None)
        tally.chains += 1
        found = _chain_fault(call_id, chain, about, tally)
        if found is not None:
            yield found
            tally.entries += sum(1 for _ in chain)
    while waiting is not None:
        yield _missing(list(waiting[1]))
        waiting = next(claimed, None)


def _missing(claims: Sequence[Claim]) -> Finding:
    last = claims[-1]
    return Finding(
        last.call_id,
        1,
        f"the whole call is missing; checkpoint {last.checkpoint} knows {last.sequence} entries of it",
    )


def _chain_fault(call_id: str, chain: Iterable[Row], claims: Sequence[Claim], tally: Tally) -> Finding | None:
    previous, expected, vouched = FIRST_PREVIOUS, 1, 0
    at = 0
    for row in chain:
        tally.entries += 1
        if row.sequence != expected:
            return Finding(
                call_id, expected, f"it is missing: entry {row.sequence} follows entry {expected - 1}"
            )
        fault = _row_fault(row, previous)
        if fault is not None:
            return Finding(call_id, expected, fault)
        while at < len(claims) and claims[at].sequence == expected:
            if claims[at].hash != row.hash:
                said = f"checkpoint {claims[at].checkpoint} signed another entry {expected}"
                return Finding(call_id, vouched + 1, f"it or one after it was rewritten: {said}")
            vouched = expected
            at += 1
        previous, expected = row.hash, expected + 1
    if at < len(claims):
        last = claims[-1]
        return Finding(
            call_id,
            expected,
            f"it is missing: checkpoint {last.checkpoint} knows {last.sequence} entries of this call",
        )
    tally.uncovered += expected - 1 - vouched
    return None


def _row_fault(row: Row, previous: str) -> str | None:
    body = row.body.encode()
    if row.hash != digest(body):
        return "it was altered: its hash is not that of its content"
    try:
        content = orjson.loads(body)
        place = (content["entry"]["call_id"], content["sequence"], content["previous_hash"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it was altered: its content is no entry"
    if place[:2] != (row.call_id, row.sequence):
        return f"it does not belong here: it is entry {place[1]} of call {place[0]}"
    if place[2] != previous or row.previous_hash != previous:
        return "it does not continue the entry before it"
    return None
