"""Which words of a text express a time of day, and what they can mean within a part of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time

from engine.understanding.day_grammar import phrase_at, phrase_table, word
from engine.understanding.it import calendar as italian
from engine.understanding.it.numbers import spelled
from engine.understanding.numbers import number_at
from engine.understanding.text import Token, digits

Tokens = Sequence[Token]
_HOURS, _NOON, _HALF_DAY, _MINUTES = 24, 12, 12, 60
_BUSINESS_FROM = 8  # in "tra le 2 e le 4", hours before this are of the afternoon


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as said, over tokens `start` to `end` (exclusive).

    `fixed`: written so that it can mean one time only ("15", "09:00", "mezzogiorno"). `part`: the part of the
    day said with it. `doubtful`: the words may be no minutes at all ("alle 10 e 11").
    """

    start: int
    end: int
    hour: int
    minute: int = 0
    fixed: bool = False
    part: italian.Part | None = None
    doubtful: bool = False
    listed: bool = False

    @property
    def possible(self) -> bool:
        """Whether a clock can show it."""
        return (self.hour < _HOURS and self.minute < _MINUTES) or (self.hour, self.minute) == (_HOURS, 0)

    def readings(self, part: italian.Part | None = None) -> tuple[time, ...]:
        """The times it can mean, ascending; a `part` of the day said elsewhere helps only where it fits."""
        if not self.possible:
            return ()
        if self.fixed or self.hour == 0 or self.hour > _HALF_DAY:
            return (time(self.hour % _HOURS, self.minute),)
        if self.part is not None and self.hour in self.part.hours:
            return (time(self.part.hours[self.hour], self.minute),)
        if self.part is None and part is not None and self.fits(part):
            return (time(part.hours[self.hour], self.minute),)
        if self.hour == _NOON:
            return (time(_NOON, self.minute),)  # at midnight one says so, or "di notte"
        return (
            time(self.hour % _HALF_DAY, self.minute),
            time(self.hour % _HALF_DAY + _HALF_DAY, self.minute),
        )

    def fits(self, part: italian.Part) -> bool:
        """Whether a part of the day said elsewhere in the turn can be meant of this hour."""
        meant = part.hours.get(self.hour)
        ends = part.ends.hour if part.ends is not None else _HOURS
        return meant is not None and part.begins.hour <= (meant or ends % _HOURS or _HOURS) <= ends

    def contradicts(self, part: italian.Part) -> bool:
        """Whether a part of the day said right with it does not fit: "alle 15 di mattina"."""
        if self.fixed or self.hour > _HALF_DAY or self.hour == 0:
            return self.hour % _HOURS not in part.hours.values()
        return self.hour not in part.hours


_MINUTE_WORDS = phrase_table(italian.MINUTE_WORDS)
_PART_PHRASES = phrase_table(italian.PART_PHRASES)


def clock_at(tokens: Tokens, i: int, *, beside_day: bool = False, as_bound: bool = False) -> Clock | None:
    """The time of day that begins at token `i`: "alle 15", "verso le tre e mezza", "15:30", "le 9 di mattina".

    `beside_day`: a day was said just before, so that "15.30" alone is a time. `as_bound`: "tra", "dopo" and
    the like stand before, so that "le tre" cannot count things.
    """
    at, about = i, False
    while word(tokens, at) in italian.ABOUT and at - i < 2:
        at, about = at + 1, word(tokens, at) != "tipo" or about
    lead = at
    said = word(tokens, at)
    if said in italian.TIME_LEADS | italian.LOOSE_LEADS | _OF_LEADS or said == "a":
        at += 1
        if word(tokens, at) == "ore" and said not in ("h", "ore"):
            at += 1
    strong = _is_strong(tokens, lead, at, beside_day=beside_day)
    found = _core_at(
        tokens,
        at,
        alone=at == lead and word(tokens, at - 1) not in italian.ABOUT_THE,
        beside_day=beside_day,
        strong=strong,
    )
    if found is None or (said == "a" and word(tokens, at) not in italian.NAMED_HOURS):
        return None
    if (
        about
        and at == lead
        and not (word(tokens, at) in italian.NAMED_HOURS or word(tokens, at - 1) in italian.ABOUT_THE)
    ):
        return None
    found = _with_tail(tokens, found)
    if not strong and not as_bound and at > lead and not _means_hours(tokens, lead, at, found):
        return None
    if said in _OF_ONE and found.hour != 1 and not found.minute and found.part is None:
        found = replace(found, doubtful=True)  # of hours one says "alle undici"; this may be the 11th
    return replace(found, start=i)


_OF_ONE = frozenset({"all", "dall", "dell"})
_OF_LEADS = frozenset({"delle", "dell", "dalle", "dall", "dalla"})
_SLOT_WORDS = frozenset(
    {"quella", "quello", "slot", "appuntamento", "appuntamenti", "posto", "orario", "consulenza", "incontro"}
)
_NO_HOURS_AFTER = frozenset({"tutte", "entrambe", "quelle", "tra", "fra", "una", "nessuna"})


def _is_strong(tokens: Tokens, lead: int, at: int, *, beside_day: bool) -> bool:
    """Whether the lead-in can only announce an hour."""
    said = word(tokens, lead)
    if at == lead:
        return False
    counted = number_at(tokens, lead - 1) is not None and not beside_day
    if said == "ore" and not tokens[lead].cut and counted:
        return False
    if said == "h" and word(tokens, at) == "24":
        return False
    return said in italian.TIME_LEADS or word(tokens, at - 1) == "ore" or said in ("dalle", "dall", "dalla")


def _means_hours(tokens: Tokens, lead: int, at: int, found: Clock) -> bool:
    """Whether "le tre", "l'una", "delle 15" are hours here rather than things counted."""
    said, before, after = word(tokens, lead), word(tokens, lead - 1), word(tokens, found.end)
    if before in _NO_HOURS_AFTER or said in ("ore", "h"):
        return False
    if word(tokens, at) in italian.NAMED_HOURS or found.part is not None or found.minute:
        return True
    if said in ("delle", "dell"):
        return before in _SLOT_WORDS or found.hour > _NOON
    if said == "l" and (word(tokens, at) != "una" or after in ("altra", "delle", "di")):
        return False
    if said == "l" and after in ("o", "e") and word(tokens, found.end + 1) == "l":
        return False
    if found.end >= len(tokens) or tokens[found.end].cut or found.hour > _NOON:
        return True
    plural = len(after) > 3 and after[-1] in "ie" and after not in italian.NO_NOUNS
    return not plural and after != "che"


def _core_at(tokens: Tokens, i: int, *, alone: bool, beside_day: bool, strong: bool) -> Clock | None:
    said = word(tokens, i)
    named = italian.NAMED_HOURS.get(said)
    if named is not None:
        minute, end, _ = _minutes_at(tokens, i + 1, spoken_only=False)
        return _less(tokens, Clock(i, end, named.hour, minute, fixed=True))
    if not said or said in ("un", "uno", "zero"):
        return _quarter_to(tokens, i) if said == "un" else None
    if said[0].isdigit() and digits(said) is None:
        return _digital(tokens, i, alone=alone and not beside_day, strong=strong)
    found = number_at(tokens, i)
    if found is None:
        return None
    hour, end = found
    if (alone and said == "una") or hour >= 100 or (hour > _HOURS and not strong):
        return None
    fixed = said[0] == "0"
    if word(tokens, end) == "h" and end == i + 1 and tokens[end].start == tokens[i].end:
        behind = digits(word(tokens, end + 1), most=2)
        return Clock(i, end + 1 if behind is None else end + 2, hour, behind or 0, fixed=fixed)
    minute, after, doubtful = _minutes_at(tokens, end, spoken_only=alone)
    clock = _less(tokens, Clock(i, after, hour, minute, fixed=fixed, doubtful=doubtful))
    counted = counts(tokens, clock.end)
    if counted and word(tokens, clock.end) != "ore":
        return None
    if counted or (alone and clock.end == end and not _part_follows(tokens, end)):
        return None
    if alone and (number_at(tokens, i - 1) is not None or number_at(tokens, clock.end) is not None):
        return None
    if not clock.minute and number_at(tokens, clock.end) is not None and not tokens[clock.end].cut:
        return None if hour > _HOURS else replace(clock, doubtful=True)
    return clock


def _digital(tokens: Tokens, i: int, *, alone: bool, strong: bool) -> Clock | None:
    """ "15:30"; "15.30" and "15,30" too, where a lead-in or a day says that it is a time."""
    said = word(tokens, i)
    for sign in ":.,":
        hour, found, minute = said.partition(sign)
        if not found:
            continue
        if not (hour.isdigit() and minute.isdigit() and len(hour) <= 2 and len(minute) == 2):
            return None
        clock = Clock(i, i + 1, int(hour), int(minute), fixed=hour[0] == "0")
        money = counts(tokens, i + 1) and word(tokens, i + 1) != "ore"
        only = i == 0 and not 1 <= clock.minute <= 12
        if (sign != ":" and alone and not only and _part_after(tokens, i + 1) is None) or money:
            return None
        return clock if clock.possible or strong else None
    return None


def _minutes_at(tokens: Tokens, i: int, *, spoken_only: bool) -> tuple[int, int, bool]:
    """Minutes after an hour, the index after them, and whether they may be something else."""
    if word(tokens, i) in italian.AND:
        found = phrase_at(tokens, i + 1, _MINUTE_WORDS)
        if found is not None and word(tokens, i + 2) != "ora":
            return found[0], found[1], False
        number = _minute_number(tokens, i + 1 + (word(tokens, i + 1) in ("minuti", "minuto")))
        if number is not None:
            minute, end = number
            unlikely = minute < _HOURS and minute % 5 != 0
            return (minute, end, unlikely) if not (spoken_only and unlikely) else (0, i, False)
    elif not spoken_only and i < len(tokens) and not tokens[i].cut:
        number = _minute_number(tokens, i)
        clear = word(tokens, i)[:1] in "012345" or (number is not None and (number[0] > 10 or not number[0]))
        if number is not None and clear and len(word(tokens, i)) > 1 and number_at(tokens, number[1]) is None:
            surely = number[0] > 14 or number[0] == 0 or word(tokens, i)[0].isdigit()
            return number[0], number[1], not surely
    return 0, i, False


def _minute_number(tokens: Tokens, i: int) -> tuple[int, int] | None:
    if word(tokens, i) in ("zero", "0") and (unit := number_at(tokens, i + 1)) is not None and unit[0] < 10:
        return unit
    number = number_at(tokens, i)
    if number is None or (not 0 < number[0] < _MINUTES and word(tokens, i) != "00"):
        return None
    after = word(tokens, number[1])
    if after in ("minuti", "minuto", "min"):
        return number[0], number[1] + 1
    if after in italian.COUNTED or after in italian.MONEY or word(tokens, i) in ("un", "una"):
        return None
    return number


def _less(tokens: Tokens, clock: Clock) -> Clock:
    """ "le tre meno un quarto", "mezzogiorno meno cinque"."""
    if word(tokens, clock.end) != italian.LESS or clock.minute:
        return clock
    found = phrase_at(tokens, clock.end + 1, _MINUTE_WORDS) or _minute_number(tokens, clock.end + 1)
    if found is None:
        return clock
    hour = (clock.hour - 1) % (_HOURS if clock.fixed or clock.hour > _HALF_DAY else _HALF_DAY)
    hour = hour or (_HALF_DAY if clock.hour == 1 else 0)
    return replace(clock, end=found[1], hour=hour, minute=_MINUTES - found[0])


def _quarter_to(tokens: Tokens, i: int) -> Clock | None:
    """ "un quarto a mezzogiorno", "un quarto alle tre"."""
    if word(tokens, i + 1) != "quarto" or word(tokens, i + 2) not in ("a", "alle", "all"):
        return None
    if word(tokens, i + 3) == "un":
        return None
    clock = _core_at(tokens, i + 3, alone=False, beside_day=False, strong=True)
    if clock is None or clock.minute:
        return None
    hour = (clock.hour - 1) % _HOURS if clock.fixed else (clock.hour - 2) % _HALF_DAY + 1
    return replace(clock, start=i, hour=hour, minute=45)


def _with_tail(tokens: Tokens, clock: Clock) -> Clock:
    """`clock` with the words behind it that belong to it: "in punto", "circa", "del pomeriggio"."""
    for _ in range(3):
        end = clock.end
        if word(tokens, end) == "in" and word(tokens, end + 1) == "punto":
            clock = replace(clock, end=end + 2)
        elif word(tokens, end) in italian.SHARP or word(tokens, end) in ("circa", "indicativamente"):
            clock = replace(clock, end=end + 1)
        elif clock.part is None and (part := _part_after(tokens, end)) is not None:
            clock = replace(clock, end=part[1], part=part[0])
    return clock


def _part_after(tokens: Tokens, i: int) -> tuple[italian.Part, int] | None:
    """The part of the day said with an hour: "del pomeriggio", "di stasera", "mattina"."""
    at = i + 1 if word(tokens, i) in italian.PART_LEADS else i
    if at < len(tokens) and tokens[i].cut and at == i:
        return None
    part = italian.PARTS.get(word(tokens, at))
    if part is None or word(tokens, at) in italian.RELATIVE_DAYS or word(tokens, i) in italian.THIS:
        return None
    return part, at + 1


def _part_follows(tokens: Tokens, i: int) -> bool:
    """Whether a part of the day is said right behind, "stasera" included."""
    at = i + 1 if word(tokens, i) in italian.OF else i
    return _part_after(tokens, i) is not None or word(tokens, at) in ("stasera", "stamattina", "stanotte")


def counts(tokens: Tokens, i: int) -> bool:
    """Whether the word at `i` is what the number before it counts: "tre euro", "3 volte"."""
    said = word(tokens, i)
    share = said == "per" and word(tokens, i + 1) == "cento"
    return (share or said in italian.COUNTED or said in italian.MONEY) and not tokens[i].cut


def more_clocks(tokens: Tokens, first: Clock) -> list[Clock]:
    """The hours a list goes on with after `first`: "alle 10, 11 e 15", "alle 10 o 11"."""
    found: list[Clock] = []
    end, listing = first.end, False
    while end < len(tokens):
        token = tokens[end]
        if token.text in italian.OR or (listing and token.text in italian.AND):
            at = end + 1
        elif token.cut and _list_goes_on(tokens, end):
            at, listing = end, True
        else:
            break
        clock = _listed(tokens, at)
        if clock is None:
            break
        found.append(clock)
        end = clock.end
    return found


def _listed(tokens: Tokens, i: int) -> Clock | None:
    """A further hour of a list: "11", "14:30", "tre e mezza"."""
    said = word(tokens, i)
    if said[:1].isdigit() and digits(said) is None:
        written = _digital(tokens, i, alone=False, strong=False)
        return None if written is None else _with_tail(tokens, replace(written, listed=True))
    number = number_at(tokens, i)
    if number is None or not 1 <= number[0] <= _HOURS or said in ("un", "uno", "una"):
        return None
    minute, after = 0, number[1]
    if word(tokens, after) in italian.AND:
        more = _minute_number(tokens, after + 1)
        if (half := phrase_at(tokens, after + 1, _MINUTE_WORDS)) is not None:
            minute, after = half
        elif more is not None and more[0] > _HOURS:
            minute, after = more
    if counts(tokens, after) or word(tokens, after) in italian.MONTHS:
        return None
    return _with_tail(tokens, Clock(i, after, number[0], minute, fixed=said[0] == "0", listed=True))


def _list_goes_on(tokens: Tokens, i: int) -> bool:
    number = number_at(tokens, i)
    if number is None or number[1] >= len(tokens):
        return False
    after = tokens[number[1]]
    more = number_at(tokens, number[1] + (0 if after.cut else 1))
    joined = after.cut or after.text in italian.AND or after.text in italian.OR
    return joined and more is not None and 1 <= more[0] <= _HOURS


def part_at(tokens: Tokens, i: int) -> tuple[italian.Part, int] | None:
    """The part of the day that begins at token `i`, with its leading words: "nel tardo pomeriggio"."""
    at = i
    while word(tokens, at) in italian.PART_LEADS and at - i < 2:
        found = phrase_at(tokens, at, _PART_PHRASES)
        if found is not None:
            return found
        at += 1
    found = phrase_at(tokens, at, _PART_PHRASES)
    if found is None and (part := italian.PARTS.get(word(tokens, at))) is not None:
        found = part, at + 1
    return None if found is None or word(tokens, at - 1) in italian.GREETINGS else found


def bound(clock: Clock, part: italian.Part | None, after: time | None = None) -> time | None:
    """The time a bound of a stretch means: in office hours where nothing else says, and later than `after`."""
    readings = clock.readings(part)
    if len(readings) <= 1:
        return readings[0] if readings else None
    early, late = readings
    if after is not None:
        return early if early > after else late
    return early if early.hour >= _BUSINESS_FROM or (clock.hour == _NOON and early.hour) else late


HOUR_STARTS = frozenset(
    {"a", *italian.TIME_LEADS, *italian.LOOSE_LEADS, *_OF_LEADS, *italian.ABOUT, *italian.NAMED_HOURS}
    | {*italian.PART_LEADS, *italian.PARTS, *_PART_PHRASES, *spelled()}
)
