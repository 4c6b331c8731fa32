"""The system prompt of a call: short, filled for who calls, with few slots after it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt import MAX_SLOTS, fill_prompt
from engine.understanding.context import CallerKnown
from engine.wording import spoken_slot
from tests.dialogues import shipped
from tests.storage.playground import ROME

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)
LINE = "+393331234567"
CLIENT = CallerKnown("client", "inbound", LINE)
LEAD = CallerKnown("lead", "inbound", LINE)
OUTBOUND = CallerKnown("lead", "outbound", LINE)


def slots(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text).replace(tzinfo=ROME) for text in texts]


FREE = slots("2026-02-11T10:00", "2026-02-11T15:30")


def prompt(caller: CallerKnown = CLIENT, **given: Any) -> str:
    values: dict[str, Any] = {
        "consultant": "Marco Rossi",
        "name": None,
        "extra": frozenset(),
        "own": (),
        "free": FREE,
        "now": NOW,
    }
    return fill_prompt(shipped().prompt, caller=caller, **{**values, **given})


def line(text: str, begins: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(begins))


def told_slots(text: str) -> list[str]:
    return text.split("Orari liberi:\n")[1].splitlines()


def test_every_placeholder_is_filled() -> None:
    assert re.search(r"[{}]", prompt()) is None
    assert "Marco Rossi" in prompt()
    assert line(prompt(), "Oggi:") == "Oggi: lunedì 9 febbraio 2026, ore 09:30"


def test_it_is_short_besides_the_slots() -> None:
    """At most 180 words; long instructions are reported to break the resumption of a session."""
    for caller in (CLIENT, LEAD, OUTBOUND):
        instructions = prompt(caller, name="Anna Verdi").split("Orari liberi:")[0]
        assert len([word for word in instructions.split() if re.search(r"\w", word)]) <= 180, caller


def test_it_says_that_a_virtual_assistant_speaks_and_for_whom_and_that_nothing_is_booked_before_a_notice() -> (
    None
):
    text = prompt()
    assert "assistente virtuale di Marco Rossi" in text
    assert re.search(r"prima frase dice che sei un'assistente virtuale e per chi rispondi", text)
    assert re.search(r"Non dire mai che è prenotato.* finché non lo dice un avviso", text)
    assert re.search(r"giorno della settimana, data e ora", text)


@pytest.mark.parametrize(
    ("caller", "given", "expected"),
    [
        (CLIENT, {}, "cliente registrato; ha chiamato"),
        (CLIENT, {"name": "Anna Verdi"}, "Anna Verdi, cliente registrato; ha chiamato"),
        (CallerKnown("client", "outbound", LINE), {}, "cliente registrato; lo hai chiamato tu"),
        (LEAD, {}, f"non è ancora cliente; ha chiamato; chiama dal {LINE}, chiedi se è il numero giusto"),
        (CallerKnown("lead", "inbound"), {}, "non è ancora cliente; ha chiamato"),
        (OUTBOUND, {"name": "Lia"}, "Lia, non è ancora cliente; lo hai chiamato tu"),
        (
            OUTBOUND,
            {"purpose": "consulenza annuale"},
            "non è ancora cliente; lo hai chiamato tu; motivo: consulenza annuale",
        ),
    ],
)
def test_who_is_on_the_phone(caller: CallerKnown, given: dict[str, Any], expected: str) -> None:
    assert line(prompt(caller, **given), "Al telefono:") == f"Al telefono: {expected}"


@pytest.mark.parametrize(
    ("caller", "extra", "expected"),
    [
        (CLIENT, set(), "giorno, ora"),
        (LEAD, set(), "giorno, ora, telefono, email"),
        (OUTBOUND, set(), "giorno, ora, email"),  # the phone is the number we dialled
        (CLIENT, {"nome"}, "giorno, ora, nome"),
        (CLIENT, {"telefono", "email"}, "giorno, ora, telefono, email"),
        (LEAD, {"email", "nome"}, "giorno, ora, telefono, email, nome"),
    ],
)
def test_what_is_to_be_asked(caller: CallerKnown, extra: set[str], expected: str) -> None:
    assert (
        line(prompt(caller, extra=frozenset(extra)), "Dati da chiedere:") == f"Dati da chiedere: {expected}"
    )


def test_own_bookings_are_told() -> None:
    assert line(prompt(), "Appuntamenti già presi:").endswith(": nessuno")
    own = slots("2026-02-12T11:00")
    assert line(prompt(own=own), "Appuntamenti già presi:").endswith(": giovedì 12 febbraio alle 11")


def test_slots_stand_last_in_spoken_form() -> None:
    assert told_slots(prompt()) == ["- mercoledì 11 febbraio alle 10", "- mercoledì 11 febbraio alle 15:30"]


def test_without_a_free_slot_none_may_be_offered() -> None:
    assert told_slots(prompt(free=())) == ["- nessuno: non proporre orari"]


def test_a_full_day_is_told_from_its_first_to_its_last_hour() -> None:
    day = [NOW.replace(hour=8, minute=0) + timedelta(minutes=15 * n) for n in range(40)]
    told = told_slots(prompt(free=day))
    assert len(told) == MAX_SLOTS
    assert (told[0], told[-1]) == ("- lunedì 9 febbraio alle 8", "- lunedì 9 febbraio alle 17:45")


def test_several_days_are_told_when_each_has_many_hours() -> None:
    days = [
        NOW.replace(hour=8, minute=0) + timedelta(days=n, minutes=30 * m) for n in range(5) for m in range(16)
    ]
    told = told_slots(prompt(free=days))
    assert len({" ".join(one.split()[1:4]) for one in told}) == 4


@given(st.lists(st.integers(0, 4000), unique=True, max_size=120).map(sorted))
def test_never_more_than_twelve_slots_all_of_them_free_and_ascending(quarters: list[int]) -> None:
    free = [NOW.replace(tzinfo=None) + timedelta(minutes=15 * n) for n in quarters]
    told = told_slots(prompt(free=free)) if free else []
    spoken = [f"- {one}" for one in map(spoken_slot, free)]
    assert len(told) <= MAX_SLOTS
    assert len(told) >= min(len(free), 3)
    places = [spoken.index(one) for one in told]
    assert places == sorted(set(places))
