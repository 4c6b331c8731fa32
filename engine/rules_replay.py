"""The report of `rules replay`: recorded calls decided again, under the rules they went by or under edited ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import track

from engine.replay import Departure, NotOnRecordError, Replayed, Step, replay
from engine.rulebook import Rulebook
from rules.errors import RulesError
from rules.ruleset import of_texts
from storage.recorded import RecordedCall

#: The texts of a version that was once in force, by file name; None for one that never was.
Texts = Callable[[str], Mapping[str, str] | None]


@dataclass(slots=True)
class _Report:
    """What came of all calls."""

    analyses: int = 0
    replayed: list[Replayed] = field(default_factory=list)
    not_on_record: Counter[str] = field(default_factory=Counter)


def report_replay(
    ids: Sequence[str],
    load: Callable[[str], RecordedCall | None],
    texts: Texts,
    edited: Path | None,
    console: Console,
    pages: str,
) -> int:
    """Decide the calls `ids` again and tell what differs; the exit status.

    Without `edited` each call goes by the rules it went by, and any difference is an error (1). With it the
    calls are told whose outcome would change. `pages` is the address before "/chiamate/…" in links.
    """
    rulebook = _edited(edited) if edited is not None else _as_then(texts)
    report = _Report()
    for call_id in track(ids, "Deciding again", console=console, transient=True):
        if (call := load(call_id)) is None:
            continue
        try:
            report.replayed.append(replay(call, rulebook))
            report.analyses += len(call.analyses)
        except (NotOnRecordError, RulesError) as error:
            report.not_on_record[str(error)] += 1
        except ValidationError as error:
            report.not_on_record[f"its record cannot be read ({error.error_count()} mistakes)"] += 1
    tell = _tell_differences if edited is None else _tell_changes
    for line in (*tell(report, pages), *_tell_rest(report, pages)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if edited is None and any(each.departure for each in report.replayed) else 0


def _edited(directory: Path) -> Callable[[str | None], Rulebook]:
    rulebook = Rulebook.read(directory)
    return lambda _: rulebook


def _as_then(texts: Texts) -> Callable[[str | None], Rulebook]:
    known: dict[str, Rulebook] = {}

    def rulebook(version: str | None) -> Rulebook:
        if version is None:
            raise NotOnRecordError("its analyses are from before what they went by was kept")
        if version not in known:
            files = texts(version)
            if files is None:
                raise NotOnRecordError(f"the rules it went by ({version[:12]}) were not kept")
            known[version] = Rulebook.of(of_texts(files, Path(version[:12])))
        return known[version]

    return rulebook


def _tell_differences(report: _Report, pages: str) -> Iterator[str]:
    """Under the same rules nothing may differ."""
    departed = [each for each in report.replayed if each.departure]
    for each in departed:
        yield f"{pages}/chiamate/{each.call_id}: {_told(each.departure)}"
    if departed:
        yield (
            f"{len(departed)} of {len(report.replayed)} calls come out otherwise under the same rules: the program "
            "that decides is not the one of then, or it is not deterministic"
        )
    else:
        yield (
            f"{len(report.replayed)} calls, {report.analyses} analyses decided again: "
            "every transition comes out as recorded"
        )


def _tell_changes(report: _Report, pages: str) -> Iterator[str]:
    """Under edited rules: the calls with another outcome, by the rule that made the difference."""
    by_rule: dict[str, list[Replayed]] = defaultdict(list)
    for each in report.replayed:
        if each.changed and each.departure is not None:
            by_rule[_rule_of(each.departure)].append(each)
    for rule, found in sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"rule {rule}: {len(found)} calls"
        for each in found:
            after = "not known from the facts alone" if each.after is None else ", ".join(each.after)
            yield f"  {pages}/chiamate/{each.call_id}: {', '.join(each.before)} → {after}"
            yield f"    {_told(each.departure)}"
    changed = sum(map(len, by_rule.values()))
    other = sum(each.departure is not None for each in report.replayed) - changed
    yield (
        f"{len(report.replayed)} calls, {report.analyses} analyses decided again: the outcome of {changed} would "
        f"change; {other} more would go another way to the same outcome"
    )


def _tell_rest(report: _Report, pages: str) -> Iterator[str]:
    from_facts = [each.call_id for each in report.replayed if each.from_facts]
    if from_facts:
        yield f"{len(from_facts)} calls were judged from their facts alone, since their words were erased:"
        yield from (f"  {pages}/chiamate/{call_id}" for call_id in from_facts)
    for reason, count in report.not_on_record.items():
        yield f"{count} calls could not be decided again: {reason}"


def _told(departure: Departure | None) -> str:
    if departure is None:
        return ""
    then, now = _step(departure.recorded), _step(departure.decided)
    differs = f" (differs in {', '.join(departure.fields)})" if departure.fields else ""
    return f"analysis {departure.analysis}: then {then}, now {now}{differs}"


def _step(step: Step | None) -> str:
    if step is None:
        return "nothing"
    if step.get("event") is None:
        command = [f"command {step['command']}"] if step.get("command") else []
        return f"only told {', '.join([*(step.get('notices') or ()), *command])}"
    refused = f", refused by {step['guard']}" if step.get("guard") else ""
    return f"{step['event']} (rule {step.get('rule')}){refused}"


def _rule_of(departure: Departure) -> str:
    """The rule that made the difference: the one that decides now, else the one that decided then."""
    for step in (departure.decided, departure.recorded):
        if step is not None and step.get("rule"):
            return str(step["rule"])
    return "none"
