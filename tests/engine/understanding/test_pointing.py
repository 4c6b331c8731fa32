"""Pointers of the other extractor: what they add, what they put in doubt, and what they never change."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.details import Accumulator, Heard
from engine.ports import Mention, MentionKind
from engine.understanding.caller import CallerReading, Meant, read_caller
from engine.understanding.context import Agreement, Reading
from fsm.stages import Stage
from tests.dialogues import shipped_rulebook
from tests.engine.scene import LEAD, START, THURSDAY, WEDNESDAY, holding, reading
from tests.storage.playground import ROME

NOW = START.astimezone(ROME)  # Monday 9 February 2026
MAIL, CELL = "annabianchi@libero.it", "+393331234567"
DATE, TIME, PHONE, EMAIL = MentionKind.DATE, MentionKind.TIME, MentionKind.PHONE, MentionKind.EMAIL
NAME, DURATION = MentionKind.NAME, MentionKind.DURATION


def read(text: str, *pointers: tuple[MentionKind, str]) -> CallerReading:
    found = [Mention(kind, 1, words) for kind, words in pointers]
    return read_caller(text, NOW, shipped_rulebook().phrases, yes_no_pending=False, found=found)


def values(said: CallerReading) -> set[str]:
    """Everything the turn names, as text."""
    named = {f"{day}" for s in said.dates for day in s.mention.candidates}
    named |= {f"{at:%H:%M}" for s in said.times for at in s.mention.candidates}
    named |= {m.value for m in (*said.phones, *said.emails, *said.names) if m.value}
    return named | {f"{m.minutes} min" for m in said.durations}


# What a pointer adds: its words say nothing to us in their sentence, but something by themselves.
ADDED = [
    ("Direi quindici", TIME, "quindici", {"15:00"}),
    ("Direi quindici e che sia breve", TIME, "quindici", {"15:00"}),
    ("Facciamo diciassette spaccate", TIME, "diciassette", {"17:00"}),
    ("Allora vengo undici", DATE, "undici", {"2026-02-11"}),
    ("Va bene per gio vedì", DATE, "gio vedì", {"2026-02-12"}),
    ("Basta mez z'ora", DURATION, "mez z'ora", {"30 min"}),
    (
        "Tre tre tre, aspetti che guardo, uno due tre, quattro cinque sei sette",
        PHONE,
        "tre tre tre, aspetti che guardo, uno due tre, quattro cinque sei sette",
        {CELL},
    ),
    ("È la solita anna bianchi chiocciola libero punto it", EMAIL, "anna bianchi chiocciola libero punto it", {MAIL}),
    ("Rossi Mario", NAME, "Rossi Mario", {"Rossi Mario"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "words", "added"), ADDED, ids=[case[0] for case in ADDED])
def test_words_pointed_at_are_read_by_themselves(
    text: str, kind: MentionKind, words: str, added: set[str]
) -> None:
    assert not values(read(text)) & added
    assert values(read(text, (kind, words))) == values(read(text)) | added


def test_a_number_pointed_at_in_pieces_is_put_together_in_their_order() -> None:
    text = "333, ecco, poi 33, come si dice, 33, sì, e infine 333"
    pieces = [(PHONE, piece) for piece in ("333", "33", "33", "333")]
    assert values(read(text, *pieces)) == {"+393333333333"}
    assert values(read(text, *pieces[:3])) == set()


def test_an_address_pointed_at_in_pieces_is_put_together() -> None:
    text = "Anna punto bianchi, aspetti eh, chiocciola libero, come si dice, punto it"
    pieces = [(EMAIL, piece) for piece in ("Anna punto bianchi", "chiocciola libero", "punto it")]
    assert values(read(text, *pieces)) == {"anna.bianchi@libero.it"}


# What a pointer does not change: the words are read already, say nothing, or say something else.
NOTHING_NEW = [
    ("mercoledì 11 alle 15", DATE, "mercoledì 11"),
    ("mercoledì 11 alle 15", DATE, "mercoledì"),  # fewer of the same words
    ("mercoledì 12", DATE, "mercoledì"),  # that does not add up stays so
    ("mercoledì 12", DATE, "12"),
    ("mercoledì prossimo", DATE, "mercoledì"),
    ("alle tre e mezza", TIME, "alle tre"),
    ("tra le 10 e le 12", TIME, "le 10"),  # a range is no time
    ("prendo il primo", DATE, "il primo"),  # of those offered
    ("il 15", TIME, "15"),  # words of another detail
    ("alle 15", DATE, "15"),
    ("il mio numero è 333 123 4567", TIME, "123"),
    ("il mio numero è 333 123 4567", PHONE, "333 123"),
    ("333 1234567 8", PHONE, "333 1234567"),  # a part of what was dictated in one breath
    ("il numero dell'ordine, 333 123 4567", PHONE, "333 123 4567"),
    ("mario.rossi@gmail.com", EMAIL, "rossi@gmail.com"),
    ("mario.rossi@gmial.com", EMAIL, "mario.rossi@gmial.com"),
    ("mario.rossi@gmial.com", EMAIL, "mario.rossi"),
    ("mi chiamo Mario Rossi", NAME, "Mario"),
    ("sì va bene", NAME, "sì va bene"),
    ("un'ora e mezza", DURATION, "un'ora"),
    ("siamo in tre persone", TIME, "tre persone"),
    ("sì", TIME, "sì"),
    ("sì", PHONE, "sì"),
    ("giovedì", DATE, "venerdì"),  # words nobody said
    ("tre tre tre uno due", PHONE, "tre tre tre uno due"),  # half a number
]


@pytest.mark.parametrize(("text", "kind", "words"), NOTHING_NEW)
def test_other_pointers_change_nothing(text: str, kind: MentionKind, words: str) -> None:
    assert read(text, (kind, words)) == read(text)


WORDS = [
    "sì",
    "no",
    "mercoledì",
    "11",
    "alle",
    "15",
    "tre",
    "333",
    "1234567",
    "mario",
    "chiocciola gmail punto com",
]


@given(
    st.lists(st.sampled_from(WORDS)),
    st.data(),
)  # fmt: skip
def test_what_we_read_ourselves_stays_as_it_is_meant(words: list[str], data: st.DataObject) -> None:
    """Whatever is pointed at: our own days and times are among those read, and meant as before."""
    text = " ".join(words)
    pointers = []
    for _ in range(data.draw(st.integers(0, 3))):
        first = data.draw(st.integers(0, len(words)))
        last = data.draw(st.integers(first, len(words)))
        pointers.append((data.draw(st.sampled_from(MentionKind)), " ".join(words[first:last])))
    without, with_pointers = read(text), read(text, *pointers)
    assert with_pointers.acts == without.acts
    for name in ("dates", "times"):
        own = set(getattr(without, name))
        kept = {s for s in getattr(with_pointers, name) if s.mention not in with_pointers.pointed}
        replaced = own - kept
        assert kept <= own
        for said in replaced:  # by longer words that leave fewer readings
            assert any(
                set(other.mention.candidates) < set(said.mention.candidates)
                for other in getattr(with_pointers, name)
                if other.mention in with_pointers.pointed
            )


# --- What is held -----------------------------------------------------------------------------------------


def said_after(
    held: Accumulator, line: str, *pointers: tuple[MentionKind, str], lead: bool = False
) -> Reading:
    found = tuple(Mention(kind, 1, words) for kind, words in pointers)
    more = {"caller": LEAD} if lead else {}
    return reading(f"C: {line}", held=held, found=found, **more)  # type: ignore[arg-type]  # its one key is a parameter


def test_a_detail_nobody_knew_is_added() -> None:
    held = said_after(holding(None), "Mercoledì, direi quindici", (TIME, "quindici")).held
    assert (held.details.date, held.details.time) == (WEDNESDAY, time(15))


def test_a_day_in_dispute_is_left_open_and_asked_about() -> None:
    out = said_after(holding(), "Anzi no, dodici", (DATE, "dodici"))
    assert out.held.details.date is None
    assert (out.held.day_options, out.held.day_problem) == ((WEDNESDAY, THURSDAY), "ambiguo")
    assert out.correction


def test_a_time_in_dispute_is_left_open_and_asked_about() -> None:
    out = said_after(holding(), "Direi dieci", (TIME, "dieci"))
    assert out.held.details.time is None
    assert (set(out.held.time_options), out.held.time_problem) == ({time(10), time(22), time(15)}, "ambiguo")


def test_a_day_and_another_in_the_same_turn_are_left_open() -> None:
    """Even where the words between would make the later one count, and the held one is among them."""
    for line in ("Giovedì, anzi undici", "Mercoledì 11, anzi dodici"):
        out = said_after(holding(), line, (DATE, "undici"), (DATE, "dodici"))
        assert (out.held.details.date, out.held.day_problem) == (None, "ambiguo"), line


def test_a_phone_in_dispute_is_left_open_and_asked_about() -> None:
    held = holding(phone=CELL, email=MAIL)
    other = "tre quattro zero, ecco, uno due tre, quattro cinque sei sette"
    out = said_after(held, other, (PHONE, other), lead=True)
    assert (out.held.details.phone, out.phone_problem) == (None, True)
    out = said_after(holding(), f"333 123 4567, o {other}", (PHONE, other), lead=True)
    assert (out.held.details.phone, out.phone_problem) == (None, True)


def test_an_email_in_dispute_is_left_open_and_asked_about() -> None:
    other = "lia rossi chiocciola gmail punto com"
    out = said_after(holding(phone=CELL, email=MAIL), f"la solita mia {other}", (EMAIL, other), lead=True)
    assert (out.held.details.email, out.email_problem) == (None, True)


def test_a_duration_and_a_name_in_dispute_are_not_taken() -> None:
    out = said_after(holding(name="Lia"), "mi chiamo Anna, un'ora, Maria, mez z'ora",
        (NAME, "Maria"), (DURATION, "mez z'ora"), lead=True)  # fmt: skip
    assert (out.held.details.name, out.held.details.minutes) == ("Lia", None)


def test_the_assistants_restatement_settles_what_was_in_dispute() -> None:
    found = (Mention(TIME, 1, "dieci"),)
    out = reading(
        "C: Direi dieci", "A: Mercoledì 11 febbraio alle 10, confermi?", "C: Sì", held=holding(), found=found
    )
    assert out.held.details.time == time(10)
    assert out.agreement is Agreement.VALID
    out = reading(
        "C: Direi dieci", "A: Mercoledì 11 febbraio alle 16, confermi?", held=holding(), found=found
    )
    assert out.held.details.time is None


def test_a_yes_beside_a_value_only_pointed_at_is_no_yes_to_another() -> None:
    out = reading(
        "A: Mercoledì 11 febbraio alle 15, confermi?",
        "C: Sì, direi dieci",
        held=holding(),
        found=(Mention(TIME, 2, "dieci"),),
    )
    assert out.agreement is not Agreement.VALID


def test_a_pointer_opens_no_task_and_gives_no_yes_by_name() -> None:
    out = reading(
        "C: Si può venire undici, quindici?",
        stage=Stage.NESSUN_INTENTO,
        found=(Mention(DATE, 1, "undici"), Mention(TIME, 1, "quindici")),
    )
    assert out.requested == "nessuno"
    out = reading(
        "A: Mercoledì 11 febbraio alle 15, perfetto. Ha già fatto una consulenza?",
        "C: Confermo quindici",
        held=holding(),
        found=(Mention(TIME, 2, "quindici"),),
    )
    assert out.agreement is not Agreement.VALID


def test_how_a_day_is_meant_holds_for_one_pointed_at_too() -> None:
    said = read("Dal dentista vado dodici, da voi non posso mercoledì", (DATE, "dodici"))
    assert [s.meant for s in said.dates] == [Meant.ELSEWHERE, Meant.RULED_OUT]


def test_a_contact_restated_once_is_heard() -> None:
    pieces = tuple(Mention(PHONE, 1, words) for words in ("333", "12", "34 567"))
    out = reading("C: 333, poi 12, come si dice, 34 567", "A: Allora 333 1234567, perfetto.",
        held=holding(), caller=LEAD, found=pieces)  # fmt: skip
    assert (out.held.details.phone, out.held.phone_heard) == (CELL, Heard.SAME)
