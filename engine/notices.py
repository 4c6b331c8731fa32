"""Notices in words: what the assistant is told, with the days, times and verb that its text leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from engine.detail_names import BY_FACT, NAMES
from engine.details import Accumulator, Slot
from engine.understanding.context import Agenda
from engine.wording import spoken_day, spoken_list, spoken_phone, spoken_slot
from fsm.stages import Task
from rules.messages import Messages

_VERBS = {Task.PRENOTA: "prenoto", Task.SPOSTA: "sposto", Task.DISDICI: "annullo", Task.NESSUNO: "prenoto"}
_ALTERNATIVES = 3
_NINE = time(9)
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Wording:
    """What notices speak of. `about` is the slot that the analysis tried to take, move to or
    cancel; `missing` the first detail that is still missing, by its Italian name."""

    held: Accumulator
    agenda: Agenda
    task: Task
    about: Slot | None
    missing: str
    now: datetime

    def text(self, messages: Messages, notice: str) -> str:
        """The text of `notice`. Raises KeyError for a placeholder that has no value."""
        wanted = messages.placeholders(notice)
        return messages.render(notice, **{name: self._value(name) for name in wanted})

    def _value(self, placeholder: str) -> str:
        match placeholder:
            case "giorno_ora":
                slot = self.about or self.held.slot()
                return spoken_slot(self._local(slot)) if slot else "il giorno e l'ora richiesti"
            case "alternative":
                return spoken_list(self._nearest()) or "un altro giorno, da concordare"
            case "candidati":
                days = (self._local(Slot(day, _NOON)) for day in self.held.day_options)
                return " o ".join(map(spoken_day, days)) or "più giorni"
            case "suggerimento":
                return self.held.email_suggestion or "un'altra"
            case "telefono":
                return spoken_phone(self.held.details.phone) if self.held.details.phone else "dettato"
            case "dato":
                return NAMES[BY_FACT[self.missing]].asked if self.missing in BY_FACT else self.missing
            case "verbo":
                return _VERBS[self.task]
        raise KeyError(placeholder)

    def _nearest(self) -> list[datetime]:
        """The free slots nearest to what was wanted, in the order of the calendar."""
        today = self.now.astimezone(self.agenda.zone).date()
        wanted = self.about or Slot(self.held.details.date or today, _NINE)
        pivot = self._local(wanted)
        free = [slot for slot in self.agenda.free if slot != self.about]
        free.sort(key=lambda s: (s.day != wanted.day, abs(self._local(s) - pivot)))
        nearest = sorted(free[:_ALTERNATIVES], key=lambda s: (s.day, s.at))
        return [self._local(slot) for slot in nearest]

    def _local(self, slot: Slot) -> datetime:
        return datetime.combine(slot.day, slot.at, self.agenda.zone)
