"""The caller's side of a call, between its dialect and who listens to it."""

from __future__ import annotations

from engine.ports import Audio, Dtmf, HungUp, LineEvent
from tests.clocks import VirtualClock
from transport.bridge.line import BridgeLine, Pace
from transport.settings import BridgeSettings

CHUNK = 16 * 2 * 40  # bytes of 40 ms


class NoBridge:
    """A bridge to which nothing is said."""

    pace = Pace(16000, 160)
    transfers = False

    async def send_audio(self, pcm: bytes) -> None:
        raise AssertionError

    async def kill_audio(self) -> None:
        raise AssertionError

    async def send_mark(self, name: str) -> None:
        raise AssertionError

    async def transfer(self, number: str) -> None:
        raise AssertionError

    async def disconnect(self) -> None:
        raise AssertionError


def a_line(backlog_ms: int = 2000) -> BridgeLine:
    return BridgeLine(
        NoBridge(), VirtualClock(), BridgeSettings(backlog_ms=backlog_ms), call_id="c-1", rate=16000
    )


async def test_what_came_before_anybody_listened_comes_first() -> None:
    line, heard = a_line(), list[LineEvent]()
    line.caller_audio(bytes([1]) * CHUNK)
    line.key("5")
    line.listen(heard.append)
    line.caller_audio(bytes([2]) * CHUNK)
    line.caller_audio(bytes([3]) * (CHUNK // 2))
    line.key("6")
    line.over("hangup")
    line.over("broken")
    line.caller_audio(bytes([4]) * CHUNK)
    assert heard == [
        Audio(bytes([1]) * CHUNK),
        Dtmf("5"),
        Audio(bytes([2]) * CHUNK),
        Audio(bytes([3]) * (CHUNK // 2)),
        Dtmf("6"),
        HungUp("hangup"),
    ]
    assert line.dropped_ms == 0


async def test_of_what_nobody_listens_to_the_oldest_is_dropped_and_counted() -> None:
    line, heard = a_line(backlog_ms=200), list[LineEvent]()
    line.key("1")
    for number in range(8):
        line.caller_audio(bytes([number]) * CHUNK)
    line.listen(heard.append)
    assert heard == [Dtmf("1"), *(Audio(bytes([number]) * CHUNK) for number in range(3, 8))]
    assert line.dropped_ms == 3 * 40
    for number in range(8, 30):
        line.caller_audio(bytes([number]) * CHUNK)
    assert len(heard) == 6 + 22
    assert line.dropped_ms == 3 * 40


async def test_a_line_that_was_over_before_anybody_listened_says_so() -> None:
    line, heard = a_line(), list[LineEvent]()
    line.over("connection lost", lost=True)
    line.listen(heard.append)
    assert heard == [HungUp("connection lost", lost=True)]


async def test_the_rest_of_a_chunk_comes_with_a_hang_up() -> None:
    line, heard = a_line(), list[LineEvent]()
    line.listen(heard.append)
    line.caller_audio(bytes([1]) * (CHUNK // 2))
    line.over("hangup")
    assert heard == [Audio(bytes([1]) * (CHUNK // 2)), HungUp("hangup")]


async def test_of_a_line_that_is_dead_nothing_is_heard_when_that_is_noticed() -> None:
    line, heard = a_line(), list[LineEvent]()
    line.listen(heard.append)
    line.caller_audio(bytes([1]) * (CHUNK // 2))
    line.over("connection lost", lost=True)
    assert heard == [HungUp("connection lost", lost=True)]


async def test_of_a_line_that_is_left_nothing_is_heard_with_that() -> None:
    line, heard = a_line(), list[LineEvent]()
    line.listen(heard.append)
    line.caller_audio(bytes([1]) * (CHUNK // 2))
    line.leave()
    assert heard == [HungUp("gone over to another connection")]
