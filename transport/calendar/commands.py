"""What `main.py calendar …` says and does: which calendar follows whom, feeds, and what was given up."""

from __future__ import annotations

from datetime import datetime

from storage import calendar_tasks, calendars
from storage.database import Database
from transport.calendar.feed import PREFIX


def show(database: Database) -> int:
    """Print every consultant's calendar and what is open; 1 if something was given up."""
    for each in database.run_blocking(calendars.all_calendars):
        view, told = each.view, each.calendar or "no calendar"
        if view is not None:
            told += f", read {view.read_at:%Y-%m-%d %H:%M:%S} UTC" if view.read_at else ", never read"
            told += f", STALE: {view.error}" if view.stale else ""
        feed = "has a feed" if each.has_feed else "no feed"
        print(f"consultant {each.consultant.id}: {each.consultant.name}: {told}; {feed}")
    for task in database.run_blocking(calendar_tasks.open_tasks):
        error = f", last: {task.error}" if task.error else ""
        print(f"open  {task.id}: {task.action} for {task.consultant}, {task.attempts} tries{error}")
    dead = database.run_blocking(calendar_tasks.dead_letters)
    for task in dead:
        print(
            f"DEAD  {task.id}: {task.action} for {task.consultant}, {task.attempts} tries, last: {task.error}"
        )
    return 1 if dead else 0


def set_calendar(database: Database, consultant: int, calendar: str | None, *, now: datetime) -> int:
    """Let a calendar follow a consultant's bookings, or none."""
    count = database.run_blocking(lambda: calendars.set_calendar(consultant, calendar, now=now))
    if calendar is None:
        print(f"consultant {consultant}: no calendar; what is in the one before stays there")
    else:
        print(f"consultant {consultant}: {calendar}; bookings still to come that it will get: {count}")
    return 0


def feed(database: Database, consultant: int, address: str, *, revoke: bool) -> int:
    """Print a new secret address of a consultant's feed, in place of any before; or take it away."""
    if revoke:
        database.run_blocking(lambda: calendars.revoke_feed(consultant))
        print(f"consultant {consultant}: no feed any more")
        return 0
    token = database.run_blocking(lambda: calendars.new_feed(consultant))
    print(f"{address}{PREFIX}{token}.ics")
    return 0


def retry(database: Database, task: int | None, *, now: datetime) -> int:
    """Try again what was given up: one task, or all."""
    count = database.run_blocking(lambda: calendar_tasks.retry(task, now=now))
    print(f"to be tried again: {count}")
    return 0
