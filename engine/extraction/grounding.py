"""The groundedness check: a mention counts only if its words stand in the turn it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.ports import Mention
from engine.turns import Turn
from engine.understanding.folding import fold


@dataclass(frozen=True, slots=True)
class Grounded:
    """The mentions whose words stand in their turn, in the turn's own spelling, and how many were dropped."""

    mentions: tuple[Mention, ...]
    dropped: int


def ground(mentions: Iterable[Mention], turns: Sequence[Turn]) -> Grounded:
    """Keep the mentions whose verbatim words stand in that turn of `turns`; count the others."""
    texts = {turn.number: turn.text for turn in turns}
    kept: list[Mention] = []
    dropped = 0
    for mention in mentions:
        text = texts.get(mention.turn, "")
        places = find_words(mention.verbatim, text)
        if places:
            start, end = places[0]
            kept.append(replace(mention, verbatim=text[start:end]))
        else:
            dropped += 1
    return Grounded(tuple(kept), dropped)


def find_words(words: str, text: str) -> tuple[tuple[int, int], ...]:
    """Where `words` stand in `text` as whole words: (start, end) of each place.

    Case, accents, white space and punctuation do not matter: "3331234567" stands in "333 123 45 67".
    """
    wanted = "".join(character for character in fold(words) if character.isalnum())
    if not wanted:
        return ()
    flat = fold(text)
    at = [index for index, character in enumerate(flat) if character.isalnum()]
    squeezed = "".join(flat[index] for index in at)
    places: list[tuple[int, int]] = []
    found = squeezed.find(wanted)
    while found >= 0:
        start, end = at[found], at[found + len(wanted) - 1] + 1
        if not _inside_word(flat, start) and not _inside_word(flat, end):
            places.append((start, end))
        found = squeezed.find(wanted, found + 1)
    return tuple(places)


def _inside_word(text: str, cut: int) -> bool:
    return 0 < cut < len(text) and text[cut - 1].isalnum() and text[cut].isalnum()
