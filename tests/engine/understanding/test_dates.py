"""Days: what each expression means on a Monday, what is left open, and what is no day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.dates import find_dates
from engine.understanding.days import Feast
from engine.understanding.mentions import DateMention, Problem

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)  # a Monday
WEEKDAYS = ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"]
MONTHS = ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"]
MONTHS += ["luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"]


def days(text: str, now: datetime = NOW) -> list[list[str]]:
    return [[day.isoformat() for day in mention.candidates] for mention in find_dates(text, now)]


def only(text: str, now: datetime = NOW) -> DateMention:
    (mention,) = find_dates(text, now)
    return mention


SETTLED = [
    ("oggi", "2026-02-09"),
    ("domani alle 15", "2026-02-10"),
    ("dopodomani", "2026-02-11"),
    ("dopo domani", "2026-02-11"),
    ("domani l'altro alle 10", "2026-02-11"),
    ("domattina alle 9", "2026-02-10"),
    ("stasera", "2026-02-09"),
    ("questa mattina", "2026-02-09"),
    ("lunedì", "2026-02-16"),
    ("mercoledì a otto", "2026-02-18"),
    ("mercoledì", "2026-02-11"),
    ("Mercoledi alle tre", "2026-02-11"),
    ("MERCOLEDI' mattina", "2026-02-11"),
    ("gioved", "2026-02-12"),
    ("marted alle 16", "2026-02-10"),
    ("questo mercoledì", "2026-02-11"),
    ("mercoledì che viene", "2026-02-11"),
    ("lunedì che viene", "2026-02-16"),
    ("mercoledì della prossima settimana", "2026-02-18"),
    ("mercoledì della settimana che viene", "2026-02-18"),
    ("mercoledì 18 della prossima settimana", "2026-02-18"),
    ("la settimana prossima mercoledì", "2026-02-18"),
    ("la prossima settimana, di giovedì", "2026-02-19"),
    ("mercoledì di questa settimana", "2026-02-11"),
    ("tra tre giorni", "2026-02-12"),
    ("fra una settimana", "2026-02-16"),
    ("tra due settimane", "2026-02-23"),
    ("tra un mese", "2026-03-09"),
    ("tra una settimana esatta", "2026-02-16"),
    ("una settimana da oggi", "2026-02-16"),
    ("oggi a otto", "2026-02-16"),
    ("domani a otto", "2026-02-17"),
    ("l'11", "2026-02-11"),
    ("il 3", "2026-03-03"),
    ("il 9", "2026-02-09"),
    ("il 31", "2026-03-31"),
    ("il giorno 12", "2026-02-12"),
    ("l'undici", "2026-02-11"),
    ("il ventitré", "2026-02-23"),
    ("il primo marzo", "2026-03-01"),
    ("il 1° marzo", "2026-03-01"),
    ("il primo alle 10", "2026-03-01"),
    ("mercoledì 11", "2026-02-11"),
    ("mer 11", "2026-02-11"),
    ("mercoledì undici febbraio", "2026-02-11"),
    ("Mercoledì, 11 febbraio", "2026-02-11"),
    ("mercoledì prossimo, l'11 febbraio", "2026-02-11"),
    ("11 febbraio 2027", "2027-02-11"),
    ("giovedì dodici febbraio duemilaventisei", "2026-02-12"),
    ("domani, martedì 10 febbraio", "2026-02-10"),
    ("domani mattina, martedì 10 febbraio", "2026-02-10"),
    ("11/02", "2026-02-11"),
    ("11/2/2026", "2026-02-11"),
    ("11/2/26", "2026-02-11"),
    ("11.02.2026", "2026-02-11"),
    ("2026-02-11", "2026-02-11"),
    ("il 17-02", "2026-02-17"),
    ("3 aprile", "2026-04-03"),
    ("3 febbraio", "2027-02-03"),
    ("29 febbraio", "2028-02-29"),
    ("il 15 del mese prossimo", "2026-03-15"),
    ("il primo lunedì di marzo", "2026-03-02"),
    ("il primo lunedì del mese", "2026-03-02"),
    ("l'ultimo venerdì di marzo", "2026-03-27"),
    ("terzo martedì di settembre 2026", "2026-09-15"),
    ("l'ultimo giorno del mese", "2026-02-28"),
    ("Natale", "2026-12-25"),
    ("la vigilia di Natale", "2026-12-24"),
    ("a Santo Stefano", "2026-12-26"),
    ("Capodanno", "2027-01-01"),
    ("la Befana", "2027-01-06"),
    ("San Valentino", "2026-02-14"),
    ("Pasqua", "2026-04-05"),
    ("Pasquetta", "2026-04-06"),
    ("il giorno dopo Pasqua", "2026-04-06"),
    ("Ferragosto", "2026-08-15"),
    ("il primo maggio", "2026-05-01"),
    ("festa della mamma", "2026-05-10"),
]


@pytest.mark.parametrize(("text", "day"), SETTLED)
def test_settled(text: str, day: str) -> None:
    mention = only(text)
    assert mention.value == date.fromisoformat(day)
    assert text[mention.start : mention.end] == mention.text


OPEN = [
    ("questo lunedì", ["2026-02-09", "2026-02-16"], Problem.AMBIGUOUS),
    ("mercoledì prossimo", ["2026-02-11", "2026-02-18"], Problem.AMBIGUOUS),
    ("il prossimo mercoledì", ["2026-02-11", "2026-02-18"], Problem.AMBIGUOUS),
    ("mercoledì di quest'altra settimana", ["2026-02-18", "2026-02-25"], Problem.AMBIGUOUS),
    ("fra due giovedì", ["2026-02-19", "2026-02-26"], Problem.AMBIGUOUS),
    ("mercoledì dell'altra settimana", ["2026-02-18", "2026-02-25"], Problem.AMBIGUOUS),
    ("il primo o il secondo?", ["2026-03-01"], Problem.AMBIGUOUS),
    ("il primo lunedì libero", ["2026-02-09", "2026-02-16"], Problem.AMBIGUOUS),
    ("il 10-12", ["2026-12-10"], Problem.AMBIGUOUS),
    ("ogni mercoledì", ["2026-02-11", "2026-02-18"], Problem.AMBIGUOUS),
    ("mercoledì 12", ["2026-02-11", "2026-02-12"], Problem.WEEKDAY_MISMATCH),
    ("mercoledì 12 febbraio", ["2026-02-11", "2026-02-12"], Problem.WEEKDAY_MISMATCH),
    ("venerdì 25 marzo", ["2026-03-25", "2026-03-27"], Problem.WEEKDAY_MISMATCH),
    ("mercoledì 11 della prossima settimana", ["2026-02-11", "2026-02-18"], Problem.WEEKDAY_MISMATCH),
    ("domani mercoledì", ["2026-02-10", "2026-02-11"], Problem.WEEKDAY_MISMATCH),
    ("31 febbraio", [], Problem.IMPOSSIBLE),
    ("mercoledì 31 febbraio", [], Problem.IMPOSSIBLE),
    ("32 marzo", [], Problem.IMPOSSIBLE),
    ("il 29 febbraio 2026", [], Problem.IMPOSSIBLE),
]


@pytest.mark.parametrize(("text", "candidates", "problem"), OPEN)
def test_open(text: str, candidates: list[str], problem: Problem) -> None:
    mention = only(text)
    assert [day.isoformat() for day in mention.candidates] == candidates
    assert mention.problems == {problem}
    assert mention.value is None


GONE = [
    ("ieri", "2026-02-08"),
    ("tre giorni fa", "2026-02-06"),
    ("venerdì scorso", "2026-02-06"),
    ("3 febbraio 2025", "2025-02-03"),
    ("domenica 8 febbraio", "2026-02-08"),
]


@pytest.mark.parametrize(("text", "day"), GONE)
def test_gone_by(text: str, day: str) -> None:
    mention = only(text)
    assert mention.value == date.fromisoformat(day)
    assert mention.problems == {Problem.PAST}


SEVERAL = [
    ("mercoledì alle 10, alle 15, e giovedì alle 11", [["2026-02-11"], ["2026-02-12"]]),
    ("domani, mercoledì o giovedì", [["2026-02-10"], ["2026-02-11"], ["2026-02-12"]]),
    ("il 15 o il 16 alle 10", [["2026-02-15"], ["2026-02-16"]]),
    ("l'11 e il 12 marzo", [["2026-02-11", "2026-03-11"], ["2026-03-12"]]),
    ("l'11 o il 12 febbraio", [["2026-02-11"], ["2026-02-12"]]),
    ("martedì 17 o mercoledì 18", [["2026-02-17"], ["2026-02-18"]]),
    ("posso spostare da mercoledì a giovedì?", [["2026-02-11"], ["2026-02-12"]]),
    ("domani mattina, mercoledì pomeriggio", [["2026-02-10"], ["2026-02-11"]]),
]


@pytest.mark.parametrize(("text", "expected"), SEVERAL)
def test_several_in_order(text: str, expected: list[list[str]]) -> None:
    assert days(text) == expected


NO_DAYS = [
    "",
    "alle 3",
    "3 volte",
    "il mio numero è 333 123 4567",
    "tre tre tre uno due tre quattro cinque sei sette",
    "un secondo, per favore",
    "costa 3 euro e 50",
    "il 2 per cento, uno sconto del 30%",
    "le tre opzioni",
    "tra due ore",
    "dopo le 15",
    "tra lunedì e mercoledì",
    "da lunedì a venerdì",
    "entro venerdì",
    "la settimana prossima",
    "la settimana del 16 febbraio",
    "la prima volta",
    "via 3 novembre",
    "all'una",
    "ho 3 figli",
    "tra dieci giorni lavorativi",
]


@pytest.mark.parametrize("text", NO_DAYS)
def test_no_days(text: str) -> None:
    assert days(text) == []


def test_sei_is_a_verb_after_a_weekday() -> None:
    assert only("mercoledì sei libero?").text == "mercoledì"


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, "2024-03-31"), (2025, "2025-04-20"), (2038, "2038-04-25"), (2100, "2100-03-28")],
)
def test_easter(year: int, day: str) -> None:
    assert Feast(from_easter=0, year=year).on(date(year, 1, 1)).days == (date.fromisoformat(day),)


WRITINGS = [
    lambda d: f"{WEEKDAYS[d.weekday()]} {d.day} {MONTHS[d.month - 1]}",
    lambda d: (
        f"{WEEKDAYS[d.weekday()].capitalize()} {d.day} {MONTHS[d.month - 1]} {d.year} alle 15, va bene?"
    ),
    lambda d: f"il {d.day} {MONTHS[d.month - 1].upper()}",
    lambda d: f"{d.day} di {MONTHS[d.month - 1]} del {d.year}",
    lambda d: f"{d:%d/%m}",
    lambda d: f"{d:%d/%m/%Y}",
    lambda d: f"{d:%d.%m.%Y}",
    lambda d: f"{d:%Y-%m-%d}",
    lambda d: (
        f"{WEEKDAYS[d.weekday()][:-1]}i', il {d.day} {MONTHS[d.month - 1]}"
        if d.weekday() < 5
        else f"il giorno {d:%d/%m}"
    ),
]
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1), timezones=st.just(ROME))  # noqa: DTZ001  # bounds are naive, the zone is given beside


@given(INSTANTS, st.integers(0, 330), st.sampled_from(WRITINGS))
def test_a_written_day_comes_back(now: datetime, ahead: int, write: object) -> None:
    day = now.date() + timedelta(days=ahead)
    assert callable(write)
    assert only(write(day), now).value == day


@given(INSTANTS, st.integers(0, 6))
def test_a_weekday_is_the_next_one(now: datetime, weekday: int) -> None:
    mention = only(f"facciamo {WEEKDAYS[weekday]} alle 15", now)
    assert mention.value == now.date() + timedelta(days=(weekday - now.weekday() - 1) % 7 + 1)


@given(INSTANTS, st.integers(1, 330), st.integers(1, 6))
def test_a_wrong_weekday_is_never_settled(now: datetime, ahead: int, off: int) -> None:
    day = now.date() + timedelta(days=ahead)
    weekday = WEEKDAYS[(day.weekday() + off) % 7]
    mention = only(f"{weekday} {day.day} {MONTHS[day.month - 1]}", now)
    assert mention.value is None or Problem.PAST in mention.problems
    assert mention.problems


PIECES = [
    *WEEKDAYS,
    *MONTHS,
    "il",
    "l'",
    "prossimo",
    "tra",
    "da",
    "a",
    "31",
    "9999",
    "primo",
    "vigilia di",
    "giorno",
]
PIECES += [
    "settimana",
    "mesi",
    "anni",
    "fa",
    "dopo",
    "alle",
    "e",
    "oggi a otto",
    "31/12/9999",
    "ultimo",
    ",",
    "0",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
def test_any_text_gives_mentions_in_order(text: str) -> None:
    found = find_dates(text, NOW)
    assert all(text[mention.start : mention.end] == mention.text != "" for mention in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert all(mention.problems for mention in found if len(mention.candidates) != 1)
