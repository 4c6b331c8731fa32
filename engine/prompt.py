"""The system prompt of a call: the analysts' text, filled with who calls and which slots are free."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.detail_names import BY_FACT, NAMES
from engine.details import FLOOR
from engine.understanding.context import CallerKnown
from engine.wording import spoken_day, spoken_list, spoken_slot

MAX_SLOTS = 12
_LEAST_A_DAY = 3


def fill_prompt(
    template: str,
    *,
    consultant: str,
    caller: CallerKnown,
    name: str | None,
    extra: frozenset[str],
    own: Sequence[datetime],
    free: Sequence[datetime],
    now: datetime,
    purpose: str | None = None,
) -> str:
    """`template` (rules/it/prompt.md) filled for one call.

    `extra`: details that rule files add, by their Italian names. `own` and `free`: local instants of the
    caller's bookings and of free starts, ascending; at most MAX_SLOTS are told. `now` is local.
    """
    return template.format(
        consultant=consultant,
        today=f"{spoken_day(now)} {now.year}, ore {now:%H:%M}",
        caller=_caller(caller, name, purpose),
        required=_required(caller, extra),
        bookings=spoken_list(own) or "nessuno",
        slots="\n".join(f"- {spoken_slot(start)}" for start in _told(free))
        or "- nessuno: non proporre orari",
    )


def _caller(caller: CallerKnown, name: str | None, purpose: str | None) -> str:
    kind = "cliente registrato" if caller.kind == "client" else "non è ancora cliente"
    words = [f"{name}, {kind}" if name else kind]
    words.append("lo hai chiamato tu" if caller.direction == "outbound" else "ha chiamato")
    if caller.kind == "lead" and caller.direction == "inbound" and caller.line:
        words.append(f"chiama dal {caller.line}, chiedi se è il numero giusto")
    if purpose:
        words.append(f"motivo: {purpose}")
    return "; ".join(words)


def _required(caller: CallerKnown, extra: frozenset[str]) -> str:
    known = {"phone"} if caller.dialled is not None else set()
    asked = (FLOOR[caller.kind] - known) | {BY_FACT[name] for name in extra}
    return ", ".join(name.listed for detail, name in NAMES.items() if detail in asked)


def _told(free: Sequence[datetime]) -> list[datetime]:
    """At most MAX_SLOTS starts: of the nearest days, a few each, spread over the day."""
    by_day: dict[object, list[datetime]] = {}
    for start in free:
        by_day.setdefault(start.date(), []).append(start)
    days = list(by_day.values())
    each = max(_LEAST_A_DAY, MAX_SLOTS // max(1, len(days)))
    return [start for starts in days for start in _spread(starts, each)][:MAX_SLOTS]


def _spread(starts: Sequence[datetime], most: int) -> list[datetime]:
    """At most `most` of `starts`, evenly taken, the first and the last among them."""
    if len(starts) <= most:
        return list(starts)
    return [starts[round(index * (len(starts) - 1) / (most - 1))] for index in range(most)]
