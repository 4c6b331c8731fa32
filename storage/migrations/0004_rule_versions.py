"""Versions of the rules, with their texts, and since when each is in force."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Create both tables."""

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class RuleVersion(Table):
        id = pw.TextField(primary_key=True)
        files = pw.JSONField()
        author = pw.TextField(null=True)

        class Meta:
            table_name = "rule_versions"

    class RuleChange(Table):
        version = pw.ForeignKeyField(RuleVersion, index=False, on_delete="RESTRICT")
        in_force_at = pw.BigIntegerField()

        class Meta:
            table_name = "rule_changes"

    db.create_tables([RuleVersion, RuleChange])
