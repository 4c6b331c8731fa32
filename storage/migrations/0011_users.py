"""Who may use the console, who is signed in, and failed tries to."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Consultant(Table):
        id = pw.AutoField()

        class Meta:
            table_name = "consultants"

    class User(Table):
        id = pw.AutoField()
        name = pw.TextField(unique=True)
        password = pw.TextField()
        roles = pw.JSONField()
        consultant = pw.ForeignKeyField(Consultant, null=True, on_delete="RESTRICT")
        created_at = pw.BigIntegerField()
        disabled_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "console_users"

    class UserSession(Table):
        id = pw.AutoField()
        digest = pw.TextField(unique=True)
        user = pw.ForeignKeyField(User, on_delete="CASCADE")
        began_at = pw.BigIntegerField()
        seen_at = pw.BigIntegerField()
        ends_at = pw.BigIntegerField(index=True)
        address = pw.TextField()
        browser = pw.TextField()

        class Meta:
            table_name = "console_sessions"

    class SignInTries(Table):
        subject = pw.TextField(primary_key=True)
        failures = pw.IntegerField()
        last_at = pw.BigIntegerField(index=True)
        not_before = pw.BigIntegerField()

        class Meta:
            table_name = "console_tries"

    class FirstLink(Table):
        digest = pw.TextField(primary_key=True)
        ends_at = pw.BigIntegerField()

        class Meta:
            table_name = "console_first_links"

    db.create_tables([User, UserSession, SignInTries, FirstLink])
