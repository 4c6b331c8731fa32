"""How a caller means the days and times of a turn, and which of the offered ones is picked."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from engine.ports import Mention, MentionKind
from engine.understanding.caller import (
    CallerReading,
    Meant,
    bare_weekday,
    means,
    names_this_number,
    read_caller,
)
from engine.understanding.dates import find_dates
from engine.understanding.mentions import Act
from tests.dialogues import shipped_rulebook
from tests.storage.playground import ROME

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)  # a Monday
WISH, ALOUD, RULED_OUT, ELSEWHERE, OLD = Meant.WISH, Meant.ALOUD, Meant.RULED_OUT, Meant.ELSEWHERE, Meant.OLD


def said(text: str, *found: Mention, yes_no_pending: bool = False) -> CallerReading:
    return read_caller(text, NOW, shipped_rulebook().phrases, yes_no_pending=yes_no_pending, found=found)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Vorrei prenotare mercoledì", [WISH]),
        ("Mercoledì alle 15", [WISH]),
        ("Mercoledì non posso", [RULED_OUT]),
        ("Non mercoledì", [RULED_OUT]),
        ("Mercoledì no, giovedì sì", [RULED_OUT, WISH]),
        ("Mercoledì non riesco, facciamo giovedì", [RULED_OUT, WISH]),
        ("Tutti i giorni tranne mercoledì", [RULED_OUT]),
        ("Forse mercoledì", [ALOUD]),
        ("Mercoledì e magari anche giovedì", [WISH, ALOUD]),
        ("Non so, magari mercoledì", [ALOUD]),
        ("Ieri ero dal dentista, vorrei venire mercoledì", [ELSEWHERE, WISH]),
        ("Siete aperti il sabato?", [ELSEWHERE]),
        ("Mercoledì ho una riunione", [ELSEWHERE]),
        ("Giovedì ho un altro appuntamento", [ELSEWHERE]),
        ("Vorrei disdire l'appuntamento di mercoledì", [OLD]),
        ("Quello di mercoledì", [OLD]),
        ("Vorrei spostare l'appuntamento di giovedì a mercoledì", [OLD, WISH]),
    ],
)
def test_how_days_are_meant(text: str, meant: list[Meant]) -> None:
    assert [day.meant for day in said(text).dates] == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Alle 15", [WISH]),
        ("Alle 15 non posso", [RULED_OUT]),
        ("Non alle 15, alle 16", [RULED_OUT, WISH]),
        ("Alle 15 o forse alle 16", [WISH, ALOUD]),
        ("Alle 15 è troppo tardi", [RULED_OUT]),
    ],
)
def test_how_times_are_meant(text: str, meant: list[Meant]) -> None:
    assert [at.meant for at in said(text).times] == meant


@pytest.mark.parametrize(
    ("text", "ordinal"),
    [
        ("Il primo", 0),
        ("La seconda, grazie", 1),
        ("Prendo il terzo", 2),
        ("L'ultimo", -1),
        ("Va bene il secondo", 1),
        ("Il primo marzo", None),
        ("Il primo giorno libero", None),
        ("È la prima volta", None),
        ("Mercoledì", None),
    ],
)
def test_which_of_those_offered(text: str, ordinal: int | None) -> None:
    assert said(text).ordinal == ordinal


@pytest.mark.parametrize(
    ("text", "this"),
    [
        ("Questo numero va bene", True),
        ("Il numero da cui chiamo", True),
        ("Quello da cui sto chiamando", True),
        ("Lo stesso numero", True),
        ("Il mio numero è 333 1234567", False),
        ("Che numero?", False),
        ("Questo mercoledì", False),
    ],
)
def test_the_number_of_the_line_itself(text: str, this: bool) -> None:
    assert names_this_number(text) is this
    assert said(text).this_number is this


def day_of(text: str) -> date:
    (mention,) = find_dates(text, NOW)
    assert mention.candidates
    return mention.candidates[0]


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("mercoledì", True),
        ("il mercoledì", True),
        ("gioved", True),
        ("mercoledì 11", False),
        ("mercoledì prossimo", False),
        ("l'11 febbraio", False),
        ("domani", False),
    ],
)
def test_a_bare_weekday(text: str, bare: bool) -> None:
    (mention,) = find_dates(text, NOW)
    assert bare_weekday(mention) is bare


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        ("mercoledì", date(2026, 2, 11), True),
        ("mercoledì", date(2026, 2, 18), True),  # the Wednesday already talked about
        ("mercoledì", date(2026, 2, 12), False),
        ("mercoledì 11", date(2026, 2, 18), False),
        ("mercoledì 11 febbraio", date(2026, 2, 11), True),
        ("domani", date(2026, 2, 10), True),
        ("domani", date(2026, 2, 17), False),
    ],
)
def test_what_words_can_mean_of_a_known_day(text: str, day: date, expected: bool) -> None:
    (mention,) = find_dates(text, NOW)
    assert means(mention, day) is expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("La settimana prossima, mercoledì alle 15", date(2026, 2, 18)),
        ("Settimana prossima giovedì", date(2026, 2, 19)),
        ("Mercoledì alle 15", date(2026, 2, 11)),
    ],
)
def test_a_weekday_of_the_week_said_before_it(text: str, day: date) -> None:
    (found,) = said(text).dates
    assert found.mention.candidates == (day,)


def test_the_ordinal_is_no_date() -> None:
    assert said("Prendo il primo").dates == ()


@pytest.mark.parametrize(
    ("text", "pointer", "count"),
    [
        ("direi mercoledì", Mention(MentionKind.DATE, 1, "mercoledì"), 1),  # seen already
        ("alle 15", Mention(MentionKind.DATE, 1, "domani"), 0),  # not said
        ("Sì", Mention(MentionKind.DATE, 1, "Sì"), 0),  # said, but no day
        ("Sì", Mention(MentionKind.DATE, 1, ""), 0),
    ],
)
def test_another_extractor_only_points_at_words(text: str, pointer: Mention, count: int) -> None:
    assert len(said(text, pointer).dates) == count


def test_a_pointed_at_name_is_read() -> None:
    reading = said("ehm, bianchi lucia", Mention(MentionKind.NAME, 1, "bianchi lucia"))
    assert [name.value for name in reading.names] == ["Bianchi Lucia"]


@pytest.mark.parametrize(
    ("text", "keeps"),
    [("Lo tengo", True), ("No no, lasci stare", True), ("Resta com'è", True), ("Lo sposto", False)],
)
def test_the_appointment_stays(text: str, keeps: bool) -> None:
    assert said(text).keeps is keeps


def test_acts_and_their_places() -> None:
    reading = said("Sì, sì, mercoledì", yes_no_pending=True)
    yes = reading.last(Act.AFFIRM)
    assert yes is not None
    assert reading.text[yes.start : yes.end].lower().endswith("sì")
    assert reading.does(Act.DENY, Act.AFFIRM)
    assert not reading.does(Act.DENY, Act.CORRECT)
    assert reading.last(Act.CANCEL) is None


@pytest.mark.parametrize(
    ("between", "repairs"), [("anzi", True), ("no, meglio", True), ("e", False), ("oppure", False)]
)
def test_words_that_take_back_what_was_said(between: str, repairs: bool) -> None:
    reading = said(f"mercoledì {between} giovedì")
    start = len("mercoledì")
    assert reading.repairs((start, start + len(between) + 2)) is repairs


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("il secondo", 1),
        ("non il primo, il secondo", 1),
        ("il primo no, il terzo", 2),
        ("il primo, anzi il secondo", 1),
        ("il primo o il secondo", None),
        ("il primo no, il secondo nemmeno", None),
    ],
)
def test_which_offer_is_chosen_by_its_place(text: str, place: int | None) -> None:
    assert said(text).ordinal == place


def test_a_number_turned_down_is_not_the_one_of_the_line() -> None:
    assert said("Quello da cui chiamo").this_number
    assert not said("Non quello da cui chiamo").this_number
