"""Telephone numbers as they are dictated: whole, in pieces, corrected."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.understanding.digits import find_digit_runs, number_words
from engine.understanding.it.numbers import BELOW_TWENTY
from engine.understanding.mentions import Problem
from engine.understanding.phone_corrections import ends_with
from engine.understanding.phones import find_phones, phone_from_digits

MARIO = "+393331234567"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Il numero è 333 1234567", MARIO),
        ("333-123-4567", MARIO),
        ("333.123.45.67", MARIO),
        ("333/1234567", MARIO),
        ("tre tre tre uno due tre quattro cinque sei sette", MARIO),
        ("tre, tre, tre, uno, due, tre, quattro, cinque, sei, sette.", MARIO),
        ("Tre tre tre e poi uno due tre ehm quattro cinque sei sette", MARIO),
        ("trecentotrentatré dodici trentaquattro cinque sei sette", MARIO),
        ("trecento trentatré 1234567", MARIO),
        ("trentatré tre uno due tre quattro cinque sei sette", MARIO),
        ("triplo tre uno due tre quattro cinque sei sette", MARIO),
        ("tre volte tre 1234567", MARIO),
        ("+39 333 1234567", MARIO),
        ("0039 333 1234567", MARIO),
        ("39 333 1234567", MARIO),
        ("più trentanove tre tre tre uno due tre quattro cinque sei sette", MARIO),
        ("zero zero trentanove tre tre tre uno due tre quattro cinque sei sette", MARIO),
        ("sì certo, tre quattro sette doppio otto nove doppio zero uno due", "+393478890012"),
        ("chiamatemi al 392 1234567 grazie", "+393921234567"),
        ("zero sei uno due tre quattro cinque sei sette otto", "+390612345678"),
        ("il fisso è 02 8646 1234", "+390286461234"),
        ("+44 20 7183 8750", "+442071838750"),
        ("mercoledì alle 15 e 30, 333 1234567", MARIO),
        ("mercoledì 11, 333 1234567", MARIO),
        ("l'11 febbraio 2026, 333 1234567", MARIO),
        ("333 1234567, 11 febbraio", MARIO),
        ("il 11/02/2026 alle 15:30 e il numero è 333 1234567", MARIO),
    ],
)
def test_finds_a_whole_number(text: str, value: str) -> None:
    (mention,) = find_phones(text)
    assert (mention.value, mention.problems) == (value, frozenset())
    assert text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize(
    ("text", "digits", "problem"),
    [
        ("333 123456", "333123456", Problem.INCOMPLETE),
        ("il mio numero è 333", "333", Problem.INCOMPLETE),
        ("333 12345678", "33312345678", Problem.INVALID),
        ("+39 333 12345", "+3933312345", Problem.INCOMPLETE),
        ("+39 333 12345678", "+3933312345678", Problem.INVALID),
        ("06 1234", "061234", Problem.INCOMPLETE),
        ("il numero è 123456789", "123456789", Problem.INVALID),
        ("il cellulare è 800 123456", "800123456", Problem.INVALID),
        ("tre tre tre uno due tre venti cinque sei sette", "33312320567", Problem.INVALID),
    ],
)
def test_says_what_is_wrong(text: str, digits: str, problem: Problem) -> None:
    (mention,) = find_phones(text)
    assert (mention.digits, mention.value, mention.problems) == (digits, None, frozenset({problem}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alle 15 e 30",
        "alle quindici e trenta",
        "11 febbraio 2026",
        "mercoledì 11 alle 15",
        "il 20/12/2026 alle 10:30",
        "11-02-2026",
        "costa 120 euro o 1.200,50 €?",
        "tra 2 o 3 settimane",
        "sei sicuro? sei tu?",
        "dalle 14 alle 16 o dalle 17 alle 19",
        "la partita iva è 12345678901",
        "duemilaventisei",
        "sono 3 persone, abito al numero 12",
    ],
)
def test_leaves_other_numbers_alone(text: str) -> None:
    assert find_phones(text) == ()


def test_keeps_both_numbers_of_a_correction() -> None:
    found = find_phones("333 1234567, no anzi 347 7654321")
    assert [m.value for m in found] == [MARIO, "+393477654321"]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("centoventitré", ["123"]),
        ("45 67", ["4567"]),
        ("Sette.", ["7"]),
        ("e poi doppio zero", ["00"]),
        ("quarantacinque sessantasette", ["4567"]),
        ("alle 15 e 30", []),
        ("alle 15", []),
        ("mercoledì 11", []),
        ("sì sette giorni", []),
    ],
)
def test_pieces_of_a_number(text: str, digits: list[str]) -> None:
    assert [run.digits for run in find_digit_runs(text)] == digits


def test_pieces_join_to_a_number() -> None:
    pieces = [run.digits for t in ("tre tre tre", "centoventitré", "45 67") for run in find_digit_runs(t)]
    assert phone_from_digits("".join(pieces)) == (MARIO, frozenset())
    assert phone_from_digits("".join(pieces[:2])) == (None, frozenset({Problem.INCOMPLETE}))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("no, finisce con 33", "33"),
        ("no le ultime due cifre sono quattro cinque", "45"),
        ("non finisce con 34, finisce con 35", "35"),
        ("termina per trentatré", "33"),
        ("333 1234567", None),
        ("finisce alle 15", None),
    ],
)
def test_partial_correction(text: str, digits: str | None) -> None:
    assert ends_with(text) == digits


def test_number_words_hold_both_spellings() -> None:
    words = number_words()
    for word, figures in {
        "ventuno": "21",
        "centottanta": "180",
        "centoottanta": "180",
        "trecentotrentatre": "333",
        "duemilaventisei": "2026",
        "millenovecentottantacinque": "1985",
        "trecentotto": "308",
    }.items():
        assert words[word] == figures


def test_refuses_words_as_digits() -> None:
    with pytest.raises(ValueError, match=r"digits only.* got 6 other"):
        phone_from_digits("333CALLME")


def _said(digits: str, draw: st.DrawFn) -> str:
    """`digits` said in one of the many ways."""
    by_figure: dict[str, list[str]] = {}
    for word, figures in number_words().items():
        by_figure.setdefault(figures, []).append(word)
    said, at = [], 0
    while at < len(digits):
        size = draw(st.sampled_from([1, 1, 2, 3, 4]))
        group = digits[at : at + size]
        ways = [group, " ".join(BELOW_TWENTY[int(d)] for d in group)]
        # "trecento" before a word from ten to ninety-nine is heard as one number: not a way to say "300 12".
        # Nor are words for thousands, which may be the beginning of a longer number.
        if group in by_figure and len(group) < 4 and not (len(group) == 3 and group.endswith("00")):
            ways += by_figure[group]
        if len(group) == 2 and group[0] == group[1]:
            ways.append("doppio " + BELOW_TWENTY[int(group[0])])
        if len(group) == 3 and len(set(group)) == 1:
            ways += [f"triplo {BELOW_TWENTY[int(group[0])]}", f"tre volte {group[0]}"]
        if len(group) > 1 and not group.strip("0"):
            ways.append(f"{BELOW_TWENTY[len(group)]} zeri")
        said.append(draw(st.sampled_from(ways)))
        at += size
    joined = said[0]
    for piece in said[1:]:
        joined += (
            draw(st.sampled_from([" ", " ", ", ", " - ", " e poi ", ", sì, ", " okay ", "... "])) + piece
        )
    return joined


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_however_it_is_said(data: st.DataObject) -> None:
    digits = (
        "3" + data.draw(st.sampled_from("234")) + data.draw(st.text("0123456789", min_size=8, max_size=8))
    )
    expected, problems = phone_from_digits(digits)
    said = data.draw(st.composite(lambda draw: _said(digits, draw))())
    lead = data.draw(st.sampled_from(["", "il mio numero è ", "Sì, allora: ", "+39 ", "più trentanove "]))
    (mention,) = find_phones(lead + said)
    assert (mention.value, mention.problems) == (expected, problems)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_never_raises_and_offsets_hold(text: str) -> None:
    for mention in (*find_phones(text), *find_digit_runs(text)):
        assert text[mention.start : mention.end] == mention.text
    ends_with(text)


@pytest.mark.parametrize(
    "unit", ["1", "tre ", "1.", "finisce con 3, ", "+", "doppio ", "numero 333 ", "11/02/"]
)
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """As much as nobody says in a turn; in time that grows faster than the text this would not come to an end."""
    text = unit * (60_000 // len(unit))
    ends_with(text)
    for found in (find_phones(text), find_digit_runs(text)):
        assert not found or found[-1].end > len(text) - len(unit)
