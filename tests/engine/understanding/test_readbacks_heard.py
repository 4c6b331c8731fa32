"""Assistant turns as they are spoken: what they ask, whether for a yes to one slot, and what they claim."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.turns import Speaker
from engine.understanding.acts import Phrases
from engine.understanding.report import ZONE, Line, report

NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ZONE)  # a Monday

#: A readback of Wednesday the 11th at 15: one day, one time, and a question for a yes to them.
READBACKS = """
Mercoledì 11 febbraio alle 15:00, confermi?
Mercoledì 11 febbraio alle 15, va bene?
Allora mercoledì 11 febbraio alle 15:00, conferma?
Perfetto, mercoledì 11 febbraio alle ore 15. Conferma?
Quindi ricapitolando: mercoledì 11 febbraio alle 15:00. È corretto?
Ricapitolo: consulenza mercoledì 11 febbraio alle 15. Tutto giusto?
Le confermo mercoledì 11 febbraio alle 15:00, va bene?
Ti va bene mercoledì 11 febbraio alle 15?
Le va bene mercoledì 11 febbraio alle 15:00?
Va bene per lei mercoledì 11 febbraio alle 15?
Posso confermare mercoledì 11 febbraio alle 15:00?
Procedo con mercoledì 11 febbraio alle 15?
Prenoto per mercoledì 11 febbraio alle 15:00?
Fisso per mercoledì 11 febbraio alle 15, d'accordo?
La segno per mercoledì 11 febbraio alle 15:00, giusto?
Ho segnato mercoledì 11 febbraio alle quindici. Conferma?
Mercoledì 11 febbraio, ore quindici: vuole cambiare o conferma?
L'appuntamento è mercoledì 11 febbraio alle 15:00. Confermi?
Facciamo mercoledì 11 febbraio alle tre del pomeriggio, ok?
Mercoledì undici febbraio alle quindici, le torna?
Allora blocco mercoledì 11 febbraio alle 15?
Ci vediamo mercoledì 11 febbraio alle 15, va bene?
Mercoledì 11 febbraio alle 15:00, telefono 333 1234567, email mario@gmail.com. Conferma?
Ottimo Mario. Mercoledì 11 febbraio alle 15, siamo d'accordo?
Dunque: mercoledì 11 febbraio, alle 15. Confermiamo?
Le propongo mercoledì 11 febbraio alle 15, può andare?
C'è posto mercoledì 11 febbraio alle 15:00, le interessa?
Domani non c'è posto, ho mercoledì 11 febbraio alle 15: va bene?
Mercoledì 11 febbraio dalle 15 alle 16, conferma?
Dopodomani, mercoledì 11 febbraio, alle 15. Va bene?
""".strip().splitlines()

#: No readback of one slot, whatever they name.
OTHERS = """
Mercoledì 11 febbraio alle 15.
Mercoledì o giovedì?
Preferisce mercoledì 11 alle 15 o giovedì 12 alle 10?
Mercoledì alle 15 o alle 16?
Che giorno preferisce?
A che ora le va bene mercoledì?
Mercoledì 11 febbraio va bene?
Alle 15 va bene?
Mercoledì 11 febbraio alle 15: mi lascia un numero di telefono?
Mercoledì 11 febbraio alle 15. Qual è la sua email?
Perfetto, mercoledì alle 15. Ha già fatto una consulenza con noi?
Mercoledì 11 febbraio alle 15, e come si chiama?
Mercoledì 12 febbraio alle 15, conferma?
Mercoledì alle 25, conferma?
Vuole cambiare mercoledì 11 alle 15?
Non le va bene mercoledì 11 alle 15?
Le mando un promemoria mercoledì 11 febbraio alle 15, va bene?
Siamo aperti mercoledì dalle 9 alle 18, va bene?
La richiamo mercoledì 11 febbraio alle 15, va bene?
Mercoledì 11 alle 15 non è libero, quando le andrebbe bene?
Mi conferma il suo numero?
Mi conferma l'email mario@gmail.com?
Il suo telefono è 333 1234567, giusto?
Vuole prenotare una consulenza?
Posso aiutarla?
Mi sente?
Ha un documento per mercoledì 11 alle 15?
Vuole che le mandi un invito per mercoledì 11 alle 15?
Ho prenotato mercoledì 11 febbraio alle 15.
Ho mercoledì 11 alle 15, giovedì 12 alle 10 e venerdì 13 alle 9: quale preferisce?
Mercoledì 11 o giovedì 12 alle 15, va bene?
Mercoledì 11 febbraio alle 15 o preferisce un altro giorno?
Posso metterla in lista d'attesa per mercoledì 11 alle 15?
Un attimo che controllo mercoledì 11 alle 15.
Perché mercoledì 11 alle 15?
""".strip().splitlines()

#: What the last question is about, and whether it takes a yes.
ASKED = [
    ("Mi lascia un numero di telefono?", "phone"),
    ("Qual è il suo numero di cellulare?", "phone"),
    ("Mi dice la sua email?", "email"),
    ("A quale indirizzo email le scrivo?", "email"),
    ("Mi lasci un recapito telefonico, per favore.", "phone"),
    ("Il suo telefono è 333 1234567, giusto?", "phone"),
    ("L'email è mario@gmail.com, corretto?", "email"),
    ("Che giorno preferisce?", "choice"),
    ("Quando vorrebbe venire?", "choice"),
    ("Preferisce mercoledì o giovedì?", "choice"),
    ("A che ora preferisce venire?", "choice"),
    ("Vuole fissare un appuntamento?", "booking"),
    ("Mi sente bene?", "other"),
    ("Ha già fatto una consulenza con noi?", "other"),
    ("Posso registrare la chiamata?", "other"),
    ("Buongiorno, sono l'assistente.", "nothing"),
    ("Un attimo.", "nothing"),
]

CLAIMS = """
Ho prenotato mercoledì alle 15.
La consulenza è confermata per mercoledì alle 15.
Il suo appuntamento è stato fissato.
Perfetto, prenotato!
Le ho fissato l'appuntamento per mercoledì 11 alle 15.
L'appuntamento è stato spostato a giovedì.
Ho annullato l'appuntamento.
Ecco fatto, ho confermato la prenotazione.
La prenotazione risulta confermata.
L'ho inserita in agenda, è tutto confermato.
""".strip().splitlines()

NO_CLAIMS = """
Vuole che prenoti mercoledì alle 15?
Non ho ancora prenotato.
Quando avrò prenotato le mando un messaggio.
Sarà confermato più tardi.
Posso prenotare mercoledì?
Una volta confermato, riceverà un'email.
Ha già prenotato?
L'appuntamento non è ancora confermato.
Mercoledì alle 15, confermato?
Se vuole, prenoto.
""".strip().splitlines()


def _readback(text: str) -> dict[str, object]:
    told: dict[str, object] = report(Line(text, NOW, Speaker.ASSISTANT), Phrases({}, {}))["readback"]
    return told


@pytest.mark.parametrize("text", READBACKS)
def test_a_readback(text: str) -> None:
    told = _readback(text)
    assert (told["dates"], told["times"], told["asks"]) == (["2026-02-11"], ["15:00"], "slot")
    assert told["yes_no"] and told["confirms"] and told["offers"] == 1


@pytest.mark.parametrize("text", OTHERS)
def test_no_readback(text: str) -> None:
    assert not _readback(text)["confirms"]


@pytest.mark.parametrize(("text", "asks"), ASKED)
def test_what_is_asked(text: str, asks: str) -> None:
    assert _readback(text)["asks"] == asks


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim(text: str) -> None:
    assert _readback(text)["claims_booked"]


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_no_claim(text: str) -> None:
    assert not _readback(text)["claims_booked"]
