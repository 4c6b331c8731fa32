"""Each operation on holds and bookings, and each refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage import availability, bookings, calls, people, seed
from storage.agenda import AgendaSettings
from storage.errors import StorageError
from storage.models import proxy
from storage.results import Booking, BookingKind, Hold, Lead, Refusal
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome


@pytest.fixture(autouse=True)
def keeps_its_promises(store: Store) -> Any:
    yield
    assert store.faults() == []


def open_call(store: Store, **given: Any) -> str:
    values: dict[str, Any] = {
        "bridge_call_id": "b",
        "consultant_id": store.consultant,
        "direction": "inbound",
        "caller_number": None,
        "dialled_number": None,
    }
    return store.do(calls.open_call, now=store.now, **{**values, **given})


def test_a_client_holds_and_confirms(store: Store) -> None:
    held = store.hold()
    assert held.expires_at == NOW + timedelta(minutes=15)
    assert store.do(bookings.hold_of, "c1", now=store.now) == held
    made = store.confirm(held, notes="dichiarazione dei redditi")
    assert isinstance(made, Booking)
    assert (made.kind, made.start, made.minutes, made.in_force) == (
        BookingKind.CONSULTATION,
        WEDNESDAY_15,
        60,
        True,
    )
    assert (made.client_id, made.name, made.notes) == (store.anna, "Anna", "dichiarazione dei redditi")
    assert store.cells() == 4
    assert store.do(bookings.hold_of, "c1", now=store.now) is None


def test_a_lead_gets_an_appointment_with_its_call(store: Store) -> None:
    call_id = open_call(store)
    made = store.confirm(store.hold(client_id=None), lead=store.lead, call_id=call_id)
    assert isinstance(made, Booking)
    assert (made.kind, made.phone, made.email, made.name, made.call_id) == (
        BookingKind.APPOINTMENT,
        "+393331234567",
        "lia@example.it",
        "Lia",
        call_id,
    )
    assert store.do(bookings.bookings_of_call, call_id) == [made]


@pytest.mark.parametrize(
    ("start", "given", "refusal"),
    [
        (NOW, {}, Refusal.PAST),
        (NOW - timedelta(days=1), {}, Refusal.PAST),
        (rome("2026-02-11T15:10"), {}, Refusal.OUTSIDE_HOURS),
        (rome("2026-02-11T13:00"), {}, Refusal.OUTSIDE_HOURS),
        (rome("2026-02-11T12:30"), {}, Refusal.OUTSIDE_HOURS),
        (rome("2026-02-14T10:00"), {}, Refusal.OUTSIDE_HOURS),
        (WEDNESDAY_15, {"minutes": 50}, Refusal.OUTSIDE_HOURS),
        (rome("2026-05-11T10:00"), {}, Refusal.OUTSIDE_HOURS),
        (WEDNESDAY_15, {"consultant_id": 99}, Refusal.NOT_FOUND),
    ],
)
def test_what_is_not_bookable_is_refused(
    store: Store, start: Any, given: dict[str, Any], refusal: Refusal
) -> None:
    assert store.propose(start, **given) is refusal
    assert store.cells() == 0


@pytest.mark.parametrize(
    ("start", "minutes", "free"),
    [
        ("15:00", 60, False),
        ("14:30", 45, False),
        ("14:30", 30, True),
        ("15:30", 30, False),
        ("16:00", 60, True),
        ("14:00", 90, False),
    ],
)
@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("lead", [False, True])
def test_overlaps_of_any_duration_and_kind_are_refused(
    store: Store, start: str, minutes: int, free: bool, confirmed: bool, lead: bool
) -> None:
    held = store.hold(client_id=None if lead else store.anna)
    if confirmed:
        assert isinstance(store.confirm(held, lead=store.lead if lead else None), Booking)
    other = store.propose(
        rome(f"2026-02-11T{start}"), minutes=minutes, conversation="c2", client_id=store.bruno
    )
    assert isinstance(other, Hold) if free else other is Refusal.SLOT_TAKEN


def test_a_new_hold_replaces_the_conversations_own(store: Store) -> None:
    first = store.hold()
    overlapping = store.hold(rome("2026-02-11T15:30"))
    assert store.cells() == 4
    assert store.confirm(first) is Refusal.NOT_FOUND
    assert store.do(bookings.hold_of, "c1", now=store.now) == overlapping
    again = store.hold(rome("2026-02-11T15:30"))
    assert again.token != overlapping.token


def test_a_refused_proposal_leaves_the_hold_as_it_was(store: Store) -> None:
    store.hold(conversation="c2", client_id=store.bruno)
    mine = store.hold(rome("2026-02-11T10:00"))
    assert store.propose(WEDNESDAY_15) is Refusal.SLOT_TAKEN
    assert store.do(bookings.hold_of, "c1", now=store.now) == mine


def test_expiry_needs_no_sweeper(store: Store) -> None:
    held = store.hold()
    store.later(minutes=14, seconds=59)
    assert store.propose(conversation="c2", client_id=store.bruno) is Refusal.SLOT_TAKEN
    store.later(seconds=1)
    assert store.do(bookings.hold_of, "c1", now=store.now) is None
    assert store.confirm(held) is Refusal.HOLD_EXPIRED
    assert store.cells() == 0
    assert store.confirm(held) is Refusal.HOLD_EXPIRED


def test_an_expired_hold_of_another_is_taken_over(store: Store) -> None:
    late = store.hold()
    store.later(minutes=16)
    taken = store.hold(rome("2026-02-11T15:30"), conversation="c2", client_id=store.bruno)
    assert store.confirm(late) is Refusal.HOLD_EXPIRED
    assert isinstance(store.confirm(taken), Booking)
    assert store.propose() is Refusal.SLOT_TAKEN


def test_the_sweeper_frees_only_what_has_run_out(store: Store) -> None:
    store.hold()
    store.later(minutes=10)
    live = store.hold(rome("2026-02-11T10:00"), conversation="c2", client_id=store.bruno)
    store.later(minutes=6)
    assert store.do(bookings.expire_holds, store.now) == 1
    assert store.do(bookings.expire_holds, store.now) == 0
    assert store.cells() == 4
    assert store.do(bookings.hold_of, "c2", now=store.now) == live


def test_confirming_twice_is_one_booking(store: Store) -> None:
    held = store.hold()
    first = store.confirm(held)
    store.later(minutes=60)
    assert store.confirm(held) == first
    assert store.rows("SELECT count(*) FROM consultations") == [(1,)]


def test_strangers_cannot_confirm(store: Store) -> None:
    held = store.hold()
    assert store.confirm(held, conversation="c2") is Refusal.NOT_YOURS
    assert store.confirm(held, client_id=store.bruno) is Refusal.NOT_YOURS
    assert store.confirm(held, client_id=None, lead=store.lead) is Refusal.NOT_YOURS
    assert store.confirm(replace(held, token="unknown")) is Refusal.NOT_FOUND
    assert isinstance(store.confirm(held), Booking)
    assert store.confirm(held, conversation="c2") is Refusal.NOT_YOURS


def test_a_stranger_is_told_outside_what_one_is_told_who_guesses() -> None:
    assert {each: each.outward for each in Refusal if each.outward is not each} == {
        Refusal.NOT_YOURS: Refusal.NOT_FOUND
    }


def yes(store: Store, **given: Any) -> Booking | Refusal:
    values: dict[str, Any] = {"conversation": "c1", "client_id": store.anna}
    return store.do(bookings.confirm, now=store.now, **{**values, **given})


def test_a_yes_without_a_token_means_the_latest_hold(store: Store) -> None:
    assert yes(store) is Refusal.NOT_FOUND
    assert not store.do(bookings.has_pending, "c1", now=store.now)
    store.hold(rome("2026-02-11T10:00"))
    latest = store.hold()
    store.hold(rome("2026-02-12T10:00"), conversation="c2", client_id=store.bruno)
    assert store.do(bookings.has_pending, "c1", now=store.now)
    made = yes(store)
    assert isinstance(made, Booking) and made.start == WEDNESDAY_15
    assert not store.do(bookings.has_pending, "c1", now=store.now)
    assert yes(store) == store.confirm(latest) == made
    assert store.do(bookings.has_pending, "c2", now=store.now)


@pytest.mark.parametrize(
    "given", [{"conversation": "c2"}, {"client_id": 2}, {"client_id": None}, {"consultant_id": 99}], ids=str
)
def test_a_yes_without_a_token_confirms_nobody_elses_hold(store: Store, given: dict[str, Any]) -> None:
    held = store.hold()
    assert yes(store, **given) is Refusal.NOT_FOUND
    assert store.do(bookings.hold_of, "c1", now=store.now) == held
    assert isinstance(yes(store, consultant_id=store.consultant), Booking)


def test_a_token_is_for_its_consultant(store: Store) -> None:
    held = store.hold()
    assert store.confirm(held, consultant_id=99) is Refusal.NOT_FOUND
    assert isinstance(store.confirm(held, consultant_id=store.consultant), Booking)


def test_a_late_yes_without_a_token_means_no_old_booking(store: Store) -> None:
    store.hold(rome("2026-02-12T10:00"))
    store.later(minutes=15)
    assert not store.do(bookings.has_pending, "c1", now=store.now)
    assert yes(store) is Refusal.HOLD_EXPIRED
    store.hold()
    assert isinstance(yes(store), Booking)
    store.later(minutes=15)
    assert yes(store) is Refusal.NOT_FOUND
    store.hold(rome("2026-02-12T10:00"))
    store.do(bookings.release, "c1", now=store.now)
    assert yes(store) is Refusal.NOT_FOUND


def test_a_lead_says_yes_without_a_token(store: Store) -> None:
    store.hold(client_id=None)
    made = yes(store, client_id=None, lead=store.lead)
    assert isinstance(made, Booking) and made.phone == store.lead.phone


def test_a_start_that_has_passed_is_not_confirmed(store: Store) -> None:
    held = store.hold(rome("2026-02-09T09:30") + timedelta(minutes=30))
    store.database.run_blocking(
        lambda: proxy.execute_sql("UPDATE pending_bookings SET expires_at = 9999999999")
    )
    store.later(minutes=30)
    assert store.confirm(held) is Refusal.PAST
    assert store.cells() == 0


def test_a_slot_lost_before_confirming_cancels_the_hold(store: Store) -> None:
    held = store.hold()

    def lose() -> None:
        proxy.execute_sql("DELETE FROM slot_locks")
        seed.take_slot(store.consultant, rome("2026-02-11T15:45"), 30, now=store.now)

    store.do(lose)
    assert store.confirm(held) is Refusal.SLOT_TAKEN
    assert store.rows("SELECT status FROM pending_bookings") == [("cancelled",)]
    assert store.cells() == 2
    assert store.rows("SELECT count(*) FROM consultations") == [(0,)]


def test_confirm_needs_exactly_one_person_and_a_known_source(store: Store) -> None:
    with pytest.raises(StorageError, match="exactly one"):
        store.confirm(store.hold(), lead=store.lead)
    with pytest.raises(StorageError, match="exactly one"):
        store.confirm(store.hold(client_id=None))
    with pytest.raises(StorageError, match="source"):
        store.confirm(store.hold(), source="fax")


def test_release_gives_the_slot_back(store: Store) -> None:
    held = store.hold()
    store.do(bookings.release, "c1", now=store.now)
    store.do(bookings.release, "nobody", now=store.now)
    assert store.cells() == 0
    assert store.confirm(held) is Refusal.NOT_FOUND


def test_cancel_gives_the_slot_back_and_it_can_be_booked_again(store: Store) -> None:
    made = store.book()
    gone = store.do(bookings.cancel, made.kind, made.id, now=store.now)
    assert gone == replace(made, in_force=False)
    assert store.do(bookings.cancel, made.kind, made.id, now=store.now) == gone
    assert store.do(bookings.cancel, made.kind, "unknown", now=store.now) is Refusal.NOT_FOUND
    again = store.book(conversation="c2", client_id=store.bruno)
    assert again.id != made.id
    assert store.do(bookings.cancel, again.kind, again.id, now=WEDNESDAY_15) is Refusal.PAST


def test_one_call_one_booking(store: Store) -> None:
    call_id = open_call(store)
    first = store.confirm(store.hold(), call_id=call_id)
    assert isinstance(first, Booking)
    second = store.hold(rome("2026-02-12T10:00"))
    assert store.confirm(second, call_id=call_id) is Refusal.ALREADY_BOOKED
    assert store.cells() == 4
    store.do(bookings.cancel, first.kind, first.id, now=store.now)
    assert isinstance(store.confirm(store.hold(rome("2026-02-12T10:00")), call_id=call_id), Booking)


@pytest.mark.parametrize("lead", [False, True])
@pytest.mark.parametrize(
    ("to", "extra_cells"), [("15:30", 2), ("14:30", 2), ("10:00", 4), ("15:00", 0)], ids=str
)
def test_moving_updates_the_one_booking_in_place(store: Store, lead: bool, to: str, extra_cells: int) -> None:
    who = None if lead else store.anna
    made = store.confirm(store.hold(client_id=who), lead=store.lead if lead else None)
    assert isinstance(made, Booking)
    target = rome(f"2026-02-11T{to}")
    held = store.hold(target, moving=made, client_id=who)
    assert held.moving == made.id
    assert store.cells() == 4 + extra_cells
    moved = store.confirm(held, notes="più tardi")
    assert moved == replace(made, start=target, notes="più tardi")
    assert store.cells() == 4
    assert store.confirm(held) == moved
    assert store.do(bookings.find_bookings, client_id=who, phone=made.phone, now=store.now) == [moved]
    if to == "10:00":
        assert isinstance(store.propose(conversation="c2", client_id=store.bruno), Hold)


def test_moving_may_change_the_duration(store: Store) -> None:
    made = store.book()
    moved = store.confirm(store.hold(moving=made, minutes=30))
    assert isinstance(moved, Booking)
    assert (moved.minutes, store.cells()) == (30, 2)


def test_a_move_given_up_changes_nothing(store: Store) -> None:
    made = store.book()
    store.hold(rome("2026-02-11T15:30"), moving=made)
    store.do(bookings.release, "c1", now=store.now)
    assert store.do(bookings.booking, made.kind, made.id) == made
    assert store.cells() == 4


def test_moves_that_cannot_be(store: Store) -> None:
    made = store.book()
    store.book(rome("2026-02-11T16:00"), conversation="c2", client_id=store.bruno)
    assert store.propose(rome("2026-02-11T15:30"), moving=made) is Refusal.SLOT_TAKEN
    theirs = store.propose(rome("2026-02-12T10:00"), moving=made, client_id=store.bruno, conversation="c3")
    assert theirs is Refusal.NOT_YOURS
    held = store.hold(rome("2026-02-12T10:00"), moving=made)
    store.do(bookings.cancel, made.kind, made.id, now=store.now)
    assert store.confirm(held) is Refusal.NOT_FOUND
    assert store.propose(rome("2026-02-12T10:00"), moving=made) is Refusal.NOT_FOUND


def test_moving_a_booking_that_has_begun_is_refused(store: Store) -> None:
    made = store.book()
    store.now = WEDNESDAY_15 + timedelta(minutes=5)
    assert store.propose(rome("2026-02-12T10:00"), moving=made) is Refusal.PAST


def test_a_move_is_too_late_once_its_booking_has_begun(store: Store) -> None:
    store.now = WEDNESDAY_15 - timedelta(minutes=5)
    made = store.book()
    held = store.hold(rome("2026-02-12T10:00"), moving=made)
    store.now = WEDNESDAY_15
    assert store.confirm(held) is Refusal.PAST
    assert store.do(bookings.booking, made.kind, made.id) == made


def test_a_hold_that_has_run_out_stays_so_whatever_ends_it(store: Store) -> None:
    other = store.do(people.add_consultant, "Dott. Verdi")
    elsewhere = store.hold(consultant_id=other)
    made = store.book(conversation="c2")
    moving = store.hold(rome("2026-02-12T10:00"), moving=made, conversation="c3")
    store.later(minutes=15)
    store.hold(rome("2026-02-13T10:00"))
    store.do(bookings.cancel, made.kind, made.id, now=store.now)
    assert store.confirm(elsewhere) is Refusal.HOLD_EXPIRED
    assert store.confirm(moving) is Refusal.HOLD_EXPIRED


def test_bookings_are_found_by_client_and_by_phone(store: Store) -> None:
    one = store.book(rome("2026-02-12T10:00"))
    two = store.book(rome("2026-02-11T10:00"))
    lead = store.confirm(store.hold(client_id=None), lead=store.lead)
    find = bookings.find_bookings
    assert store.do(find, client_id=store.anna, now=store.now) == [two, one]
    assert store.do(find, phone="+393400000001", now=store.now) == [two, one]
    assert store.do(find, client_id=store.anna, phone="+393400000001", now=store.now) == [two, one]
    assert store.do(find, phone=store.lead.phone, now=store.now) == [lead]
    assert store.do(find, client_id=store.bruno, now=store.now) == []
    assert store.do(find, now=store.now) == []
    assert store.do(find, client_id=store.anna, now=rome("2026-02-11T10:00")) == [one]


def test_buffers_keep_a_distance(store: Store) -> None:
    settings = AgendaSettings(buffer_before_minutes=10, buffer_after_minutes=20)
    store.consultant = store.do(people.add_consultant, "Dott. Verdi", settings)
    store.book()
    assert store.cells() == 7
    for start, free in (("16:00", False), ("16:30", False), ("17:00", True), ("14:00", False)):
        found = store.do(
            availability.is_available, store.consultant, rome(f"2026-02-11T{start}"), 30, now=store.now
        )
        assert found is free, start


def test_operations_refuse_to_run_outside_a_transaction(store: Store) -> None:
    def bare() -> None:
        bookings.propose(
            consultant_id=store.consultant,
            conversation="c",
            client_id=None,
            start=WEDNESDAY_15,
            minutes=60,
            now=NOW,
        )

    with pytest.raises(StorageError, match="inside a transaction"):
        store.database._on_worker(bare)


def test_an_unknown_client_is_no_taken_slot(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        store.propose(client_id=4711)


def test_leads_are_told_apart_by_conversation_alone(store: Store) -> None:
    held = store.hold(client_id=None)
    other = Lead(phone="+393330000000", email="x@example.it")
    assert store.confirm(held, conversation="c9", lead=other) is Refusal.NOT_YOURS
