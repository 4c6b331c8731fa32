"""Resampling and playout of the call audio."""
