"""What a caller turn does: acts found by phrases that analysts edit, under scope rules that live in code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from engine.understanding import act_words as words
from engine.understanding.it.calendar import WEEKDAY_NAMES
from engine.understanding.mentions import Act, ActMention
from engine.understanding.text import fold, tokens
from rules.phrases import PhraseList

Phrase = tuple[str, ...]

#: Acts that cannot hold a word which stops a yes; the first two no negation either.
_WITHOUT_NEGATION = frozenset({Act.AFFIRM, Act.BACKCHANNEL})
_WITHOUT_CORE = _WITHOUT_NEGATION | {
    *(Act.SHOW_INTEREST, Act.ASK_AVAILABILITY, Act.CANCEL, Act.RESCHEDULE, Act.ASK_REPEAT, Act.ASK_HUMAN)
}
_MOST_NOES = 8  # in a row, that are still one "no no no"
_CORE = frozenset(core for cores in words.CORE.values() for core in cores)
_CORE_BEGINS = frozenset(core[0] for core in _CORE)
_LONGEST_CORE = max(map(len, _CORE))
_STOPS_A_YES = frozenset({Act.CORRECT, Act.DENY, Act.HOLD_ON, Act.DROP})
#: Which act wins where two phrases are equally long.
_RANK = {
    act: rank
    for rank, act in enumerate(
        (
            *(Act.DENY, Act.CORRECT, Act.HEDGE, Act.HOLD_ON, Act.DROP, Act.CANCEL, Act.RESCHEDULE),
            *(
                Act.ASK_REPEAT,
                Act.ASK_HUMAN,
                Act.ASK_AVAILABILITY,
                Act.SHOW_INTEREST,
                Act.BACKCHANNEL,
                Act.AFFIRM,
            ),
        )
    )
}


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of each act as folded words. `explicit` phrases carry their own meaning ("confermo").

    A phrase that would make words of denial, doubt or correction mean something else has no effect; such
    phrases are in `ignored`. A set given as `heard` gathers every phrase that is found in a turn.
    """

    phrases: Mapping[Act, tuple[Phrase, ...]]
    explicit: Mapping[Act, frozenset[Phrase]]
    heard: set[tuple[Act, Phrase]] | None = field(default=None, repr=False, compare=False)
    ignored: tuple[tuple[Act, Phrase], ...] = field(init=False)
    _index: _Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index, ignored = _Index(), []
        for act, listed in self.phrases.items():
            for phrase in listed:
                if not phrase or _hides_core(act, phrase):
                    ignored.append((act, phrase))
                else:
                    index.add(phrase, _Entry(act, phrase in self.explicit.get(act, ()), phrase=phrase))
        for act, core in words.CORE.items():
            for phrase in core:
                index.add(phrase, _Entry(act))
        for phrase in words.IDIOMS:
            index.add(phrase, _Entry(None))
        for phrase in words.SURELY:
            index.add(phrase, _Entry(Act.AFFIRM))
        for phrase in words.WITHDRAWALS:
            index.add(phrase, _Entry(None, withdraws=True))
        object.__setattr__(self, "ignored", tuple(ignored))
        object.__setattr__(self, "_index", index)

    @classmethod
    def of(cls, lists: Mapping[str, PhraseList]) -> Phrases:
        """The phrases of a loaded phrase file. Raises ValueError for a name that is no act."""
        by_act = {Act(name): listed for name, listed in lists.items()}
        return cls(
            {act: tuple(dict.fromkeys(map(folded, listed.phrases))) for act, listed in by_act.items()},
            {act: frozenset(map(folded, listed.explicit)) for act, listed in by_act.items()},
        )


def find_acts(text: str, phrases: Phrases, *, yes_no_pending: bool) -> tuple[ActMention, ...]:
    """The acts of a caller turn, in order.

    Bare words of assent ("sì", "va bene") affirm only if `yes_no_pending`, that is, if the assistant's last
    question takes a yes; otherwise they are backchannel. Explicit ones ("confermo") affirm always. Words inside
    a question never affirm, nor does anything that the same turn takes back ("sì, anzi no") or makes depend on
    something ("se va bene"); a yes that is doubted ("sì, ma…") stands beside a hedge.

    "Lascia stare" after a correction in the same turn withdraws it and leaves a hedge, so that only a yes after
    it counts; alone it is a hedge too, but "lasciamo stare" and "come non detto" alone drop the booking.
    """
    turn = _turn_of(text)
    matches = list(_matches(turn, phrases._index))
    if phrases.heard is not None:
        phrases.heard.update((m.entry.act, m.entry.phrase) for m in matches if m.entry.act and m.entry.phrase)
    found: list[_Found] = []
    for at in range(len(matches)):
        found += _judge(turn, matches, at, yes_no_pending)
    found += _ruled_out(turn, matches)
    found += _not_heard(turn, matches)
    found.sort(key=lambda f: (f.first, f.after))
    kept = _without_retracted(_without_withdrawn(found))
    return tuple(turn.mention(f) for f in _merged(kept))


_BEFORE_HOURS = frozenset({"alle", "all"})
_MAY_BE_TURNED_DOWN = frozenset(words.DETAIL_NOUNS) | frozenset(WEEKDAY_NAMES) | _BEFORE_HOURS


def rejected_details(text: str) -> frozenset[str]:
    """Which details the caller turns down, among "date", "time", "phone", "email".

    For example "un altro giorno", "a quell'ora non posso", "l'email è sbagliata".
    """
    turn = _turn_of(text)
    folded = [w.text for w in turn.words]
    details = set()
    for at, word in enumerate(folded):
        if word not in _MAY_BE_TURNED_DOWN:
            continue
        clause = turn.clauses[turn.clause_of[at]]
        before = folded[max(clause.first, at - 4) : at]
        after = folded[at + 1 : min(clause.after, at + 6)]
        detail = words.DETAIL_NOUNS.get(word)
        if detail and (_other_one(before, after) or _wrong(before, after)):
            details.add(detail)
        refused = before[-1:] == ["non"] or " ".join(before).endswith(words.REFUSALS)
        if word in WEEKDAY_NAMES and (refused or _cannot(after)):
            details.add("date")
        if word in _BEFORE_HOURS and (refused or any(_cannot(after[n:]) for n in (1, 2, 3))):
            details.add("time")
    return frozenset(details)


def _other_one(before: list[str], after: list[str]) -> bool:
    other = any(w in words.OTHER_BEFORE for w in before) or after[:1] in (["diverso"], ["diversa"])
    that = "non" in before and any(w in {"quel", "quell", "quella", "quello"} for w in before)
    return other or that or (before[-1:] in (["quel"], ["quell"]) and _cannot(after))


def _wrong(before: list[str], after: list[str]) -> bool:
    refused = any(refusal in " ".join(before) for refusal in words.REFUSALS)
    if refused or after[:1] == ["no"] or any(w in words.WRONG for w in [*after[:4], *before[-3:]]):
        return True
    if "non" not in after[:3]:
        return "non" in before and ("mio" in before or "mia" in before)
    return any(w in words.NOT_RIGHT | {"mia"} for w in after)


def _cannot(after: list[str]) -> bool:
    return after[:1] == ["no"] or (after[:1] == ["non"] and bool(set(after[1:3]) & words.CANNOT))


# --- The turn as words and clauses -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    stop: str  # the punctuation before it: "", "," or a stronger one
    accented: bool


@dataclass(frozen=True, slots=True)
class _Clause:
    first: int
    after: int
    question: bool


_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")  # "sììì"


class _Turn:
    """The words of a turn, cut into clauses at every punctuation mark."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[_Word] = []
        last, ascii_only = 0, text.isascii()
        for token in tokens(text):
            stop = _strongest(text[last : token.start])
            plain = _DRAWN_OUT.sub(r"\1", token.text) if len(token.text) > 2 else token.text
            foreign = not (ascii_only or text[token.start : token.end].isascii())
            accented = foreign or text[token.end : token.end + 1] in ("'", "’")
            stutter = (
                self.words
                and len(self.words[-1].text) == 1
                and "-" in text[last : token.start]
                and plain.startswith(self.words[-1].text)
            )
            if stutter:
                stop = self.words.pop().stop
            self.words.append(_Word(plain, token.start, token.end, stop, accented))
            last = token.end
        self.tail = _strongest(text[last:])
        self.clauses = _clauses(self.words, self.tail)
        self.clause_of = [
            n for n, clause in enumerate(self.clauses) for _ in range(clause.first, clause.after)
        ]

    def clause(self, at: int) -> _Clause:
        return self.clauses[self.clause_of[at]]

    def mention(self, found: _Found) -> ActMention:
        start, end = self.words[found.first].start, self.words[found.after - 1].end
        return ActMention(self.text[start:end], start, end, found.act, found.explicit)


@lru_cache(maxsize=8)
def _turn_of(text: str) -> _Turn:
    return _Turn(text)


def _strongest(gap: str) -> str:
    return "" if gap in ("", " ") else next((mark for mark in "?!.;:…," if mark in gap), "")


def _clauses(turn_words: list[_Word], tail: str) -> list[_Clause]:
    starts = [at for at, word in enumerate(turn_words) if at == 0 or word.stop]
    clauses: list[_Clause] = []
    for number, first in enumerate(starts):
        after = starts[number + 1] if number + 1 < len(starts) else len(turn_words)
        ending = turn_words[after].stop if after < len(turn_words) else tail
        said = tuple(word.text for word in turn_words[first:after])
        if ending == "?" and said in words.TAGS and clauses and turn_words[first].stop == ",":
            clauses[-1] = _Clause(clauses[-1].first, clauses[-1].after, True)
        clauses.append(_Clause(first, after, ending == "?" or _asks(said)))
    return clauses


def _asks(said: Phrase) -> bool:
    at = 0
    while at < len(said) - 1 and said[at] in words.OPENERS and said[at : at + 2] not in words.INTERROGATIVES:
        at += 1
    if said[at : at + 2] in words.SURELY:
        return False
    return said[at : at + 1] in words.INTERROGATIVES or said[at : at + 2] in words.INTERROGATIVES


# --- Phrases found in it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    act: Act | None  # None: an idiom
    explicit: bool = False
    withdraws: bool = False
    phrase: Phrase = ()  # as the file has it; empty for the words of this code


class _Index:
    """Phrases by their words, for the longest that begins at a place."""

    def __init__(self) -> None:
        self.next: dict[str, _Index] = {}
        self.entry: _Entry | None = None

    def add(self, phrase: Phrase, entry: _Entry) -> None:
        node = self
        for word in phrase:
            node = node.next.setdefault(word, _Index())
        if node.entry is None or _rank(entry) < _rank(node.entry):
            node.entry = entry


def _rank(entry: _Entry) -> tuple[int, bool]:
    return (-1 if entry.act is None else _RANK[entry.act], not entry.explicit)


@dataclass(frozen=True, slots=True)
class _Match:
    entry: _Entry
    first: int
    after: int


@dataclass(frozen=True, slots=True)
class _Found:
    act: Act
    first: int
    after: int
    explicit: bool = False
    withdraws: bool = False


def _matches(turn: _Turn, index: _Index) -> Iterator[_Match]:
    at = 0
    while at < len(turn.words):
        match = _longest(turn, index, at)
        if match is None:
            at += 1
        else:
            yield match
            at = match.after


def _longest(turn: _Turn, index: _Index, first: int) -> _Match | None:
    node, best = index, None
    fillers = 0
    for at in range(first, len(turn.words)):
        word = turn.words[at]
        if at > first and word.stop not in ("", ",", "…"):
            break
        if (following := node.next.get(word.text)) is not None:
            node, fillers = following, 0
            if node.entry is not None:
                best = _Match(node.entry, first, at + 1)
        elif at > first and word.text in words.FILLERS and fillers < 3:
            fillers += 1
        else:
            break
    return best


@lru_cache(maxsize=1 << 15)  # all of a phrase file, which is often read again with little changed
def folded(phrase: str) -> Phrase:
    """A phrase as `Phrases` holds it: its words, without case and accents."""
    return tuple(token.text for token in tokens(fold(phrase)))


def _hides_core(act: Act, phrase: Phrase) -> bool:
    if act in _WITHOUT_NEGATION and words.NEGATIONS.intersection(phrase):
        return True
    return act in _WITHOUT_CORE and any(
        phrase[first:after] in _CORE
        for first in range(len(phrase))
        if phrase[first] in _CORE_BEGINS
        for after in range(first + 1, min(len(phrase), first + _LONGEST_CORE) + 1)
    )


# --- What they mean where they stand ---------------------------------------------------------------


def _judge(turn: _Turn, matches: list[_Match], number: int, pending: bool) -> list[_Found]:
    match = matches[number]
    act = match.entry.act
    if match.entry.withdraws:
        drops = turn.words[match.first].text in words.GIVES_UP
        return [_Found(Act.DROP if drops else Act.HEDGE, match.first, match.after, withdraws=True)]
    if act is None:
        return []
    if act is Act.AFFIRM:
        return _judge_yes(turn, matches, number, pending)
    if act is Act.DENY:
        return _judge_no(turn, matches, number)
    if act in (Act.SHOW_INTEREST, Act.CANCEL, Act.RESCHEDULE, Act.ASK_HUMAN):
        return _judge_request(turn, matches, number)
    if _only_strengthens(turn, match) or (
        turn.words[match.first].text == "invece" and _opens_question(turn, match.first)
    ):
        return []
    return [_Found(act, match.first, match.after, match.entry.explicit)]


def _judge_yes(turn: _Turn, matches: list[_Match], number: int, pending: bool) -> list[_Found]:
    match = matches[number]
    first, after = match.first, match.after
    word, clause = turn.words[first], turn.clause(first)
    before = [w.text for w in turn.words[max(clause.first, first - 3) : first]]
    nearest = before[-1] if before else ""
    negator = _negator(turn, matches, number)
    if clause.question or turn.clause(after - 1).question:
        return []
    if negator is not None:
        return [_Found(Act.DENY, negator, after, match.entry.explicit)]
    if word.text == "si" and (nearest == "di" or not _is_yes(turn, matches, number)):
        return []
    if word.text in words.ADJECTIVES and after == first + 1 and nearest in words.BEFORE_ADJECTIVE:
        return []
    following = turn.words[after] if after < len(turn.words) and not turn.words[after].stop else None
    if following is not None and following.text == "che" and word.text in words.ADJECTIVES:
        return []  # "certo che è caro"; "certo che sì" is a phrase of its own
    if words.CONDITIONS_BEFORE.intersection(before) and not _taken(matches, number, first - 3):
        return [_Found(Act.HEDGE, first, after)]
    if clause.first < first and turn.words[clause.first].text in words.IF:  # "se mia moglie è d'accordo"
        return [_Found(Act.HEDGE, first, after)]
    if following is not None and following.text in words.CONDITIONS_AFTER:
        adds_a_detail = following.text == "anche" and match.entry.explicit
        if not adds_a_detail:
            return [_Found(Act.HEDGE, first, after + 1)]
    adversative = nearest in {"ma", "pero"} and word.text not in words.STRENGTHENED
    if _answers_no(turn, matches, number) or (adversative and not match.entry.explicit):
        return []
    counts = match.entry.explicit or pending
    return [_Found(Act.AFFIRM if counts else Act.BACKCHANNEL, first, after, match.entry.explicit)]


def _judge_no(turn: _Turn, matches: list[_Match], number: int) -> list[_Found]:
    match = matches[number]
    if turn.clause(match.first).question and turn.words[match.first].text != "non":
        return []
    if _is_no(turn, match) and (yes := _yes_after_no(turn, matches, number)) is not None:
        return [_Found(Act.HEDGE, match.first, match.after)] if _may_be_non(turn, matches, yes) else []
    return [_Found(Act.DENY, match.first, match.after, match.entry.explicit)]


def _judge_request(turn: _Turn, matches: list[_Match], number: int) -> list[_Found]:
    match = matches[number]
    act, clause = match.entry.act, turn.clause(match.first)
    assert act is not None
    negator = _negator(turn, matches, number)
    rest = [w.text for w in turn.words[match.after : clause.after]]
    before = [w.text for w in turn.words[max(clause.first, match.first - 3) : match.first]]
    if negator is not None and not clause.question:
        if act is Act.ASK_HUMAN:
            return []
        gives_up = act is Act.SHOW_INTEREST and not rest
        return [_Found(Act.DROP if gives_up else Act.DENY, negator, match.after, True)]
    if act is Act.SHOW_INTEREST and words.ELSEWHERE.intersection(rest):
        return []
    if act in (Act.CANCEL, Act.RESCHEDULE) and (
        not _own_booking(rest)
        or (rest[:1] and rest[0] in words.POLICY_AFTER)
        or words.POLICY_BEFORE & set(before)
    ):
        return []
    return [_Found(act, match.first, match.after, match.entry.explicit)]


def _own_booking(rest: list[str]) -> bool:
    """Whether what follows the verb is nothing, or something that can be booked with us."""
    at = 0
    while at < len(rest) and rest[at] in words.DETERMINERS:
        at += 1
    return at == 0 or at == len(rest) or rest[at] in words.OWN_BOOKING or rest[at].isdigit()


def _negator(turn: _Turn, matches: list[_Match], number: int) -> int | None:
    """The place of a word that negates this phrase: at most three words before it, in its clause and no phrase."""
    match = matches[number]
    floor = max(turn.clause(match.first).first, match.first - 3, matches[number - 1].after if number else 0)
    return next(
        (at for at in range(match.first - 1, floor - 1, -1) if turn.words[at].text in words.NEGATORS), None
    )


def _taken(matches: list[_Match], number: int, floor: int) -> bool:
    """Whether the phrase before this one ends after `floor`, so that words before it belong to that one."""
    return (
        number > 0 and matches[number - 1].after > floor and matches[number - 1].entry.act is not Act.AFFIRM
    )


def _is_yes(turn: _Turn, matches: list[_Match], number: int) -> bool:
    """Whether a "si" is the answer, its accent lost in transcription, and not the pronoun ("si può")."""
    match = matches[number]
    word, clause = turn.words[match.first], turn.clause(match.first)
    previous = turn.words[match.first - 1].text if match.first > clause.first else ""
    if previous in words.BEFORE_PRONOUN:
        return False
    if word.accented or match.after > match.first + 1 or match.after >= clause.after:
        return True
    following = turn.words[match.after].text
    next_match = matches[number + 1] if number + 1 < len(matches) else None
    answers = next_match is not None and next_match.first == match.after and next_match.entry.act is not None
    return answers or following in words.AFTER_YES or following in words.FILLERS or following.isdigit()


def _is_no(turn: _Turn, match: _Match) -> bool:
    return all(word.text == "no" for word in turn.words[match.first : match.after])


def _yes_after_no(turn: _Turn, matches: list[_Match], number: int) -> int | None:
    """The number of the yes before which this "no" only clears the way ("no no, va bene così")."""
    at = number + 1
    while at < min(len(matches), number + _MOST_NOES) and _is_no(turn, matches[at]):
        if matches[at].first != matches[at - 1].after:
            return None
        at += 1
    if at >= len(matches) or matches[at].entry.act is not Act.AFFIRM:
        return None
    between = [w.text for w in turn.words[matches[at - 1].after : matches[at].first]]
    if (
        any(w not in words.OPENERS for w in between)
        or turn.words[matches[at].first].text not in words.YES_AFTER_NO
    ):
        return None
    if matches[at].entry.explicit:
        return None if turn.clause(matches[at].first).question else at
    last = at
    while last + 1 < min(len(matches), at + _MOST_NOES) and matches[last + 1].first == matches[last].after:
        if matches[last + 1].entry.act not in (Act.AFFIRM, Act.BACKCHANNEL):
            return None
        last += 1
    after = matches[last].after
    ends = after >= len(turn.words) or bool(turn.words[after].stop)
    asks = turn.clause(matches[at].first).question
    return at if not asks and (ends or turn.words[after].text in words.AFTER_YES_AFTER_NO) else None


def _may_be_non(turn: _Turn, matches: list[_Match], yes: int) -> bool:
    """ "no va bene", one "no" in one breath: a poor line makes it of "non va bene" just as well."""
    word, no = turn.words[matches[yes].first], matches[yes - 1]
    several = no.after > no.first + 1 or (no.first > 0 and turn.words[no.first - 1].text == "no")
    return word.text in words.YES_AFTER_NON and not word.stop and not several


def _answers_no(turn: _Turn, matches: list[_Match], number: int) -> bool:
    """Whether this yes stands right after a "no" that is meant ("no, va bene giovedì")."""
    if number == 0 or matches[number].entry.explicit or turn.words[matches[number].first].text == "si":
        return False
    previous = matches[number - 1]
    if previous.entry.act is not Act.DENY or not _touch(turn, previous, matches[number]):
        return False
    cleared = _is_no(turn, previous) and _yes_after_no(turn, matches, number - 1) == number
    return not cleared or _may_be_non(turn, matches, number)


def _touch(turn: _Turn, left: _Match, right: _Match) -> bool:
    return all(w.text in words.OPENERS for w in turn.words[left.after : right.first])


def _only_strengthens(turn: _Turn, match: _Match) -> bool:
    if turn.words[match.first].text != "ma" or match.after >= len(turn.words):
        return False
    return turn.words[match.after].text in words.STRENGTHENED


def _opens_question(turn: _Turn, at: int) -> bool:
    clause = turn.clause(at)
    opening = turn.words[clause.first : at]
    return clause.question and all(w.text in words.OPENERS for w in opening)


def _ruled_out(turn: _Turn, matches: list[_Match]) -> Iterator[_Found]:
    """ "non alle 15", "non quel giorno": corrections without a word of their own."""
    taken = {at for match in matches for at in range(match.first, match.after)}
    for at, word in enumerate(turn.words):
        if word.text != "non" or at in taken:
            continue
        rest = [w.text for w in turn.words[at + 1 : min(at + 3, turn.clause(at).after)]]
        led = len(rest) == 2 and rest[0] in words.BEFORE_RULED_OUT
        if rest[:1] and rest[0] in words.RULED_OUT:
            yield _Found(Act.CORRECT, at, at + 2)
        elif led and (rest[1] in words.RULED_OUT | words.AFTER_RULED_OUT or rest[1].isdigit()):
            yield _Found(Act.CORRECT, at, at + 3)


def _not_heard(turn: _Turn, matches: list[_Match]) -> Iterator[_Found]:
    """ "Scusi?", "Come?" alone."""
    taken = {match.first for match in matches}
    for number, clause in enumerate(turn.clauses):
        ending = turn.words[clause.after].stop if number + 1 < len(turn.clauses) else turn.tail
        alone = tuple(w.text for w in turn.words[clause.first : clause.after]) in words.NOT_HEARD
        if ending == "?" and alone and clause.first not in taken:
            yield _Found(Act.ASK_REPEAT, clause.first, clause.after)


def _without_withdrawn(found: Iterable[_Found]) -> list[_Found]:
    kept: list[_Found] = []
    for act in found:
        if act.withdraws and any(f.act is Act.CORRECT for f in kept):
            first = next(f.first for f in kept if f.act is Act.CORRECT)
            kept = [f for f in kept if f.act not in (Act.CORRECT, Act.DENY, Act.HOLD_ON) or f.after < first]
            act = _Found(Act.HEDGE, act.first, act.after)
        kept.append(act)
    return kept


def _without_retracted(found: list[_Found]) -> list[_Found]:
    """Drop each yes that something later in the turn takes back."""
    last = max((n for n, f in enumerate(found) if f.act in _STOPS_A_YES), default=-1)
    return [f for n, f in enumerate(found) if n > last or f.act is not Act.AFFIRM]


def _merged(found: list[_Found]) -> list[_Found]:
    merged: list[_Found] = []
    for act in found:
        last = merged[-1] if merged else None
        if (
            last is not None
            and (last.act, last.explicit) == (act.act, act.explicit)
            and last.after == act.first
        ):
            merged[-1] = _Found(act.act, last.first, act.after, act.explicit)
        else:
            merged.append(act)
    return merged
