"""The forms of the agenda: what was typed, as settings and exceptions of the store's, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from storage.agenda import WEEKDAYS, AgendaSettings, LocalHours, read_hours
from storage.errors import StorageError
from storage.opening import Kind
from transport.console.wording import TEXTS

_NUMBERS = re.compile(r"[0-9]+(?:\s*[,;\s]\s*[0-9]+)*", re.ASCII)
_MOST_DAYS = 366
_LONGEST_NOTE = 200

#: The fields of whole numbers: the name in the form, that of the setting, from, to.
NUMBERS: tuple[tuple[str, str, int, int], ...] = (
    ("durata", "default_minutes", 5, 480),
    ("passo", "grid_minutes", 5, 240),
    ("prima", "buffer_before_minutes", 0, 240),
    ("dopo", "buffer_after_minutes", 0, 240),
    ("preavviso", "lead_minutes", 0, 43_200),
    ("orizzonte", "horizon_days", 1, 730),
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was typed, and what is wrong with it, by field."""

    given: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewException:
    """An exception to add; instants aware UTC."""

    kind: Kind
    start: datetime
    end: datetime | None
    note: str | None


def shown_settings(settings: AgendaSettings, region: str | None) -> Filled:
    """The form of settings as they are."""
    given = {name: str(getattr(settings, setting)) for name, setting, *_ in NUMBERS}
    given["durate"] = ", ".join(map(str, settings.allowed_minutes))
    given["solo"] = "1" if settings.published_starts_only else ""
    given["provincia"] = region or ""
    for day in WEEKDAYS:
        hours = settings.weekly_hours.get(day, ())
        given[day] = " ".join(f"{begin:%H:%M}-{end:%H:%M}" for begin, end in hours)
    return Filled(given)


def read_settings(given: Mapping[str, str]) -> tuple[AgendaSettings | None, Filled]:
    """The settings that were typed; None when something is wrong with them."""
    filled = Filled(given)
    numbers = {setting: _number(filled, name, least, most) for name, setting, least, most in NUMBERS}
    allowed = _minutes(filled)
    hours = {day: _hours(filled, day) for day in WEEKDAYS}
    if not filled.problems and numbers["default_minutes"] not in allowed:
        filled.problems["durata"] = TEXTS["opening"]["not_allowed"]
    if filled.problems:
        return None, filled
    settings = AgendaSettings(
        **numbers,
        allowed_minutes=allowed,
        weekly_hours={day: each for day, each in hours.items() if each},
        published_starts_only=bool(given.get("solo")),
    )
    return settings, filled


def read_exception(given: Mapping[str, str], zone: ZoneInfo) -> tuple[NewException | None, Filled]:
    """The exception that was typed, in the consultant's time: whole days without hours."""
    filled = Filled(given)
    kind: Kind | None = next(
        (each for each in ("closed", "open", "start") if each == given.get("tipo")), None
    )
    first, last = _date(filled, "dal"), _date(filled, "al", given.get("dal", ""))
    begins, ends = _time(filled, "dalle"), _time(filled, "alle")
    if kind is None:
        filled.problems["tipo"] = TEXTS["opening"]["no_kind"]
    if kind == "start" and begins is None and "dalle" not in filled.problems:
        filled.problems["dalle"] = TEXTS["opening"]["start_needs_time"]
    if filled.problems or kind is None or first is None or last is None:
        return None, filled
    start = _instant(first, begins or time(), zone)
    end = _instant(last, ends, zone) if ends else _instant(last + timedelta(days=1), time(), zone)
    if kind != "start" and (end <= start or last - first > timedelta(days=_MOST_DAYS)):
        filled.problems["al"] = TEXTS["opening"]["wrong_order"]
        return None, filled
    note = given.get("nota", "").strip()[:_LONGEST_NOTE] or None
    return NewException(kind, start, None if kind == "start" else end, note), filled


def a_day(written: str) -> date | None:
    """The day that is written, as 2026-02-11; None for what is none of this century."""
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def read_instant(written: str) -> datetime | None:
    """The instant that a button says, aware UTC; None for what no button says."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo and 2000 <= found.year <= 2100 else None


def _number(filled: Filled, name: str, least: int, most: int) -> int:
    written = filled.given.get(name, "").strip()
    if written.isascii() and written.isdigit() and len(written) < 7 and least <= int(written) <= most:
        return int(written)
    filled.problems[name] = TEXTS["opening"]["no_number"].format(least=least, most=most)
    return 0


def _minutes(filled: Filled) -> tuple[int, ...]:
    written = filled.given.get("durate", "").strip()
    if len(written) < 100 and _NUMBERS.fullmatch(written):
        found = tuple(sorted({int(each) for each in re.findall(r"[0-9]+", written)}))
        if all(5 <= minutes <= 480 for minutes in found):
            return found
    filled.problems["durate"] = TEXTS["opening"]["no_minutes"]
    return ()


def _hours(filled: Filled, day: str) -> LocalHours:
    written = filled.given.get(day, "").strip().replace("–", "-")
    if not written:
        return ()
    try:
        return read_hours([f"{day} {written}"])[day]
    except StorageError:
        filled.problems[day] = TEXTS["opening"]["no_hours"]
        return ()


def _date(filled: Filled, name: str, otherwise: str = "") -> date | None:
    found = a_day(filled.given.get(name, "").strip() or otherwise.strip())
    if found is None:
        filled.problems[name] = TEXTS["opening"]["no_day"]
    return found


def _time(filled: Filled, name: str) -> time | None:
    written = filled.given.get(name, "").strip()
    if not written:
        return None
    try:
        return datetime.strptime(written, "%H:%M").time()  # noqa: DTZ007 - wall time
    except ValueError:
        filled.problems[name] = TEXTS["opening"]["no_time"]
        return None


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
