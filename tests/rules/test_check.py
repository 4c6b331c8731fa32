"""Broken rule files: everything that is said of them, whole, and in order."""

# ruff: noqa: E501 - tables of one line an example
from __future__ import annotations

from pathlib import Path

import pytest

from fsm.booking import BookingMachine, BookingModel
from fsm.stages import Event, Stage, Task
from rules.compiler import MAX_RULES
from rules.errors import RuleFileError
from rules.facts import ACCEPTED_FROM
from rules.ruleset import check, load
from tests.rules.conftest import SHIPPED, Folder

RULE = '[[rule]]\nid = "{id}"\nwhen = {{ {when} }}\n{does}\nwhy = "x"\n'


def rules(*written: tuple[str, str, str]) -> str:
    """A decisions.toml: id, condition and what it does; a rule is five lines long."""
    return "".join(RULE.format(id=id_, when=when, does=does) for id_, when, does in written)


def told(path: Path) -> list[str]:
    """Everything said, without what every change of the rules makes superfluous; warnings are marked."""
    _, problems = check(path)
    lines = [f"{'warning ' if one.warning else ''}{one}".replace(f"{path}/", "") for one in problems]
    return [line for line in lines if "no rule gives this notice" not in line and "{" not in line]


PERSONA = 'notices = ["persona"]'
PASSATO = 'notices = ["passato"]'

DECISIONS = {
    "an unknown fact and an unknown value": (
        rules(("a", 'stge = "errore", stage = "erore"', PERSONA)),
        ["decisions.toml:3: rule a: stge: unknown fact; did you mean 'stage'?",
         "decisions.toml:3: rule a: stage: it cannot be 'erore': it must be nessun_intento or raccolta_dati or dati_completi or confermato or completato or errore; did you mean 'errore'?"],
    ),
    "a wrong type, deep in a condition of several lines": (
        '[[rule]]\nid = "a"\nwhy = "x"\nevent = "abbandono"\n[rule.when]\nstage = { in = [\n  "errore",\n  3,\n] }\nany = [\n  { drop = true },\n  { human = "si" },\n]\n',
        ["decisions.toml:8: rule a: stage: it cannot be 3: it must be nessun_intento or raccolta_dati or dati_completi or confermato or completato or errore",
         "decisions.toml:12: rule a: human: it cannot be 'si': it must be false or true"],
    ),
    "a name that stands elsewhere first": (
        '# id = "stage"\n[[rule]] # when = 3\nwhy = "event = 3 and when = 4"\nid = "a"\n"when" = { \'stage\' = 3 }\nevent = "riprov"\n',
        ["decisions.toml:5: rule a: stage: it cannot be 3: it must be nessun_intento or raccolta_dati or dati_completi or confermato or completato or errore",
         "decisions.toml:6: rule a: event: 'riprov' is no event; did you mean 'riprova'?"],
    ),
    "a duplicate id": (
        rules(("a", "human = true", PERSONA), ("a", "drop = true", PASSATO)),
        ["decisions.toml:7: rule a: id: the rule at line 1 has the same id"],
    ),
    "a rule hidden by a wider one": (
        rules(("wide", 'stage = { in = ["errore", "completato"] }', PERSONA), ("hidden", 'stage = "errore", drop = true', PASSATO)),
        ["decisions.toml:8: rule hidden: when: it is never reached: wherever it holds, rule wide (line 1) comes first"],
    ),
    "a rule hidden by two together": (
        rules(("a", "missing = { at_most = 1 }", PERSONA), ("no", "drop = true, human = true", PERSONA), ("b", "missing = { more_than = 1 }, drop = false", PERSONA), ("hidden", "drop = false, human = true", PASSATO)),
        ["decisions.toml:18: rule hidden: when: it is never reached: wherever it holds, one of rules a (line 1), b (line 11) comes first"],
    ),
    "a rule hidden by one of the same event": (
        rules(("a", 'stage = "dati_completi"', 'event = "conferma"'), ("hidden", 'stage = "dati_completi", agreement = "valida"', 'event = "conferma"')),
        ["decisions.toml:8: rule hidden: when: it is never reached: wherever it holds, rule a (line 1) comes first"],
    ),
    "a rule behind one of another event": (
        rules(("a", 'stage = "dati_completi"', 'event = "conferma"'), ("later", 'stage = "dati_completi", drop = true', 'event = "abbandono"')),
        ["warning decisions.toml:8: rule later: when: it is reached only once 'conferma' was proposed before: rule a (line 1) comes first"],
    ),
    "a rule moved ahead of another": (
        rules(("narrow", 'stage = "errore", drop = true', PASSATO), ("wide", 'stage = "errore"', PERSONA + "\npriority = 1")),
        ["decisions.toml:3: rule narrow: when: it is never reached: wherever it holds, rule wide (line 6) comes first"],
    ),
    "a rule hidden in part": (
        rules(("a", 'stage = "errore"', PERSONA), ("b", 'stage = { in = ["errore", "completato"] }', PASSATO)),
        ["warning decisions.toml:8: rule b: when: stage = 'errore' plays no part: there rule a (line 1) comes first"],
    ),
    "a contradiction in one fact": (
        rules(("a", "missing = { at_least = 3, at_most = 2 }", PERSONA)),
        ["decisions.toml:3: rule a: when: it can never hold: what it asks for contradicts itself"],
    ),
    "a contradiction across groups": (
        rules(("a", 'stage = "errore", any = [{ stage = "completato" }, { none = [{ stage = "errore" }] }]', PERSONA)),
        ["decisions.toml:3: rule a: when: it can never hold: what it asks for contradicts itself"],
    ),
    "a condition that says nothing": (
        rules(("a", "any = [{ drop = true }, { none = [{ drop = true, human = true }] }]", PERSONA)),
        ["decisions.toml:3: rule a: when: it always holds: leave out what says nothing, or name a fact"],
    ),
    "an event that no stage takes": (
        rules(("a", 'stage = { in = ["errore", "completato"] }', 'event = "conferma"')),
        ["decisions.toml:4: rule a: event: 'conferma' is never taken in completato or errore, the only stages that this rule allows; the machine takes it in dati_completi"],
    ),
    "an event that some stage does not take": (
        rules(("a", "drop = true", 'event = "abbandono"')),
        ["warning decisions.toml:4: rule a: event: in nessun_intento or confermato or completato the machine refuses 'abbandono'; it takes it in raccolta_dati or dati_completi or errore"],
    ),
    "an unknown message": (
        rules(("a", "human = true", 'notices = [\n  "passato",\n  "persna",\n]')),
        ["decisions.toml:6: rule a: notices: there is no message 'persna'; did you mean 'persona'?"],
    ),
    "unknown keys": (
        'regola = 3\n' + rules(("a", "human = true", PERSONA + "\nperche = 1")),
        ["decisions.toml:1: regola: unknown key; known are rule",
         "decisions.toml:6: rule a: perche: unknown key; known are id, priority, when, event, command, notices, why"],
    ),
    "two tables that are no TOML, and a mistake in the third": (
        '[[rule]]\nid = "a"\nwhen = { human = true\n[[rule]]\nid = "b\n' + rules(("c", "hman = true", PERSONA)),
        ["decisions.toml:3:22: not valid TOML: Unclosed inline table",
         "decisions.toml:5:8: not valid TOML: Illegal character '\\n'",
         "decisions.toml:8: rule c: hman: unknown fact; did you mean 'human'?"],
    ),
    "the same table twice": (
        '[[rule]]\nid = "a"\n[rule.when]\ndrop = true\n[rule.when]\nhuman = true\n',
        ["decisions.toml:5:11: not valid TOML: Cannot declare ('rule', 'when') twice"],
    ),
    "brackets without end": (
        '[[rule]]\nid = ' + 5000 * "[",
        ["decisions.toml:2: not valid TOML: Brackets within brackets without end"],
    ),
    "too many rules": (
        rules(*((f"r{n}", f"missing = {n}", PERSONA) for n in range(MAX_RULES + 1))),
        ["decisions.toml:1001: 201 rules: no more than 200 can be used"],
    ),
}  # fmt: skip


def test_a_number_without_end_is_said_to_be_one(folder: Folder) -> None:
    (said,) = told(folder(decisions="[[rule]]\npriority = " + 5000 * "9"))
    assert said.startswith("decisions.toml:2: not valid TOML: Exceeds the limit")


@pytest.mark.parametrize(("text", "expected"), DECISIONS.values(), ids=DECISIONS)
def test_what_is_said_of_decisions(text: str, expected: list[str], folder: Folder) -> None:
    path = folder(decisions=text)
    assert told(path) == expected
    if all(line.startswith("warning ") for line in expected):
        load(path)
    else:
        with pytest.raises(RuleFileError) as caught:
            load(path)
        assert len(caught.value.problems) == sum(not line.startswith("warning ") for line in expected)


PHRASES = {
    "a phrase under two opposite acts": (
        '[affirm]\nphrases = [\n  "sì",\n  "Va bene così",\n]\n[deny]\nexplicit = ["va (bene) cosi"]\n',
        ["phrases.toml:7: deny: va (bene) cosi: 'va bene cosi' stands under [affirm] too, at line 4, and means the opposite there"],
    ),
    "a phrase under two other acts": (
        '[affirm]\nphrases = ["ok"]\n[backchannel]\nphrases = ["OK"]\n',
        ["warning phrases.toml:4: backchannel: OK: 'OK' stands under [affirm] too, at line 2: only one of the two counts"],
    ),
    "a phrase twice under one act": (
        '[affirm]\nphrases = [\n  "va bene (così)",\n  "certo",\n]\nexplicit = ["va bene"]\n',
        ["warning phrases.toml:6: affirm: va bene: it adds nothing: line 3 says it already ('va bene (così)')"],
    ),
    "phrases that cannot be read": (
        '[words]\nora = ["ora"]\n[drop]\nphrases = [\n  "a <oro>",\n  "va *",\n  "",\n]\n',
        ["phrases.toml:5: drop: a <oro>: there is no word list <oro> under [words]; did you mean 'ora'?",
         "phrases.toml:6: drop: va *: '*' cannot be read; use a/b, (a) or <list>, without spaces inside",
         "phrases.toml:7: drop: phrases: it must be a list of phrases between quotes"],
    ),
    "an unknown act, and a list of words that is no TOML": (
        '[words]\nora = ["ora"\n[afirm]\nphrases = ["sì"]\n[drop]\nphrases = ["<ora>"]\n',
        ["phrases.toml:2: not valid TOML: Unclosed array",
         "phrases.toml:3: afirm: unknown key; did you mean 'affirm'?"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PHRASES.values(), ids=PHRASES)
def test_what_is_said_of_phrases(text: str, expected: list[str], folder: Folder) -> None:
    assert told(folder(phrases=text)) == expected


def edited(name: str, *changes: tuple[str, str]) -> str:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def line_of(name: str, words: str) -> int:
    rows = (SHIPPED / name).read_text(encoding="utf-8").split("\n")
    return next(number for number, row in enumerate(rows, start=1) if row.startswith(words))


def test_what_is_said_of_messages(folder: Folder) -> None:
    text = edited(
        "messages.toml",
        ("posto è libero, ma nulla è ancora registrato. Di' \\\"{verbo}", "posto è libero. Di' \\\"{verb}"),
        ("persona =", "persone ="),
        ("{dato}.", "..."),
    )
    _, problems = check(folder(messages=text))
    said = [f"{'warning ' if one.warning else ''}{one}".split("messages.toml:")[-1] for one in problems]
    header = line_of("messages.toml", "[notices]")
    restate, missing = line_of("messages.toml", "riepiloga"), line_of("messages.toml", "manca_un_dato")
    person = line_of("messages.toml", "persona")
    assert [line for line in said if "prompt.md" not in line] == [
        next(line for line in said if "decisions.toml" in line and "there is no message 'persona'; did you mean" in line),
        f"{header}: persona: this notice has no text",
        f"{restate}: notices: riepiloga: the placeholder {{verbo}} is missing",
        f"{restate}: notices: riepiloga: unknown placeholder {{verb}}; did you mean 'verbo'?",
        f"{missing}: notices: manca_un_dato: the placeholder {{dato}} is missing",
    ]  # fmt: skip
    assert person  # its line holds a notice of the analysts' own now, which is allowed


def test_a_message_that_no_rule_gives_is_a_warning(folder: Folder) -> None:
    text = edited("messages.toml", ("# --- Altro ---", 'saluto = "Saluta."'))
    ruleset, problems = check(folder(messages=text))
    assert ruleset is not None
    assert [str(one) for one in problems if "notice" in str(one)] == [
        f"{ruleset.directory}/messages.toml:{line_of('messages.toml', '# --- Altro')}: notices: saluto: no rule gives this notice"
    ]


def test_what_is_said_of_limits(folder: Folder) -> None:
    text = 'abandon_after = 0\nmax_failed_comits = 3\nmax_failed_commits = "3"\n[required.lead]\ninbound = [\n  "nome",\n  "mail",\n]\noutbond = 3\n[required.cliente]\n'
    assert told(folder(limits=text)) == [
        "limits.toml:1: abandon_after: cannot be 0: it must be a whole number from 1 to 100",
        "limits.toml:1: timeout_after: is missing: it must be a whole number from 1 to 100",
        "limits.toml:2: max_failed_comits: unknown key; did you mean 'max_failed_commits'?",
        "limits.toml:3: max_failed_commits: cannot be '3': it must be a whole number from 1 to 10",
        "limits.toml:7: required.lead: inbound: 'mail' is no detail that can be added; did you mean 'email'?",
        "limits.toml:9: required.lead: outbond: unknown key; did you mean 'outbound'?",
        "limits.toml:10: required: cliente: unknown key; did you mean 'client'?",
    ]


def test_what_is_said_of_the_prompt(folder: Folder) -> None:
    _, problems = check(
        folder(prompt="Sei di {consultant}.\nOggi {todai}. {caller} {required} {bookings} {\n")
    )
    assert [(one.line, one.text, one.nearest, one.warning) for one in problems] == [
        (2, "a brace does not fit (Single '{' encountered in format string); to write one, double it", None, False),
        (None, "the placeholder {today} is missing: the assistant is not told of it", None, True),
        (None, "the placeholder {slots} is missing: the assistant is not told of it", None, True),
    ]  # fmt: skip


def test_a_file_that_is_missing_keeps_nothing_else_from_being_told(folder: Folder) -> None:
    path = folder(messages=None, limits=None, decisions=rules(("a", "hman = true", 'notices = ["x"]')))
    (path / "decision.toml").write_text("", encoding="utf-8")
    assert told(path) == [
        "messages.toml: this file is missing",
        "limits.toml: this file is missing",
        "decisions.toml:3: rule a: hman: unknown fact; did you mean 'human'?",
        "warning decision.toml: this file is not read by anything; did you mean 'decisions.toml'?",
    ]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    ruleset, problems = check(tmp_path / "nothing")
    assert ruleset is None
    assert [str(one) for one in problems] == [f"{tmp_path}/nothing: there is no such folder"]


def test_nothing_is_said_of_the_shipped_files() -> None:
    ruleset, problems = check(SHIPPED)
    assert problems == ()
    assert ruleset is not None


def test_the_events_are_taken_where_the_machine_takes_them() -> None:
    taken: dict[str, list[str]] = {event: [] for event in ACCEPTED_FROM}
    for stage in Stage:
        task = Task.NESSUNO if stage is Stage.NESSUN_INTENTO else Task.PRENOTA
        machine = BookingMachine(BookingModel("c", stage, task))
        for event in Event:
            if any(transition.match(event) for transition in machine.states_map[stage].transitions):
                taken[event].append(stage)
    assert {event: tuple(stages) for event, stages in taken.items()} == ACCEPTED_FROM
