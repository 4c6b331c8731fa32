"""All example dialogues under edited rules: which fail, where each departs from its course under the rules in force,
and which rules and phrases no dialogue needs."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.progress import track

from engine.faults import where
from engine.ports import Store
from engine.rehearsal import Dialogue, RehearsalError, read_dialogue, rehearse
from engine.rulebook import Decides, Rulebook
from engine.supervisor import Told
from engine.understanding.acts import Phrase, folded
from engine.understanding.mentions import Act
from rules.decider import Decision
from rules.ruleset import PHRASES, RuleSet, load

#: Opens an empty store, which is thrown away after one dialogue. Must be a function of a module.
NewStore = Callable[[], AbstractContextManager[Store]]

_FEW = 24  # dialogues that are not worth a second process
_MOST_PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision in a dialogue and what the machine made of it; without an event only `notices` were given."""

    turn: int
    rule: str
    event: str | None
    source: str
    target: str
    guard: str | None
    notices: tuple[str, ...]
    why: str = field(compare=False)
    command: str | None = None

    def __str__(self) -> str:
        if self.event is None:
            done = f"{self.source}, no event"
        elif self.guard is None:
            done = f"{self.source} ─{self.event}→ {self.target}"
        else:
            done = f"{self.source}, {self.event!r} refused by {self.guard}"
        told = f", told {', '.join(self.notices)}" if self.notices else ""
        told += f", command {self.command}" if self.command else ""
        return f"{done}{told}   [rule {self.rule}: {self.why}]"


@dataclass(frozen=True, slots=True)
class Departure:
    """The first point where a dialogue goes another way; None: the dialogue does nothing more."""

    turn: int
    words: str
    before: Moment | None
    after: Moment | None


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one dialogue. `failed_before`: it fails under the rules in force too."""

    path: Path
    title: str
    problems: tuple[str, ...]
    failed_before: bool
    departure: Departure | None
    rules: frozenset[str]
    heard: frozenset[tuple[Act, Phrase]]


@dataclass(slots=True)
class _Recorder:
    """A decider that remembers what it has decided since it was last asked."""

    decider: Decides
    decided: list[Decision] = field(default_factory=list)

    def decide(self, facts: Mapping[str, object], fired: Collection[str]) -> Decision:
        decision = self.decider.decide(facts, fired)
        self.decided.append(decision)
        return decision


class _Bench:
    """Plays dialogues under the edited rules and under those in force."""

    def __init__(self, edited: RuleSet, in_force: RuleSet, new_store: NewStore) -> None:
        self._new_store = new_store
        self._heard: set[tuple[Act, Phrase]] = set()
        rulebook = Rulebook.of(edited)
        self._edited = replace(rulebook, phrases=replace(rulebook.phrases, heard=self._heard))
        self._in_force = Rulebook.of(in_force) if in_force.version != edited.version else None

    def play(self, path: Path) -> Played:
        """Never raises: a dialogue that cannot be played has that as its problem."""
        try:
            dialogue = read_dialogue(path)
            self._heard.clear()
            problems, moments = self._run(dialogue, self._edited)
            before_problems, before = problems, moments
            if self._in_force is not None:
                before_problems, before = self._run(dialogue, self._in_force)
        except RehearsalError as error:
            return Played(path, "", (str(error),), False, None, frozenset(), frozenset())
        except Exception as error:  # one dialogue must not keep the others from being played
            told = f"cannot be played: {where(error)}: {error}"
            return Played(path, "", (told,), False, None, frozenset(), frozenset())
        return Played(
            path,
            dialogue.title,
            tuple(problems),
            bool(before_problems),
            _departure(dialogue, before, moments),
            frozenset(moment.rule for moment in moments),
            frozenset(self._heard),
        )

    def _run(self, dialogue: Dialogue, rulebook: Rulebook) -> tuple[Sequence[str], Sequence[Moment]]:
        recorder, moments = _Recorder(rulebook.decider), list[Moment]()

        def watch(told: Told) -> None:
            moments.extend(_moments(told, recorder.decided))
            recorder.decided.clear()

        with self._new_store() as store:
            recording = replace(rulebook, decider=recorder)
            outcome = asyncio.run(rehearse(dialogue, store, recording, watch=watch))
        return outcome.problems, moments


def _moments(told: Told, decided: Sequence[Decision]) -> Iterator[Moment]:
    steps, stage = iter(told.analysis.steps), str(told.analysis.state.stage)
    for decision in decided:
        if decision.event is not None:
            step = next(steps)
            entry = step.entry
            yield Moment(
                told.last_turn,
                entry.rule,
                str(entry.event),
                str(entry.source),
                str(entry.target),
                entry.guard,
                step.notices,
                entry.why,
                decision.command if entry.guard is None else None,
            )
        elif decision.rule is not None:
            yield Moment(
                told.last_turn,
                decision.rule,
                None,
                stage,
                stage,
                None,
                decision.notices,
                decision.why,
                decision.command,
            )


def _departure(dialogue: Dialogue, before: Sequence[Moment], after: Sequence[Moment]) -> Departure | None:
    for old, new in zip_longest(before, after):
        if old != new:
            turn = min(moment.turn for moment in (old, new) if moment is not None)
            said = [spoken.caller for spoken in dialogue.turns[:turn] if spoken.caller]
            # What has not happened yet at that turn is no part of the comparison.
            old, new = (m if m is not None and m.turn == turn else None for m in (old, new))
            return Departure(turn, said[-1] if said else "", old, new)
    return None


# --- Many dialogues, in several processes ------------------------------------------------------------------------

_bench: _Bench | None = None


def _begin(edited: Path, in_force: Path, new_store: NewStore) -> None:
    global _bench  # one for each process
    _bench = _Bench(load(edited), load(in_force), new_store)


def _play(path: Path) -> Played:
    assert _bench is not None
    return _bench.play(path)


def play_all(
    paths: Sequence[Path], edited: Path, in_force: Path, new_store: NewStore, *, processes: int | None = None
) -> Iterator[Played]:
    """Each dialogue played under the rules in `edited` and in `in_force`, in the order of `paths`.

    Raises RuleFileError for rules that cannot be used.
    """
    count = min(_MOST_PROCESSES, os.cpu_count() or 1) if processes is None else processes
    if count < 2 or len(paths) < _FEW:
        bench = _Bench(load(edited), load(in_force), new_store)
        yield from map(bench.play, paths)
        return
    # Fresh processes: forking a program that has threads is not safe.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, fresh, _begin, (edited, in_force, new_store)) as pool:
        yield from pool.map(_play, paths, chunksize=8)


# --- What is said of it ------------------------------------------------------------------------------------------


def report_test(
    paths: Sequence[Path],
    edited: Path,
    in_force: Path,
    new_store: NewStore,
    console: Console,
    *,
    coverage: bool = False,
    processes: int | None = None,
) -> int:
    """Play `paths` and say what came of them; the exit status, 1 if a dialogue fails.

    `coverage`: name each phrase that no dialogue says, not only how many there are. Raises RuleFileError for rules
    that cannot be used.
    """
    ruleset = load(edited)
    played = []
    runs = play_all(paths, edited, in_force, new_store, processes=processes)
    quiet = not console.is_terminal
    for one in track(runs, "dialogues", len(paths), console=console, transient=True, disable=quiet):
        played.append(one)
        for line in _told_of(one):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in (*_summary(played), *_coverage(ruleset, played, in_full=coverage)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if any(one.problems for one in played) else 0


def _told_of(one: Played) -> Iterator[str]:
    if not one.problems and one.departure is None:
        return
    yield f"{'FAILED ' if one.problems else 'CHANGED'} {one.path}: {one.title}"
    for problem in one.problems:
        yield f"        {problem}"
    if one.failed_before:
        yield "        it fails under the rules in force too"
    if one.departure is not None:
        yield f"        turn {one.departure.turn}, caller: «{one.departure.words}»"
        yield f"          in force: {one.departure.before or 'nothing'}"
        yield f"          edited:   {one.departure.after or 'nothing'}"


def _summary(played: Sequence[Played]) -> Iterator[str]:
    failed = [one for one in played if one.problems]
    changed = sum(1 for one in played if one.departure is not None and not one.problems)
    before = sum(one.failed_before for one in failed)
    yield (
        f"{len(played)} dialogues: {len(played) - len(failed)} passed, {len(failed)} failed "
        f"({before} of them under the rules in force too); {changed} passed on another course"
    )


def _coverage(ruleset: RuleSet, played: Sequence[Played], *, in_full: bool) -> Iterator[str]:
    needed = frozenset[str]().union(*(one.rules for one in played))
    idle = [rule.id for rule in ruleset.decisions if rule.id not in needed]
    yield f"rules that answer in no dialogue: {len(idle)} of {len(ruleset.decisions)}"
    yield from (f"        {name}" for name in idle)
    heard = frozenset[tuple[Act, Phrase]]().union(*(one.heard for one in played))
    every, said = set(), set()
    for act, listed in ruleset.acts.items():
        for way, line in listed.written.items():
            every.add((line.line, act, line.text))
            if (Act(act), folded(way)) in heard:
                said.add((line.line, act, line.text))
    more = "" if in_full or every == said else "; --coverage names them"
    yield f"phrases said in no dialogue: {len(every) - len(said)} of {len(every)}{more}"
    if in_full:
        yield from (f"        {PHRASES}:{line}: {act}: {text}" for line, act, text in sorted(every - said))
