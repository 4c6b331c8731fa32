"""Digits as Italians dictate them: figures, number words, doubles and triples, in runs with their place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from engine.understanding.folding import fold
from engine.understanding.it.calendar import MONTHS, WEEKDAY_NAMES
from engine.understanding.it.numbers import ONE, spelled
from engine.understanding.mentions import Words

MULTIPLES = {"doppio": 2, "doppia": 2, "triplo": 3, "tripla": 3}
TIMES = {"due": 2, "tre": 3, "quattro": 4, "cinque": 5}  # before "volte"
JOINERS = frozenset({"e", "poi", "ehm", "eh", "ah", "mh", "uhm", "allora", "ancora"})
#: Said between two pieces to see whether the other side follows.
CHATTER = JOINERS | {
    *(
        "si",
        "ok",
        "okay",
        "va",
        "bene",
        "mi",
        "segue",
        "ha",
        "scritto",
        "scrive",
        "dunque",
        "esatto",
        "fatto",
    ),
    *("perfetto", "preso"),
}
ZEROS = "zeri"
_MOST_BETWEEN = 4  # words between two pieces of a number

CLOCK_LEADS = frozenset({"alle", "ore", "dalle", "ora", "verso", "le", "delle", "l"})
DAY_LEADS = frozenset({*WEEKDAY_NAMES, "giorno", "giorni"})
UNITS_AFTER = MONTHS.keys() | {
    "euro",
    "minuti",
    "minuto",
    "anni",
    "giorni",
    "ore",
    "settimane",
    "mesi",
    "persone",
}

_TOKEN = re.compile(r"[0-9]+|\+|[^\W\d_]+(?:['’`][^\W\d_]+)*")
_GAP = re.compile(r"[\s\-–—.,/()…?!]*")
# What is written like a time, a date or a price is not dictated digits; nor are thanks.
_NOT_DIGITS = re.compile(
    r"(?<![\d.\-/])(?:[01]?\d|2[0-4]):[0-5]\d(?!\d)"
    r"|(?<![\d.\-/])(?:0?[1-9]|[12]\d|3[01])([./\-])(?:0?[1-9]|1[0-2])(?:\1(?:\d{4}|\d{2}))(?![\d.\-/]*\d)"
    r"|(?<![\d.\-/])(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])(?![\d/]*\d)"
    r"|(?<![0-9.,])[0-9][0-9.,]*\s?[€%]|[€$]\s?[0-9][0-9.,]*"
    r"|(?i:\bgrazie\s+(?:mille|1000)\b|(?:^|[^\w\s]|\bs[iì])\s*\bmille\s+grazie\b)"
)


class Piece(NamedTuple):
    """Figures said as one ("sette", "doppio zero", "trecentoquaranta"), over `start` to `end` of the text.

    `after` is the index of the token behind it; `joined` the words between it and the piece before;
    `doubtful`: a number above 999 with another behind it, "mille duecento", may be one number or two.
    """

    digits: str
    start: int
    end: int
    after: int
    joined: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class DigitRun(Words):
    """Digits dictated in one breath; `digits` may start with "+"."""

    digits: str
    pieces: tuple[Piece, ...]

    @property
    def doubtful(self) -> bool:
        """Whether its words can mean other digits too."""
        return any(piece.doubtful for piece in self.pieces)


class _Token(NamedTuple):
    text: str  # folded
    start: int
    end: int


def find_digit_runs(text: str) -> tuple[DigitRun, ...]:
    """Every run of dictated digits that is no clock time, date or price.

    A single digit counts only when nothing else was said ("Sette.").
    """
    runs = digit_runs(text)
    if len(runs) == 1 and len(runs[0].digits) == 1:
        said = [t for t in _tokens(text) if t.text not in JOINERS]
        return runs if len(said) == 1 else ()
    return tuple(run for run in runs if len(run.digits) > 1)


_BEGINNERS = frozenset({"+", "piu", *MULTIPLES, *TIMES})


@lru_cache(maxsize=8)
def digit_runs(text: str) -> tuple[DigitRun, ...]:
    """Runs of any length, cleaned of hours, days and years that merely stand beside them."""
    tokens = _tokens(text)
    if not any(_may_begin(token.text) for token in tokens):
        return ()
    masked = frozenset(at for match in _NOT_DIGITS.finditer(text) for at in range(*match.span()))
    runs: list[DigitRun] = []
    at = 0
    while at < len(tokens):
        begins = _may_begin(tokens[at].text)
        piece = _piece(text, tokens, at, masked, opening=True) if begins else None
        if piece is None:
            at += 1
            continue
        pieces = [piece]
        while (following := _next_piece(text, tokens, pieces[-1], masked)) is not None:
            pieces.append(following)
        first, at = at, pieces[-1].after
        pieces = _without_neighbours(tokens, first, pieces)
        if pieces:
            runs.append(run_of(text, pieces))
    return tuple(runs)


def _may_begin(said: str) -> bool:
    return said in _BEGINNERS or said[:1].isdigit() or said in number_words()


def run_of(text: str, pieces: Sequence[Piece]) -> DigitRun:
    """The run that consecutive pieces of `text` make."""
    start, end = pieces[0].start, pieces[-1].end
    return DigitRun(text[start:end], start, end, "".join(p.digits for p in pieces), tuple(pieces))


@cache
def number_words() -> Mapping[str, str]:
    """Folded Italian number words, 0 to 9999 written as one word, to their figures; "un" and "una" are none."""
    return MappingProxyType({word: str(value) for word, value in spelled().items() if word not in ONE})


def _tokens(text: str) -> list[_Token]:
    folded = fold(text)
    return [_Token(folded[m.start() : m.end()].replace("'", ""), *m.span()) for m in _TOKEN.finditer(text)]


def _piece(
    text: str, tokens: list[_Token], at: int, masked: frozenset[int], *, opening: bool = False
) -> Piece | None:
    """The digits that the token at `at` begins, if it begins any."""
    if at >= len(tokens):
        return None
    token = tokens[at]
    if opening and token.text in {"+", "piu"}:
        number = _piece(text, tokens, at + 1, masked)
        if number is None or not _adjacent(text, token, tokens[at + 1]):
            return None
        return Piece("+" + number.digits, token.start, number.end, number.after)
    zeros = _zeros(tokens, at)
    if zeros:
        return Piece("0" * zeros, token.start, tokens[at + 1].end, at + 2)
    if token.text.isascii() and token.text.isdigit():
        if token.start in masked:
            return None
        return Piece(token.text, token.start, token.end, at + 1)
    repeat, skip = MULTIPLES.get(token.text, 0), 1
    if token.text in TIMES and at + 1 < len(tokens) and tokens[at + 1].text == "volte":
        repeat, skip = TIMES[token.text], 2
    if repeat and at + skip < len(tokens):
        figure = _figure(tokens[at + skip])
        if figure is not None and len(figure) == 1:
            return Piece(figure * repeat, token.start, tokens[at + skip].end, at + skip + 1)
    digits = number_words().get(token.text)
    if digits is None or token.start in masked:
        return None
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    if len(digits) == 3 and digits.endswith("00") and following is not None:
        rest = number_words().get(following.text)
        if rest is not None and len(rest) == 2 and _adjacent(text, token, following):
            return Piece(digits[0] + rest, token.start, following.end, at + 2)
    goes_on = following is not None and _figure(following) is not None and _adjacent(text, token, following)
    return Piece(digits, token.start, token.end, at + 1, doubtful=len(digits) == 4 and goes_on)


def _zeros(tokens: list[_Token], at: int) -> int:
    """How many zeros "tre zeri" are."""
    if at + 1 >= len(tokens) or tokens[at + 1].text != ZEROS:
        return 0
    said = tokens[at].text
    return int(said) if said in ("2", "3", "4", "5") else TIMES.get(said, 0)


def _figure(token: _Token) -> str | None:
    return token.text if token.text.isascii() and token.text.isdigit() else number_words().get(token.text)


def _next_piece(text: str, tokens: list[_Token], last: Piece, masked: frozenset[int]) -> Piece | None:
    """The piece that continues a run, past separators and a few words that join or only ask whether they arrive."""
    at, end, joined = last.after, last.end, ""
    for _ in range(_MOST_BETWEEN + 1):
        if at >= len(tokens) or not _GAP.fullmatch(text, end, tokens[at].start):
            return None
        piece = _piece(text, tokens, at, masked)
        if piece is not None:
            return piece._replace(joined=joined)
        if tokens[at].text not in CHATTER:
            return None
        joined, end, at = f"{joined} {tokens[at].text}".strip(), tokens[at].end, at + 1
    return None


def _without_neighbours(tokens: list[_Token], first: int, pieces: list[Piece]) -> list[Piece]:
    """Drop the hour of "alle 15, 333 …", the day of "mercoledì 11, 333 …", the year after a month, and a last
    figure that belongs to the word after it ("333 …, 11 febbraio")."""
    before = tokens[first - 1].text if first else ""
    after_at = pieces[-1].after
    after = tokens[after_at].text if after_at < len(tokens) else ""
    if before in CLOCK_LEADS and len(pieces[0].digits) <= 2:
        pieces = pieces[1:]
        if pieces and pieces[0].joined == "e" and len(pieces[0].digits) == 2:
            pieces = pieces[1:]
        if sum(len(p.digits) for p in pieces) <= 2:
            pieces = []
    elif (before in DAY_LEADS and len(pieces[0].digits) <= 2) or (
        before in MONTHS and len(pieces[0].digits) == 4
    ):
        pieces = pieces[1:]
    return pieces[:-1] if after in UNITS_AFTER else pieces


def _adjacent(text: str, left: _Token, right: _Token) -> bool:
    return not text[left.end : right.start].strip()
