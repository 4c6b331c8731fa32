"""Conversations get tables of their own (state and offers), calls a server that answers for them and one key for
their booking, and changes of bookings a way to calendars. Frozen: later changes go into later files."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import peewee as pw

MOVED = ("stage", "task", "last_analysis", "last_turn", "state")


def up(migrator: Any, db: Any) -> None:
    """Create the new tables, move what they take over, and give the old ones their new shape."""

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Consultant(Table):
        zone = pw.TextField()

        class Meta:
            table_name = "consultants"

    class Client(Table):
        class Meta:
            table_name = "clients"

    class ScheduledCall(Table):
        id = pw.TextField(primary_key=True)

        class Meta:
            table_name = "scheduled_calls"

    class VoiceCall(Table):
        id = pw.TextField(primary_key=True)
        bridge_call_id = pw.TextField(index=True)
        consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")
        direction = pw.TextField()
        caller_number = pw.TextField(null=True)
        dialled_number = pw.TextField(null=True)
        client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
        scheduled_call = pw.ForeignKeyField(ScheduledCall, null=True, on_delete="SET NULL")
        started_at = pw.BigIntegerField(index=True)
        ended_at = pw.BigIntegerField(null=True)
        end_reason = pw.TextField(null=True)
        interrupted = pw.BooleanField()
        details = pw.JSONField(column_name="metadata")
        server = pw.TextField(null=True)
        lease_until = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "voice_calls"

    class ExtractionState(Table):
        conversation = pw.TextField(primary_key=True)
        voice_call = pw.ForeignKeyField(VoiceCall, null=True, unique=True, on_delete="CASCADE")
        stage = pw.TextField()
        task = pw.TextField(null=True)
        last_analysis = pw.IntegerField()
        last_turn = pw.IntegerField()
        state = pw.JSONField(null=True)
        updated_at = pw.BigIntegerField()

        class Meta:
            table_name = "booking_extraction_state"
            constraints = (pw.Check("voice_call_id IS NULL OR voice_call_id = conversation"),)

    class ProposedSlot(Table):
        conversation = pw.TextField()
        position = pw.IntegerField()
        start_at = pw.BigIntegerField()
        minutes = pw.IntegerField()
        offered_at = pw.BigIntegerField()
        turn = pw.IntegerField()

        class Meta:
            table_name = "proposed_appointment_slots"
            primary_key = pw.CompositeKey("conversation", "position")
            constraints = (pw.Check("position > 0"), pw.Check("minutes > 0"))

    class CallBooking(Table):
        voice_call = pw.ForeignKeyField(VoiceCall, primary_key=True, on_delete="CASCADE")
        booking_kind = pw.TextField()
        booking_id = pw.TextField()

        class Meta:
            table_name = "call_bookings"
            constraints = (pw.Check("booking_kind IN ('consultation', 'appointment')"),)

    class CalendarTask(Table):
        id = pw.BigAutoField()
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
        booking_kind = pw.TextField()
        booking_id = pw.TextField()
        action = pw.TextField()
        event_id = pw.TextField()
        created_at = pw.BigIntegerField()
        not_before = pw.BigIntegerField()
        attempts = pw.IntegerField()
        leased_until = pw.BigIntegerField(null=True)
        lease_owner = pw.TextField(null=True)
        done_at = pw.BigIntegerField(null=True)
        last_error = pw.TextField(null=True)
        dead = pw.BooleanField()

        class Meta:
            table_name = "calendar_outbox"
            constraints = (
                pw.Check("action IN ('create', 'update', 'delete')"),
                pw.Check("booking_kind IN ('consultation', 'appointment')"),
                pw.Check("(leased_until IS NULL) = (lease_owner IS NULL)"),
                pw.Check("attempts >= 0"),
            )

    task = CalendarTask
    task.add_index(
        task.consultant, task.id, name="calendar_tasks_open", where=pw.SQL("done_at IS NULL AND NOT dead")
    )
    db.create_tables([ExtractionState, ProposedSlot, CallBooking, CalendarTask])

    if isinstance(db, pw.PostgresqlDatabase):
        migrator.migrate(migrator.sql("SET LOCAL statement_timeout = 0"))  # that limit is meant for calls
    columns = ", ".join(MOVED)
    db.execute_sql(
        f"INSERT INTO booking_extraction_state (conversation, voice_call_id, updated_at, {columns})"
        f" SELECT id, id, coalesce(ended_at, started_at), {columns} FROM voice_calls"
    )
    _move_offers(db, ExtractionState, ProposedSlot)
    for kind, table in (("consultation", "consultations"), ("appointment", "appointment_bookings")):
        db.execute_sql(
            "INSERT INTO call_bookings (voice_call_id, booking_kind, booking_id)"
            f" SELECT voice_call_id, '{kind}', id FROM {table}"
            " WHERE status = 'confirmed' AND voice_call_id IS NOT NULL ON CONFLICT DO NOTHING"
        )

    migrator.migrate(migrator.add_column("consultants", "calendar", pw.TextField(null=True)))
    if isinstance(db, pw.SqliteDatabase):
        _rebuild(migrator, db, VoiceCall)
    else:
        migrator.migrate(
            *(migrator.drop_column("voice_calls", name) for name in MOVED),
            migrator.add_column("voice_calls", "server", pw.TextField(null=True)),
            migrator.add_column("voice_calls", "lease_until", pw.BigIntegerField(null=True)),
        )
    db.execute(VoiceCall.index(VoiceCall.lease_until, name="calls_open", where=pw.SQL("ended_at IS NULL")))


def _rebuild(migrator: Any, db: Any, model: Any) -> None:
    """SQLite's own way to a new shape: it puts new columns behind the constraints, where a new table has none."""
    name = model._meta.table_name
    kept = ", ".join(known.name for known in db.get_columns(name) if known.name not in MOVED)
    model._meta.set_table_name(f"{name}_new")
    model._schema.create_table(safe=False)
    db.execute_sql(f"INSERT INTO {name}_new ({kept}) SELECT {kept} FROM {name}")
    migrator.migrate(migrator.drop_table(name), migrator.rename_table(f"{name}_new", name))
    model._meta.set_table_name(name)
    model._schema.create_indexes(safe=False)


def _move_offers(db: Any, states: Any, slots: Any) -> None:
    """The slots last offered stood in the state, as local times."""
    agendas = db.execute_sql(
        "SELECT v.id, c.zone, s.default_minutes FROM voice_calls v JOIN consultants c ON c.id = v.consultant_id"
        " LEFT JOIN consultant_availability_settings s ON s.consultant_id = c.id"
    )
    known = {call_id: (ZoneInfo(zone), minutes or 60) for call_id, zone, minutes in agendas.fetchall()}
    for row in states.select().where(states.state.is_null(False)):
        held = dict(row.state)
        zone, minutes = known[row.conversation]
        minutes = (held.get("details") or {}).get("minutes") or minutes
        offers = [
            {
                "conversation": row.conversation,
                "position": position,
                "start_at": _instant(slot, zone),
                "minutes": minutes,
                "offered_at": row.updated_at,
                "turn": row.last_turn,
            }
            for position, slot in enumerate(held.pop("offered", ()), start=1)
        ]
        if offers:
            slots.insert_many(offers).execute()
        states.update(state=held).where(states.conversation == row.conversation).execute()


def _instant(slot: dict[str, str], zone: ZoneInfo) -> int:
    local = datetime.fromisoformat(f"{slot['day']}T{slot['at']}").replace(tzinfo=zone)
    return int(local.astimezone(UTC).timestamp())
