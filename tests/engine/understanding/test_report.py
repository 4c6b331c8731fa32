"""One line in, one line of JSON out: what each field holds, and that no line is too odd to be answered."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.understanding.acts import Phrases
from engine.understanding.report import understand
from rules.phrases import load_phrases

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ZoneInfo("Europe/Rome"))  # a Monday
PHRASES = Phrases.of(load_phrases(Path(__file__).parents[3] / "rules" / "it" / "phrases.toml"))
WEDNESDAY, THURSDAY = "2026-02-11T15:00", "2026-02-12T10:00"
FIELDS = ["text", "acts", "dates", "times", "ranges", "phones", "emails", "names", "readback"]


def answer(line: str | bytes | dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(line) if isinstance(line, dict) else line
    written = understand(raw.encode() if isinstance(raw, str) else raw, NOW, PHRASES)
    assert b"\n" not in written
    told: dict[str, Any] = json.loads(written)
    return told


def values(found: list[dict[str, Any]]) -> list[str | None]:
    return [one["value"] for one in found]


def test_every_answer_has_the_same_fields() -> None:
    assert list(answer("Vorrei prenotare")) == FIELDS
    assert list(answer({"text": "Confermi?", "speaker": "assistant"})) == FIELDS
    assert list(answer("{")) == [*FIELDS, "error"]


def test_places_are_those_of_the_text() -> None:
    told = answer("È così: mercoledì 11 febbraio, alle 15 e 30… perché poi — giovedì — no")
    for found in (*told["dates"], *told["times"]):
        assert told["text"][found["start"] : found["end"]] == found["text"]
    assert values(told["dates"]) == ["2026-02-11", "2026-02-12"]
    assert values(told["times"]) == ["15:30"]


@pytest.mark.parametrize(
    ("said", "candidates", "value"),
    [
        ("alle tre", ["03:00", "15:00"], None),
        ("alle 3 del pomeriggio", ["15:00"], "15:00"),
        ("alle 10 e mezza", ["10:30", "22:30"], "10:30"),
        ("alle 12", ["12:00"], "12:00"),
        ("alle 8", ["08:00", "20:00"], None),
        ("alle 17", ["17:00"], "17:00"),
    ],
)
def test_an_hour_without_an_offer(said: str, candidates: list[str], value: str | None) -> None:
    assert [(t["candidates"], t["value"]) for t in answer(said)["times"]] == [(candidates, value)]


@pytest.mark.parametrize(
    ("said", "offered", "dates", "times"),
    [
        ("facciamo alle tre", [WEDNESDAY, "2026-02-11T10:00"], [], ["15:00"]),
        ("facciamo alle tre", ["2026-02-11T10:00"], [], [None]),
        ("il secondo", [WEDNESDAY, THURSDAY], ["2026-02-12"], ["10:00"]),
        ("il secondo", [WEDNESDAY], [], []),
        ("quello di giovedì", [WEDNESDAY, THURSDAY], ["2026-02-12"], ["10:00"]),
        ("quello delle tre", [WEDNESDAY, THURSDAY], ["2026-02-11"], ["15:00"]),
        ("giovedì", ["2026-02-19T15:00"], ["2026-02-19"], []),
        ("giovedì", [WEDNESDAY], ["2026-02-12"], []),
    ],
)
def test_what_was_offered_settles(
    said: str, offered: list[str], dates: list[str], times: list[str | None]
) -> None:
    told = answer({"text": said, "offered": offered})
    assert (values(told["dates"]), values(told["times"])) == (dates, times)


def test_a_day_gone_by_is_known_and_flagged() -> None:
    assert [(d["value"], d["problems"]) for d in answer("ieri")["dates"]] == [("2026-02-08", ["past"])]


def test_a_day_that_does_not_add_up_is_left_open() -> None:
    (day,) = answer("mercoledì 12 febbraio")["dates"]
    assert (day["value"], day["problems"]) == (None, ["weekday_mismatch"])
    assert len(day["candidates"]) == 2


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("tra le 10 e le 12", "10:00", "12:00"),
        ("la settimana prossima", "2026-02-16", "2026-02-23"),
        ("giovedì dalle 15 alle 17", "2026-02-12T15:00", "2026-02-12T17:00"),
        ("domani mattina", "2026-02-10T06:00", "2026-02-10T12:00"),
    ],
)
def test_ranges_say_as_much_as_was_said(said: str, start: str, end: str) -> None:
    assert [(r["from"], r["to"]) for r in answer(said)["ranges"]] == [(start, end)]


def test_contacts_and_names() -> None:
    told = answer("Mi chiamo Ada Bianchi, 333 123 45 67, ada chiocciola gmail punto com")
    assert told["names"] == ["Ada Bianchi"]
    assert told["phones"] == [{"text": "333 123 45 67", "value": "+393331234567", "problems": []}]
    assert values(told["emails"]) == ["ada@gmail.com"]
    assert answer("ada@gmial.com")["emails"] == [
        {"text": "ada@gmial.com", "value": None, "problems": ["likely_slip"]}
    ]


def test_a_bare_yes_needs_one_offer_to_answer() -> None:
    assert answer("sì")["acts"] == ["backchannel"]
    assert answer({"text": "sì", "offered": [WEDNESDAY]})["acts"] == ["affirm"]
    assert answer({"text": "sì", "offered": [WEDNESDAY, THURSDAY]})["acts"] == ["backchannel"]
    assert answer("confermo")["acts"] == ["affirm"]


def test_readbacks() -> None:
    told = answer({"text": "Mercoledì 11 febbraio alle 15:00, confermi?", "speaker": "assistant"})
    assert told["readback"] == {
        "dates": ["2026-02-11"],
        "times": ["15:00"],
        "phones": [],
        "emails": [],
        "asks": "slot",
        "yes_no": True,
        "confirms": True,
        "offers": 1,
        "claims_booked": False,
    }
    assert told["acts"] == told["names"] == []
    two = "Ho mercoledì alle 15 o giovedì alle 16, quale preferisce?"
    assert answer({"text": two, "speaker": "assistant"})["readback"]["offers"] == 2
    assert answer("Mercoledì 11 febbraio alle 15:00, confermi?")["readback"]["dates"] == []
    done = answer({"text": "Ho prenotato mercoledì alle 15.", "speaker": "assistant"})["readback"]
    assert done["claims_booked"] and not done["confirms"]


def test_when_it_is_said() -> None:
    assert values(answer({"text": "domani", "now": "2026-03-01T10:00"})["dates"]) == ["2026-03-02"]
    late = {"text": "domani", "now": "2026-03-01T23:30:00+00:00"}  # past midnight in Rome
    assert values(answer(late)["dates"]) == ["2026-03-03"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"text": 3}', "text"),
        ("{}", "text"),
        ('{"text": "sì", "now": "ieri"}', "now"),
        ('{"text": "sì", "now": "0001-01-01T00:00"}', "now"),
        ('{"text": "sì", "now": 5}', "now"),
        ('{"text": "sì", "speaker": "chi"}', "speaker"),
        ('{"text": "sì", "speaker": []}', "speaker"),
        ('{"text": "sì", "offered": "2026-02-11T15:00"}', "offered"),
        ('{"text": "sì", "offered": [7]}', "offered"),
        ('{"text": ' + "[" * 100_000, "not JSON"),
        ('{"text": "' + "a" * 100_000, "not JSON"),
        (b"\xff\xfeciao", "not UTF-8"),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: str | bytes, named: str) -> None:
    told = answer(line)
    assert named in told["error"]
    assert told["dates"] == []


@pytest.mark.parametrize(
    "line", ["", "   ", "123", "null", '"ciao"', "[rumore] sì", '{"text": "sì", "id": 3}']
)
def test_other_lines_are_just_text(line: str) -> None:
    assert "error" not in answer(line)


def test_half_a_surrogate_pair_is_answered() -> None:
    assert answer('{"text": "\\ud800 domani"}')["dates"][0]["value"] == "2026-02-10"


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    told = answer({"text": text})
    assert told["text"] == text
    assert "error" not in told
    for found in (*told["dates"], *told["times"]):
        assert text[found["start"] : found["end"]] == found["text"]


@given(st.binary(max_size=100), st.sampled_from([b"", b"{", b'{"text": "', b"["]))
def test_any_bytes_are_answered(raw: bytes, opening: bytes) -> None:
    assert "text" in answer((opening + raw).replace(b"\n", b" "))
