"""What the calls page is asked for: the fields of its form, as a filter of the store's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from fsm.stages import Stage
from storage.call_list import NO_OUTCOME, CallFilter, Standing
from storage.results import Outcome
from transport.console.agenda_days import begin
from transport.console.agenda_forms import a_day
from transport.console.wording import TEXTS, ZONE
from transport.typed import dialled, typed_phone

FIELDS = ("fase", "esito", "stato", "dal", "al", "numero", "consulente")

_WHOLE = re.compile(r"\+[0-9]{5,15}", re.ASCII)
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form held (`given`, as typed), the filter it makes, and what cannot be used of it, by field."""

    given: Mapping[str, str]
    which: CallFilter
    problems: Mapping[str, str]

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        return any(self.given.values())

    def address(self, before: str | None = None) -> str:
        """The address of this list, or of its page after the call `before`."""
        told = {name: value for name, value in self.given.items() if value}
        query = urlencode(told | ({"prima": before} if before else {}))
        return f"/chiamate?{query}" if query else "/chiamate"


def read_filters(query: Mapping[str, str], own: int | None) -> Asked:
    """The filter that a query asks for; `own`: the consultant whose calls alone may be seen."""
    given = {name: query.get(name, "").strip()[:_LONGEST] for name in FIELDS}
    problems: dict[str, str] = {}
    since, until = _day(given["dal"], "dal", problems), _day(given["al"], "al", problems)
    which = CallFilter(
        consultant_id=own if own is not None else _number(given["consulente"]),
        stage=given["fase"] if given["fase"] in list(Stage) else None,
        outcome=given["esito"] if given["esito"] in (*Outcome, NO_OUTCOME) else None,
        standing=Standing(given["stato"]) if given["stato"] in list(Standing) else None,
        since=None if since is None else begin(since, ZONE),
        until=None if until is None else begin(until + timedelta(days=1), ZONE),
        number=_phone(given["numero"], problems),
    )
    return Asked(given, which, problems)


def _day(written: str, field: str, problems: dict[str, str]) -> date | None:
    found = a_day(written)
    if written and found is None:
        problems[field] = TEXTS["calls"]["no_day"]
    return found


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None


def _phone(written: str, problems: dict[str, str]) -> str | None:
    if not written:
        return None
    # Calls come from numbers that no plan knows, too.
    value = dialled(written) if _WHOLE.fullmatch(dialled(written)) else typed_phone(written)
    if value is None:
        problems["numero"] = TEXTS["calls"]["no_number"]
    return value
