"""Chats, their messages and the keys of those who bring them; the journal follows conversations instead of calls alone,
and bookings may come by chat. Frozen: later changes go into later files."""

from typing import Any

import peewee as pw

JOURNAL = {"transitions": "RESTRICT", "journal_heads": "RESTRICT", "personal_values": "CASCADE"}
SOURCES = "source IN ('whatsapp', 'public_link', 'instagram', 'public_page', 'voice_call')"
MORE_SOURCES = "source IN ('whatsapp', 'public_link', 'instagram', 'public_page', 'voice_call', 'chat')"


def up(migrator: Any, db: Any) -> None:
    """Create the new tables, and let the old ones refer to conversations and know one more source."""

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Consultant(Table):
        class Meta:
            table_name = "consultants"

    class Client(Table):
        class Meta:
            table_name = "clients"

    class ApiKey(Table):
        id = pw.TextField(primary_key=True)
        integration = pw.TextField()
        digest = pw.TextField()
        scopes = pw.JSONField()
        created_at = pw.BigIntegerField()
        revoked_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "api_keys"

    class Chat(Table):
        id = pw.TextField(primary_key=True)
        integration = pw.TextField()
        external = pw.TextField()
        consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")
        client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
        source = pw.TextField()
        led_by = pw.TextField(null=True)
        started_at = pw.BigIntegerField()
        last_at = pw.BigIntegerField(index=True)
        anew_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "chats"
            indexes = ((("integration", "external"), True),)
            constraints = (
                pw.Check("source IN ('whatsapp', 'public_link', 'instagram', 'chat')"),
                pw.Check("led_by IN ('supervisor', 'tools')"),
            )

    class ChatMessage(Table):
        chat = pw.ForeignKeyField(Chat, index=False, on_delete="CASCADE")
        number = pw.IntegerField()
        message = pw.TextField()
        role = pw.TextField()
        text = pw.TextField()
        at = pw.BigIntegerField()
        received_at = pw.BigIntegerField()
        analysis = pw.IntegerField(null=True)

        class Meta:
            table_name = "chat_messages"
            primary_key = pw.CompositeKey("chat", "number")
            indexes = ((("chat", "message"), True),)
            constraints = (pw.Check("role IN ('caller', 'assistant')"),)

    class ChatAnalysis(Table):
        chat = pw.ForeignKeyField(Chat, index=False, on_delete="CASCADE")
        number = pw.IntegerField()
        before = pw.JSONField()
        notices = pw.JSONField()
        wrote = pw.BooleanField()

        class Meta:
            table_name = "chat_analyses"
            primary_key = pw.CompositeKey("chat", "number")

    db.create_tables([ApiKey, Chat, ChatMessage, ChatAnalysis])
    if isinstance(db, pw.PostgresqlDatabase):
        _on_postgres(db)
    else:
        _on_sqlite(db)


def _on_postgres(db: Any) -> None:
    db.execute_sql("SET LOCAL statement_timeout = 0")  # that limit is meant for calls
    for table, on_delete in JOURNAL.items():
        _drop(db, table, "contype = 'f'")
        db.execute_sql(
            f"ALTER TABLE {table} ADD FOREIGN KEY (call_id)"
            f" REFERENCES booking_extraction_state (conversation) ON DELETE {on_delete}"
        )
    _drop(db, "appointment_bookings", "contype = 'c' AND pg_get_constraintdef(oid) LIKE '%%public_link%%'")
    db.execute_sql(f"ALTER TABLE appointment_bookings ADD CHECK ({MORE_SOURCES})")


def _drop(db: Any, table: str, which: str) -> None:
    """Drop the constraints of a table that are `which`."""
    found = db.execute_sql(
        f"SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND {which}"
    )
    for (name,) in found.fetchall():
        db.execute_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def _on_sqlite(db: Any) -> None:
    """In the words of the schema alone, as SQLite's documents have it: no row changes its form."""
    calls, conversations = '"voice_calls" ("id")', '"booking_extraction_state" ("conversation")'
    changes = [(table, calls, conversations) for table in JOURNAL]
    changes.append(("appointment_bookings", SOURCES, MORE_SOURCES))
    (version,) = db.execute_sql("PRAGMA schema_version").fetchone()
    db.execute_sql("PRAGMA writable_schema = ON")
    try:
        for table, old, new in changes:
            words = "type = 'table' AND name = ? AND instr(sql, ?) > 0"
            changed = db.execute_sql(
                f"UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE {words}", (old, new, table, old)
            )
            if changed.rowcount != 1:  # another server has just done this
                raise pw.OperationalError(f"{table} is not as earlier migrations leave it: no {old}")
        db.execute_sql(f"PRAGMA schema_version = {version + 1}")
    finally:
        db.execute_sql("PRAGMA writable_schema = RESET")
