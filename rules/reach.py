"""Whether conditions can hold together: an exact search over the values that facts may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from rules.conditions import All, Among, Any, Between, Condition, negate
from rules.errors import RulesError
from rules.facts import FACTS, Value

MOST_STEPS = 20_000


class IntricateError(RulesError):
    """Raised when the search would take too long, so that nothing is known."""


@dataclass(frozen=True, slots=True)
class _Test:
    """The fact is one of those of its values whose bits are set."""

    fact: str
    bits: int


@dataclass(frozen=True, slots=True)
class _Group:
    """All of `parts` hold, or if not `all_of_them` some of them."""

    all_of_them: bool
    parts: tuple[_Node, ...]


_Node = _Test | _Group | bool
_Left = dict[str, int]


class Space:
    """What facts may be, as far as the given conditions tell it apart: a count is cut where one of them cuts it."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        edges: dict[str, set[int]] = {}
        for fact, low, high in chain.from_iterable(map(_ranges, conditions)):
            edges.setdefault(fact, {0}).update((low, *(() if high is None else (high + 1,))))
        self._cuts = {fact: sorted(found) for fact, found in edges.items()}
        self._every = {
            name: (1 << len(fact.values or self._cuts.get(name, [0]))) - 1 for name, fact in FACTS.items()
        }
        self._nodes: dict[tuple[Condition, bool], _Node] = {}

    def example(self, hold: Iterable[Condition], fail: Iterable[Condition] = ()) -> dict[str, Value] | None:
        """Facts under which all of `hold` hold and none of `fail` does; None when there are none.

        All of them must cut counts only where the conditions of the space do. Raises IntricateError when the
        answer takes too long to find.
        """
        nodes = [self._node(condition, True) for condition in hold]
        nodes += [self._node(condition, False) for condition in fail]
        left = _Search().solve(nodes, self._every)
        return None if left is None else {name: self._value(name, bits) for name, bits in left.items()}

    def apart(self, one: Condition, other: Condition) -> bool:
        """Whether it is plain at once that the two never hold together."""
        mine, theirs = self._plainly(one), self._plainly(other)
        return any(not bits & theirs.get(fact, -1) for fact, bits in mine.items())

    def _plainly(self, condition: Condition) -> dict[str, int]:
        """What the tests that must all hold leave to each fact."""
        node, found = self._node(condition, True), dict[str, int]()
        for part in node.parts if isinstance(node, _Group) and node.all_of_them else (node,):
            if isinstance(part, _Test):
                found[part.fact] = found.get(part.fact, -1) & part.bits
        return found

    def _node(self, condition: Condition, wanted: bool) -> _Node:
        """`condition`, or its opposite, in bits; made once."""
        key = (condition, wanted)
        if key not in self._nodes:
            self._nodes[key] = self._made(condition if wanted else negate(condition))
        return self._nodes[key]

    def _made(self, condition: Condition) -> _Node:
        match condition:
            case Among(fact, values):
                allowed = FACTS[fact].values
                return _Test(fact, sum(1 << allowed.index(value) for value in values))
            case Between(fact, low, high):
                inside = (low <= cut and (high is None or cut <= high) for cut in self._cuts[fact])
                return _Test(fact, sum(1 << number for number, is_in in enumerate(inside) if is_in))
            case All(parts):
                return _Group(True, tuple(map(self._made, parts)))
            case Any(parts):
                return _Group(False, tuple(map(self._made, parts)))

    def _value(self, name: str, bits: int) -> Value:
        """The first of the values that are left to a fact."""
        first = (bits & -bits).bit_length() - 1
        return (FACTS[name].values or self._cuts.get(name, [0]))[first]


@dataclass(slots=True)
class _Search:
    """Narrows what is left to each fact by what must be so, and where nothing must, tries one test both ways."""

    steps: int = 0

    def solve(self, nodes: Sequence[_Node], left: _Left) -> _Left | None:
        """What is left to each fact when every node holds; None when they cannot."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise IntricateError
        narrowed = True
        while narrowed:
            narrowed, open_nodes = False, list[_Test | _Group]()
            for node in nodes:
                match _reduced(node, left):
                    case False:
                        return None
                    case _Test(fact, bits):
                        left, narrowed = {**left, fact: left[fact] & bits}, True
                    case _Group(True, parts):
                        open_nodes += parts  # type: ignore[arg-type]  # a reduced group holds no bare truths
                        narrowed = True
                    case _Group() as group:
                        open_nodes.append(group)
            nodes = open_nodes
        if not open_nodes:
            return left
        test = _first_test(open_nodes[0])
        for bits in (test.bits, ~test.bits):
            found = self.solve(open_nodes, {**left, test.fact: left[test.fact] & bits})
            if found is not None:
                return found
        return None


def _reduced(node: _Node, left: Mapping[str, int]) -> _Node:
    """What is still to be shown of `node`; true or false when nothing is."""
    match node:
        case _Test(fact, bits):
            if not left[fact] & bits:
                return False
            return node if left[fact] & ~bits else True
        case _Group(all_of_them, parts):
            open_parts: list[_Node] = []
            for part in parts:
                rest = _reduced(part, left)
                if isinstance(rest, bool):
                    if rest is not all_of_them:
                        return rest
                else:
                    open_parts.append(rest)
            if len(open_parts) == 1:
                return open_parts[0]
            return _Group(all_of_them, tuple(open_parts)) if open_parts else all_of_them
        case _:
            return node


def _first_test(node: _Node) -> _Test:
    while isinstance(node, _Group):
        node = node.parts[0]
    assert isinstance(node, _Test)
    return node


def _ranges(condition: Condition) -> Iterable[tuple[str, int, int | None]]:
    match condition:
        case Between(fact, low, high):
            yield fact, low, high
        case All(parts) | Any(parts):
            for part in parts:
                yield from _ranges(part)
