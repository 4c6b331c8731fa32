"""Settings of the public booking page."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PublicSettings(BaseModel):
    """Whose time anybody may book, and how often somebody may try."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    consultants: str = Field(
        default="",
        examples=["1", "1, 4"],
        description="Ids of consultants with a page at /prenota/ID, with commas between. Empty: no page.",
    )
    pages_per_minute: int = Field(
        default=60, ge=1, le=10_000, description="Pages a minute that one address may open."
    )
    holds_per_hour: int = Field(
        default=20, ge=1, le=1000, description="Times an hour that one address may pick a slot, five at once."
    )

    @property
    def shown(self) -> frozenset[int]:
        """The ids."""
        return frozenset(int(each) for each in self.consultants.split(",") if each.strip())

    @field_validator("consultants")
    @classmethod
    def _ids(cls, value: str) -> str:
        for each in value.split(","):
            if each.strip() and not (each.strip().isascii() and each.strip().isdigit()):
                raise ValueError(f"{each.strip()!r} is no id of a consultant")
        return value
