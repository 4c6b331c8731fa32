"""On Postgres every change to an agenda waits for the consultant's row lock."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from storage import at_once, bookings
from storage.database import Database
from storage.errors import StoreUnavailable
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
            "reschedule": lambda: store.do(at_once.reschedule, made.kind, made.id, **asker, **slot),
            "book_lead": lambda: store.do(at_once.book_lead, conversation="c2", **lead, **slot),
            "expire_holds": lambda: store.do(bookings.expire_holds, LATER),
        }
        with closing(psycopg2.connect(postgres.url())) as other:
            other.cursor().execute("SELECT id FROM consultants FOR NO KEY UPDATE")
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                changes[change]()
        changes[change]()
        assert store.faults() == []
