"""How often days and times of real Italian examples are read right, beside plain dateparser.

Run: make bench ARGS="dates FOLDER [--wrong]"; FOLDER (or BENCH_DATA) holds duckling_it_time.jsonl and
rustling_it_time.jsonl: one example a line, with utterance, reference and expected.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dateparser

from engine.understanding.dates import find_dates
from engine.understanding.times import find_times

FILES = ("duckling_it_time.jsonl", "rustling_it_time.jsonl")

# Rows no booking could need, by reason; the first that fits counts.
EXCLUDED: dict[str, re.Pattern[str]] = {
    "an instant now": re.compile(
        r"^(subito|immediatamente|(in )?questo momento.*|ora|adesso|.*in questo momento.*)$", re.I
    ),
    "seconds, minutes or hours from now": re.compile(
        r"second[oi]\b|\bsec\b|mezz'?ora|ore fa|(tra|fra|in|ultim[aeo]|scors[ae]|prossim[ae]|\d|due)\b.*"
        r"\b(minut[oi]|min|or[ae])\b(?! (\d|tre|otto|quindici|sedici|undici))",
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
}
GRAINS = {"day", "hour", "minute"}


@dataclass(frozen=True, slots=True)
class Row:
    """One example: what is said, when, and the instant expected; `timed` when a time of day is said too."""

    said: str
    now: datetime
    expected: datetime
    timed: bool


def rows(folder: Path, excluded: Counter[str]) -> Iterator[Row]:
    """The examples a booking could need; counts the others in `excluded` by reason."""
    for name in FILES:
        for line in (folder / name).read_text().splitlines():
            row = json.loads(line)
            expected = row["expected"]
            reason = _reason(row["utterance"], expected)
            if reason is not None:
                excluded[reason] += 1
                continue
            now = datetime.fromisoformat(row["reference"])
            value = datetime.fromisoformat(expected["value"]).replace(tzinfo=now.tzinfo)
            yield Row(row["utterance"], now, value, expected["grain"] != "day")


def _reason(said: str, expected: dict[str, str]) -> str | None:
    if expected["kind"] != "point":
        return "a stretch, not a point"
    if expected["grain"] not in GRAINS:
        return f"a {expected['grain']}, not a day or a time"
    return next((why for why, words in EXCLUDED.items() if words.search(said)), None)


def ours(row: Row) -> str:
    """The verdict on our reading: right, open (the expected among the candidates), asked, nothing or wrong."""
    dates, times = find_dates(row.said, row.now), find_times(row.said)
    verdicts = []
    if row.timed:
        verdicts.append(_one([m.candidates for m in times], [m.problems for m in times], row.expected.time()))
    if dates or not row.timed:
        day = row.expected.date()
        if row.timed and row.expected.hour == 0:
            day -= (
                timedelta(days=1)
                if (day - timedelta(days=1)) in [d for m in dates for d in m.candidates]
                else timedelta()
            )
        verdicts.append(_one([m.candidates for m in dates], [m.problems for m in dates], day))
    return max(verdicts, key=ORDER.index)


ORDER = ("right", "open", "asked", "nothing", "wrong")


def _one(candidates: list[tuple[object, ...]], problems: list[frozenset[object]], expected: object) -> str:
    if not candidates:
        return "nothing"
    if len(candidates) > 1:
        return "wrong"
    flagged = {str(problem) for problem in problems[0]} - {"past"}
    if candidates[0] == (expected,):
        return "asked" if flagged else "right"
    if expected in candidates[0]:
        return "open"
    return "asked" if flagged else "wrong"


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


def main(arguments: list[str]) -> int:
    """Print both scores, the rows left out, and with --wrong what we miss."""
    paths = [argument for argument in arguments if not argument.startswith("--")]
    folder = Path(paths[0] if paths else os.environ.get("BENCH_DATA", "."))
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        print(
            f"dates: {', '.join(missing)} not found in {folder}; name the folder they are in", file=sys.stderr
        )
        return 2
    excluded: Counter[str] = Counter()
    examples = list(rows(folder, excluded))
    readers: dict[str, Callable[[Row], str]] = {"ours": ours, "dateparser alone": plain}
    for name, reader in readers.items():
        begun = time.perf_counter()
        verdicts = [reader(row) for row in examples]
        each = (time.perf_counter() - begun) / len(examples) * 1e6
        score = Counter(verdicts)
        shares = ", ".join(
            f"{verdict} {score[verdict] / len(examples):.1%} ({score[verdict]})" for verdict in ORDER
        )
        settled = score["right"] + score["open"]
        print(f"{name:17} {len(examples)} rows: {shares}; {each:.0f} µs each")
        print(
            f"{'':17} right, or left open between readings with the right one: {settled / len(examples):.1%}"
        )
        if name == "ours" and "--wrong" in arguments:
            for row, verdict in zip(examples, verdicts, strict=True):
                if verdict not in ("right",):
                    dates = [
                        (m.text, [str(day) for day in m.candidates]) for m in find_dates(row.said, row.now)
                    ]
                    times = [(m.text, [f"{at:%H:%M}" for at in m.candidates]) for m in find_times(row.said)]
                    print(
                        f"  {verdict}: {row.said!r} is {row.expected:%a %Y-%m-%d %H:%M}, read {dates} {times}"
                    )
    print("left out:", ", ".join(f"{count} {reason}" for reason, count in excluded.most_common()))
    print(
        "right: as expected; open: among several candidates; asked: flagged; nothing: not seen; wrong: silent"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
