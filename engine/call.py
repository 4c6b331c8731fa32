"""One call from connect to hang-up: relays audio, builds turns, asks the supervisor when it is time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.faults import where
from engine.model_link import ModelLink, ModelUnreachableError
from engine.ports import (
    AssistantWords,
    Audio,
    CallerWords,
    Clock,
    Dtmf,
    HungUp,
    Line,
    LiveModel,
    ModelAudio,
    ModelEvent,
    Signal,
    SpeechBegan,
    SpeechDetector,
    SpeechEdge,
    Supervisor,
)
from engine.replays import Replays
from engine.settings import EngineSettings
from engine.speech import AssistantSpeech, CallerSpeech
from engine.telling import Notices
from engine.turns import Transcript, Turn
from engine.uplink import Uplink

log = logging.getLogger(__name__)

_MODEL_BYTES_PER_MS = 48  # PCM16 mono at 24 kHz
_POLL_S = 0.05
_LOOSE_WORDS = timedelta(seconds=1)
_LAST_TRIES = 3

Record = Callable[[Turn], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: `reason` (no personal data), `dropped_ms` of caller audio the model never got, how
    many `keys` the caller pressed, which nothing answers to, how often the caller cut the assistant off, and by
    reason how often the call went over to another conversation with the model."""

    reason: str
    dropped_ms: int = 0
    keys: int = 0
    barge_ins: int = 0
    rotations: Mapping[str, int] = field(default_factory=dict)


class Call:
    """One phone call. `run` returns once it is over, its last analysis done and the model's session closed.

    `prompt` is the model's system instruction. `record` gets every turn that is new or has changed, before it
    is analysed. `handle` is what an earlier conversation with the model is taken up again with; `keep_handle`
    gets each newer one, and must not wait.
    """

    def __init__(
        self,
        call_id: str,
        *,
        line: Line,
        model: LiveModel,
        prompt: str,
        supervisor: Supervisor,
        detector: SpeechDetector,
        clock: Clock,
        settings: EngineSettings,
        record: Record | None = None,
        handle: str | None = None,
        keep_handle: Callable[[str], None] | None = None,
    ) -> None:
        self._id = call_id
        self._line = line
        self._supervisor, self._detector, self._clock, self._settings = supervisor, detector, clock, settings
        self._record_turn = record
        self._numbers = itertools.count(1)
        self._transcript = Transcript()
        self._speech = CallerSpeech(
            self._numbers,
            wait_s=settings.transcript_wait_s,
            late_s=settings.late_words_s,
            settle_s=settings.words_settle_s,
            chars_per_s=settings.chars_per_s,
        )
        # the model
        self._uplink = Uplink(chunk_ms=settings.uplink_chunk_ms, queue_ms=settings.uplink_queue_ms)
        self._link = ModelLink(
            call_id,
            model=model,
            prompt=prompt,
            uplink=self._uplink,
            talk=self,
            clock=clock,
            settings=settings,
            handle=handle,
            keep_handle=keep_handle,
        )
        self._notices = Notices(
            self._link, clock, quiet=self.quiet, hung_up=lambda: self._end("hung up by us")
        )
        self._caller_replays, self._assistant_replays = Replays(), Replays()
        # the caller
        self._keys = 0
        self._barge_ins = 0
        self._ends_at = 0.0  # like the next two of the monotonic clock: when it has lasted too long
        self._spoken_at = 0.0  # when the caller was last heard to speak
        self._covered_until = 0.0  # up to when the uplink has been fed
        # the assistant
        self._current: AssistantSpeech | None = None  # what the model is saying now
        self._last: AssistantSpeech | None = None  # what it said before
        self._prompted = True  # the caller or we gave the model reason to speak since its last turn began
        self._loose: list[str] = []  # words after a turn: its rest, or the beginning of the next
        self._loose_since: datetime | None = None
        self._dropping_until: datetime | None = None  # audio of an interrupted turn may still come until then
        self._unfinished: list[AssistantSpeech] = []  # neither played whole nor cut off yet
        self._sampled: dict[int, float] = {}
        self._completed_at: datetime | None = None
        self._waiters: set[asyncio.Task[None]] = set()
        # analyses
        self._new: set[int] = set()
        self._unrecorded: set[int] = set()
        self._caller_version = 0
        self._unheard_told = 0
        self._due = asyncio.Event()
        self._due_at: datetime | None = None
        self._due_with_words = False
        self._final = False
        # the end
        self._over = asyncio.Event()
        self._reason = ""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns so far, in the order they were spoken."""
        return tuple(self._transcript)

    async def run(self) -> CallEnd:
        """Hold the call."""
        self._covered_until = self._spoken_at = self._clock.monotonic()
        self._ends_at = self._spoken_at + self._settings.max_call_s
        analyst = self._start(self._analyse_when_due(), "analyses")
        others = [
            self._start(self._converse(), "model"),
            self._start(self._listen(), "line"),
            self._start(self._beat(), "beat"),
            self._start(self._notices.run(), "notices"),
        ]
        try:
            await self._over.wait()
            self._link.close()
            self._stop_speaking()
            await self._line.hang_up()
            await self._until_transcribed(stop=lambda: not self._link.open)
            self._final = True
            self._due.set()
            await analyst
        finally:
            tasks = [analyst, *others, *self._waiters]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        dropped_ms = self._uplink.dropped_ms
        if dropped_ms:
            log.warning(
                "call %s: %d ms of caller audio dropped, the model took no more", self._id, dropped_ms
            )
        return CallEnd(self._reason, dropped_ms, self._keys, self._barge_ins, dict(self._link.rotations))

    # --- inside ---

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                log.error("call %s: its %s failed: %s", self._id, name, where(error))
                self._end(f"internal error: {type(error).__name__}")

        return asyncio.create_task(guarded(), name=f"{name} of call {self._id}")

    def _end(self, reason: str) -> None:
        if not self._over.is_set():
            self._reason = reason
            self._over.set()
            log.info("call %s: ends, %s", self._id, reason)

    # --- the caller's side ---------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for event in self._line.events():
            if isinstance(event, Audio):
                self._on_caller_audio(event.pcm)
            elif isinstance(event, Dtmf):
                self._keys += 1
                self._spoken_at = self._clock.monotonic()
                log.info("call %s: a key was pressed, which nothing answers to", self._id)
            elif isinstance(event, HungUp):
                self._uplink.complete()
                self._end(event.reason)

    def _on_caller_audio(self, pcm: bytes) -> None:
        now = self._clock.now()
        self._covered_until = self._clock.monotonic()
        self._on_edges(self._detector.feed(pcm, now), now)
        self._send_up(pcm, now)

    def _send_up(self, pcm: bytes | None, now: datetime) -> None:
        """Caller audio, or None for a chunk of silence."""
        dropped_ms = self._uplink.dropped_ms
        if pcm is None:
            self._uplink.silence()
        else:
            self._uplink.add(pcm)
        if self._uplink.dropped_ms > dropped_ms:
            self._speech.lose(now, begun_by=now - timedelta(milliseconds=self._settings.uplink_queue_ms))

    def _on_edges(self, edges: Sequence[SpeechEdge], now: datetime) -> None:
        for edge in edges:
            self._sample_playout(now)
            if isinstance(edge, SpeechBegan):
                self._caller_version += 1
                self._prompted = True
                self._speech.began(edge.at)
            else:
                self._speech.ended(edge.at)
                self._link.expect_answer()

    async def _beat(self) -> None:
        """What time alone brings about: silence upward, playout marks, speech that ends, deadlines."""
        step = self._settings.uplink_chunk_ms / 1000
        due = self._clock.monotonic()
        while True:
            due += step
            await self._clock.sleep(due - self._clock.monotonic())
            now, monotonic = self._clock.now(), self._clock.monotonic()
            if monotonic - due >= step:  # we were held up: what the bridge sent meanwhile is still to be read
                self._covered_until = min(self._covered_until + monotonic - due, monotonic)
                due = monotonic
            silent_s = monotonic - self._covered_until
            if silent_s * 1000 >= self._settings.uplink_gap_ms:
                self._send_up(None, now)
                self._covered_until += step
                self._on_edges(self._detector.quiet(now), now)
            self._sample_playout(now)
            given_up = self._speech.given_up
            self._speech.settle(now)
            self._end_if_too_long(monotonic)
            self._link.tick()
            overdue = self._due_at is not None and now >= self._due_at
            if overdue or (self._due_with_words and self._speech.given_up > given_up):
                self._ask_analysis()
            if self._loose_since is not None and now - self._loose_since >= _LOOSE_WORDS:
                self._settle_loose_words()

    def _end_if_too_long(self, monotonic: float) -> None:
        if self._detector.speaking:
            self._spoken_at = monotonic
        if monotonic >= self._ends_at:
            self._end(f"longer than {self._settings.max_call_s:g} s")
        elif monotonic - self._spoken_at >= self._settings.silent_caller_s:
            self._end(f"the caller has not spoken for {self._settings.silent_caller_s:g} s")

    def _sample_playout(self, now: datetime) -> None:
        for speech in self._unfinished:
            played = self._line.played_ms(speech.number)
            speech.sample(now, played)
            more = played - self._sampled.get(speech.number, 0.0)
            if more > 0:
                self._speech.assistant_played(now - timedelta(milliseconds=more), now)
                self._sampled[speech.number] = played

    # --- the model's side ----------------------------------------------------------------------------------

    async def _converse(self) -> None:
        try:
            await self._link.run()
        except ModelUnreachableError as error:
            log.error("call %s: the live model is given up: %s", self._id, error)
            self._give_up()

    def _give_up(self) -> None:
        """There is no model to talk with the caller, and none will come."""
        self._end("model unreachable")

    def prompted(self) -> None:
        """The model is told something (engine.model_link.Talk)."""
        self._prompted = True

    def quiet(self) -> bool:
        """Nobody speaks, and all that the model said was played (engine.model_link.Talk)."""
        return not self._unfinished and not self._detector.speaking

    def understood(self) -> bool:
        """All that the caller has said is transcribed (engine.model_link.Talk)."""
        return not self._speech.untranscribed(self._clock.now())

    def recap(self) -> str | None:
        """What a new conversation must know; None as long as nothing was said (engine.model_link.Talk)."""
        return self._supervisor.recap(self.turns) if self._transcript else None

    def nudge(self) -> str:
        """What a model is told that does not speak (engine.model_link.Talk)."""
        return self._supervisor.nudge()

    def broken_off(self) -> None:
        """The conversation has ended; what was played of it until now is heard (engine.model_link.Talk)."""
        now = self._clock.now()
        self._settle_loose_words()
        self._sample_playout(now)
        self._dropping_until = None
        speech, self._current = self._current, None
        self._last = speech or self._last
        if speech is not None and not speech.generated:
            if speech.audio_ms:
                self._play_out(speech)
            else:
                self._cut(speech, now)
                self._ask_analysis_within(self._settings.cut_off_wait_s)
        given_up = self._speech.given_up
        self._speech.lose(now)
        if self._speech.given_up > given_up:
            self._caller_version += 1
        self._caller_replays.begin()
        self._assistant_replays.begin()

    def hear(self, event: ModelEvent) -> None:
        """What the model says (engine.model_link.Talk)."""
        self._on_model(event, self._clock.now())

    def _on_model(self, event: ModelEvent, now: datetime) -> None:
        match event:
            case ModelAudio(pcm):
                self._on_model_audio(pcm, now)
            case CallerWords(text, finished):
                self._on_caller_words(text, finished, now)
            case AssistantWords(text):
                self._on_assistant_words(text, now)
            case Signal.INTERRUPTED:
                self._on_interrupted(now)
            case Signal.GENERATION_COMPLETE:
                self._on_generated()
            case Signal.TURN_COMPLETE:
                self._on_turn_complete(now)

    def _on_model_audio(self, pcm: bytes, now: datetime) -> None:
        if self._over.is_set() or (self._dropping_until is not None and now < self._dropping_until):
            return
        self._dropping_until = None
        self._assistant_replays.over()
        speech = self._current
        if speech is None or speech.generated:
            speech = self._new_assistant_speech()
        speech.audio(len(pcm) / _MODEL_BYTES_PER_MS)
        self._line.play(speech.number, pcm)

    def _new_assistant_speech(self) -> AssistantSpeech:
        self._last = self._current or self._last
        self._current = AssistantSpeech(next(self._numbers))
        self._unfinished.append(self._current)
        self._prompted = False
        for text in self._loose:
            self._current.words(text)
        self._loose, self._loose_since = [], None
        self._read_ahead()
        return self._current

    def _on_assistant_words(self, text: str, now: datetime) -> None:
        """Words belong to what the model is saying. After that they wait for the audio they may come before."""
        if self._assistant_replays.repeats(text):
            return
        if self._current is None and self._last is not None and not self._prompted:
            self._loose.append(text)
            self._loose_since = self._loose_since or now
            return
        speech = self._last if self._dropping_until is not None else self._current
        if speech is None:
            if self._over.is_set() or not text.strip():
                return
            speech = self._new_assistant_speech()
        self._add_words(speech, text)

    def _add_words(self, speech: AssistantSpeech, text: str) -> None:
        speech.words(text)
        if speech.done:
            self._keep(speech.turn())
            self._ask_analysis()

    def _settle_loose_words(self) -> None:
        """No audio came with them: they are the rest of what was said last."""
        text, self._loose, self._loose_since = "".join(self._loose), [], None
        if text and self._last is not None:
            self._add_words(self._last, text)

    def _on_caller_words(self, text: str, finished: bool, now: datetime) -> None:
        repeated = self._caller_replays.repeats(text)
        if repeated and not self._speech.waiting():
            return
        turn = self._speech.words(text, now, finished=finished, doubtful=repeated)
        if turn is None:
            return
        self._caller_version += 1
        self._keep(turn)
        late = self._completed_at is not None and (
            turn.began_at is None or turn.began_at < self._completed_at
        )
        if late or self._due_with_words:
            self._ask_analysis()
        elif self._current is not None or self._unfinished:
            self._read_ahead()  # the answer has begun: these words are late

    def _on_interrupted(self, now: datetime) -> None:
        self._speech.boundary(now)
        if self._over.is_set():
            return
        self._prompted = True
        self._settle_loose_words()
        self._sample_playout(now)
        self._line.flush()
        if self._current is not None:
            self._dropping_until = now + timedelta(seconds=self._settings.interrupt_guard_s)
        if self._cut_off(now):
            self._barge_ins += 1
            self._ask_analysis_within(self._settings.cut_off_wait_s)

    def _cut_off(self, now: datetime) -> bool:
        """End what is being said or played, as far as it was played; whether there was any."""
        self._last, self._current = self._current or self._last, None
        cut, self._unfinished = self._unfinished, []
        for speech in cut:
            self._cut(speech, now)
        return bool(cut)

    def _cut(self, speech: AssistantSpeech, now: datetime) -> None:
        self._finished(speech)
        speech.cut(now, self._line.played_ms(speech.number))
        self._completed_at = now
        self._keep(speech.turn())

    def _on_generated(self) -> None:
        speech = self._current
        if speech is None or speech.generated:
            return
        speech.generated = True
        if speech.audio_ms:
            self._caller_replays.over()
            self._play_out(speech)

    def _play_out(self, speech: AssistantSpeech) -> None:
        """No more of its audio will come."""
        self._line.end_turn(speech.number)
        waiter = self._start(self._when_played(speech), "playout")
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)

    def _on_turn_complete(self, now: datetime) -> None:
        self._speech.boundary(now)
        self._dropping_until = None
        if self._current is None:
            return
        self._on_generated()
        silent, self._last, self._current = self._current, self._current, None
        if not silent.audio_ms:
            self._cut(silent, now)
            self._ask_analysis()

    async def _when_played(self, speech: AssistantSpeech) -> None:
        if not await self._line.drained(speech.number) or speech.done or self._over.is_set():
            return
        now = self._clock.now()
        self._sample_playout(now)
        if not speech.generated:  # the conversation broke off in the middle of it
            self._cut(speech, now)
            self._ask_analysis_within(self._settings.cut_off_wait_s)
            return
        self._finished(speech)
        speech.finish(now)
        self._completed_at = now
        self._keep(speech.turn())
        self._ask_analysis()

    def _finished(self, speech: AssistantSpeech) -> None:
        self._unfinished = [each for each in self._unfinished if each is not speech]

    def _stop_speaking(self) -> None:
        """The call is over: what is being played is heard no further."""
        now = self._clock.now()
        self._settle_loose_words()
        self._sample_playout(now)
        self._line.flush()
        self._cut_off(now)

    def _keep(self, turn: Turn) -> None:
        if turn.text:
            self._transcript.add(turn)
            self._new.add(turn.number)
            self._unrecorded.add(turn.number)

    # --- analyses ------------------------------------------------------------------------------------------

    def _read_ahead(self) -> None:
        new = [turn.number for turn in self._transcript if turn.number in self._new]
        try:
            self._supervisor.read_ahead(self.turns, new=new, now=self._clock.now())
        except Exception as error:
            log.error("call %s: reading ahead failed: %s", self._id, where(error))

    def _ask_analysis(self) -> None:
        self._due_at, self._due_with_words = None, False
        self._due.set()

    def _ask_analysis_within(self, seconds: float) -> None:
        """Once the next words of the caller come, or after `seconds`."""
        self._due_at = self._clock.now() + timedelta(seconds=seconds)
        self._due_with_words = True

    async def _analyse_when_due(self) -> None:
        """One analysis at a time, in order; after the call the last one."""
        while True:
            await self._due.wait()
            self._due.clear()
            if self._final:
                break
            if not self._over.is_set():
                await self._until_transcribed(stop=self._over.is_set)
            if not self._over.is_set():
                await self._analyse(call_over=False)
        for _ in range(_LAST_TRIES):
            if await self._analyse(call_over=True):
                return

    async def _until_transcribed(self, *, stop: Callable[[], bool]) -> None:
        """Wait while speech that has begun by now is without its words, as long as they may come."""
        begun_by = self._clock.now()
        until = self._clock.monotonic() + self._settings.transcript_wait_s
        while (
            self._speech.untranscribed(self._clock.now(), begun_by=begun_by)
            and self._clock.monotonic() < until
            and not stop()
        ):
            await self._clock.sleep(_POLL_S)

    async def _analyse(self, *, call_over: bool) -> bool:
        """Analyse what is new; whether that is settled."""
        await self._record()
        now, turns, version = self._clock.now(), self.turns, self._caller_version
        new = [turn.number for turn in turns if turn.number in self._new]
        if not new:
            return True
        self._speech.settle(now)
        unheard = self._speech.given_up
        try:
            result = await self._supervisor.analyse(
                turns,
                new=new,
                now=now,
                call_over=call_over,
                pending_speech=self._speech.untranscribed(now),
                unheard=unheard > self._unheard_told,
                still_valid=lambda: self._caller_version == version,
            )
        except Exception as error:
            log.error("call %s: an analysis failed: %s", self._id, where(error))
            return False
        if result.again:
            self._ask_analysis_within(self._settings.transcript_wait_s)
            if self._caller_version != version:
                self._ask_analysis()
        else:
            self._unheard_told = unheard
            known = {turn.number: turn for turn in self._transcript}
            self._new -= {turn.number for turn in turns if known.get(turn.number) == turn}
        self._notices.add(() if call_over else result.notices, hang_up=result.hang_up)
        return not result.again

    async def _record(self) -> None:
        if self._record_turn is None:
            self._unrecorded.clear()
            return
        for turn in self.turns:
            if turn.number not in self._unrecorded:
                continue
            self._unrecorded.discard(turn.number)
            try:
                await self._record_turn(turn)
            except Exception as error:
                self._unrecorded.add(turn.number)
                log.error("call %s: turn %d could not be recorded: %s", self._id, turn.number, where(error))
