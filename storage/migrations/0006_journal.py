"""The journal cannot be changed any more, is signed, and knows personal values by digests alone. Frozen: later changes
go into later files."""

from typing import Any

import peewee as pw

APPEND_ONLY = {
    "transitions": "call_id = NEW.call_id AND sequence = NEW.sequence",
    "journal_checkpoints": "number = NEW.number",
    "journal_checkpoint_heads": "checkpoint = NEW.checkpoint AND call_id = NEW.call_id",
}

FUNCTION = """CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
    MESSAGE = 'the journal is append-only: ' || TG_OP || ' of ' || TG_TABLE_NAME || ' is refused';
END $$"""


def up(migrator: Any, db: Any) -> None:
    """Create the new tables, note where the chains stand, and put the triggers on."""
    on_postgres = isinstance(db, pw.PostgresqlDatabase)

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class VoiceCall(Table):
        id = pw.TextField(primary_key=True)

        class Meta:
            table_name = "voice_calls"

    class JournalHead(Table):
        call = pw.ForeignKeyField(VoiceCall, primary_key=True, on_delete="RESTRICT")
        sequence = pw.IntegerField()
        hash = pw.TextField()
        covered = pw.IntegerField()

        class Meta:
            table_name = "journal_heads"

    class Checkpoint(Table):
        number = pw.IntegerField(primary_key=True)
        body = pw.TextField()
        hash = pw.TextField()
        signature = pw.TextField()

        class Meta:
            table_name = "journal_checkpoints"

    class CheckpointHead(Table):
        checkpoint = pw.IntegerField()
        call = pw.TextField(column_name="call_id")
        sequence = pw.IntegerField()
        hash = pw.TextField()

        class Meta:
            table_name = "journal_checkpoint_heads"
            primary_key = pw.CompositeKey("checkpoint", "call")
            indexes = ((("call", "sequence"), False),)

    class PersonalValue(Table):
        call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="CASCADE")
        digest = pw.TextField()
        kind = pw.TextField()
        value = pw.TextField()
        salt = pw.TextField()

        class Meta:
            table_name = "personal_values"
            primary_key = pw.CompositeKey("call", "digest")

    JournalHead.add_index(JournalHead.call, name="chains_not_covered", where=pw.SQL("sequence > covered"))
    db.create_tables([JournalHead, Checkpoint, CheckpointHead, PersonalValue])
    if on_postgres:
        db.execute_sql("SET LOCAL statement_timeout = 0")  # that limit is meant for calls
    db.execute_sql(
        "INSERT INTO journal_heads (call_id, sequence, hash, covered)"
        " SELECT t.call_id, t.sequence, t.hash, 0 FROM transitions t JOIN"
        " (SELECT call_id, max(sequence) AS last FROM transitions GROUP BY call_id) heads"
        " ON heads.call_id = t.call_id AND heads.last = t.sequence"
    )
    if on_postgres:
        db.execute_sql(FUNCTION)
    for table, known in APPEND_ONLY.items():
        for statement in (
            _on_postgres(table) if isinstance(db, pw.PostgresqlDatabase) else _on_sqlite(table, known)
        ):
            db.execute_sql(statement)


def _on_postgres(table: str) -> list[str]:
    function = "EXECUTE FUNCTION journal_is_append_only()"
    return [
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {function}",
        f"CREATE TRIGGER {table}_kept_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {function}",
    ]


def _on_sqlite(table: str, known: str) -> list[str]:
    asked = {"UPDATE": "", "DELETE": "", "INSERT": f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {known})"}
    return [
        f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table}{which}"
        f" BEGIN SELECT RAISE(ABORT, 'the journal is append-only: {when} of {table} is refused'); END"
        for when, which in asked.items()
    ]
