"""The machine drawn as SVG, with the way that one call took through it: readable in black and white, and in words.

What was not taken is thin and dashed, what was taken thick, with the numbers of its steps; a stage that was refused
something says how often. Sizes are in the drawing's own units; colours come from the style sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from fsm.booking import BookingMachine
from fsm.stages import Stage
from transport.console import wording

_WIDTH, _HEIGHT = 380, 420
_BOX = (138, 40)
_CENTRES: Mapping[str, tuple[int, int]] = {
    Stage.NESSUN_INTENTO: (150, 40),
    Stage.RACCOLTA_DATI: (150, 125),
    Stage.DATI_COMPLETI: (150, 210),
    Stage.CONFERMATO: (150, 295),
    Stage.COMPLETATO: (150, 380),
    Stage.ERRORE: (305, 295),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call: the machine moved from `source` to `target`, or was refused and stayed."""

    event: str
    source: str
    target: str
    refused: bool = False


def drawing(steps: Sequence[Step]) -> Markup:
    """The machine with the way that these steps took; its `desc` tells the same in words."""
    numbers: dict[tuple[str, str], list[int]] = {}
    moves = list(_moves(steps))
    for number, step in enumerate(moves, 1):
        numbers.setdefault((step.source, step.target), []).append(number)
    refused = Counter(step.source for step in steps if step.refused)
    visited = {Stage.NESSUN_INTENTO.value, *(stage for edge in numbers for stage in edge)}
    here = moves[-1].target if moves else Stage.NESSUN_INTENTO.value
    parts = [
        f'<svg class="machine" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="disegno disegno-parole">',
        f'<title id="disegno">{escape(wording.TEXTS["machine"]["title"])}</title>',
        f'<desc id="disegno-parole">{escape(in_words(steps))}</desc>',
        '<defs><marker id="punta" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>',
        *(_edge(edge, taken=False) for edge in edges() if edge not in numbers),
        *(_edge(edge, taken=True) for edge in numbers),
        *(_box(stage, stage in visited, stage == here, refused[stage]) for stage in _CENTRES),
        *(_numbers(edge, which) for edge, which in numbers.items()),
        "</svg>",
    ]
    return Markup("".join(parts))


def in_words(steps: Sequence[Step]) -> str:
    """The way in words, for who does not see the drawing."""
    told = [
        wording.TEXTS["machine"]["step"].format(
            number=number,
            event=wording.plain(step.event),
            source=wording.plain(step.source),
            target=wording.plain(step.target),
        )
        for number, step in enumerate(_moves(steps), 1)
    ]
    refused = Counter(step.source for step in steps if step.refused)
    told += [
        wording.TEXTS["machine"]["refused"].format(stage=wording.plain(stage), count=count)
        for stage, count in refused.items()
    ]
    return " ".join(told) or wording.TEXTS["machine"]["still"]


def edges() -> set[tuple[str, str]]:
    """From which stage to which the machine can move at all."""
    return {
        (str(transition.source.value), str(target.value))
        for state in BookingMachine.states
        for transition in state.transitions
        for target in transition.targets
    }


def _moves(steps: Sequence[Step]) -> Iterator[Step]:
    return (step for step in steps if not step.refused)


def _box(stage: str, visited: bool, here: bool, refused: int) -> str:
    (x, y), (width, height) = _CENTRES[stage], _BOX
    kind = " ".join(["stage", *["visited"] * visited, *["here"] * here])
    at = f'x="{x - width // 2}" y="{y - height // 2}" width="{width}" height="{height}" rx="8"'
    box = f'<g class="{kind}"><rect {at}/><text x="{x}" y="{y + 5}">{escape(wording.plain(stage))}</text>'
    if refused:
        box += f'<text class="count" x="{x + width // 2 - 4}" y="{y + height // 2 + 13}">✕ {refused}</text>'
    return box + "</g>"


def _edge(edge: tuple[str, str], *, taken: bool) -> str:
    kind = "edge taken" if taken else "edge"
    return f'<path class="{kind}" d="{_path(edge)[0]}" marker-end="url(#punta)"/>'


def _numbers(edge: tuple[str, str], which: Sequence[int]) -> str:
    x, y = _path(edge)[1]
    text = ", ".join(map(str, which)) if len(which) < 4 else f"{which[0]}…{which[-1]}"
    width = 12 + 7 * len(text)
    return (
        f'<g class="numbers"><rect x="{x - width / 2:g}" y="{y - 10}" width="{width}" height="20" rx="10"/>'
        f'<text x="{x}" y="{y + 5}">{text}</text></g>'
    )


def _path(edge: tuple[str, str]) -> tuple[str, tuple[int, int]]:
    """The line of an edge, and where its numbers stand. Down the middle is straight, back up bends left, past a
    stage bends right."""
    source, target = edge
    (x, y), (to_x, to_y) = _CENTRES[source], _CENTRES[target]
    half, tall = _BOX[0] // 2, _BOX[1] // 2
    if source == target:  # a loop at the left
        left = x - half
        return f"M{left} {y + 8}C{left - 34} {y + 22} {left - 34} {y - 22} {left} {y - 8}", (left - 26, y)
    if Stage.ERRORE in edge:
        return _beside(source, target)
    if to_y > y and to_y - y < 90:
        return f"M{x} {y + tall}L{to_x} {to_y - tall}", (x, (y + to_y) // 2)
    if to_y < y:
        left, bend = x - half, 18 + (y - to_y) // 5
        middle = (y + to_y) // 2
        start, end = y - 6, to_y + 10
        return f"M{left} {start}C{left - bend} {start} {left - bend} {end} {left} {end}", (
            int(left - bend * 0.75),
            middle,
        )
    right, bend = x + half, 14 + (to_y - y) // 8
    return f"M{right} {y + 6}C{right + bend} {y + 6} {right + bend} {to_y - 6} {right} {to_y - 6}", (
        int(right + bend * 0.75),
        (y + to_y) // 2,
    )


def _beside(source: str, target: str) -> tuple[str, tuple[int, int]]:
    """The edges of the stage that stands beside the others."""
    half, tall = _BOX[0] // 2, _BOX[1] // 2
    x, y = _CENTRES[Stage.ERRORE]
    if source != Stage.ERRORE:
        from_x, from_y = _CENTRES[source]
        return f"M{from_x + half} {from_y}L{x - half} {y}", ((from_x + x) // 2, y)
    to_x, to_y = _CENTRES[target]
    if to_y > y:
        return f"M{x} {y + tall}C{x} {to_y} {x - 20} {to_y} {to_x + half} {to_y}", (x - 12, to_y - 14)
    lane = x + (20 if target == Stage.NESSUN_INTENTO else -20)
    return f"M{lane} {y - tall}C{lane} {to_y} {lane - 10} {to_y} {to_x + half} {to_y}", (
        lane,
        (y + to_y) // 2,
    )
