"""Calendars: what else is in them, where bookings are held on line, when they were moved, and the secret feeds."""

from typing import Any

import peewee as pw


def up(migrator: Any, db: Any) -> None:
    """Add the columns and the two tables."""
    columns = [migrator.add_column("consultants", "feed_digest", pw.TextField(null=True))]
    for table in ("consultations", "appointment_bookings"):
        columns.append(migrator.add_column(table, "changed_at", pw.BigIntegerField(null=True)))
        columns.append(migrator.add_column(table, "meet_link", pw.TextField(null=True)))
    migrator.migrate(*columns, migrator.add_index("consultants", ("feed_digest",), unique=True))

    class Table(pw.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Consultant(Table):
        id = pw.AutoField()

        class Meta:
            table_name = "consultants"

    class CalendarView(Table):
        consultant = pw.ForeignKeyField(Consultant, primary_key=True, on_delete="CASCADE")
        read_at = pw.BigIntegerField(null=True)
        failed_at = pw.BigIntegerField(null=True)
        error = pw.TextField(null=True)
        stale = pw.BooleanField()

        class Meta:
            table_name = "calendar_views"

    class BusyTime(Table):
        id = pw.BigAutoField()
        consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="CASCADE")
        start_at = pw.BigIntegerField()
        end_at = pw.BigIntegerField()

        class Meta:
            table_name = "calendar_busy"
            indexes = ((("consultant", "start_at"), False),)
            constraints = (pw.Check("end_at > start_at"),)

    db.create_tables([CalendarView, BusyTime])
    db.execute_sql('CREATE INDEX "calendar_tasks_dead" ON "calendar_outbox" ("event_id") WHERE dead')
