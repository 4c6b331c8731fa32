"""Partial corrections of a number that was dictated: "finisce con 33", "non 67, 68"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.understanding.digits import DigitRun, digit_runs
from engine.understanding.folding import fold

ITALY = "+39"
PREFIX_DIGITS = 3
MOST_CORRECTED = 7  # digits; more are a number of their own

_ENDING = re.compile(
    r"\b(non\s+)?(?:finisce|termina|finiva|finale|le ultime|gli ultimi|l'ultim[ao]|alla fine|in fondo)\b"
)
_BEGINNING = re.compile(r"\b(non\s+)?(?:comincia|inizia|parte|le prime|i primi|prefisso|all'inizio)\b")
_REPAIR = re.compile(
    r"\b(?:no|anzi|scus[ai]|aspett[ai]|pardon|non|sbagliato|sbagliata|rettifico|mi correggo|volevo dire)\b"
)
_NOT_THESE = re.compile(r"\bnon (?:e |il |era )?$")
_BUT = re.compile(r"[\s,.;]*(?:ma|bensi|e|invece)?[\s,']*(?:e )?")
_AND_NOT = re.compile(r"[\s,.;]*(?:e )?non (?:e |il |era )?")
_NEAR = 60  # characters before digits that may say which ones they are


def ends_with(text: str) -> str | None:
    """The last digits that a partial correction names ("no, finisce con 33"), or None."""
    return _named_by(_ENDING, text)


def repairs(text: str) -> bool:
    """Whether words that follow a number say other digits for it, as against of other things ("no, ho due figli")."""
    if not _REPAIR.search(fold(text)):
        return False
    return any(len(run.digits) > 1 or not text[run.end :].strip(" .,;!?") for run in digit_runs(text))


def corrections(text: str, number: str) -> Iterator[str]:
    """What `number` (E.164, or the digits dictated so far) becomes by each correction that `text` names."""
    ending, beginning = ends_with(text), _named_by(_BEGINNING, text)
    if ending and len(ending) <= min(MOST_CORRECTED, len(number)):
        yield number[: -len(ending)] + ending
        return
    country = len(ITALY) if number.startswith(ITALY) else 0
    if beginning and len(beginning) <= PREFIX_DIGITS + 1:
        yield number[:country] + beginning + number[country + len(beginning) :]
        return
    for wrong, right in _swaps(text):
        # In the prefix, whose figures often come thrice, nobody means them by "non 33".
        first = country + PREFIX_DIGITS
        places = [at for at in range(first, len(number)) if number.startswith(wrong, at)]
        if len(places) == 1:
            yield number[: places[0]] + right + number[places[0] + len(wrong) :]


def _swaps(text: str) -> Iterator[tuple[str, str]]:
    """Digits said to be wrong, and as many to be put in their place."""
    runs = digit_runs(text)
    for at, run in enumerate(runs):
        if not _NOT_THESE.search(fold(text[max(0, run.start - 20) : run.start])):
            continue
        following = runs[at + 1] if at + 1 < len(runs) else None
        if (halves := _halves(run)) is not None:
            yield halves  # "non 67, 68"
        elif following is not None and _BUT.fullmatch(fold(text[run.end : following.start])):
            yield from _as_long(run, following)  # "non 67 ma 68"
        elif at and _AND_NOT.fullmatch(fold(text[runs[at - 1].end : run.start])):
            yield from _as_long(run, runs[at - 1])  # "68, non 67"


def _as_long(wrong: DigitRun, right: DigitRun) -> Iterator[tuple[str, str]]:
    if len(wrong.digits) == len(right.digits):
        yield wrong.digits, right.digits


def _halves(run: DigitRun) -> tuple[str, str] | None:
    """The two halves of a run that was said in pieces which end at its middle."""
    said = 0
    for piece in run.pieces[:-1]:
        said += len(piece.digits)
        if 2 * said == len(run.digits):
            return run.digits[:said], run.digits[said:]
    return None


def _named_by(lead: re.Pattern[str], text: str) -> str | None:
    """The last digits that stand behind `lead`, unless it is denied ("non finisce con 34")."""
    named = None
    for run in digit_runs(text):
        leads = list(lead.finditer(fold(text[max(0, run.start - _NEAR) : run.start])))
        if leads and not leads[-1].group(1) and not run.digits.startswith("+"):
            named = run.digits
    return named
