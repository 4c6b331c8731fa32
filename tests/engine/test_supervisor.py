"""The supervisor fails closed: whatever breaks, nothing is booked, the state stays, and the journal says why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

import engine.analysis
import engine.supervisor
from engine.conversation import Conversation
from engine.extraction.ahead import ReadingAhead
from engine.ports import AnalysisResult, Command, ExtractorError, Mention, MentionKind
from engine.rulebook import Rulebook
from engine.supervisor import Supervisor, Told, metadata_of, opening_state, restored_state
from engine.turns import Turn
from fsm.booking import BookingMachine
from fsm.stages import Stage, Task
from rules.ruleset import of_texts
from storage import availability, bookings, calls, conversations, journal, people, personal
from storage.database import Database
from storage.errors import StoreUnavailable
from storage.models import PendingBooking
from storage.results import Refusal
from tests.dialogues import shipped
from tests.engine.scene import DIALLED_LEAD, LEAD, LINE, ROME, THREE, Scene, scene
from tests.local_extractor import LocalExtractor

ASKS = "C: Vorrei prenotare mercoledì alle 15"
READBACK = "A: Mercoledì 11 febbraio alle 15, confermi?"
YES = "C: Sì"
WAIT = "A: Un attimo, verifico."
BOOKED = ["2026-02-11T15:00"]


@dataclass
class Pointing:
    """An extractor that answers with what it is told to, and remembers the last turn of what it was shown."""

    answer: tuple[Mention, ...] | Exception = ()
    asked: list[str] = field(default_factory=list)

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        self.asked.append(turns[-1].text)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Desk:
    """A call with its supervisor."""

    call: Scene
    supervisor: Supervisor
    extractor: Pointing
    told: list[Told]

    async def say(self, *lines: str, **given: Any) -> AnalysisResult:
        self.call.add(*lines)
        return await self.analyse(self.call.new(), **given)

    async def analyse(self, new: Sequence[int], **given: Any) -> AnalysisResult:
        values: dict[str, Any] = {
            "call_over": False,
            "pending_speech": False,
            "unheard": False,
            "still_valid": lambda: True,
        }
        return await self.supervisor.analyse(
            list(self.call.turns), new=new, now=self.call.now, **{**values, **given}
        )

    async def complete(self) -> None:
        await self.say(ASKS, READBACK)
        assert self.supervisor.state.stage is Stage.DATI_COMPLETI

    def journal(self) -> list[dict[str, Any]]:
        return [dict(entry.entry) for entry in self.call.detail().journal]

    def analyses(self) -> list[Any]:
        found: list[Any] = self.call.do(lambda: calls.analyses(self.call.conversation.call_id or ""))
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    with scene() as call:
        told: list[Told] = []
        extractor = Pointing()
        supervisor = Supervisor(call.conversation, call.database, call.rulebook, extractor, watch=told.append)
        yield Desk(call, supervisor, extractor, told)


# --- As it goes when nothing breaks -----------------------------------------------------------------------


async def test_a_booking_is_told_and_written_down(desk: Desk) -> None:
    await desk.complete()
    result = await desk.say(YES, WAIT)
    assert desk.call.bookings() == BOOKED
    assert (len(result.notices), result.again) == (1, False)
    assert [entry["event"] for entry in desk.journal()] == ["interesse", "completa", "conferma", "successo"]
    detail = desk.call.detail()
    assert detail.metadata["bookingCreated"] is True
    assert detail.metadata["bookingType"] == "consultation"
    assert detail.metadata["callbackRequested"] is False


async def test_each_entry_names_its_rule_its_facts_and_what_changed(desk: Desk) -> None:
    await desk.say(ASKS, READBACK)
    first, second = desk.journal()
    assert (first["from"], first["to"], first["rule"], first["turn"], first["analysis"]) == (
        "nessun_intento", "raccolta_dati", "interesse", 2, 1,
    )  # fmt: skip
    assert first["changes"]["time"] == {"old": None, "new": "15:00:00"}
    assert second["changes"] == {}
    assert second["facts"]["missing"] == 0


async def test_personal_details_are_in_the_journal_as_digests_alone() -> None:
    with scene(LEAD) as call:
        desk = Desk(
            call, Supervisor(call.conversation, call.database, call.rulebook, Pointing()), Pointing(), []
        )
        await desk.say(
            ASKS, "A: Mi lascia telefono ed email?", "C: 333 1234567, mario@gmail.com", "A: Grazie."
        )
        entries = desk.journal()
        assert "1234567" not in str(entries) and "mario" not in str(entries)
        found = call.do(lambda: personal.values_of(call.conversation.call_id or ""))
        changes = entries[0]["changes"]
        assert found == {changes["phone"]["new"]: "+393331234567", changes["email"]["new"]: "mario@gmail.com"}


async def test_each_entry_says_when_it_happened_and_by_which_rules(desk: Desk) -> None:
    desk.call.add(ASKS, READBACK)
    spoken, desk.call.now = desk.call.now, desk.call.now + timedelta(seconds=2.5)
    await desk.analyse(desk.call.new())
    first = desk.call.detail().journal[0]
    assert first.entry["event_time"] == spoken.isoformat()
    assert first.recorded_at == desk.call.now
    assert (first.entry["rules"], first.entry["task"]) == (desk.call.rulebook.version, "prenota")


async def test_a_refused_event_is_in_the_journal_with_its_guard(desk: Desk) -> None:
    desk.call.take("2026-02-11T15:00")
    await desk.say(ASKS, READBACK)
    refused = desk.journal()[1]
    assert (refused["event"], refused["guard"], refused["from"], refused["to"]) == (
        "completa", "slot_held", "raccolta_dati", "raccolta_dati",
    )  # fmt: skip
    assert refused["notices"] == ["slot_occupato"]


async def test_the_journal_alone_tells_anothers_from_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[Refusal, tuple[Any, ...]] = {}
    refusals: dict[Refusal, list[str | None]] = {}
    for refusal in (Refusal.NOT_FOUND, Refusal.NOT_YOURS):
        with scene() as call, monkeypatch.context() as patch:
            desk = Desk(
                call, Supervisor(call.conversation, call.database, call.rulebook, Pointing()), Pointing(), []
            )
            await desk.complete()
            patch.setattr(bookings, "confirm", lambda answer=refusal, **_: answer)
            result = await desk.say(YES, WAIT)
            entries = [entry for entry in desk.journal() if entry["analysis"] == 2]
            refusals[refusal] = [entry.pop("refusal") for entry in entries]
            for entry in entries:
                del entry["call_id"]
            told[refusal] = (result, entries, desk.analyses()[-1].facts)
    assert told[Refusal.NOT_FOUND] == told[Refusal.NOT_YOURS]
    assert {entry["outcome"] for entry in told[Refusal.NOT_YOURS][1]} == {"fallito"}
    assert refusals[Refusal.NOT_FOUND][0] == "NOT_FOUND"
    assert refusals[Refusal.NOT_YOURS][0] == "NOT_YOURS"


async def test_a_hold_that_has_become_anothers_is_refused_as_such(desk: Desk) -> None:
    await desk.complete()

    def give_away() -> None:
        other = people.add_client(
            "Bruno", "+393409999999", consultant_id=desk.call.conversation.consultant_id
        )
        PendingBooking.update(client=other).execute()

    desk.call.do(give_away)
    await desk.say(YES, WAIT)
    assert desk.call.bookings() == []
    refused = next(entry for entry in desk.journal() if entry["event"] == "conferma")
    assert (refused["outcome"], refused["refusal"]) == ("fallito", "NOT_YOURS")


async def test_what_is_done_carries_no_refusal(desk: Desk) -> None:
    desk.call.take("2026-02-11T15:00")
    await desk.say(ASKS, READBACK)
    assert [entry["refusal"] for entry in desk.journal()] == [None, "SLOT_TAKEN"]
    await desk.say("C: Allora giovedì alle 15", "A: Giovedì 12 febbraio alle 15, confermi?", YES, WAIT)
    assert desk.call.bookings()[-1] == "2026-02-12T15:00"
    assert [entry["refusal"] for entry in desk.journal()[2:]] == [None] * len(desk.journal()[2:])


async def test_notices_without_an_event_are_in_the_journal(desk: Desk) -> None:
    await desk.say("C: Vorrei parlare con una persona", "A: Capisco.")
    (entry,) = desk.journal()
    assert (entry["event"], entry["notices"]) == (None, ["persona"])


async def test_an_analysis_without_an_event_is_recorded_with_the_availability_it_saw(desk: Desk) -> None:
    await desk.say("C: Buongiorno", "A: Buongiorno.")
    assert desk.journal() == []
    (recorded,) = desk.analyses()
    assert "2026-02-11T15:00" in recorded.availability
    assert recorded.facts["requested"] == "nessuno"
    assert recorded.last_turn == 2


async def test_the_stored_state_is_the_one_to_go_on_from(desk: Desk) -> None:
    await desk.complete()
    stored = desk.call.do(lambda: conversations.state_of(desk.call.conversation.id))
    state = restored_state(stored)
    assert (state.held, state.stage, state.task, state.analyses) == (
        desk.supervisor.state.held, Stage.DATI_COMPLETI, Task.PRENOTA, 1,
    )  # fmt: skip
    again = Supervisor(
        desk.call.conversation, desk.call.database, desk.call.rulebook, desk.extractor, state=state
    )
    await replace(desk, supervisor=again).say(YES, WAIT)
    assert desk.call.bookings() == BOOKED


@pytest.mark.parametrize(
    "damage", [{"stage": "dati"}, {"task": "vola"}, {"state": {"details": {"date": "x"}}}]
)
async def test_a_damaged_state_is_refused(desk: Desk, damage: dict[str, Any]) -> None:
    await desk.complete()
    stored = desk.call.do(lambda: conversations.state_of(desk.call.conversation.id))
    with pytest.raises((ValidationError, ValueError)):
        restored_state(replace(stored, **damage))


# --- When a part breaks -----------------------------------------------------------------------------------


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken: mario@gmail.com")


PARTS: dict[str, tuple[Any, str]] = {
    "what decides whether to read ahead": (engine.supervisor, "to_read"),
    "reading ahead": (ReadingAhead, "found"),
    "understanding": (engine.analysis, "read"),
    "the machine": (BookingMachine, "fire"),
    "the store's agenda": (availability, "available_starts"),
    "the store's commit": (bookings, "confirm"),
    "the record": (calls, "record_analysis"),
    "the metadata": (calls, "note_metadata"),
}


@pytest.mark.parametrize(("where", "name"), PARTS.values(), ids=PARTS)
async def test_whatever_breaks_nothing_is_booked_and_the_journal_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    await desk.complete()
    before, held, steps = desk.supervisor.state, desk.call.hold(), len(desk.journal())
    plain = before.held.to_plain()
    with monkeypatch.context() as patch:
        patch.setattr(where, name, broken)
        result = await desk.say(YES, WAIT)
    assert result == AnalysisResult()
    assert desk.call.bookings() == []
    assert desk.supervisor.state is before
    assert before.held.to_plain() == plain
    assert desk.call.hold() == held  # as before: the transaction was rolled back
    (entry,) = desk.journal()[steps:]
    assert (entry["event"], entry["outcome"]) == (None, "errore_interno")
    assert "non è stato prenotato nulla" in entry["why"]
    assert len(desk.told) == 1


@pytest.mark.parametrize(("where", "name"), PARTS.values(), ids=PARTS)
async def test_after_a_failure_the_call_goes_on_and_can_still_book(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    await desk.complete()
    with monkeypatch.context() as patch:
        patch.setattr(where, name, broken)
        await desk.say(YES, WAIT)
    await desk.say("A: Mercoledì 11 febbraio alle 15, conferma?", YES, WAIT)
    assert desk.call.bookings() == BOOKED


async def test_a_calendar_that_cannot_be_looked_after_books_nothing(desk: Desk) -> None:
    await desk.complete()

    class Broken:
        begin = staticmethod(lambda _: None)
        fresh = staticmethod(broken)

    supervisor = Supervisor(
        desk.call.conversation,
        desk.call.database,
        desk.call.rulebook,
        desk.extractor,
        state=desk.supervisor.state,
        elsewhere=Broken(),
    )
    result = await replace(desk, supervisor=supervisor).say(YES, WAIT)
    assert (result, desk.call.bookings()) == (AnalysisResult(), [])
    assert desk.journal()[-1]["outcome"] == "errore_interno"


async def test_rules_that_break_book_nothing(desk: Desk) -> None:
    await desk.complete()

    class Broken:
        decide = staticmethod(broken)

    rulebook = replace(desk.call.rulebook, decider=Broken())  # type: ignore[arg-type]  # only what is asked of it
    supervisor = Supervisor(
        desk.call.conversation, desk.call.database, rulebook, desk.extractor, state=desk.supervisor.state
    )
    result = await replace(desk, supervisor=supervisor).say(YES, WAIT)
    assert (result, desk.call.bookings()) == (AnalysisResult(), [])


async def test_a_journal_that_breaks_takes_the_booking_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No booking without its entry; that the failure cannot be noted either is no second failure."""
    await desk.complete()
    monkeypatch.setattr(journal, "append", broken)
    assert await desk.say(YES, WAIT) == AnalysisResult()
    assert desk.call.bookings() == []


async def test_a_store_that_does_not_answer_books_nothing(desk: Desk) -> None:
    await desk.complete()

    class Gone:
        async def run(self, work: Callable[[], Any], *, still_valid: Any = None) -> Any:
            raise StoreUnavailable("the database does not answer")

    supervisor = Supervisor(
        desk.call.conversation, Gone(), desk.call.rulebook, desk.extractor, state=desk.supervisor.state
    )
    assert await replace(desk, supervisor=supervisor).say(YES, WAIT) == AnalysisResult()


async def test_a_commit_whose_answer_was_lost_is_told_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection dies when COMMIT had been done: what is booked is booked, and the caller hears of it."""
    await desk.complete()
    run, lost = desk.call.database.run, []

    async def loses_one_answer(work: Callable[[], Any], **given: Any) -> Any:
        done = await run(work, **given)
        if not lost:
            lost.append(done)
            raise StoreUnavailable("the database died during COMMIT")
        return done

    monkeypatch.setattr(desk.call.database, "run", loses_one_answer)
    result = await desk.say(YES, WAIT)
    assert len(lost) == 1
    assert desk.call.bookings() == BOOKED
    assert desk.supervisor.state.stage is Stage.COMPLETATO
    assert len(result.notices) == 1
    assert [entry["event"] for entry in desk.journal()][-1] == "successo"


async def test_a_failure_is_logged_without_what_was_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.complete()
    monkeypatch.setattr(bookings, "confirm", broken)
    with caplog.at_level(logging.INFO):
        await desk.say(YES, WAIT)
    assert desk.call.conversation.id in caplog.text
    assert "mario@gmail.com" not in caplog.text


# --- Overtaken, pending, unheard --------------------------------------------------------------------------


async def test_what_is_overtaken_leaves_no_trace_and_is_analysed_again(desk: Desk) -> None:
    await desk.complete()
    before, steps = desk.supervisor.state, desk.journal()
    result = await desk.say(YES, WAIT, still_valid=lambda: False)
    assert (result.again, result.notices) == (True, ())
    assert desk.supervisor.state is before
    assert (desk.call.bookings(), desk.journal(), len(desk.analyses())) == ([], steps, 1)
    assert desk.call.hold() is not None
    assert len(desk.told) == 1


async def test_a_correction_that_overtakes_the_yes_is_heard(desk: Desk) -> None:
    await desk.complete()
    desk.call.add(YES, WAIT)
    new = desk.call.new()
    assert (await desk.analyse(new, still_valid=lambda: False)).again
    desk.call.add("C: Anzi no, meglio giovedì", "A: Giovedì 12 febbraio alle 15, confermi?")
    await desk.analyse([*new, *desk.call.new()])
    assert desk.call.bookings() == []
    assert desk.supervisor.state.held.slot() == replace(THREE, day=THREE.day.replace(day=12))


async def test_still_valid_is_asked_when_all_is_done_but_not_yet_committed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.complete()
    seen: list[str] = []
    real = calls.note_metadata

    def noting(*given: Any) -> None:
        seen.append("done")
        real(*given)

    monkeypatch.setattr(calls, "note_metadata", noting)
    await desk.say(YES, WAIT, still_valid=lambda: seen.append("asked") is None)
    assert seen == ["done", "asked"]
    assert desk.call.bookings() == BOOKED


async def test_a_yes_waits_for_speech_without_words(desk: Desk) -> None:
    await desk.complete()
    desk.call.add(YES, WAIT)
    new = desk.call.new()
    before = desk.supervisor.state
    result = await desk.analyse(new, pending_speech=True)
    assert (result.again, desk.supervisor.state, desk.call.bookings()) == (True, before, [])
    assert len(desk.analyses()) == 1
    await desk.analyse(new)
    assert desk.call.bookings() == BOOKED


async def test_speech_that_was_given_up_is_no_yes(desk: Desk) -> None:
    await desk.complete()
    result = await desk.say(YES, WAIT, unheard=True)
    assert desk.call.bookings() == []
    assert "non sono arrivate" in result.notices[0]


async def test_one_analysis_at_a_time(desk: Desk) -> None:
    desk.call.add(ASKS, READBACK)
    first = desk.call.new()
    desk.call.add(YES, WAIT)
    second = desk.call.new()
    await asyncio.gather(desk.analyse(first), desk.analyse(second))
    assert [entry["analysis"] for entry in desk.journal()] == [1, 1, 2, 2]
    assert desk.call.bookings() == BOOKED


async def test_who_watches_is_told_once_it_is_committed(desk: Desk) -> None:
    in_force: list[list[str]] = []
    supervisor = Supervisor(
        desk.call.conversation,
        desk.call.database,
        desk.call.rulebook,
        desk.extractor,
        watch=lambda told: in_force.append(desk.call.bookings()),
    )
    await replace(desk, supervisor=supervisor).say(ASKS, READBACK, YES, WAIT)
    assert in_force == [BOOKED]


# --- The end of the call ----------------------------------------------------------------------------------


async def test_at_the_end_the_hold_is_let_go_and_the_stage_stays(desk: Desk) -> None:
    await desk.complete()
    await desk.supervisor.finish(desk.call.now, "hangup")
    assert desk.call.hold() is None
    call = desk.call.detail().call
    assert (call.stage, call.end_reason, call.ended_at) == ("dati_completi", "hangup", desk.call.now)
    assert desk.call.bookings() == []


async def test_at_the_end_a_booking_stays(desk: Desk) -> None:
    await desk.say(ASKS, READBACK, YES, call_over=True)
    await desk.supervisor.finish(desk.call.now, "hangup")
    assert desk.call.bookings() == BOOKED


# --- The other extractor ----------------------------------------------------------------------------------


SMALL_TALK = (
    ("C: Buongiorno, come va?", "A: Buongiorno, bene, grazie. Mi dica."),
    ("C: Ieri sono stato dal dentista alle 15", "A: Spero sia andata bene."),
    ("C: Sì sì, bene. Mercoledì 11 parto, ho il treno alle 9 e mezza", "A: Che bello! E dove va?"),
    ("C: A Genova, da mia sorella, fino a domenica", "A: Le piacerà."),
    ("C: Speriamo che non piova. Va bene", "A: Certo."),
) * 4


async def test_small_talk_is_never_sent_to_the_model_and_the_first_word_about_booking_is(desk: Desk) -> None:
    for said in SMALL_TALK:
        await desk.say(*said)
    assert desk.supervisor.state.stage is Stage.NESSUN_INTENTO
    assert desk.extractor.asked == []
    await desk.say("C: Senta, per un appuntamento?", "A: Mi dica.")
    assert desk.extractor.asked == ["Senta, per un appuntamento?"]


async def test_the_answer_to_our_own_offer_is_about_booking(desk: Desk) -> None:
    await desk.say("C: Pronto", "A: Ti va mercoledì 11 alle 15?")
    assert desk.extractor.asked == []
    await desk.say("C: Facciamo più tardi", "A: Mi dica un'ora.")
    assert desk.extractor.asked == ["Facciamo più tardi"]


async def test_while_booking_is_the_subject_every_turn_of_the_caller_is_sent(desk: Desk) -> None:
    await desk.complete()
    await desk.say("C: Va bene così", "A: Confermi?")
    await desk.say("A: Allora?")
    assert desk.extractor.asked == ["Vorrei prenotare mercoledì alle 15", "Va bene così"]


async def test_after_the_booking_only_what_is_about_one_is_sent(desk: Desk) -> None:
    await desk.complete()
    await desk.say(YES, WAIT)
    await desk.say("C: Grazie, e domani piove?", "A: Pare di sì.")
    assert desk.extractor.asked[2:] == []
    await desk.say("C: Vorrei spostare l'appuntamento", "A: Mi dica quando.")
    assert desk.extractor.asked[2:] == ["Vorrei spostare l'appuntamento"]


async def test_what_was_read_ahead_is_not_asked_again(desk: Desk) -> None:
    await desk.complete()
    desk.call.add("C: Anzi giovedì")
    new = desk.call.new()
    desk.supervisor.read_ahead(desk.call.turns, new=new, now=desk.call.now)
    await desk.analyse(new)
    assert desk.extractor.asked == ["Vorrei prenotare mercoledì alle 15", "Anzi giovedì"]


@pytest.mark.parametrize("error", [ExtractorError("late"), RuntimeError("broken"), TimeoutError()])
async def test_when_it_fails_the_local_grammars_serve_alone(desk: Desk, error: Exception) -> None:
    await desk.complete()
    desk.extractor.answer = error
    await desk.say("C: Anzi giovedì", "A: Giovedì 12 febbraio alle 15, conferma?")
    await desk.say(YES, WAIT)
    assert len(desk.extractor.asked) == 3
    assert desk.call.bookings() == ["2026-02-12T15:00"]


@pytest.mark.parametrize(
    "mention",
    [
        Mention(MentionKind.DATE, 3, "giovedì"),  # words nobody said
        Mention(MentionKind.TIME, 3, "alle 10"),
        Mention(MentionKind.DATE, 1, "giovedì"),  # of another turn
        Mention(MentionKind.DATE, 99, "giovedì"),
        Mention(MentionKind.DATE, 3, ""),
        Mention(MentionKind.TIME, 3, "Sì"),  # said, but no time
        Mention(MentionKind.EMAIL, 3, "Sì"),
    ],
)
async def test_what_nobody_said_changes_nothing(desk: Desk, mention: Mention) -> None:
    await desk.complete()
    desk.extractor.answer = (mention,)
    await desk.say(YES, WAIT)
    assert desk.supervisor.state.held.slot() == THREE
    assert desk.call.bookings() == BOOKED


async def test_pointing_at_the_same_words_changes_nothing(desk: Desk) -> None:
    await desk.complete()
    desk.extractor.answer = await LocalExtractor(ROME).extract(desk.call.turns)
    await desk.say("C: Sì, mercoledì alle 15", WAIT)
    assert desk.call.bookings() == BOOKED


# --- Where it begins --------------------------------------------------------------------------------------


def test_the_number_we_dialled_is_known_from_the_start() -> None:
    with scene(DIALLED_LEAD) as call:
        assert opening_state(call.conversation).held.details.phone == LINE
    with scene() as call:
        assert opening_state(call.conversation).held.details.phone is None


def test_what_is_stored_with_the_call_about_its_booking() -> None:
    with scene() as call:
        assert metadata_of(call.state, booked=call.say("C: Buongiorno", "A: Mi dica.").booked) == {
            "bookingCreated": False,
            "bookingId": None,
            "bookingType": None,
            "callbackRequested": False,
        }
        told = call.say(ASKS, READBACK, YES, WAIT)
        (made,) = call.do(bookings.all_in_force)
        assert metadata_of(call.state, booked=told.booked) == {
            "bookingCreated": True,
            "bookingId": made.id,
            "bookingType": "consultation",
            "callbackRequested": False,
        }


CANCELS = (
    "C: Vorrei disdire il mio appuntamento",
    "A: Annullo l'appuntamento di mercoledì 11 febbraio alle 15, confermi?",
    YES,
    WAIT,
)


async def test_a_call_that_has_cancelled_has_booked_nothing() -> None:
    with scene(own=["2026-02-11T15:00"]) as call:
        supervisor = Supervisor(call.conversation, call.database, call.rulebook, Pointing())
        desk = Desk(call, supervisor, Pointing(), [])
        await desk.say(*CANCELS)
        assert (supervisor.state.stage, supervisor.state.task) == (Stage.COMPLETATO, Task.DISDICI)
        metadata = call.detail().metadata
        assert (metadata["bookingCreated"], metadata["bookingType"]) == (False, "consultation")
        await desk.say("C: E vorrei prenotare giovedì alle 11", "A: Vediamo.")
        assert call.detail().metadata["bookingCreated"] is False


async def test_nor_has_one_that_took_its_own_booking_back(desk: Desk) -> None:
    await desk.say(ASKS, READBACK, YES, WAIT)
    assert desk.call.detail().metadata["bookingCreated"] is True
    await desk.say(*CANCELS)
    assert (desk.call.bookings(), desk.call.detail().metadata["bookingCreated"]) == ([], False)


def chat(desk: Desk) -> Conversation:
    """A conversation that is no call's, begun in the store."""
    desk.call.do(lambda: conversations.begin_chat("whatsapp:1", now=desk.call.now))
    return replace(desk.call.conversation, id="whatsapp:1", call_id=None, source="whatsapp")


async def test_a_conversation_outside_of_calls_books_and_keeps_its_state(desk: Desk) -> None:
    """A chat has no stored call: its bookings are written, and where it stands."""
    database: Database = desk.call.database
    conversation = chat(desk)
    supervisor = Supervisor(conversation, database, desk.call.rulebook, desk.extractor)
    await replace(desk, supervisor=supervisor).say(ASKS, READBACK, YES, WAIT)
    assert desk.call.bookings() == BOOKED
    assert desk.analyses() == []
    told = desk.call.do(lambda: journal.entries("whatsapp:1"))
    assert [each.entry["event"] for each in told] == ["interesse", "completa", "conferma", "successo"]
    stored = desk.call.do(lambda: conversations.state_of("whatsapp:1"))
    assert (stored.stage, stored.last_analysis, stored.last_turn) == ("completato", 1, 4)


async def test_a_chat_goes_on_where_it_stood_after_a_restart(desk: Desk) -> None:
    """Two days later, in another process: the offer, what was said, and the yes still belong together."""
    conversation = chat(desk)

    def supervisor() -> Supervisor:
        stored = desk.call.do(lambda: conversations.state_of(conversation.id))
        state = restored_state(stored) if stored else None
        return Supervisor(conversation, desk.call.database, desk.call.rulebook, desk.extractor, state=state)

    offer = "A: Ho mercoledì 11 febbraio alle 15 o giovedì 12 febbraio alle 15. Quale preferisce?"
    await replace(desk, supervisor=supervisor()).say("C: Vorrei prenotare un appuntamento", offer)
    desk.call.later(days=1)
    await replace(desk, supervisor=supervisor()).say(
        "C: Il secondo", "A: Giovedì 12 febbraio alle 15, confermi?"
    )
    desk.call.later(minutes=5)
    await replace(desk, supervisor=supervisor()).say(YES, WAIT)
    assert desk.call.bookings() == ["2026-02-12T15:00"]


async def test_two_servers_of_one_chat_do_not_overwrite_each_other(desk: Desk) -> None:
    conversation = chat(desk)
    first, second = (
        Supervisor(conversation, desk.call.database, desk.call.rulebook, desk.extractor) for _ in range(2)
    )
    await replace(desk, supervisor=first).say(ASKS, READBACK)
    result = await replace(desk, supervisor=second).say(
        YES, WAIT
    )  # it has not read what the first has written
    assert result == AnalysisResult()
    assert desk.call.bookings() == []
    assert second.state.stage is Stage.DATI_COMPLETI  # now it has
    stored = desk.call.do(lambda: conversations.state_of("whatsapp:1"))
    assert stored.last_analysis == 1


async def test_what_it_is_about_is_kept_as_a_note(desk: Desk) -> None:
    await desk.complete()
    desk.extractor.answer = (Mention(MentionKind.NOTES, 3, "per la successione"),)
    await desk.say("C: È per la successione", READBACK)
    desk.extractor.answer = ()
    await desk.say(YES, WAIT)
    booked = desk.call.detail().call.booking
    assert booked is not None
    assert booked.notes == "per la successione"


async def test_a_second_choice_is_a_note_not_a_wish(desk: Desk) -> None:
    await desk.say("C: Vorrei prenotare mercoledì alle 15 e magari anche giovedì", READBACK)
    await desk.say(YES, WAIT)
    assert desk.call.bookings() == BOOKED
    booked = desk.call.detail().call.booking
    assert booked is not None
    assert booked.notes == "anche giovedì"


# --- Commands ---------------------------------------------------------------------------------------------

ASKS_FOR_A_PERSON = "C: Vorrei parlare con una persona"


@pytest.fixture
def handing_over() -> Iterator[Desk]:
    with scene() as call:
        conversation = replace(call.conversation, transfer=True)
        told: list[Told] = []
        extractor = Pointing()
        supervisor = Supervisor(conversation, call.database, call.rulebook, extractor, watch=told.append)
        yield Desk(call, supervisor, extractor, told)


async def test_a_call_is_handed_to_a_person_where_that_can_be(handing_over: Desk) -> None:
    result = await handing_over.say(ASKS_FOR_A_PERSON, WAIT)
    assert result.command is Command.TRANSFER
    assert len(result.notices) == 1
    (entry,) = handing_over.journal()
    assert (entry["notices"], entry["command"], entry["facts"]["transfer"]) == (
        ["passaggio"],
        "trasferisci",
        True,
    )
    assert not handing_over.supervisor.state.held.callback_requested


async def test_where_it_cannot_somebody_calls_back(desk: Desk) -> None:
    result = await desk.say(ASKS_FOR_A_PERSON, WAIT)
    assert result.command is None
    assert desk.call.detail().metadata["callbackRequested"] is True
    assert desk.journal()[0]["command"] == "richiama"


async def test_a_rule_that_would_transfer_all_the_same_has_the_caller_called_back(desk: Desk) -> None:
    desk.supervisor._rulebook = edited("transfer = true, ", 'stage = "nessun_intento", ')
    result = await desk.say(ASKS_FOR_A_PERSON, WAIT)
    assert result.command is None
    assert desk.call.detail().metadata["callbackRequested"] is True


async def test_a_rule_may_hang_up(desk: Desk) -> None:
    desk.supervisor._rulebook = edited('command = "richiama"', 'command = "riaggancia"')
    result = await desk.say(ASKS_FOR_A_PERSON, WAIT)
    assert result.command is Command.HANG_UP


async def test_who_asks_for_a_person_beside_a_yes_has_booked_nothing(handing_over: Desk) -> None:
    await handing_over.complete()
    result = await handing_over.say("C: Sì, ma vorrei parlare con una persona", WAIT)
    assert result.command is Command.TRANSFER
    assert handing_over.call.bookings() == []
    await handing_over.supervisor.finish(handing_over.call.now, "transferred")
    assert handing_over.call.hold() is None


async def test_who_then_would_rather_stay_is_not_handed_over(handing_over: Desk) -> None:
    await handing_over.say(ASKS_FOR_A_PERSON, WAIT)
    assert (await handing_over.say("C: No, lasci stare", WAIT)).stays
    assert not (await handing_over.say("C: Va bene, resto in linea", WAIT)).stays


def edited(old: str, new: str) -> Rulebook:
    """The shipped rules with a piece of decisions.toml replaced."""
    texts = dict(shipped().files)
    assert old in texts["decisions.toml"]
    texts["decisions.toml"] = texts["decisions.toml"].replace(old, new)
    return Rulebook.of(of_texts(texts, shipped().directory))
