"""Italian words for days, hours and stretches of them."""

from __future__ import annotations

from datetime import time
from typing import NamedTuple

from engine.understanding.it.patterns import word_set

WEEKDAY_NAMES = ("lunedi", "martedi", "mercoledi", "giovedi", "venerdi", "sabato", "domenica")
WEEKDAYS = {
    word: number
    for number, words in enumerate(
        (
            "lunedi luned lunedie",
            "martedi marted martedie",
            "mercoledi mercoled mercole mercol merco mercolodi mercordi mercoldi mercoldei",
            "giovedi gioved giovedie giovidi",
            "venerdi venerd vener vernedi venerdie",
            "sabato sabat",
            "domenica domenic domeni",
        )
    )
    for word in words.split()
}


def _slips(name: str) -> set[str]:
    """`name` with one letter lost, doubled or swapped with the next, as typed or transcribed; it begins right."""
    cuts = range(2, len(name))
    lost = {name[:at] + name[at + 1 :] for at in cuts}
    doubled = {name[:at] + name[at - 1 :] for at in cuts}
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in cuts[:-1]}
    return lost | doubled | swapped


WEEKDAYS |= {
    slip: number
    for name, number in list(WEEKDAYS.items())
    if name in WEEKDAY_NAMES
    for slip in _slips(name) - WEEKDAYS.keys()
}
SPLIT_WEEKDAYS = {"lune": 0, "marte": 1, "mercole": 2, "giove": 3, "vener": 4}  # "giove dì"
ALSO_NAMES = frozenset({"domenica"})
NAME_LEADS = frozenset({"chiamo", "chiama", "signora", "signorina", "dottoressa", "nome"})
SHORT_WEEKDAYS = {
    word: number for number, word in enumerate(("lun", "mar", "mer", "gio", "ven", "sab", "dom"))
}
MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ),
        start=1,
    )
    for word in words.split()
}
SHORT_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "gen genn",
            "feb febb febbr",
            "mar",
            "apr",
            "mag",
            "giu",
            "lug",
            "ago",
            "set sett",
            "ott",
            "nov",
            "dic",
        ),
        start=1,
    )
    for word in words.split()
}

RELATIVE_DAYS = {
    "oggi": 0,
    "odierna": 0,
    "domani": 1,
    "dopodomani": 2,
    "posdomani": 2,
    "domattina": 1,
    "domandomattina": 1,
    "stamattina": 0,
    "stamani": 0,
    "stamane": 0,
    "stasera": 0,
    "stanotte": 0,
    "ieri": -1,
    "altroieri": -2,
    "avantieri": -2,
}
RELATIVE_PHRASES = {
    ("il", "giorno", "dopo", "domani"): 2,
    ("giorno", "dopo", "domani"): 2,
    ("dopo", "domani"): 2,
    ("domani", "l", "altro"): 2,
    ("l", "altro", "domani"): 2,
    ("l", "altro", "ieri"): -2,
    ("ieri", "l", "altro"): -2,
    ("avant", "ieri"): -2,
    ("altro", "ieri"): -2,
    ("in", "giornata"): 0,
    ("questa", "giornata"): 0,
    ("sta", "sera"): 0,
    ("sta", "mattina"): 0,
    ("questa", "mattina"): 0,
    ("questa", "mattinata"): 0,
    ("questo", "mattino"): 0,
    ("questo", "pomeriggio"): 0,
    ("questa", "sera"): 0,
    ("questa", "notte"): 0,
}
BESIDE = {
    ("indomani",): 1,
    ("giorno", "dopo"): 1,
    ("giorno", "prima"): -1,
    ("vigilia",): -1,
}
BESIDE_WORDS = {"dopo": 1, "prima": -1}  # "il martedì dopo Pasqua"
DAYS_TO = {"otto": 7, "8": 7, "quindici": 14, "15": 14}  # "oggi a otto"

COMING_AFTER = (
    ("che", "viene"),
    ("che", "arriva"),
    ("che", "vengono"),
    ("entrante",),
    ("venturo",),
    ("ventura",),
)
NEXT = frozenset({"prossimo", "prossima"})
NEXT_AFTER = frozenset({"prossimo", "prossima", "seguente", "successivo", "successiva"})
LAST = frozenset({"scorso", "scorsa", "passato", "passata"})
LAST_BEFORE = frozenset({"scorso", "scorsa", "ultimo", "ultima"})
EVERY = (("ogni",), ("tutti", "i"), ("tutte", "le"))
THIS = frozenset({"questo", "questa", "quest", "sto", "sta"})
# Which week, as said after "della", "la", "nella"…: the ISO weeks from this one, several when it is open.
WEEKS = {
    ("prossima", "settimana"): (1,),
    ("settimana", "prossima"): (1,),
    ("settimana", "che", "viene"): (1,),
    ("settimana", "entrante"): (1,),
    ("settimana", "ventura"): (1,),
    ("settimana", "seguente"): (1,),
    ("settimana", "successiva"): (1,),
    ("settimana", "dopo"): (1,),
    ("questa", "settimana"): (0,),
    ("settimana", "in", "corso"): (0,),
    ("settimana", "corrente"): (0,),
    ("altra", "settimana"): (1, 2),
    ("quell", "altra", "settimana"): (1, 2),
    ("quest", "altra", "settimana"): (1, 2),
    ("settimana", "scorsa"): (-1,),
    ("scorsa", "settimana"): (-1,),
    ("settimana", "passata"): (-1,),
}
MONTHS_AHEAD = {
    ("mese", "prossimo"): 1,
    ("prossimo", "mese"): 1,
    ("mese", "che", "viene"): 1,
    ("mese", "entrante"): 1,
    ("mese", "seguente"): 1,
    ("mese", "successivo"): 1,
    ("questo", "mese"): 0,
    ("mese", "in", "corso"): 0,
    ("corrente", "mese"): 0,
    ("mese", "corrente"): 0,
    ("mese", "scorso"): -1,
    ("scorso", "mese"): -1,
    ("mese", "passato"): -1,
}
UNITS = {  # of "tra tre …": (days, months)
    "giorno": (1, 0),
    "giorni": (1, 0),
    "settimana": (7, 0),
    "settimane": (7, 0),
    "mese": (0, 1),
    "mesi": (0, 1),
    "anno": (0, 12),
    "anni": (0, 12),
}
IN = frozenset({"tra", "fra"})
FROM_HERE = (("da", "qui", "a"), ("di", "qui", "a"), ("da", "qua", "a"), ("di", "qua", "a"))
LOOSE_DAYS = {15: 14}  # "tra quindici giorni" is two weeks to many
BUT = frozenset({"ma", "bensi", "pero", "e"})
# The one after "questo": "non questo giovedì, quello dopo".
OTHER_ONE = [
    *(("quell" + end, behind) for end in "oa" for behind in ("dopo", "seguente")),
    *(("quell" + end, behind + end) for end in "oa" for behind in ("prossim", "successiv")),
    *(
        ("quell" + end, "della", *week)
        for end in "oa"
        for week in (
            ("settimana", "dopo"),
            ("settimana", "prossima"),
            ("settimana", "successiva"),
            ("prossima", "settimana"),
        )
    ),
    ("il", "prossimo"),
    ("la", "prossima"),
    ("il", "successivo"),
    ("la", "successiva"),
    *((article, "altr" + end) for article in ("l", "quell") for end in "oa"),
]
AGO = "fa"
EXACTLY = frozenset({"esatta", "esatte", "esatto", "esatti", "precisa", "precise", "preciso", "precisi"})
NOT_CALENDAR = frozenset({"lavorativi", "lavorativo", "feriali"})

# What follows a number that is no day and no hour.
COUNTED = word_set(
    "ora ore minuto minuti min secondo secondi giorno giorni settimana settimane mese mesi anno anni "
    "volta volte persona persone euro eur centesimi percento % cento mila milioni km metri opzioni "
    "opzione posti posto slot disponibilita appuntamenti appuntamento possibilita orari orario "
    "incontri incontro sedute seduta consulenze consulenza lezioni lezione bambini figli adulti amici "
    "colleghi cose cosa domande domanda date alternative alternativa proposte proposta scelte clienti "
    "ospiti ragazzi tavoli camere notti parti gradi numeri cifre lettere righe pagine"
)
DAY_ARTICLES = frozenset({"il", "l", "al", "del", "dell", "lo"})
ARTICLES = frozenset({"il", "l", "lo", "la", "i", "gli", "le"})
OF_THE = frozenset({"di", "del", "dell", "della", "la", "l"})  # "prima della Befana", "dopo l'Epifania"
OF = frozenset({"di", "d", "del", "dell", "della", "in", "nel", "nell", "dello"})
DAY_NOUN = frozenset({"giorno", "data", "giornata"})
# What may follow a bare "il primo" that means the first of the month.
AFTER_FIRST = frozenset(
    {"alle", "all", "alla", "ore", "dopo", "verso", "dalle", "mattina", "pomeriggio", "sera"}
)
MONTH_NOUN = "mese"
LAST_NTH = {"ultimo": -1, "ultima": -1, "penultimo": -2, "penultima": -2}
FREE = frozenset({"disponibile", "libero", "libera", "utile", "possibile"})
JOINERS = frozenset({"il", "l", "cioe", "ovvero", "ossia", "del", "dell", "di"})


class FeastDay(NamedTuple):
    """When a feast is: month and day, or days from Easter, or the n-th Sunday of a month."""

    month: int
    day: int
    from_easter: int | None = None
    sunday: int | None = None


FEASTS = {
    ("natale",): FeastDay(12, 25),
    ("vigilia", "di", "natale"): FeastDay(12, 24),
    ("vigilia", "di", "capodanno"): FeastDay(12, 31),
    ("santo", "stefano"): FeastDay(12, 26),
    ("san", "silvestro"): FeastDay(12, 31),
    ("ultimo", "dell", "anno"): FeastDay(12, 31),
    ("ultimo", "giorno", "dell", "anno"): FeastDay(12, 31),
    ("capodanno",): FeastDay(1, 1),
    ("primo", "dell", "anno"): FeastDay(1, 1),
    ("epifania",): FeastDay(1, 6),
    ("befana",): FeastDay(1, 6),
    ("san", "valentino"): FeastDay(2, 14),
    ("festa", "degli", "innamorati"): FeastDay(2, 14),
    ("festa", "della", "donna"): FeastDay(3, 8),
    ("festa", "del", "papa"): FeastDay(3, 19),
    ("san", "giuseppe"): FeastDay(3, 19),
    ("festa", "di", "san", "giuseppe"): FeastDay(3, 19),
    ("festa", "della", "liberazione"): FeastDay(4, 25),
    ("anniversario", "della", "liberazione"): FeastDay(4, 25),
    ("giorno", "della", "liberazione"): FeastDay(4, 25),
    ("la", "liberazione"): FeastDay(4, 25),
    ("alla", "liberazione"): FeastDay(4, 25),
    ("festa", "del", "lavoro"): FeastDay(5, 1),
    ("festa", "dei", "lavoratori"): FeastDay(5, 1),
    ("giorno", "dei", "lavoratori"): FeastDay(5, 1),
    ("festa", "della", "repubblica"): FeastDay(6, 2),
    ("giorno", "della", "repubblica"): FeastDay(6, 2),
    ("festa", "della", "mamma"): FeastDay(5, 0, sunday=2),
    ("ferragosto",): FeastDay(8, 15),
    ("assunzione",): FeastDay(8, 15),
    ("halloween",): FeastDay(10, 31),
    ("ognissanti",): FeastDay(11, 1),
    ("tutti", "i", "santi"): FeastDay(11, 1),
    ("festa", "dei", "santi"): FeastDay(11, 1),
    ("giorno", "dei", "santi"): FeastDay(11, 1),
    ("giorno", "dei", "morti"): FeastDay(11, 2),
    ("festa", "dei", "morti"): FeastDay(11, 2),
    ("ai", "morti"): FeastDay(11, 2),
    ("ai", "santi"): FeastDay(11, 1),
    ("commemorazione", "dei", "defunti"): FeastDay(11, 2),
    ("immacolata", "concezione"): FeastDay(12, 8),
    ("immacolata",): FeastDay(12, 8),
    ("pasqua",): FeastDay(0, 0, 0),
    ("domenica", "di", "pasqua"): FeastDay(0, 0, 0),
    ("pasquetta",): FeastDay(0, 0, 1),
    ("lunedi", "di", "pasqua"): FeastDay(0, 0, 1),
    ("lunedi", "dell", "angelo"): FeastDay(0, 0, 1),
    ("domenica", "delle", "palme"): FeastDay(0, 0, -7),
    ("martedi", "grasso"): FeastDay(0, 0, -47),
    ("mercoledi", "delle", "ceneri"): FeastDay(0, 0, -46),
    ("giovedi", "grasso"): FeastDay(0, 0, -52),
    ("venerdi", "santo"): FeastDay(0, 0, -2),
    ("sabato", "santo"): FeastDay(0, 0, -1),
}


class Part(NamedTuple):
    """A part of the day: which hours it spans, and what an hour of 1 to 12 means in it (hour said -> hour meant)."""

    begins: time
    ends: time | None
    hours: dict[int, int]


_MORNING = {hour: hour for hour in range(1, 13)}
_AFTERNOON = {12: 12} | {hour: hour + 12 for hour in range(1, 9)}
_EVENING = {12: 0} | {hour: hour + 12 for hour in range(4, 12)}
_NIGHT = {12: 0} | {hour: hour for hour in range(1, 7)} | {hour: hour + 12 for hour in range(9, 12)}
MORNING = Part(time(6), time(12), _MORNING)
AFTERNOON = Part(time(12), time(19), _AFTERNOON)
EVENING = Part(time(18), None, _EVENING)
NIGHT = Part(time(0), time(6), _NIGHT)
PARTS = {
    "mattina": MORNING,
    "mattino": MORNING,
    "mattinata": MORNING,
    "pomeriggio": AFTERNOON,
    "sera": EVENING,
    "serata": EVENING,
    "notte": NIGHT,
    "nottata": NIGHT,
    "stamattina": MORNING,
    "stamani": MORNING,
    "stamane": MORNING,
    "domattina": MORNING,
    "domandomattina": MORNING,
    "stasera": EVENING,
    "stanotte": NIGHT,
}
_EARLY_MORNING = MORNING._replace(ends=time(9))
_LATE_MORNING = MORNING._replace(begins=time(10))
_EARLY_AFTERNOON = AFTERNOON._replace(ends=time(15))
_LATE_AFTERNOON = AFTERNOON._replace(begins=time(16))
PART_PHRASES = {
    ("prima", "mattina"): _EARLY_MORNING,
    ("primo", "mattino"): _EARLY_MORNING,
    ("prima", "mattinata"): _EARLY_MORNING,
    ("mattina", "presto"): _EARLY_MORNING,
    ("mattina", "sul", "presto"): _EARLY_MORNING,
    ("mattinata", "sul", "presto"): _EARLY_MORNING,
    ("tarda", "mattinata"): _LATE_MORNING,
    ("tarda", "mattina"): _LATE_MORNING,
    ("seconda", "mattinata"): _LATE_MORNING,
    ("mattina", "tardi"): _LATE_MORNING,
    ("primo", "pomeriggio"): _EARLY_AFTERNOON,
    ("pomeriggio", "presto"): _EARLY_AFTERNOON,
    ("pomeriggio", "sul", "presto"): _EARLY_AFTERNOON,
    ("tardo", "pomeriggio"): _LATE_AFTERNOON,
    ("secondo", "pomeriggio"): _LATE_AFTERNOON,
    ("pomeriggio", "tardi"): _LATE_AFTERNOON,
    ("fine", "mattina"): _LATE_MORNING,
    ("fine", "mattinata"): _LATE_MORNING,
    ("meta", "mattina"): MORNING._replace(begins=time(9), ends=time(11)),
    ("meta", "mattinata"): MORNING._replace(begins=time(9), ends=time(11)),
    ("inizio", "pomeriggio"): _EARLY_AFTERNOON,
    ("meta", "pomeriggio"): AFTERNOON._replace(begins=time(15), ends=time(17)),
    ("fine", "pomeriggio"): _LATE_AFTERNOON,
    ("fine", "giornata"): _LATE_AFTERNOON,
    ("meta", "giornata"): AFTERNOON._replace(begins=time(11), ends=time(16)),
    ("dopo", "il", "lavoro"): EVENING._replace(begins=time(17), ends=time(21)),
    ("dopo", "cena"): EVENING._replace(begins=time(20)),
    ("prima", "serata"): EVENING._replace(ends=time(21)),
    ("tarda", "serata"): EVENING._replace(begins=time(21)),
    ("tarda", "sera"): EVENING._replace(begins=time(21)),
    ("dopo", "pranzo"): AFTERNOON._replace(begins=time(13), ends=time(17)),
    ("prima", "di", "pranzo"): MORNING._replace(begins=time(10), ends=time(13)),
    ("ora", "di", "pranzo"): AFTERNOON._replace(begins=time(12), ends=time(14)),
    ("pausa", "pranzo"): AFTERNOON._replace(begins=time(12), ends=time(14)),
    ("a", "pranzo"): AFTERNOON._replace(begins=time(12), ends=time(14)),
}
PART_LEADS = word_set(
    "di del della in nel nella al alla a la il verso sul sulla d questa questo sta di dopo durante"
)
GREETINGS = frozenset({"buon", "buona", "buono", "bella", "bel"})  # "buona sera" names no time

TIME_LEADS = frozenset({"alle", "all", "alla", "ore", "h"})
LOOSE_LEADS = frozenset({"le", "l"})  # may count things instead: "le tre opzioni"
ABOUT = frozenset({"verso", "circa", "intorno", "attorno", "sulle", "tipo", "pressappoco", "indicativamente"})
ABOUT_THE = frozenset({"sulle"})  # that hold their article
NAMED_HOURS = {
    "mezzogiorno": time(12),
    "mezzodi": time(12),
    "mezzanotte": time(0),
}
MINUTE_WORDS = {
    ("mezza",): 30,
    ("mezzo",): 30,
    ("un", "quarto"): 15,
    ("1", "quarto"): 15,
    ("quarto",): 15,
    ("tre", "quarti"): 45,
    ("3", "quarti"): 45,
    ("1/4",): 15,
    ("1/2",): 30,
    ("3/4",): 45,
}
AND = frozenset({"e", "ed"})
OR = frozenset({"o", "oppure", "od"})
LESS = "meno"
SHARP = frozenset({"precise", "esatte", "spaccate"})
MONEY = frozenset({"euro", "eur", "€"})
# What a plain noun may be taken for after "le tre …" and is not.
NO_NOUNS = word_set(
    "anche oppure circa come dove mattine sarebbe sarebbero andrebbe andrebbero bene preferirei "
    "allora quindi forse invece grazie perche che anziche potrebbe potrebbero esatte precise spaccate "
    "venerdi lunedi martedi mercoledi giovedi domani oggi magari"
)

# Which side of an hour or a day is meant: True what comes after it.
SIDES = {
    ("dopo",): True,
    ("non", "prima"): True,
    ("prima",): False,
    ("entro",): False,
    ("non", "oltre"): False,
    ("non", "dopo"): False,
    ("non", "piu", "tardi"): False,
    ("al", "piu", "tardi"): False,
    ("fino",): False,
    ("sino",): False,
}
SHARES = {
    "inizio": "inizio",
    "inizi": "inizio",
    "primi": "inizio",
    "meta": "meta",
    "fine": "fine",
    "ultimi": "fine",
}
FEW = frozenset({"primi", "ultimi"})  # "ai primi di aprile", "gli ultimi giorni del mese"
WEEKEND = (
    ("fine", "settimana"),
    ("finesettimana",),
    ("weekend",),
    ("week", "end"),
    ("we",),
)
WEEKEND_STARTS = frozenset(words[0] for words in WEEKEND)
HALVES: dict[tuple[str, ...], int] = {  # of a month
    ("prima", "quindicina"): 1,
    ("seconda", "quindicina"): 2,
    ("prima", "meta"): 1,
    ("seconda", "meta"): 2,
}
MOVING = ("spost", "anticip", "posticip", "rimand", "rinvi", "camb", "pass")
STREETS = frozenset({"via", "viale", "piazza", "piazzale", "corso", "largo", "vicolo", "xx", "xxv", "iv"})
# Words after which what was said before no longer holds.
TURNS = frozenset(
    {"non", "no", "ma", "pero", "anzi", "invece", "meglio", "piuttosto", "oppure", "altrimenti"}
)
