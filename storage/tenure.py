"""Who has a call: one connection at a time, of one server. A bridge that comes back gets the call it had lost.

Each taking raises the call's epoch. Every transaction of a call first looks whether its epoch is still the last
(`hold_fast`), with the row locked: whoever has lost the call can commit nothing more for it, however late.
Call these in `Database.run(work)`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from storage import bookings, locks
from storage.database import current
from storage.errors import CallTaken, StorageError, TryAgain
from storage.models import CallAnalysis, VoiceCall, proxy

LINE_LOST = "connection lost"


@dataclass(frozen=True, slots=True)
class Tenure:
    """The right to write for a call, until somebody takes it."""

    call_id: str
    epoch: int = 1


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that its bridge can come back to. `number` is the other side's, E.164, None when withheld.

    `rules`: the version it goes by, once anything was decided in it. `left`: nobody answers for it; else its owner is
    to be asked, who has been (`asked`) and has not answered yet.
    """

    id: str
    epoch: int
    consultant_id: int
    client_id: int | None
    direction: Literal["inbound", "outbound"]
    number: str | None
    scheduled_call_id: str | None
    began: datetime
    rules: str | None
    left: bool
    asked: bool
    handle: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a call that one believes to have: whether it is `taken`, or `wanted` since when."""

    taken: bool
    wanted_at: datetime | None


def may_return() -> bool:
    """Whether bridges can come back to calls whose lines they have lost."""
    return current().settings.call_return_seconds > 0


def of_bridge(bridge_call_id: str, *, now: datetime) -> OpenCall | None:
    """The call that a bridge with this id comes back to: not over, not hung up, and lost not too long ago.

    Until the transaction ends nobody else gets an answer for the same id, so that a call is begun or taken once.
    """
    if not may_return():
        return None
    if not current().on_sqlite:  # where every transaction that writes is alone
        proxy.execute_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", (bridge_call_id,))
    row: Any = (
        VoiceCall.select()
        .where(VoiceCall.bridge_call_id == bridge_call_id, VoiceCall.ended_at.is_null())
        .where(VoiceCall.hung_up_at.is_null())
        .where(VoiceCall.lost_at.is_null() | (VoiceCall.lost_at > _given_up(now)))
        .order_by(VoiceCall.started_at.desc(), VoiceCall.id.desc())
        .first()
    )
    if row is None:
        return None
    last: Any = (
        CallAnalysis.select(CallAnalysis.rules)
        .where(CallAnalysis.call == row.id)
        .order_by(CallAnalysis.number.desc())
        .first()
    )
    return OpenCall(
        id=row.id,
        epoch=row.epoch,
        consultant_id=row.consultant_id,
        client_id=row.client_id,
        direction=row.direction,
        number=row.caller_number if row.direction == "inbound" else row.dialled_number,
        scheduled_call_id=row.scheduled_call_id,
        began=row.started_at,
        rules=None if last is None else last.rules,
        left=row.lost_at is not None or (row.lease_until is not None and row.lease_until <= now),
        asked=row.wanted_at is not None,
        handle=row.handle,
    )


def ask_for(call: OpenCall, *, now: datetime) -> None:
    """Ask the owner of `call` to let it go; its server looks twice a second."""
    VoiceCall.update(wanted_at=now).where(_still(call.id, call.epoch), VoiceCall.lost_at.is_null()).execute()


def take(call: OpenCall, *, server: str | None, now: datetime) -> Tenure:
    """Take `call` as it was seen in this transaction. Raises TryAgain when it has changed since."""
    taken = Tenure(call.id, call.epoch + 1)
    done = (
        VoiceCall.update(
            epoch=taken.epoch,
            server=server,
            lease_until=None if server is None else lease(now),
            lost_at=None,
            wanted_at=None,
        )
        .where(_still(call.id, call.epoch), VoiceCall.hung_up_at.is_null())
        .execute()
    )
    if done != 1:
        raise TryAgain(f"call {call.id} has just changed hands or ended")
    return taken


def hold_fast(tenure: Tenure) -> None:
    """Keep the call until the transaction ends. Raises CallTaken when it is somebody else's already."""
    call: Any = VoiceCall.select(VoiceCall.epoch).where(VoiceCall.id == tenure.call_id)
    row = locks.kept(call).first()
    if row is None:
        raise StorageError(f"there is no call {tenure.call_id}")
    if row.epoch != tenure.epoch:
        raise CallTaken(f"call {tenure.call_id} has been taken by another connection")


def standings(tenures: Collection[Tenure]) -> dict[str, Standing]:
    """How it stands with these calls, by their ids."""
    epochs = {tenure.call_id: tenure.epoch for tenure in tenures}
    rows: Any = VoiceCall.select(VoiceCall.id, VoiceCall.epoch, VoiceCall.wanted_at)
    return {
        row.id: Standing(row.epoch != epochs[row.id], row.wanted_at)
        for row in rows.where(VoiceCall.id.in_(list(epochs)))
    }


def keep_to(tenure: Tenure) -> None:
    """Answer whoever asks for the call that it is not given: its line is alive."""
    VoiceCall.update(wanted_at=None).where(_still(tenure.call_id, tenure.epoch)).execute()


def hung_up(tenure: Tenure, *, now: datetime) -> None:
    """The bridge has ended the call: whoever comes with its id now has a new one."""
    VoiceCall.update(hung_up_at=now).where(_still(tenure.call_id, tenure.epoch)).execute()


def leave(tenure: Tenure, *, now: datetime) -> bool:
    """Leave the call to its bridge, which has lost its line; False when it was closed meanwhile."""
    left = VoiceCall.update(server=None, lease_until=None, lost_at=now, wanted_at=None)
    return bool(left.where(_still(tenure.call_id, tenure.epoch)).execute())


def leave_all(which: Any, *, now: datetime) -> None:
    """Leave the calls among `which` to their bridges, but for those that these have ended; who had them is gone."""
    VoiceCall.update(server=None, lease_until=None, lost_at=now, wanted_at=None).where(
        which, VoiceCall.ended_at.is_null(), VoiceCall.hung_up_at.is_null(), VoiceCall.lost_at.is_null()
    ).execute()


def keep_handle(tenure: Tenure, handle: str) -> None:
    """Keep what the conversation with the model goes on with."""
    VoiceCall.update(handle=handle).where(_still(tenure.call_id, tenure.epoch)).execute()


def not_returned(now: datetime) -> list[str]:
    """The ids of calls whose bridge has not come back in time."""
    rows: Any = VoiceCall.select(VoiceCall.id).where(VoiceCall.ended_at.is_null(), _lost_too_long(now))
    return [row.id for row in rows.order_by(VoiceCall.lost_at)]


def give_up(call_id: str, *, now: datetime) -> bool:
    """Close a call whose bridge has not come back in time, and release its hold; False when it has, or is closed.

    In a transaction of its own, so that the locks of one call do not wait for those of another.
    """
    closed = VoiceCall.update(
        epoch=VoiceCall.epoch + 1, ended_at=now, end_reason=LINE_LOST, handle=None, wanted_at=None
    ).where(VoiceCall.id == call_id, VoiceCall.ended_at.is_null(), _lost_too_long(now))
    if not closed.execute():
        return False
    bookings.release(call_id, now=now)
    return True


def lease(now: datetime) -> datetime:
    """Until when a server that has just answered for a call need not do so again."""
    return now + timedelta(seconds=current().settings.call_lease_seconds)


def _still(call_id: str, epoch: int) -> Any:
    return (VoiceCall.id == call_id) & (VoiceCall.epoch == epoch) & VoiceCall.ended_at.is_null()


def _given_up(now: datetime) -> datetime:
    return now - timedelta(seconds=current().settings.call_return_seconds)


def _lost_too_long(now: datetime) -> Any:
    return VoiceCall.lost_at.is_null(False) & (VoiceCall.lost_at <= _given_up(now))


__all__ = [
    "LINE_LOST",
    "OpenCall",
    "Standing",
    "Tenure",
    "ask_for",
    "give_up",
    "hold_fast",
    "hung_up",
    "keep_handle",
    "keep_to",
    "lease",
    "leave",
    "leave_all",
    "may_return",
    "not_returned",
    "of_bridge",
    "standings",
    "take",
]
