"""What stands in the consultant's own calendar: looked after before each transaction, said in the journal when it is
old; and the link that comes from there is told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from engine.replay import replay
from engine.supervisor import Supervisor
from rules.messages import LINK
from storage import busy, calendars, calls, recorded
from storage.busy import Busy
from storage.models import BOOKING_TABLES
from storage.results import BookingKind
from tests.engine.scene import START, Scene, scene
from tests.engine.test_supervisor import ASKS, READBACK, WAIT, YES, Desk, Pointing
from tests.storage.playground import WEDNESDAY_15

CALENDAR = "rossi@example.it"


@dataclass
class Outside:
    """Notes when it was asked; `then` is done when somebody waits for it."""

    call: Scene
    then: Any = None
    asked: list[str] = field(default_factory=list)

    def begin(self, consultant_id: int) -> None:
        self.asked.append("begin")

    async def fresh(self, consultant_id: int) -> None:
        assert consultant_id == self.call.conversation.consultant_id
        self.asked.append("fresh")
        if self.then is not None:
            self.call.do(self.then)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with scene() as call:
        call.do(lambda: calendars.set_calendar(call.conversation.consultant_id, CALENDAR, now=START))
        supervisor = Supervisor(
            call.conversation, call.database, call.rulebook, Pointing(), elsewhere=Outside(call)
        )
        yield Desk(call, supervisor, Pointing(), [])


def outside(desk: Desk) -> Outside:
    found = desk.supervisor._elsewhere
    assert isinstance(found, Outside)
    return found


def links(desk: Desk, link: str | None = "https://meet.google.com/abc-defg-hij") -> None:
    table = BOOKING_TABLES[BookingKind.CONSULTATION]
    desk.call.do(lambda: table.update(meet_link=link).execute())


async def test_nobody_waits_for_calendars_before_booking_is_the_subject(desk: Desk) -> None:
    await desk.say("C: Buongiorno, che tempo fa da voi?", "A: Bello, grazie.")
    assert outside(desk).asked == []
    await desk.say(ASKS, READBACK)
    assert outside(desk).asked == ["fresh"]


async def test_reading_may_begin_while_the_assistant_still_speaks(desk: Desk) -> None:
    desk.call.add(ASKS)
    desk.supervisor.read_ahead(desk.call.turns, new=[1], now=desk.call.now)
    assert outside(desk).asked == ["begin"]
    await desk.supervisor.finish(desk.call.now, "hangup")


async def test_what_was_read_just_before_is_what_the_analysis_goes_by(desk: Desk) -> None:
    who, slot = (
        desk.call.conversation.consultant_id,
        Busy("x", WEDNESDAY_15, WEDNESDAY_15 + timedelta(hours=1)),
    )
    outside(desk).then = lambda: busy.remember(who, CALENDAR, [slot], read_at=START)
    await desk.say(ASKS, READBACK)
    (*_, last) = desk.journal()
    assert (last["outcome"], last["to"]) == ("slot_occupato", "raccolta_dati")
    assert "busy_as_of" not in last


async def test_the_journal_says_when_the_copy_was_old(desk: Desk) -> None:
    who = desk.call.conversation.consultant_id
    outside(desk).then = lambda: busy.note_failure(who, CALENDAR, "no answer", stale=True, now=START)
    await desk.say(ASKS, READBACK)
    assert [entry["busy_as_of"] for entry in desk.journal()] == ["mai", "mai"]
    outside(desk).then = None
    desk.call.do(lambda: busy.remember(who, CALENDAR, [], read_at=START))
    desk.call.do(lambda: busy.note_failure(who, CALENDAR, "no answer", stale=True, now=START))
    await desk.say(YES, WAIT)
    assert [entry["busy_as_of"] for entry in desk.journal()[2:]] == [START.isoformat()] * 2


async def test_the_link_is_told_once_and_as_it_went_when_decided_again(desk: Desk) -> None:
    await desk.complete()
    await desk.say(YES, WAIT)
    links(desk)
    result = await desk.say("C: Grazie.", "A: Prego, serve altro?")
    assert result.notices == (desk.call.rulebook.messages.render(LINK),)
    assert desk.journal()[-1]["notices"] == [LINK]
    again = await desk.say("C: No, grazie.", "A: Buona giornata.")
    assert again.notices == ()
    call_id = desk.call.conversation.call_id or ""
    desk.call.do(lambda: calls.finish_call(call_id, now=desk.call.now, reason="hangup"))
    stored = desk.call.do(lambda: recorded.recorded_call(call_id))
    assert stored is not None
    assert replay(stored, lambda _: desk.call.rulebook).departure is None


async def test_without_a_link_nothing_is_told(desk: Desk) -> None:
    await desk.complete()
    await desk.say(YES, WAIT)
    assert (await desk.say("C: Grazie.", "A: Prego, serve altro?")).notices == ()
