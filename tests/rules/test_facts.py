"""The table of facts agrees with the machine, and nothing outside it gets through."""

from __future__ import annotations

import enum

import pytest

from fsm.stages import Event, Stage, Task
from rules.errors import FactError
from rules.facts import EVENTS, FACTS, check_facts


def test_the_words_are_those_of_the_machine() -> None:
    assert set(FACTS["stage"].values) == set(Stage)
    assert set(FACTS["task"].values) == set(FACTS["requested"].values) == set(Task)
    assert set(EVENTS) == set(Event)


def test_every_fact_has_a_meaning_and_an_allowed_default() -> None:
    for fact in FACTS.values():
        assert fact.accepts(fact.default)
        assert fact.meaning.endswith(".")
    assert all(EVENTS.values())


def test_what_is_left_out_has_its_default() -> None:
    facts = check_facts({"missing": 2})
    assert list(facts) == list(FACTS)
    assert facts["missing"] == 2
    assert facts["stage"] == "nessun_intento"
    assert facts["drop"] is False
    assert facts["caller"] == "lead"  # of whom more details are asked


def test_members_become_plain_words() -> None:
    class Kind(str, enum.Enum):  # noqa: UP042 - not a StrEnum on purpose
        CLIENT = "client"

    facts = check_facts({"stage": Stage.CONFERMATO, "caller": Kind.CLIENT})
    assert type(facts["stage"]) is str and facts["stage"] == "confermato"
    assert type(facts["caller"]) is str and facts["caller"] == "client"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"stagee": "errore"}, "'stagee' is no fact; did you mean 'stage'?"),
        ({"zzzzz": 1}, "'zzzzz' is no fact$"),
        ({"stage": "boh"}, "fact 'stage' cannot be 'boh': it must be nessun_intento or raccolta_dati or"),
        ({"stage": None}, "fact 'stage' cannot be None"),
        ({"drop": 1}, "fact 'drop' cannot be 1: it must be false or true"),
        ({"drop": "true"}, "fact 'drop' cannot be 'true'"),
        ({"stage": False}, "fact 'stage' cannot be False"),
        ({"missing": True}, "fact 'missing' cannot be True: it must be a whole number from 0 to"),
        ({"missing": -1}, "fact 'missing' cannot be -1"),
        ({"missing": 1.0}, "fact 'missing' cannot be 1.0"),
        ({"missing": "1"}, "fact 'missing' cannot be '1'"),
        ({"missing": 10**9}, "fact 'missing' cannot be 1000000000"),
    ],
)
def test_anything_else_is_refused_by_name(facts: dict[str, object], says: str) -> None:
    with pytest.raises(FactError, match=says.replace("?", r"\?")):
        check_facts(facts)
