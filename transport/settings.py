"""Settings of the HTTP server, of the bridges that connect to it, and of what is logged."""

from __future__ import annotations

import socket
from typing import Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import BaseModel, ConfigDict, Field, field_validator

from transport.loopback import is_loopback


class ServerSettings(BaseModel):
    """Where the server listens and how it stops."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; loopback by default."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port; 0 takes any free one.")
    drain_s: float = Field(
        default=120.0, ge=0, le=3600, description="Seconds running calls may go on after SIGTERM."
    )
    name: str = Field(
        default="",
        description="Name among the servers of one database, the same after a restart; empty: host and port.",
    )

    pages: Literal["always", "loopback", "never"] = Field(
        default="always",
        description="Where to serve the pages: always (off loopback if console.public_url is set), loopback, never.",
    )

    workers: int = Field(default=1, ge=1, le=64, description="Server processes on the port; one a core.")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach us."""
        return is_loopback(self.host)

    def shows_pages(self, *, by_tls: bool) -> bool:
        """Whether the pages are served here; `by_tls`: a proxy with TLS leads to them, so that no password is sent
        in the clear."""
        return (self.loopback and self.pages != "never") or (self.pages == "always" and by_tls)

    @property
    def identity(self) -> str:
        """What this server is called in the store."""
        return self.name or f"{socket.gethostname()}:{self.port}"


class BridgeSettings(BaseModel):
    """What a bridge may do, and how audio is played to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metadata_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="Seconds a new connection may take to say which call it is."
    )
    idle_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds without any frame after which a call is given up."
    )
    max_message_bytes: int = Field(
        default=1 << 20, ge=4096, le=8 << 20, description="Largest WebSocket message accepted, in bytes."
    )
    max_calls: int = Field(
        default=300, ge=1, le=10000, description="Calls at once in one process; a further one gets a 503."
    )
    max_frames_per_s: int = Field(
        default=200,
        ge=20,
        le=10000,
        description="Frames a second a bridge may send for long; then its call ends.",
    )
    max_bytes_per_s: int = Field(
        default=131072,
        ge=32768,
        le=8 << 20,
        description="Bytes a second a bridge may send for long; then its call ends.",
    )
    downlink_rate: Literal[8000, 16000, 24000] = Field(
        default=24000, description="Sample rate in Hz of the audio sent to the bridge; 24000 passes through."
    )
    stream_uplink_rate: Literal[8000, 16000] = Field(
        default=16000,
        description="Sample rate in Hz of mod_audio_stream's caller audio, where its metadata tells none.",
    )
    stream_downlink_rate: Literal[8000, 16000, 24000] = Field(
        default=24000, description="Sample rate in Hz of the audio sent to mod_audio_stream."
    )
    stream_lead_ms: int = Field(
        default=100,
        ge=40,
        le=1000,
        description="Milliseconds kept ahead at mod_audio_stream; a barge-in may not stop them.",
    )
    lead_ms: int = Field(
        default=160,
        ge=160,
        le=1000,
        description="Milliseconds of audio kept ahead at the bridge, and its first burst.",
    )
    tail_ms: int = Field(
        default=200,
        ge=160,
        le=2000,
        description="Milliseconds of silence after each turn, so that its end is not stuck.",
    )
    frame_ms: int = Field(
        default=40, ge=10, le=200, description="Milliseconds of audio in a frame sent to the bridge."
    )
    marks: bool = Field(
        default=True,
        description="Ask bridges that know marks when a turn was played, to correct our own count.",
    )
    playout_s: int = Field(
        default=180,
        ge=10,
        le=3600,
        description="Seconds of one turn's audio that may wait to be played; more is dropped.",
    )
    backlog_ms: int = Field(
        default=2000,
        ge=200,
        le=60000,
        description="Milliseconds of caller audio kept while nobody reads it; older is dropped.",
    )
    close_timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=30,
        description="Seconds to wait for the bridge's side of the closing handshake.",
    )
    apology: str = Field(
        default="",
        description="WAV file (mono, 16 bits, 24000 Hz) played when no model can talk; empty: the one shipped.",
    )
    region: str = Field(
        default="IT",
        examples=["IT", "CH", "DE"],
        description="Country in which numbers without a prefix are read.",
    )

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in SUPPORTED_REGIONS:
            raise ValueError("should be a country of two capital letters")
        return value


class LoggingSettings(BaseModel):
    """What `serve` writes to stderr."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people (text), or one JSON object a line (json)."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that serve logs: debug, info, warning, error."
    )
