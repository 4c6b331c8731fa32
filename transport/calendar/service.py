"""What the program asks of a calendar, whoever keeps it. Google's is in google.py; CalDAV would be one more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.busy import Busy
from transport.errors import TransportError


class CalendarError(TransportError):
    """Something could not be done in a calendar. The message holds no personal data."""


class Unreachable(CalendarError):  # noqa: N818 - named for what happened
    """Raised when the calendar did not answer, or asks to try again later: what was asked may have been done."""


class Forbidden(CalendarError):  # noqa: N818 - named for what happened
    """Raised when the calendar says no, and would again."""


class AlreadyThere(CalendarError):  # noqa: N818 - named for what happened
    """Raised by `create` when there is, or was, an event with this id."""


class NotThere(CalendarError):  # noqa: N818 - named for what happened
    """Raised by `update` and `delete` when there has never been an event with this id, or it is gone for good."""


@dataclass(frozen=True, slots=True)
class Event:
    """What an event shall say. Instants are aware; `zone` is an IANA name. `invited` is an address, or nobody's;
    `meet` asks for a place on line."""

    id: str
    title: str
    description: str
    start: datetime
    end: datetime
    zone: str
    invited: str | None = None
    meet: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the calendar has it: where it is held on line, and whether that is still to come."""

    meet_link: str | None = None
    meet_pending: bool = False


class CalendarService(Protocol):
    """A calendar by its id. All of these raise Unreachable and Forbidden; all may be called again after that."""

    async def create(self, calendar: str, event: Event, *, quietly: bool = False) -> Kept:
        """Make the event; `quietly`: nobody is written to. Raises AlreadyThere."""

    async def update(self, calendar: str, event: Event) -> Kept:
        """Bring the event to what it shall say, if it says anything else; a deleted one stands again.

        A request that comes late changes nothing that was changed since it was made. Raises NotThere.
        """

    async def delete(self, calendar: str, event_id: str, *, quietly: bool = False) -> None:
        """Delete the event; that it is deleted already is well. Raises NotThere."""

    async def busy(self, calendar: str, since: datetime, until: datetime) -> Sequence[Busy]:
        """What takes the owner's time between two instants (aware), our own events included."""
