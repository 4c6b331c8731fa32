"""Settings of the calendars that follow bookings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CalendarSettings(BaseModel):
    """How Google Calendar is spoken to, and how patiently. Credentials come from GOOGLE_CALENDAR_CREDENTIALS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        default="",
        pattern=r"(https?://\S+/)?",
        description="Address of the Calendar API; empty for Google's own.",
    )
    subject: str = Field(
        default="",
        description="User for whom a service account with domain-wide delegation acts; empty: for itself.",
    )
    meet: bool = Field(default=True, description="Make a Meet link for each booking.")
    invite: bool = Field(default=True, description="Invite whoever has booked, by email.")
    timeout_s: float = Field(
        default=10.0, gt=0, le=60, description="Seconds that Google may leave one request without an answer."
    )
    poll_s: float = Field(
        default=1.0, gt=0, le=60, description="How often new tasks for calendars are looked for, in seconds."
    )
    at_once: int = Field(default=4, ge=1, le=32, description="Requests to calendars at once in one process.")
    lease_s: float = Field(
        default=180.0,
        gt=0,
        le=3600,
        description="Seconds after which a task of a server that died is taken by another.",
    )
    backoff_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds before the second try of a task; doubled for each further one.",
    )
    longest_backoff_s: float = Field(
        default=900.0, gt=0, le=86400, description="Longest time between two tries of a task, in seconds."
    )
    attempts: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="Tries after which a task is given up, when Google is not well.",
    )
    attempts_when_refused: int = Field(
        default=3, ge=1, le=100, description="Tries after which a task is given up, when Google says no."
    )
    busy_age_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Age in seconds at which the copy of a calendar is read anew.",
    )
    busy_wait_s: float = Field(
        default=1.5,
        gt=0,
        le=10,
        description="Seconds a call waits for that, before it goes by the older copy.",
    )
