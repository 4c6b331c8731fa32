"""The rule engine agrees with plain Python, whatever facts and rules; out of step, it is not believed."""

from __future__ import annotations

import ast
import random
import threading
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench._oracle import as_file, as_toml, first, holds, ifs, more_rules, random_facts
from rules.compiler import Rule, read_rules
from rules.conditions import MAX_BREADTH, All, Among, Between, Condition, breadth
from rules.conditions import Any as Any_
from rules.decider import Decider, Decision
from rules.errors import DecisionError, FactError
from rules.facts import EVENTS, FACTS, check_facts
from rules.limits import Limits, read_limits
from rules.messages import Messages
from rules.source import Source
from tests.rules.conftest import SHIPPED

ROOT = Path(__file__).parents[2]
LIMITS = {"abandon_after": 5, "timeout_after": 3, "max_failed_commits": 3}


# --- random facts and random rules ---

facts_ = st.fixed_dictionaries(
    {name: st.sampled_from(fact.values) if fact.values else st.integers(0, 6) for name, fact in FACTS.items()}
)
# Close to what the shipped rules look for: few things differ from the default.
likely_facts = st.builds(
    lambda stage, task, facts, names: {
        **{name: facts[name] for name in names},
        "stage": stage,
        "task": task,
    },
    st.sampled_from(FACTS["stage"].values),
    st.sampled_from(FACTS["task"].values),
    facts_,
    st.sets(st.sampled_from(sorted(FACTS)), max_size=6),
)
fired_ = st.sets(st.sampled_from(sorted(EVENTS)), max_size=3)


@st.composite
def entries(draw: st.DrawFn, depth: int = 2) -> tuple[str, Any]:
    if depth and draw(st.integers(0, 3)) == 0:
        parts = st.lists(whens(depth - 1), min_size=1, max_size=3)
        return draw(st.sampled_from(["all", "any", "none"])), draw(parts)
    name = draw(st.sampled_from(sorted(FACTS)))
    values = FACTS[name].values
    value = st.sampled_from(values) if values else st.integers(0, 6)
    tests = ["in", "not_in", "not", None]
    if not values:
        tests += ["at_least", "at_most", "more_than", "less_than"]
        value = st.one_of(value, st.sampled_from(sorted(LIMITS)))
    test = draw(st.sampled_from(tests))
    if test is None:
        return name, draw(value)
    if test in ("in", "not_in", "not"):
        plain = st.sampled_from(values) if values else st.integers(0, 6)
        return name, {test: draw(plain if test == "not" else st.lists(plain, min_size=1, max_size=3))}
    return name, {test: draw(value)}


def whens(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(entries(depth), min_size=1, max_size=3).map(dict)


@cache
def shipped() -> tuple[list[dict[str, Any]], tuple[Rule, ...], Limits, Messages]:
    text = (SHIPPED / "decisions.toml").read_text(encoding="utf-8")
    limits = read_limits(Source("l", (SHIPPED / "limits.toml").read_text(encoding="utf-8")))
    notices = tomllib.loads((SHIPPED / "messages.toml").read_text(encoding="utf-8"))["notices"]
    source = Source("decisions.toml", text)
    messages = Messages("[A]", notices)
    rules = read_rules(source, limits, messages)
    assert source.problems == []
    return source.data["rule"], rules, limits, messages


@cache
def shipped_decider() -> Decider:
    return Decider(shipped()[1])


@settings(max_examples=400)
@given(likely_facts, fired_)
def test_the_shipped_rules_agree_with_plain_python(facts: dict[str, Any], fired: set[str]) -> None:
    decision = shipped_decider().decide(facts, fired)
    assert decision.rule == first(shipped()[0], LIMITS, check_facts(facts), fired)
    assert decision.event is None or decision.event not in fired


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(whens(), st.sampled_from([None, *EVENTS])), max_size=12),
    st.lists(st.tuples(facts_, fired_), min_size=1, max_size=10),
)
def test_any_rules_agree_with_plain_python(
    given_rules: list[tuple[dict[str, Any], str | None]], asked: list[tuple[dict[str, Any], set[str]]]
) -> None:
    text, rules = "", []
    for count, (when, event) in enumerate(given_rules):
        one = f'[[rule]]\nid = "r{count}"\nwhen = {as_toml(when)}\nnotices = ["n"]\nwhy = "x"\n'
        one += f'event = "{event}"\n' if event else ""
        source = Source("d", one)
        read_rules(source, shipped()[2], Messages("[A]", {"n": "x"}))
        if source.problems:  # always, never, or too much for the engine: refused
            assert all(problem.field == "when" for problem in source.problems)
            continue
        text += one
        rules += source.data["rule"]
    read = read_rules(Source("d", text), shipped()[2], Messages("[A]", {"n": "x"}))
    decider = Decider(read)
    for facts, fired in asked:
        assert decider.decide(facts, fired).rule == first(rules, LIMITS, facts, fired)


def test_a_condition_that_is_refused_as_constant_is_constant() -> None:
    for when, always in (({"drop": {"in": [True, False]}}, True), ({"missing": {"less_than": 0}}, False)):
        for drop in (True, False):
            assert holds(when, LIMITS, check_facts({"drop": drop})) is always


@pytest.mark.parametrize("count", [len(shipped()[0]), 200])
def test_ten_thousand_decisions_are_those_of_plain_python(count: int) -> None:
    """A short soak; `make bench ARGS="soak"` is the long one."""
    tables, chance = more_rules(shipped()[0], count, random.Random(count)), random.Random(7)
    source = Source("d", as_file(tables))
    decider = Decider(read_rules(source, shipped()[2], shipped()[3]))
    assert source.problems == []
    plain, wrong = ifs(tables, LIMITS), []
    for number in range(10_000):
        facts, fired = random_facts(chance)
        found = decider.decide(facts, fired).rule
        if found != plain(facts, fired) or (
            number % 10 == 0 and found != first(tables, LIMITS, facts, fired)
        ):
            wrong.append((facts, fired, found))
    assert wrong == []


# --- what comes back ---

#: Facts, and the rule that answers, for each shipped rule.
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("interesse", {"requested": "sposta"}),
    ("modifica", {"stage": "completato", "reopens": True}),
    ("abbandono_chiesto", {"stage": "dati_completi", "drop": True, "agreement": "valida"}),
    ("correzione", {"stage": "dati_completi", "correction": True, "agreement": "valida"}),
    ("completa", {"stage": "raccolta_dati", "given": True}),
    ("conferma", {"stage": "dati_completi", "agreement": "valida", "waiting": 9}),
    ("prenotato", {"stage": "confermato", "task": "prenota", "outcome": "riuscito"}),
    ("spostato", {"stage": "confermato", "task": "sposta", "outcome": "riuscito"}),
    ("disdetto", {"stage": "confermato", "task": "disdici", "outcome": "riuscito"}),
    ("fallimento", {"stage": "confermato", "task": "prenota", "outcome": "slot_occupato", "attempts": 2}),
    (
        "fallimento_definitivo",
        {"stage": "confermato", "task": "prenota", "outcome": "scaduto", "attempts": 3},
    ),
    ("riprova", {"stage": "errore", "task": "prenota", "attempts": 2}),
    ("scadenza", {"stage": "dati_completi", "waiting": 4}),
    ("abbandono_silenzio", {"stage": "raccolta_dati", "silent": 5}),
    ("passa_a_una_persona", {"human": True, "transfer": True, "stage": "raccolta_dati", "mismatch": True}),
    (
        "slot_occupato",
        {"stage": "raccolta_dati", "task": "prenota", "outcome": "slot_occupato", "given": True},
    ),
    ("fuori_orario", {"stage": "raccolta_dati", "outcome": "fuori_orario", "given": True}),
    ("passato", {"stage": "raccolta_dati", "outcome": "passato", "given": True}),
    ("falsa_promessa", {"claim": True}),
    ("discordanza", {"stage": "dati_completi", "mismatch": True, "agreement": "non_valida"}),
    ("persona", {"human": True, "stage": "raccolta_dati", "date_problem": "passato"}),
    ("persona_a_chiamata_finita", {"human": True, "call_over": True, "transfer": True}),
    ("numero_digitato", {"stage": "raccolta_dati", "keyed": "numero", "date_problem": "passato"}),
    ("numero_digitato_da_riepilogare", {"stage": "dati_completi", "keyed": "numero", "given": True}),
    ("giorno_discorde", {"stage": "raccolta_dati", "date_problem": "giorno_discorde"}),
    ("data_passata", {"stage": "raccolta_dati", "date_problem": "passato"}),
    ("data_ambigua", {"stage": "raccolta_dati", "date_problem": "ambiguo"}),
    ("data_impossibile", {"stage": "raccolta_dati", "date_problem": "impossibile"}),
    ("ora_ambigua", {"stage": "raccolta_dati", "time_problem": "ambiguo"}),
    ("telefono_incompleto", {"stage": "raccolta_dati", "contact_problem": "telefono_incompleto"}),
    ("telefono_discorde", {"stage": "raccolta_dati", "contact_problem": "telefono_discorde"}),
    ("email_dubbia", {"stage": "raccolta_dati", "contact_problem": "email_dubbia"}),
    ("email_discorde", {"stage": "raccolta_dati", "contact_problem": "email_discorde"}),
    ("quale_appuntamento", {"stage": "raccolta_dati", "several_bookings": True}),
    ("nessun_appuntamento", {"stage": "raccolta_dati", "no_booking_found": True}),
    ("non_sentito", {"stage": "dati_completi", "unheard": True}),
    ("tasti_ignorati", {"keyed": "ignorato", "to_restate": True}),
    ("link_pronto", {"stage": "completato", "link_ready": True}),
    ("manca_un_dato", {"stage": "raccolta_dati", "agreement": "non_valida", "missing": 1}),
    ("riepiloga_di_nuovo", {"stage": "raccolta_dati", "agreement": "non_valida"}),
    ("riepiloga", {"stage": "dati_completi", "to_restate": True, "given": True}),
]


@pytest.mark.parametrize(("rule", "facts"), EXAMPLES, ids=[rule for rule, _ in EXAMPLES])
def test_each_shipped_rule_answers(rule: str, facts: dict[str, Any]) -> None:
    decision = shipped_decider().decide(facts, ())
    written = next(table for table in shipped()[0] if table["id"] == rule)
    notices, command = tuple(written.get("notices", [])), written.get("command")
    assert decision == Decision(rule, written.get("event"), notices, written["why"], command)


def test_every_shipped_rule_has_an_example() -> None:
    assert [rule for rule, _ in EXAMPLES] == [table["id"] for table in shipped()[0]]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"stage": "completato", "agreement": "valida", "claim": True, "drop": True},
        {"stage": "dati_completi", "waiting": 3, "silent": 4},
        {"stage": "raccolta_dati", "given": True, "missing": 1},
        {"stage": "raccolta_dati"},
        {"stage": "errore", "attempts": 3},
        {"stage": "confermato", "claim": True},
    ],
)
def test_where_the_shipped_rules_are_silent(facts: dict[str, Any]) -> None:
    assert shipped_decider().decide(facts, ()) == Decision(None, None, (), "")


def test_nobody_is_told_anything_when_the_call_is_over() -> None:
    for rule, facts in EXAMPLES:
        decision = shipped_decider().decide({**facts, "call_over": True}, ())
        assert decision.event or not decision.notices, rule


def test_without_rules_nothing_is_ever_proposed() -> None:
    decider = Decider(())
    for _, facts in EXAMPLES:
        assert decider.decide(facts, ()) == Decision(None, None, (), "")


# --- failing closed ---


def test_unknown_facts_and_events_are_refused() -> None:
    with pytest.raises(FactError, match="'stge' is no fact"):
        shipped_decider().decide({"stge": "errore"}, ())
    with pytest.raises(DecisionError, match="no such event: confermo"):
        shipped_decider().decide({}, {"confermo"})


COUNTS = ("missing", "silent", "waiting", "attempts")


def all_of(number: int) -> Condition:
    return Between("missing", 0, 1000 + number)


def alternatives(number: int) -> Condition:
    return Any_(tuple(Between(name, 0, 1000 + number) for name in COUNTS))


def alternatives_twice(number: int) -> Condition:
    return All((alternatives(number), alternatives(2000 + number), Among("drop", (True,))))


def deep(number: int) -> Condition:
    return Any_((all_of(number), All((alternatives(number), Any_((Among("drop", (True,)), all_of(3000)))))))


@pytest.mark.parametrize("shape", [all_of, alternatives, alternatives_twice, deep])
def test_two_hundred_rules_may_all_match_at_once(shape: Callable[[int], Condition]) -> None:
    rules = tuple(Rule(f"r{n}", shape(n), None, ("n",), "x", 1) for n in range(200))
    assert Decider(rules).decide({"drop": True}, ()).rule == "r0"
    only_last = tuple(replace(rule, when=All((rule.when, Among("human", (True,))))) for rule in rules[:-1])
    assert Decider((*only_last, rules[-1])).decide({"drop": True}, ()).rule == "r199"


def test_one_rule_may_be_as_broad_as_a_file_allows() -> None:
    broad = Any_(tuple(Between(name, 0, 1000 + n) for name in COUNTS for n in range(14)))
    assert breadth(broad) <= MAX_BREADTH
    rules = tuple(Rule(f"r{n}", broad, None, ("n",), "x", 1) for n in range(3))
    assert Decider(rules).decide({}, ()).rule == "r0"


def test_too_many_rules_are_refused() -> None:
    rule = shipped()[1][0]
    with pytest.raises(DecisionError, match="201 rules: no more than 200"):
        Decider((rule,) * 201)


@pytest.mark.parametrize(
    "post",
    [
        lambda real: lambda name, event: {},
        lambda real: lambda name, event: real(name, {**event, "nonce": "stale"}),
        lambda real: lambda name, event: {**real(name, event), "exception": "boom"},
        lambda real: lambda name, event: (real(name, dict(event)), real(name, dict(event)))[0],
        lambda real: lambda name, event: (real(name, event), None)[1],
    ],
    ids=["no answer", "another's answer", "an exception", "two answers", "no state"],
)
def test_an_engine_out_of_step_is_not_believed(post: Callable[[Any], Any]) -> None:
    decider = Decider(shipped()[1])
    decider._host.post = post(decider._host.post)
    with pytest.raises(DecisionError, match="out of step"):
        decider.decide({"requested": "prenota"}, ())


def test_an_engine_that_raises_fails_the_decision() -> None:
    decider = Decider(shipped()[1])

    def post(name: str, event: object) -> None:
        raise RuntimeError("boom")

    decider._host.post = post
    with pytest.raises(DecisionError, match="the rule engine failed: boom"):
        decider.decide({}, ())


def test_rules_the_engine_does_not_take_are_refused() -> None:
    pairs = tuple(
        All((Between("missing", n, n), Among("drop", (True,)))) for n in range(20)
    )  # more groups than it can hold, which reading the file would have told
    rule = replace(shipped()[1][0], when=Any_(pairs))
    with pytest.raises(DecisionError, match="does not take these rules"):
        Decider((rule,))


def test_threads_do_not_get_each_others_answers() -> None:
    wrong: list[object] = []

    def ask(rule: str, facts: dict[str, Any]) -> None:
        wrong.extend(
            decision
            for decision in (shipped_decider().decide(facts, ()) for _ in range(50))
            if decision.rule != rule
        )

    threads = [threading.Thread(target=ask, args=example) for example in EXAMPLES[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_engine_leaves_no_threads_running() -> None:
    before = threading.active_count()
    Decider(shipped()[1]).decide({}, ())
    assert threading.active_count() == before


def test_two_sets_of_rules_do_not_meet() -> None:
    none = Decider(())
    assert shipped_decider().decide({"requested": "prenota"}, ()).rule == "interesse"
    assert none.decide({"requested": "prenota"}, ()).rule is None
    assert shipped_decider().decide({"requested": "prenota"}, ()).rule == "interesse"


def test_only_the_decider_imports_the_engine() -> None:
    importing = set()
    for package in ("rules", "fsm", "engine", "storage", "transport"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0].startswith("durable") for name in names):
                    importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"rules/decider.py"}
