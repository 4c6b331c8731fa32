"""The agenda's pages: what stands in a week, moving and cancelling by the store's operations, and the opening hours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from storage import availability, bookings, opening, people
from storage.agenda import AgendaSettings
from storage.database import Database
from storage.results import Booking, BookingKind, Hold
from tests.transport.console.conftest import LOOKED, SLOT, Page, PageAs, post, viewer
from transport.console import agenda_forms
from transport.console.access import Role

ROME = ZoneInfo("Europe/Rome")
WEEK = "/agenda?consulente=1&giorno=2026-02-16"


async def read(page: Page, path: str, status: int = 200) -> str:
    response = await page.get(path)
    assert response.status == status
    return await response.text()


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def day_of(text: str, day: str) -> str:
    (found,) = [part for part in re.findall(r"<section class=.*?</section>", text, re.DOTALL) if day in part]
    return words(found)


@pytest.fixture
async def ada(database: Database, seeded: dict[str, str]) -> Booking:
    """Ada's booking on Monday at ten."""
    made = await database.run(lambda: bookings.bookings_of_call(seeded["booked"]))
    return made[0]


async def held(database: Database) -> None:
    def hold() -> None:
        made = bookings.propose(
            consultant_id=1, conversation="c", client_id=None, start=SLOT + timedelta(days=1), minutes=60, now=LOOKED,
        )  # fmt: skip
        assert isinstance(made, Hold)

    await database.run(hold)


async def test_a_week_shows_what_is_booked_held_and_free(
    page: Page, database: Database, ada: Booking
) -> None:
    await held(database)
    text = await read(page, WEEK)
    monday = day_of(text, "giorno-2026-02-16")
    assert "09:00–13:00, 14:00–18:00" in monday
    assert "10:00–11:00 Ada Bianchi appuntamento" in monday
    assert "11:00–12:00 Mario" in monday
    assert re.search(r"16:00–17:00 Ada", monday)
    assert re.search(r"\d orari liberi 09:00 12:00 14:00", monday)
    assert "10:00–11:00 tenuto, scade tra 15:00" in day_of(text, "giorno-2026-02-17")
    assert "chiuso" in day_of(text, "giorno-2026-02-21")
    assert f'href="/chiamate/{ada.call_id}"' in text
    assert 'href="/agenda?consulente=1&amp;giorno=2026-02-09"' in text


async def test_a_day_alone(page: Page, ada: Booking) -> None:
    text = await read(page, WEEK + "&vista=giorno")
    assert text.count('<section class="day') == 1
    assert "Lun 16 feb 2026" in text
    assert 'giorno=2026-02-15&amp;vista=giorno" rel="prev"' in text


@pytest.mark.parametrize("path", ["/agenda", "/agenda?giorno=boh", "/agenda?giorno=0001-01-01&vista=x"])
async def test_what_cannot_be_read_shows_this_week(page: Page, seeded: dict[str, str], path: str) -> None:
    assert "Gio 12 feb" in await read(page, path)


async def test_holidays_and_what_the_calendar_takes(page: Page, database: Database, ada: Booking) -> None:
    text = await read(page, "/agenda?consulente=1&giorno=2026-04-06")  # Easter Monday
    assert "festivo" in day_of(text, "giorno-2026-04-06")


async def test_a_booking_is_moved_to_a_free_start(page: Page, database: Database, ada: Booking) -> None:
    text = await read(page, f"/agenda/consultation/{ada.id}?giorno=2026-02-17")
    starts = re.findall(r'<option value="([^"]+)">([\d:]+)', text)
    assert ("2026-02-17T14:00:00+00:00", "15:00") in starts
    done = await post(page, f"/agenda/consultation/{ada.id}/sposta", inizio="2026-02-17T14:00:00+00:00")
    assert (done.status, done.headers["Location"]) == (
        303,
        f"/agenda?consulente=1&giorno=2026-02-17&fatto=spostato#consultation-{ada.id}",
    )
    assert "Appuntamento spostato." in await read(page, done.headers["Location"].partition("#")[0])
    moved = await database.run(lambda: bookings.booking(BookingKind.CONSULTATION, ada.id))
    assert moved is not None and moved.start == datetime(2026, 2, 17, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "status", "said"),
    [
        ("2026-02-16T10:00:00+00:00", 409, "appena stato preso"),  # Mario's
        ("2026-02-16T06:00:00+00:00", 409, "fuori dagli orari"),
        ("2026-02-02T10:00:00+00:00", 409, "già passato"),
        ("2026-02-17T14:00:00", 400, "Scegli un orario"),
        ("boh", 400, "Scegli un orario"),
        ("0001-01-01T00:00:00+14:00", 400, "Scegli un orario"),
        ("9999-12-31T23:59:59-14:00", 400, "Scegli un orario"),
        ("", 400, "Scegli un orario"),
    ],
)
async def test_a_refusal_is_shown_and_nothing_is_moved(
    page: Page, database: Database, ada: Booking, start: str, status: int, said: str
) -> None:
    done = await post(page, f"/agenda/consultation/{ada.id}/sposta", inizio=start)
    assert done.status == status
    text = await done.text()
    assert said in text
    assert 'role="alert"' in text
    still = await database.run(lambda: bookings.booking(BookingKind.CONSULTATION, ada.id))
    assert still == ada


async def test_a_booking_is_cancelled_and_its_time_free_again(
    page: Page, database: Database, ada: Booking
) -> None:
    done = await post(page, f"/agenda/consultation/{ada.id}/disdici")
    assert done.status == 303
    assert await database.run(lambda: availability.is_available(1, ada.start, 60, now=LOOKED))
    assert "stato disdetto" in await read(page, f"/agenda/consultation/{ada.id}")
    assert "Appuntamento disdetto → Lun 16 feb alle 10:00" in await read(page, "/chiamate?esito=disdetto")
    again = await post(page, f"/agenda/consultation/{ada.id}/disdici")
    assert again.status == 303, "cancelled is cancelled"
    moved = await post(page, f"/agenda/consultation/{ada.id}/sposta", inizio="2026-02-17T14:00:00+00:00")
    assert moved.status == 404
    assert "non c&#39;è più" in await moved.text()


async def test_an_unknown_booking_is_not_there(page: Page, seeded: dict[str, str]) -> None:
    await read(page, "/agenda/appointment/unknown", 404)
    assert (await post(page, "/agenda/appointment/unknown/disdici")).status == 404


async def test_a_consultant_keeps_to_their_own_agenda(
    page_as: PageAs, database: Database, ada: Booking
) -> None:
    other = await database.run(lambda: people.add_consultant("Verdi"))
    theirs = await page_as(viewer(Role.CONSULENTE, consultant=other))
    assert "Agenda di Verdi" in await read(theirs, "/agenda")
    assert "Marco Rossi" not in await read(theirs, "/agenda")
    await read(theirs, "/agenda?consulente=1", 404)
    await read(theirs, "/agenda/orari?consulente=1", 404)
    await read(theirs, f"/agenda/consultation/{ada.id}", 404)
    for path in (f"/agenda/consultation/{ada.id}/disdici", "/agenda/eccezioni/togli", "/agenda/orari"):
        settings = agenda_forms.shown_settings(AgendaSettings(), None).given
        answer = await post(theirs, path, **settings, eccezione="1", consulente="1")
        assert answer.status == 404, path
    both = await page_as(viewer(Role.CONSULENTE, Role.REVISORE, consultant=other))
    await read(both, "/agenda?consulente=1", 404)
    assert await database.run(lambda: bookings.booking(BookingKind.CONSULTATION, ada.id)) == ada


# --- Opening hours ----------------------------------------------------------------------------------------

HOURS = {
    **agenda_forms.shown_settings(AgendaSettings(), None).given,
    "consulente": "1",
    "sab": "09:30–12:30",
    "lun": "",
    "durata": "45",
    "durate": "45, 90",
    "provincia": "MI",
}


async def test_hours_are_changed_and_hold_for_what_is_booked_next(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    done = await post(page, "/agenda/orari", **HOURS)
    assert done.headers["Location"] == "/agenda/orari?consulente=1&fatto=1"
    text = await read(page, done.headers["Location"])
    assert "Salvato." in text
    assert 'name="sab" value="09:30-12:30"' in text
    assert "Lun 7 dic 2026" in text, "Sant'Ambrogio"
    known = await database.run(lambda: availability.agenda_of(1))
    assert known.region == "MI"
    assert known.settings.allowed_minutes == (45, 90)
    assert known.hours(date(2026, 2, 16)) == []
    saturday = await database.run(lambda: availability.opening_hours(1, date(2026, 2, 21)))
    assert [f"{a:%H:%M}-{b:%H:%M}" for a, b in saturday] == ["09:30-12:30"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mar": "dalle 9"}, "Orari non validi"),
        ({"mar": "13:00-09:00"}, "Orari non validi"),
        ({"mar": "09:00-13:00 12:00-18:00"}, "Orari non validi"),
        ({"passo": "3"}, "Un numero intero da 5 a 240"),
        ({"passo": "1e2"}, "Un numero intero"),
        ({"durate": "abc"}, "Minuti da 5 a 480"),
        ({"durate": "1000"}, "Minuti da 5 a 480"),
        ({"durata": "60"}, "tra quelle ammesse"),
        ({"provincia": "XX"}, "Non è stato salvato"),
    ],
)
async def test_hours_that_cannot_be_used_are_said_and_change_nothing(
    page: Page, database: Database, seeded: dict[str, str], changed: dict[str, str], said: str
) -> None:
    before = await database.run(lambda: availability.agenda_of(1))
    done = await post(page, "/agenda/orari", **(HOURS | changed))
    assert done.status in (400, 409)
    assert said in await done.text()
    assert await database.run(lambda: availability.agenda_of(1)) == before


async def test_a_day_is_closed_and_opened_again(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    done = await post(
        page, "/agenda/eccezioni", consulente="1", tipo="closed", dal="2026-02-18", al="", nota="corso <b>"
    )
    assert done.status == 303
    text = await read(page, "/agenda/orari?consulente=1")
    assert "corso &lt;b&gt;" in text
    assert "chiuso" in day_of(await read(page, WEEK), "giorno-2026-02-18")
    (number,) = re.findall(r'name="eccezione" value="(\d+)"', text)
    await post(page, "/agenda/eccezioni/togli", consulente="1", eccezione=number)
    assert "Nessuna eccezione" in await read(page, "/agenda/orari?consulente=1")
    assert "09:00–13:00" in day_of(await read(page, WEEK), "giorno-2026-02-18")


async def test_extra_hours_and_published_starts(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    for given in (
        {"tipo": "open", "dal": "2026-02-21", "dalle": "09:00", "alle": "10:00"},
        {"tipo": "start", "dal": "2026-02-22", "dalle": "11:15"},
    ):
        assert (await post(page, "/agenda/eccezioni", consulente="1", **given)).status == 303
    text = await read(page, WEEK)
    assert "1 orario libero 09:00" in day_of(text, "giorno-2026-02-21")
    assert "1 orario libero 11:15" in day_of(text, "giorno-2026-02-22")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tipo": "boh", "dal": "2026-02-21"}, "Scegli che cosa"),
        ({"tipo": "closed", "dal": ""}, "Non è una data"),
        ({"tipo": "closed", "dal": "2026-02-21", "al": "2026-02-20"}, "dopo l&#39;inizio"),
        ({"tipo": "closed", "dal": "2026-02-21", "al": "2029-02-20"}, "al massimo un anno"),
        ({"tipo": "closed", "dal": "2026-02-21", "dalle": "25:00"}, "Non è un&#39;ora"),
        ({"tipo": "start", "dal": "2026-02-21"}, "bisogno dell&#39;ora"),
        ({"tipo": "open", "dal": "2026-02-21", "dalle": "10:00", "alle": "09:00"}, "dopo l&#39;inizio"),
    ],
)
async def test_exceptions_that_cannot_be_used(
    page: Page, database: Database, seeded: dict[str, str], given: dict[str, str], said: str
) -> None:
    done = await post(page, "/agenda/eccezioni", consulente="1", **given)
    assert done.status == 400
    assert said.replace("&#39;", "'") in (await done.text()).replace("&#39;", "'")
    assert await database.run(lambda: opening.exceptions(1, LOOKED)) == []


async def test_a_day_of_the_clocks_change_is_closed_whole(
    page: Page, database: Database, seeded: dict[str, str]
) -> None:
    await post(page, "/agenda/eccezioni", consulente="1", tipo="closed", dal="2026-03-29")
    (made,) = await database.run(lambda: opening.exceptions(1, LOOKED))
    assert made.end is not None
    assert made.end - made.start == timedelta(hours=23)
    assert made.start.astimezone(ROME).date() == date(2026, 3, 29)
