"""What an assistant turn names, asks, offers, claims, refuses and wants."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from engine.understanding.readback import Asks, AssistantReading, Verb, read_assistant
from tests.storage.playground import ROME

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)  # a Monday


def said(text: str) -> AssistantReading:
    return read_assistant(text, NOW)


SLOT_YES = (Asks.SLOT, True)
CHOICE = (Asks.CHOICE, False)
OTHER = (Asks.OTHER, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # --- agreement to the slot it names
        ("Mercoledì 11 febbraio alle 15, confermi?", SLOT_YES),
        ("Mercoledì 11 febbraio alle 15, conferma?", SLOT_YES),
        ("Mercoledì 11 febbraio alle 15. Confermi?", SLOT_YES),
        ("Allora mercoledì 11 febbraio alle 15, va bene?", SLOT_YES),
        ("Allora mercoledì 11 febbraio alle 15?", SLOT_YES),
        ("Ti va mercoledì 11 alle 15?", SLOT_YES),
        ("Mercoledì 11 alle 15: vuoi cambiare o confermi?", SLOT_YES),
        ("Mercoledì 11 alle 15, tutto giusto?", SLOT_YES),
        ("Mercoledì 11 alle 15, telefono 333 1234567, email mario@gmail.com. Confermi?", SLOT_YES),
        ("Mercoledì 11 alle 15. Procedo?", SLOT_YES),
        ("Sposto a mercoledì 11 febbraio alle 15, confermi?", SLOT_YES),
        ("Annullo l'appuntamento di giovedì 12 alle 11, conferma?", SLOT_YES),
        ("Mercoledì 11 febbraio alle 15, va bene", SLOT_YES),  # the question mark is often not transcribed
        # --- which day or time
        ("Ti va mercoledì 11 alle 15 o giovedì 12 alle 11?", CHOICE),
        ("Ho mercoledì alle 10 o alle 15. Quale preferisci?", CHOICE),
        ("Quale giorno preferisci?", CHOICE),
        ("Quando le andrebbe bene?", CHOICE),
        # --- whether an appointment is wanted
        ("Vuole fissare un appuntamento?", (Asks.BOOKING, True)),
        # --- something else
        ("Mercoledì 11 febbraio alle 15, perfetto. Hai già fatto una consulenza con noi?", OTHER),
        ("Mercoledì 11 alle 15. Le mando il promemoria via sms, va bene?", OTHER),
        ("Posso aiutarla in altro?", OTHER),
        ("Mi sente bene?", OTHER),
        ("Giovedì 12 alle 15, vuole cambiare orario?", OTHER),
        # --- nothing
        ("Un attimo, verifico.", (Asks.NOTHING, False)),
        ("Ho mercoledì 11 alle 15.", (Asks.NOTHING, False)),
    ],
)
def test_what_it_asks(text: str, expected: tuple[Asks, bool]) -> None:
    reading = said(text)
    assert (reading.asks, reading.yes_no) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Mi lascia un numero di telefono?",
        "Mi può ripetere l'email?",
        "Il suo numero è 333 1234567, giusto?",
        "L'email è mario@gmail.com, corretto?",
        "Come si chiama?",
        "Di che cosa si tratta?",
        "Le mando il listino, va bene?",
        "Mercoledì 11 alle 15 non le va bene, giusto?",
        "Non mercoledì 11 alle 15, conferma?",
        "Quindi non conferma mercoledì 11 alle 15?",
        "Giovedì 12 alle 15, mi conferma il numero di telefono?",
        "Mercoledì 11 alle 15. Mi conferma la sua email?",
    ],
)
def test_a_yes_to_these_is_no_yes_to_a_slot(text: str) -> None:
    reading = said(text)
    assert not (reading.asks is Asks.SLOT and reading.yes_no)


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("Mi lascia un numero di telefono?", {"phone"}),
        ("Mi lascia telefono ed email?", {"phone", "email"}),
        ("Mi può dire la sua email?", {"email"}),
        ("Qual è il suo nome?", {"name"}),
        ("Un attimo, verifico.", set()),
        ("Mercoledì 11 alle 15, confermi?", set()),
    ],
)
def test_what_it_wants(text: str, wants: set[str]) -> None:
    assert said(text).wants & {"phone", "email", "name"} == wants


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("Mercoledì 11 febbraio alle 15, confermi?", [(11, 15)]),
        ("Ho mercoledì 11 alle 15 o giovedì 12 alle 11.", [(11, 15), (12, 11)]),
        ("Mercoledì 11 alle 10 o alle 15?", [(11, 10), (11, 15)]),
        ("Alle 15 di mercoledì 11, va bene?", [(11, 15)]),
        ("Ho alle 15 o alle 16.", [(None, 15), (None, 16)]),
        ("Ho mercoledì 11 oppure giovedì 12.", []),
        ("Giovedì 12 ho le 9 e le 11, venerdì 13 le 15.", [(12, 9), (12, 11), (13, 15)]),
    ],
)
def test_days_and_times_that_belong_together(text: str, slots: list[tuple[int | None, int]]) -> None:
    found = [
        (spoken.day.candidates[0].day if spoken.day else None, spoken.at.candidates)
        for spoken in said(text).slots
    ]
    assert [day for day, _ in found] == [day for day, _ in slots]
    assert all(time(hour) in at for (_, at), (_, hour) in zip(found, slots, strict=True))


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Sposto a mercoledì 11 febbraio alle 15, confermi?", Verb.MOVE),
        ("Lo spostiamo a giovedì 12 alle 11?", Verb.MOVE),
        ("Annullo l'appuntamento di giovedì 12 alle 11, conferma?", Verb.CANCEL),
        ("Disdico l'appuntamento di giovedì 12, conferma?", Verb.CANCEL),
        ("Cancello l'appuntamento di giovedì 12, confermi?", Verb.CANCEL),
        ("Mercoledì 11 alle 15, confermi?", Verb.NONE),
        ("Vuole spostarlo o annullarlo?", Verb.NONE),
    ],
)
def test_the_verb_of_the_task(text: str, verb: Verb) -> None:
    assert said(text).verb is verb


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("Perfetto, ho prenotato il tuo appuntamento per mercoledì.", True),
        ("L'appuntamento è confermato per mercoledì 11 alle 15.", True),
        ("Fatto, è tutto prenotato.", True),
        ("Ho annullato il suo appuntamento.", True),
        ("L'appuntamento è stato spostato a giovedì.", True),
        ("Non ho ancora prenotato nulla.", False),
        ("Appena è prenotato glielo dico.", False),
        ("Una volta confermato le arriva un messaggio.", False),
        ("Mercoledì 11 alle 15, confermi?", False),
        ("Vuole che lo prenoti?", False),
        ("È già prenotato?", False),
        ("Un attimo, verifico.", False),
    ],
)
def test_a_claim_that_something_is_done(text: str, claims: bool) -> None:
    assert said(text).claims_done is claims


@pytest.mark.parametrize(
    ("text", "unavailable"),
    [
        ("Mercoledì alle 11 non è libero, ho alle 10.", True),
        ("Mi dispiace, è già preso.", True),
        ("Purtroppo mercoledì siamo al completo.", True),
        ("Mercoledì alle 15 è libero.", False),
        ("Mercoledì 11 alle 15, confermi?", False),
    ],
)
def test_a_refusal(text: str, unavailable: bool) -> None:
    assert said(text).says_unavailable is unavailable


def test_a_slot_that_is_refused_is_not_named_when_another_is_offered() -> None:
    reading = said("Mercoledì alle 11 non è libero, ho mercoledì 11 alle 15. Le va bene?")
    assert [m.candidates for m in reading.times] == [(time(15),)]


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("Ti va mercoledì 11 alle 15?", True),
        ("Ho mercoledì 11 alle 15.", True),
        ("Abbiamo posto giovedì 12 alle 11.", True),
        ("Il webinar è mercoledì 11 alle 15.", False),
        ("Lo riceverà entro mercoledì alle 15.", False),
        ("Un attimo.", False),
    ],
)
def test_an_offer(text: str, offers: bool) -> None:
    assert said(text).offers is offers


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Mercoledì 11 febbraio alle 15, confermi?", "Mercoledì 11 febbraio alle 15"),
        ("Alle 15 di mercoledì 11, va bene?", "Alle 15 di mercoledì 11"),
    ],
)
def test_how_much_must_have_been_played_for_the_slot_to_be_out(text: str, named: str) -> None:
    assert said(text).spoken_by == len(named)


def test_contacts_are_read() -> None:
    reading = said("Telefono 333 1234567, email mario@gmail.com. Tutto giusto?")
    assert [phone.value for phone in reading.phones] == ["+393331234567"]
    assert [email.value for email in reading.emails] == ["mario@gmail.com"]


@pytest.mark.parametrize("text", ["", "…", "?", "Mercoledì 11", "Merc"])
def test_a_stump_is_no_question_about_a_slot(text: str) -> None:
    reading = said(text)
    assert (reading.asks, reading.yes_no) == (Asks.NOTHING, False)


def test_a_question_taken_back_asks_for_no_yes() -> None:
    reading = said("Mercoledì 11 febbraio alle 15, confermi? Anzi, un attimo, controllo.")
    assert reading.asks is Asks.OTHER
