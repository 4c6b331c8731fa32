"""A call's conversations with the model on a virtual clock: when it goes over, to what, and when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from engine.model_link import ModelLink, ModelUnreachableError, Uptake
from engine.ports import (
    GoAway,
    LiveModelError,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelGone,
    ResumptionHandle,
    Signal,
)
from engine.settings import EngineSettings
from engine.uplink import Uplink
from tests.clocks import VirtualClock, settle

FRESH, SEEDED = (None, None), (None, "recap")
AUDIO = ModelAudio(bytes(480))
WHOLE_TURN = (AUDIO, Signal.GENERATION_COMPLETE, Signal.TURN_COMPLETE)


@dataclass
class Session:
    """One conversation, at the model's end."""

    inbox: asyncio.Queue[ModelEvent | ModelGone] = field(default_factory=asyncio.Queue)
    audio: list[bytes] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    open: bool = True
    deaf: bool = False

    def offer_audio(self, pcm: bytes) -> bool:
        if not self.deaf:
            self.audio.append(pcm)
        return not self.deaf

    async def send_audio(self, pcm: bytes) -> None:
        if self.deaf:
            raise LiveModelError("gone")
        self.audio.append(pcm)

    async def send_notice(self, text: str) -> None:
        if self.deaf:
            raise LiveModelError("gone")
        self.notices.append(text)

    async def hold(self, hear: Callable[[ModelEvent], None]) -> ModelGone:
        while not isinstance(event := await self.inbox.get(), ModelGone):
            hear(event)
        return event


@dataclass
class Model:
    """Opens what it is asked for, unless `answers` says otherwise: a loss, or None for no answer at all."""

    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    answers: list[Loss | str | None] = field(default_factory=list)
    opens: asyncio.Event | None = None

    @asynccontextmanager
    async def open(
        self, prompt: str, *, resume: str | None = None, seed: str | None = None
    ) -> AsyncIterator[Session]:
        assert not any(session.open for session in self.sessions), "the old connection is closed first"
        self.asked.append((resume, seed))
        answer = self.answers.pop(0) if self.answers else "opens"
        if isinstance(answer, Loss):
            raise LiveModelError("no", answer)
        if answer is None:
            await asyncio.Event().wait()
        if self.opens is not None:
            await self.opens.wait()
        session = Session()
        self.sessions.append(session)
        try:
            yield session
        finally:
            await asyncio.sleep(0)
            session.open = False


class Talking:
    """A talk in which nobody speaks, unless a test says so."""

    def __init__(self) -> None:
        self.heard: list[ModelEvent] = []
        self.ends = 0
        self.is_quiet = self.is_understood = True
        self.begun = True
        self.loses_words = False

    def hear(self, event: ModelEvent) -> None:
        self.heard.append(event)

    def broken_off(self) -> bool:
        self.ends += 1
        return self.loses_words

    def prompted(self) -> None:
        pass

    def quiet(self) -> bool:
        return self.is_quiet

    def understood(self) -> bool:
        return self.is_understood

    def recap(self) -> str | None:
        return "recap" if self.begun else None

    def nudge(self) -> str:
        return "nudge"


class Scene:
    def __init__(self, handle: str | None = None, **settings: float) -> None:
        self.clock, self.model, self.talk = VirtualClock(), Model(), Talking()
        self.talk.begun = handle is not None
        self.uplink = Uplink(chunk_ms=40, queue_ms=2000)
        self.handles: list[str] = []
        self.link = ModelLink(
            "call-1",
            model=self.model,
            prompt="Sei un'assistente.",
            uplink=self.uplink,
            talk=self.talk,
            clock=self.clock,
            settings=EngineSettings(**settings),  # type: ignore[arg-type]  # as a settings file gives them
            handle=handle,
            keep_handle=self.handles.append,
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        async def beat() -> None:
            while True:
                await self.clock.sleep(0.04)
                self.link.tick()

        self.tasks = [asyncio.create_task(self.link.run()), asyncio.create_task(beat())]
        await settle()

    async def begun(self) -> None:
        """The model has greeted and given a handle."""
        await self.start()
        await self.says(*WHOLE_TURN, ResumptionHandle("h1"))
        self.talk.begun = True

    async def says(self, *events: ModelEvent | ModelGone) -> None:
        for event in events:
            self.session.inbox.put_nowait(event)
        await settle()

    @property
    def session(self) -> Session:
        return self.model.sessions[-1]

    @property
    def given_up(self) -> str | None:
        running = self.tasks[0]
        if not running.done():
            return None
        error = running.exception()
        assert isinstance(error, ModelUnreachableError)
        return str(error)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.close()
    await settle()
    assert [task for task in asyncio.all_tasks() if "call-1" in task.get_name()] == [], (
        "nothing is left running"
    )


# --- leaving a connection that will be closed ---


async def test_it_goes_over_as_soon_as_nobody_speaks(scene: Scene) -> None:
    await scene.begun()
    scene.talk.is_quiet = False
    await scene.says(GoAway(50.0))
    await scene.clock.advance(10)
    assert len(scene.model.asked) == 1
    scene.talk.is_quiet = True
    await scene.clock.advance(0.4)
    assert len(scene.model.asked) == 1
    await scene.clock.advance(0.2)
    assert scene.model.asked == [FRESH, ("h1", None)]
    assert scene.link.rotations == {"go_away": 1}
    assert scene.talk.ends == 1
    await scene.clock.advance(60)
    assert scene.session.notices == [], "nothing was owed, so nothing is said"
    assert len(scene.model.asked) == 2


@pytest.mark.parametrize("busy", ["speaks", "owed", "not understood", "turn not complete"])
async def test_at_the_latest_shortly_before_the_end(scene: Scene, busy: str) -> None:
    await scene.begun()
    scene.talk.is_quiet = busy != "speaks"
    scene.talk.is_understood = busy != "not understood"
    await scene.says(*([AUDIO] if busy == "turn not complete" else []), GoAway(7.0))
    if busy == "owed":
        scene.link.expect_answer()
    await scene.clock.advance(3.4)
    assert len(scene.model.asked) == 1
    await scene.clock.advance(0.2)
    assert scene.model.asked == [FRESH, ("h1", None)]


async def test_with_a_minute_left_the_margin_is_that_of_the_settings(scene: Scene) -> None:
    await scene.begun()
    scene.talk.is_quiet = False
    await scene.says(GoAway(50.0))
    await scene.clock.advance(44.9)
    assert len(scene.model.asked) == 1
    await scene.clock.advance(0.2)
    assert len(scene.model.asked) == 2


async def test_without_a_handle_a_new_conversation_is_told_of_the_call(scene: Scene) -> None:
    await scene.start()
    await scene.says(*WHOLE_TURN)
    scene.talk.begun = True
    await scene.says(GoAway(50.0))
    await scene.clock.advance(1)
    assert scene.model.asked == [FRESH, SEEDED]


async def test_the_newest_handle_is_taken_and_each_is_kept(scene: Scene) -> None:
    await scene.begun()
    await scene.says(ResumptionHandle("h2"), ResumptionHandle("h3"), GoAway(50.0))
    await scene.clock.advance(1)
    assert scene.handles == ["h1", "h2", "h3"]
    assert scene.model.asked[-1] == ("h3", None)


async def test_what_was_owed_is_made_good_in_quiet(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    scene.talk.is_quiet = False
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(1)
    assert scene.session.notices == []
    scene.talk.is_quiet = True
    await scene.clock.advance(0.1)
    assert scene.session.notices == ["recap"]
    await scene.says(*WHOLE_TURN)
    await scene.clock.advance(30)
    assert scene.session.notices == ["recap"]


async def test_what_is_owed_between_two_conversations_is_not_forgotten(scene: Scene) -> None:
    await scene.begun()
    scene.model.opens = asyncio.Event()
    await scene.says(GoAway(50.0))
    await scene.clock.advance(1)
    scene.link.expect_answer()
    scene.model.opens.set()
    await scene.clock.advance(0.2)
    assert scene.session.notices == ["recap"]


async def test_words_lost_with_a_conversation_are_made_good(scene: Scene) -> None:
    await scene.begun()
    scene.talk.loses_words = True
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(0.1)
    assert scene.session.notices == ["recap"]


async def test_a_model_that_answers_by_itself_is_not_told(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    scene.talk.is_quiet = False
    await scene.says(ModelGone(1006, "broken"))
    await scene.says(*WHOLE_TURN)
    scene.talk.is_quiet = True
    await scene.clock.advance(5)
    assert scene.session.notices == []


async def test_a_conversation_of_another_process_is_taken_up_and_told_to_go_on() -> None:
    scene = Scene(handle="earlier")
    await scene.start()
    await scene.clock.advance(0.1)
    assert scene.model.asked == [("earlier", None)]
    assert scene.session.notices == ["recap"]
    await scene.close()


async def test_audio_waits_for_the_next_conversation(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [Loss.NETWORK]
    scene.session.deaf = True
    scene.uplink.add(bytes([1]) * 1280)
    await settle()
    scene.uplink.add(bytes([2]) * 1280)
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(1)
    assert [chunk[0] for chunk in scene.session.audio] == [1, 2]


# --- losses ---


async def test_after_a_break_it_resumes_and_then_begins_anew(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [Loss.NETWORK]
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(1)
    assert scene.model.asked == [FRESH, ("h1", None), SEEDED]
    assert scene.link.rotations == {"network": 2}


async def test_one_that_refuses_is_left_for_a_new_one_once_and_its_handle_forgotten(scene: Scene) -> None:
    await scene.begun()
    await scene.says(ModelGone(1007, "context exhausted", Loss.REFUSED))
    await scene.clock.advance(0.5)
    assert scene.model.asked == [FRESH, SEEDED]
    await scene.says(ResumptionHandle("h2"), ModelGone(1007, "again", Loss.REFUSED))
    assert scene.given_up == "it refuses the conversation"


async def test_a_refusal_long_after_another_is_none_too_many(scene: Scene) -> None:
    await scene.begun()
    for _ in range(3):
        await scene.says(ModelGone(1007, "context exhausted", Loss.REFUSED))
        await scene.clock.advance(0.5)
        await scene.says(*WHOLE_TURN)
    assert scene.given_up is None
    assert scene.link.rotations == {"refused": 3}


@pytest.mark.parametrize("loss", [Loss.REFUSED, Loss.FATAL])
async def test_refused_at_the_setup_there_is_no_other_try(scene: Scene, loss: Loss) -> None:
    scene.model.answers = [loss]
    await scene.start()
    assert scene.given_up is not None
    assert scene.model.asked == [FRESH]


async def test_fatal_in_the_middle_is_the_end(scene: Scene) -> None:
    await scene.begun()
    await scene.says(ModelGone(1008, "policy", Loss.FATAL))
    assert scene.given_up == "it takes no conversation from us"


@pytest.mark.parametrize("loss", [Loss.REFUSED, Loss.FATAL])
async def test_a_handle_that_is_refused_is_not_held_against_the_call(scene: Scene, loss: Loss) -> None:
    await scene.begun()
    scene.model.answers = [loss]
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(1)
    assert scene.model.asked == [FRESH, ("h1", None), SEEDED]
    assert scene.given_up is None


async def test_a_model_that_fails_has_two_more_tries(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [Loss.SERVER, Loss.SERVER]
    await scene.says(ModelGone(1011, "internal", Loss.SERVER))
    await scene.clock.advance(5)
    assert scene.given_up == "it failed 3 times in a row"
    assert scene.model.asked == [FRESH, ("h1", None), SEEDED]


async def test_failures_between_whole_turns_are_not_added_up(scene: Scene) -> None:
    await scene.begun()
    for _ in range(5):
        await scene.says(ModelGone(1011, "internal", Loss.SERVER))
        await scene.clock.advance(1)
        await scene.says(*WHOLE_TURN)
    assert scene.given_up is None
    assert scene.link.rotations == {"server": 5}


async def test_half_a_turn_does_not_make_a_failure_good(scene: Scene) -> None:
    await scene.begun()
    for _ in range(3):
        await scene.says(AUDIO, ModelGone(1011, "internal", Loss.SERVER))
        await scene.clock.advance(1)
    assert scene.given_up is not None


async def test_a_conversation_that_lasts_makes_it_good(scene: Scene) -> None:
    await scene.begun()
    for _ in range(5):
        await scene.says(ModelGone(1011, "internal", Loss.SERVER))
        await scene.clock.advance(16)
    assert scene.given_up is None


async def test_a_network_that_is_away_is_tried_until_the_budget_is_spent(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [Loss.NETWORK] * 100
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(29)
    assert scene.given_up is None
    assert 10 < len(scene.model.asked) < 25
    await scene.clock.advance(3)
    assert scene.given_up == "it did not answer for 30 s"


async def test_a_call_whose_model_is_never_reached_is_given_up_in_time(scene: Scene) -> None:
    scene.model.answers = [Loss.NETWORK] * 100
    await scene.start()
    await scene.clock.advance(33)
    assert scene.given_up is not None
    assert set(scene.model.asked) == {FRESH}, "nothing was said: each try may greet"


async def test_an_opening_without_an_end_does_not_outlast_the_budget(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [Loss.NETWORK, None, None, None, None]
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(33)
    assert scene.given_up is not None


async def test_one_that_is_not_taken_up_in_8_s_is_left_for_a_new_one(scene: Scene) -> None:
    await scene.begun()
    scene.model.answers = [None]
    await scene.says(GoAway(50.0))
    await scene.clock.advance(8)
    assert len(scene.model.asked) == 2
    await scene.clock.advance(1)
    assert scene.model.asked == [FRESH, ("h1", None), SEEDED]
    assert scene.link.rotations == {"go_away": 1, "unanswered": 1}


# --- silence ---


async def test_a_model_that_does_not_speak_is_reminded_and_then_replaced(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    await scene.clock.advance(7.9)
    assert scene.session.notices == []
    await scene.clock.advance(0.2)
    assert scene.session.notices == ["nudge"]
    await scene.clock.advance(7.8)
    assert len(scene.model.asked) == 1
    await scene.clock.advance(0.3)
    assert scene.model.asked == [FRESH, SEEDED]
    assert scene.link.rotations == {"silent": 1}
    await scene.says(*WHOLE_TURN)
    await scene.clock.advance(100)
    assert len(scene.model.asked) == 2


async def test_one_that_never_speaks_at_all_is_given_up(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    await scene.clock.advance(45)
    assert scene.given_up is not None
    assert scene.model.asked == [FRESH, SEEDED, SEEDED]


async def test_the_greeting_is_waited_for_too(scene: Scene) -> None:
    await scene.start()
    await scene.clock.advance(8.2)
    assert scene.session.notices == ["nudge"]


async def test_a_reminder_that_helps_is_the_end_of_it(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    await scene.clock.advance(8.2)
    await scene.says(*WHOLE_TURN)
    await scene.clock.advance(100)
    assert (scene.session.notices, len(scene.model.asked)) == (["nudge"], 1)


async def test_an_interruption_without_a_caller_is_put_right(scene: Scene) -> None:
    await scene.begun()
    await scene.says(AUDIO, Signal.INTERRUPTED, Signal.TURN_COMPLETE)
    await scene.clock.advance(8.2)
    assert scene.session.notices == ["nudge"]


async def test_an_empty_turn_is_no_answer(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    await scene.says(Signal.GENERATION_COMPLETE, Signal.TURN_COMPLETE)
    await scene.clock.advance(8.2)
    assert scene.session.notices == ["nudge"]


async def test_silence_begins_when_the_last_word_was_played(scene: Scene) -> None:
    await scene.begun()
    scene.link.expect_answer()
    scene.talk.is_quiet = False
    await scene.clock.advance(20)
    scene.talk.is_quiet = True
    await scene.clock.advance(7)
    assert scene.session.notices == []


async def test_a_caller_who_thinks_is_left_in_peace(scene: Scene) -> None:
    await scene.begun()
    await scene.clock.advance(200)
    assert (scene.session.notices, len(scene.model.asked)) == ([], 1)


# --- telling ---


async def test_what_is_told_and_spoken_to_the_end_is_done(scene: Scene) -> None:
    await scene.begun()
    telling = asyncio.create_task(scene.link.tell("news"))
    await settle()
    assert scene.session.notices == ["news"]
    await scene.says(AUDIO)
    await scene.clock.advance(1)
    assert not telling.done(), "in the middle of it"
    await scene.says(Signal.GENERATION_COMPLETE)
    await scene.clock.advance(0.1)
    assert telling.result() is Uptake.SPOKEN


@pytest.mark.parametrize("spoken", [(), (AUDIO,)])
async def test_what_breaks_off_before_it_was_spoken_to_the_end_is_lost(
    scene: Scene, spoken: tuple[ModelEvent, ...]
) -> None:
    await scene.begun()
    telling = asyncio.create_task(scene.link.tell("news"))
    await settle()
    await scene.says(*spoken, ModelGone(1006, "broken"))
    await scene.clock.advance(0.1)
    assert telling.result() is Uptake.LOST


async def test_what_is_not_taken_up_is_ignored(scene: Scene) -> None:
    await scene.begun()
    telling = asyncio.create_task(scene.link.tell("news"))
    await scene.clock.advance(3.1)
    assert telling.result() is Uptake.IGNORED


async def test_while_something_is_to_be_told_no_recap_gets_in_its_way(scene: Scene) -> None:
    await scene.begun()
    scene.link.something_to_tell = True
    telling = asyncio.create_task(scene.link.tell("news"))
    await settle()
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(1)
    assert telling.result() is Uptake.LOST
    assert scene.session.notices == []
    telling = asyncio.create_task(scene.link.tell("news"))
    await scene.clock.advance(0.1)
    await scene.says(*WHOLE_TURN)
    await scene.clock.advance(1)
    assert telling.result() is Uptake.SPOKEN
    assert scene.session.notices == ["news"]


async def test_when_all_is_given_up_nothing_can_be_told(scene: Scene) -> None:
    await scene.begun()
    await scene.says(ModelGone(1008, "policy", Loss.FATAL))
    assert scene.given_up is not None
    assert await scene.link.tell("news") is Uptake.LOST


# --- the end of the call ---


async def test_after_the_call_nothing_new_is_opened(scene: Scene) -> None:
    await scene.begun()
    scene.link.close()
    assert scene.link.open, "words of the call may still come"
    await scene.says(ModelGone(1006, "broken"))
    await scene.clock.advance(10)
    assert len(scene.model.asked) == 1
    assert scene.tasks[0].done() and scene.tasks[0].exception() is None
    assert scene.talk.ends == 0


async def test_an_opening_is_not_waited_for_after_the_call(scene: Scene) -> None:
    scene.model.answers = [None]
    await scene.start()
    scene.link.close()
    await settle()
    assert scene.tasks[0].done() and scene.tasks[0].exception() is None
