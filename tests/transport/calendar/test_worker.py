"""What the worker makes of tasks: one event for each booking in force, none for others, whatever Google answers."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from storage import bookings, calendar_tasks, calendars, calls, outbox, people
from storage.results import Booking
from tests.storage.playground import NOW, WEDNESDAY_15, rome
from tests.transport.calendar.conftest import CALENDAR, Office

THURSDAY_10 = rome("2026-02-12T10:00")


def starts(office: Office) -> list[datetime]:
    return [datetime.fromisoformat(event["start"]["dateTime"]) for event in office.events()]


def move(office: Office, made: Booking, start: datetime = THURSDAY_10) -> None:
    given: dict[str, Any] = {"conversation": "m", "client_id": made.client_id, "start": start, "now": NOW}
    assert isinstance(office.store.do(bookings.reschedule, made.kind, made.id, **given), Booking)


def cancel(office: Office, made: Booking) -> None:
    assert isinstance(office.store.do(bookings.cancel, made.kind, made.id, now=NOW), Booking)


async def test_a_booking_becomes_an_event_with_a_meet_link_and_an_invitation(office: Office) -> None:
    made = await office.book()
    assert await office.worker().work_off() == 1
    (event,) = office.events()
    assert event["id"] == outbox.event_id(made)
    assert event["summary"] == "Appuntamento: Dott.ssa Rossi e Anna"
    assert starts(office) == [WEDNESDAY_15]
    assert [each["email"] for each in event["attendees"]] == ["anna@example.it"]
    assert office.google.mails == [("anna@example.it", event["id"])]
    known = office.store.do(bookings.booking, made.kind, made.id)
    assert known is not None and known.meet_link == event["hangoutLink"]
    (task,) = office.tasks()
    assert (task["done_at"], task["last_error"], task["lease_owner"]) == (NOW, None, None)


async def test_the_link_is_noted_with_the_call(office: Office) -> None:
    def call_that_books() -> str:
        return calls.open_call(
            bridge_call_id="b",
            consultant_id=office.store.consultant,
            direction="inbound",
            caller_number=None,
            dialled_number=None,
            now=NOW,
        )

    call_id = office.store.do(call_that_books)
    held = office.store.hold()
    office.store.confirm(held, call_id=call_id)
    await office.worker().work_off()
    detail = office.store.do(calls.call_detail, call_id)
    assert detail is not None
    assert detail.metadata["googleMeetLink"] == office.events()[0]["hangoutLink"]
    assert detail.metadata["bookingCreated"] is False  # what else was noted stays


async def test_the_event_moves_and_goes_with_its_booking(office: Office) -> None:
    made, worker = await office.book(), office.worker()
    await worker.work_off()
    office.events()[0]["colorId"] = "5"
    link = office.events()[0]["hangoutLink"]
    move(office, made)
    await worker.work_off()
    (event,) = office.events()
    assert (starts(office), event["colorId"], event["hangoutLink"]) == ([THURSDAY_10], "5", link)
    cancel(office, made)
    await worker.work_off()
    assert office.events() == []
    assert all(task["done_at"] for task in office.tasks())


async def test_what_was_cancelled_before_it_was_made_is_never_made(office: Office) -> None:
    cancel(office, await office.book())
    await office.worker().work_off()
    assert office.events() == []
    assert set(office.google.calls) == {"delete"}


async def test_whom_the_owner_has_invited_too_stays_invited(office: Office) -> None:
    made, worker = await office.book(), office.worker()
    await worker.work_off()
    office.events()[0]["attendees"].append({"email": "collega@example.it"})
    move(office, made)
    await worker.work_off()
    assert {each["email"] for each in office.events()[0]["attendees"]} == {
        "anna@example.it",
        "collega@example.it",
    }


async def test_one_deleted_by_hand_stands_again_when_its_booking_moves(office: Office) -> None:
    made, worker = await office.book(), office.worker()
    await worker.work_off()
    office.events()[0]["status"] = "cancelled"
    move(office, made)
    await worker.work_off()
    assert starts(office) == [THURSDAY_10]


async def test_without_meet_and_invitations_neither_is_asked_for(office: Office) -> None:
    made = await office.book()
    await office.worker(meet=False, invite=False).work_off()
    (event,) = office.events()
    assert "conferenceData" not in event and event["attendees"] == [] and office.google.mails == []
    known = office.store.do(bookings.booking, made.kind, made.id)
    assert known is not None and known.meet_link is None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (429, "rateLimitExceeded"),
        (500, "backendError"),
        (503, "backendError"),
    ],
)
async def test_what_may_pass_is_tried_again_and_makes_no_second_event(
    office: Office, status: int, reason: str, when: str
) -> None:
    await office.book()
    office.google.fail("insert", status, reason=reason, after=when == "after", times=2)
    worker, tries = office.worker(), 0
    for seconds in (0, 1.9, 0.1, 3.9, 0.1):  # the second try after two seconds, the third four later
        office.clock.later(seconds)
        tries += await worker.work_off()
    assert tries == (3 if when == "before" else 2)  # when it was made, the next try finds it
    assert len(office.google.events[CALENDAR]) == 1
    (task,) = office.tasks()
    assert task["done_at"] is not None


async def test_an_answer_that_breaks_off_is_tried_again_and_makes_no_second_event(office: Office) -> None:
    await office.book()
    office.google.fail("insert", cut_off=True)
    worker = office.worker()
    await worker.work_off()
    (task,) = office.tasks()
    assert task["last_error"] == "Google Calendar did not answer: IncompleteRead"
    office.clock.later(2)
    await worker.work_off()
    (task,) = office.tasks()
    assert (task["done_at"], task["last_error"]) == (office.clock.now(), None)
    assert len(office.google.events[CALENDAR]) == 1


@pytest.mark.parametrize("after", [False, True])
async def test_no_answer_in_time_is_tried_again_and_makes_no_second_event(
    office: Office, after: bool
) -> None:
    made = await office.book()
    fault = office.google.fail("insert", after=after)
    worker = office.worker()
    await worker.work_off()
    (task,) = office.tasks()
    assert task["last_error"] == "Google Calendar did not answer: TimeoutError"
    fault.released.set()
    office.clock.later(2)
    await worker.work_off()
    (event,) = office.events()
    known = office.store.do(bookings.booking, made.kind, made.id)
    assert known is not None and known.meet_link == event["hangoutLink"]
    assert len(office.google.mails) == 1


async def test_an_id_that_is_taken_is_looked_at_and_brought_up_to_date(office: Office) -> None:
    made = await office.book()
    office.google.put(CALENDAR, THURSDAY_10, id="x")
    stranger = office.google.events[CALENDAR].popitem()[1]
    office.google.events[CALENDAR][outbox.event_id(made)] = {**stranger, "id": outbox.event_id(made)}
    await office.worker().work_off()
    assert office.google.calls == ["insert", "get", "update"]
    assert starts(office) == [WEDNESDAY_15]


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_gone_already_is_gone(office: Office, status: int) -> None:
    made, worker = await office.book(), office.worker()
    await worker.work_off()
    cancel(office, made)
    if status == 404:
        office.google.events[CALENDAR].clear()
    else:
        office.events()[0]["status"] = "cancelled"
    await worker.work_off()
    assert office.events() == []
    assert [task["attempts"] for task in office.tasks()] == [1, 1]
    assert all(task["done_at"] for task in office.tasks())


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        (403, "forbidden", "share the calendar"),
        (403, "forbiddenForServiceAccounts", "calendar.invite = false"),
        (404, "notFound", "no such calendar"),
        (400, "invalid", "400 invalid"),
    ],
)
async def test_a_refusal_is_given_up_soon_and_says_why(
    office: Office, status: int, reason: str, says: str
) -> None:
    await office.book()
    second = await office.book(THURSDAY_10, conversation="c2", client_id=office.store.bruno)
    office.google.fail("insert", status, reason=reason, times=3)
    worker = office.worker()
    for _ in range(4):
        await worker.work_off()
        office.clock.later(60)
    (dead,) = office.store.do(calendar_tasks.dead_letters)
    assert (dead.attempts, dead.dead) == (3, True)
    assert says in str(dead.error) and "@" not in str(dead.error)
    # It keeps the next one no longer.
    assert [event["id"] for event in office.events()] == [outbox.event_id(second)]
    assert office.store.do(calendar_tasks.retry, dead.id, now=office.clock.now()) == 1
    await worker.work_off()
    assert starts(office) == [WEDNESDAY_15, THURSDAY_10]
    assert office.store.do(calendar_tasks.dead_letters) == []


async def test_when_google_is_not_well_for_too_long_it_is_given_up(office: Office) -> None:
    await office.book()
    office.google.fail("insert", 503, times=99)
    worker = office.worker(attempts=4)
    pauses = []
    for _ in range(5):
        before = office.tasks()[0]
        await worker.work_off()
        after = office.tasks()[0]
        if not after["dead"]:
            pauses.append((after["not_before"] - office.clock.now()).total_seconds())
        office.clock.at = max(office.clock.at, after["not_before"])
        assert after["attempts"] <= before["attempts"] + 1
    assert pauses == [2, 4, 8]
    (dead,) = office.store.do(calendar_tasks.dead_letters)
    assert dead.error == "Google Calendar answered 503 backendError"


async def test_the_longest_pause_is_bounded_and_the_dice_shortens_it_by_half_at_most(office: Office) -> None:
    worker = office.worker(longest_backoff_s=30.0)
    assert [worker._pause(attempt) for attempt in (1, 4, 5, 39)] == [2, 16, 30, 30]
    worker._dice = lambda: 0.0
    assert [worker._pause(attempt) for attempt in (1, 5)] == [1, 15]


async def test_a_link_that_takes_its_time_is_waited_for(office: Office) -> None:
    made = await office.book()
    office.google.pending = 2
    worker = office.worker()
    for _ in range(4):
        await worker.work_off()
        office.clock.later(60)
    known = office.store.do(bookings.booking, made.kind, made.id)
    assert known is not None and known.meet_link == office.events()[0]["hangoutLink"]
    assert office.tasks()[0]["done_at"] is not None
    assert len(office.google.mails) == 1


async def test_one_consultants_tasks_keep_their_order_and_do_not_hold_up_anothers(office: Office) -> None:
    store = office.store
    other = store.do(_another_consultant)
    office.google.events["verdi@example.it"] = {}
    made = await office.book()
    move(office, made)
    theirs = await office.book(consultant_id=other[0], client_id=other[1], conversation="v")
    office.google.fail("insert", 503)
    worker = office.worker(at_once=1)
    await worker.work_off()
    assert office.events() == []  # the move waits behind the booking that failed
    assert [event["id"] for event in office.google.confirmed("verdi@example.it")] == [outbox.event_id(theirs)]
    office.clock.later(2)
    await worker.work_off()
    assert starts(office) == [THURSDAY_10]


def _another_consultant() -> tuple[int, int]:
    other = people.add_consultant("Dott. Verdi")
    calendars.set_calendar(other, "verdi@example.it", now=NOW)
    return other, people.add_client("Carla", "+393400000003", consultant_id=other)


async def test_no_two_workers_have_the_same_task_until_its_lease_ends(office: Office) -> None:
    await office.book()
    take, lease = calendar_tasks.take, timedelta(seconds=60)
    (mine,) = office.store.do(take, "w1", most=4, lease=lease, now=NOW)
    assert office.store.do(take, "w2", most=4, lease=lease, now=NOW + timedelta(seconds=59)) == []
    (theirs,) = office.store.do(take, "w2", most=4, lease=lease, now=NOW + timedelta(seconds=60))
    assert (theirs.id, theirs.attempts, theirs.doubtful) == (mine.id, 2, True)
    # Who had it before can say nothing of it any more.
    assert office.store.do(calendar_tasks.done, mine, "w1", now=NOW) is False
    assert office.store.do(calendar_tasks.failed, mine, "w1", "x", again_at=None) is False
    assert office.store.do(calendar_tasks.done, theirs, "w2", now=NOW) is True


async def test_a_request_held_up_undoes_nothing_that_was_done_since(office: Office) -> None:
    """A worker is so slow that another moves the event; what the first sent last arrives only then."""
    made = await office.book()
    await office.worker().work_off()
    move(office, made)
    held = office.google.fail("update")
    await office.worker("slow").work_off()
    office.clock.later(200)
    move(office, made, rome("2026-02-13T11:00"))
    await office.worker("fast").work_off()
    assert starts(office) == [rome("2026-02-13T11:00")]
    held.released.set()
    await _until_served(office, "update", 2)
    assert starts(office) == [rome("2026-02-13T11:00")]


async def test_an_event_on_its_way_is_not_made_after_its_booking_was_given_up(office: Office) -> None:
    made = await office.book()
    held = office.google.fail("insert")
    await office.worker("slow").work_off()
    cancel(office, made)
    office.clock.later(200)
    await office.worker("fast").work_off()
    held.released.set()
    await _until_served(office, "insert", 2)
    assert office.events() == []
    assert office.google.mails == []


async def _until_served(office: Office, method: str, count: int) -> None:
    assert office.google.calls.count(method) >= count
    await asyncio.sleep(0.1)  # the answer to the held request is on its way, to nobody


async def test_a_consultant_whose_calendar_was_taken_away_has_nothing_to_follow(office: Office) -> None:
    await office.book()
    office.store.do(calendars.set_calendar, office.store.consultant, None, now=NOW)
    await office.worker().work_off()
    assert office.google.calls == []
    assert office.tasks()[0]["done_at"] is not None


async def test_a_calendar_set_later_gets_the_bookings_still_to_come(office: Office) -> None:
    store = office.store
    store.do(calendars.set_calendar, store.consultant, None, now=NOW)
    made = await office.book()
    cancel(office, await office.book(THURSDAY_10, conversation="c2", client_id=store.bruno))
    assert store.do(calendars.set_calendar, store.consultant, CALENDAR, now=NOW) == 1
    await office.worker().work_off()
    assert [event["id"] for event in office.events()] == [outbox.event_id(made)]


async def test_a_server_does_it_beside_its_calls(office: Office) -> None:
    made = await office.book()

    class RealSleep(type(office.clock)):  # type: ignore[misc]  # a class made at run time
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds / 100)

    office.clock = RealSleep()
    async with office.worker().beside():
        for _ in range(200):
            if office.tasks()[0]["done_at"]:
                break
            await asyncio.sleep(0.02)
    assert [event["id"] for event in office.events()] == [outbox.event_id(made)]
