"""Small charts as SVG: what is filled and what is hatched can be told apart without colours, and each says in words
what it shows. The page has the same figures as a table beside them.

Sizes are in the drawing's own units; colours come from the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from storage.figures import DayOfCalls

_WIDTH, _HEIGHT = 360, 170
_LEFT, _BOTTOM, _TOP = 30, 24, 10
_ROW = 40


def days_chart(days: Sequence[DayOfCalls], title: str, words: str) -> Markup:
    """A column a day: all calls hatched, those with something done filled. `words` tell the same."""
    most = _rounded(max((day.calls for day in days), default=0))
    room, high = _WIDTH - _LEFT, _HEIGHT - _BOTTOM - _TOP
    wide = room / max(len(days), 1)
    parts = [_open("days", _WIDTH, _HEIGHT, "giorni", title, words), _hatching()]
    for level in (0, most // 2, most):
        y = _TOP + high - high * level / most
        parts.append(
            f'<path class="rule" d="M{_LEFT} {y:g}H{_WIDTH}"/><text x="{_LEFT - 6}" y="{y + 4:g}">{level}</text>'
        )
    every = max(1, -(-len(days) // 6))
    for place, day in enumerate(days):
        x, gap = _LEFT + wide * place, min(2.0, wide / 5)
        for kind, count in (("hatched", day.calls), ("filled", day.done)):
            if count:
                tall = high * count / most
                at = f'x="{x + gap / 2:.1f}" y="{_TOP + high - tall:.1f}" width="{wide - gap:.1f}" height="{tall:.1f}"'
                parts.append(f'<rect class="{kind}" {at}/>')
        if place % every == 0:
            label = f"{day.day.day}/{day.day.month}"
            parts.append(f'<text class="below" x="{x + wide / 2:.1f}" y="{_HEIGHT - 6}">{label}</text>')
    return Markup("".join([*parts, "</svg>"]))


def bars_chart(name: str, rows: Sequence[tuple[str, int]], title: str, words: str) -> Markup:
    """A bar a row under its label, with its number. `name` is unique on the page; `words` tell the same."""
    most = max((count for _, count in rows), default=0) or 1
    height = _ROW * len(rows) + 4
    room = _WIDTH - 60
    parts = [_open("bars", _WIDTH, height, name, title, words)]
    for place, (label, count) in enumerate(rows):
        y, long = _ROW * place, max(room * count / most, 1)
        parts += [
            f'<text class="label" x="0" y="{y + 14}">{escape(label)}</text>',
            f'<rect class="filled" x="0" y="{y + 19}" width="{long:.1f}" height="12"/>',
            f'<text class="count" x="{long + 6:.1f}" y="{y + 30}">{count}</text>',
        ]
    return Markup("".join([*parts, "</svg>"]))


def _open(kind: str, width: int, height: int, name: str, title: str, words: str) -> str:
    return (
        f'<svg class="chart {kind}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-labelledby="grafico-{name} grafico-{name}-parole"><title id="grafico-{name}">{escape(title)}</title>'
        f'<desc id="grafico-{name}-parole">{escape(words)}</desc>'
    )


def _hatching() -> str:
    return (
        '<defs><pattern id="righe" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path d="M0 0V6" stroke="currentColor" stroke-width="2"/></pattern></defs>'
    )


def _rounded(most: int) -> int:
    """A round number at the top of the axis, even so that half of it is whole."""
    for step in (2, 4, 10, 20, 40, 100, 200, 400, 1000, 2000, 4000, 10_000, 20_000, 40_000, 100_000):
        if most <= step:
            return step
    return most + most % 2
