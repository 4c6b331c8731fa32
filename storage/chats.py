"""Chats and their messages: each is read once and in its place, however often and in whatever order it is delivered.

Call these in `Database.run(work)`. Whoever changes a chat locks its row first, so that two servers take turns.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

from storage import bookings, conversations, locks
from storage.errors import StorageError
from storage.models import Chat, ChatAnalysis, ChatMessage, Consultant, PendingBooking
from storage.people import client as client_with

PASSED_OVER = 0
"""In place of an analysis: the message came when a booking stood on newer ones, or its analysis failed."""

PREFIX = "chat_"
"""How the names of chats begin in the store, and those of calls do not."""

SUPERVISOR, TOOLS = "supervisor", "tools"


class ChatRefused(StorageError):  # noqa: N818 - named for what happened
    """Raised when a chat cannot be what it is asked to be. `what` is one of a few fixed words."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


@dataclass(frozen=True, slots=True)
class Party:
    """Who talks, as the integration says it: `external` is its name of the conversation. None: what is known already,
    or for a new chat the only consultant there is, the source `chat`, and a lead."""

    integration: str
    external: str
    source: str | None = None
    client_id: int | None = None
    consultant_id: int | None = None


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """A chat; `id` names its conversation in the store. Instants are aware UTC."""

    id: str
    consultant_id: int
    zone: ZoneInfo
    client_id: int | None
    source: str
    led_by: str | None


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message: `number` counts them as they came, `at` is when it was written. `analysis`: the one it was last
    read in, None before, PASSED_OVER for never."""

    number: int
    message: str
    role: str
    text: str
    at: datetime
    analysis: int | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """By which messages are put in order."""
        return self.at, self.number


@dataclass(frozen=True, slots=True)
class Before:
    """Where a conversation stood before an analysis, as `conversations.advance` takes it."""

    stage: str
    task: str | None
    state: Mapping[str, Any]


def open_chat(party: Party, led_by: str | None, *, now: datetime) -> ChatRecord:
    """The chat of a party, made when it is new, locked until the transaction ends. `led_by`: who is to act in it.

    A lead who turns out to be a client only loses what was held for the lead. Raises ChatRefused: `unknown_consultant`,
    `unknown_client`, `other_client`, `other_consultant`, `other_source`, `other_leader`.
    """
    row = _locked(party)
    if row is None:
        _make(party, now)
        row = _locked(party)
        assert row is not None
    if party.source not in (None, row.source):
        raise ChatRefused("other_source", f"the conversation came by {row.source}, not by {party.source}")
    if party.consultant_id not in (None, row.consultant_id):
        raise ChatRefused(
            "other_consultant", f"the conversation is about the agenda of consultant {row.consultant_id}"
        )
    if led_by is not None and row.led_by not in (None, led_by):
        raise ChatRefused(
            "other_leader",
            f"in this conversation the {row.led_by} acts: one conversation is led by messages or by tools, not by both",
        )
    changes: dict[str, Any] = {"last_at": max(now, row.last_at)}
    if led_by is not None:
        changes["led_by"] = led_by
    if party.client_id is not None and party.client_id != row.client_id:
        if row.client_id is not None:
            raise ChatRefused("other_client", "the conversation is another client's")
        _client_of(party.client_id, row.consultant_id)
        changes["client"] = party.client_id
        bookings.release(row.id, now=now)  # it was a lead's
    Chat.update(**changes).where(Chat.id == row.id).execute()
    return replace(_record(row), client_id=changes.get("client", row.client_id), led_by=led_by or row.led_by)


def find_chat(integration: str, external: str) -> ChatRecord | None:
    """The chat that an integration knows as `external`."""
    row: Any = (
        Chat.select(Chat, Consultant)
        .join(Consultant)
        .where(Chat.integration == integration, Chat.external == external)
        .first()
    )
    return None if row is None else _record(row)


def lock(chat_id: str) -> int:
    """Let nobody else change the chat until the transaction ends; how many messages have come so far."""
    locks.kept(Chat.select(Chat.id).where(Chat.id == chat_id)).first()
    return _count(chat_id)


def begin_anew(chat_id: str, *, now: datetime) -> None:
    """Look back at no message that came before `now`."""
    Chat.update(anew_at=now).where(Chat.id == chat_id).execute()


def messages(chat_id: str, limit: int) -> list[MessageRecord]:
    """The last messages in the order they were written, at most `limit`, and all that were not read yet."""
    mine = ChatMessage.chat == chat_id
    anew: Any = Chat.select(Chat.anew_at).where(Chat.id == chat_id).get()
    if anew.anew_at is not None:
        mine &= ChatMessage.received_at >= anew.anew_at
    newest = ChatMessage.at.desc(), ChatMessage.number.desc()
    last: Any = ChatMessage.select().where(mine).order_by(*newest).limit(limit)
    unread: Any = ChatMessage.select().where(mine, ChatMessage.analysis.is_null())
    found = {row.number: _message(row) for row in (*last, *unread)}
    return sorted(found.values(), key=lambda each: each.place)


def add_message(
    chat_id: str, message: str, *, role: str, text: str, at: datetime, now: datetime
) -> MessageRecord | None:
    """Keep a message written at `at`; None when it is known already, and stays as it was. Lock the chat first.

    Raises ChatRefused where the id is known of other words: taken for the same, a correction would be lost.
    """
    mine = ChatMessage.chat == chat_id
    known: Any = ChatMessage.get_or_none(mine, ChatMessage.message == message)
    if known is not None:
        if (known.role, known.text) != (role, text):
            raise ChatRefused(
                "other_message", "the id is already that of another message in this conversation"
            )
        return None
    number = _count(chat_id) + 1
    ChatMessage.create(
        chat=chat_id, number=number, message=message, role=role, text=text, at=at, received_at=now
    )
    row: Any = ChatMessage.get(mine, ChatMessage.number == number)
    return _message(row)


def mark_read(chat_id: str, numbers: Collection[int], analysis: int) -> None:
    """These messages were read in that analysis."""
    which = (ChatMessage.chat == chat_id) & ChatMessage.number.in_(list(numbers))
    ChatMessage.update(analysis=analysis).where(which).execute()


def record_analysis(
    chat_id: str, number: int, *, before: Before, notices: Sequence[str], wrote: bool, read: Collection[int]
) -> None:
    """Keep what an analysis of the messages numbered `read` came to; `wrote`: whether a booking was changed."""
    ChatAnalysis.create(
        chat=chat_id,
        number=number,
        before={"stage": before.stage, "task": before.task, "state": dict(before.state)},
        notices=list(notices),
        wrote=wrote,
    )
    mark_read(chat_id, read, number)


def known_message(chat_id: str, message: str) -> MessageRecord:
    """A message that was kept. Raises StorageError when there is none."""
    row: Any = ChatMessage.get_or_none(ChatMessage.chat == chat_id, ChatMessage.message == message)
    if row is None:
        raise StorageError("the message is gone: the words of this chat have just been erased")
    return _message(row)


def notices_of(chat_id: str, message: str) -> tuple[str, ...]:
    """What was told after the message was last read."""
    row: Any = (
        ChatAnalysis.select(ChatAnalysis.notices)
        .join(
            ChatMessage,
            on=(ChatMessage.chat == ChatAnalysis.chat) & (ChatMessage.analysis == ChatAnalysis.number),
        )
        .where(ChatMessage.chat == chat_id, ChatMessage.message == message)
        .first()
    )
    return () if row is None else tuple(row.notices)


def make_room(chat_id: str, late: MessageRecord) -> Before | None:
    """Where to read again from, so that a message is read in its place: all that were read with or after a later one
    count as not read. None when nothing has to be read again.

    Where a booking was written since, it stays, and the late message counts as PASSED_OVER. Lock the chat first.
    """
    mine = ChatMessage.chat == chat_id
    anew: Any = Chat.select(Chat.anew_at).where(Chat.id == chat_id).get()
    if anew.anew_at is not None:  # what was before then is never read again
        mine &= ChatMessage.received_at >= anew.anew_at
    behind = (ChatMessage.at > late.at) | ((ChatMessage.at == late.at) & (ChatMessage.number > late.number))
    first = (
        ChatMessage.select(pw.fn.MIN(ChatMessage.analysis))
        .where(mine, behind, ChatMessage.analysis > PASSED_OVER)
        .scalar()
    )
    if first is None:
        return None
    analyses = (ChatAnalysis.chat == chat_id) & (ChatAnalysis.number >= first)
    again: list[Any] = list(ChatAnalysis.select().where(analyses).order_by(ChatAnalysis.number))
    if any(row.wrote for row in again):
        mark_read(chat_id, [late.number], PASSED_OVER)
        return None
    before = again[0].before
    ChatAnalysis.delete().where(analyses).execute()
    ChatMessage.update(analysis=None).where(mine, ChatMessage.analysis >= first).execute()
    return Before(before["stage"], before["task"], before["state"])


def made_in(chat_id: str, since: datetime | None = None) -> list[tuple[str, str]]:
    """Kind and id of the bookings that were confirmed in a conversation (from `since` on), the latest first."""
    rows: Any = PendingBooking.select().where(
        PendingBooking.conversation == chat_id, PendingBooking.booking_id.is_null(False)
    )
    if since is not None:
        rows = rows.where(PendingBooking.confirmed_at >= since)
    return [(row.booking_kind, row.booking_id) for row in rows.order_by(PendingBooking.confirmed_at.desc())]


def _count(chat_id: str) -> int:
    return int(
        ChatMessage.select(pw.fn.MAX(ChatMessage.number)).where(ChatMessage.chat == chat_id).scalar() or 0
    )


def _make(party: Party, now: datetime) -> None:
    consultant = party.consultant_id
    if consultant is None and party.client_id is not None:
        consultant = _client_of(party.client_id, None)
    known = {row.id for row in Consultant.select(Consultant.id)}
    if consultant is None and len(known) == 1:
        consultant = next(iter(known))
    if consultant not in known:
        raise ChatRefused(
            "unknown_consultant",
            f"there is no consultant {consultant}"
            if consultant is not None
            else f"there are {len(known)} consultants: say whose agenda it is about",
        )
    if party.client_id is not None:
        _client_of(party.client_id, consultant)
    chat_id = f"{PREFIX}{uuid.uuid4().hex}"
    made = Chat.insert(
        id=chat_id,
        integration=party.integration,
        external=party.external,
        consultant=consultant,
        client=party.client_id,
        source=party.source or "chat",
        started_at=now,
        last_at=now,
    ).on_conflict_ignore()
    if made.as_rowcount().execute() == 1:  # else another server has just made it
        conversations.begin_chat(chat_id, now=now)


def _client_of(client_id: int, consultant_id: int | None) -> int:
    """The consultant of a client, who must be `consultant_id` where that is given."""
    known = client_with(client_id)
    if known is None or consultant_id not in (None, known.consultant_id):
        of = "" if consultant_id is None else f" of consultant {consultant_id}"
        raise ChatRefused("unknown_client", f"there is no client {client_id}{of}")
    return known.consultant_id


def _locked(party: Party) -> Any:
    """The row of a party's chat, locked."""
    which = (Chat.integration == party.integration) & (Chat.external == party.external)
    found = locks.kept(Chat.select().where(which)).first()
    return found and Chat.select(Chat, Consultant).join(Consultant).where(Chat.id == found.id).get()


def _record(row: Any) -> ChatRecord:
    return ChatRecord(
        id=row.id,
        consultant_id=row.consultant_id,
        zone=ZoneInfo(row.consultant.zone),
        client_id=row.client_id,
        source=row.source,
        led_by=row.led_by,
    )


def _message(row: Any) -> MessageRecord:
    return MessageRecord(row.number, row.message, row.role, row.text, row.at, row.analysis)
