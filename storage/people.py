"""Who is on the line and whose agenda it is: consultants, clients and scheduled calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from storage.agenda import AgendaSettings
from storage.availability import settings_of
from storage.models import Client, Consultant, ScheduledCall


@dataclass(frozen=True, slots=True)
class ConsultantRecord:
    """Whose time is booked."""

    id: int
    name: str
    zone: ZoneInfo
    country: str
    region: str | None
    settings: AgendaSettings


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


def _consultant(row: Any) -> ConsultantRecord:
    return ConsultantRecord(
        id=row.id,
        name=row.name,
        zone=ZoneInfo(row.zone),
        country=row.country,
        region=row.region,
        settings=settings_of(row.id),
    )


def _client(row: Any) -> ClientRecord | None:
    if row is None:
        return None
    return ClientRecord(
        id=row.id, name=row.name, phone=row.phone, email=row.email, consultant_id=row.consultant_id
    )
