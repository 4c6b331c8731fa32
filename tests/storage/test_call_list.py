"""The list of calls: every filter, alone and together, and what came of each call as it is kept with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import bookings, calls, people
from storage.call_list import CallFilter, Standing, list_calls
from storage.errors import StorageError
from storage.models import VoiceCall
from storage.results import Booking, BookingKind, Outcome
from tests.storage.playground import NOW, Store, rome
from tests.storage.test_calls import analyse, open_call

THURSDAY_10 = rome("2026-02-12T10:00")


def booked(store: Store, call_id: str, **given: Any) -> Booking:
    made = store.confirm(store.hold(conversation=call_id, **given), call_id=call_id)
    assert isinstance(made, Booking)
    return made


def outcomes(store: Store) -> dict[str, Outcome | None]:
    return {line.id: line.outcome for line in store.do(list_calls)}


def test_what_came_of_a_call_stands_with_it(store: Store) -> None:
    first, second, third, nothing = (open_call(store) for _ in range(4))
    made = booked(store, first)
    moved = store.confirm(store.hold(THURSDAY_10, conversation=second, moving=made), call_id=second)
    assert isinstance(moved, Booking)
    assert outcomes(store) == {first: "creato", second: "spostato", third: None, nothing: None}
    store.do(bookings.cancel, made.kind, made.id, now=store.now, conversation=third)
    assert outcomes(store) == {first: "disdetto", second: "disdetto", third: "disdetto", nothing: None}
    lines = {line.id: line for line in store.do(list_calls)}
    assert [lines[each].booking and lines[each].booking.id for each in (first, second, third, nothing)] == [
        made.id, made.id, made.id, None,
    ]  # fmt: skip


def test_a_move_at_once_counts_as_one_too(store: Store) -> None:
    first, second = open_call(store), open_call(store)
    made = booked(store, first)
    moved = store.do(
        bookings.reschedule, BookingKind.CONSULTATION, made.id, conversation=second, client_id=store.anna,
        start=THURSDAY_10, now=store.now,
    )  # fmt: skip
    assert isinstance(moved, Booking)
    assert outcomes(store) == {first: "creato", second: "spostato"}


def test_a_callback_stays_due_until_somebody_ticks_it_off(store: Store) -> None:
    call_id, other = open_call(store), open_call(store)
    assert not store.do(calls.call_back_done, call_id, by="vera", now=NOW)
    store.do(calls.note_metadata, call_id, {"callbackRequested": True})
    assert [
        line.id for line in store.do(list_calls, 9, None, CallFilter(standing=Standing.TO_CALL_BACK))
    ] == [call_id]
    assert not store.do(calls.call_back_done, call_id, by="vera", now=NOW, consultant_id=store.consultant + 1)
    assert store.do(calls.call_back_done, call_id, by="vera", now=NOW)
    assert not store.do(calls.call_back_done, call_id, by="ugo", now=NOW + timedelta(hours=1))
    store.do(calls.note_metadata, call_id, {"callbackRequested": True})  # its call goes on
    lines = {line.id: line for line in store.do(list_calls)}
    done = lines[call_id]
    assert (done.callback_due, done.callback_by, done.callback_at) == (False, "vera", NOW)
    assert lines[other].callback_due is None


@pytest.fixture
def many(store: Store) -> list[str]:
    """Calls of two consultants, an hour apart: booked, open, to call back, cut short, outbound, of the other's."""
    second = store.do(people.add_consultant, "Dott. Verdi")
    made = []
    for hour, given in enumerate(
        (
            {},
            {},
            {},
            {"server": "x"},
            {"direction": "outbound", "caller_number": "+390611111111", "dialled_number": "+393331234567"},
            {"consultant_id": second},
        )
    ):
        store.now = NOW + timedelta(hours=hour)
        made.append(open_call(store, **given))
        if hour not in (1, 3):
            store.do(calls.finish_call, made[-1], now=store.now, reason="hangup")
    store.now = NOW
    booked(store, made[0])
    analyse(store, made[0], 1, stage="completato")
    analyse(store, made[2], 1, stage="raccolta_dati")
    store.do(calls.note_metadata, made[2], {"callbackRequested": True})
    store.do(
        lambda: VoiceCall.update(ended_at=NOW, interrupted=True).where(VoiceCall.id == made[3]).execute()
    )
    return made


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (CallFilter(), {0, 1, 2, 3, 4, 5}),
        (CallFilter(consultant_id=1), {0, 1, 2, 3, 4}),
        (CallFilter(stage="completato"), {0}),
        (CallFilter(stage="raccolta_dati"), {2}),
        (CallFilter(outcome="creato"), {0}),
        (CallFilter(outcome="nessuno"), {1, 2, 3, 4, 5}),
        (CallFilter(outcome="spostato"), set()),
        (CallFilter(standing=Standing.OPEN), {1}),
        (CallFilter(standing=Standing.TO_CALL_BACK), {2}),
        (CallFilter(standing=Standing.CUT_SHORT), {3}),
        (CallFilter(since=NOW + timedelta(hours=2)), {2, 3, 4, 5}),
        (CallFilter(until=NOW + timedelta(hours=2)), {0, 1}),
        (CallFilter(number="+393331234567"), {4}),
        (CallFilter(number="+390611111111"), set()),
        (CallFilter(consultant_id=1, outcome="nessuno", since=NOW + timedelta(hours=2)), {2, 3, 4}),
        (CallFilter(consultant_id=2, standing=Standing.OPEN), set()),
    ],
)
def test_filters(store: Store, many: list[str], which: CallFilter, found: set[int]) -> None:
    assert {many.index(line.id) for line in store.do(list_calls, 9, None, which)} == found


def test_pages_of_a_filtered_list_follow_one_another(store: Store, many: list[str]) -> None:
    which, seen = CallFilter(consultant_id=1), list[str]()
    while page := store.do(list_calls, 2, seen[-1] if seen else None, which):
        seen += [line.id for line in page]
    assert seen == many[4::-1]
    with pytest.raises(StorageError):
        store.do(list_calls, 2, many[5], which)  # a call of somebody else's says nothing


def test_a_call_of_another_consultant_is_not_there(store: Store, many: list[str]) -> None:
    look: Callable[..., Any] = calls.call_detail
    assert store.do(look, many[5], consultant=1) is None
    assert store.do(look, many[5], consultant=2) is not None
