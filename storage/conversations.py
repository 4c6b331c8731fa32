"""Where the analyses of each conversation stand, a phone call's or a chat's, so that they can go on from there.

The conversation of a call bears the call's id. Call these in `Database.run(work)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.errors import StorageError
from storage.models import ExtractionState
from storage.statements import Given, Statement

FIRST_STAGE = "nessun_intento"

_ADVANCED = Statement(
    lambda: ExtractionState.update(
        last_analysis=Given("number"),
        last_turn=Given("last_turn"),
        state=Given("state", json=True),
        stage=Given("stage"),
        task=Given("task"),
        updated_at=Given("now"),
    ).where(
        ExtractionState.conversation == Given("conversation"),
        ExtractionState.last_analysis == Given("before"),
    )
)


@dataclass(frozen=True, slots=True)
class ConversationState:
    """`state` is what the last `advance` was given, None before the first; `updated_at` aware UTC."""

    conversation: str
    stage: str
    task: str | None
    last_analysis: int
    last_turn: int
    state: Mapping[str, Any] | None
    updated_at: datetime


def begin_call(call_id: str, *, now: datetime) -> None:
    """The conversation of a call that has just been opened, which has its first stage before any analysis."""
    ExtractionState.create(conversation=call_id, voice_call=call_id, stage=FIRST_STAGE, updated_at=now)


def begin_chat(chat_id: str, *, now: datetime) -> None:
    """The conversation of a chat that has just been opened."""
    ExtractionState.create(conversation=chat_id, stage=FIRST_STAGE, updated_at=now)


def advance(
    conversation: str,
    *,
    number: int,
    last_turn: int,
    state: Mapping[str, Any],
    stage: str,
    task: str | None,
    now: datetime,
) -> None:
    """Where analysis `number` has led; `state` is plain JSON.

    Analyses are numbered from 1 without gaps; raises StorageError when `number` does not follow the last one.
    """
    written = _ADVANCED.run(
        conversation=conversation,
        number=number,
        before=number - 1,
        last_turn=last_turn,
        state=dict(state),
        stage=stage,
        task=task,
        now=now,
    )
    if written != 1:
        raise StorageError(
            f"analysis {number} does not follow the last of conversation {conversation}: read its state again"
        )


def state_of(conversation: str) -> ConversationState | None:
    """Where the conversation's analyses stand; None when nothing is known of it."""
    row: Any = ExtractionState.get_or_none(ExtractionState.conversation == conversation)
    if row is None:
        return None
    return ConversationState(
        conversation=conversation,
        stage=row.stage,
        task=row.task,
        last_analysis=row.last_analysis,
        last_turn=row.last_turn,
        state=row.state,
        updated_at=row.updated_at,
    )
