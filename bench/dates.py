"""How often `understand` reads days, times and stretches of real Italian examples right, beside plain dateparser.

Run: make bench ARGS="dates FOLDER [--missed]"; FOLDER (or BENCH_DATA) holds duckling_it_time.jsonl and
rustling_it_time.jsonl: one example a line, with utterance, reference and expected.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dateparser

from engine.understanding.acts import Phrases
from engine.understanding.dates import find_dates
from engine.understanding.days import months_on
from engine.understanding.mentions import Problem, RangeMention
from engine.understanding.ranges import find_ranges
from engine.understanding.report import Line, report
from engine.understanding.times import find_times

FILES = ("duckling_it_time.jsonl", "rustling_it_time.jsonl")

# Rows no booking could need, by reason; the first that fits counts.
EXCLUDED: dict[str, re.Pattern[str]] = {
    "an instant now": re.compile(r"^(subito|immediatamente|(in )?questo momento.*|ora|adesso)$", re.I),
    "seconds, minutes or hours from now": re.compile(
        r"mezz'?ora|ore fa|(tra|fra|in|ultim[aeio]+|scors[aei]|prossim[aei]|\d|due)\b.*"
        r"\b(second[oi]|sec|minut[oi]|min|or[ae])\b(?! (\d|tre|otto|quindici|sedici|undici|luned|marted|mercol))",
        re.I,
    ),
    "another time zone": re.compile(r"\b(CET|GMT)\b", re.I),
    "days of observance": re.compile(r"^giornata\b", re.I),
    "history": re.compile(r"\bidi\b", re.I),
    "relative to a day said before": re.compile(
        r"^((il|la|alla) )?(giorno (prima|precedente|seguente|dopo|successivo)|vigilia)$"
        r"|giorni (dopo|più tardi)$|^l'indomani$",
        re.I,
    ),
    "an hour of a day gone by": re.compile(r"^7 giorni fa$", re.I),
    "seasons, quarters and years": re.compile(r"estate|inverno|trimestre|\bann[oi]\b(?! a\b)", re.I),
}
# What the design leaves open until an offer, the opening hours or the assistant's own words settle it. A row is
# taken out of the score only where these words stand in it and the reading is open with the right one in it.
LEFT_OPEN: dict[str, re.Pattern[str]] = {
    '"prossimo", "seguente", "dopo" with a weekday: two weeks are meant by them': re.compile(
        r"(prossim|seguent|successiv)[oae]|\bdopo$", re.I
    ),
    "an hour from 1 to 8 without a part of the day": re.compile(
        r"^(?!.*(mattin|pomerig|sera|notte)).*?(?<![\d:.])"
        r"([1-8]|una|due|tre|quattro|cinque|sei|sette|otto)\b(?!/)",
        re.I,
    ),
}
GRAINS = {"day", "hour", "minute"}
LONG_GRAINS = {"week": (7, 0), "month": (0, 1)}
_PART_OF_DAY = re.compile(
    r"mattin|pomerig|\bsera\b|\bserat|stasera|notte|nottat|stamani|pranzo|cena|lavoro|giornata|giorno|week|fine.?settimana",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One example: what is said, when, and the instant expected; `timed` when a time of day is said too."""

    said: str
    now: datetime
    expected: datetime
    timed: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """One example of a stretch: from and to, either open, the end exclusive."""

    said: str
    now: datetime
    begin: datetime | None
    end: datetime | None


def examples(folder: Path, excluded: Counter[str]) -> tuple[list[Row], list[Stretch]]:
    """The examples a booking could need; counts the others in `excluded` by reason."""
    points, stretches = [], []
    for name in FILES:
        for line in (folder / name).read_text().splitlines():
            row = json.loads(line)
            said, now, expected = row["utterance"], datetime.fromisoformat(row["reference"]), row["expected"]
            reason = _reason(said, now, expected)
            if reason is not None:
                excluded[reason] += 1
            elif expected["kind"] == "point" and expected["grain"] in GRAINS:
                value = datetime.fromisoformat(expected["value"]).replace(tzinfo=now.tzinfo)
                points.append(Row(said, now, value, expected["grain"] != "day"))
            else:
                stretches.append(Stretch(said, now, *_bounds(expected, now)))
    return points, stretches


def _reason(said: str, now: datetime, expected: dict[str, Any]) -> str | None:
    point = expected["kind"] == "point"
    if point and expected["grain"] not in GRAINS | LONG_GRAINS.keys():
        return f"a {expected['grain']}"
    reason = next((why for why, words in EXCLUDED.items() if words.search(said)), None)
    if reason is not None or (point and expected["grain"] in GRAINS):
        return reason
    end = _bounds(expected, now)[1]
    return "a stretch gone by" if end is not None and end <= now.replace(hour=0, minute=0) else None


def _bounds(expected: dict[str, Any], now: datetime) -> tuple[datetime | None, datetime | None]:
    def instant(value: str) -> datetime:
        return datetime.fromisoformat(value).replace(tzinfo=now.tzinfo)

    if expected["kind"] == "point":
        begin = instant(expected["value"])
        days, months = LONG_GRAINS[expected["grain"]]
        end = datetime.combine(months_on(begin.date(), months), begin.timetz()) + timedelta(days=days)
        return begin, end
    if expected["kind"] == "open_interval":
        value = instant(expected["value"])
        return (value, None) if expected["direction"] == "after" else (None, value)
    return instant(expected["start"]), instant(expected["end"])


def ours(row: Row) -> str:
    """The verdict on our reading: right, open (the expected among the candidates), asked, nothing or wrong."""
    answer = report(Line(row.said, row.now), _NO_PHRASES)
    verdicts = []
    if row.timed:
        verdicts.append(_one(answer["times"], f"{row.expected:%H:%M}"))
    if answer["dates"] or not row.timed:
        day = row.expected.date()
        named = {candidate for mention in answer["dates"] for candidate in mention["candidates"]}
        if row.timed and row.expected.hour == 0 and str(day - timedelta(days=1)) in named:
            day -= timedelta(days=1)  # "domani a mezzanotte" is the end of tomorrow
        verdicts.append(_one(answer["dates"], str(day)))
    return max(verdicts, key=ORDER.index)


_NO_PHRASES = Phrases({}, {})


ORDER = ("right", "open", "asked", "nothing", "wrong")


def _one(mentions: Sequence[dict[str, Any]], expected: str) -> str:
    if not mentions:
        return "nothing"
    if len(mentions) > 1:
        return "wrong"
    mention = mentions[0]
    if mention["value"] is not None:
        return "right" if mention["value"] == expected else "wrong"
    flagged = {*mention.get("problems", ())} - {str(Problem.AMBIGUOUS)}
    return "open" if expected in mention["candidates"] and not flagged else "asked"


def our_stretch(row: Stretch) -> str:
    """The verdict on the stretches we read: right, nothing, or other bounds than expected."""
    dates, ranges = find_dates(row.said, row.now), find_ranges(row.said, row.now)
    if not ranges:
        return "nothing"
    return "right" if len(ranges) == 1 and _same(row, ranges[0], [d.value for d in dates]) else "other"


def _same(row: Stretch, found: RangeMention, days: list[date | None]) -> bool:
    """Whether the days agree, and the hours where clocks were named; corpora differ on when a morning begins."""
    whole = found.time_from is None and found.time_to is None
    today = {row.now.date(), row.now.date() + timedelta(days=1)} | {day for day in days if day}
    if not whole and _PART_OF_DAY.search(row.said) and row.begin is not None:
        on = {found.date_from} if found.date_from else today
        return row.begin.date() in on or row.begin.date() - timedelta(days=1) in on  # a night is of two days
    if whole:
        begin, end = (at.date() if at is not None else None for at in (row.begin, row.end))
        if row.end is not None and row.end.time() != datetime.min.time():
            end = row.end.date() + timedelta(days=1)
        late = begin == row.now.date() and found.date_from is None
        friday = row.begin is not None and row.begin.hour == 18 and begin is not None
        begin = begin + timedelta(days=1) if friday and begin is not None else begin
        return (found.date_from == begin or late) and found.date_to == end
    begin_at = row.begin.time() if row.begin else None
    ends = set()
    if row.end is not None:
        ends = {
            (row.end - timedelta(minutes=n)).time() for n in (0, 1, 60)
        }  # "alle 11" may include 11 or its hour
    same_begin = found.time_from == begin_at or (found.time_from is None and row.begin == row.now)
    return same_begin and (found.time_to in ends if ends else found.time_to is None)


def plain(row: Row) -> str:
    """The verdict on what dateparser alone makes of the whole example."""
    settings = {"RELATIVE_BASE": row.now.replace(tzinfo=None), "PREFER_DATES_FROM": "future"}
    found = dateparser.parse(row.said, languages=["it"], settings=settings)
    if found is None:
        return "nothing"
    same = found.date() == row.expected.date()
    if row.timed:
        same = same and (found.hour, found.minute) == (row.expected.hour, row.expected.minute)
    return "right" if same else "wrong"


def _by_design(rows: Sequence[Row]) -> dict[int, str]:
    """The rows left open by design, by their place, and which convention it is."""
    found = {}
    for at, row in enumerate(rows):
        if ours(row) == "open":
            why = next((why for why, words in LEFT_OPEN.items() if words.search(row.said)), None)
            if why is not None:
                found[at] = why
    return found


def main(arguments: list[str]) -> int:
    """Print both scores, the rows left out, and with --missed what we do not get right."""
    paths = [argument for argument in arguments if not argument.startswith("--")]
    folder = Path(paths[0] if paths else os.environ.get("BENCH_DATA", "."))
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        print(
            f"dates: {', '.join(missing)} not found in {folder}; name the folder they are in", file=sys.stderr
        )
        return 2
    excluded: Counter[str] = Counter()
    points, stretches = examples(folder, excluded)
    left_open = _by_design(points)
    settled = [row for at, row in enumerate(points) if at not in left_open]
    missed = "--missed" in arguments
    _score("days and times, ours", settled, ours, ORDER, missed)
    _score("dateparser alone", settled, plain, ORDER)
    _score("all rows, ours", points, ours, ORDER)
    _score("all, dateparser alone", points, plain, ORDER)
    _score("stretches, ours", stretches, our_stretch, ("right", "nothing", "other"), missed)
    print("\nleft open by design, with the right one among the candidates:")
    for why, count in Counter(left_open.values()).most_common():
        print(f"  {count:3} {why}")
    print("left out, since no booking could need them:")
    for why, count in excluded.most_common():
        print(f"  {count:3} {why}")
    print(
        "right: as expected; open: among several candidates; asked: flagged; nothing: not seen; wrong: silent"
    )
    return 0


def _score(
    name: str,
    rows: Sequence[Any],
    reader: Callable[[Any], str],
    verdicts: Sequence[str],
    missed: bool = False,
) -> None:
    begun = time.perf_counter()
    found = [reader(row) for row in rows]
    each = (time.perf_counter() - begun) / len(rows) * 1e6
    score = Counter(found)
    shares = ", ".join(
        f"{verdict} {score[verdict] / len(rows):.1%} ({score[verdict]})" for verdict in verdicts
    )
    print(f"{name:22}{len(rows)} rows: {shares}; {each:.0f} µs each")
    for row, verdict in zip(rows, found, strict=True):
        if missed and verdict != "right":
            read = [
                (m.text, [str(value) for value in m.candidates])
                for m in (*find_dates(row.said, row.now), *find_times(row.said))
            ]
            spans = [
                (m.text, f"{m.date_from}–{m.date_to} {m.time_from}–{m.time_to}")
                for m in find_ranges(row.said, row.now)
            ]
            wanted = f"{row.expected:%a %Y-%m-%d %H:%M}" if isinstance(row, Row) else f"{row.begin}–{row.end}"
            print(f"  {verdict}: {row.said!r} is {wanted}, read {read} {spans}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
