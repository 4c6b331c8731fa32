"""Where a conversation stands: a call's and a chat's from its beginning."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from storage import calls, conversations
from storage.errors import StorageError
from storage.models import ExtractionState
from tests.storage.playground import NOW, Store


def advance(store: Store, conversation: str, number: int, **given: Any) -> None:
    values: dict[str, Any] = {
        "last_turn": number * 2,
        "state": {"analysis": number},
        "stage": "raccolta_dati",
        "task": "prenota",
    }
    store.do(conversations.advance, conversation, number=number, now=store.now, **{**values, **given})


def open_call(store: Store) -> str:
    return store.do(
        calls.open_call,
        bridge_call_id="b1",
        consultant_id=store.consultant,
        direction="inbound",
        caller_number=None,
        dialled_number=None,
        now=store.now,
    )


def test_a_chat_needs_no_call_and_goes_on_after_days(store: Store) -> None:
    assert store.do(conversations.state_of, "whatsapp:1") is None
    store.do(conversations.begin_chat, "whatsapp:1", now=NOW)
    advance(store, "whatsapp:1", 1)
    store.later(days=3)
    advance(store, "whatsapp:1", 2, stage="dati_completi")
    found = store.do(conversations.state_of, "whatsapp:1")
    assert found == conversations.ConversationState(
        "whatsapp:1", "dati_completi", "prenota", 2, 4, {"analysis": 2}, store.now
    )
    assert store.rows("SELECT count(*) FROM voice_calls") == [(0,)]
    assert store.do(calls.list_calls) == []


def test_a_call_has_its_first_stage_before_any_analysis(store: Store) -> None:
    call_id = open_call(store)
    found = store.do(conversations.state_of, call_id)
    assert found == conversations.ConversationState(call_id, "nessun_intento", None, 0, 0, None, NOW)


@pytest.mark.parametrize("of_call", [True, False])
def test_of_two_who_go_on_from_the_same_place_one_is_told_to_read_again(store: Store, of_call: bool) -> None:
    name = open_call(store) if of_call else "chat"
    if not of_call:
        store.do(conversations.begin_chat, name, now=NOW)
    advance(store, name, 1)
    advance(store, name, 2)
    for wrong in (0, 1, 2, 4):
        with pytest.raises(StorageError, match="does not follow"):
            advance(store, name, wrong, state={"wrong": True})
    found = store.do(conversations.state_of, name)
    assert found is not None and (found.last_analysis, found.state) == (2, {"analysis": 2})


def test_no_analysis_of_a_chat_that_was_not_begun(store: Store) -> None:
    with pytest.raises(StorageError, match="does not follow"):
        advance(store, "chat", 1)
    assert store.do(conversations.state_of, "chat") is None


def test_the_conversation_of_a_call_bears_its_id(store: Store) -> None:
    call_id = open_call(store)
    with pytest.raises(peewee.IntegrityError):
        store.do(
            lambda: ExtractionState.create(
                conversation="another", voice_call=call_id, stage="nessun_intento", updated_at=NOW
            )
        )
