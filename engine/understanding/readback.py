"""What an assistant turn restates, offers, asks and claims, as far as it was heard.

Whether it is a readback *of the values we hold* is decided in reading.py; here only the words are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from engine.understanding.dates import find_dates
from engine.understanding.emails import find_emails
from engine.understanding.folding import fold
from engine.understanding.mentions import DateMention, EmailMention, PhoneMention, TimeMention, Words
from engine.understanding.phones import find_phones
from engine.understanding.times import find_times


class Asks(StrEnum):
    """What the last question of an assistant turn is about."""

    NOTHING = "nothing"
    SLOT = "slot"  # agreement to what the turn names
    CHOICE = "choice"  # which day or time
    BOOKING = "booking"  # whether an appointment is wanted at all
    PHONE = "phone"
    EMAIL = "email"
    OTHER = "other"


class Verb(StrEnum):
    """What the turn says is to be done with an appointment."""

    NONE = "none"
    MOVE = "move"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class SpokenSlot:
    """A day and a time that belong together; `day` is None when the turn names times alone."""

    day: DateMention | None
    at: TimeMention


@dataclass(frozen=True, slots=True)
class AssistantReading:
    """One assistant turn as heard. `yes_no`: its last question takes a yes. `wants`: the details it asks for."""

    text: str
    dates: tuple[DateMention, ...]
    times: tuple[TimeMention, ...]
    slots: tuple[SpokenSlot, ...]
    phones: tuple[PhoneMention, ...]
    emails: tuple[EmailMention, ...]
    asks: Asks
    yes_no: bool
    verb: Verb
    claims_done: bool
    says_unavailable: bool
    about_booking: bool
    wants: frozenset[str]

    @property
    def spoken_by(self) -> int:
        """Characters of the turn that must have been played for its day and time to be out."""
        return max((mention.end for mention in (*self.dates, *self.times)), default=0)


_BOOKING_NOUNS = r"(?:appuntament\w*|consulenz\w*|prenot\w*|incontr\w*|colloqui\w*|visit[ae]|fissa\w*)"
_ABOUT_BOOKING = re.compile(
    rf"\b{_BOOKING_NOUNS}\b|\bdisponibil\w*\b|\bliber[oiae]\b|\bagenda\b|\bcalendario\b"
)
_UNAVAILABLE = re.compile(
    r"\bnon (?:\w+ ){0,3}?(?:liber[oaie]|disponibil[ei]|disponibilita|post[oi]|possibile|riesco|riusciamo"
    r"|possiamo"
    r"|abbiamo|ho|c'e|ci sono)\b|\boccupat[oaie]\b|\bpurtroppo\b|\bgia pres[oaie]\b|\bal completo\b"
    r"|\bpien[oaie]\b"
    r"|\bmi dispiace\b|\besaurit[oaie]\b|\bnessuna disponibilita\b|\bappena stat[oa] pres[oa]\b"
)
_CANCEL = re.compile(r"\b(?:annull|disd[iae]|disdett|cancell|elimin)\w*")
_MOVE = re.compile(r"\b(?:spost|rimand|posticip|anticip|rinvi)\w*")
_DONE = (
    r"(?:prenotat|fissat|confermat|registrat|segnat|inserit|bloccat|riservat|spostat|annullat|disdett|cancellat"
    r"|creat)[oaie]"
)
# What sounds like a finished booking: a past participle stated, neither asked, negated, wished nor conditional.
_CLAIM = re.compile(
    rf"\b(?:ho|abbiamo|l'ho|te l'ho|gliel'ho|ti ho|le ho|vi ho)(?: gia| appena| tutto| quindi)* {_DONE}\b"
    rf"|\b(?:e|risulta|e stat[oa]|e gia|e tutto|e ufficialmente)(?: gia| tutto| ora| quindi| adesso"
    rf"| stat[oa])* {_DONE}\b"
    rf"|\b(?:appuntamento|prenotazione|consulenza|spostamento|disdetta) (?:gia )?{_DONE}\b"
    rf"|^(?:\W*(?:perfetto|ottimo|bene|benissimo|ecco|fatto|allora))*\W*{_DONE}\b(?!\s*\?)"
)
_NO_CLAIM = re.compile(
    rf"\bnon (?:\w+ ){{0,3}}?{_DONE}\b|\b(?:quando|appena|una volta|se|dopo che|prima che"
    rf"|finche) (?:\S+ ){{0,6}}?{_DONE}\b"
    rf"|\b(?:sara|verra|verrebbe|sarebbe|vorrei|vuole|vuoi|devo|posso|puo essere) (?:\S+ ){{0,4}}?{_DONE}\b"
)

# Closing questions that ask for agreement to what has just been said.
_STRONG_CLOSER = re.compile(
    r"\bconferm(?:i|a|o|iamo|are|ate|erebbe|eresti)\b|\btutto (?:giusto|corretto|esatto|a posto|ok)\b"
    r"|\b(?:proced(?:o|iamo|ere)|prenot(?:o|iamo)|fiss(?:o|iamo)|blocc(?:o|hiamo)|annull(?:o|iamo)|disd(?:ico"
    r"|iciamo)"
    r"|cancell(?:o|iamo)|spost(?:o|iamo)|segn(?:o|iamo)|prenotare|fissare|annullare|disdire|cancellare"
    r"|spostare)\b"
)
_SOFT_CLOSER = re.compile(
    r"\b(?:va|andrebbe|vanno|puo andare|andare) bene\b|\bva\b$|\b(?:e )?(?:giusto|corretto|esatto|ok|okay"
    r"|d'accordo|bene)\b\W*$"
    r"|\b(?:ti|le|vi) (?:va|torna|andrebbe|funziona|sta bene|fa comodo|farebbe comodo|piace|interessa|occorre"
    r"|convien\w+|serve)\b"
    r"|\bpuo andare\b|\bandrebbe\b|\bche ne (?:dici|dice|pensa|pensi)\b|\bci sta\b|\bci siamo\b|\bti andrebbe\b"
    r"|\bfacciamo\b"
    r"|\bsicur[oa]\b|\ballora\b\W*$"
)
# A question about one of these is not about the slot, unless it strongly asks to confirm a slot it names.
_OTHER_TOPIC = re.compile(
    r"\b(?:e-?mail|mail|posta|indirizzo|numero|telefono|cellulare|recapito|nome|cognome|invito|promemoria"
    r"|messaggio|sms"
    r"|whatsapp|link|privacy|registr\w+|prezz[oi]|cost[oaie]\w*|tariff\w+|pag\w+|document\w+|informazion\w+"
    r"|altr[oaie]|gia"
    r"|prima volta|ricontatt\w+|richiam\w+|capit[oa]|sent(?:e|i|ito|ire)|aiut\w+|linea|collega|sapere|domand\w+"
    r"|sito"
    r"|videochiamata|online|presenza|persona|sede|parcheggi\w+|chiam\w+|mand\w+|invi\w+|attend\w+|aspett\w+"
    r"|quanto|come mai"
    r"|durata|un'ora|mezz'ora|minuti|consens\w+|dati|codice|fiscale|partita|marketing|newsletter"
    r"|pomeriggio o)\b"
)
_OPEN_QUESTION = re.compile(
    r"\b(?:qual[ei]?|quando|che (?:giorno|ora|orario|giornata|data)|quale (?:giorno|ora|orario)|a che|in che"
    r"|per che|quant[oaie]|dove"
    r"|come|cosa|chi|perche|preferis\w+|preferit\w+|preferireb\w+|preferirest\w+)\b"
)
_WHICH_SLOT = re.compile(
    r"\b(?:qual[ei]?|quando|che (?:giorno|ora|orario|giornata|data)|preferis\w+|preferireb\w+|preferirest\w+"
    r"|orario|giorno|disponibilita)\b"
)
_WANTED = {
    "phone": re.compile(r"\b(?:numero|telefono|cellulare|recapito)\b"),
    "email": re.compile(r"\b(?:e-?mail|mail|posta elettronica|indirizzo)\b"),
    "name": re.compile(r"\b(?:nome|cognome|come si chiama|come ti chiami)\b"),
    "date": re.compile(r"\b(?:che giorno|quale giorno|quando|quale data|che data|giorno)\b"),
    "time": re.compile(r"\b(?:che ora|quale ora|orario|a che ora)\b"),
}
_REQUEST = re.compile(
    r"\b(?:mi (?:lasci\w*|da\w*|dai|dic\w*|dit\w*|dett\w*|ripet\w*|conferm\w*|ricord\w*|forni\w*|scand\w*)"
    r"|(?:puo|puoi|potrebbe|potresti|posso avere|avrei bisogno"
    r"|ho bisogno|mi serv\w+|serve|servono|qual e|quale|qual|vuole|vuoi|che|a che|quando))\b"
)
_WANT_APPOINTMENT = re.compile(
    rf"\b(?:vuole|vuoi|vorrebbe|vorresti|desidera|desideri|le va|ti va|possiamo"
    rf"|interessat[oa])\b[^?]*\b(?:{_BOOKING_NOUNS})\b"
)
_CONFIRM_CONTACT = re.compile(
    r"\bconferm\w+ (?:(?:anche|pure|il|la|lo|i|un|una|tuo|tua|suo|sua|suoi|di|vostra|vostro) ?|l')*"
    r"(?:e-?mail|mail|posta|indirizzo|numero|telefono|cellulare|recapito|nome|cognome|dati|di (?!\W*$))\b"
)
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)|[!?…]")
_FILLER_AFTER = re.compile(r"^\W*(?:(?:grazie|prego|attendo|resto in attesa|mi dica|dimmi|pure)\W*)*$")


def read_assistant(text: str, now: datetime) -> AssistantReading:
    """Read the heard `text` of an assistant turn spoken at `now` (aware, in the consultant's zone)."""
    flat = fold(text)
    dates, times = find_dates(text, now), find_times(text)
    phones, emails = find_phones(text), find_emails(text)
    question = _last_question(flat)
    asks, yes_no = _classify(flat, question, dates, times, phones, emails)
    return AssistantReading(
        text=text,
        dates=dates,
        times=times,
        slots=_pair(flat, dates, times),
        phones=phones,
        emails=emails,
        asks=asks,
        yes_no=yes_no,
        verb=_verb(flat),
        claims_done=_claims(flat),
        says_unavailable=_UNAVAILABLE.search(flat) is not None,
        about_booking=bool(_ABOUT_BOOKING.search(flat) or (dates and times) or asks in _BOOKING_QUESTIONS),
        wants=_wants(flat, question),
    )


_BOOKING_QUESTIONS = frozenset({Asks.SLOT, Asks.CHOICE, Asks.BOOKING, Asks.PHONE, Asks.EMAIL})


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    question: bool


def _sentences(flat: str) -> list[_Sentence]:
    found, start = [], 0
    for match in _SENTENCE_END.finditer(flat):
        mark = match.group()
        # "15.30" and "gmail.com" are no sentence ends: a full stop must be followed by white space.
        found.append(_Sentence(start, match.end(), "?" in mark))
        start = match.end()
    if flat[start:].strip():
        found.append(_Sentence(start, len(flat), False))
    return [sentence for sentence in found if re.search(r"\w", flat[sentence.start : sentence.end])]


def _last_question(flat: str) -> _Sentence | None:
    """The last sentence that asks; one without a question mark asks only if the turn ends in a closing phrase."""
    sentences = _sentences(flat)
    for sentence in reversed(sentences):
        if sentence.question:
            return sentence
    for sentence in reversed(sentences):
        words = flat[sentence.start : sentence.end]
        if _FILLER_AFTER.match(words):
            continue
        last_clause = re.split(r"[,;:]", words.rstrip(" .!…"))[-1].strip()
        if _UNMARKED_CLOSER.fullmatch(last_clause):
            return sentence
        return None
    return None


# As questions are transcribed without their mark: only forms that can hardly be a statement of the assistant.
_UNMARKED_CLOSER = re.compile(
    r"(?:e |allora |quindi )?(?:mi )?conferm[ia]|(?:ti|le) va(?: bene)?|va bene(?: cosi| per (?:lei|te))?"
    r"|tutto (?:giusto|corretto)"
    r"|mi dica se va bene|dimmi se va bene|me lo conferm[ia]|giusto|e corretto"
)


def _classify(
    flat: str,
    question: _Sentence | None,
    dates: tuple[DateMention, ...],
    times: tuple[TimeMention, ...],
    phones: tuple[PhoneMention, ...],
    emails: tuple[EmailMention, ...],
) -> tuple[Asks, bool]:
    if question is None:
        return (_request(flat), False)
    words = flat[question.start : question.end]

    def asked(mention: Words) -> bool:
        return question.start <= mention.start < question.end

    inside: list[DateMention | TimeMention] = [*filter(asked, dates), *filter(asked, times)]
    contact: list[Words] = [*filter(asked, phones), *filter(asked, emails)]
    bare = _blank(flat, question, [*inside, *contact])
    strong, soft = _STRONG_CLOSER.search(bare), _SOFT_CLOSER.search(bare.rstrip(" ?.!…"))
    if _CONFIRM_CONTACT.search(words) or (contact and not inside and not strong):
        kind = Asks.EMAIL if _WANTED["email"].search(words) or (contact and emails) else Asks.PHONE
        if (
            not re.search(r"\b(?:e-?mail|mail|indirizzo|posta|numero|telefono|cellulare|recapito)\b", words)
            and not contact
        ):
            kind = Asks.OTHER
        return kind, bool(contact)
    names_slot = _has_day_and_time(inside)
    change_or_confirm = re.search(
        r"\bcambi\w+\b.*\bo\b.*\bconferm\w+|\bconferm\w+\b.*\bo\b.*\bcambi\w+", words
    )
    if _OPEN_QUESTION.search(bare) and not change_or_confirm:
        return _open_kind(words, inside), False
    if _offers_alternatives(bare, inside) and not change_or_confirm:
        return Asks.CHOICE, False
    if _OTHER_TOPIC.search(bare) and not (strong and names_slot):
        return (
            _contact_kind(words) or (Asks.BOOKING if _WANT_APPOINTMENT.search(words) else Asks.OTHER)
        ), True
    if strong or soft or inside or change_or_confirm:
        if not inside and not (dates or times) and _WANT_APPOINTMENT.search(words):
            return Asks.BOOKING, True
        return Asks.SLOT, True
    if _WANT_APPOINTMENT.search(words):
        return Asks.BOOKING, True
    return (_contact_kind(words) or Asks.OTHER), True


def _has_day_and_time(mentions: list[DateMention | TimeMention]) -> bool:
    return any(isinstance(m, DateMention) for m in mentions) and any(
        isinstance(m, TimeMention) for m in mentions
    )


def _open_kind(words: str, inside: list[DateMention | TimeMention]) -> Asks:
    return _contact_kind(words) or (Asks.CHOICE if _WHICH_SLOT.search(words) or inside else Asks.OTHER)


def _contact_kind(words: str) -> Asks | None:
    for kind, name in ((Asks.EMAIL, "email"), (Asks.PHONE, "phone")):
        if _WANTED[name].search(words):
            return kind
    return None


def _offers_alternatives(bare: str, inside: list[DateMention | TimeMention]) -> bool:
    """Two things offered at once: "… o …?" around days or times, or a tail such as "o preferisce altro?"."""
    days = {m.candidates for m in inside if isinstance(m, DateMention)}
    hours = {m.candidates for m in inside if isinstance(m, TimeMention)}
    return (len(days) > 1 or len(hours) > 1) and re.search(r"\b(?:o|oppure)\b", bare) is not None


def _blank(flat: str, sentence: _Sentence, mentions: list[Words]) -> str:
    """The sentence without the words of its mentions, so that only what is asked about them remains."""
    kept, at = [], sentence.start
    for mention in sorted(mentions, key=lambda m: m.start):
        kept.append(flat[at : max(at, mention.start)])
        at = max(at, mention.end)
    kept.append(flat[at : sentence.end])
    return " ".join(kept)


def _request(flat: str) -> Asks:
    """A request without a question mark: "mi lasci un numero di telefono e un'email"."""
    for sentence in reversed(_sentences(flat)):
        words = flat[sentence.start : sentence.end]
        if _REQUEST.search(words):
            kind = _contact_kind(words)
            if kind is not None:
                return kind
            if _WHICH_SLOT.search(words):
                return Asks.CHOICE
    return Asks.NOTHING


def _wants(flat: str, question: _Sentence | None) -> frozenset[str]:
    wanted: set[str] = set()
    for sentence in _sentences(flat):
        words = flat[sentence.start : sentence.end]
        if sentence == question or sentence.question or _REQUEST.search(words):
            wanted.update(name for name, pattern in _WANTED.items() if pattern.search(words))
    return frozenset(wanted)


def _pair(
    flat: str, dates: tuple[DateMention, ...], times: tuple[TimeMention, ...]
) -> tuple[SpokenSlot, ...]:
    """Each time goes with the day before it, or, where none was named yet, with the day that follows at once."""
    slots = []
    for at in times:
        before = [day for day in dates if day.start < at.start]
        after = [day for day in dates if day.start > at.start]
        day = before[-1] if before else None
        if (
            day is None and after and not any(at.start < other.start < after[0].start for other in times)
        ) or (
            before
            and after
            and _follows_directly(flat, at, after[0])
            and _closed_by_time(before[-1], at, times)
        ):
            day = after[0]
        slots.append(SpokenSlot(day, at))
    return tuple(slots)


def _follows_directly(flat: str, at: TimeMention, day: DateMention) -> bool:
    """ "alle 15 di giovedì": nothing but a preposition between the time and the day."""
    return re.fullmatch(r"\s*(?:di|del|dell'|per)\s*", flat[at.end : day.start]) is not None


def _closed_by_time(day: DateMention, at: TimeMention, times: tuple[TimeMention, ...]) -> bool:
    return any(day.end <= other.start < at.start for other in times)


def _verb(flat: str) -> Verb:
    cancel, move = _CANCEL.search(flat), _MOVE.search(flat)
    if cancel and move:
        return Verb.NONE
    return Verb.CANCEL if cancel else Verb.MOVE if move else Verb.NONE


def _claims(flat: str) -> bool:
    """Whether a statement of the turn says that something has been booked, moved or cancelled."""
    for sentence in _sentences(flat):
        words = flat[sentence.start : sentence.end]
        for clause in _clauses(words) if not sentence.question else _clauses(words)[:-1]:
            if _CLAIM.search(clause.strip()) and not _NO_CLAIM.search(clause):
                return True
    return False


def _clauses(words: str) -> list[str]:
    cuts = [0, *(m.end() for m in re.finditer(r"[,;:]\s", words)), len(words)]
    return [words[a:b] for a, b in pairwise(cuts)]
