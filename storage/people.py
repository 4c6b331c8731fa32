"""Who is on the line and whose agenda it is: consultants, clients and scheduled calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from storage.agenda import AgendaSettings
from storage.availability import settings_of
from storage.errors import NotOneConsultant, StorageError
from storage.models import AvailabilitySettings, Client, Consultant, ScheduledCall

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class ConsultantRecord:
    """Whose time is booked. `transfer_number`: where a person answers callers who ask for one, E.164."""

    id: int
    name: str
    zone: ZoneInfo
    country: str
    region: str | None
    settings: AgendaSettings
    transfer_number: str | None = None


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """A registered client; `phone` is E.164."""

    id: int
    name: str
    phone: str
    email: str | None
    consultant_id: int


@dataclass(frozen=True, slots=True)
class ScheduledCallRecord:
    """An outbound call to be placed: `target_number` E.164, `due_at` aware UTC."""

    id: str
    consultant_id: int
    target_number: str
    client_id: int | None
    due_at: datetime
    purpose: str | None


def consultant(consultant_id: int) -> ConsultantRecord | None:
    """A consultant with its settings."""
    row = Consultant.get_or_none(Consultant.id == consultant_id)
    return None if row is None else _consultant(row)


def consultants() -> list[ConsultantRecord]:
    """All consultants, by id."""
    return [_consultant(row) for row in Consultant.select().order_by(Consultant.id)]


def only_consultant(how: str) -> int:
    """The id of the only consultant there is. Raises NotOneConsultant, which ends with `how` one is named."""
    known = consultants()
    if len(known) != 1:
        raise NotOneConsultant(f"there are {len(known)} consultants: {how}")
    return known[0].id


def client(client_id: int) -> ClientRecord | None:
    """A client by id."""
    return _client(Client.get_or_none(Client.id == client_id))


def find_client(phone: str) -> ClientRecord | None:
    """The client whose number (E.164) this is."""
    return _client(Client.get_or_none(Client.phone == phone))


def scheduled_call(scheduled_call_id: str) -> ScheduledCallRecord | None:
    """A scheduled call by the id that the bridge sends back."""
    row: Any = ScheduledCall.get_or_none(ScheduledCall.id == scheduled_call_id)
    if row is None:
        return None
    return ScheduledCallRecord(
        id=row.id,
        consultant_id=row.consultant_id,
        target_number=row.target_number,
        client_id=row.client_id,
        due_at=row.due_at,
        purpose=row.purpose,
    )


def add_consultant(
    name: str,
    settings: AgendaSettings | None = None,
    *,
    zone: str = "Europe/Rome",
    country: str = "IT",
    region: str | None = None,
    transfer_number: str | None = None,
) -> int:
    """A consultant with settings; returns its id. Raises StorageError for an unknown `zone`, or a `transfer_number`
    that is no E.164 number."""
    settings = settings or AgendaSettings()
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise StorageError(f"{zone!r} is no time zone: give a name such as Europe/Rome") from None
    if transfer_number is not None:
        _checked_number(transfer_number)
    row = Consultant.create(
        name=name, zone=zone, country=country, region=region, transfer_number=transfer_number
    )
    AvailabilitySettings.create(
        consultant=row,
        default_minutes=settings.default_minutes,
        allowed_minutes=list(settings.allowed_minutes),
        grid_minutes=settings.grid_minutes,
        buffer_before_minutes=settings.buffer_before_minutes,
        buffer_after_minutes=settings.buffer_after_minutes,
        lead_minutes=settings.lead_minutes,
        horizon_days=settings.horizon_days,
        weekly_hours={
            day: [[begin.isoformat("minutes"), end.isoformat("minutes")] for begin, end in hours]
            for day, hours in settings.weekly_hours.items()
        },
        published_starts_only=settings.published_starts_only,
    )
    return int(row.id)


def set_transfer_number(consultant_id: int, number: str | None) -> None:
    """Where calls of this consultant are handed to a person from now on (E.164); None: nowhere.

    Raises StorageError when there is no such consultant, or for what is no E.164 number.
    """
    _known_consultant(consultant_id)
    if number is not None:
        _checked_number(number)
    Consultant.update(transfer_number=number).where(Consultant.id == consultant_id).execute()


def add_client(name: str, phone: str, *, consultant_id: int, email: str | None = None) -> int:
    """A registered client (`phone` E.164); returns its id.

    Raises StorageError when there is no such consultant, or the number is a client's already.
    """
    _known_consultant(consultant_id)
    if (known := find_client(phone)) is not None:
        raise StorageError(f"this number is already registered, to client {known.id}")
    return int(Client.create(name=name, phone=phone, email=email, consultant=consultant_id).id)


def add_scheduled_call(
    scheduled_call_id: str,
    *,
    consultant_id: int,
    target_number: str,
    due_at: datetime,
    client_id: int | None = None,
    purpose: str | None = None,
) -> None:
    """An outbound call to be placed (`target_number` E.164).

    Raises StorageError when there is no such consultant, or no such client of theirs.
    """
    _known_consultant(consultant_id)
    if client_id is not None:
        known = client(client_id)
        if known is None or known.consultant_id != consultant_id:
            raise StorageError(f"consultant {consultant_id} has no client {client_id}")
    ScheduledCall.create(
        id=scheduled_call_id,
        consultant=consultant_id,
        target_number=target_number,
        client=client_id,
        due_at=due_at,
        purpose=purpose,
    )


def _checked_number(number: str) -> None:
    if not _E164.fullmatch(number):
        raise StorageError(
            "a number to transfer calls to is written as +390612345678: a plus and 7 to 15 digits"
        )


def _known_consultant(consultant_id: int) -> None:
    if consultant(consultant_id) is None:
        raise StorageError(f"there is no consultant {consultant_id}")


def _consultant(row: Any) -> ConsultantRecord:
    return ConsultantRecord(
        id=row.id,
        name=row.name,
        zone=ZoneInfo(row.zone),
        country=row.country,
        region=row.region,
        settings=settings_of(row.id),
        transfer_number=row.transfer_number,
    )


def _client(row: Any) -> ClientRecord | None:
    if row is None:
        return None
    return ClientRecord(
        id=row.id, name=row.name, phone=row.phone, email=row.email, consultant_id=row.consultant_id
    )
