"""How long an appointment shall last ("un'ora e mezza", "45 minuti"), as against when ("tra un'ora")."""

from __future__ import annotations

import re

from engine.understanding.digits import number_words
from engine.understanding.mentions import DurationMention
from engine.understanding.text import tokens

LONGEST = 8 * 60  # minutes; what is longer is no appointment
PARTS = {"mezza": 30, "mezzo": 30, "mezz": 30, "un quarto": 15, "tre quarti": 45}
WHOLE = {"tre quarti d ora": 45, "un quarto d ora": 15}

_NUMBER = r"(?:[0-9]{1,3}|[a-z]{3,30})"
_ROUND = "dieci|quindici|venti|trenta|quaranta|quarantacinque|10|15|20|30|40|45"
_SPAN = re.compile(
    rf"(?<!\S)(?:(?P<whole>tre quarti d ora|un quarto d ora)"
    rf"|(?P<half>(?:una? )?(?:mezz or(?:a|etta)|mezzora|mezzoretta|mezza ora|mezza oretta))"
    rf"|(?P<hours>una?|{_NUMBER}) (?:ora|ore|oretta|orette)"
    rf"(?: e (?:(?P<part>mezz[ao]|un quarto|tre quarti)|(?P<rest>{_NUMBER})(?= minuti) minuti"
    rf"|(?P<round>{_ROUND})(?! or[ae])))?"
    rf"|(?P<minutes>{_NUMBER}) minut[io])(?!\S)"
)
#: Words that make it a distance in time, or a clock time, and no length.
_BEFORE = re.compile(
    r"(?:^| )(?:tra|fra|entro|da|dopo|ogni|ore|alle|dalle|ultime|ultima|prossime|prossima|per le|sono le|e le"
    r"|(?:alle|ore|dalle) [a-z0-9]+ e|tempo|anticipo di|ritardo di|mi dia|dammi|solo|aspetti|aspetta)"
    r"(?: circa| un| le| l)?$"
)
_AFTER = re.compile(
    r" (?:fa|dopo|prima|di (?:ritardo|anticipo|preavviso)|piu tardi|su 24|che aspetto|diversa|libera|comoda|qualsiasi"
    r"|precisa)(?!\S)"
)


def find_durations(text: str) -> tuple[DurationMention, ...]:
    """Lengths of time in `text`, at most eight hours, in minutes."""
    said = tokens(text)
    joined = ""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for token in said:
        # A cut becomes a word of its own, so that nothing reaches over punctuation.
        joined += (" | " if token.cut else " ") if joined else ""
        starts[len(joined)] = token.start
        joined += token.text
        ends[len(joined)] = token.end
    mentions = []
    for match in _SPAN.finditer(joined):
        minutes = _minutes(match)
        before = joined[max(0, match.start() - 30) : max(0, match.start() - 1)]
        if (
            minutes is None
            or not 0 < minutes <= LONGEST
            or _BEFORE.search(before)
            or _AFTER.match(joined, match.end())
        ):
            continue
        start, end = starts[match.start()], ends[match.end()]
        mentions.append(DurationMention(text[start:end], start, end, minutes))
    return tuple(mentions)


def _minutes(match: re.Match[str]) -> int | None:
    if match["whole"]:
        return WHOLE[match["whole"]]
    if match["half"]:
        return 30
    if match["minutes"]:
        return _number(match["minutes"])
    hours = 1 if match["hours"] in ("un", "una") else _number(match["hours"])
    said = match["rest"] or match["round"]
    rest = PARTS[match["part"]] if match["part"] else _number(said) if said else 0
    return None if hours is None or rest is None or rest >= 60 else hours * 60 + rest


def _number(word: str) -> int | None:
    figures = word if word.isascii() and word.isdigit() else number_words().get(word)
    return None if figures is None else int(figures)
