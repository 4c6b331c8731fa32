"""How a transaction whose COMMIT was not answered is told from one that was not done, on Postgres.

Each thread has a row of its own in which every transaction that writes leaves a receipt. The server's own number of
a transaction would not do: one that is lost in a crash leaves its number to another.
"""

from __future__ import annotations

import uuid
from typing import Any

_KEPT_SECONDS = 24 * 60 * 60

_LEAVE = """
    INSERT INTO commit_receipts (writer, receipt, left_at)
    SELECT %s, %s, extract(epoch FROM now())::bigint WHERE pg_current_xact_id_if_assigned() IS NOT NULL
        ON CONFLICT (writer) DO UPDATE SET receipt = excluded.receipt, left_at = excluded.left_at"""
# Writes the row as it is, so that it waits for a transaction that is still at it.
_READ = """
    INSERT INTO commit_receipts AS known (writer, receipt, left_at) VALUES (%s, '', 0)
        ON CONFLICT (writer) DO UPDATE SET receipt = known.receipt RETURNING receipt"""
_FORGET = "DELETE FROM commit_receipts WHERE left_at < extract(epoch FROM now())::bigint - %s"


def leave(database: Any, writer: str) -> str | None:
    """A receipt of the open transaction; None when it has written nothing."""
    receipt = uuid.uuid4().hex
    return receipt if database.execute_sql(_LEAVE, (writer, receipt)).rowcount else None


def found(database: Any, writer: str, receipt: str) -> bool:
    """Whether the transaction that left `receipt` was committed. Call outside of a transaction.

    Waits for it while the server is still at it; raises peewee.OperationalError when that takes too long.
    """
    return bool(database.execute_sql(_READ, (writer,)).fetchone()[0] == receipt)


def forget_old(database: Any) -> None:
    """Remove the rows of threads that ended long ago."""
    database.execute_sql(_FORGET, (_KEPT_SECONDS,))
