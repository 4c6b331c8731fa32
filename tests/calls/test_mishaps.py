"""What goes wrong in real calls, each as a whole call; all are played at once, each with an agenda of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.calls.lineup import (
    OFFER,
    THURSDAY_16,
    WEDNESDAY_15,
    Ended,
    Part,
    booker,
    line_up,
)
from transport.simulation.gemini_emulator_script import Hearing, Script
from transport.simulation.persona import Interruption, Persona, Reaction, Reply
from transport.simulation.receptionist import Misbehaviour

pytestmark = pytest.mark.xdist_group("mishaps")  # one worker plays the calls, for all tests here

READBACK = r"conferm\w*\?"
HANGS_UP = Reply("", hang_up=True)
LEISURELY = "allora ti leggo con calma quello che ho segnato per te fino a qui, senza fretta, ecco: "
BETTER = "Anzi no, meglio giovedì 12 alle 16."


def asked(name: str, answer: Reply) -> Persona:
    """Gives this answer to the first readback."""
    return booker(name, Reaction(READBACK, answer))


def corrected(name: str, correction: Reply) -> Persona:
    """Gives up Wednesday for Thursday upon the first readback."""
    return booker(
        name,
        Reaction(OFFER, Reply("Mercoledì 11 alle 15.")),
        Reaction(READBACK, correction),
        Reaction(OFFER, Reply("Giovedì 12 alle 16."), times=3),
    )


PARTS = (
    # The yes cuts the readback off before its time; what the assistant then repeats is not answered.
    Part(
        booker(
            "Interrotta",
            Reaction(READBACK, HANGS_UP, times=9),
            interruptions=(Interruption(Reply("Sì sì."), hears="^allora ti leggo"),),
        ),
        Script(misbehaviour=Misbehaviour(restates_instead={1: f"{LEISURELY}mercoledì 11 febbraio alle 15"})),
    ),
    # Every transcript comes seconds late.
    Part(booker("Lenta"), Script(transcript_delay_s=(2.0, 4.0), seed=3)),
    # The transcript of the yes comes before that of the correction it follows.
    Part(
        corrected("Scavalcata", Reply(BETTER)),
        Script(utterances={3: Hearing(delay_s=5.0), 4: Hearing(delay_s=0.1, overtakes=True)}),
        patience_s=6.0,
    ),
    # The correction is never transcribed, and the assistant reads back what nobody here has heard of.
    Part(corrected("Perduta", Reply(BETTER)), Script(utterances={3: Hearing(dropped=True)}), patience_s=6.0),
    # Hangs up with the yes; its transcript comes in time, too late, or never.
    Part(
        asked("Tardiva", Reply("Sì, confermo.", hang_up=True)), Script(utterances={3: Hearing(delay_s=4.0)})
    ),
    Part(
        asked("Postuma", Reply("Sì, confermo.", hang_up=True)), Script(utterances={3: Hearing(delay_s=12.0)})
    ),
    Part(asked("Muta", Reply("Sì, confermo.", hang_up=True)), Script(utterances={3: Hearing(dropped=True)})),
    # The assistant claims a booking that nobody made, and the caller thanks for it.
    Part(
        booker(
            "Illusa",
            Reaction("ho prenotato", Reply("Sì, grazie.")),
            Reaction("non è ancora registrato", HANGS_UP),
            Reaction("arrivederci", Reply(""), times=2),
        ),
        Script(misbehaviour=Misbehaviour(claims_booking_after=2)),
    ),
    # The assistant restates another free slot than the one chosen, and the caller says yes to whatever it hears.
    Part(
        booker("Fraintesa"),
        Script(misbehaviour=Misbehaviour(restates_instead={1: "giovedì 12 febbraio alle 11"})),
    ),
    # Takes the yes back in the same breath.
    Part(corrected("Ripensata", Reply("Sì.", adds=BETTER, pause_ms=700))),
    # Messages nobody knows between the others.
    Part(booker("Strana"), Script(unknown_messages=True)),
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    async def play() -> dict[str, Ended]:
        async with line_up(tmp_path_factory.mktemp("mishaps")) as lines:
            found = await lines.play(PARTS)
            in_force = await lines.in_force()
            assert in_force == {(name, start) for name, each in found.items() for start in each.booked}
            return found

    return asyncio.run(play())


def test_a_readback_cut_off_before_its_time_books_nothing(ended: dict[str, Ended]) -> None:
    call = ended["Interrotta"]
    cut = [turn for turn in call.detail.turns if turn.text.startswith("Allora ti leggo")]
    assert len(cut) == 1, call.story
    assert cut[0].heard is not None, call.story
    assert cut[0].text.startswith(cut[0].heard) and "alle 15" not in cut[0].heard, call.story
    assert "Sì sì." in [turn.text for turn in call.detail.turns], call.story
    assert call.caller is not None and call.caller.kills == 1, call.story
    assert call.booked == [], call.story
    assert "confirmed" not in [status for _, status in call.holds], call.story


def test_late_transcripts_book_the_right_slot_or_ask(ended: dict[str, Ended]) -> None:
    call = ended["Lenta"]
    assert call.booked == [WEDNESDAY_15] or (
        call.booked == [] and {"non_sentito", "riepiloga"} & set(call.notices)
    ), call.story


def test_a_yes_that_overtakes_a_correction_never_books_the_slot_given_up(ended: dict[str, Ended]) -> None:
    call = ended["Scavalcata"]
    heard = [turn.text for turn in call.detail.turns if turn.speaker == "caller"]
    assert any("giovedì" in text for text in heard), call.story
    assert call.booked in ([], [THURSDAY_16]), call.story
    assert (WEDNESDAY_15, "confirmed") not in call.holds, call.story


def test_a_yes_after_a_correction_that_was_lost_never_books_the_slot_given_up(
    ended: dict[str, Ended],
) -> None:
    call = ended["Perduta"]
    assert BETTER not in [turn.text for turn in call.detail.turns], call.story
    assert call.booked in ([], [THURSDAY_16]), call.story
    assert (WEDNESDAY_15, "confirmed") not in call.holds, call.story


def test_a_yes_transcribed_after_the_hang_up_books(ended: dict[str, Ended]) -> None:
    call = ended["Tardiva"]
    assert call.caller is not None and call.caller.ended_by == "caller", call.story
    assert call.detail.turns[-1].text == "Sì, confermo.", call.story
    assert call.booked == [WEDNESDAY_15], call.story
    assert call.stage == "completato", call.story


@pytest.mark.parametrize("name", ["Muta", "Postuma"])
def test_a_yes_whose_transcript_never_comes_books_nothing(ended: dict[str, Ended], name: str) -> None:
    call = ended[name]
    assert call.caller is not None and call.caller.ended_by == "caller", call.story
    assert "Sì, confermo." in call.caller.words("caller"), call.story
    assert "confermo" not in " ".join(turn.text for turn in call.detail.turns), call.story
    assert call.booked == [], call.story
    assert call.stage == "dati_completi", call.story
    assert call.holds == [(WEDNESDAY_15, "cancelled")], call.story


def test_a_false_claim_books_nothing_and_is_put_right(ended: dict[str, Ended]) -> None:
    call = ended["Illusa"]
    assert call.emulated is not None
    assert any("ho prenotato" in said for said in call.emulated.said), call.story
    assert call.booked == [], call.story
    assert "nessuna_prenotazione" in call.notices, call.story
    assert any("non è stato registrato nulla" in told for told in call.emulated.told), call.story
    assert "confirmed" not in [status for _, status in call.holds], call.story


def test_a_yes_to_another_date_books_nothing_until_it_is_put_right(ended: dict[str, Ended]) -> None:
    call = ended["Fraintesa"]
    assert call.emulated is not None
    assert any(said.startswith("Giovedì 12 febbraio alle 11") for said in call.emulated.said), call.story
    assert "discordanza" in call.notices, call.story
    assert any("ripeti esattamente mercoledì 11 febbraio alle 15" in told for told in call.emulated.told), (
        call.story
    )
    assert call.booked in ([], [WEDNESDAY_15]), call.story


def test_a_yes_taken_back_at_once_never_books_the_slot_given_up(ended: dict[str, Ended]) -> None:
    call = ended["Ripensata"]
    assert call.booked in ([], [THURSDAY_16]), call.story
    assert (WEDNESDAY_15, "confirmed") not in call.holds, call.story


def test_messages_from_the_future_disturb_nobody(ended: dict[str, Ended]) -> None:
    call = ended["Strana"]
    assert call.booked == [WEDNESDAY_15], call.story


@pytest.mark.parametrize(
    ("what", "holds"),
    [
        ("its journal is whole", lambda call: call.broken_at is None),
        ("no hold is left", lambda call: "awaiting_confirm" not in [status for _, status in call.holds]),
        ("at most one booking", lambda call: len(call.booked) <= 1),
        ("no breach of the wire format", lambda call: call.caller is not None and not call.caller.problems),
        ("none gave up", lambda call: call.caller is not None and call.caller.ended_by != "timeout"),
        ("booked is completed", lambda call: bool(call.booked) is (call.stage == "completato")),
    ],
)
def test_of_every_call(ended: dict[str, Ended], what: str, holds: Callable[[Ended], bool]) -> None:
    for call in ended.values():
        assert holds(call), what + call.story
