"""Puts one call together: who is calling, what the model is told, who supervises; and runs it to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.analysis import State
from engine.call import Call, CallEnd
from engine.conversation import Conversation
from engine.faults import where
from engine.owned import OwnedStore
from engine.ports import Clock, Elsewhere, Extractor, Line, LiveModel
from engine.prompt import fill_prompt
from engine.resumption import Resumption, resume
from engine.rulebook import Rulebook
from engine.settings import EngineSettings
from engine.shelf import Shelf
from engine.supervisor import Supervisor
from engine.understanding.context import CallerKnown
from storage import availability, bookings, calls, people, tenure
from storage.database import Database
from storage.errors import CallTaken, NotOneConsultant
from storage.people import ClientRecord, ConsultantRecord, ScheduledCallRecord
from storage.tenure import OpenCall, Tenure
from transport.audio.energy import EnergyDetector
from transport.bridge.metadata import CallMetadata, Direction
from transport.errors import BridgeError
from transport.handover import Handover, LiveCall
from transport.kept_handle import KeptHandle
from transport.logs import log_stored_as
from transport.metrics import Metrics

_log = logging.getLogger(__name__)
_HORIZON = timedelta(days=30)


class UnknownConsultantError(BridgeError):
    """Raised when a call is for a consultant that the store does not know."""


class AnotherCallerError(BridgeError):
    """Raised when a bridge comes back to a call with somebody else on the line."""


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who is on the line and whose agenda it is about."""

    scheduled: ScheduledCallRecord | None
    direction: Direction
    line: str | None
    client: ClientRecord | None
    consultant: ConsultantRecord


@dataclass(frozen=True, slots=True)
class _Opened:
    """`state`, `resumption` and `handle` are of a call that goes on after its line was lost."""

    conversation: Conversation
    prompt: str
    tenure: Tenure
    transfer_to: str | None
    state: State | None = None
    resumption: Resumption | None = None
    handle: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Switchboard:
    """Answers calls. A call takes the rules in force on the `shelf` when it begins, and the `extractor` for these.

    `apology` (PCM16 LE mono at 24 kHz) is played to a caller with whom no model can be had to talk.
    `server` is who answers for the calls in the store; `live` those that are going on, by their ids; `elsewhere` looks
    after what else takes consultants' time, if anything does.
    """

    database: Database
    clock: Clock
    model: LiveModel
    shelf: Shelf
    extractor: Callable[[Rulebook], Extractor]
    settings: EngineSettings
    server: str | None = None
    apology: bytes = b""
    live: dict[str, LiveCall] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    elsewhere: Elsewhere | None = None

    @property
    def handover(self) -> Handover:
        """By which calls come here and go from here."""
        return Handover(self.database, self.clock, self.live)

    async def answer(self, line: Line, metadata: CallMetadata) -> None:
        """Run one call from its connection to its end, or to that of its connection; one that was lost goes on.

        Raises what keeps it from being set up.
        """
        opened, rulebook = await self._admit(metadata)
        transfer_to = opened.transfer_to if line.transfers else None
        conversation = replace(opened.conversation, transfer=transfer_to is not None)
        held = opened.tenure
        log_stored_as(conversation.id)
        if opened.resumption is not None:
            self.metrics.line_returns()
            _log.info("call %s: goes on as %s, its bridge has come back", metadata.call_id, conversation.id)
        # Whoever has lost the call is told by the store, before there is anything to lose.
        store = OwnedStore(self.database, held, lambda: call.taken())
        handle = KeptHandle(lambda newest: store.run(lambda: tenure.keep_handle(held, newest)))
        supervisor = Supervisor(
            conversation,
            store,
            rulebook,
            self.extractor(rulebook),
            state=opened.state,
            watch=self.metrics.analysed,
            elsewhere=self.elsewhere,
        )
        call = Call(
            conversation.id,
            line=line,
            model=self.model,
            prompt=opened.prompt,
            supervisor=supervisor,
            detector=self._detector(),
            clock=self.clock,
            settings=self.settings,
            record=lambda turn: store.run(lambda: calls.record_turns(conversation.id, [turn])),
            transfer_to=transfer_to,
            apology=self.apology,
            handle=opened.handle,
            keep_handle=handle,
            resumed=opened.resumption,
            may_return=tenure.may_return(),
        )
        live = self.live[conversation.id] = LiveCall(held, call)
        beside = [
            self._beside(handle.run(), "handles", conversation.id),
            self._beside(self._note_hang_up(live, store), "hang-up", conversation.id),
        ]
        end = CallEnd("error")
        try:
            end = await call.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            # A call that is torn down still lets go of its hold and is closed in the store; if the store does
            # not answer now, its lease runs out.
            self.metrics.call_ends(end)
            await asyncio.shield(self._close(live, end, supervisor, store, handle.newest))

    async def _admit(self, metadata: CallMetadata) -> tuple[_Opened, Rulebook]:
        """The call that the bridge comes back to, else a new one; and the rules it goes by."""
        while True:
            check = partial(_refuse_another, metadata=metadata)
            found = await self.handover.ask(metadata.call_id, check)
            rulebook = await self.shelf.version(found.rules if found else None)
            if self.elsewhere is not None:
                whose = (
                    found.consultant_id if found else await self.database.run(partial(_asked_for, metadata))
                )
                await self.elsewhere.fresh(whose)
            opened = await self.database.run(partial(self._open, metadata, rulebook, found))
            if opened is not None:
                return opened, rulebook

    async def _note_hang_up(self, live: LiveCall, store: OwnedStore) -> None:
        """Whoever comes with this call's id from now on has another call, though its last words are still analysed."""
        await live.call.until_over()
        if live.call.ends and tenure.may_return():
            await store.run(lambda: tenure.hung_up(live.tenure, now=self.clock.now()))

    async def _close(
        self, live: LiveCall, end: CallEnd, supervisor: Supervisor, store: OwnedStore, handle: str | None
    ) -> None:
        """Leave the call to its bridge, or end it; nothing, when it is another connection's already."""
        call_id, now = live.tenure.call_id, self.clock.now()

        def leave() -> bool:
            if handle is not None:
                tenure.keep_handle(live.tenure, handle)
            return tenure.leave(live.tenure, now=now)

        try:
            if end.left:
                await supervisor.leave()
                if await store.run(leave):
                    _log.info("call %s: left for its bridge to come back to", call_id)
                    return
            await supervisor.finish(now, end.reason, callback=end.failed)
        except CallTaken:
            _log.info("call %s: goes on over another connection", call_id)
        finally:
            if self.live.get(call_id) is live:
                del self.live[call_id]

    def _beside(self, work: Coroutine[Any, Any, None], name: str, call_id: str) -> asyncio.Task[None]:
        """Something small beside a call, which goes on without it."""

        async def guarded() -> None:
            try:
                await work
            except CallTaken:
                pass  # the call knows it by now
            except Exception as error:
                _log.warning("call %s: its %s failed: %s", call_id, name, where(error))

        return asyncio.create_task(guarded(), name=f"{name} of call {call_id}")

    def _detector(self) -> EnergyDetector:
        tuned = self.settings
        return EnergyDetector(
            threshold_dbfs=tuned.energy_threshold_dbfs,
            margin_db=tuned.noise_margin_db,
            onset_ms=tuned.onset_ms,
            hangover_ms=tuned.hangover_ms,
        )

    def _open(self, metadata: CallMetadata, rulebook: Rulebook, expected: OpenCall | None) -> _Opened | None:
        """Take the call that is expected to be there, or record a new one; None when things have changed since."""
        now = self.clock.now()
        found = tenure.of_bridge(metadata.call_id, now=now)
        if found is None:
            return self._begin(metadata, rulebook, now)
        if expected is None or (found.id, found.epoch) != (expected.id, expected.epoch):
            return None
        return self._resume(found, rulebook, now)

    def _resume(self, found: OpenCall, rulebook: Rulebook, now: datetime) -> _Opened:
        """Take a call whose bridge has come back. What the store knows of it holds, whatever the bridge says now."""
        taken = tenure.take(found, server=self.server, now=now)
        consultant = _consultant(found.consultant_id)
        client = None if found.client_id is None else people.client(found.client_id)
        scheduled = (
            None if found.scheduled_call_id is None else people.scheduled_call(found.scheduled_call_id)
        )
        conversation = _conversation(found.id, consultant, client, found.direction, found.number)
        state, resumption = resume(conversation, rulebook, began=found.began, now=now)
        return _Opened(
            conversation,
            _prompt(conversation, rulebook, consultant, client, scheduled, now),
            taken,
            consultant.transfer_number,
            state,
            resumption,
            found.handle if resumption.begun else None,
        )

    def _begin(self, metadata: CallMetadata, rulebook: Rulebook, now: datetime) -> _Opened:
        """Look the caller up, record the call, and word the prompt."""
        parties = _parties(metadata)
        scheduled, direction, line = parties.scheduled, parties.direction, parties.line
        client, consultant, outbound = parties.client, parties.consultant, direction == "outbound"
        if metadata.scheduled_call_id and scheduled is None:
            _log.warning("call %s: its scheduled call is not known to us", metadata.call_id)
        call_id = calls.open_call(
            bridge_call_id=metadata.call_id,
            consultant_id=consultant.id,
            direction=direction,
            caller_number=None if outbound else line,
            dialled_number=line if outbound else metadata.dialled_number,
            client_id=client.id if client else None,
            scheduled_call_id=scheduled.id if scheduled else None,
            server=self.server,
            now=now,
        )
        conversation = _conversation(call_id, consultant, client, direction, line)
        caller = conversation.caller
        _log.info("call %s: stored as %s, %s %s", metadata.call_id, call_id, caller.direction, caller.kind)
        prompt = _prompt(conversation, rulebook, consultant, client, scheduled, now)
        return _Opened(conversation, prompt, Tenure(call_id), consultant.transfer_number)


def _refuse_another(found: OpenCall, *, metadata: CallMetadata) -> None:
    """Raises AnotherCallerError when who is on the line now cannot be who the call is with.

    A bridge may say less than before, but not something else. Where neither time a number was told, the call id,
    which only bridges that were let in can name, is all there is.
    """
    if found.scheduled_call_id is not None and metadata.scheduled_call_id == found.scheduled_call_id:
        return
    told = metadata.caller_number if found.direction == "inbound" else metadata.dialled_number
    if told not in (None, found.number) or metadata.scheduled_call_id is not None:
        raise AnotherCallerError("the call with this id is with somebody else", code=1008)


def _conversation(
    call_id: str,
    consultant: ConsultantRecord,
    client: ClientRecord | None,
    direction: Direction,
    line: str | None,
) -> Conversation:
    caller = CallerKnown("client" if client else "lead", direction, line)
    return Conversation(
        call_id, call_id, consultant.id, consultant.zone, caller, client.id if client else None
    )


def _prompt(
    conversation: Conversation,
    rulebook: Rulebook,
    consultant: ConsultantRecord,
    client: ClientRecord | None,
    scheduled: ScheduledCallRecord | None,
    now: datetime,
) -> str:
    """What the model is told of this call, with the agenda as it is now."""
    caller = conversation.caller
    own = (
        bookings.find_bookings(client_id=client.id, now=now)
        if client
        else bookings.find_bookings(phone=caller.line, now=now)
        if caller.line
        else []
    )
    free = availability.available_starts(
        consultant.id, now, now + _HORIZON, consultant.settings.default_minutes, now=now
    )
    return fill_prompt(
        rulebook.prompt,
        consultant=consultant.name,
        caller=caller,
        name=client.name if client else None,
        extra=rulebook.limits.extra_details(caller.kind, caller.direction),
        own=sorted(b.start.astimezone(consultant.zone) for b in own if b.consultant_id == consultant.id),
        free=[start.astimezone(consultant.zone) for start in free],
        now=now.astimezone(consultant.zone),
        purpose=scheduled.purpose if scheduled else None,
    )


def _parties(metadata: CallMetadata) -> _Parties:
    """Look up who is on the line. Raises UnknownConsultantError where nobody's agenda is meant."""
    scheduled = people.scheduled_call(metadata.scheduled_call_id) if metadata.scheduled_call_id else None
    outbound = scheduled is not None or metadata.direction == "outbound"
    line = metadata.dialled_number if outbound else metadata.caller_number
    if scheduled is not None:
        line = scheduled.target_number
    client = people.client(scheduled.client_id) if scheduled and scheduled.client_id else None
    if client is None and line is not None:
        client = people.find_client(line)
    consultant = _consultant(
        scheduled.consultant_id
        if scheduled
        else metadata.consultant_id or (client.consultant_id if client else _only_consultant())
    )
    if client is not None and client.consultant_id != consultant.id:
        client = None
    return _Parties(scheduled, "outbound" if outbound else "inbound", line, client, consultant)


def _asked_for(metadata: CallMetadata) -> int:
    """Whose agenda a new call is about."""
    return _parties(metadata).consultant.id


def _consultant(consultant_id: int) -> ConsultantRecord:
    found = people.consultant(consultant_id)
    if found is None:
        raise UnknownConsultantError(
            f"there is no consultant {consultant_id}: let the bridge give the id of a stored one as consultantId"
        )
    return found


def _only_consultant() -> int:
    """The consultant of a call that names none: the only one there is."""
    try:
        return people.only_consultant("let the bridge send consultantId")
    except NotOneConsultant as error:
        raise UnknownConsultantError(f"the bridge names no consultant, and {error}") from None
