"""What the pages read by: what came of each call, callbacks that are due, the journal's fields, and long work.
Frozen: later changes go into later files."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee as pw

FIELDS = ("event", "rule", "guard", "outcome", "refusal")
OUTCOMES = {"prenota": "creato", "sposta": "spostato", "disdici": "disdetto"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

INDEXES = (
    ("calls_by_start", "voice_calls", ("started_at", "id"), ""),
    ("calls_of_consultant", "voice_calls", ("consultant_id", "started_at", "id"), ""),
    ("calls_by_outcome", "voice_calls", ("outcome", "started_at", "id"), ""),
    ("calls_of_booking", "voice_calls", ("booking_id",), ""),
    ("calls_to_call_back", "voice_calls", ("started_at", "id"), "callback_due"),
    ("calls_cut_short", "voice_calls", ("started_at", "id"), "interrupted"),
    ("calls_from", "voice_calls", ("caller_number", "started_at"), "direction = 'inbound'"),
    ("calls_to", "voice_calls", ("dialled_number", "started_at"), "direction = 'outbound'"),
    ("calls_by_stage", "booking_extraction_state", ("stage", "voice_call_id"), ""),
    (
        "entries_by_time",
        "transitions",
        ("recorded_at", "call_id", "sequence", "event", "target", "rule", "guard", "refusal", "notices"),
        "",
    ),
    ("entries_by_rule", "transitions", ("rule", "recorded_at"), ""),
    ("entries_by_outcome", "transitions", ("outcome", "recorded_at"), ""),
    ("entries_by_guard", "transitions", ("guard", "recorded_at"), "guard IS NOT NULL"),
)


def up(migrator: Any, db: Any) -> None:
    """Add the columns, fill them from what is there, and make the indexes."""
    on_postgres = isinstance(db, pw.PostgresqlDatabase)
    if on_postgres:
        db.execute_sql("SET LOCAL statement_timeout = 0")  # that limit is meant for calls
    migrator.migrate(
        migrator.add_column("voice_calls", "outcome", pw.TextField(null=True)),
        migrator.add_column("voice_calls", "booking_id", pw.TextField(null=True)),
        migrator.add_column("voice_calls", "callback_due", pw.BooleanField(null=True)),
        migrator.add_column("voice_calls", "callback_at", pw.BigIntegerField(null=True)),
        migrator.add_column("voice_calls", "callback_by", pw.TextField(null=True)),
        migrator.add_column("transitions", "recorded_at", pw.BigIntegerField(null=True)),
        migrator.add_column("transitions", "event", pw.TextField(null=True)),
        migrator.add_column("transitions", "target", pw.TextField(null=True)),
        migrator.add_column("transitions", "rule", pw.TextField(null=True)),
        migrator.add_column("transitions", "guard", pw.TextField(null=True)),
        migrator.add_column("transitions", "outcome", pw.TextField(null=True)),
        migrator.add_column("transitions", "refusal", pw.TextField(null=True)),
        migrator.add_column("transitions", "notices", pw.TextField(null=True)),
    )
    _make_jobs(db)
    place = "%s" if on_postgres else "?"
    _fill_calls(db, place)
    _unlock(db, on_postgres)
    _fill_entries(db, place)
    _lock(db, on_postgres)
    for name in _replaced(db):
        db.execute_sql(f'DROP INDEX "{name}"')
    for name, table, columns, which in INDEXES:
        by = ", ".join(f'"{column}"' for column in columns)
        db.execute_sql(f'CREATE INDEX "{name}" ON "{table}" ({by})' + f" WHERE {which}" * bool(which))


def _make_jobs(db: Any) -> None:
    class ConsoleJob(pw.Model):
        id = pw.TextField(primary_key=True)
        kind = pw.TextField()
        asked_by = pw.TextField()
        started_at = pw.BigIntegerField()
        updated_at = pw.BigIntegerField()
        seen = pw.IntegerField()
        total = pw.IntegerField(null=True)
        finished_at = pw.BigIntegerField(null=True)
        result = pw.JSONField(null=True)
        error = pw.TextField(null=True)

        class Meta:
            database = db
            table_name = "console_jobs"
            legacy_table_names = False
            indexes = ((("kind", "started_at"), False),)

    db.create_tables([ConsoleJob])


def _fill_calls(db: Any, place: str) -> None:
    in_force = dict(db.execute_sql("SELECT voice_call_id, booking_id FROM call_bookings").fetchall())
    made: dict[str, str] = {}
    for table in ("consultations", "appointment_bookings"):
        made |= db.execute_sql(
            f"SELECT voice_call_id, id FROM {table} WHERE voice_call_id IS NOT NULL ORDER BY created_at"
        ).fetchall()
    rows = db.execute_sql(
        "SELECT v.id, v.metadata, s.stage, s.task FROM voice_calls v"
        " LEFT JOIN booking_extraction_state s ON s.conversation = v.id"
    ).fetchall()
    for call, told, stage, task in rows:
        metadata = json.loads(told) if isinstance(told, str) else told or {}
        booking = metadata.get("bookingId") or in_force.get(call) or made.get(call)
        outcome = OUTCOMES["prenota"] if call in in_force else OUTCOMES["disdici"] if call in made else None
        if stage == "completato" and task in ("sposta", "disdici"):
            outcome = OUTCOMES[task]
        due = True if metadata.get("callbackRequested") else None
        if outcome or due or booking:
            db.execute_sql(
                f"UPDATE voice_calls SET outcome = {place}, booking_id = {place}, callback_due = {place}"
                f" WHERE id = {place}",
                (outcome, booking, due, call),
            )


def _fill_entries(db: Any, place: str) -> None:
    columns = ("recorded_at", "target", "notices", *FIELDS)
    assigned = ", ".join(f"{name} = {place}" for name in columns)
    for (call,) in db.execute_sql("SELECT call_id FROM journal_heads").fetchall():
        rows = db.execute_sql(
            f"SELECT sequence, body FROM transitions WHERE call_id = {place}", (call,)
        ).fetchall()
        for sequence, body in rows:
            try:
                content = json.loads(body)
                recorded = datetime.fromisoformat(content["recorded_at"])
                told = content["entry"]
                values = (
                    (recorded - EPOCH) // timedelta(milliseconds=1),
                    told.get("to"),
                    " ".join(told.get("notices") or ()) or None,
                    *(told.get(name) if isinstance(told.get(name), str) else None for name in FIELDS),
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # tampered with: that is for `journal verify` to see
            db.execute_sql(
                f"UPDATE transitions SET {assigned} WHERE call_id = {place} AND sequence = {place}",
                (*values, call, sequence),
            )


def _unlock(db: Any, on_postgres: bool) -> None:
    name = "transitions_kept ON transitions" if on_postgres else "transitions_no_update"
    db.execute_sql(f"DROP TRIGGER {name}")


def _lock(db: Any, on_postgres: bool) -> None:
    if on_postgres:
        db.execute_sql(
            "CREATE TRIGGER transitions_kept BEFORE UPDATE OR DELETE ON transitions"
            " FOR EACH ROW EXECUTE FUNCTION journal_is_append_only()"
        )
    else:
        db.execute_sql(
            "CREATE TRIGGER transitions_no_update BEFORE UPDATE ON transitions"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only: UPDATE of transitions is refused'); END"
        )


def _replaced(db: Any) -> list[str]:
    """The indexes that the new ones begin with."""
    columns = (["started_at"], ["consultant_id"])
    return [each.name for each in db.get_indexes("voice_calls") if list(each.columns) in columns]
