"""A store with one call of each kind, and the pages over it, seen as one of each role."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from storage import bookings, calls, journal, people
from storage.database import Database
from storage.results import Booking, Hold, Lead
from tests.storage.ready import bring_up
from transport.console.access import Role, Viewer
from transport.console.routes import add_console

NOW = datetime(2026, 2, 12, 14, 15, tzinfo=UTC)  # a Thursday
SLOT = datetime(2026, 2, 16, 9, tzinfo=UTC)  # Monday at 10 in Rome
LOOKED = NOW + timedelta(hours=8)  # when the pages are looked at
HOSTILE = '<script>alert("x")</script> & <b>"mercoledì"</b>'

Page = TestClient[web.Request, web.Application]
PageAs = Callable[[Viewer | None], Awaitable[Page]]


@dataclass(frozen=True)
class Spoken:
    """A turn of a call."""

    number: int
    speaker: str
    text: str
    began_at: datetime | None
    ended_at: datetime | None = None
    heard: str | None = None
    played: tuple[()] = ()
    keyed: bool = False


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        bring_up(opened)
        yield opened


@dataclass(frozen=True)
class Somebody:
    """An entrance through which everybody is `known`; None: nobody is signed in."""

    known: Viewer | None

    async def viewer(self, _: web.Request) -> Viewer | None:
        return self.known

    def add_to(self, app: web.Application) -> None:
        """Nobody signs in here."""


def viewer(*roles: Role, consultant: int | None = None) -> Viewer:
    """Somebody with these roles."""
    return Viewer(7, "Vera", frozenset(roles), consultant)


ADMIN = viewer(Role.AMMINISTRATORE)


@pytest.fixture
async def page_as(database: Database) -> AsyncIterator[PageAs]:
    """The pages as `viewer` sees them; nobody is signed in for None."""
    async with AsyncExitStack() as stack:

        async def opened(known: Viewer | None) -> Page:
            app = web.Application()
            add_console(app, database, Somebody(known), now=lambda: LOOKED, page_size=5)
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield opened


@pytest.fixture
async def page(page_as: PageAs) -> Page:
    """The pages as an amministratore sees them."""
    return await page_as(ADMIN)


@pytest.fixture
async def seeded(database: Database) -> dict[str, str]:
    """The ids of the calls: booked, moved, cancelled, lead, none, interrupted, running, from old to new; and of the
    booking of the first."""
    return await database.run(seed)


def seed() -> dict[str, str]:
    marco = people.add_consultant("Marco Rossi")
    ada = people.add_client("Ada Bianchi", "+393401111111", consultant_id=marco)
    made = {
        "interrupted": _call(marco, "+393409999999", 0),
        "none": _call(marco, None, 1),
        "lead": _call(marco, "+393331234567", 2),
        "cancelled": _call(marco, "+393401111111", 3, client=ada),
        "moved": _call(marco, "+393401111111", 4, client=ada),
        "booked": _call(marco, "+393401111111", 5, client=ada),
    }
    calls.close_unattended(NOW + timedelta(hours=6))
    made["running"] = _call(marco, "+393402222222", 7)
    made["booking"] = book(made["booked"], marco, SLOT, client=ada).id
    book(
        made["lead"], marco, SLOT + timedelta(hours=1), lead=Lead("+393331234567", "mario@gmail.com", "Mario")
    )
    gone = book(made["cancelled"], marco, SLOT + timedelta(hours=5), client=ada)
    bookings.cancel(gone.kind, gone.id, now=NOW)
    later = book(made["moved"], marco, SLOT + timedelta(days=1), client=ada)
    bookings.reschedule(
        later.kind,
        later.id,
        conversation=made["moved"],
        client_id=ada,
        start=SLOT + timedelta(hours=6),
        now=NOW,
    )
    _stage(made["moved"], "sposta")
    calls.note_metadata(made["none"], {"callbackRequested": True})
    _talk(made["booked"], NOW + timedelta(hours=5))
    return made


def _call(consultant: int, number: str | None, hours: int, *, client: int | None = None) -> str:
    began = NOW + timedelta(hours=hours)
    call_id = calls.open_call(
        bridge_call_id=f"b-{hours}",
        consultant_id=consultant,
        direction="inbound",
        caller_number=number,
        dialled_number="+390612345678",
        client_id=client,
        now=began,
    )
    if hours not in (0, 7):
        calls.finish_call(call_id, now=began + timedelta(seconds=190), reason="hangup")
    return call_id


def book(
    call_id: str, consultant: int, start: datetime, *, client: int | None = None, lead: Lead | None = None
) -> Booking:
    hold = bookings.propose(
        consultant_id=consultant, conversation=call_id, client_id=client, start=start, minutes=60, now=NOW
    )
    assert isinstance(hold, Hold)
    made = bookings.confirm(
        token=hold.token, conversation=call_id, client_id=client, now=NOW, lead=lead, call_id=call_id
    )
    assert isinstance(made, Booking)
    return made


def _stage(call_id: str, task: str) -> None:
    calls.record_analysis(
        call_id,
        number=1,
        last_turn=0,
        facts={},
        availability=None,
        state={},
        stage="completato",
        task=task,
        now=NOW,
    )


def _talk(call_id: str, began: datetime) -> None:
    at = [began + timedelta(seconds=5 * number) for number in range(4)]
    calls.record_turns(
        call_id,
        [
            Spoken(1, "assistant", "Buongiorno, sono l'assistente virtuale di Marco Rossi.", at[0]),
            Spoken(
                2, "assistant", "Lunedì 16 febbraio alle 10, confermi?", at[2], heard="Lunedì 16 febbraio"
            ),
            Spoken(3, "caller", HOSTILE, at[1]),
            Spoken(4, "caller", "Sì.", None),
        ],
    )
    journal.append(
        {
            "call_id": call_id,
            "analysis": 1,
            "turn": 3,
            "event": "interesse",
            "from": "nessun_intento",
            "to": "raccolta_dati",
            "rule": "interesse_esplicito",
            "why": "chiede un appuntamento",
            "outcome": "nessuno",
            "notices": [],
        },
        recorded_at=at[1],
    )
    journal.append(
        {
            "call_id": call_id,
            "analysis": 2,
            "turn": 4,
            "event": "conferma",
            "from": "raccolta_dati",
            "to": "raccolta_dati",
            "rule": "conferma_subito",
            "why": HOSTILE,
            "guard": "readback_agreed",
            "outcome": "slot_occupato",
            "notices": ["riepiloga", "di_un_file"],
        },
        recorded_at=at[3],
    )


async def post(page: Page, path: str, **fields: str) -> ClientResponse:
    """Send a form as a page of ours would; redirects are not followed."""
    text = await (await page.get("/")).text()
    token = re.search(r'name="modulo" value="(\w+)"', text) or re.search(
        r'name="modulo" value="(\w+)"', await (await page.get("/agenda/orari")).text()
    )
    headers = {"Origin": str(page.make_url("/")).rstrip("/")}
    given = fields | ({"modulo": token[1]} if token else {})
    return await page.post(path, data=given, headers=headers, allow_redirects=False)
