"""Turns that were keyed rather than spoken, and the number to which a consultant's callers are transferred."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Add a column to the turns, and one to the consultants."""
    migrator.migrate(
        migrator.add_column("call_turns", "keyed", pw.BooleanField(default=False)),
        migrator.add_column("consultants", "transfer_number", pw.TextField(null=True)),
    )
