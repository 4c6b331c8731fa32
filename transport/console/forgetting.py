"""The body of `privacy erase`: says what is known of a person first, and erases only what it was told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage import people, privacy
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.privacy import Erased, Traces
from storage.results import Booking
from transport.console import wording

_KINDS = {
    "calls": "calls",
    "chats": "chats",
    "turns": "turns",
    "values": "values of the journal",
    "bookings": "bookings",
}
_KINDS |= {"clients": "clients", "scheduled": "calls to place", "cancelled": "bookings cancelled"}


def erase(
    database: Database,
    *,
    phones: Sequence[str],
    emails: Sequence[str],
    clients: Sequence[int],
    yes: bool,
    cancel_bookings: bool,
    now: datetime,
) -> int:
    """Erase a person, or only say what would be. The exit status: 0 done or nothing known, 1 nothing was erased.

    `yes` leaves bookings to come in the agenda, without a name; `cancel_bookings` gives them up.
    """

    def work() -> tuple[Traces, list[str], Erased | None]:
        found = privacy.traces(phones=phones, emails=emails, clients=clients, now=now)
        told = [_line(each) for each in found.upcoming]
        if found.nothing or not (yes or cancel_bookings):
            return found, told, None
        return found, told, privacy.erase(found, cancel=cancel_bookings, now=now)

    found, upcoming, done = database.run_blocking(work)
    if found.nothing:
        print("nothing is known of this person")
        return 0
    print(
        f"{len(found.own)} calls, {len(found.mentioned)} more in which they are named, {len(found.chats)} chats,"
        f" {len(found.bookings)} bookings, {len(found.scheduled)} calls to place, {len(found.person.clients)} clients"
    )
    for line in upcoming:
        print(f"still to come: {line}")
    if done is None:
        print("nothing was erased: --yes erases all this", end="")
        print(
            " and leaves what is to come in the agenda, without a name; --cancel-bookings cancels it"
            * bool(upcoming)
        )
        return 1
    counted = ", ".join(f"{_KINDS[kind]} {count}" for kind, count in done.counts.items() if count)
    print(f"erased: {counted}")
    try:
        database.scrub(whole=True)
    except StoreUnavailable as error:
        print(f"older copies may still be in its file ({error}); stop the server, then: sqlite3 FILE VACUUM")
    return 0


def _line(each: Booking) -> str:
    consultant = people.consultant(each.consultant_id)
    assert consultant is not None
    return f"{wording.slot(each.start, consultant.zone)}, {each.minutes} min, {consultant.name} ({each.kind} {each.id})"
