"""The first schema. Frozen: later changes go into later files."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Create every table."""

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Consultant(Table):
        name = pw.TextField()
        zone = pw.TextField()
        country = pw.TextField()
        region = pw.TextField(null=True)

        class Meta:
            table_name = "consultants"

    class Client(Table):
        name = pw.TextField()
        phone = pw.TextField(unique=True)
        email = pw.TextField(null=True)
        consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")

        class Meta:
            table_name = "clients"

    class AvailabilitySettings(Table):
        consultant = pw.ForeignKeyField(Consultant, primary_key=True, on_delete="CASCADE")
        default_minutes = pw.IntegerField()
        allowed_minutes = pw.JSONField()
        grid_minutes = pw.IntegerField()
        buffer_before_minutes = pw.IntegerField()
        buffer_after_minutes = pw.IntegerField()
        lead_minutes = pw.IntegerField()
        horizon_days = pw.IntegerField()
        weekly_hours = pw.JSONField()
        published_starts_only = pw.BooleanField()

        class Meta:
            table_name = "consultant_availability_settings"

    class AvailabilityException(Table):
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="CASCADE")
        kind = pw.TextField()
        start_at = pw.BigIntegerField()
        end_at = pw.BigIntegerField(null=True)
        note = pw.TextField(null=True)

        class Meta:
            table_name = "availability_exceptions"
            indexes = ((("consultant", "start_at"), False),)
            constraints = (
                pw.Check(
                    "(kind IN ('closed', 'open') AND end_at > start_at)"
                    " OR (kind = 'start' AND end_at IS NULL)"
                ),
            )

    class ScheduledCall(Table):
        id = pw.TextField(primary_key=True)
        consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")
        target_number = pw.TextField()
        client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
        due_at = pw.BigIntegerField()
        purpose = pw.TextField(null=True)

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
        stage = pw.TextField()
        task = pw.TextField(null=True)
        last_analysis = pw.IntegerField()
        last_turn = pw.IntegerField()
        state = pw.JSONField(null=True)
        details = pw.JSONField(column_name="metadata")

        class Meta:
            table_name = "voice_calls"

    class CallTurn(Table):
        call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="CASCADE")
        number = pw.IntegerField()
        speaker = pw.TextField()
        text = pw.TextField()
        heard = pw.TextField(null=True)
        began_at = pw.BigIntegerField(null=True)
        ended_at = pw.BigIntegerField(null=True)
        played = pw.JSONField()

        class Meta:
            table_name = "call_turns"
            primary_key = pw.CompositeKey("call", "number")

    class CallAnalysis(Table):
        call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="CASCADE")
        number = pw.IntegerField()
        recorded_at = pw.BigIntegerField()
        last_turn = pw.IntegerField()
        facts = pw.JSONField()
        availability = pw.JSONField(null=True)

        class Meta:
            table_name = "call_analyses"
            primary_key = pw.CompositeKey("call", "number")

    class Transition(Table):
        call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="RESTRICT")
        sequence = pw.IntegerField()
        body = pw.TextField()
        previous_hash = pw.TextField()
        hash = pw.TextField()

        class Meta:
            table_name = "transitions"
            primary_key = pw.CompositeKey("call", "sequence")

    class PendingBooking(Table):
        token = pw.TextField(primary_key=True)
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
        conversation = pw.TextField()
        client = pw.ForeignKeyField(Client, null=True, on_delete="RESTRICT")
        start_at = pw.BigIntegerField()
        minutes = pw.IntegerField()
        status = pw.TextField()
        created_at = pw.BigIntegerField()
        expires_at = pw.BigIntegerField()
        confirmed_at = pw.BigIntegerField(null=True)
        booking_kind = pw.TextField(null=True)
        booking_id = pw.TextField(null=True)
        moving_kind = pw.TextField(null=True)
        moving_id = pw.TextField(null=True)

        class Meta:
            table_name = "pending_bookings"
            constraints = (
                pw.Check("status IN ('awaiting_confirm', 'confirmed', 'expired', 'cancelled')"),
                pw.Check("(status = 'confirmed') = (booking_id IS NOT NULL)"),
                pw.Check("(booking_id IS NULL) = (booking_kind IS NULL)"),
                pw.Check("minutes > 0"),
            )

    class Consultation(Table):
        id = pw.TextField(primary_key=True)
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
        client = pw.ForeignKeyField(Client, on_delete="RESTRICT")
        start_at = pw.BigIntegerField()
        minutes = pw.IntegerField()
        status = pw.TextField()
        source = pw.TextField()
        voice_call = pw.ForeignKeyField(VoiceCall, null=True, index=False, on_delete="SET NULL")
        notes = pw.TextField(null=True)
        created_at = pw.BigIntegerField()
        cancelled_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "consultations"
            constraints = (pw.Check("status IN ('confirmed', 'cancelled')"), pw.Check("minutes > 0"))

    class AppointmentBooking(Table):
        id = pw.TextField(primary_key=True)
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
        name = pw.TextField(null=True)
        phone = pw.TextField(index=True)
        email = pw.TextField()
        start_at = pw.BigIntegerField()
        minutes = pw.IntegerField()
        status = pw.TextField()
        source = pw.TextField()
        voice_call = pw.ForeignKeyField(VoiceCall, null=True, index=False, on_delete="SET NULL")
        notes = pw.TextField(null=True)
        created_at = pw.BigIntegerField()
        cancelled_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "appointment_bookings"
            constraints = (
                pw.Check("status IN ('confirmed', 'cancelled')"),
                pw.Check("minutes > 0"),
                pw.Check("source IN ('whatsapp', 'public_link', 'instagram', 'public_page', 'voice_call')"),
            )

    class SlotLock(Table):
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
        cell = pw.IntegerField()
        hold = pw.ForeignKeyField(PendingBooking, null=True, on_delete="RESTRICT")
        consultation = pw.ForeignKeyField(Consultation, null=True, on_delete="RESTRICT")
        appointment = pw.ForeignKeyField(AppointmentBooking, null=True, on_delete="RESTRICT")

        class Meta:
            table_name = "slot_locks"
            primary_key = pw.CompositeKey("consultant", "cell")
            constraints = (
                pw.Check(
                    "(CASE WHEN hold_id IS NULL THEN 0 ELSE 1 END)"
                    " + (CASE WHEN consultation_id IS NULL THEN 0 ELSE 1 END)"
                    " + (CASE WHEN appointment_id IS NULL THEN 0 ELSE 1 END) = 1"
                ),
            )

    def unique_where(model: Any, name: str, status: str, *fields: Any) -> None:
        model.add_index(*fields, unique=True, name=name, where=pw.SQL(f"status = '{status}'"))

    hold = PendingBooking
    unique_where(hold, "one_hold_a_start", "awaiting_confirm", hold.consultant, hold.start_at)
    unique_where(hold, "one_hold_a_conversation", "awaiting_confirm", hold.conversation)
    hold.add_index(hold.expires_at, name="holds_awaiting", where=pw.SQL("status = 'awaiting_confirm'"))
    for booking, name in ((Consultation, "consultation"), (AppointmentBooking, "appointment")):
        unique_where(booking, f"one_{name}_a_start", "confirmed", booking.consultant, booking.start_at)
        unique_where(booking, f"one_{name}_a_call", "confirmed", booking.voice_call)

    db.create_tables(
        [
            Consultant,
            Client,
            AvailabilitySettings,
            AvailabilityException,
            ScheduledCall,
            VoiceCall,
            CallTurn,
            CallAnalysis,
            Transition,
            PendingBooking,
            Consultation,
            AppointmentBooking,
            SlotLock,
        ]
    )
