"""The line of a call breaks, and its bridge comes back: to the same server, to another one, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import main
from engine.replay import replay
from engine.resumption import LINE_IS_BACK
from engine.rulebook import Rulebook
from rules.ruleset import of_texts
from storage import call_list, rulesets
from storage.call_list import CallSummary
from storage.recorded import RecordedCall, recorded_call
from storage.settings import StorageSettings
from tests.calls.lineup import ROOT, WEDNESDAY_15, Ended, Part, booker, furnish, instant, line_up
from tests.calls.test_processes import Program, environment, logged, serving
from tests.storage.postgres import Postgres
from transport.clock import SystemClock
from transport.simulation.caller import Break, CallRecord, Dialled, SimulatedCaller
from transport.simulation.persona import Persona, Reaction, Reply
from transport.simulation.scenarios import spoken, working_days

YES = "Sì, confermo."
GREETING = "sono l'assistente virtuale"
DONE = "confermato per mercoledì 11 febbraio alle 15"
READBACK = r"conferm\w*\?"


def hears(words: str) -> Callable[[CallRecord], bool]:
    """As soon as the assistant has said `words`, to whoever is on the line."""
    return lambda call: words in call.words("assistant")


def has_said(words: str) -> Callable[[CallRecord], bool]:
    """As soon as the caller has said `words`, to the last sound of them."""
    return lambda call: words in call.words("caller") and not call.speaking


def caller(name: str) -> Persona:
    """Books Wednesday at 15, and says yes to every readback."""
    return booker(name, Reaction(READBACK, Reply(YES), times=9))


PARTS = (
    # While the assistant greets: nobody has heard it yet.
    Part(caller("Presto"), breaks=(Break(hears("Ciao"), away_s=1.0),)),
    # While it offers slots.
    Part(caller("Tornata"), breaks=(Break(hears("Ho liberi"), away_s=2.0),)),
    # In the middle of a readback, before its question.
    Part(caller("Letta"), breaks=(Break(hears("Mercoledì 11 febbraio"), away_s=1.0),)),
    # Right after the yes, before it is transcribed; the bridge is back before that, or long after.
    Part(caller("Subito"), breaks=(Break(has_said(YES), away_s=0.0),)),
    Part(caller("Sicura"), breaks=(Break(has_said(YES), away_s=12.0),)),
    # Nobody is told that the line is dead, until another takes its place.
    Part(caller("Morta"), breaks=(Break(hears("Ho liberi"), away_s=3.0, half_open=True),)),
    # Twice.
    Part(
        caller("Sfortunata"),
        breaks=(Break(hears("Ho liberi"), away_s=1.0), Break(has_said("alle 15"), away_s=1.0)),
    ),
    Part(caller("Torretta"), dialect="twilio", breaks=(Break(hears("Ho liberi"), away_s=1.0),)),
    Part(caller("Corrente"), dialect="stream", breaks=(Break(hears("Ho liberi"), away_s=1.0),)),
)


@dataclass(frozen=True, slots=True)
class Played:
    """A call that is over: what came of it, how often its line broke, its record, and its rules."""

    ended: Ended
    breaks: int
    record: RecordedCall
    texts: Mapping[str, str]

    @property
    def story(self) -> str:
        return self.ended.story

    @property
    def heard(self) -> str:
        """All that the caller was told."""
        assert self.ended.caller is not None
        return self.ended.caller.words("assistant")

    @property
    def outcomes(self) -> list[object]:
        """Event and outcome of each journal entry."""
        return [(each.entry["event"], each.entry.get("outcome")) for each in self.ended.detail.journal]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    async def play() -> dict[str, Played]:
        async with line_up(tmp_path_factory.mktemp("reconnection")) as lines:
            ended = await lines.play(PARTS)
            in_force = await lines.in_force()
            assert in_force == {(name, start) for name, each in ended.items() for start in each.booked}
            assert len(await lines.database.run(call_list.list_calls)) == len(PARTS)

            def read(part: Part) -> Played:
                each = ended[part.persona.name]
                record = recorded_call(each.detail.call.id)
                assert record is not None
                (version,) = {analysis.rules for analysis in record.analyses}
                texts = rulesets.texts(str(version))
                assert texts is not None
                return Played(each, len(part.breaks), record, texts)

            return {part.persona.name: await lines.database.run(partial(read, part)) for part in PARTS}

    return asyncio.run(play())


NAMES = [part.persona.name for part in PARTS]
OF_THE_PLAYED = pytest.mark.xdist_group("reconnection")  # one worker plays the calls, for all these


@OF_THE_PLAYED
@pytest.mark.parametrize("name", NAMES)
def test_it_stays_one_call_with_one_booking_that_the_caller_is_told_of(
    played: dict[str, Played], name: str
) -> None:
    call = played[name]
    assert call.ended.caller is not None and call.ended.caller.problems == [], call.story
    assert call.ended.caller.reconnections == call.breaks, call.story
    assert call.ended.booked == [WEDNESDAY_15], call.story
    assert [status for _, status in call.ended.holds].count("confirmed") == 1, call.story
    assert "awaiting_confirm" not in [status for _, status in call.ended.holds], call.story
    assert call.ended.stage == "completato", call.story
    assert call.ended.detail.call.end_reason == "hangup", call.story
    assert DONE in call.heard, call.story


@OF_THE_PLAYED
@pytest.mark.parametrize("name", NAMES)
def test_its_record_is_of_one_piece(played: dict[str, Played], name: str) -> None:
    call = played[name]
    assert call.ended.broken_at is None, call.story
    assert call.outcomes.count((None, LINE_IS_BACK)) == call.breaks, call.story
    numbers = [analysis.number for analysis in call.record.analyses]
    assert numbers == list(range(1, len(numbers) + 1)), call.story
    turns = [turn.number for turn in call.ended.detail.turns]
    assert turns == sorted(set(turns)), call.story
    rulebook = Rulebook.of(of_texts(call.texts, ROOT))
    decided = replay(call.record, lambda _: rulebook)
    assert not decided.from_facts and decided.departure is None, f"{decided}{call.story}"


@OF_THE_PLAYED
@pytest.mark.parametrize("name", NAMES)
def test_the_model_goes_on_where_it_was_after_its_old_conversation_was_closed(
    played: dict[str, Played], name: str
) -> None:
    call = played[name]
    assert call.heard.count(GREETING) == 1, call.story
    assert call.ended.emulated is not None and call.ended.emulated.breaches == [], call.story


@OF_THE_PLAYED
def test_a_readback_that_broke_off_is_none_and_is_given_again(played: dict[str, Played]) -> None:
    call = played["Letta"]
    readbacks = [turn for turn in call.ended.detail.turns if "onfermi?" in turn.text]
    assert len(readbacks) >= 2, call.story
    cut, *others = readbacks
    assert cut.heard is not None and "onfermi" not in cut.heard, call.story
    confirmed = next(each for each in call.ended.detail.journal if each.entry["event"] == "conferma")
    assert others[0].number < int(confirmed.entry["turn"]), call.story


@OF_THE_PLAYED
def test_a_yes_whose_words_come_after_the_line_broke_books_before_it_is_back(
    played: dict[str, Played],
) -> None:
    call = played["Sicura"]
    assert call.outcomes.index(("successo", "riuscito")) < call.outcomes.index((None, LINE_IS_BACK)), (
        call.story
    )
    assert call.ended.caller is not None
    assert call.ended.caller.words("caller").count(YES) == 1, call.story


@OF_THE_PLAYED
def test_a_line_that_is_dead_and_does_not_know_it_is_given_up_for_the_new_one(
    played: dict[str, Played],
) -> None:
    call = played["Morta"]
    offers = [turn for turn in call.ended.detail.turns if "Ho liberi" in turn.text]
    assert offers[0].heard is not None and len(offers[0].heard) < len(offers[0].text), call.story


async def test_nobody_else_gets_the_call(tmp_path: Path) -> None:
    """Not who comes with its id and another number while its line is lost, nor anybody while it is alive."""
    persona = caller("Contesa")
    async with line_up(tmp_path) as lines:
        part = Part(persona, breaks=(Break(hears("Un attimo"), away_s=8.0),))
        mine = asyncio.create_task(lines.play([part]))
        rows: list[CallSummary] = []

        async def until(state: Callable[[CallSummary], bool]) -> None:
            async with asyncio.timeout(30):
                while not (rows and state(rows[0])):
                    await asyncio.sleep(0.02)
                    rows[:] = await lines.database.run(call_list.list_calls)

        async def come(number: str) -> CallRecord:
            stranger = Dialled("Contesa", number, "+390612345678", consultant_id=1)
            simulated = SimulatedCaller(f"{lines.url}/bridge/fork", stranger, persona, lines.clock)
            return await simulated.run(lines.session)

        await until(lambda call: call.ended_at is None)
        own = rows[0].number
        assert own is not None
        alive = await come(own)
        await until(lambda call: call.line_lost)
        another = await come("+393339999999")
        call = (await mine)["Contesa"]
        for refused in (alive, another):
            assert refused.ended_by == "server" and refused.words("assistant") == "", refused
            assert refused.close_code == 1008, refused
        assert len(await lines.database.run(call_list.list_calls)) == 1
    assert call.booked == [WEDNESDAY_15], call.story
    assert call.caller is not None and call.caller.reconnections == 1, call.story


# --- Two servers on one Postgres ------------------------------------------------------------------------------

RETURN_S, LEASE_S = 6, 40
HELD = "SELECT count(*) FROM pending_bookings WHERE status = 'awaiting_confirm'"


def sharing(url: str, name: str) -> dict[str, str]:
    return environment(
        DATABASE_URL=url,
        VBS_GEMINI__EMULATOR="true",
        VBS_SERVER__PORT="0",
        VBS_SERVER__DRAIN_S="0",
        VBS_SERVER__NAME=name,
        VBS_STORAGE__CALL_LEASE_SECONDS=str(LEASE_S),
        VBS_STORAGE__CALL_RETURN_SECONDS=str(RETURN_S),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers that share a store, whose calls are all for the same free start of as many consultants."""

    postgres: Postgres
    left: Program
    right: Program
    logs: tuple[Path, Path]
    start: str
    session: aiohttp.ClientSession

    def persona(self, name: str) -> Persona:
        wish = Reply(f"Vorrei prenotare {spoken(instant(self.start))}.")
        return Persona(
            name,
            (
                Reaction(r"come posso aiutarti|ti va bene|quale preferisci|puoi ripetere", wish, times=9),
                Reaction(READBACK, Reply(YES), times=9),
            ),
        )

    def caller(self, name: str, dialled: Dialled, *breaks: Break, back_at: str = "") -> SimulatedCaller:
        return SimulatedCaller(
            f"{self.left.url}/bridge/fork",
            dialled,
            self.persona(name),
            SystemClock(),
            breaks=breaks,
            back_at=back_at,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.postgres.query(query, database="booking")

    async def until(self, query: str, found: object, seconds: float = 30.0) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while (now := self.rows(query)[0][0]) != found:
            assert asyncio.get_running_loop().time() < deadline, f"{query}: {now}{self.told}"
            await asyncio.sleep(0.05)

    @property
    def told(self) -> str:
        return "".join(f"\n--- {log.name}\n{logged(log)}" for log in self.logs)


async def test_another_server_takes_the_call_up(tmp_path: Path, postgres: Postgres) -> None:
    """Of a server that lives and knows that the line is lost, of one that does not know it, and of one that is dead;
    and where nobody comes back, the call ends and its slot is free."""
    url, start = postgres.fresh(), f"{working_days(datetime.now(UTC), 1)[0]}T15:00"
    logs = tmp_path / "left", tmp_path / "right"
    names = ("Reset", "Mezza", "Uccisa", "Sparita")
    database = main.open_database(StorageSettings(url=url))
    try:
        dialled = database.run_blocking(
            lambda: {
                name: furnish(Part(Persona(name), free=(start,)), number) for number, name in enumerate(names)
            }
        )
    finally:
        database.close()
    async with (
        serving(sharing(url, "left"), logs[0]) as left,
        serving(sharing(url, "right"), logs[1]) as right,
        aiohttp.ClientSession() as session,
    ):
        pair = Pair(postgres, left, right, logs, start, session)
        there = f"{right.url}/bridge/fork"
        offered = hears("alle 15")
        reset = pair.caller("Reset", dialled["Reset"], Break(has_said(YES), url=there))
        half = pair.caller("Mezza", dialled["Mezza"], Break(offered, away_s=2.0, url=there, half_open=True))
        gone = pair.caller("Sparita", dialled["Sparita"], Break(hears("onfermi?"), away_s=None))
        await asyncio.gather(*(each.run(session) for each in (reset, half, gone)))
        await pair.until("SELECT count(*) FROM voice_calls WHERE ended_at IS NULL", 0, RETURN_S + 15.0)

        killed = pair.caller("Uccisa", dialled["Uccisa"], back_at=there)
        running = asyncio.create_task(killed.run(session))
        await pair.until(HELD, 1)
        ((hold,),) = pair.rows("SELECT token FROM pending_bookings WHERE status = 'awaiting_confirm'")
        await left.kill()
        await running
        await pair.until("SELECT count(*) FROM voice_calls WHERE ended_at IS NULL", 0)

        for each, back in ((reset, 1), (half, 1), (killed, 1), (gone, 0)):
            assert each.record.problems == [] and each.record.reconnections == back, (
                f"{each.record}{pair.told}"
            )
            ends = "connection" if gone is each else "caller"
            assert each.record.ended_by == ends, f"{each.record}{pair.told}"
            assert each.record.words("assistant").count(GREETING) == 1, f"{each.record}{pair.told}"
            assert ("confermato per" in each.record.words("assistant")) == (each is not gone), each.record
        ended = pair.rows(
            "SELECT bridge_call_id, server, epoch, end_reason, stage, handle,"
            " (SELECT count(*) FROM consultations AS b WHERE b.voice_call_id = c.id)"
            " FROM voice_calls AS c JOIN booking_extraction_state AS s ON s.conversation = c.id ORDER BY 1"
        )
        assert ended == [
            ("Mezza", "right", 2, "hangup", "completato", None, 1),
            ("Reset", "right", 2, "hangup", "completato", None, 1),
            ("Sparita", None, 2, "connection lost", "dati_completi", None, 0),
            ("Uccisa", "right", 2, "hangup", "completato", None, 1),
        ], pair.told
        # The slot was never given back while the server was dead, and was when nobody came.
        assert pair.rows(f"SELECT status FROM pending_bookings WHERE token = '{hold}'") == [("confirmed",)]
        assert pair.rows(HELD) == [(0,)]
        assert pair.rows("SELECT count(*) FROM slot_locks WHERE hold_id IS NOT NULL") == [(0,)]
        assert "linea caduta" in await right.page("/chiamate")
