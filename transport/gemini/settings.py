"""Settings of the Gemini models: which, where, how they sound. The key comes from the environment only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GeminiSettings(BaseModel):
    """Which models we talk to and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field("gemini-3.8-live", min_length=1, description="Live model that talks with callers.")
    extraction_model: str = Field(
        "gemini-3.5-flash-lite", min_length=1, description="Small model that finds mentions in transcripts."
    )
    api_version: str = Field("v1beta", pattern="^v[0-9a-z]+$", description="Version of the Gemini API.")
    base_url: str = Field(
        "", pattern="^(https://.+)?$", description="Address of the API; empty for Google's own."
    )
    emulator: bool = Field(False, description="Talk to the built-in emulator instead; for demo and tests.")
    voice: str = Field("Kore", min_length=1, description="Name of the prebuilt voice.")
    language: str = Field("it-IT", pattern="^[a-z]{2}-[A-Z]{2}$", description="Language of the voice.")
    open_timeout_s: float = Field(10.0, gt=0, le=60, description="Seconds the model may take to open a call.")
    extraction_timeout_s: float = Field(
        2.0, gt=0, le=30, description="Seconds the small model may take before the local extractor stands in."
    )
    extraction_failures: int = Field(
        3,
        ge=1,
        le=100,
        description="Failures in a row after which the small model is left alone for a while.",
    )
    extraction_rest_s: float = Field(
        30.0, gt=0, le=3600, description="Seconds it is left alone; then one request tries it again."
    )
