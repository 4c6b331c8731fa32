"""A million decisions on random facts: how many differ from plain Python, and whether memory grows.

Run: make bench ARGS="soak [DECISIONS]". One half under the shipped rules, one half under 200.
"""

from __future__ import annotations

import random
import resource
import sys
import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench._oracle import first, more_rules, random_facts
from bench.decisions import decider_of, shipped

MOST_GROWTH = 4 * 2**20  # bytes, from the first tenth to the end of each half
_UNIT = 1 if sys.platform == "darwin" else 1024


def peak() -> int:
    """The most memory this process has ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def main(arguments: list[str]) -> int:
    """Print what was decided, how fast, what differed and how memory grew; non-zero if it did or anything differed."""
    count = int(arguments[0]) if arguments else 1_000_000
    tables, limits = shipped()
    failed = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        for rules in (tables, more_rules(tables, 200, random.Random(2))):
            chance, decider = random.Random(len(rules)), decider_of(rules)
            half, wrong, spent, early = count // 2, 0, 0, 0
            answered: set[str | None] = set()
            bar = progress.add_task(f"{len(rules)} rules", total=half)
            for number in range(half):
                facts, fired = random_facts(chance)
                begun = time.perf_counter_ns()
                found = decider.decide(facts, fired).rule
                spent += time.perf_counter_ns() - begun
                wrong += found != first(rules, limits, facts, fired)
                answered.add(found)
                if number == half // 10:
                    early = peak()
                if number % 1000 == 0:
                    progress.update(bar, completed=number)
            progress.remove_task(bar)
            growth = peak() - early
            failed |= wrong > 0 or growth > MOST_GROWTH
            progress.console.print(
                f"{len(rules)} rules: {half:,} decisions, {wrong} wrong, {len(answered - {None})} rules answered, "
                f"{spent / half / 1000:.1f} µs each; memory {early / 2**20:.1f} MiB after a tenth, "
                f"{growth / 2**20:+.1f} MiB by the end",
                highlight=False,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
