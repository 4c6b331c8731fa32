"""A telephone number and an e-mail address as people type them into a form, or a model into a tool."""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email

from engine.understanding.phones import phone_from_digits

_BETWEEN = re.compile(r"[\s./()-]")
_DIGITS = re.compile(r"\+?[0-9]{1,20}", re.ASCII)


def typed_phone(text: str) -> str | None:
    """The E.164 number; without a prefix it is Italian. None when it is no whole number."""
    digits = dialled(text)
    return phone_from_digits(digits)[0] if _DIGITS.fullmatch(digits) else None


def dialled(text: str) -> str:
    """What was typed, without the spaces, dots, dashes, slashes and brackets that people write between digits."""
    return _BETWEEN.sub("", text)


def typed_email(text: str) -> str | None:
    """The address in small letters; None when it is none."""
    try:
        return validate_email(
            text.strip(), check_deliverability=False, allow_smtputf8=False
        ).normalized.lower()
    except EmailNotValidError:
        return None
