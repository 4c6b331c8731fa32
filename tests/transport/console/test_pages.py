"""The pages over a seeded store: badges, escaping, pages, what is not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.resumption import LINE_IS_BACK
from fsm.booking import NOT_FROM_THIS_STAGE, BookingMachine
from rules.facts import FACTS
from rules.messages import NOTICES
from storage import privacy
from tests.transport.console.conftest import Page
from transport.console import wording

ROME = ZoneInfo("Europe/Rome")


async def get(page: Page, path: str) -> str:
    response = await page.get(path)
    assert response.status == 200
    return await response.text()


def entry_of(text: str, call_id: str) -> str:
    """The list's entry for a call, without tags."""
    (found,) = [item for item in re.findall(r"<li.*?</li>", text, re.DOTALL) if call_id in item]
    return _words(found)


def _words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


@pytest.mark.parametrize(
    ("which", "parts"),
    [
        (
            "booked",
            ["Ada Bianchi", "+393401111111", "Appuntamento Creato → Lun 16 feb alle 10:00", "3 min 10 s"],
        ),
        ("lead", ["Mario", "Appuntamento Creato → Lun 16 feb alle 11:00", "Gio 12 feb 2026, 17:15"]),
        ("moved", ["Appuntamento spostato → Lun 16 feb alle 16:00"]),
        ("cancelled", ["Appuntamento disdetto → Lun 16 feb alle 15:00"]),
        ("none", ["numero nascosto", "nessun appuntamento", "richiamare"]),
        ("interrupted", ["+393409999999", "nessun appuntamento", "interrotta"]),
        ("running", ["nessun appuntamento", "in corso"]),
    ],
)
async def test_what_came_of_each_call(
    page: Page, seeded: dict[str, str], which: str, parts: list[str]
) -> None:
    text = await get(page, "/chiamate")
    if seeded[which] not in text:
        older = re.search(r'href="(/chiamate\?prima=\w+)"', text)
        assert older is not None
        text = await get(page, older[1])
    entry = entry_of(text, seeded[which])
    assert [part for part in parts if part not in entry] == []


async def test_the_list_has_pages_newest_first(page: Page, seeded: dict[str, str]) -> None:
    text = await get(page, "/chiamate")
    shown = re.findall(r'href="/chiamate/(\w+)"', text)
    assert shown == [seeded[name] for name in ("running", "booked", "moved", "cancelled", "lead")]
    text = await get(page, f"/chiamate?prima={shown[-1]}")
    assert re.findall(r'href="/chiamate/(\w+)"', text) == [seeded["none"], seeded["interrupted"]]
    assert "Più vecchie" not in text


async def test_an_unknown_place_in_the_list_leads_to_its_beginning(
    page: Page, seeded: dict[str, str]
) -> None:
    response = await page.get("/chiamate?prima=nonsense", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/chiamate")


async def test_without_calls_the_list_says_how_one_gets_there(page: Page) -> None:
    assert "/bridge/fork" in await get(page, "/chiamate")


async def test_the_root_leads_to_the_list(page: Page) -> None:
    response = await page.get("/", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/chiamate")


async def test_a_call_shows_words_as_spoken_and_transitions(page: Page, seeded: dict[str, str]) -> None:
    text = await get(page, f"/chiamate/{seeded['booked']}")
    turns = [_words(turn) for turn in re.findall(r'<li class="turn.*?</li>', text, re.DOTALL)]
    ends = ("Marco Rossi.", "&lt;/b&gt;", "confermi? (interrotto)", "Sì.")
    assert [turn.endswith(end) for turn, end in zip(turns, ends, strict=True)] == [True] * 4
    assert "20:15:00" in turns[0]
    assert '<s class="cut" title="Non sentito: chi chiama ha interrotto">alle 10, confermi?</s>' in text
    assert "nessun intento → raccolta dati" in text
    assert "interesse_esplicito" in text
    assert "chiede un appuntamento" in text
    assert "nessuno" not in text
    refused = _words(text[text.rindex("<li") :])
    for said in (
        "resta in raccolta dati",
        "Rifiutato nessun sì a un riepilogo esatto",
        "Esito orario occupato",
        "Avviso fare il riepilogo e chiedere conferma",
        "Avviso di_un_file",
    ):
        assert said in refused


async def test_an_entry_leads_to_its_turn_as_numbered_on_the_page(page: Page, seeded: dict[str, str]) -> None:
    text = await get(page, f"/chiamate/{seeded['booked']}")
    turns = re.findall(r'<li class="turn \w+" id="battuta-(\d)">.*?· (\d)</span>', text, re.DOTALL)
    assert turns == [(str(place), str(place)) for place in (1, 2, 3, 4)]
    entries = text[text.index('<ol class="entries">') :]
    assert re.findall(r'<a href="#battuta-(\d)">battuta (\d)</a>', entries) == [("2", "2"), ("4", "4")]


async def test_what_was_said_is_never_markup(page: Page, seeded: dict[str, str]) -> None:
    text = await get(page, f"/chiamate/{seeded['booked']}")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 2


@pytest.mark.parametrize("path", ["/chiamate/unknown", "/chiamate/%3Cscript%3E"])
async def test_an_unknown_call_is_not_found(page: Page, path: str) -> None:
    response = await page.get(path)
    assert response.status == 404
    assert "Questa chiamata non c'è" in await response.text()


def test_every_guard_outcome_and_notice_has_its_words() -> None:
    guards = {
        guard.attr_name
        for state in BookingMachine.states
        for transition in state.transitions
        for guard in transition.cond
    }
    assert "booking_in_force" in guards
    assert set(wording.GUARDS) == guards | {NOT_FROM_THIS_STAGE}
    assert set(wording.OUTCOMES) == {
        *FACTS["outcome"].values,
        "errore_interno",
        LINE_IS_BACK,
        privacy.ON_REQUEST,
        privacy.AFTER_A_TIME,
    }
    assert set(wording.NOTICES) == set(NOTICES)
    assert wording.outcome("nessuno") == ""
    assert all(words for table in (wording.GUARDS, wording.NOTICES) for words in table.values())
    assert [word for word, words in wording.OUTCOMES.items() if not words] == ["nessuno"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (190, "3 min 10 s"), (3600, "1 h 00 min"), (7320, "2 h 02 min")],
)
def test_lengths(seconds: int, text: str) -> None:
    assert wording.length(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 2, 14, 9, tzinfo=UTC), "Sab 14 feb alle 10:00"),
        (datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "Gio 2 lug alle 00:30"),
        (datetime(2026, 12, 31, 23, 5, tzinfo=UTC), "Ven 1 gen alle 00:05"),
    ],
)
def test_slots_are_local(instant: datetime, text: str) -> None:
    assert wording.slot(instant, ROME) == text
