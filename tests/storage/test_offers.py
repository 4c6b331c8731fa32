"""What a conversation was last offered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage import offers
from storage.offers import Offer
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome


def remember(store: Store, *starts: str, conversation: str = "c1", turn: int = 2) -> None:
    store.do(
        offers.remember_offers, conversation, [rome(s) for s in starts], minutes=45, turn=turn, now=store.now
    )


def test_offers_stand_as_they_were_named(store: Store) -> None:
    """In the order of the words, not of the clock."""
    assert store.do(offers.offers_of, "c1") == []
    remember(store, "2026-02-12T11:00", "2026-02-11T15:00", turn=4)
    assert store.do(offers.offers_of, "c1") == [
        Offer(rome("2026-02-12T11:00"), 45, NOW, 4),
        Offer(WEDNESDAY_15, 45, NOW, 4),
    ]
    assert store.rows("SELECT position, turn FROM proposed_appointment_slots ORDER BY position") == [
        (1, 4),
        (2, 4),
    ]


def test_a_new_offer_takes_the_place_of_all_before(store: Store) -> None:
    remember(store, "2026-02-12T11:00", "2026-02-11T15:00")
    remember(store, "2026-02-13T10:00", conversation="c2")
    store.later(days=2)  # a chat goes on for days
    remember(store, "2026-02-16T09:00", turn=8)
    (kept,) = store.do(offers.offers_of, "c1")
    assert kept == Offer(rome("2026-02-16T09:00"), 45, NOW + timedelta(days=2), 8)
    assert len(store.do(offers.offers_of, "c2")) == 1
    remember(store)
    assert store.do(offers.offers_of, "c1") == []


@pytest.mark.parametrize("night", [datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)])
def test_on_the_nights_on_which_clocks_change(store: Store, night: datetime) -> None:
    """02:30 twice in Rome, or 03:30 right after 01:30: an offer is an instant, so none is taken for another."""
    given = [night + timedelta(minutes=minutes) for minutes in (30, 90)]
    store.do(offers.remember_offers, "c1", given, minutes=60, turn=2, now=NOW)
    assert [offer.start for offer in store.do(offers.offers_of, "c1")] == given


def test_what_is_rolled_back_was_not_offered(store: Store) -> None:
    remember(store, "2026-02-11T15:00")

    def work() -> None:
        offers.remember_offers("c1", [rome("2026-02-12T11:00")], minutes=60, turn=6, now=NOW)
        raise LookupError("no")

    with pytest.raises(LookupError):
        store.do(work)
    assert [offer.start for offer in store.do(offers.offers_of, "c1")] == [WEDNESDAY_15]
