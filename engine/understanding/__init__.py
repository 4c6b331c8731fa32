"""Words to values and acts: pure functions, one file a subject."""
