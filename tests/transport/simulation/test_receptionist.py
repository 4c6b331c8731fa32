"""The receptionist against the very prompt and notices that we ship."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from transport.simulation.receptionist import Misbehaviour, Receptionist

PROMPT = Path("rules/it/prompt.md").read_text(encoding="utf-8")
MESSAGES = tomllib.loads(Path("rules/it/messages.toml").read_text(encoding="utf-8"))
SLOTS = "- mercoledì 11 febbraio alle 10\n- mercoledì 11 febbraio alle 15\n- giovedì 12 febbraio alle 11:30"
CLIENT = {"caller": "Marco Bianchi, cliente registrato; ha chiamato", "required": "giorno, ora"}
LEAD = {"caller": "non è ancora cliente; ha chiamato", "required": "giorno, ora, telefono, email"}
DIALLED = {"caller": "non è ancora cliente; lo hai chiamato tu", "required": "giorno, ora, email"}
KNOWN_LINE = {**LEAD, "caller": LEAD["caller"] + "; chiama dal +393331234567, chiedi se è il numero giusto"}
VALUES = {
    "giorno_ora": "mercoledì 11 febbraio alle 15",
    "alternative": "giovedì 12 febbraio alle 15 o venerdì 13 febbraio alle 9",
    "verbo": "prenoto",
    "candidati": "mercoledì 11 febbraio o mercoledì 18 febbraio",
    "suggerimento": "mario@gmail.com",
    "telefono": "347 123 4567",
    "dato": "il telefono",
}


def notice(name: str, **values: str) -> str:
    return f"{MESSAGES['marker']}\n{MESSAGES['notices'][name].format_map({**VALUES, **values})}"


def receptionist(
    known: dict[str, str],
    misbehaviour: Misbehaviour | None = None,
    *,
    bookings: str = "nessuno",
    slots: str = SLOTS,
) -> Receptionist:
    values = {
        "consultant": "Studio Rossi",
        "today": "lunedì 9 febbraio 2026, ore 09:30",
        "bookings": bookings,
    }
    return Receptionist(PROMPT.format(**values, **known, slots=slots), misbehaviour)


def test_the_prompt_is_short() -> None:
    words = re.findall(r"[\w'’]+", re.sub(r"\{\w+\}", "", PROMPT))
    assert len(words) <= 180
    assert PROMPT.rstrip().endswith("{slots}"), "the slots stand last"
    assert MESSAGES["marker"].startswith("[AVVISO")


@pytest.mark.parametrize(
    ("known", "greeting"),
    [
        (CLIENT, "Ciao Marco, sono l'assistente virtuale di Studio Rossi. Come posso aiutarti?"),
        (LEAD, "Buongiorno, sono l'assistente virtuale di Studio Rossi. Come posso aiutarti?"),
        (
            DIALLED,
            "Buongiorno, sono l'assistente virtuale di Studio Rossi. Ti interessa fissare una consulenza?",
        ),
    ],
    ids=["client", "lead", "dialled"],
)
def test_it_says_what_it_is_and_for_whom_it_answers(known: dict[str, str], greeting: str) -> None:
    assert receptionist(known).greet() == greeting


READBACK = "Mercoledì 11 febbraio alle 15. Confermi?"
CONTACT = "telefono 333 1234567, email mario@gmail.com. Confermi?"
BOOKED = "giovedì 12 febbraio alle 11"

DIALOGUES: dict[str, tuple[dict[str, str], str, list[tuple[str, str]]]] = {
    "a client books": (
        CLIENT,
        "nessuno",
        [
            (
                "Vorrei prenotare una consulenza",
                "Ho liberi mercoledì 11 febbraio alle 10, .*Quale preferisci?",
            ),
            ("Mercoledì alle 15 va benissimo", READBACK),
            ("Sì, confermo", "Un attimo, verifico."),
            (
                notice("prenotazione_riuscita"),
                "confermato per mercoledì 11 febbraio alle 15. Ti serve altro?",
            ),
            ("No grazie, arrivederci", "arrivederci."),
        ],
    ),
    "a lead dictates": (
        LEAD,
        "nessuno",
        [
            ("vorrei fissare un appuntamento", "Ho liberi"),
            ("mercoledì alle dieci", "Mercoledì 11 febbraio alle 10. Mi lasci un numero di telefono?"),
            ("tre tre tre", "Sì, e poi?"),
            ("1234567", "Perfetto. Mi lasci la tua email?"),
            ("mario chiocciola gmail punto com", f"Perfetto. Mercoledì 11 febbraio alle 10, {CONTACT}"),
            ("anzi, giovedì alle undici e mezza", f"Giovedì 12 febbraio alle 11:30, {CONTACT}"),
            ("Sì esatto", "Un attimo, verifico."),
        ],
    ),
    "the line's own number is offered": (
        KNOWN_LINE,
        "nessuno",
        [
            ("Mercoledì alle 15", "Posso usare il numero 333 1234567?"),
            ("Sì, va bene", "Mi lasci la tua email?"),
            ("mario@gmail.com", CONTACT),
        ],
    ),
    "without an email": (
        LEAD,
        "nessuno",
        [
            ("Mercoledì alle 15", "telefono?"),
            ("333 1234567", "email?"),
            ("Preferirei non darlo.", "Senza email non posso prenotare."),
            ("Allora arrivederci", "arrivederci."),
        ],
    ),
    "who is called agrees": (
        DIALLED,
        "nessuno",
        [
            ("Sì, volevo proprio chiamare!", "Ho liberi"),
            ("giovedì", "Giovedì 12 febbraio alle 11:30. Mi lasci la tua email?"),
            ("mario@gmail.com", "Giovedì 12 febbraio alle 11:30, email mario@gmail.com. Confermi?"),
        ],
    ),
    "a taken slot": (
        CLIENT,
        "nessuno",
        [
            ("Mercoledì alle 15", READBACK),
            ("Sì", "Un attimo, verifico."),
            (
                notice("slot_occupato"),
                "non è libero. Ho liberi giovedì 12 febbraio alle 15 o venerdì 13 febbraio alle 9.",
            ),
            ("venerdì", "Venerdì 13 febbraio alle 9. Confermi?"),
        ],
    ),
    "a slot that was never offered": (
        CLIENT,
        "nessuno",
        [("Lunedì alle 18", "Mi dispiace, quell'orario non è libero. Ho liberi")],
    ),
    "cancelling": (
        CLIENT,
        BOOKED,
        [
            ("Dovrei disdire l'appuntamento", f"Annullo l'appuntamento di {BOOKED}. Confermi?"),
            ("Sì", "Un attimo, verifico."),
            (notice("disdetta_riuscita", giorno_ora=BOOKED), "è annullato."),
        ],
    ),
    "moving": (
        CLIENT,
        BOOKED,
        [
            ("Vorrei spostare l'appuntamento di giovedì", "Certo, lo spostiamo. Ho liberi"),
            ("mercoledì alle 15", "Sposto l'appuntamento a mercoledì 11 febbraio alle 15. Confermi?"),
            ("Sì", "Un attimo, verifico."),
            (notice("spostamento_riuscito"), "spostato a mercoledì 11 febbraio alle 15"),
        ],
    ),
    "another day after all": (
        CLIENT,
        "nessuno",
        [
            ("Mercoledì alle 15", READBACK),
            ("Sì", "Un attimo"),
            (notice("prenotazione_riuscita"), "confermato"),
            ("Aspetta, meglio giovedì", "Sposto l'appuntamento a giovedì 12 febbraio alle 11:30. Confermi?"),
        ],
    ),
    "no booking at all": (
        CLIENT,
        "nessuno",
        [("Quanto costa una consulenza?", "non ho informazioni"), ("Ok grazie", "arrivederci")],
    ),
    "a denial": (
        CLIENT,
        "nessuno",
        [("Mercoledì alle 15", READBACK), ("No, aspetta", "cosa vuoi cambiare?")],
    ),
    "words that did not arrive": (CLIENT, "nessuno", [("vorrei ⟂ ⟂", "non ho sentito bene. Ciao Marco")]),
}


@pytest.mark.parametrize(("known", "bookings", "turns"), DIALOGUES.values(), ids=DIALOGUES)
def test_it_talks(known: dict[str, str], bookings: str, turns: list[tuple[str, str]]) -> None:
    desk = receptionist(known, bookings=bookings)
    desk.greet()
    for words, expected in turns:
        said = desk.notice(words) if words.startswith("[AVVISO") else desk.answer(words)
        assert expected in said or re.search(expected, said), f"{words!r} was answered with {said!r}"


@pytest.mark.parametrize("name", MESSAGES["notices"])
def test_it_understands_every_notice(name: str) -> None:
    desk = receptionist(LEAD, bookings=BOOKED)
    desk.greet()
    desk.answer("Mercoledì alle 10")
    assert desk.notice(notice(name)) != "Scusami, puoi ripetere?"


def test_it_restates_what_a_notice_tells_it() -> None:
    desk = receptionist(CLIENT, bookings=BOOKED)
    assert desk.notice(notice("discordanza")) == "Mi correggo: mercoledì 11 febbraio alle 15. Confermi?"
    assert "Sposto l'appuntamento a mercoledì 11 febbraio alle 15" in desk.notice(
        notice("riepiloga", verbo="sposto")
    )


def test_a_yes_to_a_readback_it_could_not_finish_makes_it_restate() -> None:
    desk = receptionist(CLIENT)
    desk.answer("Mercoledì alle 15")
    desk.interrupted()
    assert desk.answer("sì") == READBACK
    assert desk.answer("sì") == "Un attimo, verifico."


def test_it_can_be_told_to_restate_another_slot() -> None:
    desk = receptionist(CLIENT, Misbehaviour(restates_instead={1: "giovedì 12 febbraio alle 11:30"}))
    assert desk.answer("Mercoledì alle 15") == "Giovedì 12 febbraio alle 11:30. Confermi?"
    assert desk.notice(notice("discordanza")) == "Mi correggo: mercoledì 11 febbraio alle 15. Confermi?"


def test_it_can_be_told_to_claim_a_booking_nobody_made() -> None:
    desk = receptionist(CLIENT, Misbehaviour(claims_booking_after=2))
    desk.answer("Vorrei prenotare")
    assert "ho prenotato mercoledì 11 febbraio alle 10" in desk.answer("Mercoledì alle 10")


def test_without_slots_it_offers_none() -> None:
    desk = receptionist(CLIENT, slots="- nessuno: non proporre orari")
    assert "non ho orari liberi" in desk.answer("Vorrei prenotare")


@pytest.mark.parametrize("words", ["Può ripetere, per favore?", "Scusi, non ho capito."])
def test_it_repeats_itself_when_asked_to(words: str) -> None:
    desk = receptionist(CLIENT)
    offer = desk.answer("Vorrei prenotare")
    assert desk.answer(words) == offer
    assert desk.answer("Mercoledì alle 15") == READBACK
    desk.answer("sì")
    assert desk.answer(words) == READBACK


def test_a_yes_that_did_not_arrive_is_asked_for_again() -> None:
    desk = receptionist(CLIENT)
    desk.answer("Mercoledì alle 15")
    desk.answer("sì")
    assert desk.notice(notice("non_sentito")) == f"Scusami, non ho sentito. {READBACK}"
