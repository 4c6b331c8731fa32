"""One call, one booking: of whichever kind, with whichever consultant."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import peewee
import pytest

from storage import bookings, calls, people
from storage.models import CallBooking
from storage.results import Booking, Refusal
from tests.storage.playground import WEDNESDAY_15, Store, rome

THURSDAY_10 = rome("2026-02-12T10:00")


def open_call(store: Store) -> str:
    return store.do(
        calls.open_call,
        bridge_call_id="b1",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        now=store.now,
    )


def consultation(store: Store, call_id: str) -> Any:
    return store.confirm(store.hold(conversation="c1"), call_id=call_id)


def appointment(store: Store, call_id: str) -> Any:
    held = store.hold(THURSDAY_10, conversation="c2", client_id=None)
    return store.confirm(held, call_id=call_id, lead=store.lead)


@pytest.mark.parametrize(("first", "second"), [(consultation, appointment), (appointment, consultation)])
def test_a_call_gets_one_booking_of_either_kind(store: Store, first: Any, second: Any) -> None:
    call_id = open_call(store)
    made = first(store, call_id)
    assert isinstance(made, Booking)
    assert second(store, call_id) is Refusal.ALREADY_BOOKED
    store.do(bookings.cancel, made.kind, made.id, now=store.now)
    again = second(store, call_id)
    assert isinstance(again, Booking)
    assert first(store, call_id) is Refusal.ALREADY_BOOKED
    assert store.do(bookings.all_in_force) == [again]
    assert store.faults() == []


def test_other_calls_and_channels_are_left_alone(store: Store) -> None:
    assert isinstance(consultation(store, open_call(store)), Booking)
    assert isinstance(appointment(store, open_call(store)), Booking)
    for start in ("2026-02-13T09:00", "2026-02-13T10:00"):
        assert isinstance(store.book(rome(start)), Booking)  # without a call


def test_the_table_alone_refuses_a_second(store: Store) -> None:
    call_id = open_call(store)
    assert isinstance(consultation(store, call_id), Booking)
    with pytest.raises(peewee.IntegrityError):
        store.do(lambda: CallBooking.create(voice_call=call_id, booking_kind="appointment", booking_id="a-1"))


def test_a_cancelled_booking_does_not_free_the_place_of_its_successor(store: Store) -> None:
    call_id = open_call(store)
    first = consultation(store, call_id)
    store.do(bookings.cancel, first.kind, first.id, now=store.now)
    assert isinstance(appointment(store, call_id), Booking)
    store.do(bookings.cancel, first.kind, first.id, now=store.now)  # once more
    assert consultation(store, call_id) is Refusal.ALREADY_BOOKED


def test_two_confirms_at_the_same_moment_make_one_booking(store: Store) -> None:
    """With two consultants no row lock orders them: only the key stands between."""
    call_id = open_call(store)
    other = store.do(people.add_consultant, "Dott. Verdi")
    held = store.hold(conversation="c1")
    rival = store.hold(WEDNESDAY_15, conversation="c2", client_id=None, consultant_id=other)
    together = threading.Barrier(1 if store.database.on_sqlite else 2)

    def confirm(token: str, conversation: str, **given: Any) -> Booking | Refusal:
        together.wait(5)
        done = bookings.confirm(
            token=token, conversation=conversation, now=store.now, call_id=call_id, **given
        )
        assert not isinstance(done, Booking) or done.call_id == call_id
        return done

    with ThreadPoolExecutor(2) as threads:
        answers = [
            threads.submit(store.do, confirm, held.token, "c1", client_id=store.anna),
            threads.submit(store.do, confirm, rival.token, "c2", client_id=None, lead=store.lead),
        ]
        done = [answer.result() for answer in answers]
    made = [each for each in done if isinstance(each, Booking)]
    assert len(made) == 1
    assert Refusal.ALREADY_BOOKED in done
    assert store.do(bookings.all_in_force) == made
    assert store.faults() == []
    assert store.cells() == 4
