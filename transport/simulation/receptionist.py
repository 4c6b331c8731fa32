"""A deterministic Italian receptionist in the live model's place: it reads the prompt and notices we send.

Its understanding is small and its own, as a model's would be another than ours; it knows nothing but what it
is told in words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

_WEEKDAYS = ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica")
_NUMBERS = {
    "zero": 0, "un": 1, "uno": 1, "una": 1, "due": 2, "tre": 3, "quattro": 4, "cinque": 5, "sei": 6,
    "sette": 7, "otto": 8, "nove": 9, "dieci": 10, "undici": 11, "dodici": 12, "tredici": 13,
    "quattordici": 14, "quindici": 15, "sedici": 16, "diciassette": 17, "diciotto": 18, "diciannove": 19,
    "venti": 20,
}  # fmt: skip
_OFFERED = 3

_SLOT = re.compile(rf"({'|'.join(_WEEKDAYS)}) (\d{{1,2}}) ([a-z]+) alle (\d{{1,2}})(?::(\d\d))?")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HOUR = re.compile(r"\b(?:alle|all|ore|per le|le)\s*(\d{1,2})(?:[:.](\d\d)|( e mezz[ao])|( e un quarto))?\b")
_DAY = re.compile(
    r"\b(?:il|l|giorno|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica)\s+(\d{1,2})\b"
    r"|\b(\d{1,2}) (?:gennaio|febbraio|marzo|aprile|maggio|giugno"
    r"|luglio|agosto|settembre|ottobre|novembre|dicembre)"
)
_YES = re.compile(
    r"^(?:\W|ok\b|perfetto\b)*(?:si|certo|esatto|giusto|corretto|confermo|confermato|va bene|va benissimo"
    r"|d'accordo|ok|okay|perfetto|volentieri|tutto giusto|certamente|assolutamente)\b|\bconfermo\b"
)
_NO = re.compile(r"\b(?:no|non|anzi|aspetta|aspetti|un momento|pero)\b")
_CANCEL = re.compile(r"\b(?:disd\w+|annull\w+|cancell\w+)")
_MOVE = re.compile(r"\b(?:spost\w+|rimand\w+|anticip\w+|posticip\w+)")
_INTEREST = re.compile(
    r"\b(?:prenot\w+|appuntament\w+|fiss\w+|consulenz\w+|disponib\w+|quando|incontr\w+|post[oi])\b"
)
_INFORMATION = re.compile(
    r"\b(?:cost\w+|prezz\w+|tariff\w+|apert\w+|orari di|chiud\w+|aprite|dove siete|indirizzo)"
)
_GOODBYE = re.compile(r"\b(?:arrivederci|buona giornata|a presto|ciao ciao|niente altro|basta cosi)\b")
_AGAIN = re.compile(r"\b(?:puo|puoi|potrebbe|potresti) ripetere\b|\bnon ho (?:capito|sentito)\b|^come\W*$")
_THANKS = re.compile(r"\b(?:grazie|a posto)\b")


class _Awaits(Enum):
    """What its last words asked for."""

    ANYTHING = auto()
    INTEREST = auto()
    SLOT = auto()
    BOOKING = auto()
    PHONE = auto()
    THIS_PHONE = auto()
    EMAIL = auto()
    CONFIRMATION = auto()
    RESULT = auto()
    MORE = auto()


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What it shall do wrong. Utterances of the caller and restatements are counted from 1."""

    claims_booking_after: int | None = None
    """Answers this utterance of the caller by claiming a booking that nobody made."""

    restates_instead: dict[int, str] = field(default_factory=dict)
    """Says this slot ("giovedì 12 febbraio alle 11") in its n-th restatement."""


@dataclass(frozen=True, slots=True)
class _Slot:
    spoken: str
    weekday: int
    day: int
    hour: int
    minute: int


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the caller said about when; None is unsaid."""

    weekday: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int = 0

    def __bool__(self) -> bool:
        return not self.weekday is self.day is self.hour is None

    def fits(self, slot: _Slot) -> bool:
        """Whether the slot is what was said; an hour up to 7 may be the afternoon's."""
        hours = (self.hour,) if self.hour is None or self.hour > 7 else (self.hour, self.hour + 12)
        return (
            self.weekday in (None, slot.weekday)
            and self.day in (None, slot.day)
            and (self.hour is None or (slot.hour in hours and slot.minute == self.minute))
        )


class Receptionist:
    """One call's talk. `prompt` is the system instruction of the session."""

    def __init__(self, prompt: str, misbehaviour: Misbehaviour | None = None) -> None:
        self._misbehaviour = misbehaviour or Misbehaviour()
        prompt, _, recap = prompt.partition("\n\n[AVVISO")  # of a call that has long begun
        head, _, tail = prompt.partition("Orari liberi:")
        self._slots = _read_slots(tail)
        self._bookings = _read_slots(_line(head, "Appuntamenti già presi:"))
        self._consultant = _after(head, "assistente virtuale di ", " e parli")
        caller = _line(head, "Al telefono:")
        name = re.search(r"[A-Z][\w']+(?: [A-Z][\w']+)*", caller.partition(";")[0])
        self._name = name[0].split()[0] if name else ""
        self._calling = bool(re.search(r"\bhai chiamato tu\b", caller))
        required = _line(head, "Dati da chiedere:").lower()
        self._needs_phone, self._needs_email = "telefono" in required, "email" in required
        self._line_number = _digits(_after(caller, "chiama dal ", ","))
        today = re.search("|".join(_WEEKDAYS), _line(head, "Oggi:").lower())
        self._today = _WEEKDAYS.index(today[0]) if today else None

        self._awaits = _Awaits.ANYTHING
        self._verb = ""
        self._slot: _Slot | None = None
        self._old: _Slot | None = None
        self._phone = self._email = ""
        self._unheard = False
        self._heard = self._restated = 0
        self._last = ""
        self._learn(recap)

    def greet(self) -> str:
        """Its first words: what it is, and for whom it answers."""
        hello = f"Ciao {self._name}" if self._name else "Buongiorno"
        who = f"{hello}, sono l'assistente virtuale di {self._consultant}."
        if self._calling:
            return self._say(f"{who} Ti interessa fissare una consulenza?", _Awaits.INTEREST)
        return self._say(f"{who} Come posso aiutarti?", _Awaits.ANYTHING)

    def go_on(self) -> str:
        """Its first words in a call that it did not begin, or that was broken off."""
        if self._awaits is _Awaits.CONFIRMATION:
            return self._restate(_SORRY)
        if self._awaits is _Awaits.MORE:
            return self._say(f"{_SORRY}Ti serve altro?", _Awaits.MORE)
        if self._slot:
            return self._go_on(_SORRY)
        return self._say(_SORRY + (_question(self._last) or "Puoi ripetere?"), self._awaits)

    def _learn(self, recap: str) -> None:
        """What a recap of the call tells that it does not know."""
        known = _found(r"Dati raccolti: (.*?)(?:\. Manca|\.$)", recap)
        proposed = _found(r"Manca solo il sì a: (.*)\.$", recap)
        if slots := _read_slots(proposed or known):
            self._slot = slots[-1]
        self._phone = _digits(_found(r"telefono (\S+?)(?:,|$)", known)) or self._phone
        self._email = email[0].rstrip(".") if (email := _EMAIL.search(known)) else self._email
        if wanted := re.search(
            "Chi chiama vuole (spostare|annullare)|(sposto|annullo) l'appuntamento", recap
        ):
            self._verb = {"s": "sposto", "a": "annullo"}[(wanted[1] or wanted[2])[0]]
        if proposed:
            self._awaits = _Awaits.CONFIRMATION
        elif re.search(r"L'appuntamento è \w+\. Non c'è altro", recap):
            self._awaits = _Awaits.MORE
        elif not self._last and (said := re.findall(r"^Tu: (.*\?)$", recap, re.MULTILINE)):
            self._take_up(said[-1])

    def _take_up(self, said: str) -> None:
        """These were its last words."""
        self._last = said
        if "onfermi" in said and (slots := _read_slots(said.lower())):
            self._slot, self._awaits = slots[-1], _Awaits.CONFIRMATION
            return
        self._awaits = next((awaits for words, awaits in _QUESTIONS if words in said), _Awaits.ANYTHING)

    def interrupted(self) -> None:
        """The caller has cut its last words off."""
        self._unheard = True

    def notice(self, text: str) -> str:
        """What it says upon a notice."""
        slots = _read_slots(text)
        first = slots[0].spoken if slots else ""
        if "La chiamata è già in corso" in text:
            self._learn(text)
            return self.go_on()
        if keyed := re.search(r"digitato sui tasti il telefono ([\d ]+)", text):
            self._phone = _digits(keyed[1])
            if "ripeti per intero" not in text:
                return self._go_on(f"Ho {_spoken_phone(self._phone)}. ")
        if "premuto dei tasti" in text:
            return self._again("I tasti non valgono come risposta. ")
        if "aspetta che tu parli" in text:
            return (
                self._restate(_SORRY)
                if self._slot
                else self._say(_SORRY + _question(self._last), self._awaits)
            )
        if "è prenotato:" in text or "è spostato a" in text:
            self._bookings, self._slot = slots[:1], None
            done = "spostato a" if "è spostato" in text else "confermato per"
            return self._say(f"Perfetto, l'appuntamento è {done} {first}. Ti serve altro?", _Awaits.MORE)
        if "è annullato" in text:
            self._bookings = [slot for slot in self._bookings if slot.spoken != first]
            self._slot = None
            return self._say(f"Fatto, l'appuntamento di {first} è annullato. Ti serve altro?", _Awaits.MORE)
        if "proponi:" in text:
            taken, _, free = text.partition("proponi:")
            gone = {slot.spoken for slot in _read_slots(taken)}
            alternatives = _read_slots(free)
            self._slots = alternatives + [
                slot for slot in self._slots if slot.spoken not in gone and slot not in alternatives
            ]
            self._slot = None
            what = (
                f"{_capital(' e '.join(sorted(gone)))} non è libero" if gone else "quell'orario non è libero"
            )
            return self._say(f"Mi dispiace, {what}. {self._offer(alternatives)}", _Awaits.SLOT)
        if "ripeti esattamente" in text or "ripeti per intero" in text:
            self._slot = slots[-1] if slots else self._slot
            if verb := re.search('[Dd]i\' "(\\w+)"', text):
                self._verb = _VERBS.get(verb[1].lower(), "")
            return self._restate("Mi correggo: " if "esattamente" in text else "")
        if "manca ancora: " in text:
            return self._go_on("Mi manca ancora un dato. ")
        if "non è stato registrato nulla" in text and self._slot:
            return self._go_on("Scusami, non è ancora registrato. ")
        if "non sono arrivate" in text:
            return self._again("Scusami, non ho sentito. ")
        if "in più modi" in text:
            return self._say(f"Quale giorno intendi, {_after(text, 'in più modi: ', '. ')}?", _Awaits.SLOT)
        for words, answer, awaits in _NOTICES:
            if words in text:
                self._phone = "" if awaits is _Awaits.PHONE else self._phone
                self._email = "" if awaits is _Awaits.EMAIL else self._email
                return self._say(answer, awaits)
        return self._say("Scusami, puoi ripetere?", self._awaits)

    def answer(self, words: str) -> str:
        """What it says to the caller's `words`."""
        self._heard += 1
        unheard, self._unheard = self._unheard, False
        if self._misbehaviour.claims_booking_after == self._heard:
            slot = self._slot or (self._slots[0] if self._slots else None)
            return self._say(
                f"Perfetto, ho prenotato {slot.spoken if slot else 'tutto'}. A presto!", _Awaits.MORE
            )
        said = _fold(words)
        if "⟂" in words and not _YES.search(said):
            return f"Scusami, non ho sentito bene. {self._last}"
        if (answer := self._take_contact(words, said)) is not None:
            return answer
        if _AGAIN.search(said):
            return self._again("")
        wish = self._wish(said)
        if _CANCEL.search(said):
            return self._cancel(wish)
        if _MOVE.search(said) or (self._awaits is _Awaits.MORE and wish and self._bookings):
            return self._move(wish)
        if _INFORMATION.search(said) and not wish:
            return self._say(
                "Su questo non ho informazioni, te le darà lo studio. Posso aiutarti in altro?", _Awaits.MORE
            )
        if wish:
            return self._pick_booking(wish) if self._awaits is _Awaits.BOOKING else self._pick(wish)
        agrees = bool(_YES.search(said)) and not _NO.search(said)
        return self._react(said, agrees, unheard)

    def _react(self, said: str, agrees: bool, unheard: bool) -> str:
        """To words without any detail in them."""
        match self._awaits:
            case _Awaits.CONFIRMATION | _Awaits.RESULT if not agrees and _NO.search(said):
                return self._say("D'accordo, cosa vuoi cambiare?", _Awaits.SLOT)
            case _Awaits.CONFIRMATION if agrees:
                if unheard:
                    return self._restate("")
                return self._say("Un attimo, verifico.", _Awaits.RESULT)
            case _Awaits.RESULT:
                return self._say("Ancora un attimo.", _Awaits.RESULT)
            case _Awaits.THIS_PHONE if agrees:
                self._phone = self._line_number
                return self._go_on("")
            case _Awaits.THIS_PHONE:
                return self._say("A quale numero possiamo chiamarti?", _Awaits.PHONE)
            case _Awaits.EMAIL if not _GOODBYE.search(said):
                return self._say("Senza email non posso prenotare. Me la vuoi lasciare?", _Awaits.EMAIL)
            case _Awaits.INTEREST if agrees or _INTEREST.search(said):
                return self._say(self._offer(self._slots), _Awaits.SLOT)
            case _Awaits.INTEREST:
                return self._say("Va bene, grazie lo stesso. Arrivederci.", _Awaits.ANYTHING)
            case _Awaits.MORE if not agrees or _THANKS.search(said):
                return self._say("Grazie a te, arrivederci.", _Awaits.ANYTHING)
        if _GOODBYE.search(said) or (_THANKS.search(said) and not _INTEREST.search(said)):
            return self._say("Grazie a te, arrivederci.", _Awaits.ANYTHING)
        if self._awaits is _Awaits.SLOT or _INTEREST.search(said):
            return self._say(self._offer(self._slots), _Awaits.SLOT)
        return self._say("Dimmi pure.", self._awaits)

    def _take_contact(self, words: str, said: str) -> str | None:
        """A phone number or an email in the caller's words; None when there is neither."""
        written = re.sub(r"\s+(?:chiocciola|at)\s+", "@", words)
        written = re.sub(r"(?<=\S)\s+(?:punto|dot)\s+(?=\S)", ".", written) if "@" in written else written
        email = _EMAIL.search(written)
        digits = _digits(said) if not email else ""
        if email:
            self._email = email[0].rstrip(".").lower()
        elif self._awaits in (_Awaits.PHONE, _Awaits.THIS_PHONE) and digits:
            self._phone += digits
        elif len(digits) >= 8:
            self._phone = digits
        else:
            return None
        if self._phone and len(self._phone) < 9:
            return self._say("Sì, e poi?", _Awaits.PHONE)
        wish = self._wish(said) if not digits else _Wish()
        return self._pick(wish) if wish and not self._slot else self._go_on("Perfetto. ")

    def _pick(self, wish: _Wish) -> str:
        fitting = [slot for slot in self._slots if wish.fits(slot)]
        if len(fitting) > 1 and self._slot:
            same = [
                slot for slot in fitting if (slot.hour, slot.minute) == (self._slot.hour, self._slot.minute)
            ]
            if wish.hour is not None:
                same = [slot for slot in fitting if slot.day == self._slot.day]
            fitting = same or fitting
        if len(fitting) == 1:
            self._slot = fitting[0]
            return self._go_on("")
        self._slot = None
        if fitting:
            return self._say(self._offer(fitting), _Awaits.SLOT)
        return self._say(f"Mi dispiace, quell'orario non è libero. {self._offer(self._slots)}", _Awaits.SLOT)

    def _cancel(self, wish: _Wish) -> str:
        self._verb, self._slot = "annullo", None
        return self._pick_booking(wish)

    def _move(self, wish: _Wish) -> str:
        self._verb = "sposto"
        if not self._bookings:
            return self._say("Non trovo appuntamenti legati a questo numero.", _Awaits.MORE)
        self._old = self._bookings[0]
        # "quello di giovedì" names the old one, which is no wish for a new one.
        if wish and not any(wish.fits(booking) for booking in self._bookings):
            return self._pick(wish)
        return self._say(f"Certo, lo spostiamo. {self._offer(self._slots)}", _Awaits.SLOT)

    def _pick_booking(self, wish: _Wish) -> str:
        fitting = [booking for booking in self._bookings if wish.fits(booking)]
        if len(fitting) == 1:
            self._slot = fitting[0]
            return self._restate("")
        if not fitting:
            return self._say("Non trovo questo appuntamento.", _Awaits.MORE)
        which = " o ".join(booking.spoken for booking in fitting)
        return self._say(f"Quale vuoi annullare: {which}?", _Awaits.BOOKING)

    def _again(self, opening: str) -> str:
        """Its last question once more; while it waits for what came of a yes, that is the readback."""
        if self._awaits is _Awaits.RESULT and self._slot:
            return self._restate(opening)
        return opening + self._last

    def _go_on(self, opening: str) -> str:
        """Ask for what is missing, one thing at a time, else restate."""
        if self._verb == "annullo":
            return self._restate(opening)
        if not self._slot:
            return self._say(opening + self._offer(self._slots), _Awaits.SLOT)
        told = opening or f"{_capital(self._slot.spoken)}. "
        if not self._verb and self._needs_phone and not self._phone:
            if self._line_number:
                number = _spoken_phone(self._line_number)
                return self._say(f"{told}Posso usare il numero {number}?", _Awaits.THIS_PHONE)
            return self._say(f"{told}Mi lasci un numero di telefono?", _Awaits.PHONE)
        if not self._verb and self._needs_email and not self._email:
            return self._say(f"{told}Mi lasci la tua email?", _Awaits.EMAIL)
        return self._restate(opening)

    def _restate(self, opening: str) -> str:
        self._restated += 1
        spoken = self._slot.spoken if self._slot else ""
        spoken = self._misbehaviour.restates_instead.get(self._restated, spoken)
        told = {
            "": spoken,
            "sposto": f"sposto l'appuntamento a {spoken}",
            "annullo": f"annullo l'appuntamento di {spoken}",
        }[self._verb]
        if not self._verb and self._needs_phone and self._phone:
            told += f", telefono {_spoken_phone(self._phone)}"
        if not self._verb and self._needs_email and self._email:
            told += f", email {self._email}"
        text = f"{opening}{told}" if opening.endswith(": ") else f"{opening}{_capital(told)}"
        return self._say(f"{text}. Confermi?", _Awaits.CONFIRMATION)

    def _offer(self, slots: Sequence[_Slot]) -> str:
        spoken = [slot.spoken for slot in slots[:_OFFERED]]
        if not spoken:
            return "Al momento non ho orari liberi, ti faremo richiamare."
        if len(spoken) == 1:
            return f"Ho libero {spoken[0]}. Ti va bene?"
        return f"Ho liberi {', '.join(spoken[:-1])} o {spoken[-1]}. Quale preferisci?"

    def _wish(self, said: str) -> _Wish:
        figures = re.sub(r"[a-z]+", lambda word: str(_NUMBERS.get(word[0], word[0])), said.replace("'", " "))
        # The last day named is the one wanted: "mercoledì, anzi giovedì".
        days = [
            (said.rfind(_fold(name)), index) for index, name in enumerate(_WEEKDAYS) if _fold(name) in said
        ]
        weekday = max(days)[1] if days else None
        if weekday is None and self._today is not None and (near := re.search(r"\b(dopo)?domani\b", said)):
            weekday = (self._today + (2 if near[1] else 1)) % 7
        hours, numbers = list(_HOUR.finditer(figures)), list(_DAY.finditer(figures))
        day = int(numbers[-1][1] or numbers[-1][2]) if numbers else None
        if not hours:
            return _Wish(weekday, day)
        last = hours[-1]
        minute = int(last[2] or 0) + (30 if last[3] else 0) + (15 if last[4] else 0)
        hour = int(last[1])
        return _Wish(weekday, day, hour + 12 if hour < 12 and "pomeriggio" in said else hour, minute)

    def _say(self, text: str, awaits: _Awaits) -> str:
        self._awaits, self._last = awaits, text
        return text


_SORRY = "Scusami per l'interruzione. "

#: What a question of its own asks for.
_QUESTIONS = (
    ("preferisci", _Awaits.SLOT),
    ("va bene?", _Awaits.SLOT),
    ("Quale vuoi", _Awaits.BOOKING),
    ("Posso usare", _Awaits.THIS_PHONE),
    ("numero", _Awaits.PHONE),
    ("email", _Awaits.EMAIL),
    ("interessa", _Awaits.INTEREST),
)

_VERBS = {"sposto": "sposto", "annullo": "annullo", "disdico": "annullo", "cancello": "annullo"}

#: Notices without slots in them: words of the notice, what is said, what that asks for.
_NOTICES: tuple[tuple[str, str, _Awaits], ...] = (
    ("lo passi subito", "Certo, ti passo subito a una persona, resta in linea.", _Awaits.ANYTHING),
    ("parlare con una persona", "Certo, ti farò richiamare da una persona. Ti serve altro?", _Awaits.MORE),
    (
        "link per la videochiamata",
        "C'è anche un link per la videochiamata, lo trovi nell'invito. Ti serve altro?",
        _Awaits.MORE,
    ),
    (
        "registrato nulla",
        "Scusami, non è ancora registrato nulla. Che giorno e ora preferisci?",
        _Awaits.SLOT,
    ),
    ("persona richiamerà", "Mi dispiace, non riesco a registrarlo. Ti richiamerà una persona.", _Awaits.MORE),
    ("non vanno insieme", "Il giorno e la data non corrispondono. Quale dei due è giusto?", _Awaits.SLOT),
    ("non esiste nel calendario", "Quel giorno non esiste. Puoi ripetere la data?", _Awaits.SLOT),
    ("già passato", "Quel momento è già passato. Che altro giorno preferisci?", _Awaits.SLOT),
    ("L'ora detta", "A che ora precisamente, di mattina o di pomeriggio?", _Awaits.SLOT),
    ("telefono", "Mi ripeti il numero di telefono per intero?", _Awaits.PHONE),
    ("email", "Mi ripeti la tua email?", _Awaits.EMAIL),
    ("appuntamento da cambiare legato", "Non trovo appuntamenti; non ho cambiato nulla.", _Awaits.MORE),
    ("più appuntamenti", "Di quale appuntamento parli, giorno e ora?", _Awaits.BOOKING),
)


def _read_slots(text: str) -> list[_Slot]:
    return [
        _Slot(found[0], _WEEKDAYS.index(found[1]), int(found[2]), int(found[4]), int(found[5] or 0))
        for found in _SLOT.finditer(text)
    ]


def _question(said: str) -> str:
    """The last sentence of what was said, which asks."""
    return re.split(r"(?<=[.!?])\s+", said.strip())[-1]


def _line(text: str, label: str) -> str:
    found = re.search(rf"^{re.escape(label)}(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""


def _after(text: str, before: str, end: str) -> str:
    _, _, rest = text.partition(before)
    return rest.partition(end)[0].strip()


def _fold(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.lower().replace("’", "'"))
    return "".join(character for character in bare if not unicodedata.combining(character))


def _digits(text: str) -> str:
    """The longest run of digits, written or spoken one by one, that may be a phone number; no +39."""
    figures = re.sub(
        r"[a-z]+", lambda word: str(_NUMBERS[word[0]]) if _NUMBERS.get(word[0], 99) < 10 else word[0], text
    )
    runs = [re.sub(r"\D", "", run) for run in re.findall(r"\+?\d[\d\s.,/-]*", figures)]
    longest = max(runs, key=len, default="")
    longest = longest.removeprefix("39") if len(longest) > 11 else longest
    return longest if len(longest) >= 3 else ""


def _spoken_phone(digits: str) -> str:
    return f"{digits[:3]} {digits[3:]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
