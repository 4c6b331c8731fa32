"""One call from connect to hang-up: relays audio, builds turns, asks the supervisor when it is time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.faults import where
from engine.ports import (
    AssistantWords,
    Audio,
    CallerWords,
    Clock,
    Dtmf,
    GoAway,
    HungUp,
    Line,
    LiveModel,
    LiveModelError,
    LiveSession,
    ModelAudio,
    ModelEvent,
    ModelGone,
    ResumptionHandle,
    Signal,
    SpeechBegan,
    SpeechDetector,
    SpeechEdge,
    Supervisor,
)
from engine.settings import EngineSettings
from engine.speech import AssistantSpeech, CallerSpeech
from engine.turns import Transcript, Turn

log = logging.getLogger(__name__)

_UPLINK_BYTES_PER_MS = 32  # PCM16 mono at 16 kHz
_MODEL_BYTES_PER_MS = 48  # PCM16 mono at 24 kHz
_POLL_S = 0.05
_LOOSE_WORDS = timedelta(seconds=1)
_LAST_TRIES = 3

Record = Callable[[Turn], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: `reason` (no personal data), `dropped_ms` of caller audio the model never got, how
    many `keys` the caller pressed, which nothing answers to, and how often the caller cut the assistant off."""

    reason: str
    dropped_ms: int = 0
    keys: int = 0
    barge_ins: int = 0


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
        self._handle, self._keep_handle = handle, keep_handle
        self._line, self._model, self._prompt = line, model, prompt
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
        # uplink
        self._chunk = settings.uplink_chunk_ms * _UPLINK_BYTES_PER_MS
        self._partial = bytearray()
        self._uplink: deque[bytes] = deque()
        self._uplink_ready = asyncio.Event()
        self._dropped_ms = 0
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
        # notices
        self._session: LiveSession | None = None
        self._notices: list[str] = []
        self._notice_waits = asyncio.Event()
        self._model_spoke = asyncio.Event()
        self._hang_up_when_told = False
        # the end
        self._over = asyncio.Event()
        self._reason = ""
        self._model_gone = False

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
            self._start(self._tell_notices(), "notices"),
        ]
        try:
            await self._over.wait()
            self._stop_speaking()
            await self._line.hang_up()
            await self._until_transcribed(stop=lambda: self._model_gone)
            self._final = True
            self._due.set()
            await analyst
        finally:
            tasks = [analyst, *others, *self._waiters]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._dropped_ms:
            log.warning(
                "call %s: %d ms of caller audio dropped, the model took no more", self._id, self._dropped_ms
            )
        return CallEnd(self._reason, self._dropped_ms, self._keys, self._barge_ins)

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
                self._queue_partial()
                self._end(event.reason)

    def _on_caller_audio(self, pcm: bytes) -> None:
        now = self._clock.now()
        self._covered_until = self._clock.monotonic()
        self._on_edges(self._detector.feed(pcm, now), now)
        self._partial += pcm
        while len(self._partial) >= self._chunk:
            self._queue(bytes(self._partial[: self._chunk]))
            del self._partial[: self._chunk]

    def _queue_partial(self) -> None:
        if self._partial:
            self._queue(bytes(self._partial).ljust(self._chunk, b"\0"))
            self._partial.clear()

    def _queue(self, chunk: bytes) -> None:
        self._uplink.append(chunk)
        if len(self._uplink) * self._settings.uplink_chunk_ms > self._settings.uplink_queue_ms:
            self._uplink.popleft()
            self._dropped_ms += self._settings.uplink_chunk_ms
        self._uplink_ready.set()

    def _on_edges(self, edges: Sequence[SpeechEdge], now: datetime) -> None:
        for edge in edges:
            self._sample_playout(now)
            if isinstance(edge, SpeechBegan):
                self._caller_version += 1
                self._prompted = True
                self._speech.began(edge.at)
            else:
                self._speech.ended(edge.at)

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
                self._queue_partial()
                self._queue(bytes(self._chunk))
                self._covered_until += step
                self._on_edges(self._detector.quiet(now), now)
            self._sample_playout(now)
            given_up = self._speech.given_up
            self._speech.settle(now)
            self._end_if_too_long(monotonic)
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
            async with self._model.open(self._prompt, resume=self._handle) as session:
                self._session = session
                pump = self._start(self._pump(session), "uplink")
                try:
                    async for event in session.events():
                        self._on_model(event, self._clock.now())
                finally:
                    pump.cancel()
                    await asyncio.gather(pump, return_exceptions=True)
        except LiveModelError as error:
            log.warning("call %s: the live model cannot be reached: %s", self._id, type(error).__name__)
            self._end("model unreachable")
        finally:
            self._model_gone = True
            self._session = None

    async def _pump(self, session: LiveSession) -> None:
        while True:
            self._uplink_ready.clear()
            while self._uplink:
                try:
                    await session.send_audio(self._uplink.popleft())
                except (LiveModelError, ConnectionError) as error:
                    log.info("call %s: the model takes no more audio: %s", self._id, type(error).__name__)
                    return
            await self._uplink_ready.wait()

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
            case GoAway(seconds):
                log.warning("call %s: the model will close the connection in %g s", self._id, seconds)
            case ResumptionHandle(handle):
                self._handle = handle
                if self._keep_handle is not None:
                    self._keep_handle(handle)
            case ModelGone(code, reason, _):
                self._model_gone = True
                log.info("call %s: the model's connection ended, code %d: %s", self._id, code, reason)
                self._end(f"model gone: {code}")

    def _on_model_audio(self, pcm: bytes, now: datetime) -> None:
        if self._over.is_set() or (self._dropping_until is not None and now < self._dropping_until):
            return
        self._dropping_until = None
        speech = self._current
        if speech is None or speech.generated:
            speech = self._new_assistant_speech()
        speech.audio(len(pcm) / _MODEL_BYTES_PER_MS)
        self._line.play(speech.number, pcm)
        self._model_spoke.set()

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
        turn = self._speech.words(text, now, finished=finished)
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
            speech.cut(now, self._line.played_ms(speech.number))
            self._completed_at = now
            self._keep(speech.turn())
        return bool(cut)

    def _on_generated(self) -> None:
        speech = self._current
        if speech is None or speech.generated:
            return
        speech.generated = True
        if speech.audio_ms:
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
            self._finished(silent)
            silent.cut(now, 0.0)
            self._keep(silent.turn())
            self._ask_analysis()

    async def _when_played(self, speech: AssistantSpeech) -> None:
        if not await self._line.drained(speech.number) or speech.done or self._over.is_set():
            return
        now = self._clock.now()
        self._sample_playout(now)
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
        if result.notices and not call_over:
            self._notices.extend(result.notices)
            self._notice_waits.set()
        if result.hang_up:
            self._hang_up_when_told = True
            self._notice_waits.set()
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

    # --- notices -------------------------------------------------------------------------------------------

    async def _tell_notices(self) -> None:
        """Tell the model what waits to be told, when nobody speaks; once more when it does not take it up."""
        while True:
            await self._notice_waits.wait()
            self._notice_waits.clear()
            await self._until_quiet()
            text = "\n".join(self._notices)
            self._notices.clear()
            if text:
                for _ in range(2):
                    await self._until_quiet()
                    if await self._tell(text):
                        break
            if self._hang_up_when_told and not self._notices:
                await self._until_quiet()
                self._end("hung up by us")

    async def _tell(self, text: str) -> bool:
        """Send one notice; whether the model began to speak in time."""
        if self._session is None or self._over.is_set():
            return True
        self._model_spoke.clear()
        self._prompted = True
        try:
            await self._session.send_notice(text)
        except (LiveModelError, ConnectionError) as error:
            log.info("call %s: a notice could not be sent: %s", self._id, type(error).__name__)
            return True
        until = self._clock.monotonic() + self._settings.notice_retry_s
        while not self._model_spoke.is_set() and self._clock.monotonic() < until:
            await self._clock.sleep(_POLL_S)
        return self._model_spoke.is_set()

    async def _until_quiet(self) -> None:
        """Wait until the model has finished, all was played and the caller is silent."""
        while self._session is None or not self._quiet() or self._over.is_set():
            await self._clock.sleep(_POLL_S)

    def _quiet(self) -> bool:
        return not self._unfinished and not self._detector.speaking
