"""Words that the extraction model points at, read alone by our own grammars and set against what we saw ourselves.

A pointer is never believed: it says where to look, and the words there say what they say. What only a pointer
found can add a detail or put one in doubt; it never takes the place of what we read ourselves, unless the one
stands plainly within the other and says the same more exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from engine.extraction.grounding import find_words
from engine.ports import Mention, MentionKind
from engine.understanding.dates import find_dates
from engine.understanding.digits import digit_runs
from engine.understanding.durations import find_durations
from engine.understanding.emails import find_emails, join_email_pieces
from engine.understanding.mentions import (
    DateMention,
    DurationMention,
    EmailMention,
    NameMention,
    PhoneMention,
    Problem,
    TimeMention,
    Words,
)
from engine.understanding.names import NOT_NAMES, find_names
from engine.understanding.phones import names_another_number, phone_from_digits
from engine.understanding.text import tokens
from engine.understanding.times import find_times

W = TypeVar("W", bound=Words)
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Merged(Generic[W]):
    """What a turn says of one detail: all mentions in order, and those of them that only a pointer found.

    `disputed`: a pointer reads words otherwise than we do, or finds another value beside ours.
    """

    mentions: tuple[W, ...]
    pointed: frozenset[W] = frozenset()
    disputed: bool = False


class Pointers:
    """What the other extractor points at in one turn.

    Words that we have read ourselves as another kind of detail are none of its: `read` says which, by kind; `words`
    are those of ranges and the like, that are of no one kind.
    """

    def __init__(
        self,
        found: Sequence[Mention],
        text: str,
        read: Mapping[MentionKind, Sequence[Words]] | None = None,
        words: Sequence[Words] = (),
    ) -> None:
        self.text = text
        self._found = found
        self._read = [(kind, mention) for kind, mentions in (read or {}).items() for mention in mentions]
        self._words = words

    def spans(self, kind: MentionKind) -> list[_Span]:
        """Where the pointers of a kind point, in order; each place of words said twice."""
        return sorted({place for m in self._found if m.kind is kind for place in self._places(m)})

    def in_order(self, kind: MentionKind) -> list[_Span]:
        """Where the pieces of a kind stand, each after the one before it where its words are said again there."""
        spans: list[_Span] = []
        for pointer in self._found:
            if pointer.kind is kind:
                free = [p for p in self._places(pointer) if not any(p[0] < e and s < p[1] for s, e in spans)]
                after = spans[-1][1] if spans else 0
                spans += [place for place in free if place[0] >= after][:1] or free[:1]
        return sorted(spans)

    def _places(self, pointer: Mention) -> list[_Span]:
        others = [*self._words, *(mention for kind, mention in self._read if kind is not pointer.kind)]
        if pointer.kind in (MentionKind.DATE, MentionKind.TIME):
            others += [run for run in digit_runs(self.text) if len(run.digits) > _MOST_FIGURES]
        return [
            (start, end)
            for start, end in find_words(pointer.verbatim, self.text)
            if not any(mention.start < end and start < mention.end for mention in others)
        ]


_MOST_FIGURES = 4  # of a day or a time; what is longer was dictated


def dates(own: Sequence[DateMention], pointers: Pointers, now: datetime) -> Merged[DateMention]:
    """Days; `now` as for `find_dates`."""

    def read(words: str) -> Sequence[DateMention]:
        return _read_alone(words, lambda said: find_dates(said, now), "il ")

    return _merge(own, pointers.spans(MentionKind.DATE), pointers.text, read, _candidates, _narrows)


def times(own: Sequence[TimeMention], pointers: Pointers) -> Merged[TimeMention]:
    """Times of day. Where a pointer says that it is a time, a bare number is an hour."""

    def read(words: str) -> Sequence[TimeMention]:
        return _read_alone(words, find_times, "alle ")

    return _merge(own, pointers.spans(MentionKind.TIME), pointers.text, read, _candidates, _narrows)


def durations(own: Sequence[DurationMention], pointers: Pointers) -> Merged[DurationMention]:
    """Lengths of the appointment."""

    def read(words: str) -> Sequence[DurationMention]:
        return _read_alone(words, find_durations, "")

    return _merge(
        own, pointers.spans(MentionKind.DURATION), pointers.text, read, lambda said: said.minutes, _never
    )


def names(own: Sequence[NameMention], pointers: Pointers) -> Merged[NameMention]:
    """Names; of two that stand within each other, the longer."""

    def longer(pointed: NameMention, ours: NameMention) -> bool:
        return pointed.start <= ours.start and ours.end <= pointed.end

    def value(said: NameMention) -> str:
        return said.value.casefold()

    capitals = any(map(str.isupper, pointers.text))

    def read(words: str) -> Sequence[NameMention]:
        return _read_name(words) if words[:1].isupper() or not capitals else ()

    return _merge(own, pointers.spans(MentionKind.NAME), pointers.text, read, value, longer)


def phones(own: Sequence[PhoneMention], pointers: Pointers) -> Merged[PhoneMention]:
    """Phone numbers: whole where pointed at, or the pieces pointed at in their order. Half a number adds nothing."""
    text = pointers.text
    spans = _uncut(pointers.in_order(MentionKind.PHONE), text)
    spans = [span for span in spans if not names_another_number(text, span[0])]
    pointed = [_phone(text, [span]) for span in spans]
    whole = [phone for phone in pointed if phone.value] or [_phone(text, spans)]
    return _contact(own, [phone for phone in whole if phone.value])


def emails(own: Sequence[EmailMention], pointers: Pointers) -> Merged[EmailMention]:
    """Addresses: whole where pointed at, or the pieces pointed at in their order.

    Where our own reading is unsure how far an address goes, a pointer within it says so.
    """
    text, spans = pointers.text, pointers.in_order(MentionKind.EMAIL)
    pointed = [email for span in spans if (email := _email(text, [span])) is not None]
    if not pointed and len(spans) > 1 and (joined := _email(text, spans)) is not None:
        pointed = [joined]
    return _contact(own, pointed)


C = TypeVar("C", PhoneMention, EmailMention)


def _contact(own: Sequence[C], pointed: Sequence[C]) -> Merged[C]:
    """Our own whole values, unless one pointed at differs; those that are not whole give way."""
    settled = [mention for mention in own if mention.value]
    ours = {mention.value for mention in settled}
    others: list[C] = [
        m for m in pointed if m.value not in ours and not any(_within(m, known) for known in settled)
    ]
    if not others:
        return Merged(tuple(own))
    mentions: list[C] = [m for m in own if m.value or not any(_overlap(m, other) for other in others)]
    mentions += others
    disputed = bool(ours) or len({other.value for other in others}) > 1
    return Merged(tuple(sorted(mentions, key=_start)), frozenset(others), disputed)


def _merge(
    own: Sequence[W],
    spans: Iterable[tuple[int, int]],
    text: str,
    read: Callable[[str], Sequence[W]],
    value: Callable[[W], object],
    improves: Callable[[W, W], bool],
) -> Merged[W]:
    """Our own mentions and what the pointers add to them, put in doubt, or say more exactly (`improves`)."""
    mentions, pointed, disputed = list(own), set[W](), False
    for start, end in spans:
        found = read(text[start:end])
        if len(found) != 1:
            continue
        mention = replace(found[0], start=found[0].start + start, end=found[0].end + start)
        if any(value(known) == value(mention) for known in mentions):
            continue
        rivals = [known for known in mentions if _overlap(known, mention)]
        if any(_within(mention, known) for known in rivals):
            continue  # fewer of the same words
        if rivals and all(_within(known, mention) and improves(mention, known) for known in rivals):
            mentions = [known for known in mentions if known not in rivals]
            pointed -= set(rivals)
        elif mentions:
            disputed = True
        mentions.append(mention)
        pointed.add(mention)
    return Merged(tuple(sorted(mentions, key=_start)), frozenset(pointed), disputed)


def _read_alone(words: str, read: Callable[[str], Sequence[W]], lead: str) -> Sequence[W]:
    """What the words say by themselves; else with the word before it that makes them one, or as one word."""
    found = read(words)
    if found:
        return found
    whole = words.strip()
    with_lead = read(lead + whole) if lead else ()
    if len(with_lead) == 1 and with_lead[0].start == 0 and with_lead[0].end == len(lead + whole):
        return [replace(with_lead[0], text=words, start=0, end=len(words))]
    joined = "".join(words.split())
    together = read(joined) if joined != words else ()
    if len(together) == 1 and together[0].text == joined:
        return [replace(together[0], text=words, start=0, end=len(words))]
    return ()


def _read_name(words: str) -> Sequence[NameMention]:
    introduced = find_names(words)
    if introduced:
        return introduced
    said = [token.text for token in tokens(words)]
    plain = re.fullmatch(r"[^\W\d_](?:[^\W\d_]|[' -])*", words)
    if plain is None or len(said) > _LONGEST_NAME or NOT_NAMES.intersection(said):
        return ()
    return (NameMention(words, 0, len(words), words.title()),)


_LONGEST_NAME = 4


def _phone(text: str, spans: Sequence[tuple[int, int]]) -> PhoneMention:
    digits = "".join(run.digits for start, end in spans for run in digit_runs(text[start:end]))
    value, problems = phone_from_digits(digits) if re.fullmatch(r"\+?\d+", digits) else (None, frozenset())
    start, end = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    return PhoneMention(text[start:end], start, end, digits, value, problems)


def _uncut(spans: Sequence[_Span], text: str) -> list[_Span]:
    """Those that are not, all of them together, only a part of digits dictated in one breath."""
    cut = []
    for run in digit_runs(text):
        parts = (text[max(start, run.start) : min(end, run.end)] for start, end in spans)
        if "".join(part.digits for words in parts for part in digit_runs(words)) != run.digits:
            cut.append(run)
    return [(s, e) for s, e in spans if not any(run.start < e and s < run.end for run in cut)]


def _email(text: str, spans: Sequence[tuple[int, int]]) -> EmailMention | None:
    pieces = [text[start:end] for start, end in spans]
    email = join_email_pieces(pieces) if len(pieces) > 1 else next(reversed(find_emails(pieces[0])), None)
    if email is None or email.value is None:
        return None
    start, end = spans[0][0], spans[-1][1]
    return replace(email, text=text[start:end], start=start, end=end)


def _candidates(mention: DateMention | TimeMention) -> object:
    return frozenset(mention.candidates), mention.problems - {Problem.AMBIGUOUS}


def _narrows(pointed: DateMention | TimeMention, ours: DateMention | TimeMention) -> bool:
    """Whether the longer words leave fewer of the same readings, and nothing is wrong with either."""
    sound = not (pointed.problems | ours.problems) - {Problem.AMBIGUOUS}
    return sound and set[object](pointed.candidates) < set[object](ours.candidates)


def _never(_: object, __: object) -> bool:
    return False


def _overlap(one: Words, two: Words) -> bool:
    return one.start < two.end and two.start < one.end


def _within(inner: Words, outer: Words) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _start(mention: Words) -> int:
    return mention.start
