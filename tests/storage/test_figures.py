"""The figures, counted on both databases: days, outcomes, how far calls came, refusals, answers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.turns import Speaker, Turn
from storage import calls, journal, people
from storage.figures import Figures, assembled, parts, rules_fired
from storage.results import Booking
from tests.storage.playground import NOW, Store
from tests.storage.test_calls import open_call

ROME = ZoneInfo("Europe/Rome")
TODAY = date(2026, 2, 9)


def figures(store: Store, first: date, last: date, **given: Any) -> Figures:
    return assembled([store.do(part) for part in parts(first, last, ROME, **given)], first, last, ROME)


def entry(store: Store, call_id: str, event: str | None, to: str | None = None, **more: Any) -> None:
    told = {"call_id": call_id, "analysis": 1, "event": event, "to": to, "rule": f"regola_{event}", **more}
    store.do(journal.append, told, recorded_at=store.now)


def test_figures_of_some_days(store: Store) -> None:
    first, second, third = (open_call(store) for _ in range(3))
    made = store.confirm(store.hold(conversation=first), call_id=first)
    assert isinstance(made, Booking)
    for stage in ("raccolta_dati", "dati_completi", "confermato", "completato"):
        entry(store, first, "completa", stage)
    entry(store, second, "interesse", "raccolta_dati", notices=["manca_un_dato", "riepiloga"])
    entry(store, second, "correzione", "raccolta_dati", notices=["manca_un_dato"])
    entry(store, second, "conferma", "raccolta_dati", guard="readback_agreed")
    entry(store, second, "completa", "raccolta_dati", guard="slot_held", refusal="SLOT_TAKEN")
    entry(store, second, "abbandono", "nessun_intento")
    said = [
        Turn(1, Speaker.CALLER, "buongiorno", NOW, NOW + timedelta(seconds=2)),
        Turn(
            2,
            Speaker.ASSISTANT,
            "dica",
            NOW + timedelta(seconds=3, milliseconds=500),
            NOW + timedelta(seconds=5),
        ),
        Turn(3, Speaker.CALLER, "eh", NOW + timedelta(seconds=6), None),
        Turn(4, Speaker.ASSISTANT, "sì?", NOW + timedelta(seconds=8), NOW + timedelta(seconds=9)),
    ]
    store.do(calls.record_turns, third, said)
    store.later(days=1)
    other = store.do(people.add_consultant, "Verdi")
    late = open_call(store, consultant_id=other)
    entry(store, late, "interesse", "raccolta_dati")

    found = figures(store, TODAY - timedelta(days=1), TODAY + timedelta(days=1))
    assert [(each.calls, each.done) for each in found.days] == [(0, 0), (3, 1), (1, 0)]
    assert (found.calls, found.done) == (4, 1)
    assert found.outcomes == {"creato": 1, None: 3}
    assert list(found.reached.values()) == [4, 3, 1, 1, 1]
    assert found.events == {"completa": 4, "interesse": 2, "correzione": 1, "abbandono": 1}
    assert (found.guards, found.refusals) == ({"readback_agreed": 1, "slot_held": 1}, {"SLOT_TAKEN": 1})
    assert found.notices == {"manca_un_dato": 2, "riepiloga": 1}
    assert found.answers_s == (1.5,)

    theirs = figures(store, TODAY, TODAY + timedelta(days=1), consultant_id=other)
    assert (theirs.calls, theirs.reached["raccolta_dati"], theirs.events) == (1, 1, {"interesse": 1})
    nothing = figures(store, TODAY - timedelta(days=9), TODAY - timedelta(days=8))
    assert (nothing.calls, nothing.reached["nessun_intento"], nothing.answers_s) == (0, 0, ())


def test_how_often_each_rule_fired(store: Store) -> None:
    call_id = open_call(store)
    for event in ("interesse", "completa", "completa", None):
        entry(store, call_id, event)
    assert store.do(rules_fired, NOW) == {"regola_interesse": 1, "regola_completa": 2, "regola_None": 1}
    assert store.do(rules_fired, NOW + timedelta(seconds=1)) == {}


def test_days_are_local_also_where_the_clock_changes(store: Store) -> None:
    """Rome's midnight is an hour before UTC's in winter, two in summer."""
    for day, hour in ((28, 22), (28, 23), (29, 21), (29, 22)):
        store.now = NOW.replace(month=3, day=day, hour=hour, minute=59)
        open_call(store)
    found = figures(store, date(2026, 3, 28), date(2026, 3, 30))
    assert [each.calls for each in found.days] == [1, 2, 1]
