"""Google Calendar's stand-in by itself, for a server that is tried by hand."""

from __future__ import annotations

import asyncio

from transport.simulation.calendar_emulator import CalendarEmulator


async def emulate(port: int, calendars_known: tuple[str, ...]) -> None:
    """Stand in for Google Calendar until stopped; prints how a server is pointed at it."""
    emulator = CalendarEmulator(calendars=calendars_known)
    await emulator.start(port)
    print(f"export VBS_CALENDAR__BASE_URL={emulator.base_url}")
    print(f"export GOOGLE_CALENDAR_CREDENTIALS='{emulator.credentials}'", flush=True)
    try:
        seen = 0
        while True:
            await asyncio.sleep(0.5)
            for method in emulator.calls[seen:]:
                standing = {calendar: len(emulator.confirmed(calendar)) for calendar in emulator.events}
                print(f"{method}; events: {standing}; problems: {emulator.problems}", flush=True)
            seen = len(emulator.calls)
    finally:
        await emulator.stop()
