"""Playout: pace, lead, tail, played milliseconds, flush."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clocks import VirtualClock, settle
from transport.audio.playout import Playout


class Bridge:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sent: list[tuple[float, bytes]] = []
        self.kills: list[float] = []
        self.marks: list[str] = []

    async def send_audio(self, pcm: bytes) -> None:
        self.sent.append((self.clock.monotonic() - 1000, pcm))

    async def kill_audio(self) -> None:
        self.kills.append(self.clock.monotonic() - 1000)

    async def send_mark(self, name: str) -> None:
        self.marks.append(name)

    def sent_ms(self) -> float:
        return sum(len(pcm) for _, pcm in self.sent) / 48


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def bridge(clock: VirtualClock) -> Bridge:
    return Bridge(clock)


@pytest.fixture
async def playout(clock: VirtualClock, bridge: Bridge) -> AsyncIterator[Playout]:
    playout = Playout(clock, bridge)
    running = asyncio.create_task(playout.run())
    yield playout
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await playout.close()


def audio(ms: int) -> bytes:
    return b"\x10\x00" * (24 * ms)


async def test_sends_a_burst_then_at_the_speed_of_speech(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(2000))
    await settle()
    assert len(bridge.sent[0][1]) / 48 >= 160
    for _ in range(90):
        await clock.advance(0.02)
        ahead = bridge.sent_ms() - (clock.monotonic() - 1000) * 1000
        assert 0 <= ahead <= 160 + 20 + 1


async def test_waits_for_a_whole_burst_but_not_past_the_end(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(100))
    await clock.advance(0.5)
    assert bridge.sent == []
    playout.end_turn(1)
    await settle()
    assert bridge.sent_ms() == 100 + 200


async def test_played_is_what_was_played_not_what_was_sent(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(1000))
    await settle()
    assert playout.played_ms(1) == 0
    await clock.advance(0.3)
    assert bridge.sent_ms() > 400
    assert playout.played_ms(1) == pytest.approx(300, abs=1)
    await clock.advance(2)
    assert playout.played_ms(1) == pytest.approx(1000)


async def test_an_underrun_is_not_played_time(playout: Playout, clock: VirtualClock) -> None:
    playout.play(1, audio(200))
    await clock.advance(1.0)
    assert playout.played_ms(1) == pytest.approx(200, abs=1)
    playout.play(1, audio(400))
    await clock.advance(0.1)
    assert playout.played_ms(1) == pytest.approx(300, abs=1)


async def test_only_a_gap_within_a_turn_is_an_underrun(playout: Playout, clock: VirtualClock) -> None:
    playout.play(1, audio(400))
    await clock.advance(1)
    assert playout.underruns == 0, "it may have been all there is"
    playout.play(1, audio(400))
    playout.end_turn(1)
    await clock.advance(2)
    assert playout.underruns == 1
    playout.play(2, audio(400))
    playout.end_turn(2)
    await clock.advance(2)
    assert playout.underruns == 1


async def test_drained_when_played_and_silence_follows(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(500))
    playout.end_turn(1)
    drained = asyncio.create_task(playout.drained(1))
    await clock.advance(0.49)
    assert not drained.done()
    await clock.advance(0.02)
    assert drained.result() is True
    assert bridge.sent_ms() >= 660
    assert bridge.sent[-1][1].strip(b"\0") == b""


async def test_flush_stops_at_once_and_freezes_the_clock(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(3000))
    playout.end_turn(1)
    drained = asyncio.create_task(playout.drained(1))
    await clock.advance(1.0)
    sent = len(bridge.sent)
    playout.flush()
    await settle()
    assert bridge.kills == [1.0]
    assert drained.result() is False
    await clock.advance(1.0)
    assert len(bridge.sent) == sent
    assert playout.played_ms(1) == pytest.approx(1000, abs=1)
    playout.play(1, audio(500))
    await clock.advance(0.5)
    assert len(bridge.sent) == sent


async def test_after_a_flush_the_next_turn_starts_with_a_burst(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(3000))
    await clock.advance(0.5)
    playout.flush()
    playout.play(2, audio(400))
    bridge.sent.clear()
    await clock.advance(0.02)
    assert len(bridge.sent[0][1]) / 48 >= 160
    await clock.advance(0.2)
    assert playout.played_ms(2) == pytest.approx(210, abs=11)
    assert playout.played_ms(1) == pytest.approx(500, abs=1)


async def test_where_a_flush_may_not_stop_the_bridge_the_next_turn_counts_after_what_it_has(
    bridge: Bridge, clock: VirtualClock
) -> None:
    playout = Playout(clock, bridge, lead_ms=100, kills=False)
    running = asyncio.create_task(playout.run())
    playout.play(1, audio(1000))
    await clock.advance(0.5)
    playout.flush()
    sent = bridge.sent_ms()
    left = sent - 500
    assert 80 <= left <= 120
    await settle()
    assert (playout.played_ms(1), bridge.kills) == (500, [0.5])
    playout.play(2, audio(1000))
    await clock.advance(left / 1000)
    assert playout.played_ms(2) == 0
    await clock.advance(0.2)
    assert playout.played_ms(2) == pytest.approx(200, abs=1)
    assert 80 <= bridge.sent_ms() - sent - 200 <= 120
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await playout.close()


async def test_a_flush_after_all_was_played_still_reaches_the_bridge(
    playout: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    playout.play(1, audio(200))
    playout.end_turn(1)
    await clock.advance(2)
    playout.flush()
    await settle()
    assert len(bridge.kills) == 1
    assert await playout.drained(1) is True


async def test_a_turn_too_long_to_wait_is_played_up_to_where_it_was_dropped(
    bridge: Bridge, clock: VirtualClock
) -> None:
    playout = Playout(clock, bridge, queue_ms=2000)
    running = asyncio.create_task(playout.run())
    for _ in range(50):
        playout.play(1, audio(100))
    playout.end_turn(1)
    drained = asyncio.create_task(playout.drained(1))
    await clock.advance(6)
    assert playout.dropped_ms == 5000 - playout.played_ms(1)
    assert 2000 <= playout.played_ms(1) <= 2200
    assert drained.result() is False
    playout.play(2, audio(500))
    playout.end_turn(2)
    await clock.advance(2)
    assert await playout.drained(2) is True
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await playout.close()


async def test_half_samples_are_put_together(playout: Playout, bridge: Bridge) -> None:
    pcm = audio(200)
    playout.play(1, pcm[:4801])
    playout.play(1, pcm[4801:])
    playout.end_turn(1)
    await settle()
    assert b"".join(sent for _, sent in bridge.sent).startswith(pcm[:7680])


async def test_resamples_for_a_bridge_that_wants_8_khz(clock: VirtualClock, bridge: Bridge) -> None:
    playout = Playout(clock, bridge, rate=8000)
    running = asyncio.create_task(playout.run())
    playout.play(1, audio(1000))
    playout.end_turn(1)
    await clock.advance(2)
    assert sum(len(pcm) for _, pcm in bridge.sent) / 16 == pytest.approx(1200, abs=5)
    assert playout.played_ms(1) == pytest.approx(1000, abs=2)
    running.cancel()
    await playout.close()


# --- Marks ------------------------------------------------------------------------------------------------


@pytest.fixture
async def marking(clock: VirtualClock, bridge: Bridge) -> AsyncIterator[Playout]:
    playout = Playout(clock, bridge, marks=True)
    running = asyncio.create_task(playout.run())
    yield playout
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await playout.close()


async def turn(
    playout: Playout, clock: VirtualClock, number: int, ms: int = 500, answer_s: float = 0.0
) -> None:
    """One turn, whose mark is answered `answer_s` after its end by our clock."""
    playout.play(number, audio(ms))
    playout.end_turn(number)
    await clock.advance(ms / 1000 + answer_s)
    playout.marked(str(number))
    await clock.advance(1.0 - answer_s)


async def test_each_turn_is_marked_once_after_its_audio(
    marking: Playout, bridge: Bridge, clock: VirtualClock
) -> None:
    await turn(marking, clock, 1)
    await turn(marking, clock, 2)
    assert bridge.marks == ["1", "2"]


async def test_without_marks_none_is_sent(playout: Playout, bridge: Bridge, clock: VirtualClock) -> None:
    await turn(playout, clock, 1, answer_s=0.3)
    assert bridge.marks == []
    assert playout.behind_ms == 0


async def test_a_late_mark_makes_less_count_as_played_and_turns_end_later(
    marking: Playout, clock: VirtualClock
) -> None:
    await turn(marking, clock, 1, answer_s=0.2)
    assert marking.behind_ms == pytest.approx(200, abs=1)
    marking.play(2, audio(1000))
    marking.end_turn(2)
    drained = asyncio.create_task(marking.drained(2))
    await clock.advance(0.5)
    assert marking.played_ms(2) == pytest.approx(300, abs=25)
    await clock.advance(0.65)
    assert not drained.done()
    await clock.advance(0.1)
    assert drained.done()
    assert marking.played_ms(2) == 1000


async def test_one_late_mark_among_others_is_our_own_stall(marking: Playout, clock: VirtualClock) -> None:
    for number, answer_s in enumerate((0.05, 0.9, 0.1, 0.07), start=1):
        await turn(marking, clock, number, answer_s=answer_s)
        assert marking.behind_ms <= 71
    assert marking.behind_ms == pytest.approx(70, abs=1)


@pytest.mark.parametrize("name", ["1", "2", "7", "", "x", "-1", "99999999999", "²"])
async def test_marks_that_come_too_early_or_are_none_of_ours_change_nothing(
    marking: Playout, clock: VirtualClock, name: str
) -> None:
    marking.marked(name)
    marking.play(1, audio(1000))
    marking.end_turn(1)
    await clock.advance(0.7)
    marking.marked(name)
    await clock.advance(0.1)
    assert marking.played_ms(1) == pytest.approx(800, abs=25)
    await clock.advance(0.4)
    assert (marking.played_ms(1), marking.behind_ms) == (1000, 0)


async def test_a_mark_counts_once(marking: Playout, clock: VirtualClock) -> None:
    await turn(marking, clock, 1, answer_s=0.1)
    marking.marked("1")
    assert marking.behind_ms == pytest.approx(100, abs=1)


async def test_a_mark_that_never_comes_or_far_too_late_changes_nothing(
    marking: Playout, clock: VirtualClock
) -> None:
    for number in (1, 2):
        marking.play(number, audio(500))
        marking.end_turn(number)
        drained = asyncio.create_task(marking.drained(number))
        await clock.advance(0.52)
        assert drained.done()
        await clock.advance(1.2)
    marking.marked("1")
    assert marking.behind_ms == 0


async def test_marks_of_what_was_flushed_change_nothing_and_what_was_played_stands_still(
    marking: Playout, clock: VirtualClock
) -> None:
    await turn(marking, clock, 1, answer_s=0.1)
    marking.play(2, audio(2000))
    await clock.advance(1)
    marking.flush()
    played = marking.played_ms(2)
    assert played == pytest.approx(900, abs=25)
    marking.marked("2")
    await turn(marking, clock, 3, answer_s=0.4)
    assert marking.played_ms(2) == played
    assert marking.behind_ms == pytest.approx(100, abs=1)
