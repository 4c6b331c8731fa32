"""Verifies an exported journal with nothing but Python's standard library: python3 verify.py [FOLDER] [--key HEX]

It reads entries.jsonl or entries.csv and checkpoints.jsonl of the FOLDER (default: its own), recomputes every hash,
follows every chain, checks every signature, and names what is wrong. Written apart from the program that exports, so
that nobody need trust that program. Exit status: 0 whole, 1 something is wrong, 2 it cannot be told.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]

FIRST_PREVIOUS = "0" * 64
csv.field_size_limit(1 << 30)


def canonical(content: Any) -> bytes:
    """JSON with sorted keys, without spaces, in UTF-8: what the hashes are over."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- Ed25519, as RFC 8032 writes it down ------------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _add(one: Point, other: Point) -> Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            total = _add(total, point)
        point, number = _add(point, point), number >> 1
    return total


def _point(data: bytes) -> Point | None:
    """The point that 32 bytes stand for; None when they stand for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (not x and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, P - 2, P) % P


def is_signed(body: bytes, signature: str, public_key: str) -> bool:
    """Whether the signature (128 hex digits) over body was made with the private half of the key (64)."""
    try:
        key, told = bytes.fromhex(public_key), bytes.fromhex(signature)
    except ValueError:
        return False
    if len(key) != 32 or len(told) != 64:
        return False
    base, whose, random = _point(_BASE_Y.to_bytes(32, "little")), _point(key), _point(told[:32])
    s = int.from_bytes(told[32:], "little")
    if whose is None or random is None or base is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(told[:32] + key + body).digest(), "little") % Q
    one, other = _times(s, base), _add(random, _times(h, whose))
    return not ((one[0] * other[2] - other[0] * one[2]) % P or (one[1] * other[2] - other[1] * one[2]) % P)


# --- What is read -----------------------------------------------------------------------------------------

SHOWN = [
    "event_time",
    "analysis",
    "turn",
    "from",
    "to",
    "task",
    "event",
    "rule",
    "rules",
    "why",
    "outcome",
    "refusal",
    "guard",
    "facts",
    "changes",
    "notices",
    "command",
    "busy_as_of",
    "erased",
]


def columns(body: Any) -> dict[str, str]:
    """The columns of an entry in CSV, beside its hash and its body."""
    entry = body["entry"]

    def text(value: Any) -> str:
        return str(value or "") if value is None or isinstance(value, str) else canonical(value).decode()

    return {
        "call": str(entry["call_id"]),
        "sequence": str(body["sequence"]),
        "recorded_at": str(body["recorded_at"]),
        **{name: text(entry.get(name)) for name in SHOWN},
        "previous_hash": str(body["previous_hash"]),
    }


def entries(folder: Path) -> Iterator[tuple[str, Any, Any, str | None]]:
    """(where in the file, hash, body, what is wrong with the line) of each entry."""
    path = folder / "entries.jsonl"
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield (f"entries.jsonl, line {number}", *_read(line, None))
    else:
        with (folder / "entries.csv").open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), 1):
                yield (f"entries.csv, entry {number}", *_read("", row))


def _read(line: str, row: dict[str, str] | None) -> tuple[Any, Any, str | None]:
    try:
        told = json.loads(line) if row is None else {"hash": row["hash"], "body": json.loads(row["body"])}
        shown = columns(told["body"])
        other = [name for name, value in shown.items() if row is not None and row[name] != value]
        return told["hash"], told["body"], f"column {other[0]} is not what the entry holds" if other else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None, "it is no entry"


# --- What is verified -------------------------------------------------------------------------------------


class Verification:
    """One run over an export. `faults` are in the order they were found."""

    def __init__(self, folder: Path, key: str | None) -> None:
        self.folder = folder
        self.about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        self.key = key or self.about["public_key"]
        self.whole = self.about["call"] is None and self.about["since"] is None
        self.faults: list[str] = []
        self.claims: dict[str, list[tuple[int, str, int]]] = {}
        self.entries = self.checkpoints = 0

    def run(self) -> None:
        """Verify the checkpoints, then the entries against them."""
        self._checkpoints()
        chain, left = _Chain("", []), dict(self.claims)
        for where, known, body, wrong in entries(self.folder):
            self.entries += 1
            if body is None:
                self.faults.append(f"{where}: {wrong}")
                continue
            call = body["entry"]["call_id"]
            if call != chain.call:
                self.faults += chain.end()
                if self.claims and call not in left and call in self.claims:
                    self.faults.append(f"{where}: the entries of call {call} do not stand together")
                chain = _Chain(call, left.pop(call, []))
            self.faults += chain.take(where, known, body, wrong)
        self.faults += chain.end()
        if self.whole:  # of a part nobody can tell which calls are missing
            for call, claims in sorted(left.items()):
                self.faults.append(
                    f"call {call}, entry 1: the whole call is missing; checkpoint {claims[-1][2]} knows it"
                )
        if self.entries != self.about["entries"]:
            self.faults.append(
                f"export.json tells of {self.about['entries']} entries, there are {self.entries}"
            )

    def _checkpoints(self) -> None:
        number, previous = 0, FIRST_PREVIOUS
        with (self.folder / "checkpoints.jsonl").open(encoding="utf-8") as lines:
            for line, text in enumerate(lines, 1):
                self.checkpoints += 1
                where = f"checkpoints.jsonl, line {line}"
                try:
                    told = json.loads(text)
                    fault = self._checkpoint(told)
                    follows = (told["body"]["number"], told["body"]["previous_hash"]) == (
                        number + 1,
                        previous,
                    )
                    number, previous = told["body"]["number"], told["hash"]
                except (ValueError, KeyError, TypeError):
                    fault, follows = "it is no checkpoint", True
                if self.whole and not follows:
                    fault = fault or "it does not continue the checkpoint before it"
                if fault is not None:
                    self.faults.append(f"{where}: {fault}")

    def _checkpoint(self, told: Any) -> str | None:
        body, heads = told["body"], told["heads"]
        raw = canonical(body)
        for call, sequence, head in heads:
            self.claims.setdefault(call, []).append((sequence, head, body["number"]))
        if told["hash"] != sha256(raw) or not is_signed(raw, told["signature"], body["public_key"]):
            return "it was altered: its signature is not over its content"
        if body["public_key"] != self.key:
            return f"it is signed with another key: {body['public_key']}"
        lines = "".join(f"{call} {sequence} {head}\n" for call, sequence, head in heads)
        if sha256(lines.encode()) != body["heads_hash"] or len(heads) != body["chains"]:
            return "the chains kept for it are not those it signed"
        return None


class _Chain:
    """The entries of one call, as they come; after its first fault it says nothing more."""

    def __init__(self, call: str, claims: list[tuple[int, str, int]]) -> None:
        self.call, self.claims = call, claims
        self.expected, self.previous, self.vouched, self.broken = 1, FIRST_PREVIOUS, 0, False

    def take(self, where: str, known: str, body: Any, wrong: str | None) -> list[str]:
        fault = None
        place = f"call {self.call}, entry {self.expected} ({where})"
        if self.broken:
            return []
        if wrong is not None or known != sha256(canonical(body)):
            fault = f"{place}: {wrong or 'it was altered: its hash is not that of its content'}"
        elif body["sequence"] != self.expected or body["previous_hash"] != self.previous:
            fault = f"{place}: it is missing or out of order: entry {body['sequence']} stands here"
        for sequence, head, number in self.claims:
            if fault is None and sequence == self.expected:
                if head != known:
                    fault = f"call {self.call}, entry {self.vouched + 1}: rewritten: checkpoint {number} signed another"
                self.vouched = sequence
        self.broken = fault is not None
        self.previous, self.expected = known, self.expected + 1
        return [] if fault is None else [fault]

    def end(self) -> list[str]:
        """What checkpoints know of entries that did not come."""
        if self.broken or not self.claims or self.claims[-1][0] < self.expected:
            return []
        sequence, _, number = self.claims[-1]
        return [
            f"call {self.call}, entry {self.expected}: it is missing: checkpoint {number} knows {sequence} entries"
        ]


def main() -> int:
    """Verify the export that the command line names; the exit status."""
    parser = argparse.ArgumentParser(description="Verify an exported journal.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument(
        "--key", help="the public key you know the server by (default: the one in export.json)"
    )
    told = parser.parse_args()
    try:
        found = Verification(told.folder, told.key)
        found.run()
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"it cannot be told: {error!r}", file=sys.stderr)
        return 2
    for fault in found.faults:
        print(fault)
    if told.key is None:
        print(f"signed with {found.key}: compare it with the key you were told by other means")
    verdict = f"{len(found.faults)} faults" if found.faults else "whole"
    print(f"{found.entries} entries, {found.checkpoints} checkpoints: {verdict}")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
