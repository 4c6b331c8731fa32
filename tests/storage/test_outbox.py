"""What is left for calendars: exactly one row for each change that was really made, and in its transaction."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import peewee
import pytest

from storage import at_once, bookings, calendar_tasks, outbox, people
from storage.models import CalendarTask, Consultant, proxy
from storage.results import Booking, BookingKind, Refusal
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome

THURSDAY_10 = rome("2026-02-12T10:00")


@pytest.fixture
def office(store: Store) -> Store:
    """A store whose consultant has a calendar."""
    store.do(lambda: Consultant.update(calendar="rossi@example.it").execute())
    return store


def tasks(store: Store) -> list[tuple[str, str, str]]:
    """What is to be done, in order."""
    found = store.do(lambda: list(CalendarTask.select().order_by(CalendarTask.id)))
    return [(task.action, task.booking_kind, task.booking_id) for task in found]


def book_lead(store: Store, **given: Any) -> Booking | Refusal:
    values: dict[str, Any] = {
        "conversation": "w1",
        "start": WEDNESDAY_15,
        "minutes": 60,
        "source": "whatsapp",
    }
    return store.do(
        at_once.book_lead,
        consultant_id=store.consultant,
        lead=store.lead,
        now=store.now,
        **{**values, **given},
    )


def move(store: Store, made: Booking, **given: Any) -> Booking | Refusal:
    values: dict[str, Any] = {"conversation": "m1", "client_id": made.client_id, "start": THURSDAY_10}
    return store.do(bookings.reschedule, made.kind, made.id, now=store.now, **{**values, **given})


def test_a_consultation_is_to_be_created(office: Store) -> None:
    made = office.book()
    (task,) = office.do(lambda: list(CalendarTask.select().dicts()))
    assert task == {
        "id": task["id"],
        "consultant": office.consultant,
        "booking_kind": "consultation",
        "booking_id": made.id,
        "action": "create",
        "event_id": outbox.event_id(made),
        "created_at": NOW,
        "not_before": NOW,
        "attempts": 0,
        "leased_until": None,
        "lease_owner": None,
        "done_at": None,
        "last_error": None,
        "dead": False,
    }


def test_an_appointment_is_to_be_created(office: Store) -> None:
    held = office.hold(client_id=None)
    made = office.confirm(held, lead=office.lead)
    assert isinstance(made, Booking)
    assert tasks(office) == [("create", "appointment", made.id)]


def test_a_lead_booked_at_once_is_to_be_created(office: Store) -> None:
    made = book_lead(office)
    assert isinstance(made, Booking)
    assert tasks(office) == [("create", "appointment", made.id)]


def test_each_change_follows_the_one_before(office: Store) -> None:
    made = office.book()
    assert isinstance(move(office, made), Booking)
    moved = office.confirm(office.hold(rome("2026-02-13T11:00"), conversation="c2", moving=made))
    assert isinstance(moved, Booking)
    office.do(bookings.cancel, made.kind, made.id, now=office.now)
    assert tasks(office) == [
        (action, "consultation", made.id) for action in ("create", "update", "update", "delete")
    ]
    events = office.rows("SELECT DISTINCT event_id FROM calendar_outbox")
    assert events == [(outbox.event_id(made),)]


def test_what_was_done_already_is_not_to_be_done_again(office: Store) -> None:
    held = office.hold()
    made = office.confirm(held)
    assert isinstance(made, Booking)
    assert office.confirm(held) == made
    assert office.do(bookings.confirm, conversation="c1", client_id=office.anna, now=office.now) == made
    lead = book_lead(office, start=rome("2026-02-11T10:00"))
    assert book_lead(office, start=rome("2026-02-11T10:00")) == lead
    assert move(office, made) == move(office, made)
    for _ in range(2):
        office.do(bookings.cancel, made.kind, made.id, now=office.now)
    assert [action for action, *_ in tasks(office)] == ["create", "create", "update", "delete"]


def test_a_move_to_where_it_is_is_none(office: Store) -> None:
    made = office.book()
    assert move(office, made, start=made.start) == made
    assert [action for action, *_ in tasks(office)] == ["create"]
    noted = move(office, made, start=made.start, notes="porta i documenti")
    assert isinstance(noted, Booking)
    assert [action for action, *_ in tasks(office)] == ["create", "update"]


def test_what_is_refused_leaves_nothing(office: Store) -> None:
    made = office.book()
    known = tasks(office)
    office.now += timedelta(minutes=1)
    late = office.hold(THURSDAY_10, conversation="late")
    refused: list[object] = [
        book_lead(office),
        move(office, made, client_id=office.bruno),
        move(office, made, start=rome("2026-02-11T23:00")),
        office.do(bookings.cancel, BookingKind.APPOINTMENT, made.id, now=office.now),
        office.do(bookings.cancel, made.kind, made.id, now=made.start),
        office.do(
            bookings.confirm, token=late.token, conversation="c9", client_id=office.anna, now=office.now
        ),
    ]
    office.later(minutes=20)
    refused.append(office.confirm(late))
    assert refused == [
        Refusal.SLOT_TAKEN,
        Refusal.NOT_YOURS,
        Refusal.OUTSIDE_HOURS,
        Refusal.NOT_FOUND,
        Refusal.PAST,
        Refusal.NOT_YOURS,
        Refusal.HOLD_EXPIRED,
    ]
    assert tasks(office) == known


@pytest.mark.parametrize("operation", ["confirm", "book_lead", "reschedule", "cancel"])
def test_what_is_rolled_back_leaves_nothing(office: Store, operation: str) -> None:
    made = office.book(rome("2026-02-13T09:00"))
    held = office.hold()
    known, seen = tasks(office), []
    lead = {"conversation": "w1", "lead": office.lead, "minutes": 60, "source": "public_page"}
    work: dict[str, Any] = {
        "confirm": lambda: bookings.confirm(
            token=held.token, conversation="c1", client_id=office.anna, now=office.now
        ),
        "book_lead": lambda: at_once.book_lead(
            consultant_id=office.consultant, start=THURSDAY_10, now=office.now, **lead
        ),
        "reschedule": lambda: bookings.reschedule(
            made.kind, made.id, conversation="m", client_id=office.anna, start=THURSDAY_10, now=office.now
        ),
        "cancel": lambda: bookings.cancel(made.kind, made.id, now=office.now),
    }

    def then_fail() -> None:
        assert isinstance(work[operation](), Booking)
        seen.append(CalendarTask.select().count())
        raise LookupError("no")

    with pytest.raises(LookupError):
        office.do(then_fail)
    assert seen == [len(known) + 1]  # it was there, in the transaction
    assert tasks(office) == known


def test_where_there_is_no_calendar_there_is_nothing_to_do(office: Store) -> None:
    other = office.do(people.add_consultant, "Dott. Verdi")
    client = office.do(people.add_client, "Carla", "+393400000003", consultant_id=other)
    made = office.book(consultant_id=other, client_id=client)
    assert isinstance(move(office, made), Booking)
    office.do(bookings.cancel, made.kind, made.id, now=office.now)
    assert tasks(office) == []


def test_event_ids_are_such_as_calendars_take_and_each_bookings_own(office: Store) -> None:
    made = [office.book(), book_lead(office, start=rome("2026-02-11T10:00"))]
    ids = []
    for booking in made:
        assert isinstance(booking, Booking)
        ids.append(outbox.event_id(booking))
        assert re.fullmatch("[a-v0-9]{5,1024}", ids[-1])
    assert len(set(ids)) == 2


@pytest.mark.parametrize("wrong", [{"action": "move"}, {"booking_kind": "lead"}, {"leased_until": NOW}])
def test_the_table_takes_no_other_words(office: Store, wrong: dict[str, Any]) -> None:
    made = office.book()
    row = {
        "consultant": office.consultant,
        "booking_kind": "consultation",
        "booking_id": made.id,
        "action": "update",
        "event_id": "e",
        "created_at": NOW,
        "not_before": NOW,
    }
    with pytest.raises(peewee.IntegrityError, match=r"(?i)check"):
        office.do(lambda: CalendarTask.create(**{**row, **wrong}))


def test_finding_what_is_due_and_what_was_given_up_looks_at_no_task_that_is_done(sqlite_store: Store) -> None:
    def plan(query: Any) -> str:
        sql, values = query.sql()
        rows = proxy.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        return "\n".join(str(row[-1]) for row in rows)

    def plans() -> tuple[str, str]:
        given_up = CalendarTask.select().where(CalendarTask.event_id == "e", CalendarTask.dead)
        return plan(calendar_tasks.due_tasks(NOW)), plan(given_up)

    due, given_up = sqlite_store.do(plans)
    assert due.count("INDEX calendar_tasks_open") == 2, due
    assert "INDEX calendar_tasks_dead" in given_up
