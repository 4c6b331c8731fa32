"""The tools for a chat model of one's own: which there are, and what each call answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from engine.ports import Clock, Elsewhere
from storage import chats
from storage.chats import ChatRecord, ChatRefused, Party
from storage.database import Database
from transport.api import declarations
from transport.api.conversations import BookingShown, Number, Slot, Source, local, refused, shown
from transport.api.operations import CONVERSATION, Asked, Body, Operation
from transport.api.tool_calls import Calls, Code, Done, note

Minutes = Annotated[int, Field(ge=5, le=480)]
LocalTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
BookingId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class GetAvailableSlots(Body):
    """Arguments of getAvailableSlots."""

    from_date: date | None = None
    to_date: date | None = None
    minutes: Minutes | None = None


class ProposeBooking(Body):
    """Arguments of proposeBooking."""

    start: LocalTime
    minutes: Minutes | None = None


class ConfirmBooking(Body):
    """Arguments of confirmBooking."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    email: Annotated[str, StringConstraints(min_length=1, max_length=254)] | None = None
    notes: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


class CancelBooking(Body):
    """Arguments of cancelBooking."""

    booking_id: BookingId | None = None


class RescheduleBooking(Body):
    """Arguments of rescheduleBooking."""

    start: LocalTime
    minutes: Minutes | None = None
    booking_id: BookingId | None = None


class GetMyBookings(Body):
    """getMyBookings has no arguments."""


TOOLS: dict[str, type[Body]] = {
    "getAvailableSlots": GetAvailableSlots,
    "proposeBooking": ProposeBooking,
    "confirmBooking": ConfirmBooking,
    "cancelBooking": CancelBooking,
    "rescheduleBooking": RescheduleBooking,
    "getMyBookings": GetMyBookings,
}


class Call(Body):
    """A tool call: in which conversation and for whom is said by the integration, never by the model."""

    conversation: Annotated[str, StringConstraints(pattern=f"^{CONVERSATION}$")]
    source: Source | None = None
    client_id: Number | None = Field(default=None, description="Who writes, where you know the client.")
    consultant_id: Number | None = Field(
        default=None, description="Whose agenda; needed where there are several."
    )


class SlotsCall(Call):
    """A call of getAvailableSlots."""

    arguments: GetAvailableSlots = Field(default_factory=GetAvailableSlots)


class ProposeCall(Call):
    """A call of proposeBooking."""

    arguments: ProposeBooking


class ConfirmCall(Call):
    """A call of confirmBooking."""

    arguments: ConfirmBooking = Field(default_factory=ConfirmBooking)


class CancelCall(Call):
    """A call of cancelBooking."""

    arguments: CancelBooking = Field(default_factory=CancelBooking)


class RescheduleCall(Call):
    """A call of rescheduleBooking."""

    arguments: RescheduleBooking


class MineCall(Call):
    """A call of getMyBookings."""

    arguments: GetMyBookings = Field(default_factory=GetMyBookings)


class HoldShown(Slot):
    """A slot that is held."""

    token: str
    expires_at: AwareDatetime


class ToolResult(Body):
    """What a tool came to, for the model; `message` is a sentence for the customer."""

    ok: bool
    code: Code
    message: str
    slots: list[Slot]
    hold: HoldShown | None
    booking: BookingShown | None
    bookings: list[BookingShown]


class Declarations(Body):
    """The tools in the shapes that chat models take."""

    gemini: list[dict[str, Any]]
    openai: list[dict[str, Any]]


class Tools:
    """The operations on tools."""

    def __init__(self, database: Database, clock: Clock, elsewhere: Elsewhere | None = None) -> None:
        """`elsewhere` looks after what else takes consultants' time."""
        self._database, self._clock, self._elsewhere = database, clock, elsewhere

    def operations(self) -> list[Operation]:
        """Those of this file."""
        listed = Operation(
            "GET", "/v1/tools", "listTools", "Declare the tools to a chat model.", "tools", None, Declarations,
            self.declare, (503,),
        )  # fmt: skip
        return [listed, *(self._operation(name, body) for name, body in _BODIES.items())]

    async def declare(self, _: Asked) -> Body:
        """The declarations."""
        return Declarations(gemini=declarations.gemini(TOOLS), openai=declarations.openai(TOOLS))

    def _operation(self, name: str, body: type[Call]) -> Operation:
        summary = f"Call the tool {name}."
        return Operation(
            "POST",
            f"/v1/tools/{name}",
            name,
            summary,
            "tools",
            body,
            ToolResult,
            self._calling(name),
            (409, 503),
        )

    def _calling(self, name: str) -> Callable[[Asked], Awaitable[Body]]:
        async def call(asked: Asked) -> Body:
            body: Any = asked.body
            now = self._clock.now()
            party = Party(
                asked.key.integration, body.conversation, body.source, body.client_id, body.consultant_id
            )
            acts = name in _ACTING

            def work() -> tuple[ChatRecord, Done]:
                chat = chats.open_chat(party, chats.TOOLS if acts else None, now=now)
                done = _DO[name](Calls(chat, name, now), body.arguments)
                if acts:
                    note(chat, name, done, now)
                return chat, done

            try:
                if self._elsewhere is not None and name in _LOOKING:
                    known = await self._database.run(lambda: chats.open_chat(party, None, now=now))
                    await self._elsewhere.fresh(known.consultant_id)
                chat, done = await self._database.run(work)
            except ChatRefused as error:
                raise refused(error) from None
            return _result(chat, done)

        return call


_ACTING = frozenset({"proposeBooking", "confirmBooking", "cancelBooking", "rescheduleBooking"})
_LOOKING = frozenset({"getAvailableSlots", "proposeBooking", "confirmBooking", "rescheduleBooking"})
_BODIES: dict[str, type[Call]] = {
    "getAvailableSlots": SlotsCall,
    "proposeBooking": ProposeCall,
    "confirmBooking": ConfirmCall,
    "cancelBooking": CancelCall,
    "rescheduleBooking": RescheduleCall,
    "getMyBookings": MineCall,
}
_DO: dict[str, Callable[[Calls, Any], Done]] = {
    "getAvailableSlots": lambda calls, given: calls.free(given.from_date, given.to_date, given.minutes),
    "proposeBooking": lambda calls, given: calls.propose(given.start, given.minutes),
    "confirmBooking": lambda calls, given: calls.confirm(
        given.token, given.name, given.phone, given.email, given.notes
    ),
    "cancelBooking": lambda calls, given: calls.cancel(given.booking_id),
    "rescheduleBooking": lambda calls, given: calls.reschedule(given.booking_id, given.start, given.minutes),
    "getMyBookings": lambda calls, _: calls.mine(),
}


def _result(chat: ChatRecord, done: Done) -> ToolResult:
    hold = done.hold
    return ToolResult(
        ok=done.code in ("OK", "NO_SLOTS", "NO_BOOKINGS"),
        code=done.code,
        message=done.message,
        slots=[
            Slot(start=start, local_start=local(start, chat.zone), minutes=done.minutes)
            for start in done.slots
        ],
        hold=None
        if hold is None
        else HoldShown(
            start=hold.start,
            local_start=local(hold.start, chat.zone),
            minutes=hold.minutes,
            token=hold.token,
            expires_at=hold.expires_at,
        ),
        booking=None if done.booking is None else shown(done.booking, local(done.booking.start, chat.zone)),
        bookings=[shown(each, local(each.start, chat.zone)) for each in done.bookings],
    )
