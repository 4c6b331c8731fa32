"""On Postgres every change to an agenda waits for the consultant's row lock, and works with what it finds then."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from storage import at_once, bookings, people
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.results import Booking, Hold, Refusal
from storage.settings import StorageSettings
from tests.storage.playground import NOW, Store, furnish, rome
from tests.storage.postgres import Postgres

LATER = NOW.replace(day=10)


@pytest.mark.parametrize(
    "change", ["propose", "confirm", "release", "cancel", "reschedule", "book_lead", "expire_holds"]
)
def test_a_change_waits_for_the_lock(postgres: Postgres, change: str) -> None:
    settings = StorageSettings(url=postgres.fresh(), lock_timeout_ms=20, retries=0)
    with Database(settings) as database:
        store = furnish(Store(database))
        made = store.book(conversation="c0")
        held = store.hold(rome("2026-02-11T10:00"))
        slot = {"start": rome("2026-02-12T10:00"), "minutes": 60, "now": NOW}
        lead = {"consultant_id": store.consultant, "lead": store.lead, "source": "public_page"}
        asker = {"conversation": "c2", "client_id": store.anna}
        changes = {
            "propose": lambda: store.propose(slot["start"], conversation="c2"),
            "confirm": lambda: store.confirm(held),
            "release": lambda: store.do(bookings.release, "c1", now=NOW),
            "cancel": lambda: store.do(bookings.cancel, made.kind, made.id, now=NOW),
            "reschedule": lambda: store.do(bookings.reschedule, made.kind, made.id, **asker, **slot),
            "book_lead": lambda: store.do(at_once.book_lead, conversation="c2", **lead, **slot),
            "expire_holds": lambda: store.do(bookings.expire_holds, LATER),
        }
        with closing(psycopg2.connect(postgres.url())) as other:
            other.cursor().execute("SELECT id FROM consultants FOR NO KEY UPDATE")
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                changes[change]()
        changes[change]()
        assert store.faults() == []


def test_a_stranger_is_refused_without_waiting(postgres: Postgres) -> None:
    with Database(StorageSettings(url=postgres.fresh(), lock_timeout_ms=20, retries=0)) as database:
        store = furnish(Store(database))
        made, held = store.book(conversation="c0"), store.hold(rome("2026-02-11T10:00"))
        slot = {"start": rome("2026-02-12T10:00"), "now": NOW}
        stranger = {"conversation": "c2", "client_id": store.bruno}
        with closing(psycopg2.connect(postgres.url())) as other:
            other.cursor().execute("SELECT id FROM consultants FOR NO KEY UPDATE")
            assert store.confirm(held, **stranger) is Refusal.NOT_YOURS
            moved = store.do(bookings.reschedule, made.kind, made.id, **stranger, **slot)
            assert moved is Refusal.NOT_YOURS


def crossed(postgres: Postgres, store: Store, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """What `second` answers when it has begun, and waits, before `first` commits."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'booking' AND wait_event_type = 'Lock'"

    def work() -> None:
        first()
        begun.append(threads.submit(store.do, second))
        until = time.monotonic() + 30
        while postgres.query(waiting) == [(0,)] and not begun[0].done() and time.monotonic() < until:
            time.sleep(0.01)

    begun: list[Any] = []
    with ThreadPoolExecutor(1) as threads:
        store.do(work)
        return begun[0].result()


def test_a_yes_that_waits_means_the_hold_that_is_there_then(postgres: Postgres) -> None:
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        store.hold()
        later = rome("2026-02-12T10:00")
        whose = {"conversation": "c1", "client_id": store.anna, "now": NOW}
        slot = {"consultant_id": store.consultant, "start": later, "minutes": 60}
        made = crossed(
            postgres,
            store,
            lambda: bookings.propose(**whose, **slot),
            lambda: bookings.confirm(**whose),
        )
        assert isinstance(made, Booking) and made.start == later
        assert store.faults() == []


@pytest.mark.parametrize("at_once_too", [False, True])
def test_one_conversation_that_asks_two_consultants_at_once_has_one_hold(
    postgres: Postgres, at_once_too: bool
) -> None:
    with Database(postgres.fresh()) as database:
        store = furnish(Store(database))
        other = store.do(people.add_consultant, "Dott. Verdi")
        slot = {"conversation": "c1", "start": rome("2026-02-12T10:00"), "minutes": 60, "now": NOW}

        def second() -> Hold | Booking | Refusal:
            if at_once_too:
                lead = {"lead": store.lead, "source": "public_page"}
                return at_once.book_lead(consultant_id=other, **lead, **slot)
            return bookings.propose(consultant_id=other, client_id=None, **slot)

        answer = crossed(
            postgres,
            store,
            lambda: bookings.propose(consultant_id=store.consultant, client_id=None, **slot),
            second,
        )
        assert isinstance(answer, Booking if at_once_too else Hold)
        live = store.rows("SELECT consultant_id FROM pending_bookings WHERE status = 'awaiting_confirm'")
        assert live == ([] if at_once_too else [(other,)])
        assert {where for (where,) in store.rows("SELECT consultant_id FROM slot_locks")} == {other}
        assert store.faults() == []


def test_what_has_locked_one_agenda_locks_no_other_after_it(postgres: Postgres) -> None:
    """Two that lock out of order would wait for each other, and everybody for them."""
    with Database(StorageSettings(url=postgres.fresh(), retries=0)) as database:
        store = furnish(Store(database))
        other = store.do(people.add_consultant, "Dott. Verdi")
        held = store.hold(consultant_id=other)
        with pytest.raises(StoreUnavailable, match="another consultant"):
            store.propose(locked={store.consultant})
        assert store.do(bookings.hold_of, "c1", now=NOW) == held
