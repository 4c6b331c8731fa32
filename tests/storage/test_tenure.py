"""A call is one connection's at a time: its bridge comes back to it, one gets it, and who had it is shut out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage import bookings, calls, journal, tenure
from storage.database import Database
from storage.errors import CallTaken, StorageError
from storage.models import VoiceCall
from storage.results import Booking
from storage.tenure import OpenCall, Tenure
from tests.storage.playground import Store, furnish
from tests.storage.postgres import Postgres

RETURN = 30
NUMBER = "+393401112233"


def open_call(store: Store, **given: Any) -> str:
    values: dict[str, Any] = {
        "bridge_call_id": "bridge-1",
        "consultant_id": store.consultant,
        "direction": "inbound",
        "caller_number": NUMBER,
        "dialled_number": "+390612345678",
        "server": "left",
    }
    return store.do(calls.open_call, now=store.now, **{**values, **given})


def found(store: Store, bridge_call_id: str = "bridge-1") -> OpenCall | None:
    return store.do(tenure.of_bridge, bridge_call_id, now=store.now)


def there(store: Store) -> OpenCall:
    call = found(store)
    assert call is not None
    return call


def take(store: Store, call: OpenCall, server: str = "right") -> Tenure:
    return store.do(tenure.take, call, server=server, now=store.now)


def leave(store: Store, held: Tenure) -> bool:
    return store.do(tenure.leave, held, now=store.now)


def owner(store: Store, call_id: str) -> tuple[str | None, int]:
    ((server, epoch),) = store.rows(f"SELECT server, epoch FROM voice_calls WHERE id = '{call_id}'")
    return server, epoch


# --- Who comes back to what -----------------------------------------------------------------------------------


def test_a_call_is_found_by_what_its_bridge_calls_it_with_all_that_goes_on(store: Store) -> None:
    call_id = open_call(store, client_id=store.anna)
    assert found(store, "bridge-2") is None
    assert there(store) == OpenCall(
        id=call_id,
        epoch=1,
        consultant_id=store.consultant,
        client_id=store.anna,
        direction="inbound",
        number=NUMBER,
        scheduled_call_id=None,
        began=store.now,
        rules=None,
        left=False,
        asked=False,
        handle=None,
    )


def test_of_an_outbound_call_the_number_is_the_one_dialled(store: Store) -> None:
    open_call(store, direction="outbound", dialled_number="+393330000001")
    assert there(store).number == "+393330000001"


def test_the_rules_of_the_last_analysis_are_told(store: Store) -> None:
    call_id = open_call(store)
    for number, rules in ((1, "older"), (2, "newer")):
        store.do(
            calls.record_analysis,
            call_id,
            number=number,
            last_turn=1,
            facts={},
            availability=None,
            rules=rules,
            state={},
            stage="raccolta_dati",
            task=None,
            now=store.now,
        )
    assert there(store).rules == "newer"


def test_what_the_model_goes_on_with_is_kept_and_is_in_no_representation(store: Store) -> None:
    held = Tenure(open_call(store))
    store.do(tenure.keep_handle, held, "secret-1")
    store.do(tenure.keep_handle, held, "secret-2")
    assert there(store).handle == "secret-2"
    assert "secret" not in repr(there(store))


@pytest.mark.parametrize(
    "end",
    [
        lambda store, held: calls.finish_call(held.call_id, now=store.now, reason="hangup"),
        lambda store, held: (store.later(hours=1), calls.close_unattended(store.now)),
        lambda store, held: (
            tenure.leave(held, now=store.now),
            store.later(hours=1),
            tenure.give_up(held.call_id, now=store.now),
        ),
    ],
    ids=["ended", "interrupted", "given up"],
)
def test_with_the_call_goes_what_the_model_goes_on_with(
    store: Store, end: Callable[[Store, Tenure], object]
) -> None:
    held = Tenure(open_call(store))
    store.do(tenure.keep_handle, held, "secret")
    store.do(end, store, held)
    assert store.rows("SELECT handle, ended_at IS NULL FROM voice_calls") in ([(None, 0)], [(None, False)])
    assert found(store) is None


def test_a_call_that_was_hung_up_is_not_come_back_to(store: Store) -> None:
    held = Tenure(open_call(store))
    seen = there(store)
    store.do(tenure.hung_up, held, now=store.now)
    assert found(store) is None
    with pytest.raises(StorageError):
        take(store, seen)


def test_of_two_open_calls_with_one_id_it_is_the_later(store: Store) -> None:
    open_call(store)
    store.later(seconds=5)
    later = open_call(store)
    assert there(store).id == later


def test_where_nobody_may_come_back_nobody_does(store: Store) -> None:
    store.database.settings = store.database.settings.model_copy(update={"call_return_seconds": 0})
    open_call(store)
    assert not store.do(tenure.may_return)
    assert found(store) is None


# --- Changing hands -------------------------------------------------------------------------------------------


def test_who_takes_a_call_has_it_with_a_lease_of_its_own(store: Store) -> None:
    call_id = open_call(store)
    assert leave(store, Tenure(call_id))
    assert owner(store, call_id) == (None, 1)
    store.later(seconds=RETURN - 1)
    call = there(store)
    assert call.left
    assert take(store, call) == Tenure(call_id, 2)
    assert owner(store, call_id) == ("right", 2)
    assert not there(store).left
    store.later(seconds=store.database.settings.call_lease_seconds - 1)
    assert store.do(calls.close_unattended, store.now) == []
    store.later(seconds=1)
    assert store.do(calls.close_unattended, store.now) == [call_id]


def test_what_was_seen_before_it_changed_hands_takes_nothing(store: Store) -> None:
    call_id = open_call(store)
    seen = there(store)
    take(store, seen)
    with pytest.raises(StorageError):
        take(store, seen, "third")
    assert owner(store, call_id) == ("right", 2)


@pytest.mark.parametrize(
    "write",
    [
        lambda store, held: calls.record_turns(held.call_id, []),
        lambda store, held: tenure.keep_handle(held, "mine"),
        lambda store, held: tenure.leave(held, now=store.now),
        lambda store, held: bookings.release(held.call_id, now=store.now),
        lambda store, held: journal.append(
            {"call_id": held.call_id, "analysis": 1, "event": None}, recorded_at=store.now
        ),
    ],
    ids=["turns", "handle", "leave", "release", "journal"],
)
def test_who_has_lost_a_call_writes_nothing_more_for_it(
    store: Store, write: Callable[[Store, Tenure], object]
) -> None:
    old = Tenure(open_call(store))
    hold = store.hold(conversation=old.call_id)
    take(store, there(store))

    def work() -> None:
        tenure.hold_fast(old)
        write(store, old)

    with pytest.raises(CallTaken):
        store.do(work)
    assert store.do(bookings.hold_of, old.call_id, now=store.now) == hold
    assert store.do(journal.entries, old.call_id) == []
    assert there(store).handle is None and owner(store, old.call_id) == ("right", 2)


def test_who_has_lost_a_call_cannot_close_or_leave_it_even_unasked(store: Store) -> None:
    old = Tenure(open_call(store))
    new = take(store, there(store))
    assert not leave(store, old)
    store.do(tenure.hung_up, old, now=store.now)
    store.do(tenure.keep_to, old)
    assert there(store).epoch == new.epoch and not there(store).left


def test_nothing_is_held_of_a_call_that_there_is_not(store: Store) -> None:
    with pytest.raises(StorageError, match="no call"):
        store.do(tenure.hold_fast, Tenure("unknown"))


def test_an_owner_is_asked_once_and_may_refuse(store: Store) -> None:
    held = Tenure(open_call(store))
    others = Tenure(open_call(store, bridge_call_id="bridge-2"))
    since = store.now
    store.do(tenure.ask_for, there(store), now=store.now)
    assert there(store).asked
    standings = store.do(tenure.standings, [held, others])
    assert standings[held.call_id].wanted_at == since and not standings[held.call_id].taken
    assert standings[others.call_id].wanted_at is None
    store.do(tenure.keep_to, held)
    assert not there(store).asked
    take(store, there(store))
    assert store.do(tenure.standings, [held])[held.call_id].taken


def test_nobody_is_asked_for_a_call_that_was_left(store: Store) -> None:
    held = Tenure(open_call(store))
    leave(store, held)
    store.do(tenure.ask_for, there(store), now=store.now)
    assert not there(store).asked


# --- Nobody came back -----------------------------------------------------------------------------------------


def test_a_call_whose_bridge_does_not_come_back_ends_once_and_gives_its_slot_back(store: Store) -> None:
    call_id = open_call(store)
    store.hold(conversation=call_id)
    leave(store, Tenure(call_id))
    store.later(seconds=RETURN - 1)
    assert store.do(tenure.not_returned, store.now) == []
    assert not store.do(tenure.give_up, call_id, now=store.now)
    assert store.cells() == 4
    store.later(seconds=1)
    assert found(store) is None
    assert store.do(tenure.not_returned, store.now) == [call_id]
    assert store.do(tenure.give_up, call_id, now=store.now)
    assert not store.do(tenure.give_up, call_id, now=store.now)
    detail = store.do(calls.call_detail, call_id)
    assert detail is not None
    assert (detail.call.end_reason, detail.call.ended_at, detail.call.interrupted) == (
        "connection lost",
        store.now,
        False,
    )
    assert store.cells() == 0 and store.faults() == []


def test_a_call_that_was_left_is_nobodys_to_close_before(store: Store) -> None:
    call_id = open_call(store)
    leave(store, Tenure(call_id))
    store.later(seconds=RETURN - 1)
    assert store.do(calls.close_unattended, store.now) == []
    assert store.do(calls.close_interrupted, store.now, "left") == []
    assert there(store).left


def test_a_call_closed_meanwhile_is_not_left(store: Store) -> None:
    held = Tenure(open_call(store))
    store.later(hours=1)
    store.do(calls.close_unattended, store.now)
    assert not leave(store, held)
    assert store.do(tenure.not_returned, store.now + timedelta(hours=1)) == []


def test_a_late_owner_of_a_call_that_was_given_up_is_shut_out(store: Store) -> None:
    held = Tenure(open_call(store))
    leave(store, held)
    store.later(seconds=RETURN)
    store.do(tenure.give_up, held.call_id, now=store.now)
    with pytest.raises(CallTaken):
        store.do(tenure.hold_fast, held)


# --- At the same time -----------------------------------------------------------------------------------------


def answer(store: Store, server: str) -> tuple[str, int]:
    """What a server does in one transaction when a bridge comes: the call that is there, else a new one."""

    def work() -> tuple[str, int]:
        call = tenure.of_bridge("bridge-1", now=store.now)
        if call is not None:
            return server, tenure.take(call, server=server, now=store.now).epoch
        calls.open_call(
            bridge_call_id="bridge-1",
            consultant_id=store.consultant,
            direction="inbound",
            caller_number=None,
            dialled_number=None,
            server=server,
            now=store.now,
        )
        return server, 1

    return store.do(work)


def test_of_many_that_come_at_once_one_begins_the_call_and_each_other_takes_it_after_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda number: answer(store, f"s{number}"), range(24)))
    assert sorted(epoch for _, epoch in got) == list(range(1, 25))
    assert store.rows("SELECT count(*) FROM voice_calls") == [(1,)]
    last = max(got, key=lambda each: each[1])
    assert owner(store, there(store).id) == last


def test_of_many_that_have_seen_the_same_call_exactly_one_gets_it(store: Store) -> None:
    held = Tenure(open_call(store))
    leave(store, held)
    seen = there(store)

    def grab(number: int) -> bool:
        try:
            take(store, seen, f"s{number}")
        except StorageError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(grab, range(16))) == 1
    assert there(store).epoch == 2


def test_coming_back_and_being_given_up_at_once_is_one_of_the_two(store: Store) -> None:
    for _ in range(20):
        held = Tenure(open_call(store))
        store.hold(conversation=held.call_id)
        leave(store, held)
        store.later(seconds=RETURN - 1)
        seen, late = there(store), store.now + timedelta(seconds=1)

        def come_back(seen: OpenCall = seen) -> bool:
            try:
                take(store, seen)
            except StorageError:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            back = threads.submit(come_back)
            gone = threads.submit(store.do, tenure.give_up, held.call_id, now=late)
            assert back.result() != gone.result()
        assert (store.cells() == 0) == gone.result()
        store.do(bookings.release, held.call_id, now=store.now)
        store.do(calls.finish_call, held.call_id, now=store.now, reason="hangup")


def test_an_analysis_under_way_is_waited_for_and_the_next_one_of_that_owner_is_refused(
    postgres: Postgres,
) -> None:
    """The taker sees all that the old owner has committed, and the old owner commits nothing after it."""
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        old = Tenure(open_call(store))
        hold = store.hold(conversation=old.call_id)
        inside, taking, seen = threading.Event(), threading.Event(), there(store)

        def analysis() -> Booking:
            tenure.hold_fast(old)
            inside.set()
            assert taking.wait(5)
            made = bookings.confirm(
                token=hold.token,
                conversation=old.call_id,
                client_id=hold.client_id,
                now=store.now,
                call_id=old.call_id,
            )
            assert isinstance(made, Booking)
            return made

        def taker() -> tuple[Tenure, list[Booking]]:
            assert inside.wait(5)
            threading.Timer(0.2, taking.set).start()
            taken = tenure.take(seen, server="right", now=store.now)
            return taken, bookings.bookings_of_call(old.call_id)

        with ThreadPoolExecutor(2) as threads:
            booking, took = threads.submit(store.do, analysis), threads.submit(store.do, taker)
            assert took.result() == (replace(old, epoch=2), [booking.result()])
        with pytest.raises(CallTaken):
            store.do(tenure.hold_fast, old)
        assert store.faults() == []


def test_a_call_taken_first_is_closed_to_the_analysis_that_waited_for_it(postgres: Postgres) -> None:
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        old, inside = Tenure(open_call(store)), threading.Event()
        may_commit, seen = threading.Event(), there(store)

        def taker() -> None:
            tenure.take(seen, server="right", now=store.now)
            inside.set()
            assert may_commit.wait(5)

        def analysis() -> None:
            assert inside.wait(5)
            threading.Timer(0.2, may_commit.set).start()
            tenure.hold_fast(old)
            VoiceCall.update(end_reason="late").execute()

        with ThreadPoolExecutor(2) as threads:
            took, late = threads.submit(store.do, taker), threads.submit(store.do, analysis)
            took.result()
            with pytest.raises(CallTaken):
                late.result()
        assert store.rows("SELECT end_reason FROM voice_calls") == [(None,)]
