"""Phone numbers in what was said: digits as dictated, and the number when they make a whole, valid one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import phonenumbers

from engine.understanding.digits import digit_runs
from engine.understanding.folding import fold
from engine.understanding.mentions import PhoneMention, Problem

REGION = "IT"
MOBILE_DIGITS = 10
LANDLINE_MINIMUM = 9  # shorter landlines exist, but nobody can tell them from half a number
REACHABLE = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.VOIP,
    }
)
_LEAD = re.compile(
    r"\b(?:numero|telefono|telefonico|cellulare|cell|tel|recapito|"
    r"(?:ri)?chiam\w*|contatt\w*)\b[^.!?;]{0,40}$"
)
_OTHER_NUMBER = re.compile(
    r"\b(?:partita iva|codice(?: fiscale)?|cap|civico|pratica|ordine|iban|contratto)\b[^.!?;]{0,20}$"
)
_ENDING = re.compile(r"\b(non\s+)?(?:finisce|termina|finiva|le ultime|gli ultimi|l'ultim[ao])\b")


def find_phones(text: str) -> tuple[PhoneMention, ...]:
    """Phone numbers in `text`, spoken or written, in order.

    Without words that announce a number ("il mio numero è …") a run of digits must look like one: a plus, or
    six digits beginning with 3 or 0, or eight of any kind.
    """
    mentions = []
    for run in digit_runs(text):
        before = _before(text, run.start)
        figures = run.digits.lstrip("+")
        announced = bool(_LEAD.search(before)) and len(figures) >= 3
        likely = len(figures) >= (6 if run.digits[0] in "+03" else 8)
        if (announced or likely) and not names_another_number(text, run.start):
            value, problems = phone_from_digits(run.digits)
            mentions.append(PhoneMention(run.text, run.start, run.end, run.digits, value, problems))
    return tuple(mentions)


def names_another_number(text: str, start: int) -> bool:
    """Whether the words before `start` say that the digits there are no phone number ("il codice fiscale è …")."""
    return _OTHER_NUMBER.search(_before(text, start)) is not None


def phone_from_digits(digits: str) -> tuple[str | None, frozenset[Problem]]:
    """The E.164 number that dictated `digits` (may start with "+" or "00") make, or why they make none.

    Raises ValueError when there is anything but digits behind the plus.
    """
    figures = digits.removeprefix("+")
    if figures and not (figures.isascii() and figures.isdigit()):
        raise ValueError(
            f"a phone number is digits only, maybe after a plus; got {len(digits)} other characters"
        )
    international = digits.startswith("+") or figures.startswith("00")
    if not digits.startswith("+") and international:
        figures = figures[2:]
    if not international:
        return _national(figures[2:] if _carries_country_code(figures) else figures)
    if "39".startswith(figures):
        return None, frozenset({Problem.INCOMPLETE})
    return _national(figures[2:]) if figures.startswith("39") else _foreign("+" + figures)


def join_digits(pieces: Sequence[str]) -> tuple[str | None, frozenset[Problem]]:
    """`phone_from_digits` of a number dictated in pieces, over several turns, in order."""
    return phone_from_digits("".join(pieces))


def ends_with(text: str) -> str | None:
    """The last digits that a partial correction names ("no, finisce con 33"), or None."""
    ending = None
    for run in digit_runs(text):
        leads = list(_ENDING.finditer(fold(text[max(0, run.start - 60) : run.start])))
        if leads and not leads[-1].group(1) and not run.digits.startswith("+"):
            ending = run.digits
    return ending


def _before(text: str, start: int) -> str:
    return fold(text[max(0, start - 80) : start])


def _carries_country_code(figures: str) -> bool:
    """Whether "39…" without a plus can only be the country code: too long to be a 39x mobile."""
    if not figures.startswith("39"):
        return False
    return len(figures) == 12 if figures[2:3] == "3" else figures[2:3] == "0" and len(figures) in (12, 13)


def _national(figures: str) -> tuple[str | None, frozenset[Problem]]:
    needed = {"3": MOBILE_DIGITS, "0": LANDLINE_MINIMUM}.get(figures[:1], 0)
    if not figures or len(figures) < needed:
        return None, frozenset({Problem.INCOMPLETE})
    if figures[0] not in "03" or (figures[0] == "3" and len(figures) != MOBILE_DIGITS):
        return None, frozenset({Problem.INVALID})
    return _checked(figures)


def _foreign(number: str) -> tuple[str | None, frozenset[Problem]]:
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException as error:
        short = error.error_type == phonenumbers.NumberParseException.TOO_SHORT_NSN or len(number) < 5
        return None, frozenset({Problem.INCOMPLETE if short else Problem.INVALID})
    if phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.TOO_SHORT:
        return None, frozenset({Problem.INCOMPLETE})
    return _checked(number)


def _checked(number: str) -> tuple[str | None, frozenset[Problem]]:
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return None, frozenset({Problem.INVALID})
    if not phonenumbers.is_valid_number(parsed) or phonenumbers.number_type(parsed) not in REACHABLE:
        return None, frozenset({Problem.INVALID})
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), frozenset()
