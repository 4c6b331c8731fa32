"""Personal values apart from the journal, which knows them by keyed digests alone and so survives their erasure.

A digest is HMAC-SHA256 under the server's key of a random salt, the kind and the value. The salt stands here, beside
the value, and goes with it: what is left in the journal then cannot be guessed again, not even with the key.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

import peewee as pw

from storage.database import current
from storage.models import PersonalValue

PREFIX = "hmac:"
_SALT_BYTES = 16


def keep(call_id: str, kind: str, value: str) -> str:
    """Keep a value said in a call; returns what stands for it in the journal, the same for the same value."""
    known: Any = PersonalValue.get_or_none(
        PersonalValue.call == call_id, PersonalValue.kind == kind, PersonalValue.value == value
    )
    if known is not None:
        return f"{PREFIX}{known.digest}"
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = current().secret.digest(salt, kind, value)
    PersonalValue.create(call=call_id, digest=digest, kind=kind, value=value, salt=salt.hex())
    return f"{PREFIX}{digest}"


def values_of(call_id: str) -> dict[str, str]:
    """What the digests of a call stand for, as far as it is still kept."""
    rows: Any = PersonalValue.select().where(PersonalValue.call == call_id)
    return {f"{PREFIX}{row.digest}": row.value for row in rows}


def calls_with(values: Collection[str]) -> set[str]:
    """The calls and chats in which one of these values is kept, in whatever letters."""
    lower = [value.lower() for value in values]
    rows: Any = PersonalValue.select(PersonalValue.call).where(pw.fn.LOWER(PersonalValue.value).in_(lower))
    return {row.call_id for row in rows.distinct()}
