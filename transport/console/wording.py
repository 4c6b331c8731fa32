"""How the pages say things in Italian: days, times, durations, what came of a call and what was decided in it.

The texts of the pages themselves are in `wording.toml`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fsm.stages import Stage
from storage.agenda import WEEKDAYS
from storage.call_list import NO_OUTCOME, CallSummary, Standing
from storage.results import Outcome

#: What stands on the pages, by section and name.
TEXTS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)

#: The same for templates, as `t`: our own texts are markup, what is filled in never is.
MARKUP: Mapping[str, Mapping[str, Markup]] = {
    section: {name: Markup(text) for name, text in texts.items()} for section, texts in TEXTS.items()
}

#: Of pages that are of no one consultant.
ZONE = ZoneInfo("Europe/Rome")

_DAYS = ("Lun", "Mar", "Mer", "Gio", "Ven", "Sab", "Dom")
_MONTHS = ("gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic")

# The first that fits: many browsers call themselves by others' names too.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

#: Who speaks in a turn.
SPEAKERS: Mapping[str, str] = {"caller": "Chi chiama", "assistant": "Assistente"}

#: What a guard of the machine found when it refused an event.
GUARDS: Mapping[str, str] = {
    "not_from_this_stage": "a questo punto della chiamata non si può",
    "something_requested": "non è stato chiesto niente",
    "nothing_missing": "mancano dei dati",
    "detail_restated": "nessun dato è stato detto o ripetuto",
    "slot_held": "lo slot non si è potuto tenere",
    "target_known": "non si sa quale appuntamento cambiare",
    "readback_agreed": "nessun sì a un riepilogo esatto",
    "no_second_booking": "in questa chiamata c'è già una prenotazione",
    "store_committed": "l'agenda non ha registrato niente",
    "store_did_not_commit": "l'agenda ha già registrato tutto",
    "tries_left": "troppi tentativi falliti",
    "change_requested": "non è stato chiesto di spostare o disdire",
    "booking_known": "non c'è un appuntamento da cambiare",
    "booking_in_force": "in questa chiamata non c'è una prenotazione",
}

#: How the last operation on the agenda went; "nessuno" says nothing and is not shown.
OUTCOMES: Mapping[str, str] = {
    "nessuno": "",
    "riuscito": "riuscito",
    "slot_occupato": "orario occupato",
    "passato": "orario già passato",
    "fuori_orario": "fuori orario",
    "scaduto": "slot tenuto troppo a lungo",
    "fallito": "non riuscito",
    "errore_interno": "errore interno",
    "linea_tornata": "la linea è tornata",
    "dati_cancellati": "dati personali cancellati su richiesta",
    "parole_cancellate": "parole cancellate, passato il tempo di conservazione",
}

#: The same, as far as it can be searched for.
OUTCOMES_ASKED: Mapping[str, str] = {name: words or "nessuna operazione" for name, words in OUTCOMES.items()}

#: What a notice told the assistant.
NOTICES: Mapping[str, str] = {
    "prenotazione_riuscita": "prenotazione riuscita",
    "spostamento_riuscito": "spostamento riuscito",
    "disdetta_riuscita": "disdetta riuscita",
    "slot_occupato": "orario occupato, proporre altro",
    "fuori_orario": "fuori orario, proporre altro",
    "passato": "orario già passato",
    "richiamata": "una persona richiamerà",
    "discordanza": "giorno o ora ripetuti male",
    "nessuna_prenotazione": "nulla è ancora prenotato",
    "manca_un_dato": "chiedere il dato che manca",
    "riepiloga": "fare il riepilogo e chiedere conferma",
    "riepiloga_di_nuovo": "rifare il riepilogo e chiedere conferma",
    "giorno_discorde": "giorno e data non vanno insieme",
    "data_passata": "data già passata",
    "data_ambigua": "data ambigua",
    "data_impossibile": "data impossibile",
    "ora_ambigua": "ora ambigua",
    "telefono_incompleto": "telefono incompleto",
    "telefono_discorde": "telefono ripetuto male",
    "numero_digitato": "ripetere il telefono digitato",
    "tasti_ignorati": "i tasti non valgono come risposta",
    "email_dubbia": "email dubbia",
    "email_discorde": "email ripetuta male",
    "non_sentito": "parole non arrivate",
    "quale_appuntamento": "chiedere quale appuntamento",
    "nessun_appuntamento_trovato": "nessun appuntamento trovato",
    "passaggio": "la passa a una persona",
    "persona": "vuole parlare con una persona",
    "link_pronto": "c'è il link della videochiamata",
}

#: What is done with the call itself.
COMMANDS: Mapping[str, str] = {
    "trasferisci": "passare la chiamata a una persona",
    "riaggancia": "riagganciare",
    "richiama": "una persona deve richiamare",
}


#: What a caller turn does.
ACTS: Mapping[str, str] = {
    "affirm": "sì",
    "deny": "no",
    "correct": "corregge",
    "hedge": "esita",
    "hold_on": "chiede di aspettare",
    "show_interest": "chiede un appuntamento",
    "ask_availability": "chiede quando c'è posto",
    "cancel": "disdice",
    "reschedule": "sposta",
    "drop": "lascia perdere",
    "ask_repeat": "chiede di ripetere",
    "ask_human": "chiede una persona",
    "backchannel": "segue",
}

#: Why the store did not do what was asked of the agenda.
REFUSALS: Mapping[str, str] = {
    "SLOT_TAKEN": "Quell'orario è appena stato preso: scegline un altro.",
    "HOLD_EXPIRED": "Lo slot è stato tenuto troppo a lungo ed è scaduto.",
    "NOT_FOUND": "Questo appuntamento non c'è più: è stato disdetto o spostato da altri.",
    "PAST": "È già passato: non si può più cambiare.",
    "OUTSIDE_HOURS": "Quell'orario è fuori dagli orari in cui si può prenotare.",
    "ALREADY_BOOKED": "In quella chiamata c'è già un appuntamento.",
}

#: The same in two words, to be counted.
SHORT_REFUSALS: Mapping[str, str] = {
    "SLOT_TAKEN": "orario occupato",
    "HOLD_EXPIRED": "slot scaduto",
    "NOT_FOUND": "non trovato",
    "NOT_YOURS": "di un altro",
    "PAST": "già passato",
    "OUTSIDE_HOURS": "fuori orario",
    "ALREADY_BOOKED": "già prenotato",
}

#: What a replayed call does to the agenda.
OPERATIONS: Mapping[str, str] = {"confirm": "prenotato", "cancel": "disdetto"}

#: What an exception to the weekly hours does.
EXCEPTIONS: Mapping[str, str] = {
    "closed": "chiuso",
    "open": "aperto in più",
    "start": "orario pubblicato",
}

#: What has just been done in the agenda, by the word in the address.
DONE: Mapping[str, str] = {"spostato": "Appuntamento spostato.", "disdetto": "Appuntamento disdetto."}

#: The days of the weekly hours, by the name of their field.
WEEK: Mapping[str, str] = dict(
    zip(WEEKDAYS, ("Lunedì", "Martedì", "Mercoledì", "Giovedì", "Venerdì", "Sabato", "Domenica"), strict=True)
)

#: Which detail words were taken for.
KINDS: Mapping[str, str] = {
    "date": "giorno",
    "time": "ora",
    "range": "periodo",
    "phone": "telefono",
    "email": "email",
    "name": "nome",
    "duration": "durata",
    "notes": "note",
}

#: What the list of calls can be asked for: value and words.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "stage": {str(stage): stage.replace("_", " ") for stage in Stage},
    "outcome": {
        str(Outcome.CREATED): "appuntamento creato",
        str(Outcome.MOVED): "appuntamento spostato",
        str(Outcome.CANCELLED): "appuntamento disdetto",
        NO_OUTCOME: "nessun appuntamento",
    },
    "standing": {
        str(Standing.OPEN): "in corso",
        str(Standing.TO_CALL_BACK): "da richiamare",
        str(Standing.CUT_SHORT): "interrotta",
    },
}


@dataclass(frozen=True, slots=True)
class Badge:
    """What came of a call, in a few words; `tone` is good, changed, warning or quiet."""

    text: str
    tone: str


#: Ends of calls that somebody should know of, by the reason stored.
ENDS: Mapping[str, Badge] = {
    "model unreachable": Badge("non riuscita: l'assistente non rispondeva", "warning"),
    "transferred": Badge("passata a una persona", "changed"),
}


def badges(call: CallSummary) -> list[Badge]:
    """The badges of a call: first what came of it, then what somebody should know or do."""
    found = [_outcome(call)]
    if call.callback_due:
        found.append(Badge("richiamare", "warning"))
    if call.interrupted:
        found.append(Badge("interrotta", "warning"))
    if (end := ENDS.get(call.end_reason or "")) is not None:
        found.append(end)
    if call.line_lost:
        found.append(Badge("linea caduta", "warning"))
    if call.ended_at is None:
        found.append(Badge("in corso", "changed"))
    if call.callback_due is False:
        found.append(Badge("richiamata fatta", "quiet"))
    return found


def _outcome(call: CallSummary) -> Badge:
    if call.booking is None:
        return Badge("nessun appuntamento", "quiet")
    when = slot(call.booking.start, call.zone)
    if call.outcome is Outcome.CANCELLED:
        return Badge(f"Appuntamento disdetto → {when}", "changed")
    if call.outcome is Outcome.MOVED:
        return Badge(f"Appuntamento spostato → {when}", "good")
    return Badge(f"Appuntamento Creato → {when}", "good")


def slot(instant: datetime, zone: ZoneInfo) -> str:
    """The start of an appointment, local: "Mer 14 feb alle 10:00"."""
    local = instant.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} alle {local:%H:%M}"


def day(value: date) -> str:
    """A day: "Mer 14 feb 2026"."""
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """A day of a week that is shown: "Mer 14 feb"."""
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]}"


def store_refusal(reason: str) -> str:
    """Why the store did not do something, as a sentence; an unknown reason as it is."""
    return REFUSALS.get(reason, reason)


def operation(asked: str) -> str:
    """What was done to the agenda: "confirm" becomes "prenotato"; an unknown word as it is."""
    return OPERATIONS.get(asked, asked)


def refusal_short(reason: str) -> str:
    """Why the store did not do something, in two words; an unknown reason as it is."""
    return SHORT_REFUSALS.get(reason, reason)


def left(span: timedelta) -> str:
    """How long a held slot still is: "12:05" minutes and seconds; never less than nothing."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    return f"{minutes}:{seconds:02}"


def day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """An instant in the past, local: "Mer 14 feb 2026, 10:05"."""
    local = instant.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def clock_time(instant: datetime | None, zone: ZoneInfo) -> str:
    """A time within a call, local: "10:05:09"; "ora ignota" when it could not be placed."""
    return "ora ignota" if instant is None else f"{instant.astimezone(zone):%H:%M:%S}"


def length(duration: timedelta) -> str:
    """How long a call lasted: "45 s", "3 min 10 s", "1 h 02 min"."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def waiting(left: timedelta) -> str:
    """How long to wait: "40 secondi", "3 minuti"; rounded up."""
    seconds = math.ceil(left.total_seconds())
    minutes = math.ceil(seconds / 60)
    if seconds < 60:
        return "1 secondo" if seconds == 1 else f"{seconds} secondi"
    return "1 minuto" if minutes == 1 else f"{minutes} minuti"


def browser(told: str) -> str:
    """What a browser calls itself, in two words: "Firefox, Linux"."""
    name = next((shown for part, shown in _BROWSERS if part in told), TEXTS["account"]["unknown_browser"])
    system = next((shown for part, shown in _SYSTEMS if part in told), None)
    return name if system is None else f"{name}, {system}"


def plain(word: str | None) -> str:
    """A stored Italian value as words: "raccolta_dati" becomes "raccolta dati"."""
    return (word or "—").replace("_", " ")


def speaker(name: str) -> str:
    """Who spoke a turn; an unknown name as it is."""
    return SPEAKERS.get(name, name)


def refusal(guard: str) -> str:
    """Why an event was refused, by the name of the guard; an unknown name as plain words."""
    return GUARDS.get(guard, plain(guard))


def outcome(word: str | None) -> str:
    """How the operation on the agenda went; empty when there was none, an unknown word as plain words."""
    return OUTCOMES.get(word, plain(word)) if word else ""


def act(name: str) -> str:
    """What a caller turn does; an unknown act as it is."""
    return ACTS.get(name, name)


def kind(name: str) -> str:
    """Which detail words were taken for; an unknown one as it is."""
    return KINDS.get(name, name)


def command(name: str) -> str:
    """What is done with the call; an unknown name as it is."""
    return COMMANDS.get(name, name)


def old_calendar(as_of: str | None) -> str:
    """As of when the consultant's calendar was known, where that was too long ago; else empty."""
    return TEXTS["calendars"]["old_copy_as_of"].format(at=as_of) if as_of else ""


def notice(name: str) -> str:
    """What a notice told the assistant, in short; one that a rule file added by its raw id."""
    return NOTICES.get(name, name)
