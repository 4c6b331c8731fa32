"""A call's way to the live model: opens conversations, goes over to new ones, watches that it answers, gives up."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, StrEnum, auto
from typing import Protocol

from engine.ports import (
    Clock,
    GoAway,
    LiveModel,
    LiveModelError,
    LiveSession,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelGone,
    ResumptionHandle,
    Signal,
)
from engine.settings import EngineSettings
from engine.uplink import Uplink

log = logging.getLogger(__name__)

_IDLE_S = 0.5  # how long all is quiet before it counts as idle: the newest handle comes after the last turn
_STEADY_S = 15.0  # a conversation that has lasted so long is none of the trouble before it
_PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0)  # before the tries of one trouble; the last for all further ones
_POLL_S = 0.05


class Rotation(StrEnum):
    """Why a call leaves one conversation with the model for the next."""

    GO_AWAY = "go_away"
    NETWORK = "network"
    SERVER = "server"
    REFUSED = "refused"
    SILENT = "silent"
    UNANSWERED = "unanswered"


_BY_LOSS = {Loss.NETWORK: Rotation.NETWORK, Loss.SERVER: Rotation.SERVER, Loss.REFUSED: Rotation.REFUSED}


class Uptake(Enum):
    """What became of something the model was told."""

    SPOKEN = auto()  # it spoke, to the end of its turn or until it was interrupted
    IGNORED = auto()  # it did not begin to speak in time
    LOST = auto()  # the conversation ended before


class ModelUnreachableError(Exception):
    """Raised when the model was tried for long or often enough. The message says what came last."""


class Talk(Protocol):
    """What the link must know of the talk it carries."""

    def hear(self, event: ModelEvent) -> None:
        """The model says something. GoAway and ResumptionHandle are not passed on."""

    def broken_off(self) -> bool:
        """The conversation has ended: of what was being said and heard in it, nothing more comes.

        Whether words of the caller were lost with it.
        """

    def prompted(self) -> None:
        """The model is told something: what it says from now on is a new turn."""

    def quiet(self) -> bool:
        """Nobody speaks, and all that the model said was played."""

    def understood(self) -> bool:
        """All that the caller has said is transcribed."""

    def recap(self) -> str | None:
        """What a conversation that knows nothing must be told to go on with the call; None: it is to begin."""

    def nudge(self) -> str:
        """What a model is told that should have spoken and did not."""


class ModelLink:
    """One call's conversations with the model, one at a time. `run` holds them; `tick` must be called often.

    The connection is closed before the next is opened; caller audio waits in `uplink` meanwhile. `handle` is
    what the first is to take up again, `keep_handle` gets each newer one. `rotations` counts, by reason, how
    often the call went over to another conversation. `something_to_tell` says that `tell` is going to be asked.
    """

    def __init__(
        self,
        call_id: str,
        *,
        model: LiveModel,
        prompt: str,
        uplink: Uplink,
        talk: Talk,
        clock: Clock,
        settings: EngineSettings,
        handle: str | None = None,
        keep_handle: Callable[[str], None] | None = None,
    ) -> None:
        self._id, self._model, self._prompt, self._uplink, self._talk = call_id, model, prompt, uplink, talk
        self._clock, self._settings = clock, settings
        self._handle, self._keep_handle = handle, keep_handle
        self.rotations: Counter[str] = Counter()
        self.something_to_tell = False
        self._closed = self._gone = False
        self._saying: set[asyncio.Task[None]] = set()
        # The conversation that is opened or held. Times are of the monotonic clock.
        self._holding: asyncio.Task[ModelGone] | None = None
        self._left: Rotation | None = None  # why we left it ourselves
        self._resumed = False
        self._tried_at = 0.0
        self._session: LiveSession | None = None
        self._opened = 0  # how many there were
        self._opened_at: float | None = None
        self._leave_by: float | None = None  # it will be closed: go over when idle, at the latest then
        # Whether the model answers
        self._owes = False  # it has been given reason to speak, and has not yet
        self._speaks = False  # more of its turn is to come
        self._in_turn = False  # its turn is not complete
        self._in_debt = handle is not None  # the last conversation ended while the model owed or spoke
        self._silent_from = 0.0
        self._idle_from = 0.0
        self._reminded = False
        self._spoke = False
        # Trouble: from the first loss until the model has said a whole turn again
        self._trouble_since: float | None = None
        self._tries = 0
        self._failures = 0
        self._refusals = 0

    @property
    def open(self) -> bool:
        """Whether there is a conversation now."""
        return self._session is not None

    async def run(self) -> None:
        """Hold conversations until the call is over. Raises ModelUnreachableError when it gives up before."""
        try:
            while not self._closed:
                why = await self._hold()
                if why is None or self._closed:
                    return
                self.rotations[why] += 1
                log.info("call %s: goes over to another conversation with the model: %s", self._id, why)
                if why is not Rotation.GO_AWAY:
                    await self._pause()
        finally:
            self._gone = True
            for task in self._saying:
                task.cancel()
            await asyncio.gather(*self._saying, return_exceptions=True)

    def close(self) -> None:
        """The call is over: the conversation it has is its last, and one that is being opened is not needed."""
        self._closed = True
        if self._session is None and self._holding is not None:
            self._holding.cancel()

    def expect_answer(self) -> None:
        """The caller has given the model reason to speak."""
        self._owes = True

    async def tell(self, text: str) -> Uptake:
        """Tell the model something, once there is a conversation, and see what becomes of it."""
        await self._until(lambda: self.open)
        session, number = self._session, self._opened
        if session is None:
            return Uptake.LOST

        def lost() -> bool:
            return self._session is None or self._opened != number

        self._owes, self._spoke, self._in_debt = True, False, False
        self._talk.prompted()
        try:
            await session.send_notice(text)
        except LiveModelError as error:
            log.info("call %s: a notice could not be sent: %s", self._id, error.loss)
            await self._until(lost)
            return Uptake.LOST
        late = self._clock.monotonic() + self._settings.notice_retry_s
        await self._until(lambda: self._spoke or lost(), late)
        if self._spoke:
            await self._until(lambda: not self._speaks or lost())
        if lost():
            return Uptake.LOST
        return Uptake.SPOKEN if self._spoke else Uptake.IGNORED

    def tick(self) -> None:
        """What time alone brings about."""
        now = self._clock.monotonic()
        if self._closed or self._holding is None:
            return
        if self._session is None:
            self._end_an_opening(now)
            return
        quiet = self._talk.quiet()
        if not quiet or self._in_turn or self._owes or not self._talk.understood():
            self._idle_from = now
        if not quiet or not self._owes:
            self._silent_from = now
        if self._leave_by is not None and (now >= self._leave_by or now - self._idle_from >= _IDLE_S):
            self._leave(Rotation.GO_AWAY)
        elif self._in_debt and quiet and not self.something_to_tell:
            self._go_on_from_the_debt(self._session)
        elif now - self._silent_from >= self._settings.first_audio_s:
            self._silent_from = now
            self._wake(self._session, now)

    # --- one conversation ----------------------------------------------------------------------------------

    async def _hold(self) -> Rotation | None:
        """One conversation from its opening to its end; why there must be another. None: the call is over."""
        self._left, self._leave_by, self._opened_at = None, None, None
        self._resumed, self._tried_at = self._handle is not None, self._clock.monotonic()
        seed = None if self._resumed else self._talk.recap()
        holding = asyncio.create_task(self._converse(self._handle, seed), name=f"model of call {self._id}")
        self._holding = holding
        try:
            await asyncio.wait((holding,))
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            self._holding = None
        if self._left is not None:
            return self._after_leaving(self._left)
        if holding.cancelled():
            return None
        try:
            end = holding.result()
        except LiveModelError as error:
            log.warning("call %s: no conversation with the model: %s", self._id, error)
            return self._after_loss(error.loss)
        log.info("call %s: the model's connection ended, code %d: %s", self._id, end.code, end.reason)
        return None if self._closed else self._after_loss(end.loss)

    async def _converse(self, resume: str | None, seed: str | None) -> ModelGone:
        async with self._model.open(self._prompt, resume=resume, seed=seed) as session:
            self._begin(session)
            pump = asyncio.create_task(self._pump(session), name=f"uplink of call {self._id}")
            try:
                return await session.hold(self._hear)
            finally:
                self._end()
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    def _begin(self, session: LiveSession) -> None:
        self._session = session
        self._opened += 1
        self._opened_at = self._silent_from = self._idle_from = self._clock.monotonic()
        self._in_debt = self._resumed and (self._in_debt or self._owes)
        self._owes = not self._resumed
        self._reminded = not self._resumed and self._trouble_since is not None

    def _end(self) -> None:
        self._session = None
        self._in_debt = self._in_debt or self._owes or self._speaks
        self._owes = self._speaks = self._in_turn = False
        if not self._closed and self._talk.broken_off():
            self._in_debt = True

    async def _pump(self, session: LiveSession) -> None:
        """Send what had to wait; all else goes up at once."""
        self._uplink.offer = session.offer_audio
        try:
            while True:
                chunk = await self._uplink.next()
                try:
                    await session.send_audio(chunk)
                except LiveModelError as error:
                    self._uplink.put_back(chunk)
                    log.info("call %s: the model takes no more audio: %s", self._id, error.loss)
                    return
        finally:
            self._uplink.offer = None

    def _hear(self, event: ModelEvent) -> None:
        match event:
            case GoAway(seconds):
                margin = min(self._settings.rotate_margin_s, seconds / 2)
                self._leave_by = self._clock.monotonic() + seconds - margin
                log.info("call %s: the model will close the connection in %g s", self._id, seconds)
                return
            case ResumptionHandle(handle):
                self._handle = handle
                if self._keep_handle is not None:
                    self._keep_handle(handle)
                return
            case ModelAudio():
                self._owes = self._in_debt = False
                self._speaks = self._in_turn = self._spoke = True
            case Signal.INTERRUPTED:
                self._speaks, self._owes = False, True
            case Signal.GENERATION_COMPLETE:
                if self._speaks:
                    self._all_is_well()
                self._speaks = False
            case Signal.TURN_COMPLETE:
                self._speaks = self._in_turn = False
        self._talk.hear(event)

    # --- what time brings ----------------------------------------------------------------------------------

    def _end_an_opening(self, now: float) -> None:
        if self._resumed and now - self._tried_at >= self._settings.resume_wait_s:
            self._leave(Rotation.UNANSWERED)
        elif self._trouble_since is not None and now - self._trouble_since >= self._settings.model_budget_s:
            self._leave(Rotation.NETWORK)

    def _go_on_from_the_debt(self, session: LiveSession) -> None:
        """What was owed or being said when the last conversation ended, this one may know nothing of."""
        self._in_debt = False
        if (recap := self._talk.recap()) is not None:
            self._owes = self._reminded = True
            self._say(session, recap)

    def _wake(self, session: LiveSession, now: float) -> None:
        """It should have spoken: remind it once, then try another conversation."""
        log.warning("call %s: the model does not speak", self._id)
        if self._reminded:
            self._leave(Rotation.SILENT)
        else:
            self._trouble(now)
            self._reminded = True
            self._say(session, self._talk.nudge())

    def _leave(self, why: Rotation) -> None:
        if self._holding is not None and self._left is None:
            self._left = why
            self._holding.cancel()

    def _say(self, session: LiveSession, text: str) -> None:
        self._talk.prompted()

        async def say() -> None:
            with suppress(LiveModelError):  # then its end is noticed elsewhere
                await session.send_notice(text)

        task = asyncio.create_task(say(), name=f"reminder of call {self._id}")
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _until(self, done: Callable[[], bool], until: float | None = None) -> None:
        while not done() and not self._gone and (until is None or self._clock.monotonic() < until):
            await self._clock.sleep(_POLL_S)

    # --- trouble -------------------------------------------------------------------------------------------

    def _after_leaving(self, why: Rotation) -> Rotation:
        if why is Rotation.GO_AWAY:
            return why
        self._trouble(self._clock.monotonic())
        self._handle = None
        if why is Rotation.SILENT:
            self._count_failure()
        return why

    def _after_loss(self, loss: Loss) -> Rotation:
        in_vain = self._resumed and not self._steady()
        self._trouble(self._clock.monotonic())
        opened = self._opened_at is not None
        if loss is Loss.FATAL and self._resumed and not opened:
            loss = Loss.REFUSED  # it may be the handle that it does not take
        if loss is Loss.FATAL:
            raise ModelUnreachableError("it takes no conversation from us")
        if loss is Loss.REFUSED:
            self._refusals += 1
            if self._refusals > 1 or not (opened or self._resumed):
                raise ModelUnreachableError("it refuses the conversation")
        if loss is Loss.SERVER:
            self._count_failure()
        if loss is Loss.REFUSED or in_vain:
            self._handle = None
        return _BY_LOSS[loss]

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures > self._settings.model_retries:
            raise ModelUnreachableError(f"it failed {self._failures} times in a row")

    def _trouble(self, now: float) -> None:
        """Something is wrong, now or still."""
        if self._steady():
            self._all_is_well()
        if self._trouble_since is None:
            self._trouble_since = now

    def _steady(self) -> bool:
        """Whether the conversation does or did well: it has said a whole turn, or has lasted."""
        if self._opened_at is None:
            return False
        return self._trouble_since is None or self._clock.monotonic() - self._opened_at >= _STEADY_S

    def _all_is_well(self) -> None:
        self._trouble_since, self._reminded = None, False
        self._tries = self._failures = self._refusals = 0

    async def _pause(self) -> None:
        """Before the next try of a trouble, unless the time for it is over."""
        seconds = _PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)]
        self._tries += 1
        if seconds:
            await self._clock.sleep(seconds)
        since, most = self._trouble_since, self._settings.model_budget_s
        if since is not None and self._clock.monotonic() - since >= most:
            raise ModelUnreachableError(f"it did not answer for {most:g} s")
