"""A consultant's feed: only at its secret address, as long as that is not revoked, and not sent twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from icalendar import Calendar

from storage import bookings, calendars
from storage.errors import StorageError
from storage.models import Consultant
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome
from tests.transport.calendar.conftest import SetClock
from transport.calendar.feed import add_feeds

Feeds = TestClient[web.Request, web.Application]


@pytest.fixture
async def feeds(store: Store) -> AsyncIterator[Feeds]:
    app = web.Application()
    add_feeds(app, store.database, SetClock())
    async with TestClient(TestServer(app)) as client:
        yield client


async def events(feeds: Feeds, token: str) -> list[str]:
    response = await feeds.get(f"/ics/{token}.ics")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return [str(event["summary"]) for event in Calendar.from_ical(await response.read()).walk("VEVENT")]


async def test_it_shows_what_is_in_force(feeds: Feeds, store: Store) -> None:
    token = store.do(calendars.new_feed, store.consultant)
    assert await events(feeds, token) == []
    made = store.book()
    store.book(rome("2026-02-11T10:00"), conversation="c2", client_id=store.bruno)
    assert await events(feeds, token) == ["Bruno", "Anna"]
    store.do(bookings.cancel, made.kind, made.id, now=NOW)
    assert await events(feeds, token) == ["Bruno"]


async def test_what_has_not_changed_is_not_sent_again(feeds: Feeds, store: Store) -> None:
    token = store.do(calendars.new_feed, store.consultant)
    made = store.book()
    first = await feeds.get(f"/ics/{token}.ics")
    known = {"If-None-Match": first.headers["ETag"]}
    assert (await feeds.get(f"/ics/{token}.ics", headers=known)).status == 304
    moved = store.do(
        bookings.reschedule, made.kind, made.id, conversation="m", client_id=store.anna,
        start=rome("2026-02-12T10:00"), now=NOW,
    )  # fmt: skip
    assert moved != made
    again = await feeds.get(f"/ics/{token}.ics", headers=known)
    assert again.status == 200 and again.headers["ETag"] != first.headers["ETag"]


async def test_no_other_address_shows_anything(feeds: Feeds, store: Store) -> None:
    token = store.do(calendars.new_feed, store.consultant)
    for wrong in ("x", token[:-1], token + "x", token.swapcase(), "x" * 5000, "%00"):
        response = await feeds.get(f"/ics/{wrong}.ics")
        assert response.status == 404, wrong


async def test_a_new_address_ends_the_old_one_and_a_revoked_one_is_gone(feeds: Feeds, store: Store) -> None:
    store.book(WEDNESDAY_15)
    old = store.do(calendars.new_feed, store.consultant)
    new = store.do(calendars.new_feed, store.consultant)
    assert (await feeds.get(f"/ics/{old}.ics")).status == 404
    assert await events(feeds, new) == ["Anna"]
    store.do(calendars.revoke_feed, store.consultant)
    assert (await feeds.get(f"/ics/{new}.ics")).status == 404


def test_the_secret_itself_is_not_kept(store: Store) -> None:
    token = store.do(calendars.new_feed, store.consultant)
    rows = store.do(lambda: list(Consultant.select().dicts()))
    assert token not in str(rows) and rows[0]["feed_digest"]


def test_nobody_has_no_feed(store: Store) -> None:
    with pytest.raises(StorageError, match="no consultant 99"):
        store.do(calendars.new_feed, 99)
