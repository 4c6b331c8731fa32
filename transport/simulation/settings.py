"""Settings of the demo: how fast its calls are played and how long they may take."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DemoSettings(BaseModel):
    """How the demo's simulated callers behave. Seconds and milliseconds are of the demo's own clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speed: float = Field(
        default=1.0, ge=0.5, le=5, description="How many times faster than real time the calls run."
    )
    port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="TCP port of the demo's server and pages; 0 takes a free one.",
    )
    call_timeout_s: float = Field(
        default=75.0,
        gt=0,
        le=600,
        description="Seconds after which a simulated call is hung up and counts as failed.",
    )
    reply_pause_ms: int = Field(
        default=500, ge=0, le=5000, description="Milliseconds of silence a caller waits for before answering."
    )
    patience_s: float = Field(
        default=9.0,
        gt=0,
        le=60,
        description="Seconds of silence after which a caller asks whether anybody is there.",
    )
