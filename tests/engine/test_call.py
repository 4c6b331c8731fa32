"""A whole call on a virtual clock, with a scripted line, model and supervisor."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from engine.call import Call, CallEnd
from engine.ports import (
    AnalysisResult,
    AssistantWords,
    Audio,
    CallerWords,
    Command,
    Dtmf,
    HungUp,
    LineEvent,
    LiveModelError,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelGone,
    ResumptionHandle,
    Signal,
    SpeechBegan,
    SpeechEdge,
    SpeechEnded,
)
from engine.resumption import Resumption
from engine.settings import EngineSettings
from engine.turns import Speaker, Turn
from tests.clocks import START, VirtualClock, settle

READBACK = "Mercoledì 11 febbraio alle 15, conferma?"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Inbox:
    """What comes from the caller, up to the hang-up."""

    def __init__(self) -> None:
        self.early: list[LineEvent] = []
        self.hear = self.early.append
        self.over = False

    def put_nowait(self, event: LineEvent) -> None:
        if not self.over:
            self.over = isinstance(event, HungUp)
            self.hear(event)

    def listen(self, hear: Callable[[LineEvent], None]) -> None:
        self.hear = hear
        for event in self.early:
            hear(event)


class Phone:
    """A line whose playout is exact: audio is played at once and in order, at the speed of the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.inbox = Inbox()
        self.began: dict[int, float] = {}
        self.ms: dict[int, float] = {}
        self.ended: set[int] = set()
        self.frozen: dict[int, float] = {}
        self.flushes: list[datetime] = []
        self.most_ms = 180_000.0
        self.hung_up = self.left = False
        self.transfers = True
        self.transferred_to: str | None = None

    def listen(self, hear: Callable[[LineEvent], None]) -> None:
        self.inbox.listen(hear)

    def play(self, turn: int, pcm: bytes) -> None:
        self.began.setdefault(turn, self.clock.monotonic())
        self.ms[turn] = min(self.ms.get(turn, 0) + len(pcm) / 48, self.most_ms)

    def end_turn(self, turn: int) -> None:
        self.ended.add(turn)

    def flush(self) -> None:
        self.flushes.append(self.clock.now())
        for turn in self.began:
            self.frozen.setdefault(turn, self.played_ms(turn))

    def played_ms(self, turn: int) -> float:
        if turn not in self.began:
            return 0.0
        played = min(self.ms[turn], (self.clock.monotonic() - self.began[turn]) * 1000)
        return self.frozen.get(turn, played)

    async def drained(self, turn: int) -> bool:
        while self.played_ms(turn) < self.ms[turn]:
            if turn in self.frozen:
                return False
            await self.clock.sleep(0.01)
        return self.ms[turn] < self.most_ms

    async def hang_up(self) -> None:
        self.hung_up = True
        self.inbox.put_nowait(HungUp("ended by us"))

    def leave(self) -> None:
        self.left = True
        self.inbox.put_nowait(HungUp("gone over"))

    async def transfer(self, number: str) -> None:
        self.transferred_to = number
        self.inbox.put_nowait(HungUp("transferred by us"))


class Model:
    """A live model that says what the test tells it to."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.outbox: asyncio.Queue[ModelEvent | ModelGone] = asyncio.Queue()
        self.audio: list[bytes] = []
        self.notices: list[tuple[datetime, str]] = []
        self.open_now = False
        self.opened: list[tuple[str | None, str | None]] = []  # resume, seed
        self.refuses: Loss | None = None
        self.blocked = False

    @asynccontextmanager
    async def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AsyncIterator["Model"]:
        self.opened.append((resume, seed))
        if self.refuses:
            raise LiveModelError("no", self.refuses)
        self.open_now = True
        try:
            yield self
        finally:
            self.open_now = False

    def offer_audio(self, pcm: bytes) -> bool:
        if not self.blocked:
            self.audio.append(pcm)
        return not self.blocked

    async def send_audio(self, pcm: bytes) -> None:
        while self.blocked:
            await self.clock.sleep(1)
        self.audio.append(pcm)

    async def send_notice(self, text: str) -> None:
        self.notices.append((self.clock.now(), text))

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        while not isinstance(event := await self.outbox.get(), ModelGone):
            hear(event)
        return event


class Ear:
    """A detector whose edges the test announces."""

    def __init__(self) -> None:
        self.edges: list[SpeechEdge] = []
        self.speaking = False

    def feed(self, pcm: bytes, now: datetime) -> Sequence[SpeechEdge]:
        found, self.edges = self.edges, []
        return found

    def quiet(self, now: datetime) -> Sequence[SpeechEdge]:
        return self.feed(b"", now)


@dataclass
class Asked:
    """One analysis as it was asked for."""

    at: datetime
    turns: tuple[Turn, ...]
    new: tuple[int, ...]
    call_over: bool
    pending_speech: bool
    unheard: bool
    still_valid: Callable[[], bool]

    @property
    def words(self) -> list[str]:
        return [turn.heard_text for turn in self.turns if turn.number in self.new]


@dataclass
class Supervising:
    """A supervisor that answers as the test wants, and remembers."""

    answers: list[AnalysisResult | Exception] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    takes: Callable[[], Awaitable[object]] | None = None
    running: int = 0
    ahead: list[list[str]] = field(default_factory=list)

    def read_ahead(self, turns: Sequence[Turn], *, new: Sequence[int], now: datetime) -> None:
        self.ahead.append([turn.text for turn in turns if turn.number in new])

    def recap(self, turns: Sequence[Turn]) -> str:
        return f"recap of {len(turns)}"

    def nudge(self) -> str:
        return "nudge"

    async def analyse(
        self,
        turns: Sequence[Turn],
        *,
        new: Sequence[int],
        now: datetime,
        call_over: bool,
        pending_speech: bool,
        unheard: bool,
        still_valid: Callable[[], bool],
    ) -> AnalysisResult:
        self.asked.append(
            Asked(now, tuple(turns), tuple(new), call_over, pending_speech, unheard, still_valid)
        )
        self.running += 1
        assert self.running == 1, "two analyses at once"
        if self.takes is not None:
            await self.takes()
        self.running -= 1
        answer = self.answers.pop(0) if self.answers else AnalysisResult()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Scene:
    """One call and everybody in it."""

    def __init__(self, *, handle: str | None = None, **settings: float) -> None:
        self.handle = handle
        self.handles: list[str] = []
        self.resumed: Resumption | None = None
        self.may_return = False
        self.transfer_to: str | None = None
        self.apology = b""
        self.clock = VirtualClock()
        self.phone, self.model, self.ear = Phone(self.clock), Model(self.clock), Ear()
        self.supervisor = Supervising()
        self.recorded: list[Turn] = []
        self.settings = EngineSettings(**settings)  # type: ignore[arg-type]  # as a settings file gives them

    async def start(self) -> None:
        self.call = Call(
            "call-1",
            line=self.phone,
            model=self.model,
            prompt="Sei un'assistente.",
            supervisor=self.supervisor,
            detector=self.ear,
            clock=self.clock,
            settings=self.settings,
            record=self.record,
            transfer_to=self.transfer_to,
            apology=self.apology,
            handle=self.handle,
            keep_handle=self.handles.append,
            resumed=self.resumed,
            may_return=self.may_return,
        )
        self.task = asyncio.create_task(self.call.run())
        await settle()

    async def record(self, turn: Turn) -> None:
        self.recorded.append(turn)

    async def says(self, text: str, ms: int = 3000, *, whole: bool = True) -> None:
        """The model says `text`; all of it arrives at once."""
        words = text.split(" ")
        for index, word in enumerate(words):
            self.model.outbox.put_nowait(AssistantWords(word if index == 0 else " " + word))
            self.model.outbox.put_nowait(ModelAudio(b"\x10\x00" * (24 * ms // len(words))))
        if whole:
            self.model.outbox.put_nowait(Signal.GENERATION_COMPLETE)
            self.model.outbox.put_nowait(Signal.TURN_COMPLETE)
        await settle()

    async def signal(self, *events: ModelEvent | ModelGone) -> None:
        for event in events:
            self.model.outbox.put_nowait(event)
        await settle()

    async def begins(self) -> None:
        self.ear.edges.append(SpeechBegan(self.clock.now()))
        self.ear.speaking = True
        await self.hears(20)

    async def ends(self) -> None:
        self.ear.edges.append(SpeechEnded(self.clock.now()))
        self.ear.speaking = False
        await self.hears(20)

    async def speaks(self, seconds: float = 0.4) -> None:
        await self.begins()
        await self.clock.advance(seconds)
        await self.ends()

    async def hears(self, ms: int) -> None:
        self.phone.inbox.put_nowait(Audio(b"\x20\x00" * (16 * ms)))
        await settle()

    async def hangs_up(self) -> None:
        self.phone.inbox.put_nowait(HungUp("hangup"))
        await settle()

    async def over(self, within: float = 20.0) -> CallEnd:
        await self.clock.advance(within)
        assert self.task.done()
        return self.task.result()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.start()
    yield scene
    await scene.close()


async def test_a_turn_is_analysed_once_it_was_played(scene: Scene) -> None:
    await scene.says(READBACK, 3000)
    await scene.clock.advance(2.9)
    assert scene.supervisor.asked == []
    await scene.clock.advance(0.2)
    (asked,) = scene.supervisor.asked
    (turn,) = asked.turns
    assert (turn.text, turn.speaker, turn.heard, asked.new) == (READBACK, Speaker.ASSISTANT, None, (1,))
    assert turn.ended_at is not None
    assert at(2.9) <= turn.ended_at <= at(3.1)
    said = turn.played_at(READBACK.index("15") + 2)
    assert said is not None
    assert at(1.5) < said < at(3.0)
    assert scene.recorded == [turn]


async def test_only_new_turns_are_analysed_in_the_order_spoken(scene: Scene) -> None:
    await scene.says("Buongiorno.", 1000)
    await scene.clock.advance(2)
    await scene.speaks(1)
    await scene.signal(CallerWords("mercoledì"), CallerWords(" alle 15", finished=True))
    await scene.says(READBACK, 1000)
    await scene.clock.advance(2)
    first, second = scene.supervisor.asked
    assert first.words == ["Buongiorno."]
    assert second.words == ["mercoledì alle 15", READBACK]
    assert len(second.turns) == 3


async def test_what_the_caller_said_is_read_ahead_once_the_answer_begins(scene: Scene) -> None:
    await scene.speaks(1)
    await scene.signal(CallerWords("mercoledì"), CallerWords(" alle 15", finished=True))
    assert scene.supervisor.ahead == []
    await scene.says(READBACK, 4000)
    assert scene.supervisor.ahead == [["mercoledì alle 15"]]
    assert scene.supervisor.asked == []


async def test_late_words_are_read_ahead_again(scene: Scene) -> None:
    await scene.speaks(1)
    await scene.signal(CallerWords("mercoledì"))
    await scene.says(READBACK, 4000, whole=False)
    await scene.signal(CallerWords(" alle 15"))
    assert scene.supervisor.ahead == [["mercoledì"], ["mercoledì alle 15"]]


async def test_a_barge_in_flushes_and_only_what_was_played_is_heard(scene: Scene) -> None:
    await scene.says(READBACK, 4000, whole=False)
    await scene.clock.advance(1.5)
    await scene.begins()
    await scene.signal(Signal.INTERRUPTED, ModelAudio(bytes(4800)), AssistantWords(" Altro?"))
    assert scene.phone.flushes == [at(1.5)]
    assert scene.phone.ms[1] < 4100, "audio after the interruption is dropped"
    await scene.signal(Signal.TURN_COMPLETE)
    (turn,) = scene.call.turns
    assert turn.cut_off
    assert turn.text == READBACK + " Altro?"
    assert "15" not in turn.heard_text
    await scene.says("Certo.", 500)
    assert scene.phone.ms[3 if 3 in scene.phone.ms else 2] == pytest.approx(500)


async def test_a_barge_in_after_generation_is_complete_flushes_too(scene: Scene) -> None:
    await scene.says(READBACK, 4000)
    await scene.clock.advance(1.0)
    await scene.signal(Signal.INTERRUPTED)
    assert scene.phone.flushes == [at(1.0)]
    assert scene.call.turns[0].cut_off
    await scene.says("Certo.", 500)
    await scene.clock.advance(1)
    assert [turn.heard for turn in scene.call.turns][-1] is None


async def test_a_cut_off_turn_waits_for_the_words_that_cut_it(scene: Scene) -> None:
    await scene.says(READBACK, 4000)
    await scene.clock.advance(1.0)
    await scene.begins()
    await scene.signal(Signal.INTERRUPTED)
    await scene.clock.advance(0.5)
    await scene.ends()
    await scene.clock.advance(1.0)
    assert scene.supervisor.asked == []
    await scene.signal(CallerWords("no, giovedì", finished=True))
    await scene.clock.advance(0.1)
    (asked,) = scene.supervisor.asked
    assert asked.words[1] == "no, giovedì"
    assert not asked.pending_speech


async def test_a_cut_off_turn_without_words_is_analysed_after_3_s(scene: Scene) -> None:
    await scene.says(READBACK, 4000)
    await scene.clock.advance(1.0)
    await scene.signal(Signal.INTERRUPTED)
    await scene.clock.advance(2.9)
    assert scene.supervisor.asked == []
    await scene.clock.advance(0.2)
    assert len(scene.supervisor.asked) == 1


async def test_an_analysis_waits_for_untranscribed_speech(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(0.8)
    await scene.speaks(0.5)
    await scene.clock.advance(3)
    assert scene.supervisor.asked == []
    await scene.signal(CallerWords("sì", finished=True))
    await scene.clock.advance(0.1)
    assert scene.supervisor.asked[0].words == [READBACK, "sì"]


async def test_it_waits_for_all_pieces(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(0.8)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì,"))
    await scene.clock.advance(1)
    assert scene.supervisor.asked == []
    await scene.signal(CallerWords(" anzi no"))
    await scene.clock.advance(2)
    assert scene.supervisor.asked[0].words == [READBACK, "sì, anzi no"]


async def test_it_waits_7_s_at_most_and_tells_what_was_unheard(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(again=True)]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(0.8)
    await scene.speaks(0.5)
    await scene.clock.advance(6.8)
    (asked,) = scene.supervisor.asked
    assert (asked.unheard, asked.pending_speech) == (False, True)
    await scene.clock.advance(0.5)
    asked = scene.supervisor.asked[1]
    assert (asked.unheard, asked.pending_speech) == (True, False)
    await scene.says("Non ho sentito.", 500)
    await scene.clock.advance(1)
    assert not scene.supervisor.asked[2].unheard


async def test_a_late_transcript_is_analysed_where_it_was_spoken(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.4)
    await scene.says("Mi sente?", 500)
    await scene.clock.advance(3)
    await scene.signal(CallerWords("sì", finished=True))
    await scene.clock.advance(0.2)
    last = scene.supervisor.asked[-1]
    assert [turn.text for turn in last.turns] == [READBACK, "sì", "Mi sente?"]


async def test_speech_during_an_analysis_makes_it_invalid(scene: Scene) -> None:
    valid: list[bool] = []

    async def takes() -> None:
        asked = scene.supervisor.asked[-1]
        valid.append(asked.still_valid())
        scene.supervisor.takes = None
        await scene.begins()
        valid.append(asked.still_valid())

    scene.supervisor.takes = takes
    scene.supervisor.answers = [AnalysisResult(again=True)]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    assert valid == [True, False]
    await scene.ends()
    await scene.signal(CallerWords("no aspetta", finished=True))
    await scene.clock.advance(0.5)
    again = scene.supervisor.asked[1]
    assert again.words == [READBACK, "no aspetta"]
    assert again.still_valid()


async def test_again_without_new_words_comes_after_7_s(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(again=True)]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(7.9)
    assert len(scene.supervisor.asked) == 1
    await scene.clock.advance(0.3)
    assert [asked.new for asked in scene.supervisor.asked] == [(1,), (1,)]


async def test_a_yes_transcribed_after_the_hang_up_is_analysed(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.3)
    await scene.hangs_up()
    assert scene.model.open_now
    sent = len(scene.model.audio)
    await scene.clock.advance(3)
    assert len(scene.model.audio) >= sent + 65, "silence goes on upward"
    await scene.signal(CallerWords("sì"))
    await scene.clock.advance(1)
    assert not scene.task.done(), "another piece may come"
    end = await scene.over(1)
    last = scene.supervisor.asked[-1]
    assert (last.words, last.call_over, last.pending_speech) == (["sì"], True, False)
    assert end == CallEnd("hangup")
    assert not scene.model.open_now


async def test_after_the_hang_up_words_are_waited_for_7_s_at_most(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.3)
    await scene.hangs_up()
    await scene.clock.advance(6.8)
    assert not scene.task.done()
    await scene.over(0.5)


async def test_a_turn_too_long_to_be_played_whole_was_not_heard_whole(scene: Scene) -> None:
    scene.phone.most_ms = 2000
    await scene.says(READBACK, 4000)
    await scene.clock.advance(6)
    (asked,) = scene.supervisor.asked
    assert asked.turns[0].cut_off
    assert 0 < len(asked.turns[0].heard_text) < len(READBACK)


async def test_a_hang_up_in_mid_turn_cuts_it_off(scene: Scene) -> None:
    await scene.says(READBACK, 4000)
    await scene.clock.advance(2)
    await scene.hangs_up()
    await scene.over(0.5)
    (asked,) = scene.supervisor.asked
    assert asked.call_over
    assert asked.turns[0].cut_off
    assert scene.recorded[-1] == asked.turns[0]


async def test_without_new_turns_nothing_is_analysed(scene: Scene) -> None:
    await scene.says("Buongiorno.", 500)
    await scene.clock.advance(1)
    await scene.hangs_up()
    await scene.over(0.5)
    assert len(scene.supervisor.asked) == 1


async def test_a_failing_supervisor_does_not_end_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.supervisor.answers = [LookupError("Mario Rossi")]
    await scene.says("Buongiorno.", 500)
    await scene.clock.advance(1)
    assert "call-1" in caplog.text
    assert "Mario" not in caplog.text
    await scene.says("Mi dica.", 500)
    await scene.clock.advance(1)
    assert scene.supervisor.asked[1].words == ["Buongiorno.", "Mi dica."]
    assert not scene.task.done()


async def test_a_notice_is_told_in_quiet(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(notices=("Prenotato.",))]
    scene.supervisor.takes = scene.begins
    await scene.says(READBACK, 1000)
    await scene.clock.advance(2)
    assert scene.model.notices == [], "the caller speaks"
    await scene.says("Un momento.", 2000)
    await scene.ends()
    await scene.clock.advance(1.5)
    assert scene.model.notices == [], "the assistant is still being played"
    await scene.clock.advance(0.7)
    assert [text for _, text in scene.model.notices] == ["Prenotato."]


async def test_a_notice_that_is_not_taken_up_is_told_once_more(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(notices=("Prenotato.",))]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(8)
    (first, _), (second, text) = scene.model.notices
    assert text == "Prenotato."
    assert timedelta(seconds=3) <= second - first <= timedelta(seconds=3.2)


async def test_a_notice_that_is_taken_up_is_told_once(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(notices=("Prenotato.",))]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(2)
    await scene.says("È prenotato.", 1000)
    await scene.clock.advance(10)
    assert len(scene.model.notices) == 1


async def test_hanging_up_once_the_notice_was_told(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(notices=("Saluta.",), command=Command.HANG_UP)]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.5)
    await scene.says("Arrivederci.", 1000)
    await scene.clock.advance(0.8)
    assert not scene.phone.hung_up
    assert (await scene.over(1)).reason == "hung up by us"
    assert scene.phone.hung_up


async def handed_over_to(number: str | None) -> Scene:
    """A call whose next analysis wants it handed over, in the middle of what the model says of that."""
    scene = Scene()
    scene.transfer_to = number
    await scene.start()
    scene.supervisor.answers = [AnalysisResult(notices=("Passala.",), command=Command.TRANSFER)]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.5)
    await scene.says("La passo a una persona.", 1000)
    await scene.clock.advance(0.8)
    assert scene.phone.transferred_to is None
    return scene


async def test_a_call_is_handed_over_once_the_caller_was_told() -> None:
    scene = await handed_over_to("+390612345678")
    end = await scene.over(1)
    assert (end.reason, scene.phone.transferred_to, scene.phone.hung_up) == (
        "transferred",
        "+390612345678",
        False,
    )


async def test_without_a_number_it_is_not_handed_over_but_ended() -> None:
    scene = await handed_over_to(None)
    assert (await scene.over(1)).reason == "hung up by us"
    assert (scene.phone.transferred_to, scene.phone.hung_up) == (None, True)


async def test_what_the_caller_says_before_it_is_handed_over_is_judged_first() -> None:
    scene = await handed_over_to("+390612345678")
    scene.supervisor.answers = [AnalysisResult(stays=True)]
    await scene.speaks(0.5)
    await scene.clock.advance(2)
    assert scene.phone.transferred_to is None
    await scene.signal(CallerWords("no, lasci stare", finished=True))
    await scene.clock.advance(5)
    assert "no, lasci stare" in scene.supervisor.asked[-1].words
    assert scene.phone.transferred_to is None
    assert not scene.task.done()
    await scene.close()


async def test_a_caller_who_thanks_is_handed_over() -> None:
    scene = await handed_over_to("+390612345678")
    await scene.speaks(0.5)
    await scene.signal(CallerWords("grazie", finished=True))
    assert (await scene.over(3)).reason == "transferred"
    assert scene.supervisor.asked[-1].words[-1:] == ["grazie"] or not scene.supervisor.asked[-1].new


async def test_late_assistant_words_join_the_turn_they_belong_to(scene: Scene) -> None:
    await scene.says("Mercoledì 11 febbraio", 1000)
    await scene.clock.advance(1.5)
    await scene.signal(AssistantWords(" alle 15, conferma?"))
    await scene.clock.advance(1.2)
    assert scene.supervisor.asked[-1].words == [READBACK]
    assert scene.supervisor.asked[-1].new == (1,)


async def test_assistant_words_after_the_caller_spoke_are_a_new_turn(scene: Scene) -> None:
    """The words of the next readback may come before its audio: they must not count as played before."""
    await scene.says("Che giorno?", 1000)
    await scene.clock.advance(1.5)
    await scene.speaks(0.4)
    await scene.signal(CallerWords("sì", finished=True), AssistantWords(READBACK))
    await scene.clock.advance(0.2)
    assert [turn.text for turn in scene.call.turns] == ["Che giorno?", "sì"]


async def test_a_turn_of_its_own_accord_keeps_its_first_words(scene: Scene) -> None:
    await scene.says("Che giorno?", 500)
    await scene.clock.advance(1)
    await scene.signal(AssistantWords("Mercoledì"))
    await scene.clock.advance(0.3)
    await scene.says(" 11 alle 15?", 500)
    await scene.clock.advance(1)
    assert [turn.text for turn in scene.call.turns] == ["Che giorno?", "Mercoledì 11 alle 15?"]


async def test_the_uplink_is_continuous_in_40_ms_chunks(scene: Scene) -> None:
    for _ in range(10):
        await scene.hears(30)
        await scene.clock.advance(0.03)
    await scene.clock.advance(1.7)
    assert {len(chunk) for chunk in scene.model.audio} == {1280}
    assert 42 <= len(scene.model.audio) <= 46
    assert any(b"\x20" in chunk for chunk in scene.model.audio[:8])
    assert scene.model.audio[-1] == bytes(1280)


async def test_a_stall_of_ours_is_no_pause_of_the_bridge(scene: Scene) -> None:
    """What was said during it waits to be read; silence put before it would tear the words apart."""
    await scene.hears(40)
    scene.clock.stall(1.0)
    await settle()
    for _ in range(25):
        await scene.hears(40)
    await scene.clock.advance(0.2)
    assert [chunk for chunk in scene.model.audio if not any(chunk)] == []
    assert len(scene.model.audio) == 26


async def test_after_a_stall_a_pause_of_the_bridge_is_filled_again(scene: Scene) -> None:
    await scene.hears(40)
    scene.clock.stall(1.0)
    await settle()
    await scene.clock.advance(1.0)
    assert 16 <= sum(not any(chunk) for chunk in scene.model.audio) <= 20


async def test_keys_are_counted_and_never_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for digit in "7#":
        scene.phone.inbox.put_nowait(Dtmf(digit))
    await settle()
    await scene.hangs_up()
    assert await scene.over(0.5) == CallEnd("hangup", keys=2)
    assert "7" not in "".join(caplog.messages)


async def test_a_model_that_takes_no_audio_loses_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(uplink_queue_ms=400)
    await scene.start()
    scene.model.blocked = True
    for _ in range(20):
        await scene.hears(40)
        await scene.clock.advance(0.04)
    await scene.hangs_up()
    end = await scene.over(1)
    assert end.dropped_ms >= 300
    assert "dropped" in caplog.text


async def test_a_model_that_fails_again_and_again_ends_the_call(scene: Scene) -> None:
    await scene.says(READBACK, 2000)
    await scene.clock.advance(1)
    for _ in range(3):
        await scene.signal(ModelGone(1011, "internal", Loss.SERVER))
        await scene.clock.advance(1)
    end = await scene.over(0.5)
    assert (end.reason, end.rotations) == ("model unreachable", {"server": 2})
    assert scene.phone.hung_up


async def test_a_model_that_refuses_for_good_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene = Scene()
    scene.model.refuses = Loss.FATAL
    await scene.start()
    assert (await scene.over(0.5)).reason == "model unreachable"
    assert scene.phone.hung_up


async def unreachable(number: str | None = None, *, seconds: float = 2.0) -> Scene:
    """A call whose model cannot be reached, with an apology to play."""
    scene = Scene()
    scene.transfer_to, scene.apology = number, b"\x10\x00" * int(24000 * seconds)
    scene.model.refuses = Loss.FATAL
    await scene.start()
    return scene


async def test_who_has_no_model_to_talk_with_hears_the_apology_to_its_end() -> None:
    scene = await unreachable()
    await scene.clock.advance(1.9)
    assert list(scene.phone.ms.values()) == [2000]
    assert not scene.phone.hung_up
    end = await scene.over(0.5)
    assert (end.reason, end.failed, scene.phone.hung_up) == ("model unreachable", True, True)


async def test_after_the_apology_the_call_goes_to_a_person_where_it_can() -> None:
    scene = await unreachable("+390612345678")
    await scene.clock.advance(1.9)
    assert scene.phone.transferred_to is None
    end = await scene.over(0.5)
    assert (end.reason, end.failed) == ("model unreachable", True)
    assert (scene.phone.transferred_to, scene.phone.hung_up) == ("+390612345678", False)


async def test_who_does_not_hear_the_apology_out_was_failed_all_the_same() -> None:
    scene = await unreachable("+390612345678")
    await scene.clock.advance(1)
    await scene.hangs_up()
    end = await scene.over(0.5)
    assert (end.reason, end.failed) == ("model unreachable", True)
    assert scene.phone.transferred_to is None


async def test_the_apology_waits_for_what_was_being_said() -> None:
    scene = Scene(model_budget_s=5.0)
    scene.apology = b"\x10\x00" * 24000
    await scene.start()
    await scene.says(READBACK, 3000)
    await scene.clock.advance(1)
    await scene.signal(ModelGone(1008, "policy", Loss.FATAL))
    await scene.clock.advance(0.5)
    assert len(scene.phone.ms) == 1
    await scene.clock.advance(2)
    assert [round(ms) for ms in scene.phone.ms.values()] == [3000, 1000]
    assert (await scene.over(1)).failed
    assert scene.supervisor.asked[0].words == [READBACK]


async def test_a_caller_who_never_speaks_is_not_waited_for_for_ever() -> None:
    scene = Scene(silent_caller_s=60)
    await scene.start()
    await scene.says(READBACK, 2000)
    await scene.clock.advance(59)
    assert not scene.phone.hung_up
    end = await scene.over(8)
    assert end.reason == "the caller has not spoken for 60 s"
    assert scene.phone.hung_up


async def test_every_word_and_every_key_of_the_caller_counts_as_speaking() -> None:
    scene = Scene(silent_caller_s=60, first_audio_s=3600)
    await scene.start()
    for _ in range(3):
        await scene.clock.advance(40)
        await scene.speaks()
        await scene.clock.advance(40)
        scene.phone.inbox.put_nowait(Dtmf("5"))
        await settle()
    assert not scene.phone.hung_up
    assert (await scene.over(70)).reason == "the caller has not spoken for 60 s"


async def test_a_call_that_lasts_too_long_is_ended() -> None:
    scene = Scene(max_call_s=120, first_audio_s=3600)
    await scene.start()
    for _ in range(4):
        await scene.clock.advance(29)
        await scene.speaks()
    assert not scene.phone.hung_up
    assert (await scene.over(15)).reason == "longer than 120 s"


async def test_each_handle_is_kept_and_one_that_is_given_is_taken_up() -> None:
    scene = Scene(handle="earlier")
    await scene.start()
    assert scene.model.opened == [("earlier", None)]
    await scene.signal(ResumptionHandle("h1"), ResumptionHandle("h2"))
    assert scene.handles == ["h1", "h2"]
    await scene.close()


async def test_nothing_is_left_running() -> None:
    scene = Scene()
    await scene.start()
    await scene.says(READBACK, 1000)
    await scene.clock.advance(0.5)
    await scene.hangs_up()
    await scene.over(1)
    await settle()
    assert [task for task in asyncio.all_tasks() if "call-1" in task.get_name()] == []


# --- a connection to the model that is lost ---


GONE = ModelGone(1006, "broken")


async def test_a_turn_that_breaks_off_is_played_but_what_never_came_was_not_heard(scene: Scene) -> None:
    """Its words may be there before its audio: the hour was written, and never spoken."""
    await scene.signal(
        AssistantWords(READBACK), ModelAudio(b"\x10\x00" * 24 * 1000), ResumptionHandle("h1"), GONE
    )
    await scene.clock.advance(0.9)
    assert scene.call.turns == (), "it is still being played"
    assert scene.phone.flushes == []
    await scene.clock.advance(0.3)
    (turn,) = scene.call.turns
    assert turn.text == READBACK
    assert "15" not in turn.heard_text
    await scene.clock.advance(3.2)
    assert scene.supervisor.asked[0].words == [turn.heard_text]


async def test_speech_lost_with_a_connection_is_unheard_at_the_next_analysis(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(ResumptionHandle("h1"), GONE)
    await scene.clock.advance(0.5)
    assert [text for _, text in scene.model.notices] == ["recap of 1"]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    assert scene.supervisor.asked[-1].unheard


async def test_a_yes_whose_beginning_was_lost_is_not_placed(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.begins()
    await scene.signal(GONE)
    await scene.clock.advance(0.5)
    await scene.ends()
    await scene.signal(CallerWords("sì", finished=True))
    assert [(turn.text, turn.began_at) for turn in scene.call.turns] == [
        (READBACK, scene.call.turns[0].began_at),
        ("sì", None),
    ]


async def test_an_analysis_does_not_outlive_the_connection_that_its_words_were_lost_with(
    scene: Scene,
) -> None:
    valid: list[bool] = []

    async def takes() -> None:
        asked = scene.supervisor.asked[-1]
        await scene.signal(GONE)
        valid.append(asked.still_valid())

    scene.supervisor.takes = takes
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.02)
    assert valid == [True], "nothing was lost"
    scene.supervisor.takes = None
    await scene.clock.advance(1)
    await scene.begins()
    scene.supervisor.takes = takes
    await scene.says("Un attimo.", 500)
    await scene.clock.advance(8)
    assert valid[1:] == [False]


async def test_replayed_words_are_no_new_turn(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì,"), CallerWords(" va bene", finished=True))
    await scene.clock.advance(3)
    before = scene.call.turns
    await scene.signal(ResumptionHandle("h1"), GONE)
    await scene.clock.advance(0.5)
    await scene.signal(
        CallerWords("sì,"), CallerWords(" va bene"), AssistantWords(READBACK), Signal.TURN_COMPLETE
    )
    await scene.clock.advance(2)
    assert scene.call.turns == before


async def test_words_that_look_replayed_while_the_caller_speaks_are_kept_and_are_no_yes(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì", finished=True))
    await scene.clock.advance(3)
    await scene.signal(ResumptionHandle("h1"), GONE)
    await scene.clock.advance(0.5)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì"))
    assert [(turn.text, turn.began_at is None) for turn in scene.call.turns][1:] == [
        ("sì", False),
        ("sì", True),
    ]


async def test_the_same_words_after_a_turn_of_the_assistant_are_new(scene: Scene) -> None:
    await scene.says("Ti interessa?", 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì", finished=True))
    await scene.clock.advance(3)
    await scene.signal(ResumptionHandle("h1"), GONE)
    await scene.clock.advance(0.5)
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì", finished=True))
    last = scene.call.turns[-1]
    assert last.text == "sì"
    assert last.began_at is not None


async def test_words_without_audio_do_not_keep_the_model_from_being_reminded(scene: Scene) -> None:
    """As a replay of what never reached us: nobody has heard them, and no end of their turn comes."""
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.speaks(0.5)
    await scene.signal(CallerWords("sì", finished=True), ResumptionHandle("h1"), GONE)
    await scene.signal(AssistantWords("Un attimo, "), AssistantWords("verifico."))
    await scene.clock.advance(2.5)
    assert scene.model.notices == []
    await scene.clock.advance(1)
    assert [text for _, text in scene.model.notices] == ["recap of 3"]
    assert scene.call.turns[-1].heard == ""


async def test_a_notice_lost_with_its_connection_is_told_again_once(scene: Scene) -> None:
    scene.supervisor.answers = [AnalysisResult(notices=("Prenotato.",))]
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.5)
    await scene.says("È prenotato", 2000, whole=False)
    await scene.signal(ResumptionHandle("h1"), GONE)
    await scene.clock.advance(4)
    assert [text for _, text in scene.model.notices] == ["Prenotato.", "Prenotato."]
    await scene.says("È prenotato.", 1000)
    await scene.clock.advance(20)
    assert [text for _, text in scene.model.notices] == ["Prenotato.", "Prenotato."]


async def test_speech_dropped_in_part_on_its_way_up_is_lost() -> None:
    scene = Scene(uplink_queue_ms=400)
    await scene.start()
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    scene.model.blocked = True
    await scene.begins()
    for _ in range(30):
        await scene.hears(40)
        await scene.clock.advance(0.04)
    scene.model.blocked = False
    await scene.ends()
    await scene.clock.advance(1)
    await scene.signal(CallerWords("va bene", finished=True))
    assert [turn.began_at for turn in scene.call.turns if turn.text == "va bene"] == [None]
    await scene.close()


async def test_after_hanging_up_no_other_conversation_is_begun(scene: Scene) -> None:
    await scene.says(READBACK, 1000)
    await scene.clock.advance(1.2)
    await scene.begins()
    await scene.hangs_up()
    await scene.signal(GONE)
    end = await scene.over(1)
    assert (end.reason, dict(end.rotations)) == ("hangup", {})
    assert len(scene.model.opened) == 1


async def test_an_error_in_hearing_the_caller_ends_the_call(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(pcm: bytes, now: datetime) -> Sequence[SpeechEdge]:
        raise ZeroDivisionError

    scene.ear.feed = broken  # type: ignore[method-assign]  # an ear that fails
    await scene.hears(40)
    await scene.hears(40)
    assert (await scene.over()).reason == "internal error: ZeroDivisionError"
    assert "its line failed" in caplog.text
