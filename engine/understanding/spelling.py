"""What is said aloud to spell an address: signs, letters by name or by city, doubles, digits in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from engine.understanding.digits import MULTIPLES, number_words
from engine.understanding.folding import fold
from engine.understanding.it.patterns import word_set

SIGNS = {
    ("chiocciola",): "@",
    ("chiocciolina",): "@",
    ("at",): "@",
    ("et",): "@",
    ("punto",): ".",
    ("dot",): ".",
    ("trattino", "basso"): "_",
    ("trattino", "in", "basso"): "_",
    ("underscore",): "_",
    ("under", "score"): "_",
    ("trattino",): "-",
    ("trattino", "alto"): "-",
    ("lineetta",): "-",
    ("meno",): "-",
    ("piu",): "+",
}
#: Nothing to write: the first say that words are one, the others how they are written.
TOGETHER = (
    ("tutto", "attaccato"),
    ("tutto", "unito"),
    ("attaccato",),
    ("senza", "spazi"),
    ("tutta", "attaccata"),
)
REMARKS = tuple(
    (*before, case)
    for before in ((), ("tutto",), ("tutto", "in"), ("in",), ("scritto",))
    for case in ("minuscolo", "maiuscolo")
)
#: Begin a remark on how the word before them is written: "pizzi, con la doppia zeta", "erika con la cappa".
WITH = frozenset({"con", "senza"})
ARTICLES = frozenset({"la", "le", "il", "l", "una", "un"})
_LONGEST_REMARK = 7  # words

LETTERS = {
    **{letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{"bi": "b", "ci": "c", "di": "d", "effe": "f", "gi": "g", "acca": "h", "cappa": "k", "elle": "l"},
    **{"emme": "m", "enne": "n", "pi": "p", "cu": "q", "qu": "q", "erre": "r", "esse": "s", "ti": "t"},
    **{"vu": "v", "vi": "v", "ics": "x", "ipsilon": "y", "zeta": "z", "jei": "j", "kappa": "k"},
}
LONG_LETTERS = {("i", "lunga"): "j", ("doppia", "vu"): "w", ("vu", "doppia"): "w", ("i", "greca"): "y"}
#: Ordinary words too: letters only beside other letters, or before a sign.
DOUBTFUL = frozenset({"a", "e", "i", "o", "di", "ci", "vi", "ti"})
CITIES = word_set(
    "ancona bologna bari como catania domodossola empoli firenze genova hotel imola jolly",
    "kursaal livorno milano napoli otranto oristano padova palermo pisa quarto roma savona",
    "salerno torino udine venezia verona washington xilofono york yacht zara zurigo",
)

_TOKEN = re.compile(r"[a-z]+(?:'(?=\W|$))?|[0-9]+|[^\s]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a spelled address. `kind` is "sign", "word", "letters", "digits", "together", "remark" (nothing to
    write), "unclear" (a remark that does not fit the word before it) or "stop" (punctuation, or anything no address
    holds); `text` is what to write; `glued`: no space before it."""

    kind: str
    text: str
    start: int
    end: int
    glued: bool
    spoken: bool = False
    accented: bool = False


def units(text: str) -> list[Unit]:
    """The pieces of `text`, in order, with their places in it."""
    folded = fold(text)
    raw = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(folded)]
    found: list[Unit] = []
    at = 0
    while at < len(raw):
        kind, written, used, spoken = _remark(raw, at, found) or _read(raw, at)
        start, end = raw[at][1], raw[at + used - 1][2]
        glued = at > 0 and raw[at - 1][2] == start
        original = text[start:end]
        found.append(
            Unit(kind, written, start, end, glued, spoken, not original.isascii() or "'" in original)
        )
        at += used
    return _as_written(_without_respelling(_letters_settled(found)), folded)


def _read(raw: list[tuple[str, int, int]], at: int) -> tuple[str, str, int, bool]:
    """Kind, text, how many raw tokens, whether a sign was spoken."""
    first = raw[at][0]
    if first in "@._-+":
        return "sign", first, 1, False
    if first not in _OPENING:
        return _plain(first)
    said = tuple(token[0] for token in raw[at : at + 3])
    if said == ("e", "-", "mail"):
        return "word", "email", 3, False
    for length in (3, 2, 1):
        words = said[:length]
        if len(words) < length:
            continue
        if words in SIGNS:
            return "sign", SIGNS[words], length, True
        if words in TOGETHER:
            return "together", "", length, True
        if words in REMARKS:
            return "remark", "", length, True
        if words in LONG_LETTERS:
            return "letters", LONG_LETTERS[words], length, True
    if first in MULTIPLES and len(said) > 1:
        doubled = LETTERS.get(said[1]) or (number_words().get(said[1]) if said[1].isalpha() else said[1])
        if doubled is not None and len(doubled) == 1 and doubled.isalnum():
            kind = "digits" if doubled.isdigit() else "letters"
            return kind, doubled * MULTIPLES[first], 2, True
    if len(said) == 3 and LETTERS.get(first) and _exemplifies(said[1], said[2], LETTERS[first]):
        return "letters", LETTERS[first], 3, True
    return _plain(first)


#: First words of what is read by more than its own letters.
_OPENING = frozenset(
    {
        *(words[0] for table in (SIGNS, TOGETHER, REMARKS, LONG_LETTERS) for words in table),
        *(*MULTIPLES, *LETTERS),
    }
)


def _plain(word: str) -> tuple[str, str, int, bool]:
    """A token that is read alone."""
    if word.isdigit():
        return "digits", word, 1, False
    if word in number_words():
        return "digits", number_words()[word], 1, True
    if word.isalpha() and word.isascii():
        return "word", word, 1, False
    if word.endswith("'") and len(word) > 1:
        return "word", word[:-1], 1, False
    return "stop", word, 1, False


def _remark(raw: list[tuple[str, int, int]], at: int, found: list[Unit]) -> tuple[str, str, int, bool] | None:
    """ "con la doppia zeta", "con due zeta", "con una elle sola", "senza acca", "con la emme maiuscola"."""
    further = raw[at][0] == "e" and bool(found) and found[-1].kind in ("remark", "unclear")
    if raw[at][0] not in WITH and not further:
        return None
    said = [token[0] for token in raw[at : at + _LONGEST_REMARK]] + [""] * _LONGEST_REMARK
    used = 1
    one = said[used] in ("una", "un")
    while said[used] in ARTICLES or said[used] == "'":
        used += 1
    twice = said[used] in ("doppia", "due", "doppie", "2")
    used += twice
    if said[used] not in LETTERS:
        return None
    letter = LETTERS[said[used]]
    used += 1
    one |= said[used] == "sola"
    used += said[used] in ("sola", "finale", "maiuscola", "minuscola")
    if said[used] in ("come", "di") and said[used + 1].startswith(letter):
        used += 2
    word = next((unit.text for unit in reversed(found[-4:]) if unit.kind in ("word", "letters")), "")
    if said[0] == "senza":
        fits = letter not in word
    elif twice:
        fits = letter * 2 in word
    else:
        fits = letter in word and not (one and letter * 2 in word)
    return ("remark" if fits and word else "unclear"), "", used, True


def _without_respelling(found: list[Unit]) -> list[Unit]:
    """ "mario, emme a erre i o": letters that only spell the word before them once more, or contradict it."""
    settled = list(found)
    at = 0
    while at < len(found):
        if found[at].kind != "letters":
            at += 1
            continue
        run, after = [at], _past_comma(found, at + 1)
        while after is not None and found[after].kind == "letters":
            run.append(after)
            after = _past_comma(found, after + 1)
        before = _before_comma(found, at - 1)
        if before is not None and found[before].kind == "word":
            spelled, word = "".join(found[n].text for n in run), found[before].text
            apart = before < at - 1
            doubled = len(run) == 1 and len(spelled) > 1 and spelled in word
            if spelled == word or doubled or (apart and len(run) >= _RESPELLED):
                kind = "remark" if spelled == word else "unclear"
                for n in range(run[0], run[-1] + 1):
                    settled[n] = replace(found[n], kind=kind, text="")
        at = run[-1] + 1
    return settled


_RESPELLED = 3  # letters, that behind a comma may spell the word before it


def _before_comma(found: list[Unit], at: int) -> int | None:
    if at >= 0 and found[at].kind == "stop" and found[at].text == ",":
        at -= 1
    return at if at >= 0 else None


def _exemplifies(link: str, word: str, letter: str) -> bool:
    """ "a come Ancona", "emme di Milano"."""
    return word.startswith(letter) and (link == "come" or (link == "di" and word in CITIES))


def _as_written(found: list[Unit], folded: str) -> list[Unit]:
    """Words joined to a written sign stand for themselves: "due.rossi@tre.it" holds no figures."""
    settled = list(found)
    for n, unit in enumerate(found):
        joined = unit.glued and _written_sign(found[n - 1])
        joined = joined or (n + 1 < len(found) and found[n + 1].glued and _written_sign(found[n + 1]))
        word = folded[unit.start : unit.end]
        if joined and unit.kind in ("digits", "letters") and word.isalpha():
            settled[n] = Unit("word", word, unit.start, unit.end, unit.glued)
    return settled


def _written_sign(unit: Unit) -> bool:
    return unit.kind == "sign" and not unit.spoken


def _letters_settled(found: list[Unit]) -> list[Unit]:
    """Words that name letters become letters where they stand among letters, or alone before a sign."""
    settled = list(found)
    at = 0
    while at < len(found):
        if not _may_be_letter(found[at]):
            at += 1
            continue
        run = [at]
        while (following := _past_comma(found, run[-1] + 1)) is not None and _may_be_letter(found[following]):
            run.append(following)
        sure = [n for n in run if found[n].kind == "letters" or found[n].text not in DOUBTFUL]
        before_sign = run[-1] + 1 < len(found) and found[run[-1] + 1].kind == "sign"
        if sure or len(run) >= 3 or (len(run) == 1 and before_sign):
            for n in run:
                unit = found[n]
                if unit.kind == "word":
                    settled[n] = Unit("letters", LETTERS[unit.text], unit.start, unit.end, unit.glued, True)
        at = run[-1] + 1
    return settled


def _may_be_letter(unit: Unit) -> bool:
    return unit.kind == "letters" or (unit.kind == "word" and unit.text in LETTERS and not unit.accented)


def _past_comma(found: list[Unit], at: int) -> int | None:
    if at < len(found) and found[at].kind == "stop" and found[at].text == ",":
        at += 1
    return at if at < len(found) else None
