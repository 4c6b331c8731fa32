"""How long an appointment is to last, in every way it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.durations import find_durations


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("mezz'ora", 30),
        ("una mezz'oretta", 30),
        ("mezza ora basta", 30),
        ("un'ora", 60),
        ("per un'ora, mercoledì", 60),
        ("un'ora e mezza", 90),
        ("un’ora e un quarto", 75),
        ("un'ora e tre quarti", 105),
        ("un'ora e venti", 80),
        ("un'ora e quarantacinque minuti", 105),
        ("due ore", 120),
        ("due ore e poi vediamo", 120),
        ("2 ore e mezza", 150),
        ("45 minuti", 45),
        ("quarantacinque minuti", 45),
        ("tre quarti d'ora", 45),
        ("un quarto d'ora", 15),
        ("alle 15, 30 minuti", 30),
    ],
)
def test_finds_how_long(text: str, minutes: int) -> None:
    (mention,) = find_durations(text)
    assert mention.minutes == minutes
    assert text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize(
    "text",
    [
        "tra un'ora",
        "fra due ore",
        "tra circa mezz'ora",
        "un'ora fa",
        "un'ora dopo",
        "mezz'ora prima",
        "entro 48 ore",
        "24 ore su 24",
        "30 ore",
        "alle ore 15 e 30 minuti",
        "alle 15 e 30",
        "alle tre e un quarto",
        "a un'altra ora",
        "a un'ora diversa",
        "dieci minuti di ritardo",
        "che ore sono",
        "quante ore",
        "",
    ],
)
def test_is_no_length(text: str) -> None:
    assert find_durations(text) == ()


def test_keeps_both_of_a_correction() -> None:
    assert [m.minutes for m in find_durations("un'ora, anzi un'ora e mezza")] == [60, 90]


@given(
    st.text(max_size=150)
    | st.lists(st.sampled_from(["un'ora", "e", "mezza", "30", "minuti", ",", "due", "ore"])).map(" ".join)
)
def test_never_raises_and_offsets_hold(text: str) -> None:
    for mention in find_durations(text):
        assert text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize("unit", ["un'ora e ", "minuti ", "a", "1 ", "ore e "])
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """As much as nobody says in a turn; in time that grows faster than the text this would not come to an end."""
    text = unit * (60_000 // len(unit))
    found = find_durations(text)
    assert [m.text for m in found] == (["un'ora"] * (len(text) // len(unit)) if "un'" in unit else [])
