"""What an assistant turn restates, offers, asks and claims, as far as it was heard.

Whether it is a readback *of the values we hold* is decided in answers.py; here only the words are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from engine.understanding.dates import find_dates
from engine.understanding.emails import find_emails
from engine.understanding.folding import fold
from engine.understanding.it import assistant as it
from engine.understanding.mentions import (
    DateMention,
    EmailMention,
    PhoneMention,
    RangeMention,
    TimeMention,
    Words,
)
from engine.understanding.phones import find_phones
from engine.understanding.ranges import find_ranges
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
    """One assistant turn as heard.

    `yes_no`: its last question takes a yes. `wants`: the details it asks for. `offers`: it proposes days
    or times, as against only naming them; `proposes`: in words that propose an appointment, which "va
    bene?" alone does not. `refuses`: it says that something cannot be had, without saying which slot.
    """

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
    offers: bool
    proposes: bool
    refuses: bool
    ranges: tuple[RangeMention, ...]
    wants: frozenset[str]

    def leaves(self, mention: Words) -> bool:
        """Whether the words before a day or time, or its first one, say that it is left: "da giovedì", "dalle 11"."""
        before = fold(self.text[: mention.start])
        return it.AWAY.search(before) is not None or it.AWAY_FIRST.match(fold(mention.text)) is not None

    def fits_part_of_day(self, mention: TimeMention, at: time | None) -> bool:
        """Whether `at`, if the mention can mean it, lies in the part of the day that the turn names ("di mattina")."""
        if at is None or at not in mention.candidates or len(mention.candidates) == 1:
            return True
        parts = [r for r in self.ranges if r.time_from is not None or r.time_to is not None]
        return all((r.time_from or time.min) <= at and (r.time_to is None or at < r.time_to) for r in parts)

    @property
    def spoken_by(self) -> int:
        """Characters of the turn that must have been played for its day and time to be out."""
        return max((mention.end for mention in (*self.dates, *self.times)), default=0)


_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)|[!?…]")


@lru_cache(maxsize=64)
def read_assistant(text: str, now: datetime, minutes: int = 60) -> AssistantReading:
    """Read the heard `text` of an assistant turn spoken at `now` (aware, in the consultant's zone).

    `minutes` is how long the booking would take. The last turns are remembered: each is looked back at when the
    caller has answered.
    """
    # Names are blanked, not cut, so that offsets hold.
    flat = fold(it.WITH_WHOM.sub(lambda match: " " * len(match.group()), text))
    ranges, verb = find_ranges(text, now), _verb(flat)
    spans = _spans_as_times(text, ranges, verb, minutes)
    said_dates = find_dates(text, now)
    said_times = tuple(sorted((*find_times(text), *spans), key=lambda mention: mention.start))
    dates, times = _not_refused(flat, said_dates, said_times)
    phones, emails = find_phones(text), find_emails(text)
    question = _last_question(flat)
    asks, yes_no = _classify(flat, question, dates, times, phones, emails)
    if question is not None and it.RETRACTS.search(flat, question.end):
        asks = Asks.OTHER
    return AssistantReading(
        text=text,
        dates=dates,
        times=times,
        slots=_pair(flat, dates, times),
        phones=phones,
        emails=emails,
        asks=asks,
        yes_no=yes_no,
        verb=verb,
        claims_done=_claims(flat),
        says_unavailable=it.UNAVAILABLE.search(flat) is not None,
        about_booking=bool(it.ABOUT_BOOKING.search(flat) or (dates and times) or asks in _BOOKING_QUESTIONS),
        refuses=_refuses(flat, (*said_dates, *said_times)),
        ranges=ranges,
        proposes=it.PROPOSES.search(flat) is not None or it.STRONG_CLOSER.search(flat) is not None,
        offers=_offers(flat, question, asks, (*dates, *times)),
        wants=_wants(flat, question),
    )


_BOOKING_QUESTIONS = frozenset({Asks.SLOT, Asks.CHOICE, Asks.BOOKING, Asks.PHONE, Asks.EMAIL})


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    question: bool


@lru_cache(maxsize=8)
def _sentences(flat: str) -> tuple[_Sentence, ...]:
    found, start = [], 0
    for match in _SENTENCE_END.finditer(flat):
        mark = match.group()
        # "15.30" and "gmail.com" are no sentence ends: a full stop must be followed by white space.
        found.append(_Sentence(start, match.end(), "?" in mark))
        start = match.end()
    if flat[start:].strip():
        found.append(_Sentence(start, len(flat), False))
    return tuple(sentence for sentence in found if re.search(r"\w", flat[sentence.start : sentence.end]))


def _last_question(flat: str) -> _Sentence | None:
    """The last sentence that asks; one without a question mark asks only if the turn ends in a closing phrase."""
    sentences = _sentences(flat)
    for sentence in reversed(sentences):
        if sentence.question:
            return sentence
    for sentence in reversed(sentences):
        words = flat[sentence.start : sentence.end]
        if it.FILLER_AFTER.match(words):
            continue
        last_clause = re.split(r"[,;:]", words.rstrip(" .!…"))[-1].strip()
        if it.UNMARKED_CLOSER.fullmatch(last_clause):
            return sentence
        return None
    return None


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
    strong, soft = it.STRONG_CLOSER.search(bare), it.SOFT_CLOSER.search(bare.rstrip(" ?.!…"))
    if it.CONFIRM_CONTACT.search(words) or (contact and not inside and not strong):
        return _contact_asked(words, phones=bool(phones), emails=bool(emails)), bool(contact)
    either = it.CHANGE_OR_CONFIRM.search(words) is not None
    if it.OPEN_QUESTION.search(bare) and not either:
        return _open_kind(words, inside), False
    if _offers_alternatives(bare, inside) and not either:
        choice = _only_filler(_without_closers(bare)) or it.OFFERING.search(flat) is not None
        return (Asks.CHOICE if choice else Asks.OTHER), False
    about = _blank(flat, _asking_part(flat, question, inside), [*inside, *contact])
    if it.NEGATED.search(about):
        return Asks.OTHER, True
    elsewhere = it.OTHER_TOPIC.search(about) or (not inside and it.WAITING.search(about))
    if elsewhere and not (strong and _has_day_and_time(inside)):
        wants_one = it.WANT_APPOINTMENT.search(words) is not None
        return (_contact_kind(words) or (Asks.BOOKING if wants_one else Asks.OTHER)), True
    if it.CHANGES.search(about) and not either:
        return Asks.OTHER, True
    named = inside or [*dates, *times]
    everywhere: list[Words] = [*phones, *emails]
    if (strong or soft or either or inside) and _asks_about_slot(
        flat, question, about, named, everywhere, either
    ):
        asks_at_all = not (inside or dates or times) and it.WANT_APPOINTMENT.search(words)
        return (Asks.BOOKING if asks_at_all else Asks.SLOT), True
    return (_contact_kind(words) or (Asks.BOOKING if it.WANT_APPOINTMENT.search(words) else Asks.OTHER)), True


def _asks_about_slot(
    flat: str,
    question: _Sentence,
    about: str,
    named: list[DateMention | TimeMention],
    contact: list[Words],
    either: bool,
) -> bool:
    """Whether nothing but the slot is asked about, and nothing but it was said in the sentence that names it."""
    if not either and not _only_filler(_without_closers(about)):
        return False
    before = [mention for mention in named if mention.start < question.start]
    if not before or len(before) < len(named):
        return True
    # "La metto in lista d'attesa per mercoledì alle 15. Va bene?"
    last = max(before, key=lambda mention: mention.start)
    stated = next(s for s in _sentences(flat) if s.start <= last.start < s.end)
    if it.STRONG_CLOSER.search(flat[question.start : question.end]):
        return it.NOT_YET.search(flat[stated.start : stated.end]) is None
    inside = [mention for mention in named if stated.start <= mention.start < stated.end]
    return _only_filler(
        _without_closers(_blank(flat, _asking_part(flat, stated, inside), [*inside, *contact]))
    )


def _contact_asked(words: str, *, phones: bool, emails: bool) -> Asks:
    """Which contact a question restates or asks to confirm."""
    if it.WANTED["email"].search(words) or (emails and not it.WANTED["phone"].search(words)):
        return Asks.EMAIL
    return Asks.PHONE if phones or it.WANTED["phone"].search(words) else Asks.OTHER


def _offers(
    flat: str, question: _Sentence | None, asks: Asks, named: tuple[DateMention | TimeMention, ...]
) -> bool:
    """Days or times are proposed: asked about and nothing else with them, or stated as free."""
    if asks is Asks.SLOT and question is not None:
        inside = [mention for mention in named if question.start <= mention.start < question.end]
        times_named = any(isinstance(mention, TimeMention) for mention in named)
        about = _blank(flat, _asking_part(flat, question, inside), [*inside])
        if inside and not times_named and it.AWAY.search(flat[: inside[0].start]):
            return False  # "quella del 3 giugno, giusto?"
        if inside:
            return _only_filler(_without_closers(about))
    return bool(named) and it.OFFERING.search(flat) is not None


def _asking_part(flat: str, question: _Sentence, inside: list[DateMention | TimeMention]) -> _Sentence:
    """The clauses that really ask: from the one with the slot's first words, or the whole question."""
    if not inside:
        return question
    first = min(mention.start for mention in inside)
    cuts = [cut.end() for cut in re.finditer(r"[,;:]\s", flat[question.start : first])]
    return _Sentence(question.start + max(cuts, default=0), question.end, True)


def _without_closers(words: str) -> str:
    return it.SOFT_CLOSER.sub(" ", it.STRONG_CLOSER.sub(" ", words.rstrip(" ?.!…")))


def _only_filler(words: str) -> bool:
    """Whether nothing is asked but the slot itself: "Allora mercoledì 11 alle 15?"."""
    return all(word in it.FILLERS for word in re.findall(r"\w+", words))


def _has_day_and_time(mentions: list[DateMention | TimeMention]) -> bool:
    return any(isinstance(m, DateMention) for m in mentions) and any(
        isinstance(m, TimeMention) for m in mentions
    )


def _open_kind(words: str, inside: list[DateMention | TimeMention]) -> Asks:
    which = it.WHICH_SLOT.search(words) or inside
    return _contact_kind(words) or (Asks.CHOICE if which and it.COMING.search(words) else Asks.OTHER)


def _contact_kind(words: str) -> Asks | None:
    for kind, name in ((Asks.EMAIL, "email"), (Asks.PHONE, "phone")):
        if it.WANTED[name].search(words):
            return kind
    return None


def _offers_alternatives(bare: str, inside: list[DateMention | TimeMention]) -> bool:
    """Two things offered at once: "… o …?" around days or times, or a tail such as "o preferisce altro?"."""
    days = {m.candidates for m in inside if isinstance(m, DateMention)}
    hours = {m.candidates for m in inside if isinstance(m, TimeMention)}
    return (len(days) > 1 or len(hours) > 1) and it.OR.search(bare) is not None


def _blank(flat: str, sentence: _Sentence, mentions: list[Words]) -> str:
    """The sentence without the words of its mentions, so that only what is asked about them remains."""
    kept, at = [], sentence.start
    within = [m for m in mentions if sentence.start <= m.start < sentence.end]
    for mention in sorted(within, key=lambda m: m.start):
        kept.append(flat[at : max(at, mention.start)])
        at = max(at, mention.end)
    kept.append(flat[at : sentence.end])
    return " ".join(kept)


def _request(flat: str) -> Asks:
    """A request without a question mark: "mi lasci un numero di telefono e un'email"."""
    for sentence in reversed(_sentences(flat)):
        words = flat[sentence.start : sentence.end]
        if it.REQUEST.search(words):
            kind = _contact_kind(words)
            if kind is not None:
                return kind
            if it.WHICH_SLOT.search(words):
                return Asks.CHOICE
    return Asks.NOTHING


def _wants(flat: str, question: _Sentence | None) -> frozenset[str]:
    wanted: set[str] = set()
    for sentence in _sentences(flat):
        words = flat[sentence.start : sentence.end]
        if sentence == question or sentence.question or it.REQUEST.search(words):
            wanted.update(name for name, pattern in it.WANTED.items() if pattern.search(words))
    return frozenset(wanted)


def _refuses(flat: str, named: tuple[DateMention | TimeMention, ...]) -> bool:
    """Something cannot be had, and the clause that says so names no slot: "ma il dottore non c'è"."""
    for cut in it.CLAUSE.finditer(flat):
        if it.NOT_FREE.search(cut.group()) and not any(cut.start() <= m.start < cut.end() for m in named):
            return True
    return False


def _spans_as_times(
    text: str, ranges: tuple[RangeMention, ...], verb: Verb, minutes: int
) -> list[TimeMention]:
    """ "Dalle 15 alle 16" as the time it begins at, when that is how long a booking takes (`minutes`).

    In a turn that moves a booking, "dalle 11 alle 15" names the two times themselves.
    """
    times = []
    for span in ranges:
        if span.time_from is None or span.time_to is None:
            continue
        words = it.FROM_TO.search(fold(text), span.start, span.end)
        if words is None:
            continue
        length = (span.time_to.hour - span.time_from.hour) * 60 + span.time_to.minute - span.time_from.minute
        if verb is Verb.MOVE:
            for part, at in (("from", span.time_from), ("to", span.time_to)):
                times.append(TimeMention(text[words.start(part) : words.end(part)], *words.span(part), (at,)))
        elif length == minutes:
            times.append(TimeMention(words.group(), *words.span(), (span.time_from,)))
    return times


def _not_refused(
    flat: str, dates: tuple[DateMention, ...], times: tuple[TimeMention, ...]
) -> tuple[tuple[DateMention, ...], tuple[TimeMention, ...]]:
    """Without the slot that the turn says cannot be had, where it goes on to name another one."""
    refused = [cut.span() for cut in it.CLAUSE.finditer(flat) if it.NOT_FREE.search(cut.group())]

    def stands(mention: Words) -> bool:
        return not any(start <= mention.start < end for start, end in refused)

    left_dates, left_times = tuple(filter(stands, dates)), tuple(filter(stands, times))
    return (left_dates, left_times) if left_dates or left_times else (dates, times)


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
    cancel, move = it.CANCEL.search(flat), it.MOVE.search(flat)
    if cancel and move:
        return Verb.NONE
    return Verb.CANCEL if cancel else Verb.MOVE if move else Verb.NONE


def _claims(flat: str) -> bool:
    """Whether a statement of the turn says that something has been booked, moved or cancelled."""
    for sentence in _sentences(flat):
        words = flat[sentence.start : sentence.end]
        for clause in _clauses(words) if not sentence.question else _clauses(words)[:-1]:
            if it.CLAIM.search(clause.strip()) and not it.NO_CLAIM.search(clause):
                return True
    return False


def _clauses(words: str) -> list[str]:
    cuts = [0, *(m.end() for m in re.finditer(r"[,;:]\s", words)), len(words)]
    return [words[a:b] for a, b in pairwise(cuts)]
