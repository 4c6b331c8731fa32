"""Email addresses as they are dictated: whole, in pieces, doubtful."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.understanding.emails import PROVIDERS, find_email_pieces, find_emails, join_email_pieces
from engine.understanding.mentions import Problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mario@gmail.com", "mario@gmail.com"),
        ("La mia email è Mario.Rossi@Gmail.com, grazie.", "mario.rossi@gmail.com"),
        ("mario.rossi@gmail.com. Confermo.", "mario.rossi@gmail.com"),
        ("mi chiamo Marco Rossi mario@gmail.com", "mario@gmail.com"),
        ("all'indirizzo mario@gmail.com, corretto?", "mario@gmail.com"),
        ("la mia email è mario punto rossi chiocciola gmail punto com", "mario.rossi@gmail.com"),
        ("La mia email è: mario, punto, rossi, chiocciola, gmail, punto, com.", "mario.rossi@gmail.com"),
        ("la mia email è mario rossi chiocciola gmail punto com", "mariorossi@gmail.com"),
        ("l'indirizzo è mario rossi tutto attaccato chiocciola gmail punto com", "mariorossi@gmail.com"),
        ("mario rossi chiocciola gmail punto com", "mariorossi@gmail.com"),
        ("mario chiocciola gmail punto com", "mario@gmail.com"),
        ("la mail e mario chiocciola libero punto it", "mario@libero.it"),
        ("mario ottantacinque chiocciola gmail punto com", "mario85@gmail.com"),
        ("mario uno nove otto cinque chiocciola gmail punto com", "mario1985@gmail.com"),
        ("emme a erre i o chiocciola libero punto it", "mario@libero.it"),
        ("emme, a, erre, i, o, chiocciola, libero, punto, it", "mario@libero.it"),
        ("m a r i o chiocciola libero punto it", "mario@libero.it"),
        ("a come Ancona, b come Bologna, punto rossi chiocciola g mail punto com", "ab.rossi@gmail.com"),
        ("emme di Milano a di Ancona chiocciola gmail punto com", "ma@gmail.com"),
        ("m punto rossi chiocciola gmail punto com", "m.rossi@gmail.com"),
        ("pa doppia zeta i chiocciola alice punto it", "pazzi@alice.it"),
        ("mario trattino basso rossi chiocciola hotmail punto it", "mario_rossi@hotmail.it"),
        ("mario underscore rossi at yahoo punto it", "mario_rossi@yahoo.it"),
        ("jean trattino jacques chiocciola live punto it", "jean-jacques@live.it"),
        ("mario chiocciola g mail punto com", "mario@gmail.com"),
        ("mario chiocciola hot mail punto it", "mario@hotmail.it"),
        ("mario chiocciola gmail com", "mario@gmail.com"),
        ("mario@gmail punto com", "mario@gmail.com"),
        ("sì, scriva a mario punto bianchi chiocciola pec punto it alle tre", "mario.bianchi@pec.it"),
        ("info chiocciola studio rossi punto it e il telefono è 333 1234567", "info@studiorossi.it"),
        ("e-mail mario.rossi@libero.it", "mario.rossi@libero.it"),
        ("L'e-mail è due.rossi@tre.it", "due.rossi@tre.it"),
        ("sei-sette mario.rossi@libero.it", "mario.rossi@libero.it"),
        ("mario punto rossi@gmail.com", "mario.rossi@gmail.com"),
        ("a.di@libero.it", "a.di@libero.it"),
        # facebook/duckling Duckling/Email/IT/Corpus.hs
        ("alice chiocciola exAmple.io", "alice@example.io"),
        ("yo+yo chiocciola blah.org", "yo+yo@blah.org"),
        ("1234+abc chiocciola x.net", "1234+abc@x.net"),
        ("jean-jacques chiocciola stuff.co.uk", "jean-jacques@stuff.co.uk"),
    ],
)
def test_finds_a_whole_address(text: str, value: str) -> None:
    (mention,) = find_emails(text)
    assert (mention.value, mention.problems) == (value, frozenset())
    assert text[mention.start : mention.end] == mention.text


@pytest.mark.parametrize(
    ("text", "problem", "suggestion"),
    [
        ("mario@gmial.com", Problem.LIKELY_SLIP, "mario@gmail.com"),
        ("mario@gmail.con", Problem.LIKELY_SLIP, "mario@gmail.com"),
        ("mario@gmail.it", Problem.LIKELY_SLIP, "mario@gmail.com"),
        ("mario@studiorossi.con", Problem.LIKELY_SLIP, "mario@studiorossi.com"),
        ("mario chiocciola hotmial punto com", Problem.LIKELY_SLIP, "mario@hotmail.com"),
        ("mario@libbero.it", Problem.LIKELY_SLIP, "mario@libero.it"),
        ("la mia è mario rossi chiocciola gmail punto com", Problem.AMBIGUOUS, "mariorossi@gmail.com"),
        ("chiamami pure rossi chiocciola gmail punto com", Problem.AMBIGUOUS, "chiamamipurerossi@gmail.com"),
        ("la mia email è mario rossi@gmail.com", Problem.AMBIGUOUS, "mariorossi@gmail.com"),
        ("mario chiocciola gmail", Problem.INCOMPLETE, "mario@gmail.com"),
        ("chiocciola gmail punto com", Problem.INCOMPLETE, None),
        ("mario punto rossi chiocciola", Problem.INCOMPLETE, None),
        ("mario..rossi@gmail.com", Problem.INVALID, None),
        ("mario chiocciola prova punto test", Problem.AMBIGUOUS, None),
    ],
)
def test_never_settles_what_is_doubtful(text: str, problem: Problem, suggestion: str | None) -> None:
    (mention,) = find_emails(text)
    assert (mention.value, mention.problems, mention.suggestion) == (None, frozenset({problem}), suggestion)


@pytest.mark.parametrize("domain", sorted(PROVIDERS))
def test_known_providers_are_no_slips(domain: str) -> None:
    assert find_emails(f"mario@{domain}")[0].value == f"mario@{domain}"


@pytest.mark.parametrize(
    "text", ["", "alle tre in punto", "non ce l'ho", "punto", "@", "mi chiamo Mario Rossi"]
)
def test_finds_none(text: str) -> None:
    assert find_emails(text) == ()


def test_keeps_both_addresses_of_a_correction() -> None:
    found = find_emails(
        "mario@gmail.com, anzi no, la mia email è mario punto rossi chiocciola libero punto it"
    )
    assert [m.value for m in found] == ["mario@gmail.com", "mario.rossi@libero.it"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("mario punto rossi", ["mario punto rossi"]),
        ("sì, è chiocciola gmail punto com", ["chiocciola gmail punto com"]),
        ("emme, punto, rossi", ["emme, punto, rossi"]),
        ("va bene mercoledì", []),
    ],
)
def test_pieces_of_an_address(text: str, pieces: list[str]) -> None:
    assert [piece.text for piece in find_email_pieces(text)] == pieces


def test_pieces_join_to_an_address() -> None:
    joined = join_email_pieces(["mario punto rossi.", "chiocciola gmail", "punto com"])
    assert joined is not None and joined.value == "mario.rossi@gmail.com"
    assert join_email_pieces(["sì", "va bene"]) is None


SPOKEN = {".": "punto", "_": "trattino basso", "-": "trattino", "@": "chiocciola"}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_however_it_is_said(data: st.DataObject) -> None:
    names = st.sampled_from(["mario", "rossi", "giulia", "bianchi", "luca", "studio", "anna"])
    local = data.draw(names)
    for _ in range(data.draw(st.integers(0, 2))):
        local += data.draw(st.sampled_from("._-")) + data.draw(names)
    digits = data.draw(st.sampled_from(["", "85", "7"]))
    domain = data.draw(st.sampled_from(["gmail.com", "libero.it", "studiorossi.it", "outlook.it"]))
    address = f"{local}{digits}@{domain}"
    spoken = data.draw(st.booleans())
    said = address
    if spoken:
        said = local + {"": "", "85": " ottantacinque", "7": " sette"}[digits] + "@" + domain
        for sign, word in SPOKEN.items():
            said = said.replace(sign, f" {word} ")
    lead = data.draw(
        st.sampled_from(["", "la mia email è ", "Sì, allora, l'indirizzo è ", "scriva a ", "è "])
    )
    tail = data.draw(st.sampled_from(["", ".", ", grazie", " e il telefono è 333 1234567"]))
    (mention,) = find_emails(lead + said + tail)
    assert (mention.value, mention.problems) == (address, frozenset())


@given(
    st.text(max_size=150)
    | st.lists(st.sampled_from([*"@.,-_ aè1", " chiocciola ", " punto ", "e "])).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_never_raises_and_offsets_hold(text: str) -> None:
    for mention in (*find_emails(text), *find_email_pieces(text)):
        assert text[mention.start : mention.end] == mention.text


UNITS = [
    "a",
    "a ",
    "@",
    "a@",
    "chiocciola ",
    "punto ",
    "a.",
    "mario chiocciola ",
    "emme, ",
    "doppia ",
    "a come ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """As much as nobody says in a turn; in time that grows faster than the text this would not come to an end."""
    text = unit * (30_000 // len(unit))
    for read in (find_emails, find_email_pieces):
        assert all(text[m.start : m.end] == m.text for m in read(text))
    find_emails(text + "@" + text + ".it")
