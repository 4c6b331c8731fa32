"""The bodies of `api-key add`, `list` and `revoke`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage import api_keys
from storage.database import Database


def add(database: Database, integration: str, scopes: Sequence[str], now: datetime) -> int:
    """Print a new key, this once."""
    wanted = scopes or api_keys.SCOPES
    print(database.run_blocking(lambda: api_keys.add(integration, wanted, now=now)))
    return 0


def show(database: Database) -> int:
    """Print all keys, without their secrets."""
    for key in database.run_blocking(api_keys.keys):
        since = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "in force"
        print(
            f"{key.id}  {key.integration}  {','.join(sorted(key.scopes))}  {since}  made {key.created_at:%Y-%m-%d}"
        )
    return 0


def revoke(database: Database, key_id: str, now: datetime) -> int:
    """Accept a key no more."""
    database.run_blocking(lambda: api_keys.revoke(key_id, now=now))
    return 0
