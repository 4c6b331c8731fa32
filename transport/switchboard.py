"""Puts one call together: who is calling, what the model is told, who supervises; and runs it to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from engine.call import Call, CallEnd
from engine.conversation import Conversation
from engine.ports import Clock, Extractor, Line, LiveModel
from engine.prompt import fill_prompt
from engine.rulebook import Rulebook
from engine.settings import EngineSettings
from engine.shelf import Shelf
from engine.supervisor import Supervisor
from engine.understanding.context import CallerKnown
from storage import availability, bookings, calls, people
from storage.database import Database
from storage.people import ConsultantRecord
from transport.audio.energy import EnergyDetector
from transport.bridge.metadata import CallMetadata
from transport.errors import BridgeError
from transport.logs import log_stored_as
from transport.metrics import Metrics

_log = logging.getLogger(__name__)
_HORIZON = timedelta(days=30)


class UnknownConsultantError(BridgeError):
    """Raised when a call is for a consultant that the store does not know."""


@dataclass(frozen=True, slots=True)
class _Opened:
    conversation: Conversation
    prompt: str


@dataclass(frozen=True, slots=True)
class Switchboard:
    """Answers calls. A call takes the rules in force on the `shelf` when it begins, and the `extractor` for these.

    `server` is who answers for the calls in the store; `live` the ids of those that are going on.
    """

    database: Database
    clock: Clock
    model: LiveModel
    shelf: Shelf
    extractor: Callable[[Rulebook], Extractor]
    settings: EngineSettings
    server: str | None = None
    live: set[str] = field(default_factory=set)
    metrics: Metrics = field(default_factory=Metrics)

    async def answer(self, line: Line, metadata: CallMetadata) -> None:
        """Run one call from its connection to its end. Raises what keeps it from being set up."""
        rulebook = self.shelf.current()
        opened = await self.database.run(lambda: self._open(metadata, rulebook))
        conversation = opened.conversation
        log_stored_as(conversation.id)
        supervisor = Supervisor(
            conversation, self.database, rulebook, self.extractor(rulebook), watch=self.metrics.analysed
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
            record=lambda turn: self.database.run(lambda: calls.record_turns(conversation.id, [turn])),
        )
        end = CallEnd("error")
        self.live.add(conversation.id)
        try:
            end = await call.run()
        finally:
            # A call that is torn down still lets go of its hold and is closed in the store; if the store does
            # not answer now, its lease runs out.
            self.live.discard(conversation.id)
            self.metrics.call_ends(end)
            await asyncio.shield(supervisor.finish(self.clock.now(), end.reason))

    def _detector(self) -> EnergyDetector:
        tuned = self.settings
        return EnergyDetector(
            threshold_dbfs=tuned.energy_threshold_dbfs,
            margin_db=tuned.noise_margin_db,
            onset_ms=tuned.onset_ms,
            hangover_ms=tuned.hangover_ms,
        )

    def _open(self, metadata: CallMetadata, rulebook: Rulebook) -> _Opened:
        """Look the caller up, record the call, and word the prompt."""
        now = self.clock.now()
        scheduled = people.scheduled_call(metadata.scheduled_call_id) if metadata.scheduled_call_id else None
        if metadata.scheduled_call_id and scheduled is None:
            _log.warning("call %s: its scheduled call is not known to us", metadata.call_id)
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
        caller = CallerKnown("client" if client else "lead", "outbound" if outbound else "inbound", line)
        call_id = calls.open_call(
            bridge_call_id=metadata.call_id,
            consultant_id=consultant.id,
            direction=caller.direction,
            caller_number=None if outbound else line,
            dialled_number=line if outbound else metadata.dialled_number,
            client_id=client.id if client else None,
            scheduled_call_id=scheduled.id if scheduled else None,
            server=self.server,
            now=now,
        )
        conversation = Conversation(
            call_id, call_id, consultant.id, consultant.zone, caller, client.id if client else None
        )
        _log.info("call %s: stored as %s, %s %s", metadata.call_id, call_id, caller.direction, caller.kind)
        own = (
            bookings.find_bookings(client_id=client.id, now=now)
            if client
            else bookings.find_bookings(phone=line, now=now)
            if line
            else []
        )
        free = availability.available_starts(
            consultant.id, now, now + _HORIZON, consultant.settings.default_minutes, now=now
        )
        prompt = fill_prompt(
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
        return _Opened(conversation, prompt)


def _consultant(consultant_id: int) -> ConsultantRecord:
    found = people.consultant(consultant_id)
    if found is None:
        raise UnknownConsultantError(
            f"there is no consultant {consultant_id}: let the bridge give the id of a stored one as consultantId"
        )
    return found


def _only_consultant() -> int:
    """The consultant of a call that names none: the only one there is."""
    known = people.consultants()
    if len(known) != 1:
        raise UnknownConsultantError(
            f"the bridge names no consultant and there are {len(known)}: let it send consultantId"
        )
    return known[0].id
