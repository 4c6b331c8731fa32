"""The keys by which integrations come in. Call in `Database.run(work)`.

A secret is 256 random bits, so a plain SHA-256 of it tells nothing: a slow hash such as argon2 is for what people
choose, and would cost each request tens of milliseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.errors import StorageError
from storage.models import ApiKey

SCOPES = ("conversations:read", "conversations:write", "tools")
PREFIX = "vbs"
_INTEGRATION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_WRITTEN = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})", re.ASCII)
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; instants are aware UTC. Conversations belong to the `integration`, so that a new key
    of it goes on with them."""

    id: str
    integration: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


def add(integration: str, scopes: Collection[str], *, now: datetime) -> str:
    """A new key, to be written down now: it is not kept. Raises StorageError for a bad name or an unknown scope."""
    if not _INTEGRATION.fullmatch(integration):
        raise StorageError(f"{integration!r} is no name of an integration: small letters, digits and dashes")
    for scope in scopes:
        if scope not in SCOPES:
            raise StorageError(f"unknown scope {scope!r}: one of {', '.join(SCOPES)}")
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    ApiKey.create(
        id=name, integration=integration, digest=_digest(secret), scopes=sorted(scopes), created_at=now
    )
    return f"{PREFIX}_{name}_{secret}"


def could_be(written: str) -> bool:
    """Whether this has the form of a key, so that the store need be asked."""
    return _WRITTEN.fullmatch(written) is not None


def known_by(written: str) -> Key | None:
    """The key in force that was shown; in the same time whatever is wrong with it."""
    match = _WRITTEN.fullmatch(written)
    row: Any = ApiKey.get_or_none(ApiKey.id == match[1]) if match else None
    right = hmac.compare_digest(_digest(match[2] if match else ""), row.digest if row else _NOBODY)
    return _key(row) if row is not None and right and row.revoked_at is None else None


def keys() -> list[Key]:
    """All keys, the oldest first."""
    rows: Any = ApiKey.select().order_by(ApiKey.created_at, ApiKey.id)
    return [_key(row) for row in rows]


def revoke(key_id: str, *, now: datetime) -> None:
    """Accept a key no more; it stays on the list. Raises StorageError when there is none."""
    which = ApiKey.id == key_id
    if not ApiKey.select().where(which).exists():
        raise StorageError(f"there is no key {key_id}: `api-key list` shows them")
    ApiKey.update(revoked_at=now).where(which, ApiKey.revoked_at.is_null()).execute()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Any) -> Key:
    return Key(row.id, row.integration, frozenset(row.scopes), row.created_at, row.revoked_at)
