"""The format of written dialogues: each key does what it says, and what is wrong is named with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.rehearsal import Outcome, RehearsalError, read_dialogue
from tests.dialogues import play, shipped_rulebook

CALLER = """
[caller]
kind = "client"
direction = "inbound"
"""
AGENDA = """
[agenda]
duration = 60
free = ["2026-02-11T10:00", "2026-02-11T15:00"]
"""
BOOKS = """
  { caller = "Vorrei prenotare mercoledì alle 15" },
  { assistant = "Mercoledì 11 febbraio alle 15, confermi?" },
  { caller = "Sì" },
"""


def dialogue(
    turns: str = BOOKS, caller: str = CALLER, agenda: str = AGENDA, expect: str = "", head: str = ""
) -> str:
    begin = head or 'title = "prova"\nnow = "2026-02-09T09:30:00+01:00"\n'
    return f"{begin}turns = [{turns}]\n{caller}{agenda}\n{expect}"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def play_text(text: str) -> Outcome:
        path = tmp_path / "dialogue.toml"
        path.write_text(text, encoding="utf-8")
        return play(read_dialogue(path), shipped_rulebook())

    return play_text


@pytest.fixture
def refused(tmp_path: Path) -> Any:
    def lines(text: str) -> list[str]:
        path = tmp_path / "dialogue.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RehearsalError) as error:
            read_dialogue(path)
        return [line.removeprefix(str(path)) for line in str(error.value).splitlines()]

    return lines


# --- What the keys do -------------------------------------------------------------------------------------


def test_title_and_transitions_are_told(run: Any) -> None:
    outcome = run(dialogue())
    assert outcome.title == "prova"
    assert (outcome.stage, outcome.task) == ("completato", "prenota")
    assert [step["event"] for step in outcome.transitions] == [
        "interesse",
        "completa",
        "conferma",
        "successo",
    ]
    assert [step["turn"] for step in outcome.transitions] == [2, 2, 3, 3]
    assert outcome.transitions[0] == {
        "turn": 2,
        "from": "nessun_intento",
        "to": "raccolta_dati",
        "event": "interesse",
        "rule": "interesse",
        "refused": None,
    }
    assert outcome.notices == ["prenotazione_riuscita"]


def test_now_is_when_the_call_begins(run: Any) -> None:
    later = dialogue(head='title = "prova"\nnow = "2026-02-12T09:30:00+01:00"\n')
    outcome = run(later)
    assert outcome.bookings == []


def test_a_last_analysis_runs_after_the_last_turn(run: Any) -> None:
    assert [b["start"] for b in run(dialogue()).bookings] == ["2026-02-11T15:00"]


@pytest.mark.parametrize(
    ("heard", "booked"),
    [
        ('heard = "Mercoledì"', False),
        ('heard = "Mercoledì 11 febbraio alle 15,"', False),
        ('heard = "Mercoledì 11 febbraio alle 15, confermi?"', True),
        ('heard = ""', False),
    ],
)
def test_only_what_was_heard_counts(run: Any, heard: str, booked: bool) -> None:
    turns = BOOKS.replace('confermi?" }', f'confermi?", {heard} }}')
    assert heard in turns
    assert bool(run(dialogue(turns)).bookings) is booked


def test_two_caller_turns_in_a_row(run: Any) -> None:
    turns = BOOKS + '{ caller = "anzi no, meglio alle 10" },'
    outcome = run(dialogue(turns))
    assert outcome.bookings == []
    assert outcome.stage != "completato"


def test_a_cut_off_turn_waits_for_the_words_that_cut_it(run: Any) -> None:
    turns = """
      { caller = "Vorrei prenotare mercoledì alle 15" },
      { assistant = "Allora mercoledì 11 febbraio", heard = "Allora" },
      { caller = "alle 10, dicevo" },
      { assistant = "Mercoledì 11 febbraio alle 10, confermi?" },
      { caller = "Sì" },"""
    outcome = run(dialogue(turns))
    assert [b["start"] for b in outcome.bookings] == ["2026-02-11T10:00"]
    assert outcome.transitions[0]["turn"] == 3


@pytest.mark.parametrize(
    ("caller", "kind", "phone", "email"),
    [
        (CALLER, "consultation", None, None),
        (CALLER + 'name = "Anna"\nphone = "+393337654321"\nemail = "anna@gmail.com"\n', "consultation",
         "+393337654321", "anna@gmail.com"),
    ],
)  # fmt: skip
def test_who_calls(run: Any, caller: str, kind: str, phone: str | None, email: str | None) -> None:
    (booking,) = run(dialogue(caller=caller)).bookings
    assert (booking["kind"], booking["phone"], booking["email"]) == (kind, phone, email)


LEAD = '[caller]\nkind = "lead"\ndirection = "outbound"\nphone = "+393337654321"\n'
LEAD_BOOKS = """
  { caller = "Vorrei prenotare mercoledì alle 15, la mia mail è anna@gmail.com" },
  { assistant = "Mercoledì 11 febbraio alle 15, email anna@gmail.com. Confermi?" },
  { caller = "Sì" },
"""


def test_a_lead_we_called_books_an_appointment_under_the_number_dialled(run: Any) -> None:
    (booking,) = run(dialogue(LEAD_BOOKS, caller=LEAD)).bookings
    assert booking == {
        "kind": "appointment",
        "start": "2026-02-11T15:00",
        "start_utc": "2026-02-11T14:00Z",
        "phone": "+393337654321",
        "email": "anna@gmail.com",
    }


def test_free_starts_are_the_only_ones(run: Any) -> None:
    assert run(dialogue(BOOKS.replace("15", "11"))).bookings == []


def test_all_but_free_is_taken(run: Any) -> None:
    """In the hours of the day what is not free is taken; the caller must not hear of opening hours."""
    assert "slot_occupato" in run(dialogue(BOOKS.replace("15", "11"))).notices


def test_duration_is_that_of_the_bookings(run: Any) -> None:
    """With 60 minutes the second slot overlaps an own booking at 15:30, with 30 it does not."""
    own = '[[agenda.existing]]\nstart = "2026-02-11T15:30"\n'
    long = dialogue(agenda=AGENDA + own)
    assert [b["start"] for b in run(long).bookings] == ["2026-02-11T15:30"]
    short = long.replace("duration = 60", "duration = 30")
    assert [b["start"] for b in run(short).bookings] == ["2026-02-11T15:00", "2026-02-11T15:30"]


CANCELS = """
  { caller = "Vorrei disdire il mio appuntamento" },
  { assistant = "Annullo l'appuntamento di giovedì 12 febbraio alle 11, confermi?" },
  { caller = "Sì" },
"""
OWN = '[agenda]\nfree = []\n[[agenda.existing]]\nstart = "2026-02-12T11:00"\n'


@pytest.mark.parametrize("caller", [CALLER, LEAD])
def test_own_bookings_can_be_cancelled_and_are_told(run: Any, caller: str) -> None:
    outcome = run(dialogue(CANCELS, caller=caller, agenda=OWN))
    assert (outcome.bookings, [b["start"] for b in outcome.cancelled]) == ([], ["2026-02-12T11:00"])


# --- What is expected -------------------------------------------------------------------------------------

ONE = '[expect]\nbookings = [ {{ kind = "{kind}", start = "{start}"{more} }} ]\n'


def one(kind: str = "consultation", start: str = "2026-02-11T15:00", more: str = "") -> str:
    return ONE.format(kind=kind, start=start, more=more)


@pytest.mark.parametrize(
    ("expect", "problems"),
    [
        (one(), []),
        (one(more=', start_utc = "2026-02-11T14:00Z"'), []),
        (one(start="2026-02-11T15:00:00+01:00"), []),
        (one() + 'stage = "completato"\ncancelled = []', []),
        ("", ["unexpected booking"]),
        ("[expect]\nbookings = []", ["unexpected booking"]),
        (one(start="2026-02-11T10:00"), ["missing booking", "unexpected booking"]),
        (one("appointment"), ["missing booking", "unexpected booking"]),
        (one(more=', phone = "+393331234567"'), ["missing booking", "unexpected booking"]),
        (one(more=', email = "a@gmail.com"'), ["missing booking", "unexpected booking"]),
        (one(more=', start_utc = "2026-02-11T15:00Z"'), ["missing booking", "unexpected booking"]),
        (one() + 'stage = "raccolta_dati"', ["stage is completato, expected raccolta_dati"]),
        (one() + 'cancelled = ["2026-02-11T15:00"]', ["cancelled are []"]),
    ],
)
def test_expectations(run: Any, expect: str, problems: list[str]) -> None:
    outcome = run(dialogue(expect=expect))
    assert len(outcome.problems) == len(problems)
    assert all(begin in problem for begin, problem in zip(problems, outcome.problems, strict=True))
    assert outcome.passed is (not problems)


def test_the_same_booking_expected_twice_is_missing_once(run: Any) -> None:
    item = '{ kind = "consultation", start = "2026-02-11T15:00" }'
    outcome = run(dialogue(expect=f"[expect]\nbookings = [{item}, {item}]"))
    assert len(outcome.problems) == 1


def test_a_lead_s_phone_and_email_are_compared(run: Any) -> None:
    right = one("appointment", more=', phone = "+393337654321", email = "anna@gmail.com"')
    assert run(dialogue(LEAD_BOOKS, caller=LEAD, expect=right)).passed
    wrong = right.replace("anna", "anno")
    assert not run(dialogue(LEAD_BOOKS, caller=LEAD, expect=wrong)).passed


@pytest.mark.parametrize(
    ("cancelled", "passed"),
    [
        ('["2026-02-12T11:00"]', True),
        ('[{ start = "2026-02-12T11:00", kind = "consultation" }]', True),
        ("[2026-02-12T11:00:00]", True),
        ('[{ start = "2026-02-12T11:00", kind = "appointment" }]', False),
        ("[]", False),
        ('["2026-02-12T12:00"]', False),
    ],
)
def test_cancelled_ones_are_compared_when_given(run: Any, cancelled: str, passed: bool) -> None:
    text = dialogue(CANCELS, agenda=OWN, expect=f"[expect]\nbookings = []\ncancelled = {cancelled}")
    assert run(text).passed is passed


def test_existing_bookings_still_in_force_count(run: Any) -> None:
    nothing = '{ caller = "Buongiorno" },'
    assert not run(dialogue(nothing, agenda=OWN, expect="[expect]\nbookings = []")).passed
    assert run(dialogue(nothing, agenda=OWN, expect=one(start="2026-02-12T11:00"))).passed


# --- What is wrong is named -------------------------------------------------------------------------------

HEAD = 'title = "prova"\nnow = "2026-02-09T09:30:00+01:00"\n'


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (dialogue(head=HEAD.replace("+01:00", "")), ":2: now: ", "needs its offset"),
        (dialogue(head=HEAD.replace("2026", "ieri")), ":2: now: ", "valid datetime"),
        (dialogue(caller=CALLER.replace("inbound", "in")), ": caller.direction: ", "'inbound' or 'outbound'"),
        (dialogue(caller=CALLER + "age = 5\n"), ": caller.age: ", "unknown key (allowed: "),
        (dialogue(expect='[expect]\nstage = "fatto"'), ": expect.stage: ", "nessun_intento"),
        (dialogue(expect='[expect]\nbooking = []'), ": expect.booking: ", "unknown key (allowed: "),
        (dialogue(agenda='[agenda]\nfree = ["presto"]'), ": agenda.free.0: ", "valid datetime"),
        (dialogue(head='now = "2026-02-09T09:30:00+01:00"\n'), ":1: title: ", "required"),
        (dialogue(head='titolo = "x"\n' + HEAD), ":1: titolo: ", "unknown key (allowed: "),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_line_field_and_reason(
    refused: Any, text: str, line: str, reason: str
) -> None:
    (problem,) = refused(text)
    assert line in problem
    assert reason in problem
    number = int(problem.split(":")[1])
    field = line.split(": ")[1].rstrip(":").split(".")[-1]
    if not field.isdigit() and field != "title":
        assert field in text.splitlines()[number - 1]


def expecting(text: str) -> str:
    return dialogue(expect=f"[expect]\n{text}")


OWN_AGAIN = '[[agenda.existing]]\nstart = "2026-02-12T{start}"\n{more}'


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (dialogue(head='title = "t"\nnow = 5\n'), ":2: now: ", "valid datetime"),
        (dialogue(head='title = "t"\nnow = "0001-01-01T00:00:00+10:00"\n'), ":2: now: ", "from 2000 to 2100"),
        (dialogue(head='title = "t"\nnow = "1770000000"\n'), ":2: now: ", "valid datetime"),
        (dialogue(agenda="[agenda]\nfree = [1.5]\n"), ":13: agenda.free.0: ", "valid datetime"),
        (dialogue(agenda='[agenda]\nfree = ["2026-02-11"]\n'), ":13: agenda.free.0: ", "a date and a time"),
        (dialogue(agenda="[agenda]\nfree = [2026-02-11]\n"), ":13: agenda.free.0: ", "a date and a time"),
        (dialogue(agenda='[agenda]\nfree = ["9999-12-31T23:00"]\n'), ":13: agenda.free.0: ", "2000 to 2100"),
        (dialogue(agenda="[agenda]\nduration = 0\n"), ":13: agenda.duration: ", "greater than or equal to 5"),
        (dialogue(agenda="[agenda]\nduration = 1e3\n"), ":13: agenda.duration: ", "valid integer"),
        (dialogue(agenda="[agenda]\nduration = 481\n"), ":13: agenda.duration: ", "less than or equal to 480"),
        (dialogue(agenda=OWN + OWN_AGAIN.format(start="15:00", more="minutes = -60\n")),
         ":18: agenda.existing.1.minutes: ", "greater than or equal to 5"),
        (dialogue(agenda=OWN + OWN_AGAIN.format(start="11:00", more="")), ":12: agenda: ", "overlap"),
        (dialogue(agenda=OWN + OWN_AGAIN.format(start="11:59", more="")), ":12: agenda: ", "overlap"),
        (dialogue(agenda=OWN + OWN_AGAIN.format(start="10:30", more="minutes = 45\n")), ":12: agenda: ",
         "overlap: 2026-02-12T10:30 and 2026-02-12T11:00"),
        (dialogue(caller=CALLER + 'phone = "abc"\n'), ":12: caller.phone: ", "E.164"),
        (expecting('cancelled = "2026-02-11T15:00"'), ":18: expect.cancelled: ", "should be an array"),
        (expecting("bookings = [5]"), ":18: expect.bookings.0: ", "should be a table"),
        (expecting('cancelled = ["domani"]'), ":18: expect.cancelled.0.start: ", "valid datetime"),
        (expecting("cancelled = [5]"), ":18: expect.cancelled.0.start: ", "valid datetime"),
        (expecting("cancelled = [{}]"), ":18: expect.cancelled.0.start: ", "required"),
        (expecting('cancelled = [{ start = "2026-02-11T15:00", who = "x" }]'), ":18: expect.cancelled.0.who: ",
         "unknown key (allowed: kind, start, "),
        (dialogue(expect=one(more=', phone = "3331234567"')), ":18: expect.bookings.0.phone: ", "E.164"),
        (dialogue(expect=one(more=', age = 5')), ":18: expect.bookings.0.age: ",
         "unknown key (allowed: kind, start, phone, email, start_utc)"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(refused: Any, text: str, place: str, reason: str) -> None:
    (problem,) = refused(text)
    assert problem.startswith(place)
    assert reason in problem


def test_bookings_one_after_the_other_do_not_overlap(run: Any) -> None:
    agenda = OWN + OWN_AGAIN.format(start="12:00", more="minutes = 30\n")
    outcome = run(dialogue('{ caller = "Buongiorno" },', agenda=agenda))
    assert [b["start"] for b in outcome.bookings] == ["2026-02-12T11:00", "2026-02-12T12:00"]


def test_instants_may_be_toml_s_own(run: Any) -> None:
    head = 'title = "prova"\nnow = 2026-02-09T09:30:00+01:00\n'
    agenda = "[agenda]\nfree = [2026-02-11T15:00:00]\n"
    expect = '[expect]\nbookings = [{ kind = "consultation", start = 2026-02-11T15:00:00 }]\ncancelled = []\n'
    assert run(dialogue(head=head, agenda=agenda, expect=expect)).passed


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        ('{ caller = "a", assistant = "b" },', "one of `caller`, `assistant` or `keys`"),
        ("{ },", "one of `caller`, `assistant` or `keys`"),
        ('{ caller = "a", heard = "a" },', "belongs to an assistant turn"),
        ('{ keys = "34a" },', "0 to 9 and *, with # only at their end"),
        ('{ keys = "34#7" },', "0 to 9 and *, with # only at their end"),
        ('{ keys = "34", caller = "tre" },', "one of `caller`, `assistant` or `keys`"),
        ('{ assistant = "Mercoledì alle 15", heard = "Giovedì" },', "how the assistant turn begins"),
        ('{ chi = "a" },', ""),
    ],
)
def test_a_wrong_turn_is_named_with_its_line(refused: Any, turn: str, reason: str) -> None:
    problems = refused(dialogue(f'\n{{ caller = "Pronto" }},\n{turn}\n'))
    assert all(problem.startswith(":5: turns.1") for problem in problems), problems
    assert any(reason in problem for problem in problems)


@pytest.mark.parametrize("text", ["turns = [", "title = 'a'\ntitle = 'b'", "[caller\n", "\x00"])
def test_what_is_no_toml_is_named(refused: Any, text: str) -> None:
    (problem,) = refused(text)
    assert problem.startswith(":")
    assert any(character.isdigit() for character in problem), "no line is named"


def test_every_problem_of_a_file_is_named_at_once(refused: Any) -> None:
    text = dialogue(caller='[caller]\nkind = "x"\ndirection = "y"\n', head='title = "t"\nnow = "ieri"\n')
    assert len(refused(text)) == 3


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match=r"none\.toml: cannot be read: No such file"):
        read_dialogue(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes('title = "così"'.encode("latin-1"))
    with pytest.raises(RehearsalError, match=r"latin\.toml: is not UTF-8"):
        read_dialogue(tmp_path / "latin.toml")
