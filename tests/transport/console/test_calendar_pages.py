"""/calendario shows how well each calendar is known, what is open and what was given up; each consultant their own."""

from __future__ import annotations

from datetime import timedelta

from storage import busy, calendar_tasks, calendars, calls, people
from storage.database import Database
from tests.transport.console.conftest import HOSTILE, NOW, SLOT, Page, PageAs, book, viewer
from transport.console.access import Role

CALENDAR = "rossi@example.it"


async def text_of(page: Page) -> str:
    response = await page.get("/calendario")
    assert response.status == 200
    return await response.text()


async def furnish(database: Database) -> tuple[int, int]:
    """Two consultants with calendars, the first with one booking and a task that is refused."""

    def work() -> tuple[int, int]:
        rossi, verdi = people.add_consultant("Marco Rossi"), people.add_consultant("Dott. Verdi")
        ada = people.add_client("Ada", "+393401111111", consultant_id=rossi)
        calendars.set_calendar(rossi, CALENDAR, now=NOW)
        calendars.set_calendar(verdi, "verdi@example.it", now=NOW)
        _book_in_a_call(rossi, ada)
        return rossi, verdi

    return await database.run(work)


def _book_in_a_call(consultant: int, client: int) -> None:
    call_id = calls.open_call(
        bridge_call_id="b",
        consultant_id=consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        client_id=client,
        now=NOW,
    )
    book(call_id, consultant, SLOT, client=client)


async def give_up(database: Database, error: str) -> None:
    def work() -> None:
        (task,) = calendar_tasks.take("w", most=4, lease=timedelta(minutes=1), now=NOW)
        calendar_tasks.failed(task, "w", error, again_at=None)

    await database.run(work)


async def test_what_is_in_order(page: Page, database: Database) -> None:
    rossi, _ = await furnish(database)
    await database.run(lambda: busy.remember(rossi, CALENDAR, [], read_at=NOW))
    shown = await text_of(page)
    assert "Marco Rossi" in shown and CALENDAR in shown
    assert "Gio 12 feb 2026, 15:15" in shown  # read, in the consultant's zone
    assert "mai letto" in shown  # the other
    assert "Creare l'evento" in shown and "Lun 16 feb 2026, 10:00" in shown
    assert "Abbandonati" not in shown and "non aggiornato" not in shown


async def test_what_was_given_up_stands_there_with_its_reason(page: Page, database: Database) -> None:
    await furnish(database)
    await give_up(database, HOSTILE)
    shown = await text_of(page)
    assert "Abbandonati" in shown and "Niente: i calendari sono in pari." in shown
    assert "<script>" not in shown and "&lt;script&gt;" in shown


async def test_a_copy_that_is_old_is_flagged(page: Page, database: Database) -> None:
    rossi, _ = await furnish(database)
    await database.run(
        lambda: busy.note_failure(rossi, CALENDAR, "Google Calendar did not answer", stale=True, now=NOW)
    )
    shown = await text_of(page)
    assert "non aggiornato" in shown and "Google Calendar did not answer" in shown


async def test_a_consultant_sees_their_own_alone(page_as: PageAs, database: Database) -> None:
    rossi, verdi = await furnish(database)
    await give_up(database, "refused")
    own = await text_of(await page_as(viewer(Role.CONSULENTE, consultant=rossi)))
    assert "Marco Rossi" in own and "refused" in own and "Verdi" not in own
    other = await text_of(await page_as(viewer(Role.CONSULENTE, consultant=verdi)))
    assert "Verdi" in other and "Rossi" not in other and "refused" not in other


async def test_nobody_yet(page: Page) -> None:
    assert "Nessun consulente." in await text_of(page)
