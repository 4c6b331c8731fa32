"""The public page without scripts: slots, hold, form, booking; two who want one slot; and who is not let in."""

from __future__ import annotations

import asyncio

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import bookings, people, seed
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.results import BookingKind, Lead
from tests.engine.written import Hands
from tests.storage.playground import rome
from tests.transport.public.desk import Answer, Browser, Site, browser, in_force, site, token
from transport.public import form
from transport.public.settings import PublicSettings

PAGE = "/prenota/1"
THREE = str(int(rome("2026-02-11T15:00").timestamp()))
GOOD = {
    "name": "Lia Bianchi",
    "phone": "333 123 45 67",
    "email": "Lia@Example.com",
    "notes": "la successione",
}


async def pick(who: Browser, start: str = THREE) -> Answer:
    page = await who.get(PAGE)
    return await who.post(f"{PAGE}/tieni", start=start, modulo=token(page.text))


async def book(who: Browser, **given: str) -> Answer:
    page = await pick(who)
    return await who.post(f"{PAGE}/dati", modulo=token(page.text), **{**GOOD, **given})


async def test_a_slot_is_picked_held_and_booked(lia: Browser, zeno: Browser, database: Database) -> None:
    page = await lia.get(PAGE)
    assert page.status == 200
    for shown in ("Prenota con Marco Rossi", "Mercoledì 11 febbraio", ">15:00</button>", "dura 60 minuti"):
        assert shown in page.text
    held = await pick(lia)
    assert held.path == f"{PAGE}/dati"
    assert "Mercoledì 11 febbraio alle 15 è tenuto per te fino alle 09:45." in held.text
    assert THREE not in (await zeno.get(PAGE)).text, "held for somebody else"
    assert THREE in (await lia.get(PAGE)).text, "but not for who holds it"
    done = await lia.post(f"{PAGE}/dati", modulo=token(held.text), **GOOD)
    assert done.path == f"{PAGE}/fatto"
    assert "Mercoledì 11 febbraio alle 15, con Marco Rossi. Dura 60 minuti." in done.text
    (made,) = in_force(database)
    assert (made.kind, made.phone, made.email, made.name, made.notes) == (
        BookingKind.APPOINTMENT, "+393331234567", "lia@example.com", "Lia Bianchi", "la successione",
    )  # fmt: skip
    source = database._on_worker(
        lambda: database._peewee.execute_sql("SELECT source FROM appointment_bookings").fetchall()
    )
    assert source == [("public_page",)]


async def test_what_was_booked_is_saved_in_a_calendar_by_who_booked_it_alone(
    lia: Browser, zeno: Browser, database: Database
) -> None:
    await book(lia)
    async with lia.client.get(f"{PAGE}/appuntamento.ics") as answer:
        assert answer.content_type == "text/calendar"
        (event,) = icalendar.Calendar.from_ical(await answer.read()).walk("VEVENT")
    assert event["DTSTART"].dt == rome("2026-02-11T15:00")
    for path in ("fatto", "appuntamento.ics"):
        assert (await zeno.get(f"{PAGE}/{path}")).path == PAGE
    everything = (await zeno.get(PAGE)).text
    for secret in ("Lia Bianchi", "3331234567", "example.com", "successione"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "modulo=\xff"),
        ("application/x-www-form-urlencoded; charset=klingon", "modulo={token}&start={start}"),
        ("application/x-www-form-urlencoded; charset=punycode", "modulo={token}&start={start}-"),
        ("application/x-www-form-urlencoded", "modulo={token}&start={start}&more=%00"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", "--x\r\nnonsense"),
    ],
)
async def test_a_form_that_no_page_of_ours_sends_holds_nothing(
    lia: Browser, zeno: Browser, kind: str, body: str
) -> None:
    page = await lia.get(PAGE)
    sent = body.replace("{token}", token(page.text)).replace("{start}", THREE).encode("latin-1")
    headers = {"Origin": str(lia.client.make_url("/"))[:-1], "Content-Type": kind}
    async with lia.client.post(f"{PAGE}/tieni", headers=headers, data=sent) as answer:
        assert answer.status == 403
    assert THREE in (await zeno.get(PAGE)).text, "nobody holds it"


async def test_of_two_browsers_on_one_slot_one_gets_it(
    lia: Browser, zeno: Browser, database: Database
) -> None:
    pages = [await who.get(PAGE) for who in (lia, zeno)]
    answers = await asyncio.gather(
        *(
            who.post(f"{PAGE}/tieni", start=THREE, modulo=token(page.text))
            for who, page in zip((lia, zeno), pages, strict=True)
        )
    )
    assert sorted(answer.path for answer in answers) == [f"{PAGE}/dati", f"{PAGE}?avviso=occupato"]
    lost = next(answer for answer in answers if "avviso" in answer.path)
    assert "appena stato preso" in lost.text and THREE not in lost.text


async def test_sent_twice_it_is_one_booking(lia: Browser, database: Database) -> None:
    held = await pick(lia)
    answers = [await lia.post(f"{PAGE}/dati", modulo=token(held.text), **GOOD) for _ in range(2)]
    assert [answer.path for answer in answers] == [f"{PAGE}/fatto"] * 2
    assert len(in_force(database)) == 1


async def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    lia: Browser, database: Database
) -> None:
    answer = await book(lia, phone="12", email="lia@", name="<b>Lia</b>")
    assert (answer.status, answer.path) == (422, f"{PAGE}/dati")
    assert "numero di telefono completo" in answer.text and "indirizzo email completo" in answer.text
    assert "Scrivi il tuo nome" not in answer.text
    assert 'value="&lt;b&gt;Lia&lt;/b&gt;"' in answer.text and "<b>Lia" not in answer.text
    assert 'aria-describedby="phone-errore"' in answer.text
    assert "la successione" in answer.text
    assert in_force(database) == []
    again = await lia.post(f"{PAGE}/dati", modulo=token(answer.text), **GOOD)
    assert again.path == f"{PAGE}/fatto"


async def test_after_a_quarter_of_an_hour_it_is_free_again(
    lia: Browser, zeno: Browser, clock: Hands, database: Database
) -> None:
    held = await pick(lia)
    await clock.sleep(901)
    late = await lia.post(f"{PAGE}/dati", modulo=token(held.text), **GOOD)
    assert late.path == f"{PAGE}?avviso=scaduto" and "scaduto" in late.text
    assert (await lia.get(f"{PAGE}/dati")).path == f"{PAGE}?avviso=scaduto"
    assert in_force(database) == []
    assert (await pick(zeno)).path == f"{PAGE}/dati"


async def test_a_slot_that_is_let_go_is_free_at_once(lia: Browser, zeno: Browser) -> None:
    held = await pick(lia)
    left = await lia.post(f"{PAGE}/lascia", modulo=token(held.text))
    assert left.path == f"{PAGE}?avviso=lasciato"
    assert (await pick(zeno)).path == f"{PAGE}/dati"


async def test_a_cancelled_appointment_is_said_to_be(lia: Browser, database: Database) -> None:
    await book(lia)
    (made,) = in_force(database)
    await database.run(lambda: bookings.cancel(made.kind, made.id, now=Hands().now()))
    assert "è stato annullato" in (await lia.get(f"{PAGE}/fatto")).text


@pytest.mark.parametrize("start", ["", "0", "x", "99999999999", "-1", "1e9", "١", str(int(THREE) + 900)])
async def test_only_what_a_button_says_can_be_picked(lia: Browser, database: Database, start: str) -> None:
    answer = await pick(lia, start)
    assert answer.path.startswith(PAGE) and "dati" not in answer.path
    assert in_force(database) == []


async def test_what_no_page_of_ours_has_sent_is_refused(
    lia: Browser, zeno: Browser, database: Database
) -> None:
    page = await lia.get(PAGE)
    other = await zeno.get(PAGE)
    for answer in (
        await lia.post(f"{PAGE}/tieni", start=THREE),
        await lia.post(f"{PAGE}/tieni", start=THREE, modulo=token(other.text)),
        await lia.post(f"{PAGE}/tieni", start=THREE, modulo=token(page.text), origin="https://evil.example"),
    ):
        assert answer.status == 403 and "cookie" in answer.text
    assert (await pick(lia)).path == f"{PAGE}/dati"


async def test_who_brings_no_cookie_can_hold_nothing(server: Site) -> None:
    async with browser(server) as forgetful:
        page = await forgetful.get(PAGE)
        forgetful.client.session.cookie_jar.clear()
        answer = await forgetful.post(f"{PAGE}/tieni", start=THREE, modulo=token(page.text))
        assert answer.status == 403


async def test_only_consultants_who_are_named_have_a_page(database: Database) -> None:
    other = await database.run(lambda: people.add_consultant("Anna Neri"))
    async with site(database) as server, browser(server) as somebody:
        for path in (f"/prenota/{other}", "/prenota/99"):
            answer = await somebody.get(path)
            assert answer.status == 404 and "Neri" not in answer.text
        assert (await somebody.get("/prenota/x")).status == 404
    async with site(database, settings=PublicSettings()) as server, browser(server) as somebody:
        assert (await somebody.get(PAGE)).status == 404


async def test_one_address_may_not_open_pages_or_hold_slots_without_end(database: Database) -> None:
    few = PublicSettings(consultants="1", pages_per_minute=3)
    async with site(database, settings=few) as server, browser(server) as somebody:
        assert [(await somebody.get(PAGE)).status for _ in range(4)] == [200, 200, 200, 429]
    few = PublicSettings(consultants="1", holds_per_hour=1)
    async with site(database, settings=few) as server:
        outcomes = []
        for _ in range(6):
            async with browser(server) as another:
                outcomes.append((await pick(another)).status)
        assert outcomes == [200] * 5 + [429]


async def test_every_answer_keeps_to_itself(lia: Browser) -> None:
    async with lia.client.get(PAGE) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    for name in ("public.css", "countdown.js", "icon.svg"):
        assert (await lia.get(f"/prenota/file/{name}")).status == 200
    assert (await lia.get("/prenota/file/..%2Fsettings.py")).status == 404


async def test_days_a_few_at_a_time(lia: Browser, database: Database) -> None:
    days = [rome(f"2026-02-{day}T10:00") for day in range(16, 24)]
    await database.run(lambda: seed.publish_starts(1, days))
    first = await lia.get(PAGE)
    assert first.text.count("<h2") == 5 and f'href="{PAGE}?da=2026-02-19"' in first.text
    later = await lia.get(f"{PAGE}?da=2026-02-19")
    assert later.text.count("<h2") == 5 and "Torna ai primi giorni" in later.text
    last = await lia.get(f"{PAGE}?da=2026-03-01")
    assert "Non ci sono orari liberi" in last.text
    for odd in ("9999-12-31", "0001-01-01", "x"):
        assert (await lia.get(f"{PAGE}?da={odd}")).status == 200


class Asked:
    """Counts how often the calendar is waited for."""

    def __init__(self) -> None:
        self.times = 0

    def begin(self, consultant_id: int) -> None: ...

    async def fresh(self, consultant_id: int) -> None:
        assert consultant_id == 1
        self.times += 1


async def test_the_calendar_is_waited_for_only_where_free_time_is_looked_at(database: Database) -> None:
    asked = Asked()

    def since() -> int:
        times, asked.times = asked.times, 0
        return times

    async with site(database, elsewhere=asked) as server, browser(server) as lia:
        own = token((await lia.get(PAGE)).text)
        assert since() == 1
        held = await lia.post(f"{PAGE}/tieni", start=THREE, modulo=own)
        assert (held.path, since()) == (f"{PAGE}/dati", 1)
        await lia.get(f"{PAGE}/dati")
        wrong = await lia.post(f"{PAGE}/dati", modulo=own, **{**GOOD, "phone": "1"})
        assert (wrong.status, since()) == (422, 0)
        booked = await lia.post(f"{PAGE}/dati", modulo=own, **GOOD)
        assert (booked.path, since()) == (f"{PAGE}/fatto", 1)
        async with lia.client.get(f"{PAGE}/appuntamento.ics") as saved:
            assert (saved.status, since()) == (200, 0)


async def test_when_the_store_is_away_it_says_so(
    lia: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(Database, "run", away)
    answer = await lia.get(PAGE)
    assert answer.status == 503 and "riprova" in answer.text


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(form.FIELDS, st.text() | st.binary() | st.none())))
def test_whatever_is_sent_is_read_or_said_to_be_wrong(sent: dict[str, object]) -> None:
    filled = form.read(sent)
    assert (filled.lead is None) == bool(filled.wrong)
    assert all(value.isprintable() or "\n" not in value for value in filled.values.values())


def test_a_right_form_is_read() -> None:
    filled = form.read(GOOD)
    assert filled.lead == Lead("+393331234567", "lia@example.com", "Lia Bianchi")
    assert form.read({**GOOD, "name": "x" * 201}).wrong == ("name",)
    assert form.read({**GOOD, "notes": "x" * 501}).wrong == ("notes",)
    assert form.read({**GOOD, "notes": ""}).notes is None
