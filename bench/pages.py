"""How soon each page of the console answers with 100,000 calls in Postgres; p95 should stay within 100 ms.

Run: make bench ARGS="pages [CALLS] [--plans]"; it fills a Postgres of its own with a year of calls (default
100000), then asks each page over HTTP as somebody who may see all. `--plans` prints how Postgres looks things up.
"""

from __future__ import annotations

import asyncio
import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from storage import agenda_view, call_list, chain, figures, journal_search, people, rulesets
from storage.call_list import NO_OUTCOME, CallFilter, Standing
from storage.database import Database
from storage.journal_search import EntryFilter, Place
from storage.models import proxy
from tests.storage.postgres import Postgres
from transport.console.access import Role, Viewer
from transport.console.routes import add_console

CALLS = 100_000
CONSULTANTS = 20
TIMES = 60
GOAL_MS = 100.0
NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
RULES = Path("rules/it")

# How far calls come and what is said in them, and how many of a hundred go so.
KINDS = (
    ("creato", "completato", "prenota", 48),
    ("spostato", "completato", "sposta", 6),
    ("disdetto", "completato", "disdici", 4),
    (None, "raccolta_dati", "prenota", 20),
    (None, "dati_completi", "prenota", 4),
    (None, "nessun_intento", None, 17),
    (None, "errore", "prenota", 1),
)
WAY = (
    ("interesse", "raccolta_dati", "interesse_esplicito", None),
    ("correzione", "raccolta_dati", "correzione", None),
    ("completa", "dati_completi", "dati_pronti", "slot_held"),
    ("completa", "dati_completi", "dati_pronti", None),
    ("conferma", "confermato", "conferma_subito", None),
    ("successo", "completato", "motore", None),
)
TURNS = (
    ("assistant", "Buongiorno, sono l'assistente virtuale. Come posso aiutarla?"),
    ("caller", "Vorrei prenotare per mercoledì 11 febbraio alle 15"),
    ("assistant", "Mercoledì 11 febbraio alle 15:00, conferma?"),
    ("caller", "Sì, va bene, il mio numero è 340 123 4567"),
    ("assistant", "Perfetto, ho prenotato mercoledì 11 febbraio alle 15:00."),
    ("caller", "Grazie mille, arrivederci"),
)


class Everybody:
    """An entrance through which everybody may see all."""

    async def viewer(self, _: web.Request) -> Viewer:
        return Viewer(0, "bench", frozenset({Role.AMMINISTRATORE}))

    def add_to(self, app: web.Application) -> None:
        """Nobody signs in here."""


def main(arguments: list[str]) -> int:
    """Fill, ask, report; the exit status is 1 when a page is slower than the goal."""
    count = next((int(each) for each in arguments if each.isdigit()), CALLS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = Postgres(Path(folder) / "data")
        try:
            with Database(server.empty("pages")) as database:
                database.migrate()
                began = time.perf_counter()
                database.run_blocking(_furnish)
                _fill(server.url("pages"), count)
                print(
                    f"{count} calls of a year filled in within {time.perf_counter() - began:.0f} s",
                    flush=True,
                )
                if "--plans" in arguments:
                    database.run_blocking(_plans)
                return asyncio.run(_ask_all(database))
        finally:
            server.close()


def _furnish() -> None:
    for number in range(CONSULTANTS):
        people.add_consultant(f"Consulente {number}")
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.*"))}
    rulesets.put_in_force("b" * 64, files, now=NOW - YEAR)


# --- Filling ----------------------------------------------------------------------------------------------


def _fill(url: str, count: int) -> None:
    """By COPY, since what is measured is reading."""
    rng = random.Random(8)
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO clients (name, phone, consultant_id) VALUES ('Ada', '+393400000001', 1)")
        for first in range(0, count, 10_000):
            rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}
            for number in range(first, min(first + 10_000, count)):
                _one(number, count, rng, rows)
            for table, columns in _COLUMNS.items():
                text = io.StringIO("".join("\t".join(map(_cell, row)) + "\n" for row in rows[table]))
                cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", text)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


_COLUMNS: dict[str, tuple[str, ...]] = {
    "voice_calls": (
        "id", "bridge_call_id", "consultant_id", "direction", "caller_number", "dialled_number", "started_at",
        "ended_at", "end_reason", "interrupted", "metadata", "lease_until", "outcome", "booking_id", "callback_due",
    ),
    "booking_extraction_state": (
        "conversation", "voice_call_id", "stage", "task", "last_analysis", "last_turn", "updated_at",
    ),
    "call_turns": ("call_id", "number", "speaker", "text", "began_at", "ended_at", "played", "keyed"),
    "transitions": (
        "call_id", "sequence", "body", "previous_hash", "hash", "recorded_at", "event", "target", "rule", "guard",
        "outcome", "refusal", "notices",
    ),
    "journal_heads": ("call_id", "sequence", "hash", "covered"),
    "consultations": (
        "id", "consultant_id", "client_id", "start_at", "minutes", "status", "source", "voice_call_id", "created_at",
    ),
}  # fmt: skip


def _one(number: int, count: int, rng: random.Random, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """The rows of one call; the last of them go on still."""
    name = f"{rng.getrandbits(128):032x}"
    began = int((NOW - YEAR * (1 - number / count)).timestamp())
    outcome, stage, task, _ = rng.choices(KINDS, weights=[kind[-1] for kind in KINDS])[0]
    going_on = number >= count - 5
    consultant = rng.randrange(CONSULTANTS) + 1
    booking = f"b{name[1:]}" if outcome else None
    rows["voice_calls"].append((
        name, name, consultant, "inbound", f"+39340{rng.randrange(10**7):07}", "+390612345678", began,
        None if going_on else began + 180, None if going_on else "hangup", rng.random() < 0.01, "{}",
        int(NOW.timestamp()) + 600 if going_on else None, outcome, booking, True if rng.random() < 0.002 else None,
    ))  # fmt: skip
    rows["booking_extraction_state"].append((name, name, stage, task, 3, 6, began + 170))
    for place, (speaker, text) in enumerate(TURNS, 1):
        at = (began + 10 * place) * 1000
        rows["call_turns"].append((name, place, speaker, text, at, at + 8000, "[]", False))
    steps = [] if stage == "nessun_intento" else WAY[: 6 if outcome else 1 + rng.randrange(4)]
    previous = chain.FIRST_PREVIOUS
    for sequence, (event, target, rule, guard) in enumerate(steps, 1):
        at = began + 20 * sequence
        body, found = _entry(name, sequence, previous, at, event, target, rule, guard)
        rows["transitions"].append((
            name, sequence, body, previous, found, at * 1000, event, target, rule, guard, "nessuno",
            "SLOT_TAKEN" if guard else None, "riepiloga" if sequence % 2 else None,
        ))  # fmt: skip
        previous = found
    if steps:
        rows["journal_heads"].append((name, len(steps), previous, 0))
    if booking:
        start = began // 900 * 900 + number * 900  # no two of a consultant at once
        status = "cancelled" if outcome == "disdetto" else "confirmed"
        rows["consultations"].append((booking, consultant, 1, start, 60, status, "voice_call", name, began))


def _entry(
    call: str, sequence: int, previous: str, at: int, event: str, target: str, rule: str, guard: str | None
) -> tuple[str, str]:
    entry = {
        "call_id": call, "analysis": sequence, "turn": 2, "event": event, "from": "raccolta_dati", "to": target,
        "rule": rule, "rules": "b" * 64, "why": "Il chiamante dice quando vuole venire.", "guard": guard,
        "outcome": "nessuno", "facts": {f"fact_{fact}": False for fact in range(24)}, "notices": ["riepiloga"],
    }  # fmt: skip
    recorded = datetime.fromtimestamp(at, UTC)
    content = {
        "schema": 2, "sequence": sequence, "recorded_at": recorded, "previous_hash": previous, "entry": entry,
    }  # fmt: skip
    body = chain.canonical(content)
    return body.decode(), chain.digest(body)


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value).replace("\\", "\\\\")


# --- Asking -----------------------------------------------------------------------------------------------


async def _ask_all(database: Database) -> int:
    app = web.Application()
    add_console(app, database, Everybody(), now=lambda: NOW)
    slow = 0
    async with TestClient(TestServer(app)) as client:
        paths = await database.run(_paths)
        print(f"{'page':44} {'p50':>8} {'p95':>8}   (ms, {TIMES} times each)")
        for name, path in paths:
            took = []
            for turn in range(TIMES + 5):
                began = time.perf_counter()
                async with client.get(path(turn)) as answer:
                    await answer.read()
                assert answer.status == 200, (path(turn), answer.status)
                took.append((time.perf_counter() - began) * 1000)
            took = sorted(took[5:])
            p95 = statistics.quantiles(took, n=20)[-1]
            slow += p95 > GOAL_MS
            print(
                f"{name:44} {took[len(took) // 2]:8.1f} {p95:8.1f}{'   SLOW' * (p95 > GOAL_MS)}", flush=True
            )
    print(
        "every page within the goal"
        if not slow
        else f"{slow} pages slower than {GOAL_MS:g} ms at the 95th percentile"
    )
    return 1 if slow else 0


def _paths() -> list[tuple[str, Callable[[int], str]]]:
    """Each page, and where else in the year it is asked for the n-th time."""
    ids = [name for (name,) in proxy.execute_sql("SELECT id FROM voice_calls ORDER BY started_at").fetchall()]
    numbers = proxy.execute_sql("SELECT caller_number FROM voice_calls ORDER BY id LIMIT 100").fetchall()
    rows = proxy.execute_sql(
        "SELECT id FROM consultations WHERE status = 'confirmed' ORDER BY id LIMIT 100"
    ).fetchall()
    entries = proxy.execute_sql(
        "SELECT recorded_at, call_id, sequence FROM transitions ORDER BY recorded_at DESC OFFSET 1000 LIMIT 100"
    ).fetchall()
    deep = [ids[len(ids) * place // (TIMES + 6)] for place in range(1, TIMES + 6)]

    def day(turn: int) -> str:
        return (NOW - timedelta(days=5 * turn)).date().isoformat()

    return [
        ("chiamate", lambda _: "/chiamate"),
        ("chiamate, pages all over the year", lambda turn: f"/chiamate?prima={deep[turn]}"),
        ("chiamate of one consultant", lambda turn: f"/chiamate?consulente={turn % CONSULTANTS + 1}"),
        ("chiamate by a common stage", lambda turn: f"/chiamate?fase=completato&prima={deep[turn]}"),
        ("chiamate by a rare stage", lambda turn: f"/chiamate?fase=errore&prima={deep[turn]}"),
        ("chiamate by outcome", lambda turn: f"/chiamate?esito=disdetto&prima={deep[turn]}"),
        ("chiamate without outcome", lambda turn: f"/chiamate?esito=nessuno&prima={deep[turn]}"),
        ("chiamate to call back", lambda _: "/chiamate?stato=da_richiamare"),
        ("chiamate cut short", lambda _: "/chiamate?stato=interrotta"),
        ("chiamate going on", lambda _: "/chiamate?stato=in_corso"),
        ("chiamate of a day", lambda turn: f"/chiamate?dal={day(turn)}&al={day(turn)}"),
        ("chiamate of a number", lambda turn: f"/chiamate?numero=%2B{numbers[turn][0][1:]}"),
        (
            "chiamate by everything at once",
            lambda turn: f"/chiamate?fase=raccolta_dati&esito=creato&consulente={turn % CONSULTANTS + 1}",
        ),
        ("one chiamata", lambda turn: f"/chiamate/{deep[turn]}"),
        ("agenda, a week", lambda turn: f"/agenda?consulente={turn % CONSULTANTS + 1}&giorno={day(turn)}"),
        ("agenda, a day", lambda turn: f"/agenda?vista=giorno&giorno={day(turn)}"),
        ("agenda, opening hours", lambda turn: f"/agenda/orari?consulente={turn % CONSULTANTS + 1}"),
        ("one booking", lambda turn: f"/agenda/consultation/{rows[turn][0]}"),
        ("registro", lambda _: "/registro"),
        ("registro, a page further down", lambda turn: "/registro?prima={}-{}-{}".format(*entries[turn])),
        ("registro of a day", lambda turn: f"/registro?dal={day(turn)}&al={day(turn)}"),
        ("registro by a rule", lambda turn: f"/registro?regola=correzione&al={day(turn)}"),
        ("registro by outcome", lambda turn: f"/registro?esito=nessuno&al={day(turn)}"),
        ("registro by guard", lambda turn: f"/registro?guardia=slot_held&al={day(turn)}"),
        ("registro of a call", lambda turn: f"/registro?chiamata={deep[turn]}"),
        ("cruscotto, a week", lambda _: "/cruscotto?giorni=7"),
        ("cruscotto, a month", lambda _: "/cruscotto"),
        ("cruscotto, three months", lambda _: "/cruscotto?giorni=90"),
        ("regole", lambda _: "/regole"),
        ("one change of the regole", lambda _: "/regole/1"),
    ]


# --- Plans ------------------------------------------------------------------------------------------------


def _plans() -> None:
    """How Postgres looks up what the pages ask for: what the comments in storage/ tell."""
    rome = ZoneInfo("Europe/Rome")
    middle, last = NOW - YEAR / 2, NOW.date()
    row = proxy.execute_sql("SELECT id FROM voice_calls ORDER BY started_at OFFSET 1000 LIMIT 1").fetchone()
    place = Place(int(middle.timestamp() * 1000), "x", 1)
    asked: Iterable[tuple[str, Callable[[], object]]] = (
        ("list", lambda: call_list.list_calls(26)),
        ("list, further down", lambda: call_list.list_calls(26, row[0])),
        ("list of one consultant", lambda: call_list.list_calls(26, None, CallFilter(consultant_id=3))),
        ("list by outcome", lambda: call_list.list_calls(26, None, CallFilter(outcome="disdetto"))),
        ("list without outcome", lambda: call_list.list_calls(26, None, CallFilter(outcome=NO_OUTCOME))),
        ("list by a common stage", lambda: call_list.list_calls(26, None, CallFilter(stage="completato"))),
        ("list by a rare stage", lambda: call_list.list_calls(26, None, CallFilter(stage="errore"))),
        ("list of a number", lambda: call_list.list_calls(26, None, CallFilter(number="+393400000001"))),
        *(
            (
                f"list {standing}",
                lambda standing=standing: call_list.list_calls(26, None, CallFilter(standing=standing)),
            )
            for standing in Standing
        ),
        ("agenda", lambda: agenda_view.booked_between(3, middle, middle + timedelta(days=7))),
        ("journal", lambda: journal_search.search(EntryFilter(), 26)),
        ("journal, further down", lambda: journal_search.search(EntryFilter(), 26, place)),
        ("journal by rule", lambda: journal_search.search(EntryFilter(rule="correzione"), 26, place)),
        ("journal by outcome", lambda: journal_search.search(EntryFilter(outcome="nessuno"), 26, place)),
        ("journal by guard", lambda: journal_search.search(EntryFilter(guard="slot_held"), 26, place)),
        ("journal of a call", lambda: journal_search.search(EntryFilter(call_id=row[0]), 26)),
        ("figures", lambda: [part() for part in figures.parts(last - timedelta(days=29), last, rome)]),
        ("rules fired", lambda: figures.rules_fired(NOW - timedelta(days=30))),
    )
    for name, read in asked:
        print(f"\n=== {name}")
        for sql, parameters in _watched(read):
            print(f"--- {sql[:110]}")
            for (line,) in proxy.execute_sql(
                f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}", parameters
            ).fetchall():
                print(f"    {line}")


def _watched(read: Callable[[], object]) -> Iterator[tuple[str, Any]]:
    """The queries that a read asks."""
    real, seen = proxy.obj.execute_sql, []

    def watching(sql: str, params: Any = None, *more: Any, **named: Any) -> Any:
        seen.append((sql, params))
        return real(sql, params, *more, **named)

    proxy.obj.execute_sql = watching
    try:
        read()
    finally:
        del proxy.obj.execute_sql
    yield from (each for each in seen if each[0].lstrip().startswith("SELECT"))
