"""What can go wrong with the rules."""

from __future__ import annotations


class RulesError(Exception):
    """Base of every error of this package."""
