"""Written conversations: a message comes in, and where things stand goes out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, StringConstraints

from engine.chat import ChatBusyError, Chats, Message, Standing
from engine.ports import Clock
from engine.turns import Speaker
from fsm.stages import Stage, Task
from storage.chats import ChatRefused, Party
from storage.results import Booking
from transport.api.operations import Asked, Body, Operation
from transport.api.problems import Problem, busy

Source = Literal["whatsapp", "instagram", "public_link", "chat"]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_AHEAD = timedelta(minutes=5)
_OLDEST = timedelta(days=365)

REFUSED = {
    "unknown_consultant": 422,
    "unknown_client": 422,
    "other_client": 409,
    "other_consultant": 409,
    "other_source": 409,
    "other_leader": 409,
    "other_message": 409,
}


class NewMessage(Body):
    """One message of a conversation. Deliver it again as often as you like: its id tells that it is the same."""

    message_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="Your id of the message, unique in the conversation."
    )
    role: Literal["caller", "assistant"] = Field(
        description="Who wrote it: the customer, or whoever answers."
    )
    text: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    at: AwareDatetime | None = Field(
        default=None,
        description="When it was written; without it, when it comes. Give it for both sides by one clock, or for none.",
    )
    source: Source | None = Field(default=None, description="The channel; of a new conversation else `chat`.")
    client_id: Number | None = Field(default=None, description="Who writes, where you know the client.")
    consultant_id: Number | None = Field(
        default=None, description="Whose agenda; needed where there are several."
    )


class Details(Body):
    """What is held of the booking so far; date and time are local to the consultant."""

    date: str | None
    time: str | None
    minutes: int | None
    phone: str | None
    email: str | None
    name: str | None
    notes: str | None


class Slot(Body):
    """A time in the agenda."""

    start: AwareDatetime
    local_start: str = Field(description="The same, local to the consultant: 2026-02-11T15:00.")
    minutes: int


class BookingShown(Slot):
    """A booking in force."""

    kind: Literal["consultation", "appointment"]
    id: str
    meet_link: str | None = Field(description="Where it is held on line, once that is known.")


class BookingStanding(Body):
    """Where the booking of a conversation stands."""

    conversation: str
    stage: Stage
    task: Task
    has_pending_booking: bool = Field(description="Whether something waits for the customer's yes.")
    expires_at: AwareDatetime | None = Field(description="Until when the slot is held.")
    pending: Slot | None = Field(description="The slot that is held.")
    booking: BookingShown | None
    tool_mode: Literal["sticky", "auto"] = Field(
        description="`sticky`: a bare ok belongs to the booking; do not classify it anew."
    )
    context: str = Field(description="One line for a classifier of yours.")


class MessageTaken(BookingStanding):
    """Where the conversation stands after a message."""

    message_id: str
    details: Details
    missing: list[str] = Field(description="Details to be asked for.")
    to_restate: list[str] = Field(
        description="Details that the assistant must restate, beside day and time, before a yes can count."
    )
    notices: list[str] = Field(description="To be woven into the next reply.")
    callback_requested: bool = Field(description="A person is to get in touch; the notices say so too.")
    duplicate: bool = Field(description="It had been taken before, and has changed nothing.")
    read: bool = Field(description="False: it was passed over; ask again what the customer wants.")


class Conversations:
    """The operations on written conversations."""

    def __init__(self, chats: Chats, clock: Clock) -> None:
        self._chats, self._clock = chats, clock

    def operations(self) -> list[Operation]:
        """Those of this file."""
        return [
            Operation(
                "POST",
                "/v1/conversations/{id}/messages",
                "postMessage",
                "Take a message of either side, and say where the conversation stands.",
                "conversations:write",
                NewMessage,
                MessageTaken,
                self.post,
                (409, 503),
            ),
            Operation(
                "GET",
                "/v1/conversations/{id}/booking",
                "getBooking",
                "Say where the booking of a conversation stands.",
                "conversations:read",
                None,
                BookingStanding,
                self.booking,
                (503,),
            ),
        ]

    async def post(self, asked: Asked) -> Body:
        """Take a message."""
        body: NewMessage = asked.body
        now = self._clock.now()
        if body.at is not None and not now - _OLDEST <= body.at <= now + _AHEAD:
            raise Problem(
                422, "implausible-time", "`at` is long ago or in the future: give it by a right clock."
            )
        party = Party(
            asked.key.integration, asked.path["id"], body.source, body.client_id, body.consultant_id
        )
        message = Message(body.message_id, Speaker(body.role), body.text, body.at)
        try:
            standing = await self._chats.take(party, message)
        except ChatRefused as error:
            raise refused(error) from None
        except ChatBusyError:
            raise busy(
                1, 503, "conversation-busy", "Messages come faster than they can be read: deliver it again."
            ) from None
        return MessageTaken(
            **_standing(asked.path["id"], standing),
            message_id=body.message_id,
            details=_details(standing),
            missing=list(standing.missing),
            to_restate=list(standing.to_restate),
            notices=list(standing.notices),
            callback_requested=standing.callback,
            duplicate=standing.duplicate,
            read=standing.read,
        )

    async def booking(self, asked: Asked) -> Body:
        """Where the booking stands; of a conversation in which nobody has written yet, that there is none."""
        standing = await self._chats.standing(asked.key.integration, asked.path["id"])
        return BookingStanding(**_standing(asked.path["id"], standing))


def refused(error: ChatRefused) -> Problem:
    """A conversation that cannot be what it is asked to be."""
    detail = str(error)
    return Problem(REFUSED[error.what], error.what.replace("_", "-"), f"{detail[0].upper()}{detail[1:]}.")


def _standing(conversation: str, standing: Standing | None) -> dict[str, Any]:
    pending = standing is not None and standing.pending
    hold = standing.hold if standing else None
    zone = standing.chat.zone if standing else None
    return {
        "conversation": conversation,
        "stage": standing.stage if standing else Stage.NESSUN_INTENTO,
        "task": standing.task if standing else Task.NESSUNO,
        "has_pending_booking": pending,
        "expires_at": hold.expires_at if hold else None,
        "pending": Slot(start=hold.start, local_start=local(hold.start, zone), minutes=hold.minutes)
        if hold and zone
        else None,
        "booking": shown(standing.booking, local(standing.booking.start, standing.chat.zone))
        if standing and standing.booking
        else None,
        "tool_mode": "sticky" if pending else "auto",
        "context": f"Context: hasPendingBooking={str(pending).lower()}",
    }


def shown(booking: Booking, local_start: str) -> BookingShown:
    """A booking, without whose it is."""
    return BookingShown(
        kind=booking.kind.value,
        id=booking.id,
        start=booking.start,
        local_start=local_start,
        minutes=booking.minutes,
        meet_link=booking.meet_link,
    )


def local(at: datetime, zone: ZoneInfo) -> str:
    """An instant as local time, as it is written everywhere here."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def _details(standing: Standing) -> Details:
    held = standing.details
    return Details(
        date=None if held.date is None else held.date.isoformat(),
        time=None if held.time is None else f"{held.time:%H:%M}",
        minutes=held.minutes,
        phone=held.phone,
        email=held.email,
        name=held.name,
        notes=held.notes,
    )
