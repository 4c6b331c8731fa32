"""Days, times and telephone numbers in Italian, as notices and the prompt say them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import phonenumbers

WEEKDAYS = ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica")
MONTHS = (
    "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno",
    "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre",
)  # fmt: skip


def spoken_day(moment: datetime) -> str:
    """ "mercoledì 11 febbraio" for a local `moment`."""
    return f"{WEEKDAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]}"


def spoken_slot(moment: datetime) -> str:
    """ "mercoledì 11 febbraio alle 15:30" for a local `moment`; full hours without minutes."""
    at = f"{moment.hour}" if moment.minute == 0 else f"{moment.hour}:{moment.minute:02d}"
    return f"{spoken_day(moment)} alle {at}"


def spoken_phone(number: str) -> str:
    """ "340 123 4567" for the E.164 `number`, with its prefix where that is not Italy's."""
    parsed = phonenumbers.parse(number)
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        parsed, form.NATIONAL if parsed.country_code == 39 else form.INTERNATIONAL
    )


def spoken_list(moments: Sequence[datetime]) -> str:
    """Slots one after the other, the last joined with "o"."""
    spoken = [spoken_slot(moment) for moment in moments]
    if len(spoken) < 2:
        return "".join(spoken)
    return ", ".join(spoken[:-1]) + " o " + spoken[-1]
