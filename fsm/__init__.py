"""The booking machine, its guards, and the listener that records transitions."""
