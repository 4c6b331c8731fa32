"""Supervises one conversation: one analysis at a time, each one database transaction; it fails closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.analysis import Analysis, State, analyse
from engine.conversation import Conversation
from engine.desk import StoreDesk
from engine.details import Accumulator, Slot
from engine.evidence import Evidence, Words, written_slots
from engine.extraction.ahead import ReadingAhead, to_read
from engine.faults import where
from engine.ports import AnalysisResult, Command, Elsewhere, Extractor, Mention, Store
from engine.recap import nudge, recap
from engine.rulebook import Rulebook
from engine.turns import Transcript, Turn
from engine.understanding.subject import touches_booking
from fsm.stages import Stage, Task
from rules.facts import HANG_UP, TRANSFER
from storage import bookings, busy, calls, conversations, journal
from storage.errors import CallTaken, Overtaken

_OF_THE_CALL = {TRANSFER: Command.TRANSFER, HANG_UP: Command.HANG_UP}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What an analysis said and did, for whoever watches: a rehearsal, a test, a chat channel."""

    now: datetime
    last_turn: int
    analysis: Analysis


class Beside(Protocol):
    """What a channel does of its own in the transaction of each analysis."""

    def begin(self) -> None:
        """First of all. Raises Overtaken when there is something newer than what is to be analysed."""

    def record(self, analysis: Analysis) -> None:
        """Keep what the channel needs of an analysis."""


class Supervisor:
    """Understands what has been said since the last analysis, lets rules and machine decide, and acts on the store.

    Implements engine.ports.Supervisor. Its memory is replaced only once an analysis has been committed.
    """

    def __init__(
        self,
        conversation: Conversation,
        store: Store,
        rulebook: Rulebook,
        extractor: Extractor,
        *,
        state: State | None = None,
        watch: Callable[[Told], None] | None = None,
        beside: Beside | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`extractor` finds further mentions beside the local grammars; `watch` is told of every analysis committed,
        `beside` takes part in its transaction; `elsewhere` looks after what else takes the consultant's time."""
        self._conversation = conversation
        self._store = store
        self._rulebook = rulebook
        self._ahead = ReadingAhead(extractor, conversation.id)
        self._state = state or opening_state(conversation)
        self._watch = watch
        self._beside = beside
        self._elsewhere = elsewhere
        self._lock = asyncio.Lock()
        self._kept_turns: dict[int, Turn] = {}  # as they stand with the analyses recorded so far
        self._kept_free: frozenset[Slot] | None = None

    @property
    def state(self) -> State:
        """As of the last analysis committed."""
        return self._state

    def read_ahead(self, turns: Sequence[Turn], *, new: Sequence[int], now: datetime) -> None:
        """Let the extractor begin with the caller's new turns (engine.ports.Supervisor)."""
        shown, asked = self._to_read(Transcript(list(turns)), new, now)
        if asked:
            self._ahead.begin(shown, asked)
            if self._elsewhere is not None:
                self._elsewhere.begin(self._conversation.consultant_id)

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
        """One analysis of the turns numbered `new` (engine.ports.Supervisor).

        Never raises for an error of its own parts: it then books nothing, notes why, and the turns count as analysed.
        """
        async with self._lock:
            transcript = Transcript(list(turns))
            last = max(new, default=0)
            attempts: list[Analysis] = []

            def work(found: tuple[Mention, ...]) -> Analysis:
                if self._beside is not None:
                    self._beside.begin()
                desk = StoreDesk(self._conversation)
                analysis = analyse(
                    self._conversation,
                    self._rulebook,
                    self._state,
                    transcript,
                    new,
                    desk=desk,
                    now=now,
                    call_over=call_over,
                    pending_speech=pending_speech,
                    unheard=unheard,
                    found=found,
                )
                if not analysis.wait:
                    evidence = Evidence(
                        now=now,
                        order=tuple(turn.number for turn in transcript),
                        new=tuple(new),
                        zone=analysis.agenda.zone.key,
                        hours=dict(analysis.agenda.hours),
                        own=analysis.agenda.own,
                        minutes=analysis.agenda.minutes,
                        allowed_minutes=analysis.agenda.allowed_minutes,
                        hold=desk.found,
                        answers=tuple(desk.answers),
                        link_ready=desk.link_seen,
                        call_over=call_over,
                        unheard=unheard,
                        transfer=self._conversation.transfer,
                    )
                    self._record(analysis, last, evidence, self._words(transcript, found))
                    if self._beside is not None:
                        self._beside.record(analysis)
                attempts.append(analysis)
                return analysis

            try:
                found = await self._read(transcript, new, now)
                analysis = await self._store.run(lambda: work(found), still_valid=still_valid)
            except Overtaken:
                return AnalysisResult(notices=(), again=True)
            except CallTaken:
                return AnalysisResult()  # whoever has the call now analyses what was said
            except Exception as error:
                _log.error("call %s: the analysis failed: %s", self._conversation.id, where(error))
                reached = await self._reload()
                if not attempts or reached != attempts[-1].state.analyses:
                    await self._note_failure(last, now)
                    return AnalysisResult(notices=(), again=False)
                analysis = attempts[-1]  # the connection died when the commit had been done
            if analysis.wait:
                return AnalysisResult(notices=(), again=True)
            self._state = analysis.state
            self._kept_turns = {turn.number: turn for turn in transcript}
            self._kept_free = analysis.agenda.free
            if self._watch is not None:
                self._watch(Told(now, last, analysis))
            return AnalysisResult(
                notices=tuple(analysis.texts),
                command=_OF_THE_CALL.get(analysis.command or ""),
                stays=analysis.stays,
            )

    def recap(self, turns: Sequence[Turn]) -> str:
        """The call so far, for a model that knows nothing of it (engine.ports.Supervisor)."""
        rules = self._rulebook
        return recap(rules.messages.marker, rules.limits, self._conversation, self._state, turns)

    def nudge(self) -> str:
        """A reminder for a model that should have spoken (engine.ports.Supervisor)."""
        return nudge(self._rulebook.messages.marker, self._conversation, self._state)

    async def leave(self) -> None:
        """The call goes on elsewhere: stop what still reads ahead."""
        await self._ahead.close()

    async def finish(self, now: datetime, reason: str, *, callback: bool = False) -> None:
        """The call is over: the hold is let go; the stage stays as it was, for the record.

        `callback`: somebody should call back.
        """
        noted = {"callbackRequested": True} if callback else None

        def work() -> None:
            bookings.release(self._conversation.id, now=now)
            if self._conversation.call_id is not None:
                calls.finish_call(self._conversation.call_id, now=now, reason=reason, metadata=noted)

        await self._ahead.close()
        await self._store.run(work)

    async def _read(self, transcript: Transcript, new: Sequence[int], now: datetime) -> tuple[Mention, ...]:
        """What the extractor points at. Whatever must be waited for is waited for here, before the transaction: in it
        the copy of the consultant's calendar alone is looked at."""
        shown, asked = self._to_read(transcript, new, now)
        found = await self._ahead.found(shown, asked)
        if asked and self._elsewhere is not None:
            await self._elsewhere.fresh(self._conversation.consultant_id)
        return found

    def _to_read(
        self, transcript: Transcript, new: Sequence[int], now: datetime
    ) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
        """What the extractor is shown and asked about; nothing as long as nobody has touched on booking."""
        shown, asked = to_read(transcript, new)
        if self._state.stage in (Stage.NESSUN_INTENTO, Stage.COMPLETATO):
            local, phrases = now.astimezone(self._conversation.zone), self._rulebook.phrases
            looked_at = asked if self._state.stage is Stage.COMPLETATO else shown
            if not any(touches_booking(turn, phrases, local) for turn in looked_at):
                return (), ()
        return shown, asked

    def _words(self, transcript: Transcript, found: tuple[Mention, ...]) -> Words:
        """The words that the analyses recorded so far have not, or have otherwise."""
        return Words(tuple(turn for turn in transcript if self._kept_turns.get(turn.number) != turn), found)

    def _record(self, analysis: Analysis, last_turn: int, evidence: Evidence, words: Words) -> None:
        """The journal and the state to go on from, in the transaction of what they describe."""
        name, state, now = self._conversation.id, analysis.state, evidence.now
        free, spoken = analysis.agenda.free, _spoken_at(words.turns, now)
        last = len(analysis.steps) - 1
        stale = self._stale() if analysis.steps else {}
        for index, step in enumerate(analysis.steps):
            journal.append(
                {
                    **stale,
                    "call_id": name,
                    "analysis": state.analyses,
                    "turn": last_turn,
                    "event_time": spoken,
                    "from": step.entry.source,
                    "to": step.entry.target,
                    "task": step.entry.task,
                    "event": step.entry.event,
                    "rule": step.entry.rule,
                    "rules": self._rulebook.version,
                    "why": step.entry.why,
                    "facts": dict(step.facts),
                    "changes": analysis.changes if index == 0 else {},
                    "outcome": step.outcome,
                    "refusal": step.refusal,
                    "guard": step.entry.guard,
                    "notices": list(analysis.notices) if index == last else [],
                    "command": analysis.command if index == last else None,
                },
                recorded_at=now,
            )
        if not analysis.steps and (analysis.notices or analysis.command):
            journal.append(
                {
                    "call_id": name,
                    "analysis": state.analyses,
                    "turn": last_turn,
                    "event_time": spoken,
                    "event": None,
                    "rules": self._rulebook.version,
                    "facts": dict(analysis.facts),
                    "changes": analysis.changes,
                    "notices": list(analysis.notices),
                    "command": analysis.command,
                },
                recorded_at=now,
            )
        if self._conversation.call_id is None:
            conversations.advance(
                name,
                number=state.analyses,
                last_turn=last_turn,
                state=state.held.to_plain(),
                stage=state.stage,
                task=state.task,
                now=now,
            )
            return
        calls.record_analysis(
            name,
            number=state.analyses,
            last_turn=last_turn,
            facts=dict(analysis.facts),
            availability=None if free == self._kept_free else written_slots(free),
            rules=self._rulebook.version,
            evidence=evidence.to_plain(),
            words=words.to_plain(),
            state=state.held.to_plain(),
            stage=state.stage,
            task=state.task,
            now=now,
        )
        calls.note_metadata(name, metadata_of(state, booked=analysis.booked))

    def _stale(self) -> dict[str, str]:
        """As of when the consultant's own calendar was known, for the journal; nothing where that was fresh enough."""
        since = busy.stale_since(self._conversation.consultant_id)
        if since is None:
            return {}
        return {"busy_as_of": "mai" if since == busy.NEVER_READ else since.isoformat()}

    async def _reload(self) -> int:
        """Go on from what the store really has; the number of the last analysis it knows."""
        name = self._conversation.id
        try:
            stored = await self._store.run(lambda: conversations.state_of(name))
            if stored is not None and stored.last_analysis > self._state.analyses:
                self._state = restored_state(stored)
        except Exception as error:
            _log.error("call %s: its state cannot be read again: %s", name, where(error))
        return self._state.analyses

    async def _note_failure(self, last_turn: int, now: datetime) -> None:
        """Say in the journal that an analysis failed; if even that fails, the log has it."""
        name = self._conversation.id

        def work() -> None:
            journal.append(
                {
                    "call_id": name,
                    "analysis": self._state.analyses + 1,
                    "turn": last_turn,
                    "event_time": now,
                    "event": None,
                    "outcome": "errore_interno",
                    "why": "L'analisi si è interrotta per un errore interno: non è stato prenotato nulla.",
                },
                recorded_at=now,
            )

        try:
            await self._store.run(work)
        except Exception as error:
            _log.error(
                "call %s: the failed analysis is not in the journal: %s", self._conversation.id, where(error)
            )


def _spoken_at(turns: Sequence[Turn], now: datetime) -> datetime:
    """When the last of these words were spoken; `now` when none can be placed in time."""
    placed = [turn.ended_at or turn.began_at for turn in turns]
    return min(now, max((at for at in placed if at is not None), default=now))


def opening_state(conversation: Conversation) -> State:
    """Where a conversation begins: a number we dialled ourselves is known."""
    held = Accumulator()
    held.clear(keep_phone=conversation.caller.dialled)
    return State(held)


def restored_state(stored: conversations.ConversationState) -> State:
    """A conversation's state as the store has it. Raises pydantic.ValidationError or ValueError for a damaged one."""
    held = Accumulator.from_plain(stored.state) if stored.state else Accumulator()
    return State(held, Stage(stored.stage), Task(stored.task or Task.NESSUNO), stored.last_analysis)


def metadata_of(state: State, *, booked: bool) -> dict[str, object]:
    """What is stored with the call about its booking; `booked`: it is in force. One that was cancelled is still
    named."""
    kind, _, booking_id = (state.held.booking or "").partition(":")
    return {
        "bookingCreated": booked,
        "bookingId": booking_id or None,
        "bookingType": kind or None,
        "callbackRequested": state.held.callback_requested,
    }
