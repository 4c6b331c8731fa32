"""The one table of facts that a rule may look at, and of the events and commands that it may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.errors import FactError, nearest

Value = bool | int | str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about an analysis.

    `values` lists what the fact may be, the default first; an empty tuple means a count from 0 up. `meaning`
    is Italian, for analysts.
    """

    name: str
    values: tuple[bool, ...] | tuple[str, ...]
    meaning: str

    @property
    def default(self) -> Value:
        """What the fact is while nobody has said anything."""
        return self.values[0] if self.values else 0

    @property
    def kind(self) -> str:
        """The type, as it is called in messages."""
        if not self.values:
            return "number"
        return "true or false" if isinstance(self.default, bool) else "word"

    def accepts(self, value: object) -> bool:
        """Whether `value` has the right type and is one of the allowed values."""
        if not self.values:
            return type(value) is int and 0 <= value <= MAX_COUNT
        same_kind = isinstance(value, bool) == isinstance(self.default, bool)
        return same_kind and isinstance(value, (bool, str)) and value in self.values

    def plain(self, value: object) -> Value:
        """An accepted `value` as a bare bool, int or str; an enum member is a stranger to the rule engine."""
        if not self.values:
            return int(value)  # type: ignore[call-overload, no-any-return]  # `accepts` has seen it
        return self.values[self.values.index(value)]


MAX_COUNT = 1_000_000
_NO_YES = (False, True)

_TABLE = (
    Fact(
        "stage",
        ("nessun_intento", "raccolta_dati", "dati_completi", "confermato", "completato", "errore"),
        "A che punto è la prenotazione.",
    ),
    Fact("task", ("nessuno", "prenota", "sposta", "disdici"), "Che cosa si sta facendo in questa chiamata."),
    Fact(
        "caller",
        ("lead", "client"),
        "Chi è al telefono: un cliente registrato (client) o un contatto (lead).",
    ),
    Fact("direction", ("inbound", "outbound"), "Chi ha chiamato: inbound ha chiamato lui, outbound noi."),
    Fact(
        "requested",
        ("nessuno", "prenota", "sposta", "disdici"),
        "Che cosa il chiamante ha chiesto in questa analisi.",
    ),
    Fact(
        "reopens",
        _NO_YES,
        "Dopo la conclusione: chiede chiaramente di spostare o disdire, o corregge data o ora.",
    ),
    Fact("correction", _NO_YES, "Il chiamante ha corretto o respinto un dato già raccolto."),
    Fact("drop", _NO_YES, "Il chiamante rinuncia."),
    Fact("human", _NO_YES, "Il chiamante chiede di parlare con una persona."),
    Fact(
        "transfer",
        _NO_YES,
        "La chiamata si può passare a una persona: il consulente ha un numero e la linea sa farlo.",
    ),
    Fact("missing", (), "Quanti dati obbligatori mancano ancora."),
    Fact(
        "first_missing",
        ("nessuno", "data", "ora", "telefono", "email", "nome", "appuntamento"),
        "Il primo dato obbligatorio che manca.",
    ),
    Fact("given", _NO_YES, "Un dato obbligatorio è stato detto, cambiato o ripetuto in questa analisi."),
    Fact(
        "agreement",
        ("nessuna", "valida", "non_valida"),
        "Il sì del chiamante: valida se risponde a un riepilogo esatto e ascoltato, non_valida se è un sì "
        "che non vale.",
    ),
    Fact(
        "outcome",
        ("nessuno", "riuscito", "slot_occupato", "passato", "fuori_orario", "scaduto", "fallito"),
        "Come è andata l'ultima operazione in agenda di questa analisi.",
    ),
    Fact("silent", (), "Quante analisi di fila senza una parola sull'appuntamento."),
    Fact("waiting", (), "Quante analisi con i dati completi e senza un sì."),
    Fact("attempts", (), "Quante registrazioni in agenda sono fallite in questa chiamata."),
    Fact("mismatch", _NO_YES, "L'assistente ha ripetuto una data o un'ora diversa da quella richiesta."),
    Fact("claim", _NO_YES, "L'assistente dice che qualcosa è prenotato, ma nessuno lo ha prenotato."),
    Fact(
        "to_restate",
        _NO_YES,
        "L'ultimo turno dell'assistente non ha ripetuto per intero data e ora chiedendo un sì.",
    ),
    Fact(
        "date_problem",
        ("nessuno", "giorno_discorde", "passato", "ambiguo", "impossibile"),
        "Che cosa non torna nella data detta.",
    ),
    Fact("time_problem", ("nessuno", "ambiguo", "impossibile"), "Che cosa non torna nell'ora detta."),
    Fact(
        "contact_problem",
        ("nessuno", "telefono_incompleto", "telefono_discorde", "email_dubbia", "email_discorde"),
        "Che cosa non torna nel telefono o nell'email.",
    ),
    Fact(
        "keyed",
        ("nessuno", "numero", "ignorato"),
        "I tasti del telefono, che l'assistente non sente: numero se hanno dettato un telefono intero che non è "
        "ancora stato ripetuto, ignorato se ne sono stati premuti che non dicono niente.",
    ),
    Fact("unheard", _NO_YES, "Il chiamante ha parlato, ma le sue parole non sono arrivate."),
    Fact("booked", _NO_YES, "Una prenotazione fatta in questa chiamata è in vigore."),
    Fact(
        "link_ready",
        _NO_YES,
        "Per la prenotazione di questa chiamata c'è un link di videochiamata che non è ancora stato annunciato.",
    ),
    Fact(
        "several_bookings",
        _NO_YES,
        "Più di un appuntamento del chiamante può essere quello da spostare o disdire.",
    ),
    Fact("no_booking_found", _NO_YES, "Non si trova nessun appuntamento da spostare o disdire."),
    Fact("call_over", _NO_YES, "La chiamata è finita: nessuno ascolta più."),
)

FACTS: Mapping[str, Fact] = {fact.name: fact for fact in _TABLE}
_DEFAULTS: Mapping[str, Value] = {fact.name: fact.default for fact in _TABLE}

EVENTS: Mapping[str, str] = {
    "interesse": "Il chiamante vuole prenotare, spostare o disdire: si comincia a raccogliere i dati.",
    "completa": "Ci sono tutti i dati: lo slot viene tenuto da parte.",
    "correzione": "Un dato cambia: si torna a raccogliere, lo slot tenuto viene lasciato.",
    "scadenza": "Troppe analisi senza un sì: lo slot viene lasciato, i dati restano.",
    "abbandono": "Non se ne fa niente: lo slot viene lasciato, i dati cancellati.",
    "conferma": "Il chiamante ha detto sì al riepilogo: si scrive in agenda.",
    "successo": "L'agenda ha accettato.",
    "fallimento": "L'agenda ha rifiutato: l'ora viene cancellata.",
    "riprova": "Dopo un rifiuto si torna a raccogliere i dati.",
    "modifica": "A cosa fatta, il chiamante vuole spostare o disdire.",
}

TRANSFER, HANG_UP, CALL_BACK = "trasferisci", "riaggancia", "richiama"

#: What is to be done with the call itself; the machine and the agenda have no part in it.
COMMANDS: Mapping[str, str] = {
    TRANSFER: "Detti gli avvisi, la chiamata passa al numero del consulente; dove non si può, come richiama.",
    HANG_UP: "Detti gli avvisi, la linea riaggancia.",
    CALL_BACK: "Si segna nella chiamata che una persona deve richiamare.",
}

#: The stages in which the machine takes each event; in all others it refuses.
ACCEPTED_FROM: Mapping[str, tuple[str, ...]] = {
    "interesse": ("nessun_intento",),
    "completa": ("raccolta_dati",),
    "correzione": ("raccolta_dati", "dati_completi", "confermato", "errore"),
    "scadenza": ("dati_completi",),
    "abbandono": ("raccolta_dati", "dati_completi", "errore"),
    "conferma": ("dati_completi",),
    "successo": ("confermato",),
    "fallimento": ("confermato",),
    "riprova": ("errore",),
    "modifica": ("completato",),
}


def check_facts(facts: Mapping[str, object]) -> dict[str, Value]:
    """Every fact of the table, those left out with their default.

    Raises FactError naming the fact, for a name that is not in the table or a value that it cannot have.
    """
    checked = dict(_DEFAULTS)
    for name, value in facts.items():
        if name not in FACTS:
            raise FactError(f"{name!r} is no fact{nearest(name, FACTS)}")
        fact = FACTS[name]
        if type(value) is type(checked[name]) and value in fact.values:  # the usual case, at once
            checked[name] = value
        elif fact.accepts(value):
            checked[name] = fact.plain(value)
        else:
            raise FactError(f"fact {name!r} cannot be {value!r}: {allowed(fact)}")
    return checked


def allowed(fact: Fact) -> str:
    """What the fact may be, in words, for messages."""
    if not fact.values:
        return f"it must be a whole number from 0 to {MAX_COUNT}"
    return f"it must be {' or '.join(str(value).lower() for value in fact.values)}"
