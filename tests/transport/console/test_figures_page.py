"""The figures: cards, charts that say in words what they show, tables beside them, and whose calls they are of."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from storage import people
from storage.database import Database
from storage.figures import DayOfCalls
from tests.transport.console.conftest import Page, PageAs, viewer
from transport.console import charts
from transport.console.access import Role
from transport.console.figures_page import ASKS_AGAIN
from transport.console.wording import NOTICES


async def read(page: Page, path: str = "/cruscotto") -> str:
    response = await page.get(path)
    assert response.status == 200
    return await response.text()


def cards(text: str) -> dict[str, str]:
    return dict(re.findall(r'<div class="card"><dt>([^<]+)</dt><dd>([^<]+)</dd>', text))


async def test_the_figures_of_the_last_days(page: Page, seeded: dict[str, str]) -> None:
    text = await read(page)
    found = cards(text)
    assert found["Chiamate"] == "7"
    assert found["Appuntamenti presi"] == "3"
    assert found["Correzioni per appuntamento"] == "0,0"
    assert "Mer 14 gen 2026 – Gio 12 feb 2026" in text
    assert "7 chiamate in 30 giorni, 4 con un appuntamento" in text
    assert re.search(r'<th scope="row">Gio 12 feb 2026</th><td>7</td><td>4</td>', text)
    assert re.search(r'<th scope="row">nessun sì a un riepilogo esatto</th><td>1</td>', text)
    assert text.count('role="img"') == text.count("<desc") == text.count("<table>")
    assert "style=" not in text


@pytest.mark.parametrize(("asked", "days"), [("7", 7), ("90", 90), ("", 30), ("1000", 30), ("x", 30)])
async def test_periods(page: Page, seeded: dict[str, str], asked: str, days: int) -> None:
    text = await read(page, f"/cruscotto?giorni={asked}")
    assert f"in {days} giorni" in text
    assert f'giorni={days}" aria-current="page"' in text


async def test_without_calls_nothing_is_divided_by(page: Page) -> None:
    found = cards(await read(page))
    assert found["Chiamate"] == "0"
    assert set(found.values()) == {"0", "—"}


async def test_a_consultants_figures_are_of_their_own_calls(
    page_as: PageAs, database: Database, seeded: dict[str, str]
) -> None:
    other = await database.run(lambda: people.add_consultant("Verdi"))
    theirs = await read(await page_as(viewer(Role.CONSULENTE, consultant=other)))
    assert "Cruscotto: Verdi" in theirs
    assert cards(theirs)["Chiamate"] == "0"
    assert cards(await read(await page_as(viewer(Role.ANALISTA))))["Chiamate"] == "7"


def test_a_chart_of_many_days_labels_some_and_hides_none() -> None:
    days = [DayOfCalls(date(2026, 1, 1) + timedelta(days=n), n, n // 2) for n in range(90)]
    svg = charts.days_chart(days, "t <", "w &")
    assert svg.count('class="hatched"') == 89
    assert svg.count('class="below"') <= 7
    assert "t &lt;" in svg and "w &amp;" in svg
    assert ">100</text>" in svg


def test_bars_have_their_labels_and_numbers() -> None:
    svg = charts.bars_chart("x", [("a <b>", 10), ("c", 0)], "t", "w")
    assert re.findall(r">([^<>]+)</text>", svg) == ["a &lt;b&gt;", "10", "c", "0"]


def test_every_notice_that_asks_again_is_one() -> None:
    assert set(NOTICES) >= ASKS_AGAIN
