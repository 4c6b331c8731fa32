"""What a caller turn says: acts, and each day and time with how it is meant (wished, aloud, ruled out …)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum, auto
from functools import lru_cache
from itertools import islice, pairwise
from operator import attrgetter, itemgetter
from typing import Generic, TypeVar

from engine.ports import Mention, MentionKind
from engine.understanding import pointing
from engine.understanding.acts import Phrases, find_acts, rejected_details
from engine.understanding.dates import find_dates
from engine.understanding.durations import find_durations
from engine.understanding.emails import find_emails
from engine.understanding.folding import fold
from engine.understanding.mentions import (
    Act,
    ActMention,
    DateMention,
    DurationMention,
    EmailMention,
    NameMention,
    PhoneMention,
    RangeMention,
    TimeMention,
    Words,
)
from engine.understanding.names import find_names
from engine.understanding.phones import find_phones
from engine.understanding.ranges import find_ranges
from engine.understanding.readback import Verb
from engine.understanding.times import find_times

M = TypeVar("M", DateMention, TimeMention)


class Meant(Enum):
    """How a day or a time is meant."""

    WISH = auto()
    ALOUD = auto()  # hedged or an afterthought: "forse lunedì", "e magari anche giovedì"
    RULED_OUT = auto()  # "mercoledì non posso"
    ELSEWHERE = auto()  # "ieri dal dentista", "siete aperti il sabato?"
    OLD = auto()  # the appointment to be moved or cancelled: "quello di mercoledì"


@dataclass(frozen=True, slots=True)
class Said(Generic[M]):
    """A day or a time and how it is meant."""

    mention: M
    meant: Meant


@dataclass(frozen=True, slots=True)
class CallerReading:
    """One caller turn, read on its own.

    `pointed`: the mentions that only the other extractor found. `disputed`: the kinds of detail on which it and
    we disagree; days and times say so themselves, by being several.
    """

    text: str
    acts: tuple[ActMention, ...]
    dates: tuple[Said[DateMention], ...]
    times: tuple[Said[TimeMention], ...]
    ranges: tuple[RangeMention, ...]
    phones: tuple[PhoneMention, ...]
    emails: tuple[EmailMention, ...]
    names: tuple[NameMention, ...]
    durations: tuple[DurationMention, ...]
    rejected: frozenset[str]
    this_number: bool
    keeps: bool
    asks_to_come: bool
    change: Verb
    days_on: int
    minutes_on: int
    same_time: bool
    ordinal: int | None
    ordinal_words: Words | None
    pointed: frozenset[Words] = frozenset()
    disputed: frozenset[MentionKind] = frozenset()

    @property
    def alone(self) -> CallerReading:
        """The turn as we read it ourselves: what it asks for and agrees to is not to be found by pointing."""
        if not self.pointed:
            return self
        return replace(
            self,
            dates=tuple(said for said in self.dates if said.mention not in self.pointed),
            times=tuple(said for said in self.times if said.mention not in self.pointed),
        )

    def does(self, *acts: Act) -> bool:
        """Whether the turn does any of `acts`."""
        return any(mention.act in acts for mention in self.acts)

    def last(self, act: Act) -> ActMention | None:
        """The last words that do `act`."""
        return next((mention for mention in reversed(self.acts) if mention.act is act), None)

    def repairs(self, between: tuple[int, int]) -> bool:
        """Whether the words between two offsets take back what was said before them."""
        return _REPAIR.search(fold(self.text[between[0] : between[1]])) is not None


# Words within one clause that decide how its day or time is meant; the first table that matches wins.
_ELSEWHERE = re.compile(
    r"\b(?:ieri|scors[oa]|dal (?:dentista|medico|dottore|parrucchiere|commercialista|notaio|veterinario"
    r"|fisioterapista|meccanico)"
    r"|dalla (?:dentista|dottoressa|parrucchiera|estetista)|all'ospedale|in ospedale|compleanno|anniversario"
    r"|vacanz[ae]|ferie"
    r"|partit[ao]|treno|volo|aereo|matrimonio|riunione"
    r"|apert[oaie]|chius[oaie]|aprite|chiudete|orari|lavorate|fate orario|ho avuto|sono stat[oa]|ero|avevo"
    r"|abbiamo avuto|mi hanno (?:dato|fissato|messo)|mi ha (?:dato|fissato|messo)"
    r"|abit(?:o|iamo) al|compi(?:e|o|amo)\b|nat[oa] il|(?:vi )?ho chiamato"
    r"|ho (?:gia )?(?:un|una|l')(?: altro| altra)? ?(?:appuntamento|impegno|visita|esame|cena|lezione"
    r"|consegna)|ho (?:il|la|l') ?(?:dentista|medico|veterinario|parrucchiere|commercialista|notaio"
    r"|fisioterapista"
    r"|funerale|lezione|palestra|turno))\b"
)
_RULED_OUT = re.compile(
    r"\bnon (?:\w+ ){0,2}?(?:posso|riesco|riusciamo|possiamo|va|vado|ci sono|sono|voglio|vorrei|ce la faccio"
    r"|mi e possibile|quel\w*|di|il|la"
    r"|alle|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica)\b"
    r"|\b(?:tranne|eccetto|impegnat[oa]|occupat[oa]|lavoro|sono (?:via|fuori|a scuola|in (?:viaggio"
    r"|trasferta))|parto|e fest(?:a|ivo)|al posto (?:di|del\w*)"
    r"|invece (?:di|del\w*|che)"
    r"|niente|escluso|esclusi|troppo (?:tardi|presto)|scomod[oa]|impossibile|no)\b"
)
# Beside another day or time these leave it second; alone they only soften it: "magari alle nove e mezza".
_NOT_THAT = re.compile(r"\bnon\b(?:(?!\b(?:solo|lo so|so)\b).)*$")
_INSTEAD = re.compile(r"\b(?:tranne|eccetto|niente|invece d\w+'?|al posto d\w+'?)\s*(?:il |la |le |alle )?$")
_CANNOT = re.compile(r"\bnon (?:posso|riesco|va|ci sono|mi va|ce la faccio)\b")
_PERHAPS = re.compile(r"\s*(?:forse|magari|credo)\b")
_ENDING = re.compile(r"[.!?…]")
_MAYBE = re.compile(r"\b(?:magari|eventualmente|semmai|al limite)\b")
_ALOUD = re.compile(
    r"\b(?:forse|non so|non saprei|boh|potrei|chissa|se mai"
    r"|mal che vada|o anche"
    r"|vediamo|penso|credo|dipende)\b"
)
_AFTERTHOUGHT = re.compile(r"\b(?:e|o|oppure)\b[\s,]*(?:(?:poi|magari|forse|eventualmente) )*anche\b")
_OLD = re.compile(
    r"(?:\b(?:quell[oa]|appuntamento|prenotazione|consulenza|incontro)\b[^,;.]{0,20}?\b|^)(?:di|del|dell'"
    r"|delle"
    r"|della|da|dal|dalle|dall')\s*$"
)
_REPAIR = re.compile(
    r"\b(?:anzi|no|meglio|piuttosto|facciamo|invece|scus[aie]|mi scusi|volevo dire|cioe|aspett[aie]|pardon"
    r"|rettifico|cambiamo"
    r"|diciamo|ripensandoci|mi sbaglio|ho sbagliato|mi sono sbagliat[oa]|pero|ma)\b"
)
_POLITE_NON = re.compile(
    r"\bnon (?:si (?:puo|potrebbe|riesce)|e che|avre\w+|avete|ha|c'e|ci sarebbe|potre\w+|possiamo|e possibile"
    r"|sarebbe)\b"
)
_TOO = re.compile(r"\b(?:troppo (?:tardi|presto)|impegnat[oa]|occupat[oa]|scomod[oa]|impossibile)\b")
_CLAUSE_CUT = re.compile(
    r"[,;:.!?…]+(?=\s|$)|\.{2,}|\b(?=(?:ma|pero|anzi|invece|oppure|facciamo|e magari|magari|piuttosto"
    r"|meglio)\b)"
)
_THIS_NUMBER = re.compile(
    r"\b(?:quest[oa]|stesso|medesimo)(?: \w+)?? (?:numero|telefono|cellulare)\b|\b(?:numero|quello"
    r"|cellulare)\b.{0,12}\b(?:da cui|dal quale|con cui|che)\b"
    r".{0,8}\b(?:chiam|telefon|sto chiam|vede|compare|appare)\w*|\bquesto qui\b|\bda cui (?:sto )?chiam\w+"
)
# "Il giorno dopo", "un'ora prima": steps from what was talked about.
_DAY_STEP = re.compile(r"\b(?P<size>)(?:il )?giorno (?P<way>dopo|successivo|seguente|prima|precedente)\b")
_HOUR_STEP = re.compile(
    r"\b(?P<size>un'ora|un'oretta|mezz'ora|mezzora|due ore) (?P<way>dopo|piu tardi|in avanti|prima"
    r"|in anticipo)\b"
)
_SAME_TIME = re.compile(r"\bstess[oa] (?:ora|orario)\b")
_STEP_SIZES = {"un'ora": 60, "un'oretta": 60, "mezz'ora": 30, "mezzora": 30, "due ore": 120}
# What is to be done with an own appointment, which a noun or a pronoun must name.
_APPOINTMENT = r"(?:appuntament\w*|prenotazion\w*|consulenz\w*|incontro|visita|disdetta)"
_CANCELS = re.compile(
    rf"(?<!non )\b(?:annull\w*|disd\w*|cancell\w*|elimin\w*|tolga|togli\w*"
    rf"|non mi serve piu)\b(?=.*\b{_APPOINTMENT}\b)"
    rf"|\b{_APPOINTMENT}\b.*\b(?:annull\w*|disd\w*|cancell\w*|elimin\w*|tolga|togli\w*)\b"
    r"|^\W*(?:annullarl[oa]|disdirl[oa]|cancellarl[oa]|eliminarl[oa])\b"
)
_MOVES = re.compile(
    rf"(?<!non )\b(?:spost\w*|rimand\w*|posticip\w*|anticip\w*|rinvi\w*)\b(?=.*\b{_APPOINTMENT}\b)"
    rf"|\b{_APPOINTMENT}\b.*\b(?:spost\w*|rimand\w*|posticip\w*|anticip\w*|rinvi\w*)\b"
    r"|^\W*(?:spostarl[oa]|rimandarl[oa]|posticiparl[oa]|anticiparl[oa]|rinviarl[oa])\b"
)
# With a day and a time these ask for an appointment; to fetch or bring something they do not.
_COME = re.compile(
    r"\b(?:venire|passare|vederci|vedervi|incontrar\w+|vedere|verrei|riceve\w+|chiedo un appuntamento"
    r"|(?:appuntamento|prenotazione|consulenza) per|di persona)\b"
    r"(?!.*\b(?:ritirare|prendere|portare|lasciare|firmare|pagare|consegnare|sapere|riprendere)\b)"
    r"|\bsi (?:puo|potrebbe)\b(?!.*\b(?:sapere|avere|parcheggiare|pagare)\b)|\b(?:sarebbe|e) possibile\b"
)
# Said of an appointment that was to be moved or cancelled: it stays.
_KEEPS = re.compile(
    r"\b(?:lo|la) (?:tengo|teniamo|mantengo|lascio|lasciamo)\b|\blasc(?:i|ia|iamo|iate) (?:stare|perdere"
    r"|com'e"
    r"|cosi)\b"
    r"|\b(?:resta|rimane|resti|rimanga) (?:com'e|cosi|quello|quella)\b"
)
_ORDINALS = {
    "primo": 0,
    "prima": 0,
    "secondo": 1,
    "seconda": 1,
    "terzo": 2,
    "terza": 2,
    "quarto": 3,
    "ultimo": -1,
    "ultima": -1,
}
_ORDINAL = re.compile(
    r"\b(?:il|la|l'|quello|quella|direi il|prendo il|va bene il)\s*(primo|prima|secondo|seconda|terzo|terza"
    r"|quarto|ultimo|ultima)\b"
    r"(?!\s+(?:volta|giorno|del|di|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica|gennaio|febbraio"
    r"|marzo|aprile|maggio|giugno"
    r"|luglio|agosto|settembre|ottobre|novembre|dicembre))"
)
_NEAR = 24  # characters before words that may turn them down
_MOST_ORDINALS = 8  # of one turn; more are no choice among offers
_NOT_IT = re.compile(
    r"\b(?:non|ne|neanche|nemmeno|tranne|invece d\w+'?) *(?:va |mi va |prendo |voglio |e )?(?:bene )?$"
)
_NO_AFTER = re.compile(r"[\s,]*(?:no\b|nemmeno\b|neanche\b|non (?:posso|va|riesco|mi va)\b)")


def read_caller(
    text: str, now: datetime, phrases: Phrases, *, yes_no_pending: bool, found: Sequence[Mention] = ()
) -> CallerReading:
    """Read a caller turn spoken at `now` (aware, in the consultant's zone).

    `yes_no_pending`: the assistant's last question takes a yes. `found` are grounded mentions another extractor
    saw in this turn; they only point at words, which are read by the same grammars.
    """
    flat = fold(text)
    ordinal = _ordinal(flat)
    ordinal_span = ordinal.span() if ordinal else (0, 0)
    ranges = find_ranges(text, now)
    weeks = [span for span in ranges if _is_week(span)][:_MOST_WEEKS]
    places = [found.span() for found in islice(_ORDINAL.finditer(flat), _MOST_ORDINALS)]
    own_dates = [
        _in_week_said(day, weeks)
        for day in find_dates(text, now)
        if not any(_inside(day, place) for place in places)
    ]
    own_times = find_times(text)
    own_phones, own_emails = find_phones(text), find_emails(text)
    own_names, own_durations = find_names(text), find_durations(text)
    read: dict[MentionKind, Sequence[Words]] = {
        MentionKind.DATE: own_dates,
        MentionKind.TIME: own_times,
        MentionKind.PHONE: own_phones,
        MentionKind.EMAIL: own_emails,
        MentionKind.NAME: own_names,
        MentionKind.DURATION: own_durations,
    }
    chosen = [Words(text[slice(*ordinal_span)], *ordinal_span)] if ordinal else []
    pointers = pointing.Pointers(found, text, read, [*ranges, *chosen])
    dates = pointing.dates(own_dates, pointers, now)
    times = pointing.times(own_times, pointers)
    phones, emails = pointing.phones(own_phones, pointers), pointing.emails(own_emails, pointers)
    names, durations = pointing.names(own_names, pointers), pointing.durations(own_durations, pointers)
    clauses, head = _clauses(flat), flat[:_LONGEST]
    return CallerReading(
        text=text,
        acts=find_acts(text, phrases, yes_no_pending=yes_no_pending),
        dates=_said(flat, clauses, dates),
        times=_said(flat, clauses, times),
        ranges=ranges,
        phones=phones.mentions,
        emails=emails.mentions,
        names=names.mentions,
        durations=durations.mentions,
        rejected=rejected_details(text),
        this_number=names_this_number(text),
        keeps=_KEEPS.search(flat) is not None,
        change=_change(head),
        days_on=_steps(_DAY_STEP, flat),
        minutes_on=_steps(_HOUR_STEP, flat),
        same_time=_SAME_TIME.search(flat) is not None,
        asks_to_come=bool(own_dates and own_times) and _COME.search(head) is not None,
        ordinal=_ORDINALS[ordinal.group(1)] if ordinal else None,
        ordinal_words=Words(text[slice(*ordinal_span)], *ordinal_span) if ordinal else None,
        pointed=frozenset[Words]().union(*(merged.pointed for merged in (dates, times, phones, emails))),
        disputed=frozenset(
            kind
            for kind, merged in (
                (MentionKind.PHONE, phones),
                (MentionKind.EMAIL, emails),
                (MentionKind.NAME, names),
                (MentionKind.DURATION, durations),
            )
            if merged.disputed
        ),
    )


def _ordinal(flat: str) -> re.Match[str] | None:
    """The offer pointed at by its place; none when the turn points at several and takes none of them back."""
    chosen: re.Match[str] | None = None
    for found in islice(_ORDINAL.finditer(flat), _MOST_ORDINALS):
        before = flat[max(0, found.start() - _NEAR) : found.start()]
        if _NOT_IT.search(before) or _NO_AFTER.match(flat, found.end()):
            continue
        if chosen is None or _REPAIR.search(flat, chosen.end(), found.start()):
            chosen = found
        elif chosen.group(1)[:-1] != found.group(1)[:-1]:
            return None
    return chosen


def _said(flat: str, clauses: list[tuple[int, int]], merged: pointing.Merged[M]) -> tuple[Said[M], ...]:
    """How each mention is meant. What is only pointed at does not change how our own are."""
    own = [mention for mention in merged.mentions if mention not in merged.pointed]
    return tuple(
        Said(m, _meant(flat, m, clauses, merged.mentions if m in merged.pointed else own))
        for m in merged.mentions
    )


def _steps(pattern: re.Pattern[str], flat: str) -> int:
    """How far on from what was talked about, in the pattern's unit; 0 when the words say no such thing."""
    found = pattern.search(flat)
    if found is None:
        return 0
    size = _STEP_SIZES.get(found.group("size"), 1)
    return -size if found.group("way") in ("prima", "precedente", "in anticipo") else size


def _change(flat: str) -> Verb:
    """What the words would do with an own appointment; both verbs at once, neither."""
    cancels, moves = _CANCELS.search(flat) is not None, _MOVES.search(flat) is not None
    if cancels is moves:
        return Verb.NONE
    return Verb.CANCEL if cancels else Verb.MOVE


def names_this_number(text: str) -> bool:
    """Whether the words mean the number of the line itself: "il numero da cui chiamo"."""
    flat = fold(text)
    found = _THIS_NUMBER.search(flat)
    return found is not None and _NOT_IT.search(flat[max(0, found.start() - _NEAR) : found.start()]) is None


# More than one turn of speech holds; what looks ahead to the end of a text looks no further.
_LONGEST = 4000
_MOST_WEEKS = 8
_MOST_DAYS = 62


def _is_week(span: RangeMention) -> bool:
    """Whether the stretch is of days enough to look for a weekday in it, and not of years."""
    return bool(span.date_from and span.date_to and 5 <= (span.date_to - span.date_from).days <= _MOST_DAYS)


def _in_week_said(mention: DateMention, weeks: Sequence[RangeMention]) -> DateMention:
    """A bare weekday after "la settimana prossima" is that week's."""
    if not bare_weekday(mention):
        return mention
    for span in weeks:
        if span.start < mention.start and span.date_from and span.date_to:
            days = [span.date_from + timedelta(days=n) for n in range((span.date_to - span.date_from).days)]
            meant = tuple(day for day in days if day.weekday() == mention.candidates[0].weekday())
            if meant:
                return replace(mention, candidates=meant, problems=frozenset())
    return mention


def _inside(mention: Words, span: tuple[int, int]) -> bool:
    return span[0] < mention.end and mention.start < span[1]


def _clauses(flat: str) -> list[tuple[int, int]]:
    cuts = sorted({0, len(flat), *(m.end() for m in _CLAUSE_CUT.finditer(flat))})
    return list(pairwise(cuts))


_BESIDE = 3  # mentions on either side that may share a clause's words
_LONGEST_QUESTION = 400  # characters from a day or time to its question mark


def _meant(flat: str, mention: Words, clauses: list[tuple[int, int]], siblings: Sequence[Words]) -> Meant:
    at = bisect_right(clauses, mention.start, key=itemgetter(0)) - 1
    start, end = clauses[at] if at >= 0 else (0, len(flat))
    # Two days in one clause each own the words up to the next one: "mercoledì no giovedì sì".
    here = bisect_left(siblings, mention.start, key=attrgetter("start"))
    near = siblings[max(0, here - _BESIDE) : here + _BESIDE]
    later = [s.start for s in near if mention.end <= s.start < end]
    earlier = [s.end for s in near if start <= s.end <= mention.start]
    before = flat[max([start, *earlier]) : mention.start]
    after = flat[mention.end : min([end, *later])]
    around = f"{before} ⟂ {after}"
    if _ELSEWHERE.search(around) or _ELSEWHERE.search(flat[mention.start : mention.end]):
        return Meant.ELSEWHERE
    if _OLD.search(before):
        return Meant.OLD
    if _asked_politely(flat, mention, before):
        return Meant.WISH
    if _ruled_out(before, after):
        return Meant.RULED_OUT
    if (
        _ALOUD.search(before)
        or (_MAYBE.search(before) and (len(siblings) > 1 or _ALOUD.search(flat[: mention.start])))
        or (earlier and _AFTERTHOUGHT.search(before))
        or _PERHAPS.match(after)
    ):
        return Meant.ALOUD
    return Meant.WISH


def _asked_politely(flat: str, mention: Words, before: str) -> bool:
    """ "Non si potrebbe alle nove e mezza?" asks for it."""
    rest = flat[mention.end : mention.end + _LONGEST_QUESTION]
    ending = _ENDING.search(rest)
    return ending is not None and ending.group() == "?" and _POLITE_NON.search(before) is not None


def _ruled_out(before: str, after: str) -> bool:
    if _NOT_THAT.search(before) or _INSTEAD.search(before):
        return True
    return (
        _RULED_OUT.match(after.lstrip(" ,")) is not None
        or _TOO.search(after) is not None
        or _CANNOT.search(after) is not None
    )


def bare_weekday(mention: DateMention) -> bool:
    """Whether only a weekday was said ("mercoledì", "gioved"), without a number, a month or a modifier."""
    return _is_bare(mention.text)


@lru_cache(maxsize=256)
def _is_bare(text: str) -> bool:
    words = re.findall(r"\w+", fold(text))
    return (
        bool(words)
        and len(words) <= 2
        and words[-1][:4] in _WEEKDAY_STEMS
        and all(w[:4] in _WEEKDAY_STEMS or w in _LINKS for w in words)
    )


_WEEKDAY_STEMS = {"lune", "mart", "merc", "giov", "vene", "saba", "dome"}
_LINKS = {"il", "la", "di", "per", "a"}


def means(mention: DateMention, day: date) -> bool:
    """Whether the words can mean `day`, taking a bare weekday as that weekday of the day already talked about."""
    if day in mention.candidates:
        return True
    return (
        bare_weekday(mention)
        and bool(mention.candidates)
        and mention.candidates[0].weekday() == day.weekday()
    )
