"""Many calls at once, both sides speaking: CPU, added latency, lag and losses, beside a bare aiohttp relay.

Run: make bench ARGS="calls [--calls 50 100 200 300] [--seconds 15] [--rounds 1]". Linux, two cores or more: the server
has one to itself; bridges and model (raw sockets, sound made beforehand) have another. The server is `main.py serve` as
started by hand, with a SQLite store; the bridges speak mod_audio_fork's dialect, the model Gemini Live's over TLS,
to the production client. In 9 s of each call the caller speaks 5.8 s, is transcribed twice and asks for an appointment;
the model speaks 8 s, sent 1.25 times as fast as it is played; then comes an analysis. "voice" is ours with a model that
transcribes nothing, so that nothing is understood; "loop" is the share of the event loop's thread. The relay passes on
each message as it comes, without understanding, pacing or timers; it sends 40 ms up like ours. Latency is what comes on
top of what is meant: up from the frame that completes a chunk, down from the instant at which playout means to send a
frame (the relay: from when it was sent). Lag is an upper bound, looked at ten times a second. Some of all this is the
bench's own lateness, which is told beside.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

import main as program
from storage import people
from storage.agenda import AgendaSettings
from storage.settings import StorageSettings

ROOT = Path(__file__).parents[1]
MOST_TIMES, MOST_LATENCY_MS, AT = 2.0, 20.0, 200
CYCLE_S, WARM_S = 9.0, 10.0
KINDS = ("ours", "voice", "relay")
_WIDTH = 132
_COLUMNS = (
    "calls", "server", "core %", "loop %", "a call %", "× relay", "up p50", "p99", "down p50", "p99", "lag p99",
    "frames", "lost", "spoilt", "bench %", "bench p99",
)  # fmt: skip
_ADDRESS = re.compile(r"https?://127\.0\.0\.1:\d+")
_SETTINGS = ("VBS_", "GEMINI_API_KEY", "DATABASE_URL", "JOURNAL_KEY", "BRIDGE_TOKENS")


def measured(kind: str, calls: int, seconds: float) -> dict[str, Any]:
    """What bench._calls_traffic found of one server of that kind under so many calls."""
    server_core, traffic_core = cores()
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder, ExitStack() as stack:
        ca, log = f"{folder}/ca.pem", stack.enter_context(Path(folder, "log").open("wb"))
        traffic = stack.enter_context(started(["-m", "bench._calls_traffic"], {}, traffic_core, log))
        bare = kind == "relay"
        tell(traffic, {"paced": not bare, "words": kind == "ours", "ca": ca})
        model = address_from(traffic)
        command, environment = relay(model, ca) if bare else ours(folder, model, ca)
        server = stack.enter_context(started(command, environment, server_core, log))
        url = address_from(server)
        times = {"seconds": seconds, "apart_s": CYCLE_S / calls, "warm_s": WARM_S}
        tell(traffic, {"url": url, "pid": server.pid, "calls": calls, **times})
        assert traffic.stdout is not None
        found = traffic.stdout.readline()
        if not found:
            raise RuntimeError(
                f"the traffic ended early:\n{Path(folder, 'log').read_text(encoding='utf-8')[-2000:]}"
            )
        return dict(json.loads(found))


def ours(folder: str, model: str, ca: str) -> tuple[list[str], dict[str, str]]:
    """Our server, with one consultant whose agenda is empty: arguments and environment."""
    url = f"sqlite:///{folder}/calls.db"
    database = program.open_database(StorageSettings(url=url))
    database.run_blocking(lambda: people.add_consultant("Marco Rossi", AgendaSettings()))
    database.close()
    environment = {
        "GEMINI_API_KEY": "bench",
        "SSL_CERT_FILE": ca,
        "VBS_GEMINI__BASE_URL": model,
        "VBS_LOGGING__LEVEL": "warning",
        "VBS_SERVER__PORT": "0",
        "VBS_STORAGE__URL": url,
    }
    return ["main.py", "serve"], environment


def relay(model: str, ca: str) -> tuple[list[str], dict[str, str]]:
    """The bare relay."""
    return ["-m", "bench._calls_relay", model, ca], {}


@contextmanager
def started(
    arguments: list[str], environment: dict[str, str], core: int, log: IO[bytes]
) -> Iterator[subprocess.Popen[str]]:
    """A Python of ours on a core of its own; killed in the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=inherited | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def tell(process: subprocess.Popen[str], what: dict[str, Any]) -> None:
    """Give a process a line of JSON."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(what) + "\n")
    process.stdin.flush()


def address_from(process: subprocess.Popen[str]) -> str:
    """The address in the first line that a process prints."""
    assert process.stdout is not None
    found = _ADDRESS.search(said := process.stdout.readline())
    if found is None:
        raise RuntimeError(f"no address in {said!r}: {process.args}")
    return found[0]


def cores() -> tuple[int, int]:
    """One for the server, one for all else."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("this bench needs two cores")
    return allowed[0], allowed[1]


def median_of(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The round with the median CPU; losses of all rounds."""
    middle = dict(sorted(rounds, key=lambda each: each["cpu"])[len(rounds) // 2])
    return middle | {name: sum(each[name] for each in rounds) for name in ("lost", "spoilt", "silence")}


def main(arguments: list[str]) -> int:
    """Print the table; non-zero when a frame was lost or spoilt, or an aim was missed."""
    parser = argparse.ArgumentParser(prog="bench calls", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[50, 100, 200, 300])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    console = Console()
    console.width = max(console.width, _WIDTH)
    table = Table(title="both sides speaking, one core for the server; times in ms")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    failed = False
    for calls in asked.calls:
        rounds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
        for number in range(asked.rounds):
            for kind in KINDS[:: 1 if number % 2 else -1]:
                rounds[kind].append(measured(kind, calls, asked.seconds))
                console.print(f"{calls} calls, {kind}: {rounds[kind][-1]}", highlight=False, soft_wrap=True)
        told = {kind: median_of(each) for kind, each in rounds.items()}
        for kind, found in told.items():
            times = found["cpu"] / told["relay"]["cpu"]
            table.add_row(
                str(calls), kind, f"{found['cpu']:.0%}", f"{found['loop_cpu']:.0%}",
                f"{found['cpu'] / calls:.2%}", f"{times:.2f}",
                *(f"{each:.1f}" for each in (*found["up"], *found["down"], found["lag_p99"])),
                f"{found['frames']:,}", str(found["lost"]), str(found["spoilt"]),
                f"{found['generator_cpu']:.0%}", f"{found['generator_late'][1]:.1f}",
            )  # fmt: skip
        found = told["ours"]
        failed |= found["lost"] + found["spoilt"] > 0 or found["calls"] < calls
        if calls == AT:
            failed |= found["cpu"] > MOST_TIMES * told["relay"]["cpu"]
            failed |= max(found["up"][1], found["down"][1]) > MOST_LATENCY_MS
    console.print(table)
    console.print(
        f"Aims at {AT} calls: {MOST_TIMES:g} × the relay's CPU at most, {MOST_LATENCY_MS:g} ms added at p99, "
        "nothing lost or spoilt"
    )
    return 1 if failed else 0
