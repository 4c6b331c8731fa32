"""Names by which callers introduce themselves."""

from __future__ import annotations

import re

from engine.understanding.it.patterns import word_set
from engine.understanding.mentions import NameMention
from engine.understanding.text import Token, tokens

#: Words after which a name stands, and whether it must be capitalised to be one.
LEADS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("mi", "chiamo"), False),
    (("il", "mio", "nome", "e"), False),
    (("il", "nome", "e"), False),
    (("nome", "e", "cognome"), False),
    (("a", "nome", "di"), False),
    (("a", "nome"), False),
    (("mi", "presento", "sono"), False),
    (("mi", "presento"), True),
    (("parla",), True),
    (("sono",), True),
)
TITLES = word_set(
    "il la l signor signora signorina dottor dottore dottoressa avvocato avvocatessa ingegner ingegnere",
    "architetto professor professore professoressa geometra ragionier",
)
PARTICLES = word_set(
    "de di d del della dello dell dal dalla la lo li",
)
SURE_PARTICLES = frozenset({"de", "d"})  # even where the transcript has no capitals
NOT_NAMES = word_set(
    "e o ma per con che chi come dove quando perche se non no si ho ha hai vorrei volevo",
    "voglio vorremmo devo dovrei posso potrei sono chiamo chiamavo telefono numero cellulare",
    "email mail mio mia tuo tua suo sua questo questa grazie buongiorno buonasera salve",
    "pronto ciao scusi scusa senta guardi allora ecco poi anche ancora gia qui qua io lei lui",
    "noi voi loro tu mi ti ci vi le gli un una uno in da su tra fra al alla alle ai dal abito",
    "lavoro avrei interessato interessata libero libera ritardo sicuro sicura disponibile",
    "accordo contento contenta era lunedi martedi mercoledi giovedi venerdi sabato",
    "domenica gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre",
    "novembre dicembre oggi domani ieri italia cliente nuovo nuova confermo cosi bene va",
    "signor signora piacere cognome nome appuntamento consulenza persona azienda ditta",
    "societa stato stata",
)
REFUSING = word_set(
    "non ci ne che si mi vi quando se loro chi cosa dove",
)
MOST_WORDS = 3


def find_names(text: str) -> tuple[NameMention, ...]:
    """Names after words that introduce one ("mi chiamo …", "a nome …", "sono …").

    After a bare "sono" or "parla" only capitalised words are a name; elsewhere transcripts may lack capitals.
    """
    said = tokens(text)
    folded = tuple(token.text for token in said)
    mentions = []
    at = 0
    while at < len(said):
        lead = next((lead for lead in LEADS if folded[at : at + len(lead[0])] == lead[0]), None)
        if lead is None or (at and folded[at - 1] in REFUSING and not said[at].cut):
            at += 1
            continue
        at += len(lead[0])
        name = _name(text, said, at, capitals=lead[1])
        if name:
            start, end = name[0].start, name[-1].end
            mentions.append(NameMention(text[start:end], start, end, _as_written(text[start:end])))
            at += len(name)
    return tuple(mentions)


def _name(text: str, said: tuple[Token, ...], at: int, *, capitals: bool) -> list[Token]:
    titled = False
    while at < len(said) and said[at].text in TITLES and not _capital(text, said[at], beyond=TITLES):
        titled = True
        at += 1
    if titled and said[at - 1].text in {"il", "la", "l"}:
        return []
    name: list[Token] = []
    words = 0
    while at < len(said) and words < MOST_WORDS:
        token = said[at]
        capital = _capital(text, token)
        # "Mi chiamo: Marco" may have a pause before the name, but none within it.
        if (token.cut and (name or capitals)) or not token.text.isalpha():
            break
        particle = token.text in PARTICLES and at + 1 < len(said) and not said[at + 1].cut
        if particle and (capital or token.text in SURE_PARTICLES) and said[at + 1].text not in NOT_NAMES:
            name.append(token)
            at += 1
            continue
        mixed = bool(name) and _capital(text, name[0])
        if token.text in NOT_NAMES or len(token.text) < 2 or ((capitals or mixed) and not capital):
            break
        name.append(token)
        words += 1
        at += 1
    while name and name[-1].text in PARTICLES and (words == 0 or name[-1].text not in NOT_NAMES):
        name.pop()
    return name


def _capital(text: str, token: Token, beyond: frozenset[str] = frozenset()) -> bool:
    word = text[token.start : token.end]
    return word[:1].isupper() and not (len(word) > 1 and word.isupper()) and token.text not in beyond


def _as_written(words: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda m: m[0] if m[0][0].isupper() else m[0][0].upper() + m[0][1:], words)
