"""Bookings under noise: an extraction model that errs, transcripts that are damaged; wrong ones must be 0.

Run: make bench ARGS="noise [EVERY [SEEDS]]". Every EVERY-th example dialogue (default 10) is played SEEDS times (1)
at each level. "as heard": bookings the caller did not want, but to which the words that are left are a plain yes.
"""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from tests.dialogues import EXAMPLES, example, name_of
from tests.noise import books, tried

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def main(arguments: list[str]) -> int:
    """Print the table; 1 if anything was booked wrongly."""
    every, seeds = (*map(int, arguments), *(10, 1)[len(arguments) :])
    paths = EXAMPLES[::every]
    booking = [path for path in paths if books(path)]
    table = Table(title=f"{len(paths)} dialogues, {len(booking)} of which book; {seeds} seeds")
    for column in (
        "extractor",
        "words",
        "come to what they should",
        "of those that book",
        "as heard",
        "wrong",
    ):
        table.add_column(column, justify="right")
    wrong: list[str] = []
    otherwise: list[str] = []
    began = time.perf_counter()
    for extractor, words in [(level, 0.0) for level in LEVELS] + [(level, level) for level in LEVELS[1:]]:
        verdicts = {
            (path, seed): tried(path, example(path), extractor=extractor, words=words, seed=seed)
            for path in paths
            for seed in range(seeds)
        }
        done = [path for (path, _), verdict in verdicts.items() if verdict.completed]
        as_heard = [
            f"{name_of(p)}: {one}" for (p, _), verdict in verdicts.items() for one in verdict.as_heard
        ]
        found = [f"{name_of(p)} ({seed}): {one}" for (p, seed), v in verdicts.items() for one in v.wrong]
        level = f"extractor {extractor:.0%}, words {words:.0%}"
        wrong += [f"{level}: {one}" for one in found]
        otherwise += [f"{level}: {one}" for one in as_heard]
        table.add_row(
            f"{extractor:.0%}",
            f"{words:.0%}",
            f"{len(done) / len(verdicts):.1%}",
            f"{sum(path in booking for path in done) / (len(booking) * seeds):.1%}",
            f"{len(as_heard)} ({len(as_heard) / len(verdicts):.1%})",
            str(len(found)),
        )
    Console().print(table)
    print(f"{time.perf_counter() - began:.0f} s")
    print(*(f"wrong: {one}" for one in wrong), *(f"as heard: {one}" for one in otherwise), sep="\n")
    return 1 if wrong else 0
