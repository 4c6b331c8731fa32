"""How long understanding takes a turn, in analyses of the example dialogues, beside dateparser's search.

Run: make bench ARGS="turns [FOLDER] [--profile]"; FOLDER holds dialogues as `rehearse` plays them, `rules/it/examples`
if none is named. Each assistant turn ends an analysis, as in a call; the store and the rules are left out.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dateparser.search import search_dates

from engine.details import Accumulator, Slot
from engine.rehearsal import Dialogue, RehearsalError, read_dialogue
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.acts import Phrases
from engine.understanding.context import Agenda, CallerKnown, Context, OwnBooking
from engine.understanding.reading import read
from fsm.stages import Stage, Task
from rules.phrases import load_phrases

RULES = Path("rules/it")
ROME = ZoneInfo("Europe/Rome")
_OPEN = ((datetime(2000, 1, 1, 8).time(), datetime(2000, 1, 1, 20).time()),)  # noqa: DTZ001 - only its hours
_TURN = timedelta(seconds=5)
_SEARCHED = 300  # turns that dateparser is tried on; it is slow


@dataclass(frozen=True, slots=True)
class Sample:
    """What one new turn cost: its share of the analysis it was new in, in seconds."""

    text: str
    seconds: float


def played(dialogue: Dialogue, phrases: Phrases) -> Iterator[Sample]:
    """Fold a dialogue analysis by analysis, as the supervisor does, and time each."""
    now = dialogue.now.astimezone(UTC)
    turns: list[Turn] = []
    held, task, done = Accumulator(), Task.NESSUNO, 0
    for number, written in enumerate(dialogue.turns, start=1):
        began, now = now, now + _TURN
        if written.keys is not None:
            continue
        if written.assistant is None:
            turns.append(Turn(number, Speaker.CALLER, written.caller or "", began, now))
            continue
        turns.append(Turn(number, Speaker.ASSISTANT, written.assistant, began, now, heard=written.heard))
        new = [turn.number for turn in turns if turn.number > done]
        context = _context(dialogue, phrases, task, now)
        transcript = Transcript(list(turns))
        begun = time.thread_time()
        reading = read(transcript, new, held, context)
        spent = time.thread_time() - begun
        held, done = reading.held, number
        task = reading.requested if reading.requested is not Task.NESSUNO else task
        for turn in turns[-len(new) :]:
            yield Sample(turn.text, spent / len(new))


def _context(dialogue: Dialogue, phrases: Phrases, task: Task, now: datetime) -> Context:
    agenda = Agenda(
        zone=ROME,
        free=frozenset(Slot(start.date(), start.time()) for start in dialogue.agenda.free),
        hours=dict.fromkeys(range(5), _OPEN),
        own=tuple(
            OwnBooking(f"consultation:{at}", Slot(own.start.date(), own.start.time()), 60)
            for at, own in enumerate(dialogue.agenda.existing)
        ),
        minutes=dialogue.agenda.duration,
        allowed_minutes=(dialogue.agenda.duration,),
    )
    stage = Stage.RACCOLTA_DATI if task is not Task.NESSUNO else Stage.NESSUN_INTENTO
    caller = CallerKnown(dialogue.caller.kind, dialogue.caller.direction, dialogue.caller.phone)
    return Context(stage, task, caller, agenda, phrases, now)


def main(arguments: list[str]) -> int:
    """Print the times of a turn, the slowest turns, and the ratio to dateparser's search of the same turns."""
    paths = [argument for argument in arguments if not argument.startswith("--")]
    folder = Path(paths[0]) if paths else RULES / "examples"
    dialogues = list(_dialogues(sorted(folder.rglob("*.toml"))))
    if not dialogues:
        print(f"turns: no dialogues in {folder}; name the folder they are in", file=sys.stderr)
        return 2
    phrases = Phrases.of(load_phrases(RULES / "phrases.toml"))
    for dialogue in dialogues[:50]:
        list(played(dialogue, phrases))  # warm
    if "--profile" in arguments:
        profile = cProfile.Profile()
        profile.runcall(lambda: [list(played(dialogue, phrases)) for dialogue in dialogues])
        pstats.Stats(profile).sort_stats("cumtime").print_stats("understanding|deepcopy|re.Pattern", 60)
        return 0
    samples = [sample for dialogue in dialogues for sample in played(dialogue, phrases)]
    _report(samples)
    return 0


def _dialogues(files: Sequence[Path]) -> Iterator[Dialogue]:
    for file in files:
        try:
            yield read_dialogue(file)
        except RehearsalError as error:
            print(f"left out: {error}", file=sys.stderr)


def _report(samples: Sequence[Sample]) -> None:
    spent = sorted(sample.seconds for sample in samples)
    p50, p99 = statistics.median(spent), spent[len(spent) * 99 // 100]
    print(
        f"understanding: {len(samples)} turns, p50 {p50 * 1e6:.0f} µs, p99 {p99 * 1e6:.0f} µs, "
        f"mean {statistics.fmean(spent) * 1e6:.0f} µs, slowest {spent[-1] * 1e6:.0f} µs a turn"
    )
    searched, ours = [], []
    for sample in samples[:: max(1, len(samples) // _SEARCHED)]:
        begun = time.thread_time()
        search_dates(sample.text, languages=["it"])
        searched.append(time.thread_time() - begun)
        ours.append(sample.seconds)
    theirs = statistics.median(searched)
    print(
        f"dateparser's search_dates on {len(searched)} of them: p50 {theirs * 1e6:.0f} µs, "
        f"{theirs / statistics.median(ours):.1f} times ours"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
