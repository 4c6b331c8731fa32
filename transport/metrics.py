"""What is counted while calls go on, for Prometheus to fetch at /metrics.

Labels are words of our own code, few and fixed: never a number, a name, an id or anything said.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from engine.call import CallEnd
from engine.ports import Clock, Extractor, Mention
from engine.supervisor import Told
from engine.turns import Turn
from fsm.stages import Event, Task
from storage.tenure import LINE_LOST
from transport.bridge.line import BridgeLine

CONTENT_TYPE = CONTENT_TYPE_LATEST
_LAG_EVERY_S = 0.1
_LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_ANSWERS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

# How an end of a call is called, by how its reason begins; the rest is "other".
_ENDS = {
    "hangup": "hangup",
    LINE_LOST: "connection_lost",
    "hung up by us": "hung_up_by_us",
    "transferred": "transferred",
    "ended by us": "drained",
    "bridge error": "bridge_error",
    "model unreachable": "model_unreachable",
    "internal error": "internal_error",
    "longer than": "too_long",
    "the caller has not spoken": "silent_caller",
    "error": "not_set_up",
}


class Metrics:
    """One server's numbers, since it started."""

    def __init__(self) -> None:
        self._registry = kept = CollectorRegistry()
        self._active = Gauge(
            "vbs_calls_active", "Calls that go on.", registry=kept, multiprocess_mode="livesum"
        )
        self._calls = Counter("vbs_calls", "Calls that have ended, by how.", ["end"], registry=kept)
        self._lines = Counter(
            "vbs_lines", "Lines lost, and bridges that came back to their calls.", ["what"], registry=kept
        )
        self._stages = Counter("vbs_stages", "Stages that calls have entered.", ["stage"], registry=kept)
        self._bookings = Counter("vbs_bookings", "What was written, by task.", ["task"], registry=kept)
        self._refusals = Counter(
            "vbs_refusals",
            "What was refused: by the door, a guard or the store.",
            ["by", "reason"],
            registry=kept,
        )
        self._answers = Histogram(
            "vbs_extractor_seconds",
            "How long the extraction model took.",
            ["outcome"],
            buckets=_ANSWERS_S,
            registry=kept,
        )
        self._dropped = Counter(
            "vbs_caller_audio_dropped_seconds", "Caller audio dropped, by where.", ["at"], registry=kept
        )
        self._unplayed = Counter(
            "vbs_assistant_audio_dropped_seconds", "Audio dropped of turns too long to wait.", registry=kept
        )
        self._underruns = Counter(
            "vbs_playout_underruns", "Times the bridge ran dry within a turn.", registry=kept
        )
        self._barge_ins = Counter("vbs_barge_ins", "Times a caller cut the assistant off.", registry=kept)
        self._rotations = Counter(
            "vbs_session_rotations",
            "Times a call went over to another conversation with the model, by why.",
            ["reason"],
            registry=kept,
        )
        self._lag = Histogram(
            "vbs_loop_lag_seconds", "How late the event loop is.", buckets=_LAGS_S, registry=kept
        )

    def page(self) -> bytes:
        """All numbers, as Prometheus reads them; those of all workers where there are several."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # theirs has no types
        return generate_latest(registry)

    def refused_at_the_door(self, reason: str) -> None:
        """A bridge was not let in; `reason` is one of a few fixed words."""
        self._refusals.labels("door", reason).inc()

    def line_begins(self) -> None:
        """A bridge has said which call it is."""
        self._active.inc()

    def line_ends(self, line: BridgeLine) -> None:
        """All of a call is over; its `line` knows what it had to drop."""
        self._active.dec()
        self._underruns.inc(line.underruns)
        self._dropped.labels("bridge").inc(line.dropped_ms / 1000)
        self._unplayed.inc(line.unplayed_ms / 1000)

    def call_ends(self, end: CallEnd) -> None:
        """What became of a call, or of its connection."""
        if end.left:
            self._lines.labels("lost").inc()
        else:
            self._ended(end.reason)
        self._dropped.labels("model").inc(end.dropped_ms / 1000)
        self._barge_ins.inc(end.barge_ins)
        for reason, times in end.rotations.items():
            self._rotations.labels(reason).inc(times)

    def line_returns(self) -> None:
        """A bridge has come back to its call."""
        self._lines.labels("returned").inc()

    def given_up(self) -> None:
        """A call has ended since its bridge did not come back."""
        self._ended(LINE_LOST)

    def analysed(self, told: Told) -> None:
        """What an analysis did; it has been committed."""
        for step in told.analysis.steps:
            entry = step.entry
            if entry.guard is not None:
                self._refusals.labels("guard", entry.guard).inc()
            elif entry.target != entry.source:
                self._stages.labels(str(entry.target)).inc()
            if entry.event == Event.SUCCESSO and entry.guard is None:
                self._bookings.labels(str(Task(entry.task))).inc()
        for refusal in {step.refusal for step in told.analysis.steps if step.refusal is not None}:
            self._refusals.labels("store", refusal.outward.lower()).inc()

    def _ended(self, reason: str) -> None:
        known = next((name for begins, name in _ENDS.items() if reason.startswith(begins)), "other")
        self._calls.labels(known).inc()

    def timed(self, extractor: Extractor, clock: Clock) -> Timed:
        """`extractor`, its answers timed."""
        return Timed(extractor, clock, self._answers)

    @asynccontextmanager
    async def watching_lag(self, clock: Clock) -> AsyncIterator[None]:
        """Measure how late the event loop is, while inside."""

        async def watch() -> None:
            while True:
                due = clock.monotonic() + _LAG_EVERY_S
                await clock.sleep(_LAG_EVERY_S)
                self._lag.observe(max(0.0, clock.monotonic() - due))

        task = asyncio.create_task(watch(), name="loop lag")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Timed:
    """An extractor whose answers are timed; one that was cancelled is not."""

    extractor: Extractor
    clock: Clock
    answers: Histogram

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """What the extractor finds or raises."""
        began, outcome = self.clock.monotonic(), "failed"
        try:
            found = await self.extractor.extract(turns)
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = ""
            raise
        finally:
            if outcome:
                self.answers.labels(outcome).observe(self.clock.monotonic() - began)
        return found
