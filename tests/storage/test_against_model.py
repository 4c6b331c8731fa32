"""The store and a plain model of it are told the same, in any order that hypothesis thinks of, and must answer
the same; after every step the tables hold what the model holds and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage import at_once, availability, bookings, calls, people
from storage.agenda import AgendaSettings
from storage.database import Database
from storage.models import proxy
from storage.results import Booking, BookingKind, Hold, Lead
from tests.storage.model import Agenda, Model, at
from tests.storage.playground import empty, faults

T = TypeVar("T")

PLAIN = Agenda(grid=30)
BUFFERED = Agenda(grid=15, before=10, after=20, notice=60, horizon_days=3)
ANNA = Lead("+393400000001", "anna@example.it", "Anna")
BRUNO = Lead("+393400000002", "bruno@example.it", "Bruno")
LEADS = (Lead("+393331234567", "lia@example.it", "Lia"), Lead("+393337654321", "ugo@example.it"))
BEGIN = at("27 07:50") + timedelta(milliseconds=400)

# Which of the starts that can be booked, so few that they often meet; or one that cannot be: off the grid, closed, a
# holiday, past.
NEXT, LAST = range(5), (-1, -4)
ODD = [at("27 08:10"), at("27 12:00"), at("28 09:00"), at("37 09:00"), at("26 09:00"), at("27 10:15")]
STARTS: st.SearchStrategy[int | datetime] = st.sampled_from([*NEXT, *NEXT, *NEXT, *LAST, *LAST, *ODD])
DURATIONS = st.sampled_from([30, 45, 60, 90] * 5 + [50])
CONVERSATIONS = st.sampled_from(["c1", "c2", "c1", "c2", "c3"])
PERSONS = st.sampled_from(["anna", "bruno", "lia", "ugo"])
WHICH = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 5, 8])  # counted from the newest
NOTES = st.sampled_from([None, "imposte"])
RARELY = st.sampled_from([False] * 12 + [True])
SOMETIMES = st.sampled_from([False, False, True])
OFTEN = st.booleans()
CALLS = st.sampled_from([None, None, 0, 1])


class Comparison(RuleBasedStateMachine):
    """Every rule asks the store and the model."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.tokens: list[str] = []
        self.made: list[tuple[BookingKind, str]] = []
        self.do(self._furnish)

    def _furnish(self) -> None:
        empty()
        self.consultants = [people.add_consultant("Rossi", _stored(each)) for each in (PLAIN, BUFFERED)]
        plain, buffered = self.consultants
        self.clients = {
            "anna": people.add_client("Anna", ANNA.phone, consultant_id=plain, email=ANNA.email),
            "bruno": people.add_client("Bruno", BRUNO.phone, consultant_id=buffered, email=BRUNO.email),
        }
        self.calls = [
            calls.open_call(
                bridge_call_id=f"b{number}",
                consultant_id=plain,
                direction="inbound",
                caller_number=None,
                dialled_number=None,
                now=BEGIN,
            )
            for number in range(2)
        ]
        known = {self.clients["anna"]: ANNA, self.clients["bruno"]: BRUNO}
        self.model = Model({plain: PLAIN, buffered: BUFFERED}, known, BEGIN)

    def do(self, work: Callable[[], T]) -> T:
        return self.database.run_blocking(work)

    @property
    def now(self) -> datetime:
        return self.model.now

    @property
    def second(self) -> int:
        return int(self.now.timestamp())

    def tick(self) -> None:
        """No two operations in one second: what came first is told by the clock."""
        self.model.now += timedelta(seconds=1)

    def who(self, person: str) -> tuple[int | None, Lead | None]:
        lead = {"lia": LEADS[0], "ugo": LEADS[1]}.get(person)
        return self.clients.get(person), lead

    def whose(self, client_id: int | None, lead: Lead) -> tuple[int | None, Lead | None]:
        return client_id, lead if client_id is None else None

    def consultant(self, second: bool, unknown: bool) -> int:
        return 4711 if unknown else self.consultants[second]

    def start(self, wanted: int | datetime, consultant_id: int) -> datetime:
        if isinstance(wanted, datetime):
            return wanted
        starts = self.model.agendas.get(consultant_id, PLAIN).starts(30, self.now)
        return starts[wanted % len(starts)] if starts else BEGIN

    def call(self, which: int | None) -> str | None:
        return None if which is None else self.calls[which]

    # --- Holds ------------------------------------------------------------------------------------------------

    @rule(
        conversation=CONVERSATIONS,
        person=PERSONS,
        start=STARTS,
        minutes=DURATIONS,
        second=OFTEN,
        unknown=RARELY,
    )
    def propose(
        self, conversation: str, person: str, start: int | datetime, minutes: int, second: bool, unknown: bool
    ) -> None:
        consultant_id = self.consultant(second, unknown)
        self._propose(
            consultant_id=consultant_id,
            conversation=conversation,
            client_id=self.who(person)[0],
            start=self.start(start, consultant_id),
            minutes=minutes,
        )

    @precondition(lambda self: self.made)
    @rule(
        conversation=CONVERSATIONS,
        which=WHICH,
        start=STARTS,
        minutes=DURATIONS,
        strange=RARELY,
        elsewhere=RARELY,
    )
    def propose_to_move(
        self,
        conversation: str,
        which: int,
        start: int | datetime,
        minutes: int,
        strange: bool,
        elsewhere: bool,
    ) -> None:
        kind, name = self.made[-1 - which % len(self.made)]
        moved = self.do(lambda: bookings.booking(kind, name))
        assert moved is not None
        others = [each for each in self.consultants if each != moved.consultant_id]
        self._propose(
            consultant_id=others[0] if elsewhere else moved.consultant_id,
            conversation=conversation,
            client_id=self.clients["bruno"] if strange else moved.client_id,
            start=self.start(start, moved.consultant_id),
            minutes=minutes,
            moving=moved,
        )

    @precondition(lambda self: self.tokens)
    @rule(conversation=CONVERSATIONS, person=PERSONS, which=WHICH, minutes=DURATIONS, ended=OFTEN)
    def propose_the_same(self, conversation: str, person: str, which: int, minutes: int, ended: bool) -> None:
        """Where somebody holds or has held, perhaps in the very second in which that ends."""
        hold = self.model.holds[self.tokens[-1 - which % len(self.tokens)]].hold
        if ended:
            self._until_end(which, early=False)
        self._propose(
            consultant_id=hold.consultant_id,
            conversation=conversation,
            client_id=self.who(person)[0],
            start=hold.start,
            minutes=minutes,
        )

    def _propose(self, *, moving: Booking | None = None, **given: Any) -> None:
        self.tick()
        answer = self.do(lambda: bookings.propose(now=self.now, moving=moving, **given))
        name = answer.token if isinstance(answer, Hold) else "-"
        assert answer == self.model.propose(name, moving=None if moving is None else moving.id, **given)
        if isinstance(answer, Hold):
            self.tokens.append(name)

    @precondition(lambda self: self.tokens)
    @rule(
        which=WHICH,
        lead=st.sampled_from(LEADS),
        conversation=CONVERSATIONS,
        person=PERSONS,
        strange=SOMETIMES,
        wrong_consultant=RARELY,
        notes=NOTES,
        call=CALLS,
    )
    def confirm_with_the_token(
        self,
        which: int,
        lead: Lead,
        conversation: str,
        person: str,
        strange: bool,
        wrong_consultant: bool,
        notes: str | None,
        call: int | None,
    ) -> None:
        hold = self.model.holds[self.tokens[-1 - which % len(self.tokens)]].hold
        client_id, own_lead = self.whose(hold.client_id, lead)
        if strange:
            client_id, own_lead = self.who(person)
        self._confirm(
            token=hold.token,
            conversation=conversation if strange else hold.conversation,
            client_id=client_id,
            lead=own_lead,
            consultant_id=4711 if wrong_consultant else None,
            notes=notes,
            call_id=self.call(call),
        )

    @precondition(lambda self: self.tokens)
    @rule(lead=st.sampled_from(LEADS), call=CALLS)
    def confirm_the_newest(self, lead: Lead, call: int | None) -> None:
        hold = self.model.holds[self.tokens[-1]].hold
        client_id, own_lead = self.whose(hold.client_id, lead)
        given = {"conversation": hold.conversation, "client_id": client_id, "lead": own_lead}
        self._confirm(token=hold.token, call_id=self.call(call), **given)

    @rule(
        conversation=CONVERSATIONS,
        person=PERSONS,
        second=st.sampled_from([None, None, False, True]),
        guessed=RARELY,
        call=CALLS,
    )
    def confirm_without_the_token(
        self, conversation: str, person: str, second: bool | None, guessed: bool, call: int | None
    ) -> None:
        """As whoever has a hold, or as somebody else."""
        waiting = self.model.live(conversation)
        client_id, lead = self.who(person)
        if waiting is not None and not guessed:
            client_id, lead = self.whose(waiting.client_id, LEADS[0])
        self._confirm(
            token="guess" if guessed else None,
            conversation=conversation,
            client_id=client_id,
            lead=lead,
            consultant_id=None if second is None else self.consultants[second],
            call_id=self.call(call),
        )

    def _confirm(self, **given: Any) -> None:
        self.tick()
        answer = self.do(lambda: bookings.confirm(now=self.now, **given))
        self._must_be(answer, self.model.confirm(_name(answer), **given))

    def _must_be(self, answer: Any, expected: Any) -> None:
        assert answer == expected
        if isinstance(answer, Booking) and (answer.kind, answer.id) not in self.made:
            self.made.append((answer.kind, answer.id))

    @rule(conversation=CONVERSATIONS)
    def release(self, conversation: str) -> None:
        self.tick()
        self.do(lambda: bookings.release(conversation, now=self.now))
        self.model.release(conversation)

    # --- At once ----------------------------------------------------------------------------------------------

    @rule(
        conversation=CONVERSATIONS,
        lead=st.sampled_from(LEADS),
        start=STARTS,
        minutes=DURATIONS,
        second=OFTEN,
        unknown=RARELY,
        notes=NOTES,
        call=CALLS,
    )
    def book_lead(
        self,
        conversation: str,
        lead: Lead,
        start: int | datetime,
        minutes: int,
        second: bool,
        unknown: bool,
        notes: str | None,
        call: int | None,
    ) -> None:
        self.tick()
        consultant_id = self.consultant(second, unknown)
        given: dict[str, Any] = {
            "consultant_id": consultant_id,
            "conversation": conversation,
            "lead": lead,
            "start": self.start(start, consultant_id),
            "minutes": minutes,
            "notes": notes,
            "call_id": self.call(call),
        }
        answer = self.do(lambda: at_once.book_lead(now=self.now, source="public_page", **given))
        self._must_be(answer, self.model.book_lead(_name(answer), **given))

    @precondition(lambda self: self.made)
    @rule(
        which=WHICH,
        conversation=CONVERSATIONS,
        start=STARTS,
        minutes=DURATIONS | st.none(),
        strange=RARELY,
        unknown=RARELY,
        notes=NOTES,
    )
    def reschedule(
        self,
        which: int,
        conversation: str,
        start: int | datetime,
        minutes: int | None,
        strange: bool,
        unknown: bool,
        notes: str | None,
    ) -> None:
        self.tick()
        kind, name = self.made[-1 - which % len(self.made)]
        known = self.model.bookings[name].booking
        name = "unknown" if unknown else name
        given: dict[str, Any] = {
            "conversation": conversation,
            "client_id": self.clients["anna"] if strange else known.client_id,
            "start": self.start(start, known.consultant_id),
            "minutes": minutes,
            "notes": notes,
        }
        answer = self.do(lambda: bookings.reschedule(kind, name, now=self.now, **given))
        self._must_be(answer, self.model.reschedule(name, **given))

    # --- Bookings ---------------------------------------------------------------------------------------------

    @precondition(lambda self: self.made)
    @rule(which=WHICH, unknown=RARELY)
    def cancel(self, which: int, unknown: bool) -> None:
        self.tick()
        kind, name = self.made[-1 - which % len(self.made)]
        name = "unknown" if unknown else name
        answer = self.do(lambda: bookings.cancel(kind, name, now=self.now))
        self._must_be(answer, self.model.cancel(name))

    @rule(person=PERSONS, by_phone=OFTEN)
    def find_bookings(self, person: str, by_phone: bool) -> None:
        client_id, lead = self.who(person)
        phone = lead.phone if lead else self.model.people[client_id or 0].phone
        asked: tuple[int | None, str | None] = (None, phone) if by_phone else (client_id, None)
        found = self.do(lambda: bookings.find_bookings(client_id=asked[0], phone=asked[1], now=self.now))
        assert [each.start for each in found] == sorted(each.start for each in found)
        assert sorted(found, key=lambda each: (each.start, each.id)) == self.model.find(*asked)

    @rule(second=OFTEN, minutes=DURATIONS, conversation=CONVERSATIONS | st.none(), which=WHICH, moving=OFTEN)
    def available_slots(
        self, second: bool, minutes: int, conversation: str | None, which: int, moving: bool
    ) -> None:
        consultant_id = self.consultants[second]
        moved = None
        if moving and self.made:
            kind, name = self.made[-1 - which % len(self.made)]
            moved = self.do(lambda: bookings.booking(kind, name))
        given: dict[str, Any] = {"now": self.now, "conversation": conversation, "moving": moved}
        frm, to = at("26 00:00"), at("31 00:00")
        found = self.do(
            lambda: availability.available_starts(consultant_id, frm, to, minutes, **given),
        )
        expected = self.model.free(consultant_id, minutes, conversation, moved.id if moved else None)
        assert found == expected

    # --- Time -------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 1, 5, 5, 10, 14, 60]))
    def later(self, minutes: int) -> None:
        self.model.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.tokens)
    @rule(which=WHICH, early=OFTEN)
    def just_before_a_hold_ends(self, which: int, early: bool) -> None:
        """So that what comes next happens in the very second in which it ends, or in the one before."""
        self._until_end(which, early)

    def _until_end(self, which: int, early: bool) -> None:
        ends = self.model.holds[self.tokens[-1 - which % len(self.tokens)]].hold.expires_at
        self.model.now = max(self.now, ends - timedelta(seconds=1 + early) + timedelta(milliseconds=400))

    @rule()
    def sweep(self) -> None:
        waiting = "SELECT count(*) FROM pending_bookings WHERE status = 'awaiting_confirm'"
        ((overdue,),) = self.rows(f"{waiting} AND expires_at <= {self.second}")
        assert self.do(lambda: bookings.expire_holds(self.now)) == overdue
        assert self.rows(f"{waiting} AND expires_at <= {self.second}") == [(0,)]

    # --- After every step -------------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.do(lambda: _rows(sql))

    @invariant()
    def the_tables_hold_what_the_model_holds(self) -> None:
        self.do(self._compare_tables)

    def _compare_tables(self) -> None:
        assert faults() == []
        expected = {name: each.booking for name, each in self.model.bookings.items()}
        kept = _rows("SELECT id FROM consultations UNION ALL SELECT id FROM appointment_bookings")
        assert {name for (name,) in kept} == set(expected)
        in_force = {each.id: each for each in bookings.all_in_force()}
        assert in_force == {name: each for name, each in expected.items() if each.in_force}

        fates = {token: self.model.fate(held) for token, held in self.model.holds.items()}
        owned: dict[tuple[int, int], str] = {}
        for name, booked in self.model.bookings.items():
            owned |= {(booked.booking.consultant_id, _cell(each)): name for each in booked.quarters}
        for token, held in self.model.holds.items():
            if fates[token] == "waiting":
                owned |= {(held.hold.consultant_id, _cell(each)): token for each in held.quarters}
        cells = _rows(
            "SELECT consultant_id, cell, coalesce(hold_id, consultation_id, appointment_id) FROM slot_locks"
        )
        found = {(consultant, cell): owner for consultant, cell, owner in cells}
        assert {key: owner for key, owner in found.items() if fates.get(owner) != "expired"} == owned

        words = {"awaiting_confirm": "waiting", "cancelled": "given up"}
        rows = _rows(f"SELECT token, status, expires_at <= {self.second} FROM pending_bookings")
        kept_fates = {
            token: "expired" if status == "awaiting_confirm" and over else words.get(status, status)
            for token, status, over in rows
        }
        assert {token: kept_fates[token] for token in self.tokens} == {
            token: fates[token] for token in self.tokens
        }
        for conversation in ("c1", "c2", "c3"):
            live = self.model.live(conversation)
            assert bookings.hold_of(conversation, now=self.now) == live
            assert bookings.has_pending(conversation, now=self.now) is (live is not None)


def _stored(agenda: Agenda) -> AgendaSettings:
    return AgendaSettings(
        grid_minutes=agenda.grid,
        buffer_before_minutes=agenda.before,
        buffer_after_minutes=agenda.after,
        lead_minutes=agenda.notice,
        horizon_days=agenda.horizon_days,
    )


def _rows(sql: str) -> list[tuple[Any, ...]]:
    return list(proxy.execute_sql(sql).fetchall())


def _name(answer: Any) -> str:
    return answer.id if isinstance(answer, Booking) else "-"


def _cell(quarter: datetime) -> int:
    return int(quarter.timestamp()) // 900


@pytest.mark.timeout(300)
def test_the_store_answers_as_its_model(dialect: str, request: pytest.FixtureRequest) -> None:
    on_sqlite = dialect == "sqlite"
    url = "sqlite:///:memory:" if on_sqlite else request.getfixturevalue("postgres").fresh()
    with Database(url) as database:
        if on_sqlite:
            database.create_tables()
        run_state_machine_as_test(
            lambda: Comparison(database),
            settings=settings(
                max_examples=120 if on_sqlite else 20,
                stateful_step_count=60,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
