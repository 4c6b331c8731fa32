"""Words spoken as sound through every dialect and pair of rates, both ways at once: how many come out wrong.

Run: make bench ARGS="words [MINUTES]" (10 by default, of each call's own time). Bridge and model are simulated without
sockets, on a clock that is counted in samples; all between them is what answers real calls.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.transport.bridge.paper import EVERY_PAIR, talk
from tests.virtual_loop import run_virtually


def main(arguments: list[str]) -> int:
    """Print a line a call; non-zero when a word was wrong."""
    minutes = float(arguments[0]) if arguments else 10.0
    console, table = Console(), Table(title=f"{minutes:g} minutes of each")
    for column in ("call", "words up", "wrong", "words down", "wrong", "dropped ms", "ran dry", "CPU s"):
        table.add_column(column, justify="left" if column == "call" else "right")
    failed = False
    for number, rates in enumerate(EVERY_PAIR):
        began = time.process_time()
        call = run_virtually(talk(rates, minutes * 60, seed=number))
        row, lost = [str(rates)], call.end.dropped_ms + call.line.dropped_ms
        for said, heard in (call.caller, call.assistant):
            wrong = (Counter(said) - Counter(heard)).total() or int(said != heard)
            failed |= wrong > 0
            row += [f"{len(said):,}", str(wrong)]
        row += [str(lost), str(call.line.underruns), f"{time.process_time() - began:.1f}"]
        table.add_row(*row)
    console.print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
