"""What each thread wrote last, to tell a commit whose answer was lost from one that was not done."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Create the table of receipts."""

    class CommitReceipt(pw.Model):
        writer = pw.TextField(primary_key=True)
        receipt = pw.TextField()
        left_at = pw.BigIntegerField()

        class Meta:
            database = db
            table_name = "commit_receipts"

    db.create_tables([CommitReceipt])
