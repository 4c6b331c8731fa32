"""A call can change hands: who has it last alone may write for it, and its bridge may come back to it."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Add to the calls who took them how often, how their line stands, and what the model goes on with."""
    # At once with its default: peewee would rebuild the whole table for it on SQLite.
    db.execute_sql('ALTER TABLE voice_calls ADD COLUMN "epoch" INTEGER NOT NULL DEFAULT 1')
    migrator.migrate(
        *(
            migrator.add_column("voice_calls", name, pw.BigIntegerField(null=True))
            for name in ("lost_at", "wanted_at", "hung_up_at")
        ),
        migrator.add_column("voice_calls", "handle", pw.TextField(null=True)),
    )
