"""Reading rules: what the small language means, and every way of getting it wrong."""

# ruff: noqa: E501 - tables of one line an example
from __future__ import annotations

import pytest

from rules.compiler import MAX_RULES, Rule, read_rules
from rules.conditions import All, Among, Any, Between, engine_form, negate, simplify
from rules.limits import read_limits
from rules.messages import Messages
from rules.source import Source

LIMITS = read_limits(Source("l", "abandon_after = 5\ntimeout_after = 3\nmax_failed_commits = 2\n"))
MESSAGES = Messages("[A]", {"persona": "x", "passato": "y"})

RULE = """# una regola
[[rule]]
id = "una"
when = { stage = "errore" }
event = "riprova"
why = "perché sì"
"""


def read(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    source = Source("d.toml", text)
    rules = read_rules(source, LIMITS, MESSAGES)
    return rules, [str(problem) for problem in source.problems]


def rule(id_: str, extra: str = "") -> str:
    return f'[[rule]]\nid = "{id_}"\nwhen = {{ drop = true }}\nevent = "abbandono"\nwhy = "x"\n{extra}\n'


def test_a_rule_is_read_whole() -> None:
    rules, problems = read(RULE.replace("event", 'notices = ["persona", "passato"]\nevent'))
    assert problems == []
    assert rules == (
        Rule("una", Among("stage", ("errore",)), "riprova", ("persona", "passato"), "perché sì", 2),
    )


def test_a_rule_may_ask_for_a_command_alone_or_beside_the_rest() -> None:
    alone, problems = read(RULE.replace('event = "riprova"', 'command = "riaggancia"'))
    assert (problems, alone[0].event, alone[0].command) == ([], None, "riaggancia")
    beside, problems = read(RULE.replace('event = "riprova"', 'event = "riprova"\ncommand = "richiama"'))
    assert (problems, beside[0].event, beside[0].command) == ([], "riprova", "richiama")


def test_an_unknown_command_is_named_with_the_nearest() -> None:
    rules, (problem,) = read(RULE.replace('event = "riprova"', 'command = "trasferire"'))
    assert "rule una: command: 'trasferire' is no command; did you mean 'trasferisci'?" in str(problem)
    assert rules == ()


OPEN_STAGES = ("raccolta_dati", "dati_completi")


@pytest.mark.parametrize(
    ("when", "means"),
    [
        ("stage = 'errore'", Among("stage", ("errore",))),
        ("drop = false", Among("drop", (False,))),
        ("missing = 2", Between("missing", 2, 2)),
        ("stage = { in = ['dati_completi', 'raccolta_dati'] }", Among("stage", OPEN_STAGES)),
        ("drop = { not = true }", Among("drop", (False,))),
        ("task = { not_in = ['nessuno', 'sposta'] }", Among("task", ("prenota", "disdici"))),
        ("missing = { at_least = 1 }", Between("missing", 1, None)),
        ("missing = { at_most = 1 }", Between("missing", 0, 1)),
        ("missing = { more_than = 1 }", Between("missing", 2, None)),
        ("missing = { less_than = 1 }", Between("missing", 0, 0)),
        ("missing = { not = 0 }", Between("missing", 1, None)),
        ("missing = { not = 2 }", Any((Between("missing", 0, 1), Between("missing", 3, None)))),
        ("missing = { in = [1, 3] }", Any((Between("missing", 1, 1), Between("missing", 3, 3)))),
        (
            "missing = { at_least = 1, at_most = 3 }",
            All((Between("missing", 1, None), Between("missing", 0, 3))),
        ),
        ("waiting = { more_than = 'timeout_after' }", Between("waiting", 4, None)),
        ("attempts = { less_than = 'max_failed_commits' }", Between("attempts", 0, 1)),
        ("attempts = 'max_failed_commits'", Between("attempts", 2, 2)),
        ("drop = true, human = true", All((Among("drop", (True,)), Among("human", (True,))))),
        ("any = [{ drop = true }, { human = true }]", Any((Among("drop", (True,)), Among("human", (True,))))),
        ("all = [{ drop = true }, { human = true }]", All((Among("drop", (True,)), Among("human", (True,))))),
        (
            "none = [{ drop = true }, { human = true }]",
            All((Among("drop", (False,)), Among("human", (False,)))),
        ),
        (
            "none = [{ drop = true, missing = { at_least = 2 } }]",
            Any((Among("drop", (False,)), Between("missing", 0, 1))),
        ),
        ("drop = true, missing = { at_least = 0 }", Among("drop", (True,))),
    ],
)
def test_what_conditions_mean(when: str, means: object) -> None:
    rules, problems = read(RULE.replace('stage = "errore"', when))
    assert problems == []
    assert rules[0].when == means


WRONG_WHEN = [
    ("stge = 'errore'", "stge: unknown fact; did you mean 'stage'?"),
    ("an = [{ drop = true }]", "an: unknown fact; did you mean 'any'?"),
    ("zzzz = 1", "zzzz: unknown fact"),
    ("stage = 'erore'", "stage: it cannot be 'erore': it must be nessun_intento or raccolta_dati or "),
    ("stage = 'erore'", "errore; did you mean 'errore'?"),
    ("stage = 3", "stage: it cannot be 3: it must be nessun_intento"),
    ("stage = true", "stage: it cannot be true: it must be nessun_intento"),
    ("drop = 1", "drop: it cannot be 1: it must be false or true"),
    ("drop = 'true'", "drop: it cannot be 'true': it must be false or true; did you mean 'true'?"),
    ("missing = true", "missing: it cannot be true: it must be a whole number from 0 to 1000000, or the name"),
    ("missing = -1", "missing: it cannot be -1"),
    ("missing = 1.5", "missing: it cannot be 1.5"),
    ("missing = 2026-02-11", "missing: it cannot be datetime.date(2026, 2, 11)"),
    ("missing = 'timeout'", "missing: 'timeout' is no limit; did you mean 'timeout_after'?"),
    ("missing = 'zzzz'", "missing: 'zzzz' is no limit; known are abandon_after, timeout_after"),
    ("missing = { at_least = 'timeout_aftr' }", "missing: 'timeout_aftr' is no limit; did you mean"),
    ("missing = { at_leest = 1 }", "missing: 'at_leest' is no test of a number; did you mean 'at_least'?"),
    ("stage = { at_least = 1 }", "stage: 'at_least' is no test of a word; known for it are in, not, not_in"),
    ("drop = { at_most = 1 }", "drop: 'at_most' is no test of a true or false; known for it are in"),
    ("stage = {}", "stage: it needs one of in, not, not_in"),
    ("stage = ['errore']", "stage: for one of several values write { in = [...] }"),
    ("stage = { in = [] }", "stage: 'in' needs a list of values"),
    ("stage = { not_in = 'errore' }", "stage: 'not_in' needs a list of values"),
    ("stage = { in = [['errore']] }", "stage: it cannot be ['errore']"),
    ("stage = { not = ['errore'] }", "stage: 'not' needs one value"),
    ("any = []", "any: it must be a list of tables"),
    ("all = [{}]", "all: it must be a list of tables"),
    ("none = { drop = true }", "none: it must be a list of tables"),
    ("any = ['drop']", "any: it must be a list of tables"),
    ("drop = { in = [true, false] }", "when: it always holds"),
    ("missing = { at_least = 0 }", "when: it always holds"),
    ("any = [{ drop = true }, { drop = false, missing = { at_least = 0 } }, { missing = { at_least = 0 } }]",
     "when: it always holds"),
    ("missing = { less_than = 0 }", "when: it can never hold"),
    ("stage = { not_in = ['nessun_intento', 'raccolta_dati', 'dati_completi', 'confermato', 'completato', "
     "'errore'] }", "when: it can never hold"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "says"), WRONG_WHEN)
def test_wrong_conditions_are_told(when: str, says: str) -> None:
    _, problems = read(RULE.replace('stage = "errore"', when))
    assert any(says in problem for problem in problems), problems
    assert all(problem.startswith("d.toml:4: rule una: ") for problem in problems)


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ('id = "una"\n', "", "d.toml:2: rule 1: id: it must be a name of small letters, digits and _"),
        ('id = "una"', 'id = "Una regola"', "d.toml:3: rule Una regola: id: it must be a name of small letters"),
        ('id = "una"', "id = 3", "d.toml:3: rule 3: id: it must be a name"),
        ('why = "perché sì"\n', "", "d.toml:2: rule una: why: say in plain words what the rule is for"),
        ('why = "perché sì"', 'why = " "', "d.toml:6: rule una: why: say in plain words"),
        ('event = "riprova"', 'event = "riprov"', "d.toml:5: rule una: event: 'riprov' is no event; did you mean 'riprova'?"),
        ('event = "riprova"', "event = 3", "d.toml:5: rule una: event: 3 is no event; known are interesse"),
        ('event = "riprova"', "event = [['x']]", "d.toml:5: rule una: event: [['x']] is no event"),
        ('event = "riprova"\n', "", "d.toml:2: rule una: event: the rule does nothing"),
        ('event = "riprova"', 'notices = ["persna"]', "d.toml:5: rule una: notices: there is no message 'persna'; did you mean 'persona'?"),
        ('event = "riprova"', 'notices = "persona"', "d.toml:5: rule una: notices: it must be a list of ids"),
        ('event = "riprova"', "event = \"riprova\"\nnotices = [1]", "d.toml:6: rule una: notices: it must be a list of ids"),
        ('event = "riprova"', 'event = "riprova"\npriorita = 1', "d.toml:6: rule una: priorita: unknown key; did you mean 'priority'?"),
        ('event = "riprova"', 'event = "riprova"\npriority = 0', "d.toml:6: rule una: priority: it cannot be 0"),
        ('event = "riprova"', 'event = "riprova"\npriority = true', "d.toml:6: rule una: priority: it cannot be true"),
        ('when = { stage = "errore" }\n', "", "d.toml:2: rule una: when: it must be a table with at least one fact"),
        ('when = { stage = "errore" }', "when = {}", "d.toml:4: rule una: when: it must be a table"),
        ('when = { stage = "errore" }', 'when = "stage"', "d.toml:4: rule una: when: it must be a table"),
        ("[[rule]]", "[rule]", "d.toml:2: rule: rules are written as [[rule]]"),
        ("[[rule]]", "[[regola]]", "d.toml:2: regola: unknown key"),
        (RULE, "rule = [1]", "d.toml:1: rule: rules are written as [[rule]]"),
        ('id = "una"', 'id = "una', "d.toml:3:10: not valid TOML: Illegal character"),
    ],
)  # fmt: skip
def test_wrong_rules_are_told(change: str, to: str, says: str) -> None:
    assert change in RULE
    _, problems = read(RULE.replace(change, to))
    assert any(problem.startswith(says) for problem in problems), problems


def test_the_line_is_that_of_the_rule_meant() -> None:
    second = rule("due").replace("drop = true", "drop = 1")
    third = '[[rule]]\nid = "tre"\nevent = "abbandono"\nwhy = "x"\n[rule.when]\nhuman = true\ndrpo = true\n'
    _, problems = read(RULE + second + third)
    assert problems == [
        "d.toml:9: rule due: drop: it cannot be 1: it must be false or true",
        "d.toml:19: rule tre: drpo: unknown fact; did you mean 'drop'?",
    ]


def test_the_same_id_twice() -> None:
    _, problems = read(rule("a") + rule("b") + rule("a"))
    assert problems == ["d.toml:14: rule a: id: the rule at line 1 has the same id"]


def test_too_many_rules() -> None:
    assert read("".join(rule(f"r{n}") for n in range(MAX_RULES)))[1] == []
    _, problems = read("".join(rule(f"r{n}") for n in range(MAX_RULES + 1)))
    assert problems == ["d.toml:1201: 201 rules: no more than 200 can be used"]


@pytest.mark.parametrize(
    ("priorities", "order"),
    [
        ({}, "abcd"),
        ({"d": 1}, "dabc"),
        ({"d": 3}, "abdc"),
        ({"a": 9}, "bcda"),
        ({"a": 2}, "abcd"),
        ({"c": 1, "d": 1}, "cdab"),
    ],
)
def test_rules_stand_in_the_file_or_at_their_priority(priorities: dict[str, int], order: str) -> None:
    text = "".join(rule(x, f"priority = {priorities[x]}" if x in priorities else "") for x in "abcd")
    rules, problems = read(text)
    assert problems == []
    assert "".join(found.id for found in rules) == order


def test_a_condition_beyond_the_engine_is_told() -> None:
    def many(count: int) -> str:
        pairs = (f"{{ missing = {n}, drop = true }}" for n in range(count))
        return RULE.replace('stage = "errore"', f"any = [{', '.join(pairs)}]")

    assert read(many(11))[1] == []
    assert read(many(12))[1] == [
        "d.toml:4: rule una: when: too intricate: 13 groups of alternatives or ranges within each other, "
        "and no more than 12 can be used; split the rule"
    ]


def test_alternatives_beyond_the_engine_are_told() -> None:
    def many(count: int) -> str:
        tests = (f"{{ missing = {{ at_most = {n} }} }}" for n in range(count))
        return RULE.replace('stage = "errore"', f"any = [{', '.join(tests)}]")

    assert read(many(59))[1] == []
    assert read(many(60))[1] == [
        "d.toml:4: rule una: when: too many alternatives: 61, and no more than 60 can be used; split the rule"
    ]


def test_the_engine_never_gets_an_empty_condition() -> None:
    for empty in (All(()), Any(()), Between("missing", 0, None)):
        with pytest.raises(ValueError, match="simplify"):
            engine_form(empty)
    assert simplify(negate(All((Between("missing", 0, None), Among("drop", (True,)))))) == Among(
        "drop", (False,)
    )
