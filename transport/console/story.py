"""A call's journal told as a story, for `journal show`: who said what, which rule fired and why, what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from storage.calls import CallDetail, StoredTurn
from storage.journal import PERSONAL_DETAILS, JournalEntry
from transport.console import wording

_DETAILS: Mapping[str, str] = {
    "date": "data",
    "time": "ora",
    "minutes": "durata in minuti",
    "phone": "telefono",
    "email": "email",
    "name": "nome",
    "notes": "note",
}
_ERASED: Mapping[str, str] = {"turns": "battute", "values": "dati personali"}
_NOT_KEPT = "(cancellato)"


def story(detail: CallDetail, personal: Mapping[str, str]) -> Iterator[str]:
    """The lines of the story, in the order things happened. `personal`: what is still kept behind the digests."""
    call, zone = detail.call, detail.call.zone
    who = call.name or call.number or "numero nascosto"
    way = "in uscita" if call.direction == "outbound" else "in entrata"
    yield f"Chiamata {call.id}: {who}, {way}, {wording.day_and_time(call.started_at, zone)}"
    yield ", ".join(badge.text for badge in wording.badges(call))
    yield ""
    if not detail.turns:
        yield "Le parole della chiamata non ci sono (o non ci sono più)."
        yield ""
    for moment in _moments(detail):
        if isinstance(moment, StoredTurn):
            yield _said(moment, zone)
        else:
            yield from _happened(moment, zone, personal)


def _moments(detail: CallDetail) -> list[StoredTurn | JournalEntry]:
    """Turns as they were spoken, entries when they were recorded; what cannot be placed follows what it came after."""
    keyed: list[tuple[datetime, int, int, StoredTurn | JournalEntry]] = []
    latest = detail.call.started_at
    for turn in detail.turns:
        latest = max(latest, turn.began_at or latest)
        keyed.append((turn.began_at or latest, 0, turn.number, turn))
    keyed += [(entry.recorded_at, 1, entry.sequence, entry) for entry in detail.journal]
    return [moment for *_, moment in sorted(keyed, key=lambda each: each[:3])]


def _said(turn: StoredTurn, zone: ZoneInfo) -> str:
    heard = turn.text if turn.heard is None else turn.heard
    cut = turn.text[len(heard) :].strip()
    text = f"{heard.rstrip()} [interrotto, non sentito: {cut}]" if cut else heard
    who = f"{wording.speaker(turn.speaker)}{', sui tasti' if turn.keyed else ''}"
    return f"{wording.clock_time(turn.began_at, zone)}  {who}: «{text}»"


def _happened(entry: JournalEntry, zone: ZoneInfo, personal: Mapping[str, str]) -> Iterator[str]:
    told = entry.entry
    event, source, target = told.get("event"), told.get("from"), told.get("to")
    move = "" if not source else f": {wording.plain(source)} → {wording.plain(target)}"
    if source and source == target:
        move = f": resta in {wording.plain(source)}"
    head = wording.plain(event) if event else "nessun evento"
    yield f"{wording.clock_time(entry.recorded_at, zone)}    [{entry.sequence}] {head}{move}"
    for label, text in _details(told, personal):
        yield f"            {label}: {text}"


def _details(told: Mapping[str, Any], personal: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if told.get("guard"):
        yield "rifiutato", f"{wording.refusal(told['guard'])} ({told['guard']})"
    if told.get("rule"):
        version = f", regole {str(told['rules'])[:12]}" if told.get("rules") else ""
        yield "regola", f"{told['rule']}{version}"
    if told.get("why"):
        yield "perché", str(told["why"])
    changes = told.get("changes") or {}
    for detail in [
        *(name for name in _DETAILS if name in changes),
        *(name for name in changes if name not in _DETAILS),
    ]:
        old, new = (_value(detail, changes[detail][when], personal) for when in ("old", "new"))
        yield _DETAILS.get(detail, detail), f"{old} → {new}"
    outcome = told.get("outcome")
    if isinstance(outcome, str) and wording.outcome(outcome):
        yield "esito", wording.outcome(outcome)
    if told.get("busy_as_of"):
        yield wording.TEXTS["calendars"]["old_copy"].lower(), wording.old_calendar(told["busy_as_of"])
    for kind, count in (told.get("erased") or {}).items():
        yield "cancellati", f"{_ERASED.get(kind, kind)} {count}"
    if told.get("command"):
        yield "comando", wording.command(str(told["command"]))
    for notice in told.get("notices") or ():
        yield "avviso", wording.notice(str(notice))


def _value(detail: str, value: str | None, personal: Mapping[str, str]) -> str:
    if value is None:
        return "—"
    return personal.get(value, _NOT_KEPT) if detail in PERSONAL_DETAILS else str(value)
