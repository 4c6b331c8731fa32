"""Italian words that keep their force whatever phrase files say: negation, hedges, corrections, waiting."""

from __future__ import annotations

from collections.abc import Mapping

from engine.understanding.it.patterns import word_set
from engine.understanding.mentions import Act


def _phrases(*lines: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for line in lines for phrase in line.split(", "))


NEGATIONS = word_set(
    "no non neanche nemmeno neppure mai mica niente nulla nessun",
)
#: Turn the words after them around.
NEGATORS = word_set("non neanche nemmeno neppure mica mai")

#: Folded words of the acts that stop a yes. A phrase that answers or asks may contain none of them.
CORE: Mapping[Act, tuple[tuple[str, ...], ...]] = {
    Act.DENY: _phrases(
        "no, no grazie, di no, assolutamente no, non ancora, non va bene, non vanno bene",
        "non mi va bene, non mi vanno bene",
    ),
    Act.CORRECT: _phrases(
        "anzi, invece, piuttosto, meglio, no aspetta, no aspetti, no scusi, no scusa",
    ),
    Act.HOLD_ON: _phrases(
        "aspetta, aspetti, aspettate, aspettami, aspetta un attimo, aspetti un attimo",
        "aspetta un momento, aspetti un momento, aspetti un secondo, attenda, un attimo, un attimino",
        "un momento, un momentino, un secondo, un secondino, un minutino, mi dia un minuto",
        "dammi un minuto, solo un minuto, resti in linea",
    ),
    Act.HEDGE: _phrases(
        "forse, magari, boh, mah, dipende, eventualmente, probabilmente, semmai, se mai, chissa",
        "quasi quasi, vediamo, vedremo, vedro, poi vedo, cosi cosi, tuttavia, penso, credo, suppongo",
        "immagino, spero, speriamo, mi sa, mi sa di si, penso vada bene, credo vada bene",
        "credo che vada bene, penso che vada bene, penso di si, credo di si, spero di si",
        "suppongo di si, immagino di si, penso si, credo si, mi sembra di si, mi pare di si, ci penso",
        "ci penso su, ci devo pensare, devo pensarci, ci pensero, fammi pensare, mi faccia pensare",
        "mi lasci pensare, devo vedere, devo controllare, devo verificare, devo sentire",
        "devo chiedere, prima devo, le faccio sapere, vi faccio sapere, ti faccio sapere",
        "faccio sapere, faro sapere, non so, non lo so, non saprei, non ne sono, non sono sicuro",
        "non sono sicura, non sono certo, non sono certa, non sono convinto, non sono convinta",
        "dovrebbe andare, potrebbe andare, potrebbe essere, in teoria, in linea di massima",
        "a meno che, solo che, salvo che, tranne che, bisogna vedere, perche no, per ora si, ma, pero",
    ),
}

#: Words that hold one of the above and mean nothing of the kind.
IDIOMS = _phrases(
    "se no, o no, oppure no, si o no, non c e problema, non ci sono problemi",
    "nessun problema, no problem, no nessun problema, no no nessun problema, non c e di che",
    "non si preoccupi, non preoccuparti, no si figuri, no figurati, no tranquillo, no tranquilla",
    "non vedo l ora, meglio cosi, tanto meglio, ancora meglio, meno male, il meglio, di meglio",
    "si figuri, si immagini, si accomodi, se si, un si, il si, ci vediamo, vediamoci",
    "come ha detto lei, come hai detto tu, quello che ha detto lei, non ci sono difficolta",
    "meglio di cosi",
)

#: A yes all the same, though it holds a "no"; phrase files could not say so.
SURELY = _phrases("come no, e come no, ma come no, certo come no, eccome no, come no certo")

#: "ma certo": here the word only lends strength to the next one.
STRENGTHENED = word_set(
    "si certo certamente ovvio ovviamente volentieri prego dai figurati figuriamoci grazie scherzi",
    "naturalmente assolutamente",
)

#: Take back a correction; see find_acts.
WITHDRAWALS = _phrases(
    "lascia stare, lasci stare, lasciamo stare, come non detto, va bene come prima",
)

GIVES_UP = frozenset({"lasciamo", "come"})
"""First words of those that, with nothing to withdraw, give up the booking."""

INTERROGATIVES = _phrases(
    "quando, come, dove, perche, quanto, quanta, quanti, quante, quale, quali, chi, cosa, che ora",
    "che ore, che giorno, che giorni, che orari, che orario, che disponibilita, che cosa, a che",
    "in che, per che, avete, siete, posso, potrei, possiamo, potete, c e, ci sono, e possibile",
    "fino a, da quando, con chi, di cosa, a chi, a quanto",
)
OPENERS = word_set(
    "e ma scusi scusa senta senti allora ah eh ehm mh guardi",
)
TAGS = _phrases(
    "no, vero, giusto, ok, okay, va bene, eh, esatto, o no, dico bene, si",
)
#: The whole of a question that asks to hear it again.
NOT_HEARD = _phrases(
    "scusi, scusa, come, prego, eh, cosa, pardon, mi scusi, mi scusa",
)

#: Skipped inside a phrase of several words.
FILLERS = word_set(
    "ehm eh mh uhm beh allora proprio gentilmente cortesemente cioe",
)

#: A yes that hangs on something: words before it, words after it.
CONDITIONS_BEFORE = word_set(
    "se quando appena finche qualora poi dopo prima purche",
)
#: A clause that begins with one of these says no more than what depends on it.
IF = frozenset({"se", "purche", "qualora"})
CONDITIONS_AFTER = word_set(
    "se quando dopo appena solo purche anche tranne salvo",
)

#: "l'orario esatto", "un certo giorno", "il giorno giusto": no answer.
ADJECTIVES = word_set(
    "esatto esatta giusto giusta corretto corretta certo sicuro sicura",
)
BEFORE_ADJECTIVE = word_set(
    "orario numero indirizzo prezzo giorno ora momento data nome costo modo un una il la lo quello",
    "quella di al per sono email mail posto",
)

#: After "si" without its accent: what makes it a yes all the same; and what, before it, makes it a pronoun.
AFTER_YES = word_set(
    "grazie il lo per alle all dopo domani oggi dopodomani mi ho vorrei volevo io se pero ma buongiorno",
    "pronto dica mercoledi lunedi martedi giovedi venerdi sabato domenica prego assolutamente signora",
    "signore",
)
BEFORE_PRONOUN = word_set(
    "mi ti ci vi come che non dove quando ne se chi cosa",
)

#: "no, va bene": first words of a yes before which a "no" only says that nothing else is wanted.
YES_AFTER_NO = word_set(
    "va vanno perfetto benissimo confermo ottimo mi procediamo bene",
)
#: Those of them that "non" goes with as well: "no va bene", without a comma, may have been "non va bene".
YES_AFTER_NON = frozenset({"va", "vanno", "mi"})
AFTER_YES_AFTER_NO = frozenset({"cosi", "grazie", "per", "tutto", "arrivederci", "guardi", "allora", "e"})

#: "non alle 15", "non quel giorno": a detail ruled out.
RULED_OUT = word_set(
    "alle all dalle quel quell quella quello questo questa lunedi martedi mercoledi giovedi venerdi",
    "sabato domenica domani dopodomani oggi stasera stamattina",
)
BEFORE_RULED_OUT = word_set(
    "a di per nel il la al l in le",
)
AFTER_RULED_OUT = frozenset({"mattina", "pomeriggio", "sera", "settimana", "weekend", "mattino"})

#: What a caller may move or cancel with us, and the words that lead to it.
OWN_BOOKING = word_set(
    "appuntamento appuntamenti consulenza prenotazione incontro colloquio visita seduta tutto sessione",
    "riunione chiamata call orario ora data giorno lunedi martedi mercoledi giovedi venerdi sabato",
    "domenica prossimo prossima mattina pomeriggio sera quello",
)
DETERMINERS = word_set(
    "il lo la l i gli le un uno una mio mia nostro nostra questo questa quel quella quest quell mie",
    "miei",
)
POLICY_AFTER = frozenset({"se", "in", "fino", "gratis", "gratuitamente", "quando", "entro", "eventualmente"})
POLICY_BEFORE = frozenset({"quando", "entro", "fino", "se"})
ELSEWHERE = word_set(
    "dentista medico dottore dottoressa parrucchiere parrucchiera barbiere estetista veterinario",
    "meccanico ristorante hotel albergo tavolo ospedale volo treno",
)

#: Nouns of a detail, and what is said of them when they are wrong or unwanted.
DETAIL_NOUNS: Mapping[str, str] = {
    **dict.fromkeys(("giorno", "data", "giornata"), "date"),
    **dict.fromkeys(("orario", "ora"), "time"),
    **dict.fromkeys(("numero", "telefono", "cellulare", "recapito"), "phone"),
    **dict.fromkeys(("email", "mail", "indirizzo", "posta"), "email"),
}
OTHER_BEFORE = word_set(
    "altro altra diverso diversa cambiare cambiamo cambia cambi cambio",
)
WRONG = frozenset(
    {"sbagliato", "sbagliata", "errato", "errata", "scorretto", "scorretta", "diverso", "diversa"}
)
NOT_RIGHT = word_set(
    "giusto giusta corretto corretta esatto esatta quello quella bene mio",
)
REFUSALS = ("non va bene", "non mi va bene", "non posso", "non riesco", "non e giusto", "non e corretto")
CANNOT = frozenset({"posso", "riesco", "possiamo", "riusciamo", "va", "ci", "vado"})
