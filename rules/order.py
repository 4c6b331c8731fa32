"""What rules are to one another and to the machine: which can never answer, and which ask for what is never taken."""

from __future__ import annotations

from collections.abc import Sequence

from rules.compiler import Rule, shown
from rules.conditions import All, Among, Condition
from rules.facts import ACCEPTED_FROM, FACTS
from rules.positions import Path
from rules.reach import IntricateError, Space
from rules.source import Source

_STAGE = "stage"


def check_order(source: Source, rules: Sequence[Rule]) -> None:
    """Note in `source` every rule that can never answer, or whose event no stage takes.

    `rules`: those read from it, first to match first. Where a rule is so intricate that it cannot be told
    whether it is reached, nothing is said.
    """
    space = Space(rule.when for rule in rules)
    for rank, rule in enumerate(rules):
        report = _Report(source, rule)
        try:
            if space.example([rule.when]) is None:
                report.error("when", "it can never hold: what it asks for contradicts itself")
                continue
            if space.example([], [rule.when]) is None:
                report.error("when", "it always holds: leave out what says nothing, or name a fact")
            if _check_stages(report, space, rule):
                before = [other for other in rules[:rank] if not space.apart(rule.when, other.when)]
                _check_reached(report, space, rule, before)
        except IntricateError:
            continue


class _Report:
    """Notes what is wrong with one rule."""

    def __init__(self, source: Source, rule: Rule) -> None:
        self.source, self.subject = source, f"rule {rule.id}"
        self.path: Path = ("rule", rule.index)

    def error(self, key: str, text: str) -> None:
        self.source.report((*self.path, key), self.subject, key, text)

    def warning(self, key: str, text: str) -> None:
        self.source.warn((*self.path, key), self.subject, key, text)


def _check_stages(report: _Report, space: Space, rule: Rule) -> bool:
    """Whether some stage that the rule allows takes its event."""
    if rule.event is None:
        return True
    allowed = [
        str(stage) for stage in FACTS[_STAGE].values if space.example([rule.when, Among(_STAGE, (stage,))])
    ]
    taken = ACCEPTED_FROM[rule.event]
    refused = [stage for stage in allowed if stage not in taken]
    if len(refused) == len(allowed):
        report.error(
            "event",
            f"{rule.event!r} is never taken in {_or(allowed)}, the only stages that this rule allows; "
            f"the machine takes it in {_or(taken)}",
        )
        return False
    if refused:
        report.warning(
            "event", f"in {_or(refused)} the machine refuses {rule.event!r}; it takes it in {_or(taken)}"
        )
    return True


def _check_reached(report: _Report, space: Space, rule: Rule, before: Sequence[Rule]) -> None:
    """An earlier rule answers instead where it holds, unless its event was proposed already and this rule's was not."""
    instead = [other for other in before if other.event in (None, rule.event)]
    if space.example([rule.when], [other.when for other in instead]) is None:
        hiding = _needed(space, [rule.when], instead)
        if len(hiding) == 1:
            text = f"it is never reached: wherever it holds, rule {_named(hiding)} comes first"
        else:
            text = f"it is never reached: wherever it holds, one of rules {_named(hiding)} comes first"
        report.error("when", text)
        return
    if space.example([rule.when], [other.when for other in before]) is None:
        hiding = [other for other in _needed(space, [rule.when], before) if other not in instead]
        events = ", ".join(dict.fromkeys(repr(other.event) for other in hiding))
        report.warning(
            "when", f"it is reached only once {events} was proposed before: rule {_named(hiding)} comes first"
        )
        return
    for part in rule.when.parts if isinstance(rule.when, All) else (rule.when,):
        if isinstance(part, Among) and len(part.values) > 1:
            _check_values(report, space, rule, instead, part)


def _check_values(report: _Report, space: Space, rule: Rule, instead: Sequence[Rule], part: Among) -> None:
    """Values that the rule lists, but never answers for."""
    for value in part.values:
        here = Among(part.fact, (value,))
        if space.example([rule.when, here]) is None:
            report.warning(
                "when", f"{part.fact} = {shown(value)} plays no part: the rest of the rule excludes it"
            )
        elif space.example([rule.when, here], [other.when for other in instead]) is None:
            hiding = _needed(space, [rule.when, here], instead)
            report.warning(
                "when",
                f"{part.fact} = {shown(value)} plays no part: there rule {_named(hiding)} comes first",
            )


def _needed(space: Space, hold: Sequence[Condition], others: Sequence[Rule]) -> list[Rule]:
    """As few of `others` as it takes to leave nothing of what `hold` allows."""
    kept = list(others)
    for other in others:
        fewer = [rule for rule in kept if rule is not other]
        if space.example(hold, [rule.when for rule in fewer]) is None:
            kept = fewer
    return kept


def _named(rules: Sequence[Rule]) -> str:
    return ", ".join(f"{rule.id} (line {rule.line})" for rule in rules)


def _or(words: Sequence[str]) -> str:
    return " or ".join(words)
