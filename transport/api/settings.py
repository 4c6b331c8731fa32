"""Settings of the interface for integrations."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ApiSettings(BaseModel):
    """How much integrations may ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int = Field(
        default=600, ge=1, le=100_000, description="Requests a minute of one API key, in one process."
    )
    burst: int = Field(
        default=100, ge=1, le=10_000, description="Requests at once of one API key after a quiet time."
    )
    max_body_bytes: int = Field(
        default=65536, ge=1024, le=1 << 20, description="Largest body of a request, in bytes."
    )
