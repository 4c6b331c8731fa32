"""Calendars: what follows bookings in Google's, and what can be subscribed to or saved without it."""
