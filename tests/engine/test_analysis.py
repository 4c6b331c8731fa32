"""One analysis on a store: what each event does to holds, bookings, details, counters and notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time

import pytest

from engine.details import Accumulator
from fsm.errors import BadStateError
from fsm.stages import Stage, Task
from rules.compiler import Rule
from rules.conditions import Among
from storage import bookings
from storage.results import Refusal
from tests.dialogues import rulebook_of, shipped
from tests.engine.scene import DIALLED_LEAD, LEAD, LINE, THREE, WEDNESDAY, Scene, scene

ASKS = "C: Vorrei prenotare mercoledì alle 15"
READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"
YES = "C: Sì"
WAIT = "A: Un attimo, verifico."
BOOKED = ["2026-02-11T15:00"]


@pytest.fixture
def call() -> Iterator[Scene]:
    with scene() as opened:
        yield opened


def complete(call: Scene) -> None:
    call.say(ASKS, READBACK)
    assert call.state.stage is Stage.DATI_COMPLETI


# --- The way to a booking ---------------------------------------------------------------------------------


def test_complete_details_take_the_hold_and_no_more(call: Scene) -> None:
    told = call.say(ASKS, READBACK)
    assert call.events == ["interesse", "completa"]
    assert (told.state.stage, told.state.task) == (Stage.DATI_COMPLETI, Task.PRENOTA)
    assert told.state.held.slot() == THREE
    held = call.hold()
    assert (held.start.isoformat(), held.minutes) == ("2026-02-11T14:00:00+00:00", 60)
    assert call.bookings() == []
    assert told.notices == []


def test_a_yes_to_the_readback_is_committed_in_the_same_analysis(call: Scene) -> None:
    complete(call)
    told = call.say(YES, WAIT)
    assert call.events == ["conferma", "successo"]
    assert told.state.stage is Stage.COMPLETATO
    assert call.bookings() == BOOKED
    assert call.hold() is None
    (text,) = told.texts
    assert text.startswith("[AVVISO DEL SISTEMA]")
    assert "mercoledì 11 febbraio alle 15" in text


def test_everything_in_one_analysis_is_booked_as_well(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    assert call.events == ["interesse", "completa", "conferma", "successo"]
    assert call.bookings() == BOOKED


def test_the_booking_knows_its_call_and_its_client(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    (made,) = call.do(bookings.all_in_force)
    assert (made.call_id, made.client_id, made.kind) == (
        call.conversation.call_id,
        call.client_id,
        "consultation",
    )
    assert call.state.held.booking == f"consultation:{made.id}"


def test_when_the_call_is_over_it_is_booked_but_nobody_is_told(call: Scene) -> None:
    complete(call)
    told = call.say(YES, call_over=True)
    assert call.bookings() == BOOKED
    assert told.texts == []


def test_without_new_words_nothing_happens_twice(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    call.say("A: A mercoledì!", "C: Sì, sì, perfetto, confermo", "A: Buona giornata.")
    assert call.events == []
    assert call.bookings() == BOOKED


# --- A yes that may not count yet -------------------------------------------------------------------------


def test_with_speech_that_has_no_words_yet_conferma_waits_and_does_nothing(call: Scene) -> None:
    complete(call)
    before = call.state
    told = call.say(YES, WAIT, pending_speech=True)
    assert told.wait
    assert (told.steps, told.notices, call.state) == ([], [], before)
    assert call.bookings() == []


def test_without_a_valid_yes_there_is_nothing_to_wait_for(call: Scene) -> None:
    told = call.say(ASKS, READBACK, pending_speech=True)
    assert not told.wait
    assert call.state.stage is Stage.DATI_COMPLETI


def test_what_was_said_last_and_is_not_known_may_have_taken_the_yes_back(call: Scene) -> None:
    complete(call)
    assert not call.say(YES, pending_speech=True, call_over=True).wait
    assert call.bookings() == []


def test_a_yes_that_nothing_follows_counts_at_the_end_of_the_call(call: Scene) -> None:
    complete(call)
    call.say(YES, call_over=True)
    assert call.bookings() == BOOKED


def test_words_that_never_came_may_have_taken_the_yes_back(call: Scene) -> None:
    complete(call)
    told = call.say(YES, WAIT, unheard=True)
    assert call.bookings() == []
    assert told.facts["agreement"] == "non_valida"
    assert told.notices == ["non_sentito"]
    call.say("A: Non ho sentito. Mercoledì 11 febbraio alle 15, confermi?", YES, WAIT)
    assert call.bookings() == BOOKED


def test_without_its_rule_nobody_is_told_that_words_never_came() -> None:
    """`non_sentito` cannot come about in a written dialogue; this is its example."""
    others = rulebook_of(tuple(rule for rule in shipped().decisions if rule.id != "non_sentito"))
    told = {}
    for name, rulebook in {"shipped": None, "without": others}.items():
        with scene(rulebook=rulebook) as call:
            complete(call)
            told[name] = call.say("A: Mi dica.", unheard=True).notices
    assert told["shipped"] == ["non_sentito"]
    assert told["without"] != told["shipped"]


# --- What is not to be had --------------------------------------------------------------------------------


def test_a_taken_slot_refuses_completa_and_offers_the_nearest(call: Scene) -> None:
    call.take("2026-02-11T15:00")
    told = call.say(ASKS, READBACK)
    assert call.events == ["interesse", "completa!slot_held"]
    assert told.state.stage is Stage.RACCOLTA_DATI
    assert (told.state.held.details.date, told.state.held.details.time) == (WEDNESDAY, None)
    assert told.notices == ["slot_occupato"]
    assert "mercoledì 11 febbraio alle 15 non è più disponibile" in told.texts[0]
    offered = told.texts[0].split("proponi: ")[1]
    assert offered.startswith("mercoledì 11 febbraio alle 10, giovedì 12 febbraio alle 11 o giovedì")
    assert call.hold() is None


def test_an_hour_outside_the_hours_is_said_to_be_so(call: Scene) -> None:
    told = call.say("C: Vorrei prenotare mercoledì alle 22", "A: Vediamo.")
    assert (told.notices, call.events[-1]) == (["fuori_orario"], "completa!slot_held")


def test_an_hour_inside_the_hours_that_is_not_free_is_taken(call: Scene) -> None:
    """What is not offered is taken; only what lies outside the hours is outside them."""
    told = call.say("C: Vorrei prenotare mercoledì alle 11", "A: Vediamo.")
    assert told.notices == ["slot_occupato"]


def test_a_moment_that_has_passed_cannot_be_had(call: Scene) -> None:
    told = call.say("C: Vorrei prenotare oggi alle 9", "A: Vediamo.")
    assert told.notices == ["passato"]
    assert call.hold() is None


def test_an_expired_hold_is_taken_again_when_the_slot_is_still_free(call: Scene) -> None:
    complete(call)
    call.later(minutes=20)
    assert call.hold() is None
    call.say("A: Mercoledì 11 febbraio alle 15, confermi?", YES, WAIT)
    assert call.events == ["conferma", "successo"]
    assert call.bookings() == BOOKED


def test_an_expired_hold_whose_slot_is_gone_books_nothing_and_offers_others(call: Scene) -> None:
    complete(call)
    call.later(minutes=20)
    call.take("2026-02-11T15:00")
    told = call.say("A: Mercoledì 11 febbraio alle 15, confermi?", YES, WAIT)
    assert call.bookings() == BOOKED  # somebody else's
    assert call.do(lambda: bookings.bookings_of_call(call.conversation.call_id or "")) == []
    assert "conferma!slot_held" in call.events
    assert told.state.stage is Stage.RACCOLTA_DATI
    assert told.state.held.details.time is None
    assert told.notices == ["slot_occupato"]


def refuse(monkeypatch: pytest.MonkeyPatch, refusal: Refusal = Refusal.SLOT_TAKEN) -> None:
    monkeypatch.setattr(bookings, "confirm", lambda **_: refusal)


def test_a_failed_commit_clears_the_time_and_tries_again(
    call: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(call)
    refuse(monkeypatch)
    told = call.say(YES, WAIT)
    assert call.events == ["conferma", "fallimento", "riprova"]
    assert (told.state.stage, told.state.held.attempts) == (Stage.RACCOLTA_DATI, 1)
    assert told.state.held.details.time is None
    assert call.hold() is None
    assert told.notices == ["slot_occupato"]
    monkeypatch.undo()
    call.say("C: Allora giovedì alle 11", "A: Giovedì 12 febbraio alle 11, confermi?", YES, WAIT)
    assert call.bookings() == ["2026-02-12T11:00"]


def test_after_three_failed_commits_nobody_tries_again_and_a_person_calls_back(
    call: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch)
    attempts = []
    for _ in range(3):
        call.say("C: Mercoledì alle 15" if call.turns else ASKS, READBACK)
        told = call.say(YES, WAIT)
        attempts.append((told.state.stage, told.state.held.attempts, told.state.held.callback_requested))
    assert attempts == [
        (Stage.RACCOLTA_DATI, 1, False),
        (Stage.RACCOLTA_DATI, 2, False),
        (Stage.ERRORE, 3, True),
    ]
    assert told.notices == ["richiamata"]
    monkeypatch.undo()
    call.say("C: Mercoledì alle 15", READBACK, YES, WAIT)
    assert (call.state.stage, call.bookings()) == (Stage.ERRORE, [])


def test_the_second_booking_of_a_call_is_refused(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    call.say(
        "C: Vorrei prenotare anche un altro appuntamento giovedì alle 11",
        "A: Giovedì 12 febbraio alle 11, confermi?",
        YES,
        WAIT,
    )
    assert call.bookings() == BOOKED


# --- Going back -------------------------------------------------------------------------------------------


def test_a_correction_lets_the_hold_go_and_takes_the_new_one(call: Scene) -> None:
    complete(call)
    call.say("C: No, anzi, giovedì", "A: Giovedì 12 febbraio alle 15, confermi?")
    assert call.events == ["correzione", "completa"]
    assert call.hold().start.isoformat() == "2026-02-12T14:00:00+00:00"


def test_a_no_that_names_nothing_keeps_the_values_and_lets_the_hold_go(call: Scene) -> None:
    complete(call)
    told = call.say("C: Sì, anzi no, aspetta", "A: Mi dica pure.")
    assert told.state.stage is Stage.RACCOLTA_DATI
    assert told.state.held.slot() == THREE
    assert call.hold() is None
    call.say("A: Allora mercoledì 11 febbraio alle 15, conferma?", YES, WAIT)
    assert call.bookings() == BOOKED


def test_more_than_three_analyses_without_a_yes_let_the_slot_go(call: Scene) -> None:
    complete(call)
    for waited in (1, 2, 3):
        call.say("C: Mh, dunque", "A: Certo.")
        assert (call.state.stage, call.state.held.waiting) == (Stage.DATI_COMPLETI, waited)
    told = call.say("C: Mh", "A: Prego.")
    assert call.events[0] == "scadenza"
    assert (told.state.stage, told.state.held.slot()) == (Stage.RACCOLTA_DATI, THREE)
    assert (call.hold(), told.state.held.waiting) == (None, 0)


def test_five_analyses_without_a_word_about_booking_give_up(call: Scene) -> None:
    call.say("C: Vorrei un appuntamento", "A: Certo, quando?")
    for silent in (1, 2, 3, 4):
        call.say("C: Che tempo fa lì?", "A: C'è il sole.")
        assert (call.state.stage, call.state.held.silent) == (Stage.RACCOLTA_DATI, silent)
    told = call.say("C: Bello", "A: Davvero.")
    assert call.events == ["abbandono"]
    assert (told.state.stage, told.state.task) == (Stage.NESSUN_INTENTO, Task.NESSUNO)


def test_a_word_about_booking_begins_the_count_anew(call: Scene) -> None:
    call.say("C: Vorrei un appuntamento", "A: Certo, quando?")
    call.say("C: Che tempo fa lì?", "A: C'è il sole.")
    call.say("C: Mercoledì", "A: A che ora?")
    assert call.state.held.silent == 0


def test_who_gives_up_leaves_nothing_behind(call: Scene) -> None:
    complete(call)
    told = call.say("C: No, lasciamo perdere", "A: Va bene.")
    assert call.events == ["abbandono"]
    assert (told.state.stage, told.state.task) == (Stage.NESSUN_INTENTO, Task.NESSUNO)
    assert told.state.held.slot() is None
    assert call.hold() is None


# --- Moving and cancelling --------------------------------------------------------------------------------


def test_a_move_updates_the_one_booking() -> None:
    with scene(own=["2026-02-12T11:00"], free=["2026-02-11T15:00"]) as call:
        (before,) = call.do(bookings.all_in_force)
        call.say(
            "C: Vorrei spostare l'appuntamento di giovedì a mercoledì alle 15",
            "A: Sposto l'appuntamento di giovedì 12 alle 11 a mercoledì 11 febbraio alle 15, confermi?",
            "C: Sì",
            WAIT,
        )
        assert call.state.stage is Stage.COMPLETATO
        (after,) = call.do(bookings.all_in_force)
        assert (after.id, call.bookings()) == (before.id, BOOKED)


def test_a_readback_without_the_verb_moves_nothing() -> None:
    with scene(own=["2026-02-12T11:00"], free=["2026-02-11T15:00"]) as call:
        call.say("C: Vorrei spostare l'appuntamento di giovedì a mercoledì alle 15", READBACK, "C: Sì", WAIT)
        assert call.bookings() == ["2026-02-12T11:00"]


def test_a_cancellation_needs_no_hold() -> None:
    with scene(own=["2026-02-12T11:00"]) as call:
        call.say(
            "C: Vorrei disdire il mio appuntamento",
            "A: Annullo l'appuntamento di giovedì 12 febbraio alle 11, conferma?",
        )
        assert (call.state.stage, call.hold()) == (Stage.DATI_COMPLETI, None)
        told = call.say("C: Sì", WAIT)
        assert (call.bookings(), told.notices) == ([], ["disdetta_riuscita"])


def test_the_booking_of_the_call_can_be_moved_afterwards(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    call.say("C: Aspetti, meglio giovedì", "A: Sposto a giovedì 12 febbraio alle 15, conferma?")
    assert call.events[0] == "modifica"
    assert call.bookings() == BOOKED
    call.say(YES, WAIT)
    assert call.bookings() == ["2026-02-12T15:00"]


def test_giving_up_a_change_leads_back_to_the_booking_in_force(call: Scene) -> None:
    call.say(ASKS, READBACK, YES, WAIT)
    call.say("C: Vorrei spostarlo a giovedì", "A: Alla stessa ora?")
    assert (call.state.stage, call.state.task) == (Stage.DATI_COMPLETI, Task.SPOSTA)
    call.say("C: No, lasci perdere", "A: Va bene.")
    assert call.state.stage is Stage.COMPLETATO
    assert call.bookings() == BOOKED


# --- Leads ------------------------------------------------------------------------------------------------

WHOLE = "A: Mercoledì 11 febbraio alle 15, telefono 333 1234567, email mario@gmail.com. Confermi?"


def test_a_lead_needs_phone_and_email_too() -> None:
    with scene(LEAD) as call:
        told = call.say(ASKS, READBACK, YES, WAIT)
        assert (told.state.stage, told.facts["first_missing"]) == (Stage.RACCOLTA_DATI, "telefono")
        call.say("C: 333 1234567, mario@gmail.com", WHOLE)
        assert call.state.stage is Stage.DATI_COMPLETI
        call.say(YES, WAIT)
        (made,) = call.do(bookings.all_in_force)
        assert (made.kind, made.phone, made.email) == ("appointment", "+393331234567", "mario@gmail.com")


def test_of_a_lead_we_called_the_phone_is_known() -> None:
    with scene(DIALLED_LEAD) as call:
        call.say(ASKS, "A: Mercoledì 11 alle 15. Mi lascia un'email?", "C: mario@gmail.com", "A: Grazie.")
        call.say("A: Mercoledì 11 febbraio alle 15, email mario@gmail.com. Confermi?", YES, WAIT)
        (made,) = call.do(bookings.all_in_force)
        assert (made.phone, made.email) == (LINE, "mario@gmail.com")


# --- What is written down ---------------------------------------------------------------------------------


def test_a_step_keeps_the_rule_the_facts_it_saw_and_the_guard(call: Scene) -> None:
    call.take("2026-02-11T15:00")
    interesse, completa = call.say(ASKS, READBACK).steps
    assert (interesse.entry.rule, interesse.entry.guard, interesse.facts["stage"]) == (
        "interesse", None, "nessun_intento",
    )  # fmt: skip
    assert (completa.entry.guard, completa.outcome) == ("slot_held", "slot_occupato")
    assert (completa.facts["stage"], completa.facts["missing"], completa.notices) == ("raccolta_dati", 0, ())
    assert interesse.entry.why


def test_what_changed_is_told_with_old_and_new() -> None:
    with scene(LEAD) as call:
        call.say(ASKS, "A: Mi lascia telefono ed email?", "C: 333 1234567, mario@gmail.com", "A: Grazie.")
        assert call.last is not None
        assert call.last.changes == {
            "date": {"old": None, "new": "2026-02-11"},
            "time": {"old": None, "new": "15:00:00"},
            "phone": {"old": None, "new": "+393331234567"},
            "email": {"old": None, "new": "mario@gmail.com"},
        }


def test_the_state_it_was_given_is_left_alone(call: Scene) -> None:
    before = call.state
    plain = before.held.to_plain()
    call.say(ASKS, READBACK, YES, WAIT)
    assert before.held.to_plain() == plain
    assert (before.stage, before.analyses) == (Stage.NESSUN_INTENTO, 0)
    assert call.state.analyses == 1


# --- Rules cannot book alone ------------------------------------------------------------------------------


STAGES = ("nessun_intento", "raccolta_dati", "dati_completi", "confermato", "completato", "errore")


def firing(*events: str) -> tuple[Rule, ...]:
    """Rules that propose `events` in this order, whatever the stage."""
    return tuple(
        Rule(f"{event}_{stage}", Among("stage", (stage,)), event, (), "sempre", 1)
        for event in events
        for stage in STAGES
    )


@pytest.mark.parametrize(
    "lines",
    [
        [ASKS],
        [ASKS, "A: Certo, un momento."],
        [ASKS, READBACK],
        [ASKS, READBACK, "C: Mh"],
        [ASKS, READBACK, "C: No"],
        [ASKS, "A: Mercoledì 11 febbraio alle 10, confermi?", YES],
        [ASKS, "A: Mercoledì 11 febbraio alle 15, confermi? | Mercoledì 11", YES],
        [ASKS, "A: Hai già fatto una consulenza?", YES],
        [ASKS, READBACK, "C: Sì, ma prima sento mia moglie"],
        [ASKS, READBACK, "C: Sì, anzi alle 10"],
    ],
)
def test_whatever_fires_nothing_is_booked_without_a_yes_to_a_readback(lines: list[str]) -> None:
    rules = firing("conferma", "interesse", "completa", "successo", "modifica", "riprova")
    with scene(rulebook=rulebook_of(rules)) as call:
        for line in [*lines, WAIT]:
            call.say(line)
        assert call.bookings() == []


def test_a_stage_and_task_that_cannot_be_are_refused(call: Scene) -> None:
    call.state = replace(call.state, stage=Stage.DATI_COMPLETI, held=Accumulator())
    with pytest.raises(BadStateError):
        call.say(ASKS, READBACK)


def test_a_time_is_local_to_the_consultant(call: Scene) -> None:
    call.say(ASKS, READBACK)
    assert call.state.held.details.time == time(15)
