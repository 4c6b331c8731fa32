"""Settings of the rules."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RulesSettings(BaseModel):
    """Where the rule files stand, and how soon an edit is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path = Field(
        default=Path("rules/it"), description="Folder of the rule files of the language in use."
    )
    look_s: float = Field(
        default=2.0,
        ge=0.1,
        le=3600,
        description="How often the rule files are looked at for an edit, in seconds.",
    )
