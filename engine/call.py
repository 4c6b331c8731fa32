"""One call from connect to hang-up: relays audio, builds turns, asks the supervisor when it is time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.assistant_turns import AssistantTurns
from engine.faults import where
from engine.keypad import Keypad
from engine.model_link import ModelLink, ModelUnreachableError
from engine.ports import (
    AssistantWords,
    Audio,
    CallerWords,
    Clock,
    Command,
    Dtmf,
    HungUp,
    Line,
    LineEvent,
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
from engine.resumption import Resumption
from engine.settings import EngineSettings
from engine.speech import CallerSpeech
from engine.telling import Notices
from engine.turns import Speaker, Transcript, Turn
from engine.uplink import Uplink

log = logging.getLogger(__name__)

_POLL_S = 0.05
_LAST_TRIES = 3
_ALIVE = timedelta(seconds=0.5)
_JUDGED_WITHIN_S = 0.5

TRANSFERRED, MODEL_UNREACHABLE = "transferred", "model unreachable"

Record = Callable[[Turn], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: `reason` (no personal data), `dropped_ms` of caller audio the model never got, how
    many `keys` the caller pressed, how often the caller cut the assistant off, and by reason how often the call
    went over to another conversation with the model.

    `left`: only this connection is over; the call may go on over another. `failed`: there was no model to talk
    with the caller, whom somebody should call back.
    """

    reason: str
    dropped_ms: int = 0
    keys: int = 0
    barge_ins: int = 0
    rotations: Mapping[str, int] = field(default_factory=dict)
    left: bool = False
    failed: bool = False


class Call:
    """One phone call. `run` returns once it is over, its last analysis done and the model's session closed.

    `prompt` is the model's system instruction. `transfer_to`: the number (E.164) of a person to whom it may be handed,
    where the line can. `apology` (PCM16 LE mono at 24 kHz) is played when the model is given up.
    `record` gets every turn that is new or has changed, before it
    is analysed. `handle` is what an earlier conversation with the model is taken up again with; `keep_handle`
    gets each newer one, and must not wait. `resumed` is what the call has behind it when it goes on over a new
    line. `may_return`: a line that breaks may be followed by another, so that the call is left and not ended.
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
        transfer_to: str | None = None,
        apology: bytes = b"",
        handle: str | None = None,
        keep_handle: Callable[[str], None] | None = None,
        resumed: Resumption | None = None,
        may_return: bool = False,
    ) -> None:
        self._id = call_id
        self._line = line
        self._supervisor, self._detector, self._clock, self._settings = supervisor, detector, clock, settings
        self._record_turn, self._transfer_to, self._apology = record, transfer_to, apology
        self._resumed, self._may_return = resumed, may_return
        before = resumed.turns if resumed else ()
        self._numbers = itertools.count(1 + max((turn.number for turn in before), default=0))
        self._transcript = Transcript(list(before))
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
            self._link, clock, quiet=self.quiet, settled=self._settled, carry_out=self._carry_out
        )
        self._replays = Replays(turn.text for turn in before if turn.speaker is Speaker.CALLER)
        # the caller
        self._keypad = Keypad(self._numbers, pause_s=settings.keys_pause_s)
        self._keys = 0
        self._barge_ins = 0
        self._ends_at = 0.0  # like the next two of the monotonic clock: when it has lasted too long
        self._spoken_at = 0.0  # when the caller was last heard to speak
        self._covered_until = 0.0  # up to when the uplink has been fed
        self._assistant = AssistantTurns(
            line,
            clock,
            self._numbers,
            guard_s=settings.interrupt_guard_s,
            listener=self,
            start=self._start,
            told=(turn.text for turn in before if turn.speaker is Speaker.ASSISTANT),
        )
        # analyses
        self._new: set[int] = set(resumed.new) if resumed else set()
        # Whether all was transcribed that was said with them, nobody can tell any more.
        self._carried_over = bool(self._new)
        self._unrecorded: set[int] = set()
        self._caller_version = 0
        self._unheard_told = 0
        self._due = asyncio.Event()
        self._due_at: datetime | None = None
        self._due_with_words = False
        self._final = False
        # the end
        self._handed_over: str | None = None  # to whom
        self._failed = False
        self._over = asyncio.Event()
        self._reason = ""
        self._left = False  # this connection ends, but not the call
        self._hurried = False  # another connection waits for it
        self._taken = False  # it is another's already: nothing of this one counts any more
        self._heard_at = clock.now()  # when the line was last heard from

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns so far, in the order they were spoken."""
        return tuple(self._transcript)

    @property
    def ends(self) -> bool:
        """Whether the call comes to its end: the caller or we have ended it."""
        return self._over.is_set() and not self._left

    @property
    def line_alive(self) -> bool:
        """Whether something has come from the line just now."""
        return not self._over.is_set() and self._clock.now() - self._heard_at < _ALIVE

    def let_go(self) -> None:
        """The call goes on over another connection: understand what was said, without waiting for more words."""
        self._hurried = True
        self._leave("gone over to another connection")

    def taken(self) -> None:
        """The call is another's already."""
        self._taken = True
        self.let_go()

    async def until_over(self) -> None:
        """Wait until it ends, or this connection does; what was said is then still to be analysed."""
        await self._over.wait()

    async def run(self) -> CallEnd:
        """Hold the call."""
        self._covered_until = self._spoken_at = self._clock.monotonic()
        lasted_s = self._resumed.lasted_s if self._resumed else 0.0
        self._ends_at = self._spoken_at + self._settings.max_call_s - lasted_s
        if self._resumed is not None:
            self._notices.add(self._resumed.notices)
        if self._new:
            self._ask_analysis()
        analyst = self._start(self._analyse_when_due(), "analyses")
        others = [
            self._start(self._converse(), "model"),
            self._start(self._beat(), "beat"),
            self._start(self._notices.run(), "notices"),
        ]
        self._line.listen(self._hear_line)
        try:
            await self._over.wait()
            self._link.close()
            self._assistant.stop(self._clock.now())
            self._take_keyed(self._keypad.end())
            if self._left:
                self._line.leave()
                self._unhear()
            else:
                await self._let_go()
            await self._until_transcribed(stop=lambda: not self._link.open or self._hurried)
            self._final = True
            self._due.set()
            await analyst
        finally:
            tasks = [analyst, *others, *self._assistant.cancel()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        dropped_ms = self._uplink.dropped_ms
        if dropped_ms:
            log.warning(
                "call %s: %d ms of caller audio dropped, the model took no more", self._id, dropped_ms
            )
        failed = self._failed and not self._left
        return CallEnd(
            MODEL_UNREACHABLE
            if failed
            else self._reason,  # also when the caller has not heard the apology out
            dropped_ms,
            self._keys,
            self._barge_ins,
            dict(self._link.rotations),
            self._left,
            failed,
        )

    # --- inside ---

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self._fail(name, error)

        return asyncio.create_task(guarded(), name=f"{name} of call {self._id}")

    def _fail(self, what: str, error: Exception) -> None:
        log.error("call %s: its %s failed: %s", self._id, what, where(error))
        self._end(f"internal error: {type(error).__name__}")

    def _end(self, reason: str) -> None:
        if not self._over.is_set():
            self._reason = reason
            self._over.set()
            log.info("call %s: ends, %s", self._id, reason)

    def _leave(self, reason: str) -> None:
        if not self._over.is_set():
            self._left = True
            self._end(reason)

    # --- the caller's side ---------------------------------------------------------------------------------

    def _hear_line(self, event: LineEvent) -> None:
        try:
            if isinstance(event, Audio):
                self._on_caller_audio(event.pcm)
            elif isinstance(event, Dtmf):
                self._on_key(event.digit)
            elif isinstance(event, HungUp):
                self._uplink.complete()
                if event.lost and self._may_return:
                    self._leave(event.reason)
                else:
                    self._end(event.reason)
        except Exception as error:
            self._fail("line", error)

    def _on_key(self, key: str) -> None:
        """A key counts as speech that goes on until its run of keys ends: what is being decided waits for it."""
        self._keys += 1
        self._spoken_at = self._clock.monotonic()
        self._caller_version += 1
        now = self._clock.now()
        self._speech.keyed(now)
        self._take_keyed(self._keypad.press(key, now))

    def _take_keyed(self, turn: Turn | None) -> None:
        """The model does not hear keys: unless it is speaking, nothing else would ask for an analysis."""
        if turn is None:
            return
        self._caller_version += 1
        self._keep(turn)
        if not self._over.is_set() and self._assistant.quiet:
            self._ask_analysis()

    def _on_caller_audio(self, pcm: bytes) -> None:
        now = self._heard_at = self._clock.now()
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
            self._assistant.sample(now)
            if isinstance(edge, SpeechBegan):
                self._caller_version += 1
                self._assistant.prompted()
                self._speech.began(edge.at)
            elif self._speech.ended(edge.at):
                self._take_keyed(self._keypad.end())
                self._link.expect_answer()

    async def _beat(self) -> None:
        """What time alone brings about: silence upward, playout marks, speech that ends, deadlines."""
        step, gap = self._settings.uplink_chunk_ms / 1000, self._settings.uplink_gap_ms / 1000
        due, pause = self._clock.monotonic(), step
        while True:
            due += pause
            await self._clock.sleep(due - self._clock.monotonic())
            now, monotonic = self._clock.now(), self._clock.monotonic()
            if monotonic - due >= step:  # we were held up: what the bridge sent meanwhile is still to be read
                self._covered_until = min(self._covered_until + monotonic - due, monotonic)
                due = monotonic
            silent_s = monotonic - self._covered_until
            pause = step if silent_s >= gap else max(step, min(2 * step, gap - silent_s))
            if silent_s >= gap:
                self._send_up(None, now)
                self._covered_until += step
                self._on_edges(self._detector.quiet(now), now)
            self._assistant.sample(now)
            self._take_keyed(self._keypad.settle(now))
            given_up = self._speech.given_up
            self._speech.settle(now)
            self._end_if_too_long(monotonic)
            self._link.tick()
            overdue = self._due_at is not None and now >= self._due_at
            if overdue or (self._due_with_words and self._speech.given_up > given_up):
                self._ask_analysis()
            self._assistant.settle(now)

    def _end_if_too_long(self, monotonic: float) -> None:
        if self._detector.speaking:
            self._spoken_at = monotonic
        if monotonic >= self._ends_at:
            self._end(f"longer than {self._settings.max_call_s:g} s")
        elif monotonic - self._spoken_at >= self._settings.silent_caller_s:
            self._end(f"the caller has not spoken for {self._settings.silent_caller_s:g} s")

    # --- the model's side ----------------------------------------------------------------------------------

    async def _converse(self) -> None:
        try:
            await self._link.run()
        except ModelUnreachableError as error:
            log.error("call %s: the live model is given up: %s", self._id, error)
            await self._give_up()

    async def _give_up(self) -> None:
        """There is no model to talk with the caller, and none will come: the apology, then a person or the end."""
        self._failed = True
        while not self._assistant.quiet:
            await self._clock.sleep(_POLL_S)
        if self._apology:
            number = next(self._numbers)
            self._line.play(number, self._apology)
            self._line.end_turn(number)
            await self._line.drained(number)
        self._hand_over()
        self._end(MODEL_UNREACHABLE)

    async def _let_go(self) -> None:
        if self._handed_over is None:
            await self._line.hang_up()
        else:
            await self._line.transfer(self._handed_over)

    def _carry_out(self, command: Command) -> None:
        if command is Command.TRANSFER:
            self._hand_over()
        self._end("hung up by us" if self._handed_over is None else TRANSFERRED)

    def _hand_over(self) -> None:
        """When the call ends it goes to a person, where there is one and the line can."""
        if self._line.transfers:
            self._handed_over = self._transfer_to

    def _settled(self) -> bool:
        """Nobody speaks, and nothing that the caller has said is still to be judged; if something is, it soon is."""
        if not self.quiet() or self._wordless(self._clock.now()):
            return False
        if any(turn.number in self._new and turn.speaker is Speaker.CALLER for turn in self._transcript):
            if self._due_at is None:
                self._ask_analysis_within(_JUDGED_WITHIN_S)
            return False
        return True

    def prompted(self) -> None:
        """The model is told something (engine.model_link.Talk)."""
        self._assistant.prompted()

    def quiet(self) -> bool:
        """Nobody speaks, and all that the model said was played (engine.model_link.Talk)."""
        return self._assistant.quiet and not self._detector.speaking and self._keypad.began_at is None

    def understood(self) -> bool:
        """All that the caller has said is transcribed (engine.model_link.Talk)."""
        return not self._speech.untranscribed(self._clock.now())

    def recap(self) -> str | None:
        """What a new conversation must know; None as long as nothing was said (engine.model_link.Talk)."""
        heard = any(turn.heard_text for turn in self._transcript)
        return self._supervisor.recap(self.turns) if heard else None

    def nudge(self) -> str:
        """What a model is told that does not speak (engine.model_link.Talk)."""
        return self._supervisor.nudge()

    def broken_off(self) -> bool:
        """The conversation has ended; what was played of it until now is heard (engine.model_link.Talk)."""
        now = self._clock.now()
        self._assistant.broken_off(now)
        given_up = self._speech.given_up
        self._speech.lose(now)
        self._replays.begin()
        lost = self._speech.given_up > given_up
        if lost:
            self._caller_version += 1
        return lost

    def hear(self, event: ModelEvent) -> None:
        """What the model says (engine.model_link.Talk)."""
        now = self._clock.now()
        match event:
            case ModelAudio(pcm):
                self._assistant.audio(pcm, now)
            case AssistantWords(text):
                self._assistant.words(text, now)
            case CallerWords(text, finished):
                self._on_caller_words(text, finished, now)
            case Signal.INTERRUPTED:
                self._speech.boundary(now)
                self._barge_ins += self._assistant.interrupted(now)
            case Signal.GENERATION_COMPLETE:
                if self._assistant.generated():
                    self._replays.over()
            case Signal.TURN_COMPLETE:
                self._speech.boundary(now)
                self._assistant.turn_complete(now)

    # --- what becomes of the assistant's turns (engine.assistant_turns.Listener) ---------------------------

    def assistant_begins(self) -> None:
        """A turn has begun: what the caller said before it is complete, as far as is known."""
        self._take_keyed(self._keypad.end())
        self._read_ahead()

    def assistant_ended(self, turn: Turn, *, cut: bool) -> None:
        """A turn was played or cut off; for the words that cut it the analysis waits a little."""
        self._keep(turn)
        if cut:
            self._ask_analysis_within(self._settings.cut_off_wait_s)
        else:
            self._ask_analysis()

    def assistant_played(self, begin: datetime, end: datetime) -> None:
        """The caller has heard the assistant."""
        self._speech.assistant_played(begin, end)

    # --- the caller's words --------------------------------------------------------------------------------

    def _on_caller_words(self, text: str, finished: bool, now: datetime) -> None:
        repeated = self._replays.repeats(text)
        if repeated and not self._speech.waiting():
            return
        turn = self._speech.words(text, now, finished=finished, doubtful=repeated)
        if turn is None:
            return
        self._caller_version += 1
        self._keep(turn)
        late = self._assistant.ended_at is not None and (
            turn.began_at is None or turn.began_at < self._assistant.ended_at
        )
        if late or self._due_with_words:
            self._ask_analysis()
        elif self._assistant.answering:
            self._read_ahead()  # the answer has begun: these words are late

    def _unhear(self) -> None:
        """The line was dead since it was last heard from, though it seemed to play: nobody heard what it played."""
        for turn in self.turns:
            if turn != self._as_heard(turn):
                self._keep(turn)

    def _as_heard(self, turn: Turn) -> Turn:
        lost = self._left and turn.speaker is Speaker.ASSISTANT
        return turn.heard_by(self._heard_at) if lost else turn

    def _keep(self, turn: Turn) -> None:
        turn = self._as_heard(turn)
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
            if self._taken or await self._analyse(call_over=not self._left):
                return

    async def _until_transcribed(self, *, stop: Callable[[], bool]) -> None:
        """Wait while speech that has begun by now is without its words, as long as they may come."""
        begun_by = self._clock.now()
        until = self._clock.monotonic() + self._settings.transcript_wait_s
        while self._wordless(begun_by) and self._clock.monotonic() < until and not stop():
            await self._clock.sleep(_POLL_S)

    def _wordless(self, begun_by: datetime) -> bool:
        """Whether speech or a run of keys that has begun by then is not yet a turn."""
        keying = self._keypad.began_at is not None and self._keypad.began_at <= begun_by
        return keying or self._speech.untranscribed(self._clock.now(), begun_by=begun_by)

    async def _analyse(self, *, call_over: bool) -> bool:
        """Analyse what is new; whether that is settled."""
        await self._record()
        now, turns, version = self._clock.now(), self.turns, self._caller_version
        new = [turn.number for turn in turns if turn.number in self._new]
        if not new:
            return True
        self._speech.settle(now)
        unheard = self._speech.given_up
        pending = self._wordless(now)
        cut = pending and self._left and self._final  # its words will not come any more
        unasked = self._answers_before_the_break(turns)
        try:
            result = await self._supervisor.analyse(
                turns,
                new=new,
                now=now,
                call_over=call_over,
                pending_speech=pending and not cut,
                unheard=unheard > self._unheard_told or cut or self._carried_over or unasked,
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
            self._unheard_told, self._carried_over = unheard, False
            known = {turn.number: turn for turn in self._transcript}
            self._new -= {turn.number for turn in turns if known.get(turn.number) == turn}
        if not self._left:  # else nobody is there to be told
            told = () if call_over else result.notices
            self._notices.add(told, command=result.command, stays=result.stays)
        return not result.again

    def _answers_before_the_break(self, turns: Sequence[Turn]) -> bool:
        """Whether new words of the caller answer what was said before the line broke: what they said meanwhile, to
        nobody, may have taken it back."""
        before = {turn.number for turn in self._resumed.turns} if self._resumed else set()
        if not before:
            return False
        since = (turn for turn in turns if turn.number not in before and turn.heard_text.strip())
        first = itertools.takewhile(lambda turn: turn.speaker is Speaker.CALLER, since)
        return any(turn.number in self._new for turn in first)

    async def _record(self) -> None:
        if self._record_turn is None:
            self._unrecorded.clear()
            return
        for turn in self.turns:
            if turn.number not in self._unrecorded or self._taken:
                continue
            self._unrecorded.discard(turn.number)
            try:
                await self._record_turn(turn)
            except Exception as error:
                self._unrecorded.add(turn.number)
                log.error("call %s: turn %d could not be recorded: %s", self._id, turn.number, where(error))
