"""Phone numbers in what was said: digits as dictated, and the number when they make a whole, valid one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import phonenumbers

from engine.understanding.digits import DigitRun, digit_runs, run_of
from engine.understanding.folding import fold
from engine.understanding.mentions import PhoneMention, Problem
from engine.understanding.phone_corrections import corrections, repairs

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
#: Words that announce a number of another kind, and those that announce a telephone's all the same.
_OTHER_NUMBER = re.compile(
    r"\b(?:p(?:artita|\.)? ?iva|codice|cap|civico|pratica|ordine|iban|contratto|tessera|polizza|fattura|matricola"
    r"|protocollo|targa|passaporto|patente|bolletta|spedizione|carta|documento|conto|numero cliente)\b[^.!?;]{0,20}$"
)
_TELEPHONE = re.compile(
    r"\b(?:telefon\w*|cellulare|cell|tel|recapito|(?:ri)?chiam\w*|contatt\w*|mio numero)\b"
)
_BEFORE = 80  # characters before a number that may say what it is, or behind it that may correct it
_MOST_DIGITS = 30  # of two numbers said in one breath
_DATE = (range(1, 32), range(1, 13), range(1900, 2101))


def find_phones(text: str) -> tuple[PhoneMention, ...]:
    """Phone numbers in `text`, spoken or written, in order.

    Without words that announce a number ("il mio numero è …") a run of digits must look like one: a plus, or
    six digits beginning with 3 or 0, or eight of any kind. What the same text corrects ("…, no, finisce con 68")
    is put right; where it is not clear how, the number is AMBIGUOUS.
    """
    mentions = []
    for run in digit_runs(text):
        for part in _apart(text, run):
            if _is_phone(text, part):
                value, problems = phone_from_digits(part.digits)
                if part.doubtful:
                    value, problems = None, frozenset({Problem.AMBIGUOUS})
                mentions.append(PhoneMention(part.text, part.start, part.end, part.digits, value, problems))
    return tuple(_mended(text, mentions))


def _is_phone(text: str, run: DigitRun) -> bool:
    """Whether digits are a phone number, by what was said before them and how they look."""
    figures = run.digits.lstrip("+")
    if names_another_number(text, run.start):
        return False
    if _LEAD.search(_before(text, run.start)):
        return len(figures) >= 3
    return len(figures) >= (6 if run.digits[0] in "+03" else 8) and not _is_date(run)


def _is_date(run: DigitRun) -> bool:
    """ "il 3 3 2026", "nato il dodici tre millenovecentottanta"."""
    said = [piece.digits for piece in run.pieces]
    return len(said) == len(_DATE) and all(
        len(digits) <= 4 and digits.isdigit() and int(digits) in allowed
        for digits, allowed in zip(said, _DATE, strict=True)
    )


def _apart(text: str, run: DigitRun) -> tuple[DigitRun, ...]:
    """The run, or two if it is two whole numbers: "333 1234567 e 340 7654321"."""
    if not MOBILE_DIGITS < len(run.digits) <= _MOST_DIGITS or phone_from_digits(run.digits)[0]:
        return (run,)
    for cut in range(1, len(run.pieces)):
        both = run_of(text, run.pieces[:cut]), run_of(text, run.pieces[cut:])
        if all(len(half.digits) >= LANDLINE_MINIMUM and phone_from_digits(half.digits)[0] for half in both):
            return both
    return (run,)


def _mended(text: str, mentions: Sequence[PhoneMention]) -> Iterator[PhoneMention]:
    """The numbers, with what the words up to the next one say to correct them."""
    for at, mention in enumerate(mentions):
        limit = mentions[at + 1].start if at + 1 < len(mentions) else len(text)
        rest = text[mention.end : min(limit, mention.end + _BEFORE)]
        if mention.value is None or not repairs(rest):
            yield mention
            continue
        value = corrected(rest, mention.value)
        yield replace(mention, value=value, problems=frozenset(() if value else {Problem.AMBIGUOUS}))


def corrected(text: str, number: str) -> str | None:
    """The E.164 `number` as a partial correction in `text` puts it right, or None where none does.

    "Finisce con 33", "comincia con 347", "non 67, 68", "68, non 67".
    """
    for digits in corrections(text, number):
        value, problems = phone_from_digits(digits)
        if value and not problems:
            return value
    return None


def names_another_number(text: str, start: int) -> bool:
    """Whether the words before `start` say that the digits there are no phone number ("il codice fiscale è …")."""
    before = _before(text, start)
    other = _OTHER_NUMBER.search(before)
    return other is not None and not _TELEPHONE.search(before, other.start())


def _before(text: str, start: int) -> str:
    return fold(text[max(0, start - _BEFORE) : start])


def phone_from_digits(digits: str) -> tuple[str | None, frozenset[Problem]]:
    """The E.164 number that dictated `digits` (may start with "+" or "00") make, or why they make none.

    Raises ValueError when there is anything but digits behind the plus.
    """
    figures = digits.removeprefix("+")
    if figures and not (figures.isascii() and figures.isdigit()):
        others = sum(not (figure.isascii() and figure.isdigit()) for figure in figures)
        raise ValueError(f"a phone number is digits only, maybe after a plus; got {others} other characters")
    international = digits.startswith("+") or figures.startswith("00")
    if not digits.startswith("+") and international:
        figures = figures[2:]
    if not international:
        return _national(figures[2:] if _carries_country_code(figures) else figures)
    if "39".startswith(figures):
        return None, frozenset({Problem.INCOMPLETE})
    return _national(figures[2:]) if figures.startswith("39") else _foreign("+" + figures)


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
