"""Signed checkpoints: where every chain of the journal stood, so that a missing end or a missing call shows.

A checkpoint names the chains that have grown since the one before and the hash of that one, so that together they
name them all. What comes after the last checkpoint can still be cut off unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import peewee as pw

from storage import chain
from storage.chain import Finding
from storage.database import current
from storage.models import Checkpoint, CheckpointHead, JournalHead, proxy
from storage.secret import is_signed

SCHEMA = 1
MOST_CHAINS = 5000  # in one checkpoint, so that it never keeps the store from its calls for long
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Signed:
    """One checkpoint as it is stored."""

    number: int
    body: str
    hash: str
    signature: str

    @property
    def full(self) -> bool:
        """Whether it names as many chains as one may, so that more may wait for the next."""
        return int(orjson.loads(self.body)["chains"]) >= MOST_CHAINS


def make(now: datetime, *, note: Mapping[str, Any] | None = None) -> Signed | None:
    """Sign where chains stand that no checkpoint covers yet, at most MOST_CHAINS; None when all are covered.

    With a `note` (plain JSON, nothing personal) there is always one, which says it. Call in `Database.run(work)`.
    """
    if isinstance(proxy.obj, pw.PostgresqlDatabase):
        # One at a time; whoever writes entries does not wait for it.
        proxy.execute_sql("LOCK TABLE journal_checkpoints IN SHARE ROW EXCLUSIVE MODE")
    heads: Any = JournalHead.select().where(JournalHead.sequence > JournalHead.covered).limit(MOST_CHAINS)
    grown = [(row.call_id, row.sequence, row.hash) for row in heads]
    if not grown and note is None:
        return None
    grown.sort()
    last: Any = Checkpoint.select().order_by(Checkpoint.number.desc()).first()
    number = 1 if last is None else last.number + 1
    secret = current().secret
    content = {
        "schema": SCHEMA,
        "number": number,
        "recorded_at": now.astimezone(UTC),
        "previous_hash": chain.FIRST_PREVIOUS if last is None else last.hash,
        "chains": len(grown),
        "heads_hash": heads_hash(grown),
        "public_key": secret.public_key,
        **({} if note is None else {"note": dict(note)}),
    }
    body = chain.canonical(content)
    made = Signed(number, body.decode(), chain.digest(body), secret.sign(body))
    Checkpoint.create(number=number, body=made.body, hash=made.hash, signature=made.signature)
    for start in range(0, len(grown), _BATCH):
        rows = [(number, *head) for head in grown[start : start + _BATCH]]
        CheckpointHead.insert_many(rows).execute()
    covered = CheckpointHead.select(CheckpointHead.sequence).where(
        CheckpointHead.checkpoint == number, CheckpointHead.call == JournalHead.call
    )
    named = CheckpointHead.select(CheckpointHead.call).where(CheckpointHead.checkpoint == number)
    JournalHead.update(covered=covered).where(JournalHead.call.in_(named)).execute()
    return made


def last_public_key() -> str | None:
    """The key of the newest checkpoint; None before the first."""
    last: Any = Checkpoint.select().order_by(Checkpoint.number.desc()).first()
    return None if last is None else str(orjson.loads(last.body)["public_key"])


def heads_hash(heads: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256 over the lines "call sequence hash", which come ordered by call."""
    found = hashlib.sha256()
    for call_id, sequence, head in heads:
        found.update(f"{call_id} {sequence} {head}\n".encode())
    return found.hexdigest()


def audit(
    checkpoints: Iterable[Signed], heads: Iterator[tuple[int, str, int, str]], trusted: Collection[str]
) -> Iterator[Finding]:
    """Every fault of the checkpoints themselves. `heads` are (checkpoint, call, sequence, hash) by checkpoint and
    call; `trusted` the public keys that may have signed."""
    expected, previous = 1, chain.FIRST_PREVIOUS
    head = next(heads, None)
    for each in checkpoints:
        while head is not None and head[0] < each.number:
            yield Finding(None, head[0], "it is missing, though chains are kept for it")
            head = _skip(heads, head[0])
        own: list[tuple[str, int, str]] = []
        while head is not None and head[0] == each.number:
            own.append(head[1:])
            head = next(heads, None)
        if each.number != expected:
            yield Finding(None, expected, f"it is missing: checkpoint {each.number} follows {expected - 1}")
        elif (fault := _fault(each, previous, own, trusted)) is not None:
            yield Finding(None, each.number, fault)
        expected, previous = each.number + 1, each.hash
    while head is not None:
        yield Finding(None, head[0], "it is missing, though chains are kept for it")
        head = _skip(heads, head[0])


def _skip(heads: Iterator[tuple[int, str, int, str]], number: int) -> tuple[int, str, int, str] | None:
    return next((head for head in heads if head[0] != number), None)


def _fault(
    each: Signed, previous: str, heads: Collection[tuple[str, int, str]], trusted: Collection[str]
) -> str | None:
    body = each.body.encode()
    try:
        content = orjson.loads(body)
        number, before, key = content["number"], content["previous_hash"], content["public_key"]
        named, told = content["heads_hash"], content["chains"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it was altered: its content is no checkpoint"
    if each.hash != chain.digest(body) or not is_signed(body, each.signature, key):
        return "it was altered: its signature is not over its content"
    if key not in trusted:
        return f"it is signed with a key that is not trusted: {key}"
    if number != each.number or before != previous:
        return "it does not continue the checkpoint before it"
    if len(heads) != told or heads_hash(heads) != named:
        return "the chains kept for it are not those it signed"
    return None
