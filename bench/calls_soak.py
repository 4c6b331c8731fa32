"""Calls that come and go for half an hour, ended in every way there is: what the server then still holds.

Run: make bench ARGS="calls_soak [MINUTES] [--callers 12]". `main.py serve` in a process of its own; another plays
bridges and Gemini Live on the wire. Calls last 3 to 45 s; they are hung up, lost, taken up again after a loss, ended by
junk, or their model's connection breaks or closes with 1000, 1007, 1008 or 1011. A first wave of two minutes fills what
is filled once.
When the last call is over the server may hold no more tasks and files than after that wave, and its memory may not
grow over the second half.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.calls import address_from, cores, ours, started, tell

FIRST_S = 120.0
MOST_QUIET_S = 90.0  # until the last call is over: a lost one is waited for
MOST_GROWTH_MB = 8.0
_GIVEN_UP = "the live model is given up"  # as it has to be, after a close with 1008 or too many others


def ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the server holds."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()).startswith("{"):
        if not line:
            raise RuntimeError("the server has ended")
    return dict(json.loads(line))


def when_quiet(server: subprocess.Popen[str], most_tasks: int | None, console: Console) -> dict[str, Any]:
    """What it holds once it does not become less any more."""
    until, least, steady = time.monotonic() + MOST_QUIET_S, ask(server), 0
    while time.monotonic() < until and steady < 4:
        time.sleep(5)
        held = ask(server)
        less = held["tasks"] < least["tasks"] or held["sockets"] < least["sockets"]
        enough = most_tasks is None or held["tasks"] <= most_tasks
        least, steady = held, 0 if less or not enough else steady + 1
    return least


def main(arguments: list[str]) -> int:
    """Print a line a minute and what was left; non-zero when something was."""
    parser = argparse.ArgumentParser(prog="bench calls_soak", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=30.0)
    parser.add_argument("--callers", type=int, default=12)
    asked = parser.parse_args(arguments)
    console, (server_core, traffic_core) = Console(), cores()
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as folder, ExitStack() as stack:
        ca, log = f"{folder}/ca.pem", stack.enter_context(Path(folder, "log").open("wb"))
        traffic = stack.enter_context(started(["-m", "bench._soak_traffic"], {}, traffic_core, log))
        tell(traffic, {"ca": ca})
        _, environment = ours(folder, address_from(traffic), ca)
        server = stack.enter_context(started(["-m", "bench._soak_server"], environment, server_core, log))
        url = address_from(server)
        assert traffic.stdout is not None

        tell(traffic, {"url": url, "seconds": FIRST_S, "callers": asked.callers})
        console.print(f"first wave: {traffic.stdout.readline().strip()}", highlight=False)
        before = when_quiet(server, None, console)
        console.print(f"then held: {summary(before)}", highlight=False)

        tell(traffic, {"url": url, "seconds": asked.minutes * 60, "callers": asked.callers})
        began, memory = time.monotonic(), list[float]()
        while (minute := (time.monotonic() - began) / 60) < asked.minutes:
            time.sleep(min(60.0, (asked.minutes - minute) * 60 + 0.1))
            memory.append((held := ask(server))["mb"])
            console.print(f"minute {len(memory)}: {summary(held)}", highlight=False)
        console.print(f"calls: {traffic.stdout.readline().strip()}", highlight=False)
        after = when_quiet(server, before["tasks"], console)
        console.print(f"then held: {summary(after)}", highlight=False)
        complaints = Path(folder, "log").read_text(encoding="utf-8")

    half = len(memory) // 2
    growth = sum(memory[-3:]) / 3 - sum(memory[half : half + 3]) / 3 if half >= 3 else 0.0
    console.print(
        f"memory over the second half: {growth:+.1f} MB (at most {MOST_GROWTH_MB:g})", highlight=False
    )
    grown = Counter(dict(after["kinds"])) - Counter(dict(before["kinds"]))
    console.print(f"kinds of objects that became most: {grown.most_common(8)}", highlight=False)
    left = Counter(after["names"]) - Counter(before["names"])
    console.print(f"tasks left behind: {dict(left) or 'none'}", highlight=False)
    errors = [line for line in complaints.splitlines() if " ERROR " in line and _GIVEN_UP not in line]
    console.print(f"other errors in the log: {len(errors)} {errors[:3]}", highlight=False)
    failed = (
        growth > MOST_GROWTH_MB or after["tasks"] > before["tasks"] or after["sockets"] > before["sockets"]
    )
    return 1 if failed or errors else 0


def summary(held: dict[str, Any]) -> str:
    """One line."""
    counted = f"{held['sockets']} files and sockets, {held['tasks']} tasks, {held['objects']:,} objects"
    return f"{held['mb']:.1f} MB, {counted}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
