"""What each analysis went by, so that it can be decided again."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Add the rules' version, the evidence and the words to the analyses."""
    migrator.migrate(
        migrator.add_column("call_analyses", "rules", pw.TextField(null=True)),
        migrator.add_column("call_analyses", "evidence", pw.JSONField(null=True)),
        migrator.add_column("call_analyses", "words", pw.JSONField(null=True)),
    )
