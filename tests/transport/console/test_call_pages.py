"""The pages of calls: filters, callbacks to tick off, what was recognised in the words, the way through the machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from engine.ports import Mention, MentionKind
from fsm.stages import Stage
from storage import calls, people
from storage.database import Database
from tests.transport.console.conftest import Page, PageAs, viewer
from transport.console import highlights
from transport.console.access import Role
from transport.console.call_filters import read_filters
from transport.console.highlights import Piece, Reader, pieces
from transport.console.machine_drawing import Step, drawing, edges, in_words

TODAY = datetime(2026, 2, 9, 12, tzinfo=UTC)


async def listed(page: Page, query: str) -> list[str]:
    response = await page.get(f"/chiamate?{query}")
    assert response.status == 200
    return re.findall(r'class="who" href="/chiamate/(\w+)"', await response.text())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("esito=creato", ["booked", "lead"]),
        ("esito=spostato", ["moved"]),
        ("esito=disdetto", ["cancelled"]),
        ("esito=nessuno", ["running", "none", "interrupted"]),
        ("stato=in_corso", ["running"]),
        ("stato=da_richiamare", ["none"]),
        ("stato=interrotta", ["interrupted"]),
        ("fase=completato", ["moved"]),
        ("numero=340+111+1111", ["booked", "moved", "cancelled"]),
        ("numero=%2B39+333+1234567", ["lead"]),
        ("dal=2026-02-13", []),
        ("dal=2026-02-12&al=2026-02-12&esito=creato", ["booked", "lead"]),
        ("al=2026-02-11", []),
        ("consulente=99", []),
        ("consulente=1&stato=in_corso", ["running"]),
        ("esito=<b>&fase=boh&stato=mai&consulente=x", ["running", "booked", "moved", "cancelled", "lead"]),
    ],
)
async def test_filters(page: Page, seeded: dict[str, str], query: str, names: list[str]) -> None:
    assert await listed(page, query) == [seeded[name] for name in names]


@pytest.mark.parametrize("query", ["numero=12", "numero=abc", "dal=ieri", "al=2026-13-01", "dal=0001-01-01"])
async def test_what_cannot_be_filtered_by_is_said_and_finds_nothing(
    page: Page, seeded: dict[str, str], query: str
) -> None:
    text = await (await page.get(f"/chiamate?{query}")).text()
    assert 'aria-invalid="true"' in text
    assert 'class="who"' not in text


async def test_the_next_page_keeps_the_filters(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    def many() -> None:
        for _ in range(6):
            calls.open_call(
                bridge_call_id="b", consultant_id=1, direction="inbound", caller_number="+393409999999",
                dialled_number=None, now=TODAY,
            )  # fmt: skip

    await database.run(many)
    text = await (await page.get("/chiamate?numero=3409999999&esito=nessuno")).text()
    (older,) = re.findall(r'href="(/chiamate\?[^"]*)" rel="next"', text)
    assert "numero=3409999999" in older
    assert "esito=nessuno" in older
    assert len(await listed(page, older.replace("&amp;", "&").partition("?")[2])) == 2


async def test_a_callback_is_ticked_off_once_with_who_and_when(page: Page, seeded: dict[str, str]) -> None:
    address = f"/chiamate/{seeded['none']}"
    text = await (await page.get(address)).text()
    assert "aspetta che una persona richiami" in text
    assert "Una persona aspetta di essere richiamata" in await (await page.get("/chiamate")).text()
    (token,) = set(re.findall(r'name="modulo" value="(\w+)"', text))
    origin = {"Origin": str(page.make_url("/")).rstrip("/")}
    refused = await page.post(f"{address}/richiamata", headers=origin, allow_redirects=False)
    assert refused.status == 403
    for _ in range(2):
        done = await page.post(
            f"{address}/richiamata", data={"modulo": token}, headers=origin, allow_redirects=False
        )
        assert (done.status, done.headers["Location"]) == (303, address)
    text = await (await page.get(address)).text()
    assert "Richiamata segnata da Vera" in text
    assert "aspetta di essere" not in await (await page.get("/chiamate")).text()
    assert await listed(page, "stato=da_richiamare") == []


async def test_a_consultant_filters_only_their_own(
    page_as: PageAs, database: Database, seeded: dict[str, str]
) -> None:
    other = await database.run(lambda: people.add_consultant("Verdi"))
    theirs = await page_as(viewer(Role.CONSULENTE, consultant=other))
    assert await listed(theirs, "consulente=1") == []
    assert (await theirs.get(f"/chiamate/{seeded['none']}")).status == 404


# --- What was recognised ----------------------------------------------------------------------------------


def marked(text: str, found: list[Piece]) -> list[tuple[str, str | None]]:
    assert "".join(piece.text for piece in found) == text
    return [(piece.text, piece.kind) for piece in found if piece.kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vorrei mercoledì 11 febbraio alle 15", [("mercoledì 11 febbraio", "date"), ("alle 15", "time")]),
        ("Il mio numero è 340 123 4567", [("340 123 4567", "phone")]),
        ("buongiorno", []),
    ],
)
def test_mentions_stand_in_their_words(text: str, expected: list[tuple[str, str]]) -> None:
    seen = Reader().caller(text, TODAY, False)
    assert marked(text, pieces(text, seen.places)) == expected


def test_of_places_that_overlap_the_longer_one_stays() -> None:
    text = "mercoledì alle 15"
    found = pieces(text, [(0, 9, "date"), (0, 17, "range"), (10, 17, "time"), (5, 99, "name"), (3, 3, "x")])
    assert marked(text, found) == [(text, "range")]
    assert pieces("", []) == []


def test_what_the_small_model_pointed_at_is_marked_too() -> None:
    pointed = [Mention(MentionKind.NOTES, 1, "il mutuo"), Mention(MentionKind.NAME, 1, "mai detto")]
    assert list(highlights.pointed_at("è per il mutuo", pointed)) == [(6, 14, "notes")]


# --- The drawing ------------------------------------------------------------------------------------------

WAY = [
    Step("interesse", "nessun_intento", "raccolta_dati"),
    Step("conferma", "raccolta_dati", "raccolta_dati", refused=True),
    Step("completa", "raccolta_dati", "dati_completi"),
    Step("correzione", "dati_completi", "raccolta_dati"),
    Step("completa", "raccolta_dati", "dati_completi"),
]


def test_the_way_is_drawn_and_told() -> None:
    svg = drawing(WAY)
    assert svg.count('class="edge taken"') == 3
    assert svg.count('class="edge"') == len(edges()) - 3
    assert ">2, 4</text>" in svg
    assert '<g class="stage visited here"><rect' in svg
    assert "✕ 1" in svg
    assert "2: completa, da raccolta dati a dati completi." in in_words(WAY)
    assert "Rifiutato in raccolta dati: 1." in svg
    assert "style=" not in svg


def test_a_call_that_went_nowhere_says_so() -> None:
    assert in_words([]) == "La chiamata è rimasta in nessun intento."
    assert 'class="edge taken"' not in drawing([])


def test_every_move_of_the_machine_has_its_line_and_no_two_the_same() -> None:
    assert {stage for edge in edges() for stage in edge} == set(Stage)
    lines = re.findall(r' d="(M[^"]+)" marker-end', drawing([]))
    assert len(set(lines)) == len(edges())


def test_the_address_of_a_page_holds_what_was_typed() -> None:
    asked = read_filters({"numero": " 340 1 ", "esito": "creato"}, own=None)
    assert asked.address("x") == "/chiamate?esito=creato&numero=340+1&prima=x"
    assert read_filters({}, own=3).which.consultant_id == 3
    assert read_filters({"consulente": "4"}, own=3).which.consultant_id == 3


async def test_who_sees_all_calls_ticks_off_none_but_their_own(
    page_as: PageAs, database: Database, seeded: dict[str, str]
) -> None:
    verdi = await database.run(lambda: people.add_consultant("Verdi"))
    page = await page_as(viewer(Role.REVISORE, Role.CONSULENTE, consultant=verdi))
    address = f"/chiamate/{seeded['none']}"
    text = await (await page.get(address)).text()
    assert '/richiamata"' not in text
    (token,) = set(re.findall(r'name="modulo" value="(\w+)"', await (await page.get("/agenda/orari")).text()))
    origin = {"Origin": str(page.make_url("/")).rstrip("/")}
    answered = await page.post(f"{address}/richiamata", data={"modulo": token}, headers=origin)
    assert answered.status == 200
    assert "aspetta che una persona richiami" in await (await page.get(address)).text()


async def test_a_revisore_sees_that_somebody_waits_and_ticks_nothing_off(
    page_as: PageAs, seeded: dict[str, str]
) -> None:
    page = await page_as(viewer(Role.REVISORE))
    address = f"/chiamate/{seeded['none']}"
    text = await (await page.get(address)).text()
    assert "aspetta che una persona richiami" in text
    assert '/richiamata"' not in text
    origin = {"Origin": str(page.make_url("/")).rstrip("/")}
    refused = await page.post(f"{address}/richiamata", headers=origin)
    assert refused.status == 403 and "Non permesso" in await refused.text()
    assert "aspetta che una persona richiami" in await (await page.get(address)).text()
