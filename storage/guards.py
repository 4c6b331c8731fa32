"""Triggers by which the database itself refuses to change or remove what stands in the journal."""

from __future__ import annotations

from typing import Any

import peewee as pw

# table -> by which columns an entry is known
APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "transitions": ("call_id", "sequence"),
    "journal_checkpoints": ("number",),
    "journal_checkpoint_heads": ("checkpoint", "call_id"),
}

_FUNCTION = """CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
    MESSAGE = 'the journal is append-only: ' || TG_OP || ' of ' || TG_TABLE_NAME || ' is refused';
END $$"""


def protect(database: Any) -> None:
    """Put the triggers on tables that have none yet. Their owner can drop them: that is what checkpoints are for."""
    for statement in statements(on_postgres=isinstance(database, pw.PostgresqlDatabase)):
        database.execute_sql(statement)


def statements(*, on_postgres: bool) -> list[str]:
    """What makes the triggers, in the words of either database."""
    if on_postgres:
        rows = "CREATE TRIGGER {0}_kept BEFORE UPDATE OR DELETE ON {0}"
        whole = "CREATE TRIGGER {0}_kept_whole BEFORE TRUNCATE ON {0}"
        function = "EXECUTE FUNCTION journal_is_append_only()"
        return [
            _FUNCTION,
            *(f"{rows.format(table)} FOR EACH ROW {function}" for table in APPEND_ONLY),
            *(f"{whole.format(table)} FOR EACH STATEMENT {function}" for table in APPEND_ONLY),
        ]
    triggers = []
    for table, key in APPEND_ONLY.items():
        known = " AND ".join(f"{name} = NEW.{name}" for name in key)
        for when, which in (
            ("UPDATE", ""),
            ("DELETE", ""),
            # INSERT OR REPLACE removes rows without asking the trigger for DELETE.
            ("INSERT", f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {known})"),
        ):
            triggers.append(
                f"CREATE TRIGGER {table}_no_{when.lower()} BEFORE {when} ON {table}{which}"
                f" BEGIN SELECT RAISE(ABORT, 'the journal is append-only: {when} of {table} is refused'); END"
            )
    return triggers
