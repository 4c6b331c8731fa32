"""Recorded calls decided again: exactly as they went under the same rules, otherwise under others, and from their
facts where the words are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.replay import NotOnRecordError, Replayed, replay
from engine.rulebook import Rulebook
from storage import recorded
from storage.database import Database
from storage.models import TABLES, CallAnalysis, proxy
from storage.recorded import RecordedCall
from tests.dialogues import EXAMPLES, FEW, name_of, play_in, rulebook_of, shipped, shipped_rulebook
from tests.dialogues import example as read_example

SCENARIOS = [path for path in EXAMPLES if path.parent.name == "scenarios"]
MOVES = [
    path for path in FEW if path.parent.name in ("reschedule", "cancel", "after-booking", "own-bookings")
]
BY_KEYS_OR_TO_A_PERSON = [path for path in EXAMPLES if path.parent.name in ("keys", "person")]
PASSED_ON = next(path for path in BY_KEYS_OR_TO_A_PERSON if path.stem == "passata")

Played = Callable[[Path], RecordedCall]


@pytest.fixture
def database() -> Iterator[Database]:
    with Database("sqlite:///:memory:") as opened:
        opened.create_tables()
        yield opened


@pytest.fixture
def played(database: Database) -> Played:
    """Plays an example, and gives the call as it was recorded."""

    def play(path: Path) -> RecordedCall:
        play_in(database, read_example(path), shipped_rulebook())
        return stored(database)

    return play


def stored(database: Database) -> RecordedCall:
    (call_id,) = database.run_blocking(recorded.ended_calls)
    found = database.run_blocking(lambda: recorded.recorded_call(call_id))
    assert found is not None
    return found


def same(_: str | None) -> Rulebook:
    return shipped_rulebook()


def without(*ids: str) -> Callable[[str | None], Rulebook]:
    edited = rulebook_of(tuple(rule for rule in shipped().decisions if rule.id not in ids))
    return lambda _: edited


@pytest.mark.parametrize("path", FEW, ids=name_of)
def test_under_the_same_rules_every_transition_comes_out_as_recorded(path: Path, played: Played) -> None:
    again = replay(played(path), same)
    assert again.departure is None
    assert again.after == again.before
    assert not again.from_facts


@pytest.mark.parametrize("path", BY_KEYS_OR_TO_A_PERSON, ids=name_of)
def test_keys_and_commands_come_out_as_recorded(path: Path, played: Played) -> None:
    call = played(path)
    assert any(turn.get("keyed") for each in call.analyses for turn in (each.words or {})["turns"]) is (
        path.parent.name == "keys"
    )
    assert replay(call, same).departure is None


def test_another_command_is_a_departure(played: Played) -> None:
    again = replay(played(PASSED_ON), without("passa_a_una_persona"))
    assert again.departure is not None
    assert again.departure.recorded is not None
    assert again.departure.decided is not None
    assert set(again.departure.fields) == {"command", "notices"}
    assert (again.departure.recorded["command"], again.departure.decided["command"]) == (
        "trasferisci",
        "richiama",
    )


def test_facts_that_there_were_not_yet_when_a_call_was_recorded_are_no_departure(
    played: Played, database: Database
) -> None:
    call = played(PASSED_ON.with_name("richiamata.toml"))
    older = [
        replace(entry, entry={**entry.entry, "facts": _before(entry.entry["facts"])})
        for entry in call.journal
    ]
    assert replay(replace(call, journal=tuple(older)), same).departure is None


def _before(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in ("keyed", "transfer")}


@pytest.mark.parametrize("path", SCENARIOS, ids=name_of)
def test_without_the_rule_that_confirms_nothing_would_be_booked(path: Path, played: Played) -> None:
    again = replay(played(path), without("conferma"))
    assert again.after is not None
    assert not [done for done in again.after if done.startswith(("confirm", "cancel"))]
    assert again.changed is (len(again.before) > 1)


def test_the_first_departure_is_named(played: Played) -> None:
    again = replay(played(SCENARIOS[0]), without("conferma"))
    assert again.departure is not None
    assert again.departure.recorded is not None
    assert again.departure.recorded["rule"] == "conferma"
    assert again.before == ("completato", "confirm 2026-02-11T15:00")
    assert again.after is not None
    assert again.after[0] == "dati_completi"


@pytest.mark.parametrize("path", MOVES, ids=name_of)
def test_any_rule_may_go_without_breaking_the_replay(path: Path, played: Played) -> None:
    call = played(path)
    for rule in {entry.entry["rule"] for entry in call.journal if entry.entry.get("rule")}:
        again = replay(call, without(rule))
        assert isinstance(again, Replayed)


@pytest.mark.parametrize("path", [*SCENARIOS, *MOVES], ids=name_of)
def test_without_the_words_the_facts_are_decided_again(
    path: Path, played: Played, database: Database
) -> None:
    assert replay(played(path), same).from_facts is False
    database.run_blocking(lambda: CallAnalysis.update(words=None).execute())
    call = stored(database)
    again = replay(call, same)
    assert (again.from_facts, again.departure, again.after) == (True, None, again.before)
    if any(entry.entry.get("rule") == "conferma" for entry in call.journal):
        changed = replay(call, without("conferma"))
        assert changed.departure is not None
        assert changed.after is None
        assert changed.changed


def muted(database: Database) -> RecordedCall:
    """The record with other words in every turn."""

    def mute() -> None:
        rows: Any = CallAnalysis.select()
        for row in rows:
            row.words["turns"] = [{**turn, "text": "Buongiorno"} for turn in row.words["turns"]]
            row.save()

    database.run_blocking(mute)
    return stored(database)


def test_a_record_that_does_not_lead_to_its_transitions_shows(played: Played, database: Database) -> None:
    played(SCENARIOS[0])
    again = replay(muted(database), same)
    assert again.departure is not None
    assert again.departure.recorded is not None
    assert again.departure.recorded["event"] == "interesse"
    assert again.departure.decided is None


def test_a_slot_that_was_taken_meanwhile_is_taken_again(played: Played) -> None:
    """What the store answered counts, not what the agenda had looked like before."""
    call = played(next(path for path in EXAMPLES if path.stem == "h_slot_occupato"))
    again = replay(call, same)
    assert again.departure is None


@pytest.mark.parametrize("lost", [{"evidence": None}, {"words": {"turns": []}}])
def test_calls_with_too_little_on_record_are_told(
    lost: dict[str, Any], played: Played, database: Database
) -> None:
    played(SCENARIOS[0])
    database.run_blocking(lambda: CallAnalysis.update(**lost).execute())
    with pytest.raises(NotOnRecordError):
        replay(stored(database), same)


def test_nothing_is_written(played: Played, database: Database) -> None:
    call = played(SCENARIOS[0])

    def everything() -> list[Any]:
        return [proxy.execute_sql(f"SELECT * FROM {table._meta.table_name}").fetchall() for table in TABLES]

    before = database.run_blocking(everything)
    replay(call, without("completa"))
    assert database.run_blocking(everything) == before
