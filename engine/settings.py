"""Settings of a call: when the caller speaks, how long words are waited for, how notices are told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EngineSettings(BaseModel):
    """Timings and thresholds of one call. Seconds and milliseconds are of the injected clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    energy_threshold_dbfs: float = Field(
        default=-42.0,
        ge=-80,
        le=-10,
        description="Level in dBFS from which the caller's line counts as speech.",
    )
    noise_margin_db: float = Field(
        default=10.0, ge=3, le=30, description="How far speech must stand above the line's own noise, in dB."
    )
    onset_ms: int = Field(
        default=60, ge=20, le=400, description="Loud milliseconds in a row that begin speech."
    )
    hangover_ms: int = Field(
        default=400, ge=100, le=2000, description="Silent milliseconds in a row that end speech."
    )
    max_call_s: float = Field(
        default=3600.0, ge=60, le=86400, description="Seconds after which a call is ended."
    )
    silent_caller_s: float = Field(
        default=300.0, ge=30, le=86400, description="Seconds without the caller speaking that end a call."
    )
    uplink_chunk_ms: int = Field(
        default=40, ge=20, le=200, description="Milliseconds of audio in a chunk to the model."
    )
    uplink_queue_ms: int = Field(
        default=2000,
        ge=200,
        le=30000,
        description="Milliseconds of caller audio queued for the model; oldest dropped beyond.",
    )
    uplink_gap_ms: int = Field(
        default=300,
        ge=40,
        le=2000,
        description="Pause of the bridge in milliseconds after which silence is streamed upward.",
    )
    transcript_wait_s: float = Field(
        default=7.0,
        gt=0,
        le=30,
        description="Seconds that speech without words is waited for before it is given up.",
    )
    late_words_s: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="Seconds after giving up in which words still belong to the speech given up.",
    )
    words_settle_s: float = Field(
        default=1.5,
        ge=0,
        le=10,
        description="Seconds without a further piece after which a transcript counts as whole.",
    )
    chars_per_s: float = Field(
        default=30.0,
        ge=10,
        le=1000,
        description="Characters a second that nobody speaks faster than; people speak about 15.",
    )
    keys_pause_s: float = Field(
        default=3.0,
        ge=0.5,
        le=15,
        description="Seconds without a further key after which a number keyed is over; # ends it at once.",
    )
    cut_off_wait_s: float = Field(
        default=3.0, gt=0, le=30, description="Seconds to wait for the words that cut the assistant off."
    )
    notice_retry_s: float = Field(
        default=3.0,
        gt=0,
        le=30,
        description="Seconds without the model speaking after which a notice is told once more.",
    )
    first_audio_s: float = Field(
        default=8.0,
        gt=0,
        le=3600,
        description="Seconds of silence after which a model that should speak is reminded, then replaced.",
    )
    resume_wait_s: float = Field(
        default=8.0,
        gt=0,
        le=60,
        description="Seconds the model may take to take a conversation up again before a new one is begun.",
    )
    rotate_margin_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds before the model closes a connection at which the call leaves it even in mid-speech.",
    )
    model_retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="Failures of the model in a row after which one more ends the call.",
    )
    model_budget_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds that a call goes on without a model that works.",
    )
    interrupt_guard_s: float = Field(
        default=2.0,
        gt=0,
        le=10,
        description="Longest time the rest of an interrupted turn's audio is dropped, in seconds.",
    )
