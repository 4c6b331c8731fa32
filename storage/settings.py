"""Settings of the booking store."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

_SCHEMES = ("sqlite:///", "postgresql://", "postgres://")


class StorageSettings(BaseModel):
    """Where bookings are kept and how patiently. A production address comes from DATABASE_URL in the
    environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        default="sqlite:///var/booking.db",
        description="sqlite:///file, sqlite:///:memory: or postgresql://…; DATABASE_URL overrides it",
    )
    hold_minutes: int = Field(
        default=15, ge=1, le=120, description="how long a slot stays held for a caller who has not confirmed"
    )
    postgres_threads: int = Field(
        default=4, ge=1, le=32, description="connections to Postgres; SQLite has one"
    )
    retries: int = Field(
        default=4,
        ge=0,
        le=4,
        description="further tries of a transaction after a deadlock or a locked database",
    )
    lock_timeout_ms: int = Field(
        default=3000, ge=1, le=60_000, description="how long one try waits for a lock, in milliseconds"
    )
    statement_timeout_ms: int = Field(
        default=5000, ge=1, le=60_000, description="how long one Postgres statement may run, in milliseconds"
    )
    call_lease_seconds: int = Field(
        default=45,
        ge=5,
        le=600,
        description="how long a call is left alone when its server says nothing more of it, in seconds",
    )
    call_return_seconds: int = Field(
        default=30,
        ge=0,
        le=600,
        description="how long a call whose line was lost is kept for its bridge to come back, in seconds; 0 not at all",
    )
    sweep_seconds: float = Field(
        default=60.0,
        gt=0,
        description="how often expired holds and unattended calls are swept away, in seconds",
    )

    checkpoint_minutes: float = Field(
        default=5.0, gt=0, le=1440, description="how often the journal is signed, in minutes"
    )
    journal_key_file: str = Field(
        default="",
        description="file with the journal's key, made when missing; empty: beside the database; JOURNAL_KEY wins",
    )
    transcript_days: int = Field(
        default=90, ge=0, description="days after which the words of a call are erased; 0 keeps them"
    )

    @property
    def key_file(self) -> Path:
        """Where the journal's key is kept: beside the SQLite file, for others in var/."""
        if self.journal_key_file:
            return Path(self.journal_key_file)
        on_file = self.url.startswith("sqlite:") and self.url != "sqlite:///:memory:"
        return (
            Path(self.url.removeprefix("sqlite:///")).with_suffix(".key")
            if on_file
            else Path("var/journal.key")
        )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if not value.startswith(_SCHEMES) or value == "sqlite:///":
            scheme = value.split(":", 1)[0]
            raise ValueError(
                f"a {scheme!r} address is not allowed: it starts with one of {', '.join(_SCHEMES)}"
            )
        return value
