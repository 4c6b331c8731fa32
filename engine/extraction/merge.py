"""The union of what two extractors found. Where they disagree both stay, so that the detail stays open."""

from __future__ import annotations

from collections.abc import Sequence

from engine.extraction.grounding import find_words
from engine.ports import Mention
from engine.turns import Turn


def merge(local: Sequence[Mention], other: Sequence[Mention], turns: Sequence[Turn]) -> tuple[Mention, ...]:
    """All `local` mentions, then those of `other` that point at words none of their kind points at yet."""
    texts = {turn.number: turn.text for turn in turns}
    merged = list(local)
    for mention in other:
        text = texts.get(mention.turn, "")
        rivals = [known for known in merged if (known.kind, known.turn) == (mention.kind, mention.turn)]
        if not any(_overlap(mention, known, text) for known in rivals):
            merged.append(mention)
    return tuple(merged)


def _overlap(one: Mention, two: Mention, text: str) -> bool:
    """Whether the two may point at the same words of `text`."""
    return any(
        start < other_end and other_start < end
        for start, end in find_words(one.verbatim, text)
        for other_start, other_end in find_words(two.verbatim, text)
    )
