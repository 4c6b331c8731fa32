"""Declarative rules: what analysts edit, and what compiles it."""
