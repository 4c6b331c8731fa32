"""The machine: every event from every stage, every guard alone, and what no sequence of events can reach."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.booking import BookingMachine, BookingModel, Refused, Transition, diagram
from fsm.errors import BadStateError, FsmError, UnknownEventError
from fsm.evidence import Evidence
from fsm.journal import Journal, JournalEntry
from fsm.stages import Event, Stage, Task

# Everything that any event needs, for a first booking and for a change of one.
WILLING = Evidence(
    booked=False,
    missing=frozenset(),
    hold_live=True,
    agreed=True,
    target_identified=True,
    requested=Task.SPOSTA,
    restated=True,
    committed=True,
    failed_commits=0,
)

# What each event does from each stage when every guard agrees; what is not listed is not possible.
MOVES = {
    ("nessun_intento", "interesse"): "raccolta_dati",
    ("raccolta_dati", "completa"): "dati_completi",
    ("raccolta_dati", "correzione"): "raccolta_dati",
    ("raccolta_dati", "abbandono"): "nessun_intento",
    ("dati_completi", "conferma"): "confermato",
    ("dati_completi", "correzione"): "raccolta_dati",
    ("dati_completi", "scadenza"): "raccolta_dati",
    ("dati_completi", "abbandono"): "nessun_intento",
    ("confermato", "successo"): "completato",
    ("confermato", "fallimento"): "errore",
    ("confermato", "correzione"): "raccolta_dati",
    ("completato", "modifica"): "raccolta_dati",
    ("errore", "riprova"): "raccolta_dati",
    ("errore", "correzione"): "raccolta_dati",
    ("errore", "abbandono"): "nessun_intento",
}


def machine(stage: str, task: str = "prenota") -> BookingMachine:
    return BookingMachine(
        BookingModel("c1", Stage(stage), Task("nessuno" if stage == "nessun_intento" else task))
    )


def fire(on: BookingMachine, event: str, evidence: Evidence) -> Transition | Refused:
    return on.fire(event, evidence, rule="r", why="w")


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("stage", list(Stage))
def test_each_event_from_each_stage(stage: Stage, event: Event) -> None:
    on = machine(stage)
    answer = fire(on, event, replace(WILLING, committed=event != "fallimento"))
    if target := MOVES.get((stage, event)):
        assert answer == Transition(event, stage, Stage(target), "r")
        assert on.model.stage is Stage(target)
    else:
        assert answer == Refused(event, stage, "not_from_this_stage")
        assert on.model.stage is stage


@pytest.mark.parametrize(
    ("stage", "task", "event", "against", "guard"),
    [
        ("nessun_intento", "nessuno", "interesse", {"requested": Task.NESSUNO}, "something_requested"),
        ("raccolta_dati", "prenota", "completa", {"missing": frozenset({"ora"})}, "nothing_missing"),
        ("raccolta_dati", "prenota", "completa", {"restated": False}, "detail_restated"),
        ("raccolta_dati", "prenota", "completa", {"hold_live": False}, "slot_held"),
        ("raccolta_dati", "sposta", "completa", {"hold_live": False}, "slot_held"),
        ("raccolta_dati", "sposta", "completa", {"target_identified": False}, "target_known"),
        ("raccolta_dati", "disdici", "completa", {"target_identified": False}, "target_known"),
        ("dati_completi", "prenota", "conferma", {"missing": frozenset({"data"})}, "nothing_missing"),
        ("dati_completi", "prenota", "conferma", {"agreed": False}, "readback_agreed"),
        ("dati_completi", "prenota", "conferma", {"hold_live": False}, "slot_held"),
        ("dati_completi", "sposta", "conferma", {"hold_live": False}, "slot_held"),
        ("dati_completi", "sposta", "conferma", {"target_identified": False}, "target_known"),
        ("dati_completi", "disdici", "conferma", {"target_identified": False}, "target_known"),
        ("dati_completi", "prenota", "conferma", {"booked": True}, "no_second_booking"),
        ("confermato", "prenota", "successo", {"committed": False}, "store_committed"),
        ("confermato", "prenota", "fallimento", {"committed": True}, "store_did_not_commit"),
        ("errore", "prenota", "riprova", {"failed_commits": 3}, "tries_left"),
        ("errore", "prenota", "riprova", {"failed_commits": 1, "max_failed_commits": 1}, "tries_left"),
        ("completato", "prenota", "modifica", {"requested": Task.NESSUNO}, "change_requested"),
        ("completato", "prenota", "modifica", {"requested": Task.PRENOTA}, "change_requested"),
        ("completato", "prenota", "modifica", {"target_identified": False}, "booking_known"),
    ],
)
def test_each_guard_alone_refuses(stage: str, task: str, event: str, against: dict, guard: str) -> None:
    entries: list[JournalEntry] = []
    model = BookingModel("c1", Stage(stage), Task(task))
    on = BookingMachine(model, Journal(entries.append))
    assert fire(on, event, replace(WILLING, **against)) == Refused(Event(event), Stage(stage), guard)
    assert (model.stage, model.task) == (stage, task)
    assert entries == [
        JournalEntry(Event(event), Stage(stage), Stage(stage), "r", "w", guard, Task(task)),
    ]


@pytest.mark.parametrize(
    ("task", "needless"),
    [
        ("prenota", {"target_identified": False}),
        ("disdici", {"hold_live": False}),
        ("sposta", {"booked": True}),
        ("disdici", {"booked": True}),
    ],
)
def test_a_task_does_not_need_what_is_not_its_own(task: str, needless: dict) -> None:
    evidence = replace(WILLING, **needless)
    on = machine("raccolta_dati", task)
    assert isinstance(fire(on, "completa", evidence), Transition)
    assert isinstance(fire(on, "conferma", evidence), Transition)


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("stage", list(Stage))
def test_what_is_not_said_refuses(stage: Stage, event: Event) -> None:
    harmless = {"correzione", "scadenza", "abbandono", "fallimento"}
    answer = fire(machine(stage), event, Evidence(booked=False))
    assert isinstance(answer, Refused) or event in harmless


@pytest.mark.parametrize("stage", ["raccolta_dati", "dati_completi", "errore"])
def test_giving_up_goes_back_to_a_booking_in_force(stage: str) -> None:
    on = machine(stage, "sposta")
    assert fire(on, "abbandono", replace(WILLING, booked=True)) == Transition(
        Event.ABBANDONO, Stage(stage), Stage.COMPLETATO, "r"
    )
    assert on.model.task is Task.SPOSTA


def test_the_task_follows_what_is_asked() -> None:
    on = machine("nessun_intento")
    fire(on, "interesse", replace(WILLING, requested=Task.PRENOTA))
    assert on.model.task is Task.PRENOTA
    fire(on, "abbandono", WILLING)
    assert on.model.task is Task.NESSUNO
    on = machine("completato")
    fire(on, "modifica", replace(WILLING, requested=Task.DISDICI))
    assert on.model.task is Task.DISDICI


def test_a_change_of_the_own_booking_needs_no_booking_of_this_call() -> None:
    assert isinstance(
        fire(machine("completato"), "modifica", replace(WILLING, booked=True, target_identified=False)),
        Transition,
    )


def test_a_whole_call_is_journaled() -> None:
    entries: list[JournalEntry] = []
    on = BookingMachine(BookingModel("c1"), Journal(entries.append))
    evidence = replace(WILLING, requested=Task.PRENOTA)
    for event in ("interesse", "completa", "conferma", "successo"):
        on.fire(event, evidence, rule=f"rule_{event}", why=f"why {event}")
    assert [(e.event, e.source, e.target, e.rule, e.why, e.guard, e.task) for e in entries] == [
        ("interesse", "nessun_intento", "raccolta_dati", "rule_interesse", "why interesse", None, "prenota"),
        ("completa", "raccolta_dati", "dati_completi", "rule_completa", "why completa", None, "prenota"),
        ("conferma", "dati_completi", "confermato", "rule_conferma", "why conferma", None, "prenota"),
        ("successo", "confermato", "completato", "rule_successo", "why successo", None, "prenota"),
    ]


@pytest.mark.parametrize("moves", [True, False])
def test_a_journal_that_fails_is_heard(moves: bool) -> None:
    def sink(entry: JournalEntry) -> None:
        raise OSError("disk full")

    on = BookingMachine(BookingModel("c1"), Journal(sink))
    with pytest.raises(OSError, match="disk full"):
        fire(on, "interesse" if moves else "conferma", WILLING)


@pytest.mark.parametrize(
    ("stage", "task", "says"),
    [
        ("boh", "nessuno", "call c1: .*'boh' is not a valid Stage"),
        ("raccolta_dati", "boh", "call c1: .*'boh' is not a valid Task"),
        ("raccolta_dati", "nessuno", "call c1: .*stage raccolta_dati does not go with task nessuno"),
        ("nessun_intento", "prenota", "call c1: .*stage nessun_intento does not go with task prenota"),
    ],
)
def test_a_damaged_call_is_refused_before_anything(stage: str, task: str, says: str) -> None:
    with pytest.raises(BadStateError, match=says):
        BookingMachine(BookingModel("c1", stage, task))  # type: ignore[arg-type]  # as stored
    entries: list[JournalEntry] = []
    on = BookingMachine(model := BookingModel("c1"), Journal(entries.append))
    model.stage, model.task = stage, task  # type: ignore[assignment]  # as stored
    with pytest.raises(BadStateError, match=says):
        fire(on, "abbandono", WILLING)
    assert entries == []


def test_stored_words_become_members() -> None:
    on = BookingMachine(BookingModel("c1", "dati_completi", "prenota"))  # type: ignore[arg-type]  # as stored
    assert on.model.stage is Stage.DATI_COMPLETI
    assert fire(on, "conferma", replace(WILLING, booked=True)) == Refused(
        Event.CONFERMA, Stage.DATI_COMPLETI, "no_second_booking"
    )


def test_an_unknown_event_is_an_error() -> None:
    with pytest.raises(
        UnknownEventError, match="'confermo' is no event of the machine: use one of interesse"
    ):
        fire(machine("dati_completi"), "confermo", WILLING)
    assert issubclass(UnknownEventError, FsmError) and issubclass(BadStateError, FsmError)


def test_names_others_rely_on() -> None:
    assert [str(stage) for stage in Stage] == [
        "nessun_intento",
        "raccolta_dati",
        "dati_completi",
        "confermato",
        "completato",
        "errore",
    ]
    assert [str(task) for task in Task] == ["nessuno", "prenota", "sposta", "disdici"]
    assert [str(event) for event in Event] == [
        "interesse",
        "completa",
        "correzione",
        "scadenza",
        "abbandono",
        "conferma",
        "successo",
        "fallimento",
        "riprova",
        "modifica",
    ]
    assert {event.id for event in BookingMachine.events} == set(Event)
    assert [field.name for field in fields(Evidence)] == [
        "booked",
        "missing",
        "hold_live",
        "agreed",
        "target_identified",
        "requested",
        "restated",
        "committed",
        "failed_commits",
        "max_failed_commits",
    ]
    assert [field.name for field in fields(JournalEntry)] == [
        "event",
        "source",
        "target",
        "rule",
        "why",
        "guard",
        "task",
    ]


def test_the_drawing_shows_stages_and_guards() -> None:
    drawing = diagram()
    assert drawing.startswith("stateDiagram-v2")
    assert "DATI_COMPLETI --> CONFERMATO : Conferma [nothing_missing, readback_agreed, slot_held" in drawing


evidences = st.builds(
    Evidence,
    booked=st.booleans(),
    missing=st.sampled_from([frozenset(), frozenset({"ora"})]),
    hold_live=st.booleans(),
    agreed=st.booleans(),
    target_identified=st.booleans(),
    requested=st.sampled_from(Task),
    restated=st.booleans(),
    committed=st.booleans(),
    failed_commits=st.integers(0, 4),
)


@given(st.lists(st.tuples(st.sampled_from(Event), evidences), max_size=30))
def test_no_sequence_of_events_passes_the_guards(steps: list[tuple[Event, Evidence]]) -> None:
    entries: list[JournalEntry] = []
    on = BookingMachine(BookingModel("c1"), Journal(entries.append))
    for count, (event, evidence) in enumerate(steps, start=1):
        before, task = on.model.stage, on.model.task
        answer = fire(on, event, evidence)
        assert len(entries) == count
        if isinstance(answer, Refused):
            assert (on.model.stage, on.model.task) == (before, task)
        elif answer.target is Stage.CONFERMATO:
            assert before is Stage.DATI_COMPLETI and not evidence.missing and evidence.agreed
            assert evidence.hold_live or task is Task.DISDICI
            assert evidence.target_identified or task is Task.PRENOTA
            assert not (evidence.booked and task is Task.PRENOTA)
        elif answer.target is Stage.COMPLETATO:
            assert evidence.committed if event is Event.SUCCESSO else evidence.booked
        assert (on.model.task is Task.NESSUNO) == (on.model.stage is Stage.NESSUN_INTENTO)
