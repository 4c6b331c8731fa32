"""Reads the tables with plain SQL and names what must not be in them. Nothing here is the store's: cells are counted
anew from start, minutes and buffers."""

from __future__ import annotations

import itertools
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2

QUARTER = 15 * 60


@dataclass
class Claim:
    """A booking in force, or a hold that waits: who claims which time. Seconds since 1970 throughout."""

    owner: tuple[str, str]
    consultant: int
    start: int
    minutes: int
    moving: tuple[str, str] | None = None
    conversation: str | None = None

    def overlaps(self, other: Claim) -> bool:
        return (
            self.consultant == other.consultant
            and self.start < other.start + other.minutes * 60
            and other.start < self.start + self.minutes * 60
        )

    def belongs_with(self, other: Claim) -> bool:
        """A hold may lie over the booking it would move, and over another hold that would move the same one."""
        return self.moving in (other.owner, other.moving) if self.moving else other.moving == self.owner


@dataclass
class Tables:
    """The rows that matter, as they stand."""

    bookings: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    cells: list[dict[str, Any]] = field(default_factory=list)
    buffers: dict[int, tuple[int, int]] = field(default_factory=dict)

    def claims(self) -> list[Claim]:
        found = [
            Claim(key, row["consultant_id"], row["start_at"], row["minutes"])
            for key, row in self.bookings.items()
            if row["status"] == "confirmed"
        ]
        for token, row in self.holds.items():
            if row["status"] == "awaiting_confirm":
                moving = (row["moving_kind"], row["moving_id"]) if row["moving_id"] else None
                where = row["consultant_id"], row["start_at"], row["minutes"]
                found.append(Claim(("hold", token), *where, moving, row["conversation"]))
        return found

    def cells_needed(self, claim: Claim) -> set[int]:
        before, after = self.buffers.get(claim.consultant, (0, 0))
        begin, end = claim.start - before * 60, claim.start + (claim.minutes + after) * 60
        return {at // QUARTER for at in range(begin - begin % QUARTER, end, QUARTER)}


def read(url: str) -> Tables:
    """The tables of a database as they are now; nobody else may be writing."""
    with closing(_connect(url)) as connection:
        cursor = connection.cursor()

        def rows(table: str) -> Iterator[dict[str, Any]]:
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            return (dict(zip(names, row, strict=True)) for row in cursor.fetchall())

        tables = Tables()
        for kind, table in (("consultation", "consultations"), ("appointment", "appointment_bookings")):
            tables.bookings |= {(kind, row["id"]): row for row in rows(table)}
        tables.holds = {row["token"]: row for row in rows("pending_bookings")}
        tables.cells = list(rows("slot_locks"))
        tables.buffers = {
            row["consultant_id"]: (row["buffer_before_minutes"], row["buffer_after_minutes"])
            for row in rows("consultant_availability_settings")
        }
        return tables


def _connect(url: str) -> Any:
    if url.startswith("sqlite:"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg2.connect(url)


def faults(tables: Tables) -> list[str]:
    """Each broken promise that the tables show by themselves, in words."""
    return [*_overlaps(tables), *_cells(tables), *_holds(tables)]


def _overlaps(tables: Tables) -> Iterator[str]:
    for one, other in itertools.combinations(sorted(tables.claims(), key=lambda each: each.start), 2):
        if one.overlaps(other) and not one.belongs_with(other):
            yield f"overlap: {one.owner} and {other.owner}"
    conversations = [claim.conversation for claim in tables.claims() if claim.conversation is not None]
    for conversation in {each for each in conversations if conversations.count(each) > 1}:
        yield f"two live holds of one conversation: {conversation}"


def _cells(tables: Tables) -> Iterator[str]:
    claims = {claim.owner: claim for claim in tables.claims()}
    have: dict[tuple[str, str], set[int]] = defaultdict(set)
    seen: set[tuple[int, int]] = set()
    for row in tables.cells:
        where = f"cell {row['cell']} of consultant {row['consultant_id']}"
        if (row["consultant_id"], row["cell"]) in seen:
            yield f"{where} is there twice"
        seen.add((row["consultant_id"], row["cell"]))
        owners = [(kind, row[f"{kind}_id"]) for kind in ("hold", "consultation", "appointment")]
        owners = [owner for owner in owners if owner[1] is not None]
        if len(owners) != 1:
            yield f"{where} has {len(owners)} owners"
            continue
        if owners[0] not in claims:
            known = owners[0] in tables.bookings or owners[0][1] in tables.holds
            yield f"{where} has an owner that is {'not in force' if known else 'nowhere'}: {owners[0]}"
        elif claims[owners[0]].consultant != row["consultant_id"]:
            yield f"{where} has an owner of another consultant: {owners[0]}"
        else:
            have[owners[0]].add(row["cell"])
    for owner, claim in claims.items():
        needed = tables.cells_needed(claim)
        kept = have[claim.moving] if claim.moving else set()
        if missing := needed - have[owner] - kept:
            yield f"{owner} lacks its cells {sorted(missing)}"
        if stray := have[owner] - needed:
            yield f"{owner} has cells it does not need: {sorted(stray)}"


def _holds(tables: Tables) -> Iterator[str]:
    for token, row in tables.holds.items():
        booked = (row["booking_kind"], row["booking_id"])
        if row["status"] == "confirmed" and booked not in tables.bookings:
            yield f"hold {token} is confirmed without a booking"
        if row["status"] != "confirmed" and booked != (None, None):
            yield f"hold {token} is {row['status']} and has a booking"
