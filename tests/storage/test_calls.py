"""Calls: turns, analyses, endings, and what the pages show."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from engine.turns import Played, Speaker, Turn
from storage import bookings, calls, conversations, journal, people, tenure
from storage.database import Database
from storage.errors import StorageError
from storage.results import Booking, BookingKind
from storage.settings import StorageSettings
from storage.tenure import Tenure
from tests.storage.playground import NOW, WEDNESDAY_15, Store, furnish, rome
from tests.storage.postgres import Postgres


def open_call(store: Store, **given: Any) -> str:
    values: dict[str, Any] = {
        "bridge_call_id": "bridge-1",
        "consultant_id": store.consultant,
        "direction": "inbound",
        "caller_number": "+393400000001",
        "dialled_number": "+390611111111",
    }
    return store.do(calls.open_call, now=store.now, **{**values, **given})


def analyse(store: Store, call_id: str, number: int, **given: Any) -> None:
    values: dict[str, Any] = {
        "last_turn": number * 2,
        "facts": {"has_date": True},
        "availability": ["2026-02-11T14:00:00Z"],
        "state": {"date": "2026-02-11"},
        "stage": "raccolta_dati",
        "task": "prenota",
    }
    store.do(calls.record_analysis, call_id, number=number, now=store.now, **{**values, **given})


def turn(number: int, speaker: Speaker, text: str, **given: Any) -> Turn:
    begun = NOW + timedelta(seconds=number, milliseconds=250)
    return Turn(number, speaker, text, begun, begun + timedelta(seconds=1), **given)


def test_turns_are_stored_and_replaced_by_number(store: Store) -> None:
    call_id = open_call(store)
    asked = turn(1, Speaker.ASSISTANT, "Mercoledì alle 15?", heard="Mercoledì", played=(Played(NOW, 9),))
    store.do(calls.record_turns, call_id, [asked, turn(2, Speaker.CALLER, "sì")])
    store.do(calls.record_turns, call_id, [turn(2, Speaker.CALLER, "sì, va bene")])
    store.do(calls.record_turns, call_id, [Turn(3, Speaker.CALLER, "grazie", None, None)])
    store.do(calls.record_turns, call_id, [turn(4, Speaker.CALLER, "347", keyed=True)])
    store.do(calls.record_turns, call_id, [])
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None
    assert [(each.number, each.speaker, each.text) for each in detail.turns] == [
        (1, "assistant", "Mercoledì alle 15?"),
        (2, "caller", "sì, va bene"),
        (3, "caller", "grazie"),
        (4, "caller", "347"),
    ]
    assert [each.keyed for each in detail.turns] == [False, False, False, True]
    assert detail.turns[0].heard == "Mercoledì"
    assert detail.turns[0].played == ((NOW, 9),)
    assert detail.turns[0].began_at == asked.began_at
    assert detail.turns[2].began_at is None


def test_analyses_follow_one_another(store: Store) -> None:
    call_id = open_call(store)
    fresh = store.do(conversations.state_of, call_id)
    assert fresh is not None
    assert (fresh.stage, fresh.last_analysis, fresh.last_turn, fresh.state) == ("nessun_intento", 0, 0, None)
    analyse(store, call_id, 1)
    analyse(store, call_id, 2, state={"date": "2026-02-12"}, stage="dati_completi")
    state = store.do(conversations.state_of, call_id)
    assert state is not None
    assert (state.stage, state.task, state.last_analysis, state.last_turn) == (
        "dati_completi",
        "prenota",
        2,
        4,
    )
    assert state.state == {"date": "2026-02-12"}
    found = store.do(calls.analyses, call_id)
    assert [(each.number, each.last_turn) for each in found] == [(1, 2), (2, 4)]
    assert found[0].availability == ["2026-02-11T14:00:00Z"]
    for wrong in (2, 4):
        with pytest.raises(StorageError, match="does not follow"):
            analyse(store, call_id, wrong)
    assert store.do(conversations.state_of, "unknown") is None
    with pytest.raises(StorageError, match="no call"):
        store.do(calls.note_metadata, "unknown", {})


def test_a_call_ends_once(store: Store) -> None:
    call_id = open_call(store)
    analyse(store, call_id, 1)
    store.do(calls.note_metadata, call_id, {"callbackRequested": True})
    store.later(seconds=90)
    store.do(calls.finish_call, call_id, now=store.now, reason="hangup", metadata={"x": 1})
    store.later(seconds=5)
    store.do(calls.finish_call, call_id, now=store.now, reason="later")
    (line,) = store.do(calls.list_calls)
    assert (line.duration, line.end_reason, line.stage) == (timedelta(seconds=90), "hangup", "raccolta_dati")
    assert line.callback_due and not line.interrupted
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None
    assert detail.metadata == {
        "bookingCreated": False,
        "bookingId": None,
        "bookingType": None,
        "googleMeetLink": None,
        "callbackRequested": True,
        "x": 1,
    }


def test_calls_of_a_killed_server_are_closed_and_their_holds_expire(store: Store) -> None:
    ended, left = open_call(store, server="a"), open_call(store, server="a")
    store.do(calls.finish_call, ended, now=store.now, reason="hangup")
    held = store.hold(conversation=left)
    store.later(minutes=1)
    assert store.do(calls.close_interrupted, store.now, "a") == [left]
    assert store.do(calls.close_interrupted, store.now, "a") == []
    detail = store.do(calls.call_detail, left)
    assert detail is not None
    assert (detail.call.end_reason, detail.call.interrupted) == ("interrotta", True)
    assert store.do(bookings.hold_of, left, now=store.now) == held
    store.later(minutes=15)
    assert store.do(bookings.hold_of, left, now=store.now) is None


# --- Who answers for a call -------------------------------------------------------------------------------

LEASE = StorageSettings().call_lease_seconds


def nobody_comes_back(store: Store) -> None:
    """A call whose line is lost is over."""
    store.database.settings = store.database.settings.model_copy(update={"call_return_seconds": 0})


def still_open(store: Store) -> set[str]:
    return {line.id for line in store.do(calls.list_calls) if line.ended_at is None}


def test_a_server_that_starts_closes_its_own_calls_and_no_others(store: Store) -> None:
    nobody_comes_back(store)
    mine, others = open_call(store, server="a"), open_call(store, server="b")
    store.later(seconds=LEASE - 1)
    assert store.do(calls.close_interrupted, store.now, "a") == [mine]
    assert still_open(store) == {others}


def test_a_server_that_starts_leaves_its_calls_to_bridges_that_may_come_back(store: Store) -> None:
    mine, others = open_call(store, server="a"), open_call(store, server="b", bridge_call_id="b2")
    ended_by_bridge = open_call(store, server="a", bridge_call_id="b3")
    store.do(tenure.hung_up, Tenure(ended_by_bridge), now=store.now)
    store.later(seconds=LEASE - 1)
    assert store.do(calls.close_interrupted, store.now, "a") == [ended_by_bridge]
    assert still_open(store) == {mine, others}
    found = store.do(tenure.of_bridge, "bridge-1", now=store.now)
    assert found is not None and (found.id, found.left) == (mine, True)
    store.later(seconds=store.database.settings.call_return_seconds)
    assert store.do(tenure.not_returned, store.now) == [mine]


def test_a_server_that_starts_keeps_what_its_bridges_have_come_back_to_already(store: Store) -> None:
    mine = open_call(store, server="a")
    store.later(seconds=5)
    started = store.now
    store.later(seconds=1)
    found = store.do(tenure.of_bridge, "bridge-1", now=store.now)
    assert found is not None
    taken = store.do(tenure.take, found, server="a", now=store.now)
    assert store.do(calls.close_interrupted, started, "a") == []
    now = store.do(tenure.of_bridge, "bridge-1", now=store.now)
    assert now is not None and (now.id, now.epoch, now.left) == (mine, taken.epoch, False)


def test_a_server_that_starts_late_closes_what_nobody_can_come_back_to(store: Store) -> None:
    mine = open_call(store, server="a")
    store.later(seconds=LEASE)
    assert store.do(calls.close_interrupted, store.now, "a") == [mine]


def test_a_server_that_starts_leaves_the_calls_alone_that_came_since(store: Store) -> None:
    nobody_comes_back(store)
    started = store.now
    fresh = open_call(store, server="a")
    assert store.do(calls.close_interrupted, started, "a") == []
    assert still_open(store) == {fresh}


def test_a_call_whose_lease_has_run_out_is_closed_by_whoever_sweeps(store: Store) -> None:
    left, kept = open_call(store, server="a"), open_call(store, server="b")
    store.later(seconds=LEASE - 1)
    assert store.do(calls.close_unattended, store.now) == []
    assert store.do(calls.renew_leases, [kept], now=store.now) == []
    store.later(seconds=1)
    assert store.do(calls.close_unattended, store.now) == [left]
    detail = store.do(calls.call_detail, left)
    assert detail is not None
    assert (detail.call.end_reason, detail.call.interrupted, detail.call.ended_at) == (
        "interrotta", True, store.now,
    )  # fmt: skip
    assert still_open(store) == {kept}


def test_a_call_that_nobody_ever_answered_for_is_closed(store: Store) -> None:
    left = open_call(store)
    assert store.do(calls.close_unattended, store.now) == [left]


def test_a_closed_call_is_not_brought_back(store: Store) -> None:
    """Its server was away for too long; what it says then changes nothing."""
    call_id = open_call(store, server="a")
    store.later(seconds=LEASE)
    assert store.do(calls.close_unattended, store.now) == [call_id]
    closed = store.now
    store.later(seconds=1)
    assert store.do(calls.renew_leases, [call_id], now=store.now) == [call_id]
    assert store.do(calls.close_interrupted, store.now, "a") == []
    store.do(calls.finish_call, call_id, now=store.now, reason="hangup")
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None
    assert (detail.call.end_reason, detail.call.interrupted, detail.call.ended_at) == (
        "interrotta",
        True,
        closed,
    )


def test_a_call_that_has_ended_keeps_its_end_whatever_its_lease(store: Store) -> None:
    call_id = open_call(store, server="a")
    store.do(calls.finish_call, call_id, now=store.now, reason="hangup")
    store.later(hours=1)
    assert store.do(calls.close_unattended, store.now) == []
    assert store.do(calls.close_interrupted, store.now, "a") == []
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None and not detail.call.interrupted


def test_a_lease_that_is_renewed_while_another_looks_is_kept_to(postgres: Postgres) -> None:
    """The one who closes has seen the lease run out, but waits for the row; then it has been renewed."""
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        call_id = open_call(store, server="a")
        store.later(seconds=LEASE)
        renewed, may_commit = threading.Event(), threading.Event()

        def renew() -> None:
            calls.renew_leases([call_id], now=store.now)
            renewed.set()
            assert may_commit.wait(5)

        def close() -> list[str]:
            assert renewed.wait(5)
            threading.Timer(0.2, may_commit.set).start()
            return calls.close_unattended(store.now)

        with ThreadPoolExecutor(2) as threads:
            renewing, closing = threads.submit(store.do, renew), threads.submit(store.do, close)
            renewing.result()
            assert closing.result() == []
        assert still_open(store) == {call_id}


def test_the_list_is_newest_first_and_goes_on_where_it_ended(store: Store) -> None:
    made = []
    for _ in range(5):
        made.append(open_call(store))
        made.append(open_call(store))  # two in the same second
        store.later(minutes=1)
    seen: list[str] = []
    while page := store.do(calls.list_calls, 3, seen[-1] if seen else None):
        seen += [each.id for each in page]
    assert len(seen) == 10 and set(seen) == set(made)
    assert [{*seen[i : i + 2]} for i in (0, 8)] == [{*made[8:]}, {*made[:2]}]
    with pytest.raises(StorageError, match="no call"):
        store.do(calls.list_calls, 3, "unknown")


def test_the_page_shows_who_and_what_was_booked(store: Store) -> None:
    client_call = open_call(store, client_id=store.anna)
    consultation = store.confirm(store.hold(conversation=client_call), call_id=client_call)
    lead_call = open_call(
        store, direction="outbound", dialled_number="+393331234567", caller_number="+390611111111"
    )
    held = store.hold(rome("2026-02-11T10:00"), conversation=lead_call, client_id=None)
    appointment = store.confirm(held, call_id=lead_call, lead=store.lead)
    empty_call = open_call(store)
    assert isinstance(consultation, Booking) and isinstance(appointment, Booking)
    lines = {line.id: line for line in store.do(calls.list_calls)}
    assert (lines[client_call].name, lines[client_call].number) == ("Anna", "+393400000001")
    assert lines[client_call].booking == consultation
    assert (lines[lead_call].name, lines[lead_call].number) == ("Lia", "+393331234567")
    assert lines[lead_call].booking == appointment
    assert lines[empty_call].booking is None
    assert lines[client_call].zone.key == "Europe/Rome"


def test_a_booking_moved_in_a_later_call_is_shown_with_both(store: Store) -> None:
    first, second = open_call(store), open_call(store)
    made = store.confirm(store.hold(conversation=first), call_id=first)
    assert isinstance(made, Booking)
    moved = store.confirm(
        store.hold(rome("2026-02-12T10:00"), conversation=second, moving=made), call_id=second
    )
    named = {"bookingCreated": True, "bookingId": made.id, "bookingType": "consultation"}
    for call_id in (first, second):
        store.do(calls.note_metadata, call_id, named)
    assert [line.booking for line in store.do(calls.list_calls)] == [moved, moved]


def test_a_cancelled_booking_is_shown_as_not_in_force(store: Store) -> None:
    call_id = open_call(store)
    made = store.confirm(store.hold(conversation=call_id), call_id=call_id)
    assert isinstance(made, Booking)
    store.do(bookings.cancel, BookingKind.CONSULTATION, made.id, now=store.now)
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None and detail.call.booking is not None
    assert not detail.call.booking.in_force


def test_the_detail_carries_the_journal(store: Store) -> None:
    call_id = open_call(store)
    entry = {"call_id": call_id, "analysis": 1, "event": "interesse", "rule": "R01"}
    appended = store.do(journal.append, entry, recorded_at=store.now)
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None and detail.journal == (appended,)
    assert store.do(calls.call_detail, "unknown") is None


def test_people_and_scheduled_calls(store: Store) -> None:
    anna = store.do(calls.find_client, "+393400000001")
    assert anna is not None and (anna.id, anna.name, anna.email) == (store.anna, "Anna", "anna@example.it")
    assert store.do(calls.client, store.anna) == anna
    assert store.do(calls.find_client, "+393409999999") is None
    store.do(
        people.add_scheduled_call,
        "s-1",
        consultant_id=store.consultant,
        target_number="+393331234567",
        due_at=WEDNESDAY_15,
        purpose="richiamo",
    )
    found = store.do(calls.scheduled_call, "s-1")
    assert found is not None
    assert (found.target_number, found.client_id, found.due_at) == ("+393331234567", None, WEDNESDAY_15)
    assert store.do(calls.scheduled_call, "s-2") is None
    rossi = store.do(calls.consultant, store.consultant)
    assert rossi is not None and (rossi.name, rossi.settings.default_minutes) == ("Dott.ssa Rossi", 60)
    assert store.do(calls.consultants) == [rossi]
    assert store.do(calls.consultant, 99) is None
    assert open_call(store, scheduled_call_id="s-1", direction="outbound")


def test_an_unknown_direction_is_named(store: Store) -> None:
    with pytest.raises(StorageError, match="sideways"):
        open_call(store, direction="sideways")
