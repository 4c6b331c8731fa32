"""Who speaks, and what only looks like a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.names import find_names


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sono Marco Rossi", "Marco Rossi"),
        ("Buongiorno, sono Marco.", "Marco"),
        ("mi chiamo marco rossi e vorrei prenotare", "Marco Rossi"),
        ("mi chiamo Marco vorrei un appuntamento", "Marco"),
        ("Mi chiamo anna maria bianchi", "Anna Maria Bianchi"),
        ("sono la signora Anna De Luca, vorrei un appuntamento", "Anna De Luca"),
        ("a nome Bianchi", "Bianchi"),
        ("a nome di Giuseppe D'Angelo", "Giuseppe D'Angelo"),
        ("il mio nome è anna", "Anna"),
        ("mi chiamo Maria Rosaria Di Stefano", "Maria Rosaria Di Stefano"),
        ("salve, parla Rossi", "Rossi"),
        ("sono il dottor Verdi", "Verdi"),
        ("mi chiamo nicolò", "Nicolò"),
    ],
)
def test_finds_who_speaks(text: str, value: str) -> None:
    (mention,) = find_names(text)
    assert mention.value == value
    assert text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize(
    "text",
    [
        "sono interessato",
        "Sono in ritardo",
        "sono libero giovedì",
        "SONO LIBERO",
        "sono io",
        "sono D'Accordo",
        "mi presento, sono d'accordo",
        "sono le tre",
        "Sono Io.",
        "sono di Milano",
        "ci sono Marco e Anna",
        "non sono Marco",
        "non mi chiamo Marco",
        "sono, Marco, in ritardo",
        "sono Mercoledì in ufficio",
        "mi chiamo",
        "a nome",
        "Marco Rossi",
        "",
    ],
)
def test_is_no_name(text: str) -> None:
    assert find_names(text) == ()


@given(
    st.text(max_size=150)
    | st.lists(st.sampled_from(["sono", "mi chiamo", "De", "la", "Marco", "D'", ","])).map(" ".join)
)
def test_never_raises_and_offsets_hold(text: str) -> None:
    for mention in find_names(text):
        assert mention.text and text[mention.start : mention.end] == mention.text
