"""How the pages say things in Italian: days, times, durations, and what came of a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from storage.calls import CallSummary

_DAYS = ("Lun", "Mar", "Mer", "Gio", "Ven", "Sab", "Dom")
_MONTHS = ("gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic")


@dataclass(frozen=True, slots=True)
class Badge:
    """What came of a call, in a few words; `tone` is good, changed, warning or quiet."""

    text: str
    tone: str


def badges(call: CallSummary) -> list[Badge]:
    """The badges of a call: first what came of it, then what somebody should know or do."""
    found = [_outcome(call)]
    if call.callback_requested:
        found.append(Badge("richiamare", "warning"))
    if call.interrupted:
        found.append(Badge("interrotta", "warning"))
    if call.ended_at is None:
        found.append(Badge("in corso", "changed"))
    return found


def _outcome(call: CallSummary) -> Badge:
    if call.booking is None:
        return Badge("nessun appuntamento", "quiet")
    when = slot(call.booking.start, call.zone)
    if not call.booking.in_force:
        return Badge(f"Appuntamento disdetto → {when}", "changed")
    if call.task == "sposta" and call.stage == "completato":
        return Badge(f"Appuntamento spostato → {when}", "good")
    return Badge(f"Appuntamento Creato → {when}", "good")


def slot(instant: datetime, zone: ZoneInfo) -> str:
    """The start of an appointment, local: "Mer 14 feb alle 10:00"."""
    local = instant.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} alle {local:%H:%M}"


def day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """An instant in the past, local: "Mer 14 feb 2026, 10:05"."""
    local = instant.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def clock_time(instant: datetime | None, zone: ZoneInfo) -> str:
    """A time within a call, local: "10:05:09"; "ora ignota" when it could not be placed."""
    return "ora ignota" if instant is None else f"{instant.astimezone(zone):%H:%M:%S}"


def length(duration: timedelta) -> str:
    """How long a call lasted: "45 s", "3 min 10 s", "1 h 02 min"."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def plain(word: str | None) -> str:
    """A stored Italian value as words: "raccolta_dati" becomes "raccolta dati"."""
    return (word or "—").replace("_", " ")
