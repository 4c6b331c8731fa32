"""A process of its own that books until it is stopped: `python -m tests.storage.contender URL NAME MODE`.

MODE "race" tries each slot of a list once; "churn" goes on for ever; "hang" stops in the middle of a
transaction. Each line it prints is something the store has told it is done (or "inside").
"""

from __future__ import annotations

import random
import sys
import time
from datetime import timedelta

from storage import bookings, calls, journal
from storage.database import Database
from storage.results import Booking, Hold, Lead
from tests.storage.playground import NOW, Store, rome


def say(*words: str) -> None:
    print(*words, flush=True)


def book(store: Store, name: str, hour: int, minutes: int, lead: bool) -> Booking | None:
    """Propose and confirm in one transaction, with a call and a journal entry, as an analysis does."""

    def work() -> Booking | None:
        call_id = calls.open_call(
            bridge_call_id=name,
            consultant_id=store.consultant,
            direction="inbound",
            caller_number=None,
            dialled_number=None,
            now=NOW,
        )
        client = None if lead else store.anna
        held = bookings.propose(
            consultant_id=store.consultant,
            conversation=call_id,
            client_id=client,
            start=rome("2026-02-11T09:00") + timedelta(minutes=15 * hour),
            minutes=minutes,
            now=NOW,
        )
        journal.append({"call_id": call_id, "analysis": 1, "event": "completa"}, recorded_at=NOW)
        if not isinstance(held, Hold):
            return None
        done = bookings.confirm(
            token=held.token,
            conversation=call_id,
            client_id=client,
            now=NOW,
            lead=Lead("+393331234567", "lia@example.it") if lead else None,
            call_id=call_id,
        )
        return done if isinstance(done, Booking) else None

    return store.database.run_blocking(work)


def race(store: Store, name: str) -> None:
    for slot in range(0, 36, 2):
        minutes = random.choice((30, 45, 60, 90))
        made = book(store, name, slot, minutes, lead=random.random() < 0.5)
        if made is not None:
            say("booked", made.kind.value, made.id)


def churn(store: Store, name: str) -> None:
    while True:
        made = book(store, name, random.randrange(36), random.choice((30, 45, 60, 90)), random.random() < 0.5)
        if made is None:
            mine = store.do(bookings.find_bookings, client_id=store.anna, phone="+393331234567", now=NOW)
            if mine:
                gone = random.choice(mine)
                store.do(bookings.cancel, gone.kind, gone.id, now=NOW)
        else:
            say("booked", made.kind.value, made.id)


def hang(store: Store, name: str) -> None:
    def work() -> None:
        held = bookings.propose(
            consultant_id=store.consultant,
            conversation=name,
            client_id=store.anna,
            start=rome("2026-02-11T15:00"),
            minutes=60,
            now=NOW,
        )
        assert isinstance(held, Hold)
        bookings.confirm(token=held.token, conversation=name, client_id=store.anna, now=NOW)
        say("inside")
        time.sleep(60)

    store.database.run_blocking(work)


if __name__ == "__main__":
    url, own_name, mode = sys.argv[1:]
    random.seed(own_name)
    with Database(url) as opened:
        playing = Store(opened, consultant=1, anna=1)
        say("ready")
        {"race": race, "churn": churn, "hang": hang}[mode](playing, own_name)
