"""The booking store: calls, agendas, holds, bookings and the journal, on SQLite or Postgres."""
