"""Settings of the console: where people reach it, and how they sign in."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ConsoleSettings(BaseModel):
    """How the pages are reached and who stays signed in for how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_url: str = Field(
        default="",
        examples=["https://voce.example.com"],
        description="Address at which a proxy with TLS serves the pages; off loopback they need one. Empty: none.",
    )
    hsts_days: int = Field(
        default=180,
        ge=0,
        le=730,
        description="Days for which browsers are told to ask that address by TLS only; 0 tells them nothing.",
    )
    proxies: str = Field(
        default="",
        examples=["127.0.0.1", "10.0.0.5, 10.0.0.6"],
        description="Addresses of proxies whose X-Forwarded-For is believed, with commas between.",
    )
    idle_minutes: int = Field(
        default=60, ge=1, le=1440, description="Minutes without a page after which one is signed out."
    )
    session_hours: int = Field(
        default=12, ge=1, le=168, description="Hours after which one is signed out in any case."
    )
    free_tries: int = Field(
        default=5, ge=1, le=50, description="Wrong passwords in a row before the next try has to wait."
    )
    longest_wait_minutes: int = Field(
        default=15, ge=1, le=1440, description="Longest wait after wrong passwords, in minutes."
    )
    first_link_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="Minutes for which the link holds that makes the first user, printed at start.",
    )

    @property
    def idle(self) -> timedelta:
        """How long a session lasts without a page."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def longest(self) -> timedelta:
        """How long a session lasts at most."""
        return timedelta(hours=self.session_hours)

    @property
    def longest_wait(self) -> timedelta:
        """The longest wait after wrong passwords."""
        return timedelta(minutes=self.longest_wait_minutes)

    @property
    def first_link(self) -> timedelta:
        """How long the link holds by which the first user is made."""
        return timedelta(minutes=self.first_link_minutes)

    @property
    def trusted(self) -> frozenset[str]:
        """The addresses of `proxies`, as they are written by Python."""
        return frozenset(
            str(ipaddress.ip_address(each.strip())) for each in self.proxies.split(",") if each.strip()
        )

    @field_validator("public_url")
    @classmethod
    def _by_tls(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query):
            raise ValueError("should be https:// and a host, without a path")
        return value.rstrip("/").lower()

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for each in value.split(","):
            if each.strip():
                try:
                    ipaddress.ip_address(each.strip())
                except ValueError:
                    raise ValueError(f"{each.strip()!r} is no address") from None
        return value
