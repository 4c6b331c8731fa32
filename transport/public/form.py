"""What a visitor fills in: read, and told what is wrong with which field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from storage.results import Lead
from transport.typed import typed_email, typed_phone

FIELDS = ("name", "phone", "email", "notes")
_LONGEST = {"name": 200, "phone": 40, "email": 254, "notes": 500}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled form: the values as they were written, the fields that are wrong, and who it is if none is."""

    values: Mapping[str, str]
    wrong: tuple[str, ...]
    lead: Lead | None = None

    @property
    def notes(self) -> str | None:
        """What it is about."""
        return self.values["notes"] or None


def read(given: Mapping[str, object]) -> Filled:
    """The form as it was sent."""
    written = {name: given.get(name) for name in FIELDS}
    values = {
        name: _CONTROL.sub(" ", value).strip() if isinstance(value, str) else ""
        for name, value in written.items()
    }
    phone, email = typed_phone(values["phone"]), typed_email(values["email"])
    right = {
        "name": bool(values["name"]),
        "phone": phone is not None,
        "email": email is not None,
        "notes": True,
    }
    wrong = tuple(name for name in FIELDS if not right[name] or len(values[name]) > _LONGEST[name])
    lead = None if wrong or phone is None or email is None else Lead(phone, email, values["name"])
    return Filled(values, wrong, lead)
